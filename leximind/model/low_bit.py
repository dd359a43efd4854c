"""A frozen base in eight or four bits on a GPU, by bitsandbytes: room for training adapters on it.

LLM.int8() is Dettmers et al. (2022), the four-bit NormalFloat of QLoRA Dettmers et al. (2023). Eight-bit
storage on the disk is another matter: `leximind.model.quantize`.
"""

import importlib
from typing import Any, Literal, TypeVar, get_args

import torch
from torch import nn

from leximind.errors import ModelError
from leximind.model.layers import FeedForward, LoRALinear
from leximind.model.stack import Block

Bits = Literal["8bit", "4bit"]
M = TypeVar("M", bound=nn.Module)

# Activations above it are multiplied in fp16, as in the paper.
OUTLIER = 6.0


def quantise_base(model: M, bits: Bits) -> M:
    """Quantise the frozen linears of all blocks and move the model to the GPU; changed in place.

    Load the base in full precision on the CPU and call `add_adapters` or `load_adapters` first: they freeze
    the base and take its fingerprint. For inference without adapters, ``model.requires_grad_(False)``.
    Adapters trained so are loaded onto the full-precision base for merging.

    Raises:
        ModelError: `bits` is neither, there is no CUDA or no bitsandbytes, or nothing is frozen.
    """
    if bits not in get_args(Bits):
        raise ModelError(f"bits is {bits!r}, but one of {', '.join(get_args(Bits))} was expected.")
    if not torch.cuda.is_available():
        raise ModelError(
            f"A {bits} base needs an NVIDIA GPU, and torch sees none here.",
            hint="Train the adapters on the full-precision base instead, or use leximind-mini on a CPU.",
        )
    try:
        library = importlib.import_module("bitsandbytes")
    except ImportError as error:
        raise ModelError(
            f"A {bits} base needs bitsandbytes, which cannot be imported ({error}).",
            hint="Install it with: pip install bitsandbytes",
        ) from error
    return swap_linears(model, bits, library).to("cuda")


def swap_linears(model: M, bits: Bits, library: Any) -> M:
    """Put `library`'s linears, still holding full-precision weights, in the place of the frozen ones.

    bitsandbytes quantises them when they move to a device. Heads, LM head, embeddings, norms and whatever is
    trained stay as they are.

    Raises:
        ModelError: no linear of a block is frozen.
    """
    kept = _wide(model) if bits == "8bit" else set()
    frozen = [
        (parent, name, linear)
        for block in model.modules()
        if isinstance(block, Block)
        for parent in block.modules()
        for name, linear in parent.named_children()
        if type(linear) is nn.Linear and not linear.weight.requires_grad and linear not in kept
    ]
    if not frozen:
        raise ModelError(
            "No linear of the model is frozen, so there is nothing to quantise.",
            hint="Call add_adapters first, or model.requires_grad_(False) for inference.",
        )
    for parent, name, linear in frozen:
        setattr(parent, name, _make(linear, bits, library))
    return model


def _wide(model: nn.Module) -> set[nn.Module]:
    """The `down` of T5's feed-forward: what comes to it can exceed fp16, in which LLM.int8() multiplies."""
    gated = [
        part.down for part in model.modules() if isinstance(part, FeedForward) and part.kind == "gated_gelu"
    ]
    return {down.base if isinstance(down, LoRALinear) else down for down in gated}


def _make(linear: nn.Linear, bits: Bits, library: Any) -> nn.Module:
    shape = linear.in_features, linear.out_features, linear.bias is not None
    made: nn.Module
    if bits == "8bit":
        made = library.nn.Linear8bitLt(*shape, has_fp16_weights=False, threshold=OUTLIER)
    else:
        made = library.nn.Linear4bit(
            *shape, compute_dtype=torch.bfloat16, compress_statistics=True, quant_type="nf4"
        )  # fmt: skip
    made.load_state_dict(linear.state_dict())
    return made.requires_grad_(False).train(linear.training)
