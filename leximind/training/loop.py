"""The training loop: several tasks, one model, and a run that a kill at any moment does not change."""

import time
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.distributed.tensor import DTensor

from leximind.errors import InputError, ModelError
from leximind.model.multitask import MultiTask
from leximind.training import modes
from leximind.training.averages import Averages
from leximind.training.batches import Batch, BatchPlan
from leximind.training.checkpoints import Checkpoints, State, check_origin, read_state
from leximind.training.config import LoopConfig, check_tasks
from leximind.training.distributed import SINGLE, Objective, Processes
from leximind.training.feed import Feed
from leximind.training.gradients import MEASURING, Gradients, Portions, check_norm
from leximind.training.journal import Journal, plain
from leximind.training.optimiser import make_optimiser, rate_factor
from leximind.training.precision import Precision, choose_device
from leximind.training.profiling import Profiler
from leximind.training.sampling import step_seed, task_schedule
from leximind.training.snapshot import Snapshot

if TYPE_CHECKING:
    from leximind.training.tracking import Tracker

__all__ = ["LoopConfig", "Trainer"]


class Trainer:
    """Trains a model on several tasks at once.

    Everything that is random is a function of the seed and the step, so that a resumed run takes the same
    batches and drops out the same activations as one that was never interrupted.

    Attributes:
        model: with the weights of the last step; `checkpoints.load_weights` gives the best, averaged ones.
        state: of the run; complete in the checkpoints.
    """

    def __init__(
        self,
        model: MultiTask,
        plans: Mapping[str, BatchPlan],
        probabilities: Mapping[str, float],
        config: LoopConfig,
        folder: Path,
        *,
        loss: Callable[[MultiTask, str, Batch], Tensor],
        evaluate: Callable[[MultiTask], dict[str, float]] | None = None,
        processes: Processes = SINGLE,
        tracker: "Tracker | None" = None,
    ) -> None:
        """
        Args:
            model: moved to the device; its weights outside `config.frozen` that need a gradient are trained.
            plans: the batches of each task.
            probabilities: how often each task comes up.
            folder: for checkpoints and log; one that all machines see where there are several.
            loss: of a batch of one task, a mean over its `units`; runs under autocast.
            evaluate: metrics of the model, which is in evaluation mode on its device and holds the averaged
                weights where weights are averaged; every process calls it.
            processes: from `distributed.join`.
            tracker: gets what the log gets.

        Raises:
            InputError: the configuration fits neither the tasks nor the model nor the machine.
        """
        self.tasks = list(probabilities)
        check_tasks(config, self.tasks, list(plans), evaluate is not None)
        if processes.size == 1:
            processes = replace(processes, device=choose_device(config.device))
        self.config, self.folder, self.processes, self.evaluate = config, folder, processes, evaluate
        self.model = model.to(processes.device)
        modes.freeze(model, config.frozen)
        if config.gradient_checkpointing:
            modes.checkpoint_gradients(model)
        if config.compile:
            modes.compile_blocks(model)
        self.precision = Precision(config.precision, processes.device)
        objective = Objective(model, loss)
        self.wrapped = processes.wrap(objective, config.fsdp)  # before the optimiser: FSDP swaps the weights
        self.gradients = Gradients(objective, self.wrapped, self.precision, processes, config.task_weights)
        self.optimiser = make_optimiser(model, config.rates, config.weight_decay, config.layer_decay)
        self.base_rates = [group["lr"] for group in self.optimiser.param_groups]
        self.averages = Averages(model, config.ema) if config.ema else None
        self.schedule = task_schedule(dict(probabilities), config.n_steps, config.seed)
        pad_id = model.config.backbone.pad_token_id
        self.feed = Feed({task: plans[task] for task in self.tasks}, processes, pad_id)
        self.checkpoints = Checkpoints(folder, config.keep_last)
        self.snapshot = Snapshot(model, self.optimiser, self.averages, processes)
        self.journal = Journal(folder, config.n_steps, tracker, silent=not processes.is_first)
        self.state = State(seed=config.seed)
        self._saved = -1

    @property
    def step(self) -> int:
        """Steps done."""
        return self.state.step

    def train(self) -> None:
        """Run to the last step, or until `monitor` no longer gets better.

        Raises:
            ModelError: a loss or a gradient is no longer a number, or a checkpoint cannot be read.
            InputError: a checkpoint is of a run with another seed or other tasks.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        self._resume()
        self.journal.open(self.step)
        n_traced = self.config.profile_steps if self.processes.is_first else 0
        try:
            with Profiler(n_traced, self.folder) as profiler:
                if self._evaluation_due() and self.state.evaluated != self.step:
                    self._judge()  # the kill came between the checkpoint and the end of its evaluation
                while self.step < self.config.n_steps and not self._stale():
                    self._advance()
                    profiler.step()
                    self._milestone()
        except ModelError as error:
            self.journal.write(self.step, {"stopped": error.message})
            raise
        finally:
            self.journal.close()

    def _advance(self) -> None:
        """One step of the optimiser."""
        started, config = time.perf_counter(), self.config
        modes.set_training(self.model)
        for group, rate in zip(self.optimiser.param_groups, self.base_rates, strict=True):
            group["lr"] = rate * rate_factor(self.step, config.n_steps, config.warmup, config.floor)
        self.optimiser.zero_grad(set_to_none=True)
        torch.manual_seed(step_seed(config.seed, self.step, self.processes.rank))
        if config.surgery == "pcgrad":
            portions = {task: self.feed.take(task, config.accumulate) for task in self.tasks}
            losses = self.gradients.project(self.step, config.seed, portions)
        else:
            task = self.tasks[int(self.schedule[self.step])]
            portions = {task: self.feed.take(task, config.accumulate)}
            losses = self.gradients.accumulate(self.step, task, portions[task])
        self._update(portions)
        n_tokens = sum(part.n_tokens for parts in portions.values() for part in parts)
        self.journal.advance(losses, n_tokens * self.processes.size, time.perf_counter() - started)
        self.state = replace(self.state, step=self.step + 1)

    def _update(self, portions: Portions) -> None:
        """Clip the gradient and move the weights along it."""
        scaler = self.precision.scaler
        scaler.unscale_(self.optimiser)
        trained = [weight for group in self.optimiser.param_groups for weight in group["params"]]
        norm = nn.utils.clip_grad_norm_(trained, self.config.clip or float("inf"))
        # A scaler skips the step that is not finite, and tries a smaller scale in the next.
        if not scaler.is_enabled():
            check_norm(float(norm.full_tensor() if isinstance(norm, DTensor) else norm), self.step, portions)
        scaler.step(self.optimiser)
        scaler.update()
        self.precision.check_scale(self.step)
        if self.averages is not None:
            self.averages.update(self.step)

    def _milestone(self) -> None:
        """What is due after a step. The log comes first, so that a checkpoint finds it complete."""
        config, last = self.config, self.step == self.config.n_steps
        if config.conflict_every and self.step % config.conflict_every == 0 and len(self.tasks) > 1:
            self._measure_conflicts()
        if self.step % config.log_every == 0 or last:
            self.journal.report(self.step, max(group["lr"] for group in self.optimiser.param_groups))
        if self.step % config.save_every == 0 or last:
            self._save()
        if self._evaluation_due():
            self._judge()

    def _measure_conflicts(self) -> None:
        """Log the angles between the tasks' gradients on the batches that come next, and leave those."""
        modes.set_training(self.model)
        torch.manual_seed(step_seed(self.config.seed, self.step, self.processes.rank, MEASURING))
        table = self.gradients.cosines({task: self.feed.peek(task) for task in self.tasks})
        rows = [[plain(float(value)) for value in row] for row in table]
        self.journal.write(self.step, {"conflicts": {"tasks": self.tasks, "cosines": rows}})

    def _evaluation_due(self) -> bool:
        every = self.config.evaluate_every or self.config.save_every
        due = self.step % every == 0 or self.step == self.config.n_steps
        return self.evaluate is not None and self.step > 0 and due

    def _judge(self) -> None:
        """Evaluate, and save what is the best so far or the end."""
        assert self.evaluate is not None
        averaged = nullcontext() if self.averages is None else self.averages.applied()
        with averaged, modes.evaluating(self.model, self.wrapped):
            metrics = self.evaluate(self.model)
        self.journal.validate(self.step, metrics)
        self.state = replace(self.state, evaluated=self.step)
        if monitor := self.config.monitor:
            name = monitor.removeprefix("-")
            if name not in metrics:
                raise InputError(f"monitor is {monitor!r}, but the evaluation gives {', '.join(metrics)}.")
            value = torch.tensor(metrics[name], dtype=torch.float64, device=self.processes.device)
            value = self.processes.mean(value)  # all must stop at the same step
            self.state = self.state.judge(float(value), higher_is_better=monitor == name)
        if self._stale():
            best = f"{self.state.best_value} at step {self.state.best_step}"
            self.journal.write(self.step, {"stopped": f"The best {self.config.monitor} was {best}."})
        if self._saved == self.step and self.processes.is_first:
            self.checkpoints.amend(self._full_state())
            self.checkpoints.prune(self.state.best_step)
        elif self._saved != self.step and (self.state.best_step == self.step or self._stale()):
            self._save()

    def _stale(self) -> bool:
        return 0 < self.config.patience <= self.state.stale

    def _full_state(self) -> State:
        scaler = self.precision.scaler.state_dict()
        return replace(
            self.state, positions=self.feed.positions, losses=self.journal.losses,
            seconds=self.journal.seconds, scaler=scaler,
        )  # fmt: skip

    def _save(self) -> None:
        """Write a checkpoint of this step, then delete those that need not be kept."""
        files = self.snapshot.files()
        if self.processes.is_first:
            self.checkpoints.save(self._full_state(), files)
            self.checkpoints.prune(self.state.best_step)
        self._saved = self.step
        self.processes.barrier()

    def _resume(self) -> None:
        """Go on from where `config.resume` says, and tidy the folder of what comes after it."""
        path = self.checkpoints.origin(self.config.resume)
        if path is not None:
            self._take(read_state(path))
            self.snapshot.restore(path)
            own = self.checkpoints.path(self.step)
            self._saved = self.step if path.resolve() == own.resolve() else -1
        self.processes.barrier()  # everyone has read before anything is moved
        if self.processes.is_first:
            if self.config.resume == "never":
                self.journal.set_aside()
            self.checkpoints.set_aside(above=self.step if path is not None else -1)
            self.journal.cut(self.step, self.state.evaluated)
        self.processes.barrier()

    def _take(self, state: State) -> None:
        """Stand where a checkpoint stood."""
        check_origin(state, self.config.seed, self.tasks)
        if state.best_step >= 0 and not self.checkpoints.path(state.best_step).exists():
            state = replace(state, best_step=-1, best_value=None, stale=0)
        self.state = state
        self.feed.positions |= state.positions
        self.journal.losses, self.journal.seconds = dict(state.losses), state.seconds
        if state.scaler and self.precision.scaler.is_enabled():
            self.precision.scaler.load_state_dict(state.scaler)
