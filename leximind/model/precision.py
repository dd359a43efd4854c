"""Fewer bits for inference: linears are swapped after loading, and no layer knows that they were.

How weights are stored in eight bits says `leximind.model.quantize`; `load` multiplies with those very bytes.
"""

import logging
import warnings
from pathlib import Path
from typing import Any, Final, Protocol, TypeVar, get_args

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from leximind.errors import ModelError
from leximind.model.checkpoint import Checkpointed
from leximind.model.lm import CausalLM
from leximind.model.quantize import SCALE, quantise, restore, unpack
from leximind.model.seq2seq import Seq2Seq
from leximind.model.stack import Block
from leximind.settings import DEFAULT_PRECISION, Precision

M = TypeVar("M", bound=nn.Module)
C = TypeVar("C", bound=Checkpointed)

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

    def __init__(self, weight: Tensor, bias: Tensor | None, scale: Tensor | None = None) -> None:
        """Weights (O, I), of signed bytes where there is a `scale` (O, 1), and a bias (O,)."""
        super().__init__()
        codes, scale = quantise(weight) if scale is None else (weight.detach(), scale)
        zeros = torch.zeros(len(codes), dtype=torch.long)
        try:
            with warnings.catch_warnings(action="ignore"):  # torch means to give up its quantised tensors
                rows = torch._make_per_channel_quantized_tensor(codes, scale[:, 0].double(), zeros, 0)
                self.packed = torch.ops.quantized.linear_prepack(rows, None)
        except RuntimeError as error:
            raise ModelError(
                "This processor has no eight-bit products that torch knows.",
                hint='Use "float32" or "bfloat16"; the app reads LEXIMIND_PRECISION.',
            ) from error
        self.register_buffer("bias", None if bias is None else bias.detach().float(), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """(..., D) to (..., D_out), both fp32."""
        size = x.abs().amax(dim=-1, keepdim=True).clamp_(min=1e-30)
        out: Tensor = _PRODUCT(x / size, 1 / _LEVELS, _LEVELS, self.packed)
        return out.mul_(size) if self.bias is None else torch.addcmul(self.bias, out, size, out=out)


class Bfloat16Linear(_Unsaved):
    """Weights and products in bfloat16, everything around them in fp32."""

    weight: Tensor
    bias: Tensor | None

    def __init__(self, weight: Tensor, bias: Tensor | None, scale: Tensor | None = None) -> None:
        """As for `Int8Linear`."""
        super().__init__()
        weight = weight.detach() if scale is None else restore(weight.detach(), scale)
        self.register_buffer("weight", weight.bfloat16(), persistent=False)
        self.register_buffer("bias", None if bias is None else bias.detach().bfloat16(), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """(..., D) to (..., D_out), both in the type of `x`."""
        return F.linear(x.bfloat16(), self.weight, self.bias).to(x.dtype)


class Int8Embedding(_Unsaved):
    """Rows as they are stored, restored when looked up: the same floats from a quarter of the memory."""

    weight: Tensor
    scale: Tensor

    def __init__(self, weight: Tensor, scale: Tensor) -> None:
        """Signed bytes (V, D) with their scales (V, 1)."""
        super().__init__()
        # Copies, because what was read keeps the whole file in memory.
        self.register_buffer("weight", weight.detach().clone(), persistent=False)
        self.register_buffer("scale", scale.detach().clone(), persistent=False)

    def forward(self, token_ids: Tensor) -> Tensor:
        """Token ids (...) to (..., D), fp32."""
        return restore(F.embedding(token_ids, self.weight), F.embedding(token_ids, self.scale))


class _Make(Protocol):
    def __call__(self, weight: Tensor, bias: Tensor | None, scale: Tensor | None) -> nn.Module: ...


_LINEARS: Final[dict[Precision, _Make]] = {"bfloat16": Bfloat16Linear, "int8": Int8Linear}


def load(kind: type[C], path_or_repo: str | Path, precision: Precision) -> C:
    """What `optimise` makes of ``kind.from_pretrained(path_or_repo)``, to the bit, in less memory.

    Weights that are stored in eight bits and swapped come as they are stored; no fp32 copy is made of them.

    Raises:
        ModelError: as `Checkpointed.from_pretrained` and `optimise`.
    """
    model, state = kind.read_stored(path_or_repo)
    assert isinstance(model, nn.Module)
    kept = set()
    if precision != "float32":
        kept = {name for name in _find_swapped(model) if name in state and state[name].dtype == torch.int8}
    state = unpack(state, kept)
    scales = {name: state.pop(name + SCALE) for name in kept}
    model.requires_grad_(False)  # bytes have no gradients
    model.fill(state)
    for name, scale in scales.items():
        owner = model.get_submodule(name.removesuffix(".weight"))
        owner.register_parameter("scale", nn.Parameter(scale, requires_grad=False))
    return optimise(model, precision)


def choose(named: Precision | None) -> Precision:
    """The precision to serve in: the one that was named, or the default, or fp32 where that cannot be had."""
    if named is not None:
        return named
    if DEFAULT_PRECISION == "int8" and not has_int8_products():
        logging.getLogger(__name__).warning("no eight-bit products on this processor: float32 is used")
        return "float32"
    return DEFAULT_PRECISION


def has_int8_products() -> bool:
    """Whether torch multiplies in eight bits on this processor; found by trying."""
    try:
        Int8Linear(torch.ones(8, 8), None)(torch.ones(1, 8))
    except (ModelError, RuntimeError):
        return False
    return True


def optimise(model: M, precision: Precision = "float32") -> M:
    """Make a loaded model ready to serve on a CPU; changed in place, and not to be trained or saved after.

    Projections of the same input are joined into one product; the linears of all blocks and the LM head get
    `precision`. Norms, softmax, the heads of an encoder and what embeddings give stay fp32.

    Raises:
        ModelError: the precision is unknown, or the processor has no eight-bit products.
    """
    if precision not in get_args(Precision):
        raise ModelError(
            f"The precision is {precision!r}, but one of {', '.join(get_args(Precision))} was expected."
        )
    model.eval().requires_grad_(False)
    for part in list(model.modules()):
        if isinstance(part, Block):
            fuse(part)
        for name, child in list(part.named_children()):
            if isinstance(child, nn.Dropout):
                setattr(part, name, nn.Identity())
    if precision == "float32":
        return model
    make = _LINEARS[precision]
    for part in list(model.modules()):
        if isinstance(part, Block):
            _swap(part, make)
        elif isinstance(part, Seq2Seq | CausalLM):
            # A tied head gets weights of its own: the embedding's rows are looked up as they are.
            head: Any = part.embedding if part.lm_head is None else part.lm_head
            part.lm_head = make(head.weight, None, _get_scale(head))
            if (scale := _get_scale(part.embedding)) is not None:
                rows: Any = Int8Embedding(part.embedding.weight, scale)
                part.embedding = rows
    return model


def fuse(block: Block) -> None:
    """Join what reads the same input; a block that is fused already stays as it is."""
    if block.self_attention.joined is None:
        block.self_attention.fuse(cross=False)
        if hasattr(block, "cross_attention"):
            block.cross_attention.fuse(cross=True)
        block.feed_forward.fuse()


def _find_swapped(model: nn.Module) -> set[str]:
    """The names of the weights that `optimise` swaps, and of the embeddings beside them."""
    found: set[str] = set()
    for name, part in model.named_modules():
        prefix = f"{name}." if name else ""
        if isinstance(part, Block):
            linears = (inner for inner, linear in part.named_modules() if type(linear) is nn.Linear)
            found |= {f"{prefix}{inner}.weight" for inner in linears}
        elif isinstance(part, Seq2Seq | CausalLM):
            found |= {f"{prefix}embedding.weight", f"{prefix}lm_head.weight"}
    return found


def _swap(block: Block, make: _Make) -> None:
    for parent in list(block.modules()):
        for name, linear in list(parent.named_children()):
            if type(linear) is nn.Linear:
                setattr(parent, name, make(linear.weight, linear.bias, _get_scale(linear)))


def _get_scale(part: nn.Module) -> Tensor | None:
    """The scales (O, 1) of weights that are still as they were stored."""
    scale: Tensor | None = getattr(part, "scale", None)
    return scale
