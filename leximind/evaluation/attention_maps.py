"""What the model attends to, read from its own tensors; the usual forward pass knows nothing of it.

The fused attention kernels never form the weights. Here hooks see what an attention was given, and form them
once more beside it: nothing is slower, or different, when nobody looks.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from leximind.errors import ModelError
from leximind.model.attention import Attention
from leximind.model.multitask import AttentionPooling, MultiTask
from leximind.model.position import rotate
from leximind.model.seq2seq import Seq2Seq
from leximind.model.stack import Stack


@contextmanager
def record_attention(model: nn.Module) -> Iterator[dict[str, Tensor]]:
    """Inside, every attention of `model` leaves its weights (B, H, Tq, Tk), fp32, under its module's name.

    A module that is called again, as in incremental decoding, replaces what it left before. Rows sum to 1.
    """
    found: dict[str, Tensor] = {}

    def watch(name: str, attention: Attention) -> Any:
        def record(_: nn.Module, given: tuple[Tensor, ...], options: dict[str, Any], __: Tensor) -> None:
            with torch.no_grad():
                found[name] = _weights(attention, given[0], **options)

        return attention.register_forward_hook(record, with_kwargs=True)

    hooks = [watch(name, part) for name, part in model.named_modules() if isinstance(part, Attention)]
    try:
        yield found
    finally:
        for hook in hooks:
            hook.remove()


def _weights(
    attention: Attention,
    x: Tensor,
    *,
    memory: Tensor | None = None,
    mask: Tensor | None = None,
    angles: tuple[Tensor, Tensor] | None = None,
    cache: Any = None,
) -> Tensor:
    """softmax(q k' * scale + mask) of what `Attention.forward` was just given, (B, H, Tq, Tk)."""
    queries = _split(attention.q(x), attention.d_head)
    kept = None if cache is None else cache.own if memory is None else cache.memory
    keys = (
        kept[0]
        if kept is not None
        else _split(attention.k(x if memory is None else memory), attention.d_head)
    )
    if angles is not None:
        queries = rotate(queries, angles)
        keys = keys if kept is not None else rotate(keys, angles)
    keys = keys.repeat_interleave(attention.n_heads // attention.n_kv_heads, dim=1)
    scores = (queries @ keys.transpose(2, 3)).float() * attention.scale
    return (scores if mask is None else scores + mask).softmax(-1)


def _split(x: Tensor, d_head: int) -> Tensor:
    return x.view(*x.shape[:2], -1, d_head).transpose(1, 2)


@torch.inference_mode()
def encoder_attention(model: Seq2Seq, token_ids: Tensor, attention_mask: Tensor | None = None) -> Tensor:
    """Self-attention of all encoder blocks for token ids (B, S): (B, L, H, S, S)."""
    with record_attention(model.encoder) as found:
        model.encode(token_ids, attention_mask)
    return _in_order(found, "self_attention", len(model.encoder.blocks))


@torch.inference_mode()
def cross_attention(
    model: Seq2Seq, token_ids: Tensor, decoder_ids: Tensor, attention_mask: Tensor | None = None
) -> Tensor:
    """Where all decoder blocks look in the source (B, S) at each decoder input (B, T): (B, L, H, T, S)."""
    with record_attention(model.decoder) as found:
        model(token_ids, decoder_ids, attention_mask)
    return _in_order(found, "cross_attention", len(model.decoder.blocks))


@torch.inference_mode()
def copy_attention(
    model: Seq2Seq, token_ids: Tensor, decoder_ids: Tensor, attention_mask: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """Where the copy head would copy from (B, T, S), rows of 1, and its probability of copying (B, T).

    Raises:
        ModelError: the model has no copy head.
    """
    if not model.config.copy_head:
        raise ModelError("This model has no copy head.", hint="leximind-mini and leximind-small have one.")
    hidden: list[Tensor] = []
    hook = model.decoder.register_forward_hook(lambda _, __, output: hidden.append(output))
    try:
        memory = model.encode(token_ids, attention_mask)
        model.decode(decoder_ids, memory)
    finally:
        hook.remove()
    attention, generate = model.copy_head.attend(hidden[0], memory)
    return attention, 1 - generate[..., 0]


@torch.inference_mode()
def position_bias(stack: Stack, n_positions: int) -> Tensor:
    """What a stack adds to the attention scores for position alone, (H, N, N): queries down, keys across.

    Raises:
        ModelError: the stack tells positions in another way.
    """
    if not hasattr(stack, "bias"):
        raise ModelError(
            f"This stack has {stack.config.position!r} positions and adds no bias to its attention scores.",
            hint="T5-shaped models, such as leximind-base and flan-t5-small, have a relative position bias.",
        )
    positions = torch.arange(n_positions, device=next(stack.parameters()).device)
    return stack.bias(positions, n_positions)[0].float()  # type: ignore[no-any-return]


@torch.inference_mode()
def pooling_weights(model: MultiTask, token_ids: Tensor, attention_mask: Tensor | None = None) -> Tensor:
    """How much each token of (B, S) counts in what the emotion head reads, (B, S); rows sum to 1."""
    found: list[Tensor] = []
    (pooling,) = (part for part in model.heads["emotion"].modules() if isinstance(part, AttentionPooling))
    hook = pooling.register_forward_hook(lambda _, __, output: found.append(output[1]))
    try:
        model("emotion", token_ids, attention_mask)
    finally:
        hook.remove()
    return found[0]


def _in_order(found: dict[str, Tensor], kind: str, n_layers: int) -> Tensor:
    return torch.stack([found[f"blocks.{i}.{kind}"] for i in range(n_layers)], dim=1)
