"""ONE block and ONE stack: T5 encoder and decoder, BERT-style encoder, LLaMA-style decoder."""

from collections.abc import Sequence
from functools import partial

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from leximind.errors import ModelError
from leximind.model.attention import Attention, causal_mask, padding_mask
from leximind.model.cache import ROOM, KVCache, LayerCache
from leximind.model.config import StackConfig
from leximind.model.layers import FeedForward, make_norm
from leximind.model.position import ALiBi, PositionEmbedding, T5RelativeBias, rotary_angles


class Block(nn.Module):
    """Self-attention, cross-attention where there is a memory, feed-forward; each in a normed residual."""

    def __init__(self, config: StackConfig) -> None:
        super().__init__()
        self.norm_first = config.norm_first
        self.self_attention, self.self_norm = Attention(config), make_norm(config)
        if config.cross_attention:
            self.cross_attention, self.cross_norm = Attention(config), make_norm(config)
        self.feed_forward, self.feed_norm = FeedForward(config), make_norm(config)
        self.dropout = nn.Dropout(config.dropout)

    def forward(
        self,
        x: Tensor,
        *,
        mask: Tensor | None,
        angles: tuple[Tensor, Tensor] | None,
        memory: Tensor | None,
        memory_mask: Tensor | None,
        cache: LayerCache | None,
    ) -> Tensor:
        """(B, T, D) to (B, T, D); masks as in `Attention.forward`."""

        def residual(x: Tensor, norm: nn.Module, sublayer: nn.Module, **options: object) -> Tensor:
            if self.norm_first:
                return x + self.dropout(sublayer(norm(x), **options))  # type: ignore[no-any-return]
            return norm(x + self.dropout(sublayer(x, **options)))  # type: ignore[no-any-return]

        x = residual(x, self.self_norm, self.self_attention, mask=mask, angles=angles, cache=cache)
        if memory is not None:
            shape = x.shape
            if shape[0] != memory.size(0):  # rows in turn that read one source are more queries of it
                x = x.view(memory.size(0), -1, shape[2])
            x = residual(
                x, self.cross_norm, self.cross_attention, memory=memory, mask=memory_mask, cache=cache
            ).view(shape)
        return residual(x, self.feed_norm, self.feed_forward)


