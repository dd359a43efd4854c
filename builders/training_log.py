"""What the training loop's ``log.jsonl`` says of a run, by step."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from leximind.errors import DataError, NotFoundError

LOG: Final = "log.jsonl"

Curve = dict[int, float]  # step to value


@dataclass
class Run:
    """What a log says, by step; a step that was done again after a kill counts once, as it was last."""

    name: str
    losses: dict[str, Curve] = field(default_factory=dict)
    rate: Curve = field(default_factory=dict)
    metrics: dict[str, Curve] = field(default_factory=dict)
    tasks: list[str] = field(default_factory=list)
    cosines: dict[int, NDArray[np.float64]] = field(default_factory=dict)

    @property
    def is_empty(self) -> bool:
        return not (self.losses or self.rate or self.metrics or self.cosines)

    def add(self, line: Mapping[str, Any]) -> None:
        """Take in one line of the log.

        Raises:
            KeyError, TypeError, ValueError: it is not of the shape that the training loop writes.
        """
        step = line["step"]
        if not isinstance(step, int):
            raise TypeError(f"the step is {step!r}")
        for task, loss in line.get("loss", {}).items():
            self.losses.setdefault(task, {})[step] = _number(loss)
        if "rate" in line:
            self.rate[step] = _number(line["rate"])
        for metric, value in line.get("validation", {}).items():
            self.metrics.setdefault(metric, {})[step] = _number(value)
        if "conflicts" in line:
            tasks, rows = line["conflicts"]["tasks"], line["conflicts"]["cosines"]
            table = np.array([[_number(value) for value in row] for row in rows], dtype=float)
            if table.shape != (len(tasks), len(tasks)):
                raise ValueError(f"{len(tasks)} tasks have a table of shape {table.shape}")
            if self.tasks and tasks != self.tasks:
                raise ValueError(f"the tasks are {tasks}, but were {self.tasks}")
            self.tasks = tasks
            self.cosines[step] = table

    def mean_cosines(self) -> NDArray[np.float64]:
        """The mean over all measurements, (K, K); NaN where there is none."""
        tables = np.stack(list(self.cosines.values()))
        counts = np.isfinite(tables).sum(0)
        means = np.full(counts.shape, np.nan)
        np.divide(np.nansum(tables, 0), counts, out=means, where=counts > 0)
        return means

    def pair_cosines(self) -> tuple[list[str], list[int], NDArray[np.float64]]:
        """Names of the pairs of tasks, steps, and the cosine of each pair at each step, (pairs, steps)."""
        pairs, steps = list(combinations(range(len(self.tasks)), 2)), sorted(self.cosines)
        rows = [[self.cosines[step][pair] for step in steps] for pair in pairs]
        return [f"{self.tasks[i]} · {self.tasks[j]}" for i, j in pairs], steps, np.array(rows)


def _number(value: object) -> float:
    """A number; the log writes null where there is none."""
    if value is None:
        return float("nan")
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(f"{value!r} is not a number")
    return float(value)


def read_log(path: Path, name: str) -> Run:
    """A run's log, ``log.jsonl`` or the folder that holds it.

    Raises:
        NotFoundError: there is none.
        DataError: it holds nothing to draw, or a line is not of the shape that the training loop writes.
    """
    path = path / LOG if path.is_dir() else path
    if not path.is_file():
        raise NotFoundError(f"There is no log at {path}.", hint="Give a run's folder or its log.jsonl.")
    run = Run(name)
    for number, line in enumerate(path.read_bytes().split(b"\n"), 1):
        if line.strip():
            try:
                run.add(json.loads(line))
            except (ValueError, TypeError, KeyError, AttributeError) as error:
                raise DataError(
                    f"Line {number} of {path} is not a line of a training log ({_reason(error)}).",
                    hint="Is it the log.jsonl that training wrote? If a kill cut the line, delete it.",
                ) from error
    if run.is_empty:
        raise DataError(
            f"{path} holds no loss, learning rate, metric or conflict, so there is nothing to draw.",
            hint="Train for at least log_every steps.",
        )
    return run


def _reason(error: Exception) -> str:
    if isinstance(error, KeyError):
        return f"it has no {error.args[0]!r}"
    return "it is not JSON" if isinstance(error, json.JSONDecodeError | UnicodeDecodeError) else str(error)


def read_logs(paths: Sequence[Path]) -> list[Run]:
    """Several logs, each named by its folder, or by its whole path where folders have the same name."""
    folders = [path.resolve() if path.is_dir() else path.resolve().parent for path in paths]
    names = [folder.name for folder in folders]
    if len(set(names)) < len(names):
        names = [str(path) for path in paths]
    return [read_log(path, name) for path, name in zip(paths, names, strict=True)]
