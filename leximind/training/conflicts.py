"""Do the tasks pull the shared weights the same way? Measured, and repaired where they do not."""

from collections.abc import Callable, Iterable, Mapping, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

Gradient = Sequence[Tensor | None]


def task_gradients(
    losses: Mapping[str, Callable[[], Tensor]], parameters: Iterable[Tensor]
) -> dict[str, list[Tensor | None]]:  # fmt: skip
    """The gradient of every task's loss, computed beside the training step and not seen by it.

    Each loss runs once, in the order of `losses`. `.grad` is neither read nor written, and the random states
    of the CPU and of the parameters' GPUs are afterwards what they were, so that a step which is measured
    equals one which is not, bit for bit.

    Args:
        losses: task to a function that computes its loss () on the bare model: gradients taken this way do
            not pass the hooks of DDP or FSDP, so processes average them afterwards with `Processes.mean`.
        parameters: with respect to what, in the order of the answer.

    Returns:
        A list a task, None where the task does not touch a parameter or the parameter is frozen.
    """
    parameters = list(parameters)
    trained = [weight for weight in parameters if weight.requires_grad]
    gpus = sorted({weight.device.index for weight in parameters if weight.is_cuda})
    gradients: dict[str, list[Tensor | None]] = {}
    with torch.random.fork_rng(devices=gpus):
        for task, loss in losses.items():
            value = loss()
            found: Iterable[Tensor | None] = [None] * len(trained)
            if trained and value.requires_grad:
                found = torch.autograd.grad(value, trained, allow_unused=True)
            answers = iter(found)
            gradients[task] = [next(answers) if weight.requires_grad else None for weight in parameters]
    return gradients


def shared_dots(first: Gradient, second: Gradient) -> tuple[float, float, float]:
    """<first, second>, |first|^2 and |second|^2 over the parameters that both of them touch."""
    pairs = [(a, b) for a, b in zip(first, second, strict=True) if a is not None and b is not None]
    if not pairs:
        return 0.0, 0.0, 0.0
    sums = torch.stack([torch.stack([_dot(a, b), _dot(a, a), _dot(b, b)]) for a, b in pairs]).sum(0)
    dot, left, right = sums.tolist()
    return dot, left, right


def _dot(first: Tensor, second: Tensor) -> Tensor:
    return torch.dot(first.reshape(-1).double(), second.reshape(-1).double())


def cosines(gradients: Mapping[str, Gradient]) -> NDArray[np.float64]:
    """Cosine between the gradients of every two tasks, (K, K), in the order of `gradients`.

    A missing gradient counts as zeros, which leaves every dot product as it is but would shrink the cosine of
    two tasks by the norms of weights that only one of them has: a large head would hide a conflict in the
    encoder. So the dot product and both norms run over the parameters that both tasks touch, and -1 means
    opposed wherever they meet. Two tasks that never meet, or one whose gradient there is zero, have cosine 0.
    The diagonal is 1 (0 for a gradient of zeros).
    """
    tasks = list(gradients)
    table = np.zeros((len(tasks), len(tasks)))
    for i, first in enumerate(tasks):
        for j, second in enumerate(tasks[: i + 1]):
            dot, left, right = shared_dots(gradients[first], gradients[second])
            scale = (left * right) ** 0.5
            if scale > 0:
                table[i, j] = table[j, i] = 1.0 if i == j else np.clip(dot / scale, -1.0, 1.0)
    return table


def project(gradients: Mapping[str, Gradient], generator: torch.Generator) -> list[Tensor | None]:
    """PCGrad (Yu et al., 2020, "Gradient Surgery for Multi-Task Learning", algorithm 1).

    A copy of each task's gradient meets the original gradients of the other tasks in random order; where
    their dot product is negative, the copy is projected onto the normal plane of the other. The copies are
    summed.
    As in the paper only what two tasks share takes part: the projection runs over the parameters that both
    touch, so that the weights of a head get the plain gradient of their task.

    Args:
        gradients: from `task_gradients`; left as they are.
        generator: draws the order; on the CPU.

    Returns:
        The new gradient of every parameter, None where no task has one.
    """
    tasks = list(gradients)
    total: list[Tensor | None] = [None] * len(next(iter(gradients.values()), ()))
    for i, task in enumerate(tasks):
        repaired = list(gradients[task])
        for j in torch.randperm(len(tasks), generator=generator).tolist():
            other = gradients[tasks[j]]
            if i == j:
                continue
            dot, _, norm = shared_dots(repaired, other)
            if dot < 0 < norm:
                repaired = [
                    a if a is None or b is None else a - (dot / norm) * b
                    for a, b in zip(repaired, other, strict=True)
                ]
        for place, gradient in enumerate(repaired):
            if gradient is not None:
                before = total[place]
                total[place] = gradient.clone() if before is None else before + gradient
    return total
