"""Eight-bit storage of weights: a signed byte a number and one scale a row.

Loading restores floats, so no layer knows that it was ever stored in eight bits.
"""

import torch
from torch import Tensor

from leximind.errors import ModelError

SCALE = ".scale"


def pack_int8(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Matrices become int8 with a scale a row (``name`` and ``name.scale``, fp32); the rest becomes fp16."""
    packed: dict[str, Tensor] = {}
    for name, value in state.items():
        if value.ndim == 2 and value.is_floating_point() and min(value.shape) > 1:
            scale = (value.float().abs().amax(dim=1, keepdim=True) / 127).clamp(min=1e-12)
            packed[name] = (value.float() / scale).round().clamp(-127, 127).to(torch.int8)
            packed[name + SCALE] = scale
        else:
            packed[name] = value.half() if value.is_floating_point() else value
    return packed


def unpack(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Any stored form back to fp32.

    Raises:
        ModelError: eight-bit weights are there without their scales.
    """
    packed = {name for name, value in state.items() if value.dtype == torch.int8}
    restored: dict[str, Tensor] = {}
    for name, value in state.items():
        if name.endswith(SCALE) and name.removesuffix(SCALE) in packed:
            continue
        if name in packed:
            if name + SCALE not in state:
                raise ModelError(
                    f"The eight-bit weights {name!r} have no {name + SCALE!r}.",
                    hint="The file is damaged; download or export it again.",
                )
            restored[name] = value.float() * state[name + SCALE].float()
        else:
            restored[name] = value.float() if value.is_floating_point() else value
    return restored
