"""The gradient of a step: of one task's batches, or of all tasks with their conflicts projected away."""

import math
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from leximind.errors import InputError, ModelError
from leximind.training.conflicts import Gradient, cosines, project, task_gradients
from leximind.training.distributed import Objective, Processes
from leximind.training.feed import Portion
from leximind.training.precision import Precision
from leximind.training.sampling import step_seed

# What random numbers are for, beside the portions of a step, which count from 0.
MEASURING, ORDER = 1_000_000, 1_000_001

Portions = Mapping[str, Sequence[Portion]]


class Gradients:
    """Fills the weights' `.grad`, scaled where the precision has a scaler.

    Batches of one step count as one large batch: each loss, a mean over its `n_units`, weighs as much of the
    sum as it has of all units over portions and processes.
    """

    def __init__(
        self,
        objective: Objective,
        wrapped: nn.Module,
        precision: Precision,
        processes: Processes,
        task_weights: Mapping[str, float],
    ) -> None:
        """
        Args:
            objective: called bare for the gradient of one task among several.
            wrapped: the same behind DDP or FSDP, for the gradient that processes average.
        """
        self.objective, self.wrapped, self.precision = objective, wrapped, precision
        self.processes, self.task_weights = processes, task_weights
        self.weights = list(objective.model.parameters())

    def accumulate(self, step: int, task: str, portions: Sequence[Portion]) -> dict[str, float]:
        """The gradient of one task's batches; gives its loss, the mean over all processes."""
        total = torch.zeros((), device=self.processes.device)
        for portion, share in zip(portions, self._shares(portions), strict=True):
            with nullcontext() if portion is portions[-1] else self._unsynchronised():
                loss = self._loss(self.wrapped, step, task, portion)
                weighted = loss * (share * self.task_weights.get(task, 1.0))
                self.precision.scaler.scale(weighted).backward()  # type: ignore[no-untyped-call]
            total += loss.detach().float() * share
        return {task: float(self.processes.mean(total))}

    def project(self, step: int, seed: int, portions: Portions) -> dict[str, float]:
        """The sum of all tasks' gradients without their conflicts (PCGrad); gives their losses.

        Args:
            seed: of the run.
        """
        losses = {task: torch.zeros((), device=self.processes.device) for task in portions}
        shares = {task: self._shares(parts) for task, parts in portions.items()}
        gradients: dict[str, list[Tensor | None]] = {}

        def compute(task: str, i: int) -> Tensor:
            loss = self._loss(self.objective, step, task, portions[task][i])
            losses[task] += loss.detach().float() * shares[task][i]
            return self.precision.scaler.scale(loss * (shares[task][i] * self.task_weights.get(task, 1.0)))

        rank = self.processes.rank
        for i in range(len(next(iter(portions.values())))):
            torch.manual_seed(step_seed(seed, step, rank, i))  # `task_gradients` puts random states back
            found = task_gradients({task: partial(compute, task, i) for task in portions}, self.weights)
            gradients = {task: _add(gradients.get(task), found[task]) for task in portions}
        order = torch.Generator().manual_seed(step_seed(seed, step, 0, ORDER))  # the same for all processes
        together = project(self._averaged(gradients), order)
        for weight, gradient in zip(self.weights, together, strict=True):
            weight.grad = gradient
        return {task: float(self.processes.mean(loss)) for task, loss in losses.items()}

    def cosines(self, portions: Portions) -> NDArray[np.float64]:
        """The cosine between every two tasks' gradients on one batch each, (K, K); changes nothing."""

        def compute(task: str, portion: Portion, share: float) -> Tensor:
            with self.precision.autocast():
                loss: Tensor = self.objective(task, portion.batch)
            return self.precision.scaler.scale(loss * share)

        losses: dict[str, Callable[[], Tensor]] = {}
        for task, (portion,) in portions.items():
            losses[task] = partial(compute, task, portion, *self._shares([portion]))
        return cosines(self._averaged(task_gradients(losses, self.weights)))

    def _loss(self, module: nn.Module, step: int, task: str, portion: Portion) -> Tensor:
        with self.precision.autocast():
            loss: Tensor = module(task, portion.batch)
        if not math.isfinite(value := float(loss.detach())):
            raise ModelError(
                f"The {task} loss is {value} at step {step}, on its examples {_listed([portion])}.",
                hint="Look at these examples, lower the learning rate, or use precision=float32.",
            )
        if not loss.requires_grad:
            raise InputError(
                f"No weight that is trained takes part in the {task} loss.",
                hint=f"Train some of what it needs, or leave {task} out.",
            )
        return loss

    def _shares(self, portions: Sequence[Portion]) -> list[float]:
        n_units = torch.tensor(float(sum(part.n_units for part in portions)), dtype=torch.float64)
        if self.processes.size > 1:
            n_units = self.processes.mean(n_units.to(self.processes.device))
        return [part.n_units / max(1.0, float(n_units)) for part in portions]

    def _averaged(self, gradients: Mapping[str, Gradient]) -> Mapping[str, Gradient]:
        if self.processes.size == 1:
            return gradients
        mean = self.processes.mean
        return {task: [None if g is None else mean(g) for g in found] for task, found in gradients.items()}

    def _unsynchronised(self) -> AbstractContextManager[None]:
        """Without exchanging gradients, which the last batch of the step does for all."""
        if isinstance(self.wrapped, DistributedDataParallel):
            return self.wrapped.no_sync()
        return nullcontext()


def check_norm(norm: float, step: int, portions: Portions) -> None:
    """Raises ModelError for a gradient that is no number."""
    if not math.isfinite(norm):
        where = "; ".join(f"{task} {_listed(parts)}" for task, parts in portions.items())
        raise ModelError(
            f"The gradient's norm is {norm} at step {step}, on the examples of {where}.",
            hint="Look at these examples, lower the learning rate, or use precision=float32.",
        )


def _listed(portions: Sequence[Portion]) -> str:
    return ", ".join(str(number) for part in portions for number in part.numbers)


def _add(first: Gradient | None, second: Sequence[Tensor | None]) -> list[Tensor | None]:
    if first is None:
        return list(second)
    return [a if b is None else b if a is None else a + b for a, b in zip(first, second, strict=True)]
