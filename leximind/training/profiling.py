"""Where the time of a step goes."""

from pathlib import Path
from types import TracebackType
from typing import Any, Self

import torch

TRACE = "trace.json"


class Profiler:
    """Traces `n_steps` steps after the first into ``trace.json``, for chrome://tracing or Perfetto."""

    def __init__(self, n_steps: int, folder: Path) -> None:
        self._profile: Any = None
        if n_steps:
            activities = [torch.profiler.ProfilerActivity.CPU]
            if torch.cuda.is_available():
                activities.append(torch.profiler.ProfilerActivity.CUDA)
            self._profile = torch.profiler.profile(
                activities=activities,
                # The first step allocates and compiles, which no later one does.
                schedule=torch.profiler.schedule(wait=0, warmup=1, active=n_steps, repeat=1),
                on_trace_ready=lambda profile: profile.export_chrome_trace(str(folder / TRACE)),
                record_shapes=True,
            )

    def __enter__(self) -> Self:
        if self._profile is not None:
            self._profile.__enter__()
        return self

    def step(self) -> None:
        """Say that a step has ended."""
        if self._profile is not None:
            self._profile.step()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._profile is not None:
            self._profile.__exit__(kind, error, trace)
