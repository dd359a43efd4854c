"""Everything a killed run needs to go on, in folders that are whole or not there.

``FOLDER/checkpoints/step-00000200/`` holds ``model.safetensors``, ``optimiser.safetensors``,
``average.safetensors`` where weights are averaged, and ``state.json``. It is written under a name that ends
in ``.partial`` and renamed when every byte is on the disk.
"""

import json
import math
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Self

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from leximind.errors import InputError, ModelError
from leximind.model.checkpoint import check_keys
from leximind.training.files import PARTIAL, flush, free_name, remove

FOLDER, STATE = "checkpoints", "state.json"
MODEL, OPTIMISER, AVERAGE = "model.safetensors", "optimiser.safetensors", "average.safetensors"


@dataclass(frozen=True)
class State:
    """What is not a tensor. Rate, task schedule and random numbers are functions of seed and step.

    Attributes:
        step: steps done.
        seed: of the run.
        positions: batches taken of each task.
        losses: running mean of each task's loss.
        seconds: of training so far, over all interruptions.
        scaler: the gradient scaler's state; empty without one.
        evaluated: the step of the last evaluation, -1 for none.
        best_step, best_value: of the best evaluation so far; -1 and None for none.
        stale: evaluations since then.
    """

    step: int = 0
    seed: int = 0
    positions: dict[str, int] = field(default_factory=dict)
    losses: dict[str, float] = field(default_factory=dict)
    seconds: float = 0.0
    scaler: dict[str, Any] = field(default_factory=dict)
    evaluated: int = -1
    best_step: int = -1
    best_value: float | None = None
    stale: int = 0

    def judge(self, value: float, *, higher_is_better: bool) -> Self:
        """The state after an evaluation at this step; a value that is no number is never better."""
        best = self.best_value
        better = best is None or (value > best if higher_is_better else value < best)
        if better and not math.isnan(value):
            return replace(self, evaluated=self.step, best_step=self.step, best_value=value, stale=0)
        return replace(self, evaluated=self.step, stale=self.stale + 1)


class Checkpoints:
    """The checkpoints of one run's folder."""

    def __init__(self, run: Path, keep_last: int) -> None:
        self.run, self.folder, self.keep_last = run, run / FOLDER, keep_last

    def path(self, step: int) -> Path:
        """Where the checkpoint of a step is or will be."""
        return self.folder / f"step-{step:08d}"

    def found(self) -> list[Path]:
        """Every finished checkpoint, the newest first."""
        paths = [path for path in self.folder.glob("step-*") if path.name.removeprefix("step-").isdigit()]
        return sorted(paths, key=step_of, reverse=True)

    def save(self, state: State, files: Mapping[str, Mapping[str, Tensor]]) -> Path:
        """Write a checkpoint: tensors by file name and tensor name."""
        path = self.path(state.step)
        partial = path.with_name(path.name + PARTIAL)
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
        for name, tensors in files.items():
            whole = {key: value.detach().cpu().contiguous() for key, value in tensors.items()}
            save_file(whole, partial / name, metadata={"format": "pt"})
            flush(partial / name)
        sizes = {name: (partial / name).stat().st_size for name in files}
        _write_state(partial / STATE, state, sizes)
        if path.exists():  # a damaged one that a run could not go on from
            remove(path)
        partial.rename(path)
        flush(self.folder)
        return path

    def amend(self, state: State) -> None:
        """Put the state in the place of the one in this step's checkpoint."""
        path = self.path(state.step) / STATE
        partial = path.with_name(STATE + PARTIAL)
        _write_state(partial, state, json.loads(path.read_text(encoding="utf-8"))["files"])
        partial.replace(path)

    def prune(self, best_step: int) -> None:
        """Delete all but the newest `keep_last` and the best, and what was left half-written."""
        for path in self.found()[self.keep_last :]:
            if step_of(path) != best_step:
                remove(path)
        for path in self.folder.glob(f"step-*{PARTIAL}"):
            shutil.rmtree(path)

    def origin(self, resume: str) -> Path | None:
        """Where to go on from: ``auto``, ``never`` or a checkpoint's path; None for a new run."""
        if resume == "never":
            return None
        return self.newest() if resume == "auto" else Path(resume)

    def newest(self) -> Path | None:
        """The newest whole checkpoint; None where there is none at all.

        Raises:
            ModelError: there are some, but none can be read.
        """
        found = self.found()
        for path in found:
            try:
                read_state(path)
            except ModelError:
                continue
            return path
        if found:
            raise ModelError(
                f"None of the {len(found)} checkpoints in {self.folder} can be read.",
                hint="Use resume=never to begin anew; they are kept beside the new ones.",
            )
        return None

    def set_aside(self, above: int) -> None:
        """Move checkpoints after step `above` away from a run that goes its own way from there."""
        late = [path for path in self.found() if step_of(path) > above]
        if late:
            aside = free_name(self.folder)
            aside.mkdir()
            for path in late:
                path.rename(aside / path.name)


