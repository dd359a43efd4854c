"""The moving average of the weights."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from torch import Tensor, nn


def decay_at(step: int, decay: float) -> float:
    """min(decay, (1 + step) / (10 + step)), for the update after step number `step`, from 0.

    The rising start (as in TensorFlow's ExponentialMovingAverage) lets short runs forget where they began.
    """
    return min(decay, (1 + step) / (10 + step))


class Averages:
    """average <- d * average + (1 - d) * weight for every trained weight (Polyak and Juditsky, 1992)."""

    def __init__(self, model: nn.Module, decay: float) -> None:
        self.decay = decay
        self.weights = {name: w.detach() for name, w in model.named_parameters() if w.requires_grad}
        self.tensors = {name: weight.clone() for name, weight in self.weights.items()}

    def update(self, step: int) -> None:
        """Take in the weights after step number `step`, from 0."""
        for name, weight in self.weights.items():
            self.tensors[name].lerp_(weight, 1 - decay_at(step, self.decay))

    def load(self, tensors: Mapping[str, Tensor]) -> None:
        """Go on from saved averages, by the weights' names; what was not saved starts at its weight."""
        for name, tensor in self.tensors.items():
            tensor.copy_(tensors.get(name, self.weights[name]))

    @contextmanager
    def applied(self) -> Iterator[None]:
        """Inside, the model's weights are the averages; afterwards they are what they were, bit for bit."""
        kept = {name: weight.clone() for name, weight in self.weights.items()}
        try:
            for name, weight in self.weights.items():
                weight.copy_(self.tensors[name])
            yield
        finally:
            for name, weight in self.weights.items():
                weight.copy_(kept[name])
