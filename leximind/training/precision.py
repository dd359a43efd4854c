"""Where a model is trained and in which numbers."""

import torch

from leximind.errors import InputError, ModelError

# A scale this small means that gradients were infinite dozens of times in a row, whatever the scale.
SMALLEST_SCALE = 2.0**-10


def choose_device(name: str) -> torch.device:
    """``auto`` is a GPU where there is one, else the CPU.

    Raises:
        InputError: there is no such device.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError:
        device = None
    if device is None or device.type not in ("cpu", "cuda"):
        raise InputError(f"device is {name!r}, but auto, cpu, cuda or cuda:N was expected.")
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise InputError(
            f"device is {name!r}, but torch sees {torch.cuda.device_count()} GPUs.", hint="Use device=auto."
        )
    return device


class Precision:
    """Autocast and, for float16, the gradient scaler (Micikevicius et al., 2018); weights stay fp32."""

    def __init__(self, name: str, device: torch.device) -> None:
        """Raises InputError where the GPU cannot compute in this precision."""
        if name == "bfloat16" and device.type == "cuda" and not torch.cuda.is_bf16_supported(False):
            raise InputError(
                f"precision is bfloat16, but {torch.cuda.get_device_name(device)} cannot compute in it.",
                hint="Use precision=float16.",
            )
        self.device, self.dtype = device, getattr(torch, name)
        self.scaler = torch.amp.GradScaler(device.type, enabled=name == "float16")

    def autocast(self) -> torch.autocast:
        """The context of a forward pass."""
        return torch.autocast(self.device.type, self.dtype, enabled=self.dtype != torch.float32)

    def check_scale(self, step: int) -> None:
        """Raises ModelError when the scaler skips step after step."""
        if self.scaler.is_enabled() and self.scaler.get_scale() < SMALLEST_SCALE:
            raise ModelError(
                f"At step {step} the float16 gradient is still infinite with a scale of "
                f"{self.scaler.get_scale():.1e}.",
                hint="Use precision=bfloat16 or float32, or lower the learning rate.",
            )
