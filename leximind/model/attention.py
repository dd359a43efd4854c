"""One attention: self or cross, causal or not, grouped-query, cached or not.

The cache is an argument of the same forward; there is no second body for incremental decoding.
"""

import math
from dataclasses import dataclass, field

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from leximind.model.config import StackConfig
from leximind.model.position import rotate


@dataclass
class LayerCache:
    """Keys and values (B, Hkv, T, d_head) of one block: its own past, and the encoder's output."""

    own: tuple[Tensor, Tensor] | None = None
    memory: tuple[Tensor, Tensor] | None = None

    def extend(self, keys: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
        """Append to the past and return all of it."""
        if self.own is not None:
            keys = torch.cat((self.own[0], keys), dim=2)
            values = torch.cat((self.own[1], values), dim=2)
        self.own = keys, values
        return keys, values

    def reorder(self, rows: Tensor, *, memory: bool = True) -> None:
        """Keep the batch rows `rows` (B',), in that order: beam search, removal of finished rows.

        `memory` says whether the encoder's keys and values must follow.
        """
        if self.own is not None:
            self.own = self.own[0][rows], self.own[1][rows]
        if memory and self.memory is not None:
            self.memory = self.memory[0][rows], self.memory[1][rows]


@dataclass
class KVCache:
    """The caches of a stack, with the number of positions already seen."""

    layers: list[LayerCache]
    length: int = field(default=0)

    @classmethod
    def empty(cls, n_layers: int) -> "KVCache":
        return cls([LayerCache() for _ in range(n_layers)])

    def reorder(self, rows: Tensor, *, memory: bool = True) -> None:
        """As in `LayerCache.reorder`, in every block."""
        for layer in self.layers:
            layer.reorder(rows, memory=memory)


class Attention(nn.Module):
    """Multi-head attention (Vaswani et al., 2017) with optional grouped keys and values."""

    def __init__(self, config: StackConfig) -> None:
        super().__init__()
        self.n_heads, self.n_kv_heads, self.d_head = config.n_heads, config.n_kv_heads, config.d_head
        self.scale = 1.0 / math.sqrt(config.d_head) if config.scale_attention else 1.0
        self.dropout = config.dropout
        d_query, d_kv = config.n_heads * config.d_head, config.n_kv_heads * config.d_head
        self.q = nn.Linear(config.d_model, d_query, bias=config.bias)
        self.k = nn.Linear(config.d_model, d_kv, bias=config.bias)
        self.v = nn.Linear(config.d_model, d_kv, bias=config.bias)
        self.o = nn.Linear(d_query, config.d_model, bias=config.bias)

    def forward(
        self,
        x: Tensor,
        *,
        memory: Tensor | None = None,
        mask: Tensor | None = None,
        angles: tuple[Tensor, Tensor] | None = None,
        cache: LayerCache | None = None,
    ) -> Tensor:
        """Attend from `x` (B, Tq, D) to itself, or to `memory` (B, Tk, D).

        Args:
            mask: added to the scores; broadcasts to (B, H, Tq, Tk).
            angles: rotary cosines and sines for the positions of `x`.
            cache: past keys and values, extended in place; the memory's are computed once.
        """
        queries = self._split(self.q(x), self.n_heads)
        if memory is not None and cache is not None and cache.memory is not None:
            keys, values = cache.memory
        else:
            source = x if memory is None else memory
            keys = self._split(self.k(source), self.n_kv_heads)
            values = self._split(self.v(source), self.n_kv_heads)
        if angles is not None:
            queries, keys = rotate(queries, angles), rotate(keys, angles)
        if cache is not None:
            if memory is None:
                keys, values = cache.extend(keys, values)
            else:
                cache.memory = keys, values
        mixed = F.scaled_dot_product_attention(
            queries, keys, values, attn_mask=mask, scale=self.scale,
            dropout_p=self.dropout if self.training else 0.0, enable_gqa=self.n_kv_heads != self.n_heads,
        )  # fmt: skip
        return self.o(mixed.transpose(1, 2).flatten(2))  # type: ignore[no-any-return]

    def _split(self, x: Tensor, n_heads: int) -> Tensor:
        return x.view(*x.shape[:2], n_heads, self.d_head).transpose(1, 2)


# What is added to the score of a place that may not be seen: exp of it is 0 in every float type, and two of
# them still fit into fp16. Not -inf: a row with nothing to attend to then stays finite.
BLOCKED = -3e4


def padding_mask(attention_mask: Tensor, dtype: torch.dtype) -> Tensor:
    """(B, Tk) of ones and zeros to an additive mask (B, 1, 1, Tk)."""
    return torch.where(attention_mask.bool(), 0.0, BLOCKED).to(dtype)[:, None, None, :]


def causal_mask(n_queries: int, n_keys: int, dtype: torch.dtype, device: torch.device) -> Tensor:
    """Additive (1, 1, Tq, Tk): the queries are the last of the keys and see none after themselves."""
    blocked = torch.full((n_queries, n_keys), BLOCKED, dtype=dtype, device=device)
    return blocked.triu(n_keys - n_queries + 1)[None, None]
