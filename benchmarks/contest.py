"""What benchmarks share: contestants in processes of their own, bounds of the machine, the report.

The thread pools of one contestant do not slow another.
"""

import argparse
import json
import multiprocessing
import os
import time
from collections.abc import Callable, Mapping, Sequence
from multiprocessing.connection import Connection
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import torch
from machine import describe_machine

Make = Callable[..., Callable[..., Any]]


class Contest:
    """Everybody who could be made, ready to run in turn.

    Args:
        make: a function of a module, from a name and ``arguments`` to what runs; it may raise ImportError.
        names: who takes part.

    Attributes:
        names: who is there. missing: who is not, with the reason.
    """

    def __init__(self, make: Make, names: Sequence[str], arguments: Sequence[Any]) -> None:
        self.missing: dict[str, str] = {}
        self._pipes: dict[str, Connection] = {}
        self._processes = []
        context = multiprocessing.get_context("spawn")
        for name in names:
            pipe, other = context.Pipe()
            process = context.Process(target=_serve, args=(make, name, arguments, other), daemon=True)
            process.start()
            self._processes.append(process)
            if reason := pipe.recv():
                self.missing[name] = reason
            else:
                self._pipes[name] = pipe

    @property
    def names(self) -> list[str]:
        return list(self._pipes)

    def run(self, *asked: Any) -> dict[str, Any]:
        """One turn of everybody, and what each answered."""
        answers = {}
        for name, pipe in self._pipes.items():
            pipe.send(asked)
            answers[name] = pipe.recv()
        return answers

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for process in self._processes:
            process.terminate()


def _serve(make: Make, name: str, arguments: Sequence[Any], pipe: Connection) -> None:
    try:
        run = make(name, *arguments)
    except ImportError as error:
        pipe.send(f"{error}; pip install -r requirements-bench.txt")
        return
    pipe.send("")
    while True:
        pipe.send(run(*pipe.recv()))


def add_options(parser: argparse.ArgumentParser, rounds: int = 5) -> None:
    """What every contest can be told."""
    parser.add_argument("--rounds", type=int, default=rounds)
    # All cores: torch's own choice is one thread once FAISS is imported.
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--output", type=Path)


def report(found: Mapping[str, Any], output: Path | None) -> None:
    """Print what was found as JSON, with the machine, and write it where that is wanted."""
    text = json.dumps({**found, "machine": describe_machine()}, indent=1)
    print(text)
    if output:
        output.parent.mkdir(parents=True, exist_ok=True)
        output.write_text(text + "\n", encoding="utf-8")


def measure_peak(dtype: torch.dtype) -> float:
    """Multiply-adds a second of a large product of matrices of this type."""
    a, b = torch.randn(2048, 2048).to(dtype), torch.randn(2048, 2048).to(dtype)
    return float(2048**3 / min(_time(lambda: a @ b) for _ in range(7)))


def measure_bandwidth() -> float:
    """Bytes a second that can be read from memory: 256 MiB are far more than any cache holds."""
    block = torch.ones(64 * 2**20)
    return float(block.numel() * 4 / min(_time(block.sum) for _ in range(7)))


def _time(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start
