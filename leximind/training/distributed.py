"""Several processes, one training run: ``torchrun --nproc-per-node=N builders/train.py``.

N processes take the steps that one process would take with the whole batch. Each of them knows every batch
(a `BatchPlan` is a function of its seed), keeps its `share` of the rows, and multiplies its loss, a mean over
the `units` of that share, by ``units / mean(units)``. The average of gradients that DDP and FSDP take is then
the gradient of the mean over the whole batch, however uneven rows and target tokens are. Only where a loss
adds a mean over rows (distillation) to one over target tokens, the rows of a share weigh as its tokens do.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeVar

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard
from torch.distributed.tensor import DTensor, distribute_tensor
from torch.nn.parallel import DistributedDataParallel

from leximind.errors import InputError
from leximind.model.multitask import MultiTask
from leximind.model.stack import Block
from leximind.training.batches import IGNORE, Batch

Row = TypeVar("Row")

# The others wait this long while the first process evaluates or writes a checkpoint.
PATIENCE = timedelta(hours=2)


@dataclass(frozen=True)
class Processes:
    """Which of how many processes this is.

    Attributes:
        rank: from 0 to size - 1, over all machines.
        size: how many take part.
        device: where this one computes.
    """

    rank: int
    size: int
    device: torch.device

    @property
    def is_first(self) -> bool:
        """Whether this process writes the files and the log."""
        return self.rank == 0

    def share(self, rows: Sequence[Row]) -> list[Row]:
        """This process's rows of a batch, ``rows[rank::size]``.

        Everyone has to take part in a step, so where a batch has fewer rows than there are processes those
        left over (``rank >= len(rows)``) get its first row, which must count as 0 units.
        """
        return list(rows[self.rank :: self.size]) or list(rows[:1])

    def mean(self, tensor: Tensor) -> Tensor:
        """The mean of a tensor over the processes, a new tensor that is the same for all."""
        total = tensor.detach().clone()
        if self.size > 1:
            dist.all_reduce(total)
        return total / self.size

    def barrier(self) -> None:
        """Wait for the others."""
        if self.size > 1:
            dist.barrier()

    def wrap(self, module: nn.Module, fsdp: bool = False) -> nn.Module:
        """A module, on `device` already, whose backward pass averages gradients over the processes.

        Both ways act when the wrapped module is *called*, so wrap what computes the loss (`Objective`) and
        call that. All start from the weights of the first process. One process alone gets the module back.

        Args:
            module: what is called in every step.
            fsdp: shard weights, gradients and moments over the processes (in place: make the optimiser
                afterwards, and save what `gather` gives); otherwise everyone keeps a copy (DDP).
        """
        if self.size == 1:
            return module
        if not fsdp:
            # Each task leaves the heads of the others without a gradient.
            return DistributedDataParallel(module, find_unused_parameters=True)
        for tensor in [*module.parameters(), *module.buffers()]:
            dist.broadcast(tensor.detach(), 0)
        mesh = init_device_mesh(self.device.type, (self.size,))
        for block in [part for part in module.modules() if isinstance(part, Block)]:
            fully_shard(block, mesh=mesh)
        fully_shard(module, mesh=mesh)
        return module

    def gather(self, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Whole tensors of what FSDP has sharded, others as they are; everyone has to call this."""
        return {
            name: tensor.full_tensor() if isinstance(tensor, DTensor) else tensor
            for name, tensor in tensors.items()
        }

    def scatter(self, tensors: Mapping[str, Tensor], like: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The opposite of `gather`: whole tensors, cut as the tensors of the same name in `like` are."""
        return {name: _cut(tensor, like[name]) for name, tensor in tensors.items()}


def _cut(tensor: Tensor, like: Tensor) -> Tensor:
    if not isinstance(like, DTensor):
        return tensor
    return distribute_tensor(tensor.to(like.device), like.device_mesh, like.placements)


SINGLE = Processes(0, 1, torch.device("cpu"))


class Objective(nn.Module):
    """The loss of a batch as a module to wrap: ``wrap(Objective(model, loss))(task, batch)``.

    The same computation as ``loss(model, task, batch)``, seen by the hooks of DDP and FSDP.
    """

    def __init__(self, model: MultiTask, loss: Callable[[MultiTask, str, Batch], Tensor]) -> None:
        super().__init__()
        self.model, self.loss = model, loss

    def forward(self, task: str, batch: Batch) -> Tensor:
        """The loss () of a batch of one task."""
        return self.loss(self.model, task, batch)


def units(batch: Batch) -> int:
    """What the loss of a batch is a mean over: target tokens for summaries, rows for every other task."""
    return len(batch.token_ids) if batch.decoder_ids is None else int((batch.targets != IGNORE).sum())


def join(device: str = "auto") -> Processes:
    """Take the place torchrun gave this process; alone where it was started without torchrun.

    Args:
        device: ``cpu`` (gloo), ``cuda`` (nccl, a GPU a process), or ``auto``: cuda where there is one.

    Raises:
        InputError: cuda was asked for and there is none, or there are more processes than GPUs.
    """
    kind = ("cuda" if torch.cuda.is_available() else "cpu") if device == "auto" else torch.device(device).type
    if kind == "cuda" and not torch.cuda.is_available():
        raise InputError(
            f"device={device} was asked for, but torch sees no GPU.", hint="Use device=cpu or device=auto."
        )
    if not dist.is_torchelastic_launched():
        return Processes(0, 1, torch.device(kind if device == "auto" else device))
    local = dist.get_node_local_rank()
    if kind == "cuda" and local >= torch.cuda.device_count():
        raise InputError(
            f"This is process {local} of its machine, which has {torch.cuda.device_count()} GPUs.",
            hint="Start torchrun with --nproc-per-node at most the number of GPUs, or use device=cpu.",
        )
    place = torch.device(kind, local) if kind == "cuda" else torch.device(kind)
    if kind == "cuda":
        torch.cuda.set_device(place)
    if not dist.is_initialized():
        dist.init_process_group("nccl" if kind == "cuda" else "gloo", timeout=PATIENCE)
    return Processes(dist.get_rank(), dist.get_world_size(), place)


def leave() -> None:
    """End what `join` began; without effect where there is nothing to end."""
    if dist.is_initialized():
        dist.destroy_process_group()
