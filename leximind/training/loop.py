"""The training loop: one task a step, checkpoints that a killed run resumes from."""

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor, nn
from tqdm import tqdm

from leximind.errors import ModelError
from leximind.model.multitask import MultiTask
from leximind.model.seq2seq import Seq2Seq
from leximind.training.batches import BatchPlan, collate
from leximind.training.losses import distillation_loss, task_loss
from leximind.training.optimiser import make_optimiser, rate_factor
from leximind.training.sampling import task_schedule

CHECKPOINT, WEIGHTS = "checkpoint.safetensors", "model."


@dataclass(frozen=True)
class LoopConfig:
    """How long and how fast; rates by prefix of the weights' names."""

    n_steps: int
    warmup: int
    rates: dict[str, float]
    floor: float = 0.0
    weight_decay: float = 0.01
    clip: float = 1.0
    label_smoothing: float = 0.0
    distillation: float = 0.0
    save_every: int = 200
    log_every: int = 20
    seed: int = 0


class Trainer:
    """Trains a model on several tasks at once.

    Everything that is random is a function of the seed and the step, so a checkpoint holds weights, moments
    and the step, and a resumed run takes the same batches.
    """

    def __init__(
        self,
        model: MultiTask,
        plans: dict[str, BatchPlan],
        probabilities: dict[str, float],
        config: LoopConfig,
        folder: Path,
        *,
        teacher: Seq2Seq | None = None,
        evaluate: Callable[[MultiTask], dict[str, float]] | None = None,
    ) -> None:
        self.model, self.plans, self.config, self.folder = model, plans, config, folder
        self.teacher, self.evaluate = teacher, evaluate
        self.tasks = list(probabilities)
        self.schedule = task_schedule(probabilities, config.n_steps, config.seed)
        self.optimiser = make_optimiser(model, config.rates, config.weight_decay)
        self.base_rates = [group["lr"] for group in self.optimiser.param_groups]
        self.step = 0

    def train(self) -> None:
        """Run to the last step, from the newest checkpoint where there is one.

        Raises:
            ModelError: the loss is no longer a number.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        self._resume()
        progress = tqdm(total=self.config.n_steps, initial=self.step, unit="step", smoothing=0.05)
        started, recent = time.monotonic(), dict.fromkeys(self.tasks, 0.0)
        while self.step < self.config.n_steps:
            task = self.tasks[int(self.schedule[self.step])]
            loss = self._advance(task)
            recent[task] = loss if recent[task] == 0.0 else 0.95 * recent[task] + 0.05 * loss
            progress.set_postfix({name: f"{value:.3f}" for name, value in recent.items()}, refresh=False)
            progress.update()
            if self.step % self.config.log_every == 0:
                self._log({"seconds": round(time.monotonic() - started, 1), "rate": self._factor(), **recent})
            if self.step % self.config.save_every == 0 or self.step == self.config.n_steps:
                self.save()
                if self.evaluate is not None:
                    self._log({"validation": self.evaluate(self.model)})
        progress.close()

    def _advance(self, task: str) -> float:
        position = int((self.schedule[: self.step] == self.schedule[self.step]).sum())
        batch = collate(self.plans[task].rows(position), task, self.model.config.backbone.pad_token_id)
        torch.manual_seed(self.config.seed * 1_000_003 + self.step)  # dropout, the same after a resume
        self.model.train()
        encoder = self.model.backbone.encoder
        if not any(weight.requires_grad for weight in encoder.parameters()):
            # What is not trained needs no dropout, and its random masks cost a third of a step.
            encoder.eval()
        for group, rate in zip(self.optimiser.param_groups, self.base_rates, strict=True):
            group["lr"] = rate * self._factor()
        with torch.autocast("cpu", torch.bfloat16):
            loss, states = task_loss(self.model, task, batch, self.config.label_smoothing)
            total = loss
            if self.teacher is not None and task != "emotion":
                total = loss + self.config.distillation * distillation_loss(states, batch, self.teacher)
        if not torch.isfinite(total):
            raise ModelError(
                f"The {task} loss is {float(total)} at step {self.step}; lower the learning rate."
            )
        self.optimiser.zero_grad(set_to_none=True)
        total.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(self.model.parameters(), self.config.clip)
        self.optimiser.step()
        self.step += 1
        return float(loss.detach())

    def _factor(self) -> float:
        return rate_factor(self.step, self.config.n_steps, self.config.warmup, self.config.floor)

    def _log(self, values: dict[str, object]) -> None:
        with (self.folder / "log.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps({"step": self.step, **values}) + "\n")

    def save(self) -> None:
        """Write the checkpoint beside the old one, then put it in its place."""
        tensors = {f"{WEIGHTS}{name}": value for name, value in self.model.state_dict().items()}
        tensors |= {f"optimiser.{name}": value for name, value in self._moments()}
        partial = self.folder / "checkpoint.partial"
        save_file(tensors, partial, metadata={"step": str(self.step)})
        partial.replace(self.folder / CHECKPOINT)

    def _moments(self) -> Iterator[tuple[str, Tensor]]:
        for i, state in self.optimiser.state_dict()["state"].items():
            for name, value in state.items():
                yield f"{i}.{name}", value

    def _resume(self) -> None:
        path = self.folder / CHECKPOINT
        if not path.exists():
            return
        load_weights(self.model, path)
        with safe_open(path, "pt") as file:
            self.step = int(file.metadata()["step"])
            state: dict[int, dict[str, Tensor]] = {}
            for key in file.keys():  # noqa: SIM118
                if key.startswith("optimiser."):
                    _, i, name = key.split(".", 2)
                    state.setdefault(int(i), {})[name] = file.get_tensor(key)
        described = self.optimiser.state_dict()
        self.optimiser.load_state_dict({"state": state, "param_groups": described["param_groups"]})


def load_weights(model: nn.Module, path: Path) -> None:
    """Put a training checkpoint's weights into a model of the same configuration."""
    with safe_open(path, "pt") as file:
        keys = [key for key in file.keys() if key.startswith(WEIGHTS)]  # noqa: SIM118
        model.load_state_dict({key.removeprefix(WEIGHTS): file.get_tensor(key) for key in keys})
