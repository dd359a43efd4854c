"""One attention: self or cross, causal or not, grouped-query, cached or not.

The cache is an argument of the same forward; there is no second body for incremental decoding.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from leximind.model.cache import LayerCache, lay_out
from leximind.model.config import StackConfig
from leximind.model.layers import join_linears
from leximind.model.position import rotate

# Queries that are few.
FEW = 8


class Attention(nn.Module):
    """Multi-head attention (Vaswani et al., 2017) with optional grouped keys and values.

    `fuse` joins projections of the same input into one product, for inference.
    """

    joined: nn.Linear | None

    def __init__(self, config: StackConfig) -> None:
        super().__init__()
        self.n_heads, self.n_kv_heads, self.d_head = config.n_heads, config.n_kv_heads, config.d_head
        self.scale = 1.0 / math.sqrt(config.d_head) if config.scale_attention else 1.0
        self.dropout = config.dropout
        self.d_query, self.d_kv = config.n_heads * config.d_head, config.n_kv_heads * config.d_head
        self.q = nn.Linear(config.d_model, self.d_query, bias=config.bias)
        self.k = nn.Linear(config.d_model, self.d_kv, bias=config.bias)
        self.v = nn.Linear(config.d_model, self.d_kv, bias=config.bias)
        self.o = nn.Linear(self.d_query, config.d_model, bias=config.bias)
        self.joined = None

    def fuse(self, *, cross: bool) -> None:
        """Join queries, keys and values, or of a cross-attention keys and values; not to be undone."""
        names = ("k", "v") if cross else ("q", "k", "v")
        self.joined = join_linears([getattr(self, name) for name in names])
        for name in names:
            delattr(self, name)

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
        if memory is None:
            queries, keys, values = self._project(x)
        else:
            queries = self._split(self.q(x), self.n_heads)
            if cache is not None and cache.memory is not None:
                keys, values = cache.memory
            else:
                keys, values = self.read(memory)
        if angles is not None:
            queries, keys = rotate(queries, angles), rotate(keys, angles)
        if cache is not None:
            if memory is None:
                keys, values = cache.extend(keys, values)
            elif cache.memory is None:
                cache.memory = keys, values = keys.contiguous(), lay_out(values)
        mixed = self._mix(queries, keys, values, mask)
        return self.o(mixed.transpose(1, 2).flatten(2))  # type: ignore[no-any-return]

    def _project(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Queries, keys and values of `x`, (B, H, T, d_head) each."""
        if self.joined is None:
            queries, keys, values = self.q(x), self.k(x), self.v(x)
        else:
            queries, keys, values = self.joined(x).split((self.d_query, self.d_kv, self.d_kv), dim=-1)
        heads = self.n_heads, self.n_kv_heads, self.n_kv_heads
        q, k, v = map(self._split, (queries, keys, values), heads)
        return q, k, v

    def read(self, memory: Tensor) -> tuple[Tensor, Tensor]:
        """Keys and values of the memory, (B, Hkv, T, d_head) each."""
        if self.joined is None:
            keys, values = self.k(memory), self.v(memory)
        else:
            keys, values = self.joined(memory).chunk(2, dim=-1)
        return self._split(keys, self.n_kv_heads), self._split(values, self.n_kv_heads)

    def _mix(self, queries: Tensor, keys: Tensor, values: Tensor, mask: Tensor | None) -> Tensor:
        """Values (B, H, Tq, d_head) weighed by softmax(queries keys + mask)."""
        is_grouped = self.n_kv_heads != self.n_heads
        if not (is_grouped or queries.is_cuda or torch.is_grad_enabled()):
            if queries.size(2) == 1:
                return self._mix_one(queries, keys, values, mask)
            if queries.size(2) <= FEW:
                return self._mix_few(queries, keys, values, mask)
        return F.scaled_dot_product_attention(
            queries, keys, values, attn_mask=mask, scale=self.scale,
            dropout_p=self.dropout if self.training else 0.0, enable_gqa=is_grouped,
        )  # fmt: skip

    def _mix_one(self, queries: Tensor, keys: Tensor, values: Tensor, mask: Tensor | None) -> Tensor:
        """As `_mix` for one query a row (B, H, 1, d_head), for which the fused kernel is not made.

        Both products are of a matrix and a vector, the fast way round.
        """
        q, k, v = (part.flatten(0, 1) for part in (queries, keys, values))
        scores = torch.bmm(k, q.mT).view(*queries.shape[:3], -1)
        if self.scale != 1.0:
            scores = scores * self.scale
        if mask is not None:
            scores = scores + mask
        weights = scores.softmax(-1).view(len(k), 1, -1)
        return torch.bmm(v.mT, weights.mT).view(queries.shape)

    def _mix_few(self, queries: Tensor, keys: Tensor, values: Tensor, mask: Tensor | None) -> Tensor:
        """As `_mix` for the few queries that the beams of one source are, at a third of the kernel's cost."""
        scores = torch.matmul(queries * self.scale, keys.mT)
        if mask is not None:
            scores = scores + mask
        return torch.matmul(scores.softmax(-1), values)

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
