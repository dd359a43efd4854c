"""The tensors of a run, to files and back."""

from pathlib import Path

import torch
from torch import Tensor, nn

from leximind.model.checkpoint import check_keys
from leximind.training.averages import Averages
from leximind.training.checkpoints import AVERAGE, MODEL, OPTIMISER, read_tensors
from leximind.training.distributed import Processes


class Snapshot:
    """Weights, moments and averages under the weights' names, whole even where processes share them out."""

    def __init__(
        self,
        model: nn.Module,
        optimiser: torch.optim.Optimizer,
        averages: Averages | None,
        processes: Processes,
    ) -> None:
        self.model, self.optimiser, self.averages, self.processes = model, optimiser, averages, processes

    def files(self) -> dict[str, dict[str, Tensor]]:
        """Tensors by file; every process has to call this."""
        moments = {
            f"{name}.{kind}": value
            for name, weight in self.model.named_parameters()
            for kind, value in self.optimiser.state.get(weight, {}).items()
        }
        files = {MODEL: self.model.state_dict(), OPTIMISER: moments}
        if self.averages is not None:
            files[AVERAGE] = self.averages.tensors
        return {name: self.processes.gather(tensors) for name, tensors in files.items()}

    def restore(self, path: Path) -> None:
        """Take everything from a checkpoint; what it lacks (a weight trained only now) starts fresh.

        Raises:
            ModelError: it cannot be read, or is of another model.
        """
        state = read_tensors(path, MODEL)
        check_keys(self.model, state)
        self.model.load_state_dict(self.processes.scatter(state, self.model.state_dict()))
        weights = {name: w for name, w in self.model.named_parameters() if w.requires_grad}
        for key, value in read_tensors(path, OPTIMISER).items():
            name, _, kind = key.rpartition(".")
            if name in weights:
                weight = weights[name]
                like = weight if value.shape == weight.shape else value
                moved = {key: value.to(weight.device)}
                self.optimiser.state[weight][kind] = self.processes.scatter(moved, {key: like})[key]
        if self.averages is not None:
            saved = read_tensors(path, AVERAGE)
            known = {name: saved[name] for name in self.averages.tensors if name in saved}
            self.averages.load(self.processes.scatter(known, self.averages.tensors))
