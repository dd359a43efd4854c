"""AdamW with parameter groups, and the learning rate over time."""

import math

import torch
from torch import nn


def parameter_groups(
    model: nn.Module, rates: dict[str, float], weight_decay: float
) -> list[dict[str, object]]:  # fmt: skip
    """Groups by learning rate and decay.

    `rates` maps a name's prefix to its learning rate, the longest prefix wins; biases, norms and vectors are
    not decayed; weights that need no gradient are left out.
    """
    groups: dict[tuple[float, float], list[nn.Parameter]] = {}
    for name, weight in model.named_parameters():
        if weight.requires_grad:
            prefix = max((p for p in rates if name.startswith(p)), key=len)
            decay = weight_decay if weight.ndim > 1 else 0.0
            groups.setdefault((rates[prefix], decay), []).append(weight)
    return [
        {"params": weights, "lr": rate, "weight_decay": decay} for (rate, decay), weights in groups.items()
    ]


def make_optimiser(model: nn.Module, rates: dict[str, float], weight_decay: float) -> torch.optim.AdamW:
    """Fused AdamW (Loshchilov and Hutter, 2019) with the seeds' betas."""
    groups = parameter_groups(model, rates, weight_decay)
    return torch.optim.AdamW(groups, betas=(0.9, 0.98), eps=1e-6, fused=True)


def rate_factor(step: int, n_steps: int, warmup: int, floor: float) -> float:
    """Linear warmup, then a cosine from 1 down to `floor`."""
    if step < warmup:
        return (step + 1) / warmup
    progress = (step - warmup) / max(1, n_steps - warmup)
    return floor + (1 - floor) * 0.5 * (1 + math.cos(math.pi * min(1.0, progress)))
