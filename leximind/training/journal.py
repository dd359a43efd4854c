"""What a run says of itself: lines of JSON, a progress bar, and what a tracker gets."""

import json
import math
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tqdm import tqdm

from leximind.training.files import PARTIAL, free_name

if TYPE_CHECKING:
    from leximind.training.tracking import Tracker

LOG = "log.jsonl"
SMOOTHING = 0.95


class Journal:
    """``log.jsonl`` of a run's folder and the progress bar; silent where another process keeps them."""

    def __init__(self, folder: Path, n_steps: int, tracker: "Tracker | None", silent: bool) -> None:
        self.path, self.n_steps, self.silent = folder / LOG, n_steps, silent
        self.tracker = None if silent else tracker
        self.losses: dict[str, float] = {}
        self.seconds = 0.0
        self._window = [0.0, 0.0, 0.0]  # steps, tokens and seconds since the last line
        self._bar: tqdm[Any] | None = None

    def open(self, step: int) -> None:
        """Show the bar, from `step` on."""
        # In a file every refresh is a new line, so that there are few of them.
        interval = 0.5 if sys.stderr.isatty() else 30.0
        self._bar = tqdm(
            total=self.n_steps, initial=step, unit="step", mininterval=interval, maxinterval=interval,
            disable=self.silent,
        )  # fmt: skip

    def close(self) -> None:
        """Leave the bar as it stands."""
        if self._bar is not None:
            self._bar.close()

    def cut(self, step: int, evaluated: int) -> None:
        """Drop what will be done again: lines after `step`, an evaluation after `evaluated`, half lines."""
        if self.silent or not self.path.exists():
            return
        lines = self.path.read_text(encoding="utf-8").splitlines()
        kept = [line for line in lines if _is_past(line, step, evaluated)]
        partial = self.path.with_suffix(PARTIAL)
        partial.write_text("".join(f"{line}\n" for line in kept), encoding="utf-8")
        partial.replace(self.path)

    def set_aside(self) -> None:
        """Rename the log of an earlier run."""
        if not self.silent and self.path.exists():
            self.path.rename(free_name(self.path))

    def advance(self, losses: Mapping[str, float], n_tokens: int, seconds: float) -> None:
        """Count one step."""
        for task, loss in losses.items():
            before = self.losses.get(task, loss)
            self.losses[task] = SMOOTHING * before + (1 - SMOOTHING) * loss
        self.seconds += seconds
        self._window = [a + b for a, b in zip(self._window, (1, n_tokens, seconds), strict=True)]
        if self._bar is not None:
            shown = {task: f"{loss:.3f}" for task, loss in self.losses.items()}
            self._bar.set_postfix(shown | {"tok/s": f"{self._throughput():.0f}"}, refresh=False)
            self._bar.update()

    def _throughput(self) -> float:
        _, tokens, seconds = self._window
        return tokens / max(seconds, 1e-9)

    def report(self, step: int, rate: float) -> None:
        """Log losses, rate and speed since the last report."""
        steps, _, seconds = self._window
        left = (self.n_steps - step) * seconds / max(steps, 1)
        values = {"seconds": round(self.seconds, 1), "rate": rate, "loss": dict(self.losses)}
        speed = {"tokens_per_second": round(self._throughput(), 1), "seconds_left": round(left, 1)}
        self.write(step, values | speed)
        self._track(
            step, {f"loss/{task}": loss for task, loss in self.losses.items()} | {"rate": rate} | speed
        )
        self._window = [0.0, 0.0, 0.0]

    def validate(self, step: int, metrics: Mapping[str, float]) -> None:
        """Log what an evaluation gave."""
        self.write(step, {"validation": {name: plain(float(value)) for name, value in metrics.items()}})
        self._track(step, {f"validation/{name}": float(value) for name, value in metrics.items()})

    def write(self, step: int, values: Mapping[str, object]) -> None:
        """Append one line."""
        if not self.silent:
            with self.path.open("a", encoding="utf-8") as file:
                file.write(json.dumps({"step": step, **values}) + "\n")

    def _track(self, step: int, values: Mapping[str, float]) -> None:
        if self.tracker is not None:
            self.tracker.log(step, values)


def plain(value: float) -> float | None:
    """The value, or None where JSON has no word for it."""
    return value if math.isfinite(value) else None


def _is_past(line: str, step: int, evaluated: int) -> bool:
    try:
        values = json.loads(line)
        judged = "validation" in values or "stopped" in values
        return bool(values["step"] <= (evaluated if judged else step))
    except (ValueError, KeyError, TypeError):
        return False
