"""AdamW with parameter groups, and the learning rate over time."""

import math
from collections.abc import Mapping

import torch
from torch import nn

from leximind.errors import InputError
from leximind.training.modes import block_lists, stacks


def parameter_groups(
    model: nn.Module, rates: Mapping[str, float], weight_decay: float, layer_decay: float = 1.0
) -> list[dict[str, object]]:  # fmt: skip
    """Groups by learning rate and decay.

    `rates` maps a name's prefix to its learning rate, the longest prefix wins; biases, norms and vectors are
    not decayed; weights that need no gradient are left out.

    Raises:
        InputError: a prefix fits no weight, or a weight has no rate.
    """
    named = dict(model.named_parameters())
    for prefix in rates:
        if not any(name.startswith(prefix) for name in named):
            raise InputError(
                f"rates names {prefix!r}, but no weight's name begins so.",
                hint=f"Names begin with {', '.join(dict(model.named_children()))}.",
            )
    factors = layer_factors(model, layer_decay)
    groups: dict[tuple[float, float], list[nn.Parameter]] = {}
    for name, weight in named.items():
        if weight.requires_grad:
            fitting = [prefix for prefix in rates if name.startswith(prefix)]
            if not fitting:
                raise InputError(
                    f"No rate is given for {name!r}.", hint='Add a rate for "", everything else.'
                )
            rate = rates[max(fitting, key=len)] * factors.get(name, 1.0)
            decay = weight_decay if weight.ndim > 1 else 0.0
            groups.setdefault((rate, decay), []).append(weight)
    return [
        {"params": weights, "lr": rate, "weight_decay": decay} for (rate, decay), weights in groups.items()
    ]


def layer_factors(model: nn.Module, layer_decay: float) -> dict[str, float]:
    """What each weight's rate is multiplied by (Howard and Ruder, 2018; Clark et al., 2020).

    In a stack, or a branch, of n blocks: the top block and the norm after it 1, the block k below the top
    decay^k, positions and the norm before the blocks decay^n; token embeddings outside of stacks as below the
    deepest one. Weights that are not named have factor 1.
    """
    if layer_decay == 1.0:
        return {}
    factors: dict[str, float] = {}
    found = block_lists(model)
    for place, blocks in found.items():
        for k, block in enumerate(reversed(blocks)):
            for name, _ in block.named_parameters(prefix=f"{place}.{len(blocks) - 1 - k}"):
                factors[name] = layer_decay**k
    for place, stack in stacks(model).items():
        for name, _ in stack.named_parameters(prefix=place):
            if not name.startswith(f"{place}.final_norm."):
                factors.setdefault(name, layer_decay ** len(stack.blocks))
    deepest = max(map(len, found.values()), default=0)
    for place, part in model.named_modules():
        if isinstance(part, nn.Embedding):
            for name, _ in part.named_parameters(prefix=place):
                factors.setdefault(name, layer_decay**deepest)
    return factors


def make_optimiser(
    model: nn.Module, rates: Mapping[str, float], weight_decay: float, layer_decay: float = 1.0
) -> torch.optim.AdamW:  # fmt: skip
    """Fused AdamW (Loshchilov and Hutter, 2019) with the seeds' betas."""
    groups = parameter_groups(model, rates, weight_decay, layer_decay)
    return torch.optim.AdamW(groups, betas=(0.9, 0.98), eps=1e-6, fused=True)


def rate_factor(step: int, n_steps: int, warmup: int, floor: float) -> float:
    """Linear warmup, then a cosine from 1 down to `floor`."""
    if step < warmup:
        return (step + 1) / warmup
    progress = (step - warmup) / max(1, n_steps - warmup)
    return floor + (1 - floor) * 0.5 * (1 + math.cos(math.pi * min(1.0, progress)))