class Stack(nn.Module):
    """Blocks with what they share: positions, masks, the norm before and after."""

    def __init__(self, config: StackConfig) -> None:
        super().__init__()
        self.config = config
        self.gradient_checkpointing = False
        if config.position in ("learned", "sinusoidal"):
            self.position = PositionEmbedding(config)
        elif config.position in ("t5_bias", "alibi"):
            self.bias = T5RelativeBias(config) if config.position == "t5_bias" else ALiBi(config)
        if config.embedding_norm:
            self.embedding_norm = make_norm(config)
        self.blocks = nn.ModuleList(Block(config) for _ in range(config.n_layers))
        if config.final_norm:
            self.final_norm = make_norm(config)
        self.dropout = nn.Dropout(config.dropout)

    def forward(
        self,
        x: Tensor,
        attention_mask: Tensor | None = None,
        *,
        memory: Tensor | None = None,
        memory_mask: Tensor | None = None,
        cache: KVCache | None = None,
        positions: Tensor | None = None,
        blocks: Sequence[nn.Module] | None = None,
    ) -> Tensor:
        """Embeddings (B, T, D) to hidden states (B, T, D).

        Args:
            attention_mask: (B, Tk) of ones where there is a token; with a cache it covers the past too.
            memory: the encoder's output (B, Ts, D), for a stack with cross-attention; or (B / n, Ts, D),
                where n rows in turn read the same.
            memory_mask: as the memory, without D.
            cache: extended in place; `x` then holds only the new positions.
            positions: (B, T), where they differ from row to row; distances stay those in the cache.
            blocks: run instead of the stack's own, between its positions and norms; for branches.

        Raises:
            ModelError: a memory is missing, or given to a stack without cross-attention.
        """
        if (memory is not None) != self.config.cross_attention:
            wanted = "needs an encoder output" if self.config.cross_attention else "takes no encoder output"
            raise ModelError(f"This stack {wanted}.")
        start = 0 if cache is None else cache.length
        n_queries, n_keys = x.size(1), start + x.size(1)
        places = torch.arange(start, n_keys, device=x.device)
        mask = self._mask(places, n_keys, attention_mask, x, cache)
        if memory_mask is not None:
            memory_mask = self._memory_mask(memory_mask, x.dtype, cache)
        angles = None
        if self.config.position == "rope":
            angles = rotary_angles(places, self.config.d_head, self.config.rope_theta)
        if hasattr(self, "position"):
            x = x + self.position(places if positions is None else positions).to(x.dtype)
        if self.config.embedding_norm:
            x = self.embedding_norm(x)
        x = self.dropout(x)
        shared = {"mask": mask, "angles": angles, "memory": memory, "memory_mask": memory_mask}
        for i, block in enumerate(self.blocks if blocks is None else blocks):
            own = None if cache is None else cache.layers[i]
            if self.gradient_checkpointing and self.training:
                x = checkpoint(partial(block, cache=own, **shared), x, use_reentrant=False)
            else:
                x = block(x, cache=own, **shared)
        if cache is not None:
            cache.length += n_queries
        if self.config.final_norm:
            x = self.dropout(self.final_norm(x))
        return x

    def _mask(
        self,
        positions: Tensor,
        n_keys: int,
        attention_mask: Tensor | None,
        x: Tensor,
        cache: KVCache | None,
    ) -> Tensor | None:
        """Everything that is added to self-attention scores, computed once a stack; None for nothing."""
        mask: Tensor | None = None
        if hasattr(self, "bias"):
            mask = self._bias(positions, n_keys, x.dtype, cache)
        if self.config.causal and len(positions) > 1:
            causal = causal_mask(len(positions), n_keys, x.dtype, x.device)
            mask = causal if mask is None else mask + causal
        if attention_mask is not None:
            padding = padding_mask(attention_mask, x.dtype)
            mask = padding if mask is None else mask + padding
        return mask

    @staticmethod
    def _memory_mask(mask: Tensor, dtype: torch.dtype, cache: KVCache | None) -> Tensor:
        """(B, Ts) of ones and zeros to an additive mask (B, 1, 1, Ts), once for all steps."""
        if cache is None:
            return padding_mask(mask, dtype)
        if cache.memory_mask is None:
            cache.memory_mask = padding_mask(mask, dtype)
        return cache.memory_mask

    def _bias(
        self, positions: Tensor, n_keys: int, dtype: torch.dtype, cache: KVCache | None
    ) -> Tensor:  # fmt: skip
        """(1, H, Tq, Tk). It depends on distances alone, so what one position sees serves all steps."""
        if cache is None or len(positions) > 1:
            return self.bias(positions, n_keys).to(dtype)  # type: ignore[no-any-return]
        if cache.bias is None or cache.bias.size(3) < n_keys:
            room = max(ROOM, 2 * n_keys)
            cache.bias = self.bias(torch.tensor([room - 1], device=positions.device), room).to(dtype)
        return cache.bias[..., cache.bias.size(3) - n_keys :]

    def freeze(self, n_layers: int) -> None:
        """Stop training the first `n_layers` blocks and what comes before them.

        Raises:
            ModelError: there are fewer blocks.
        """
        if not 0 <= n_layers <= len(self.blocks):
            raise ModelError(f"{n_layers} layers were to be frozen, but the stack has {len(self.blocks)}.")
        if n_layers == 0:
            return
        for name in ("position", "embedding_norm"):
            if hasattr(self, name):
                getattr(self, name).requires_grad_(False)
        for block in self.blocks[:n_layers]:
            block.requires_grad_(False)