def read_state(path: Path) -> State:
    """The state of a checkpoint of which every file is there in its full length.

    Raises:
        ModelError: it is missing or damaged.
    """
    try:
        described = json.loads((path / STATE).read_text(encoding="utf-8"))
        for name, size in described["files"].items():
            if (actual := (path / name).stat().st_size) != size:
                raise ValueError(f"{name} has {actual} bytes, but {size} were written")
        return State(**described["state"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ModelError(
            f"{path} is no checkpoint that training can go on from ({error}).",
            hint="Give a folder such as RUN/checkpoints/step-00000200, or resume=auto.",
        ) from error


def check_origin(state: State, seed: int, tasks: Sequence[str]) -> None:
    """Raise InputError where a checkpoint is of a run with another seed or other tasks."""
    hint = "Use the same ones, another folder, or resume=never."
    if state.seed != seed:
        raise InputError(f"seed is {seed}, but the checkpoint's is {state.seed}.", hint=hint)
    if set(state.positions) != set(tasks):
        theirs = ", ".join(state.positions)
        raise InputError(f"The tasks are {', '.join(tasks)}, but the checkpoint's are {theirs}.", hint=hint)


def read_tensors(path: Path, name: str) -> dict[str, Tensor]:
    """The tensors of one file of a checkpoint; empty where it has no such file.

    Raises:
        ModelError: the file cannot be read.
    """
    try:
        return load_file(path / name) if (path / name).exists() else {}
    except (OSError, SafetensorError) as error:
        raise ModelError(f"{path / name} cannot be read: {error}.") from error


def best_checkpoint(run: Path) -> Path:
    """The best checkpoint of a run by its monitor, the newest where it has none.

    Raises:
        ModelError: the run has no checkpoint.
    """
    checkpoints = Checkpoints(run, keep_last=1)
    newest = checkpoints.newest()
    if newest is None:
        raise ModelError(f"{run} holds no checkpoint yet.", hint="Train first, or give another folder.")
    best = checkpoints.path(read_state(newest).best_step)
    return best if best.exists() else newest


def load_weights(model: nn.Module, path: Path) -> Path:
    """Put trained weights into a model: the averages where there are some.

    Args:
        path: a checkpoint, or a run's folder for its best checkpoint.

    Returns:
        The checkpoint they came from.

    Raises:
        ModelError: there is none, it is damaged, or its weights do not fit the model.
    """
    chosen = path if (path / STATE).exists() else best_checkpoint(path)
    read_state(chosen)
    state = read_tensors(chosen, MODEL) | read_tensors(chosen, AVERAGE)
    check_keys(model, state)
    model.load_state_dict(state)
    return chosen


def step_of(path: Path) -> int:
    """The step in a checkpoint's name."""
    return int(path.name.removeprefix("step-"))


def _write_state(path: Path, state: State, sizes: Mapping[str, int]) -> None:
    text = json.dumps({"files": dict(sizes), "state": asdict(state)}, indent=2)
    path.write_text(text + "\n", encoding="utf-8")
    flush(path)
