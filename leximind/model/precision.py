"""Fewer bits for inference: linears are swapped after loading, and no layer knows that they were.

Storage of weights in eight bits is another matter: `leximind.model.quantize`.
"""

import warnings
from collections.abc import Callable
from typing import Any, Final, Literal, TypeVar, get_args

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from leximind.errors import ModelError
from leximind.model.lm import CausalLM
from leximind.model.seq2seq import Seq2Seq
from leximind.model.stack import Block

Precision = Literal["float32", "bfloat16", "int8"]
M = TypeVar("M", bound=nn.Module)

# Unsigned activations times signed weights are summed in pairs of 16 bits where the processor has no VNNI,
# and seven bits are as much as fits there.
_LEVELS: Final = 127 if torch.cpu._is_vnni_supported() else 63
_PRODUCT: Final = torch.ops.quantized.linear_with_input_q_dq_qweight_dq_output_fp32.default


class _Unsaved(nn.Module):
    """A linear in a form that no checkpoint holds."""

    def _save_to_state_dict(self, *args: Any, **kwargs: Any) -> None:
        raise ModelError(
            "A model that was made ready to serve cannot be saved.",
            hint="Load it again and save that; `storage` chooses the precision of the file.",
        )


class Int8Linear(_Unsaved):
    """Weights of eight bits with a scale an output, activations of eight bits with a scale a token.

    A token's scale is its largest magnitude, so that what else is in the batch does not matter (ZeroQuant,
    Yao et al., 2022). The product is FBGEMM's.
    """

    bias: Tensor | None

    def __init__(self, weight: Tensor, bias: Tensor | None) -> None:
        super().__init__()
        weight = weight.detach().float()
        scale = (weight.abs().amax(dim=1) / 127).clamp(min=1e-12).double()
        zeros = torch.zeros(len(weight), dtype=torch.long)
        try:
            with warnings.catch_warnings(action="ignore"):  # torch means to give up its quantised tensors
                packed = torch.quantize_per_channel(weight, scale, zeros, 0, torch.qint8)
                self.packed = torch.ops.quantized.linear_prepack(packed, None)
        except RuntimeError as error:
            raise ModelError(
                "This processor has no eight-bit products that torch knows.", hint='Use "bfloat16".'
            ) from error
        self.register_buffer("bias", None if bias is None else bias.detach().float(), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """(..., D) to (..., D_out), both fp32."""
        size = x.abs().amax(dim=-1, keepdim=True).clamp_(min=1e-30)
        out: Tensor = _PRODUCT(x / size, 1 / _LEVELS, _LEVELS, self.packed)
        return out.mul_(size) if self.bias is None else torch.addcmul(self.bias, out, size)


class Bfloat16Linear(_Unsaved):
    """Weights and products in bfloat16, everything around them in fp32."""

    weight: Tensor
    bias: Tensor | None

    def __init__(self, weight: Tensor, bias: Tensor | None) -> None:
        super().__init__()
        self.register_buffer("weight", weight.detach().bfloat16(), persistent=False)
        self.register_buffer("bias", None if bias is None else bias.detach().bfloat16(), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """(..., D) to (..., D_out), both in the type of `x`."""
        return F.linear(x.bfloat16(), self.weight, self.bias).to(x.dtype)


_LINEARS: Final = {"bfloat16": Bfloat16Linear, "int8": Int8Linear}


def optimise(model: M, precision: Precision = "float32") -> M:
    """Make a loaded model ready to serve on a CPU; changed in place, and not to be trained or saved after.

    Projections of the same input are joined into one product; the linears of all blocks and the LM head get
    `precision`. Embeddings, norms, softmax and the heads of an encoder stay fp32.

    Raises:
        ModelError: the precision is unknown, or the processor has no eight-bit products.
    """
    if precision not in get_args(Precision):
        raise ModelError(
            f"The precision is {precision!r}, but one of {', '.join(get_args(Precision))} was expected."
        )
    model.eval().requires_grad_(False)
    for block in model.modules():
        if isinstance(block, Block):
            fuse(block)
    if precision == "float32":
        return model
    make = _LINEARS[precision]
    for part in list(model.modules()):
        if isinstance(part, Block):
            _swap(part, make)
        elif isinstance(part, Seq2Seq | CausalLM):
            # A tied head gets weights of its own: the embedding's rows are looked up as they are.
            head: Any = part.embedding if part.lm_head is None else part.lm_head
            part.lm_head = make(head.weight, None)
    return model


def fuse(block: Block) -> None:
    """Join what reads the same input; a block that is fused already stays as it is."""
    if block.self_attention.joined is None:
        block.self_attention.fuse(cross=False)
        if hasattr(block, "cross_attention"):
            block.cross_attention.fuse(cross=True)
        block.feed_forward.fuse()


def _swap(block: Block, make: Callable[[Tensor, Tensor | None], nn.Module]) -> None:
    for parent in list(block.modules()):
        for name, linear in list(parent.named_children()):
            if type(linear) is nn.Linear:
                setattr(parent, name, make(linear.weight, linear.bias))
