"""Which batches a step takes, and where each task stands in its data."""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

import torch
from torch import Tensor

from leximind.training.batches import Batch, BatchPlan, collate
from leximind.training.distributed import Processes, units


@dataclass(frozen=True)
class Portion:
    """This process's part of one batch of a task.

    Attributes:
        numbers: which examples the whole batch holds, their places in the plan's `examples`.
        batch: on the device.
        n_units: what the loss of the part is a mean over; 0 where this process only keeps step.
        n_tokens: source and target tokens of the part, padding left out.
    """

    numbers: list[int]
    batch: Batch
    n_units: int
    n_tokens: int


class Feed:
    """Hands out the batches of each task in the order of its plan.

    `positions`, the number of batches taken of each task, is all there is to save.
    """

    def __init__(self, plans: Mapping[str, BatchPlan], processes: Processes, pad_id: int) -> None:
        self.plans, self.processes, self.pad_id = plans, processes, pad_id
        self.positions = dict.fromkeys(plans, 0)

    def take(self, task: str, n: int) -> list[Portion]:
        """The next `n` batches of a task."""
        portions = self.peek(task, n)
        self.positions[task] += n
        return portions

    def peek(self, task: str, n: int = 1) -> list[Portion]:
        """The same, leaving them to be taken."""
        return [self._portion(task, self.positions[task] + i) for i in range(n)]

    def _portion(self, task: str, position: int) -> Portion:
        plan = self.plans[task]
        numbers = plan.numbers(position).tolist()
        batch = collate(self.processes.share(plan.rows(position)), task, self.pad_id)
        n_units = units(batch)
        n_tokens = int(batch.mask.sum()) + (n_units if batch.decoder_ids is not None else 0)
        if self.processes.rank >= len(numbers):
            n_units = n_tokens = 0
        return Portion(numbers, to_device(batch, self.processes.device), n_units, n_tokens)


def to_device(batch: Batch, device: torch.device) -> Batch:
    """The batch with every tensor on the device."""
    held = {f.name: getattr(batch, f.name) for f in fields(batch)}
    moved: dict[str, Any] = {k: v.to(device) for k, v in held.items() if isinstance(v, Tensor)}
    return replace(batch, **moved)
