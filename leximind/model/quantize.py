"""Eight-bit storage of weights: a signed byte a number and one scale a row.

`unpack` restores floats, so that no layer knows it was ever stored in eight bits; `leximind.model.precision`
multiplies with the bytes as they are.
"""

from collections.abc import Collection

import torch
from torch import Tensor

from leximind.errors import ModelError

SCALE = ".scale"


def quantise(weight: Tensor) -> tuple[Tensor, Tensor]:
    """A matrix (O, I) to signed bytes (O, I) and their scales (O, 1), in fp32."""
    weight = weight.detach().float()
    scale = (weight.abs().amax(dim=1, keepdim=True) / 127).clamp(min=1e-12)
    return (weight / scale).round().clamp(-127, 127).to(torch.int8), scale


def restore(codes: Tensor, scale: Tensor) -> Tensor:
    """Signed bytes (..., I) and scales (..., 1) to the fp32 numbers that they stand for."""
    return codes.float().mul_(scale)


def pack_int8(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Matrices become int8 with a scale a row (``name`` and ``name.scale``, fp32); the rest becomes fp16."""
    packed: dict[str, Tensor] = {}
    for name, value in state.items():
        if value.ndim == 2 and value.is_floating_point() and min(value.shape) > 1:
            packed[name], packed[name + SCALE] = quantise(value)
        else:
            packed[name] = value.half() if value.is_floating_point() else value
    return packed


def unpack(state: dict[str, Tensor], kept: Collection[str] = ()) -> dict[str, Tensor]:
    """Any stored form back to fp32, except for eight-bit matrices among `kept`, which stay with their scales.

    Raises:
        ModelError: eight-bit weights are there without their scales, or with other rows' ones.
    """
    packed = {name for name, value in state.items() if value.dtype == torch.int8}
    restored: dict[str, Tensor] = {}
    for name, value in state.items():
        if name.endswith(SCALE) and name.removesuffix(SCALE) in packed:
            continue
        if name not in packed:
            restored[name] = value.float() if value.is_floating_point() else value
            continue
        scale = _find_scale(state, name)
        if name in kept:
            restored[name], restored[name + SCALE] = value, scale
        else:
            restored[name] = restore(value, scale)
    return restored


def _find_scale(state: dict[str, Tensor], name: str) -> Tensor:
    scale, expected = state.get(name + SCALE), (len(state[name]), 1)
    if scale is None or scale.shape != expected:
        found = "no" if scale is None else f"a {tuple(scale.shape)}"
        raise ModelError(
            f"The eight-bit weights {name!r} have {found} {name + SCALE!r}; {expected} was expected.",
            hint="The file is damaged; download or export it again.",
        )
    return scale.float()
