"""A model made of hashes, and a program that builds with it and kills itself at a given point.

``python tests/killed_build.py SOURCE OUTPUT WORK LOG [POINT]``; POINT is ``batch:N`` (in the middle of batch
N), ``shard:N`` (before shard N gets its name) or ``dataset`` (when half of the dataset is in place).
"""

import hashlib
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from builders.build import Options, build
from leximind.errors import InputError
from leximind.inference.analysis import Analysis, ArcPoint
from leximind.labels import EMOTIONS, TOPICS

DATE = "2026-01-31"


def rng(text: str) -> np.random.Generator:
    return np.random.default_rng(int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big"))


class FakeAnalyzer:
    """The same text always gives the same answer; a text with REFUSE in it is refused."""

    name = "fake-1"

    def __init__(self, log: Path | None = None) -> None:
        self.log = log

    def analyze(self, texts: Sequence[str]) -> list[Analysis]:
        for text in texts:
            if "REFUSE" in text:
                raise InputError("This text is refused.")
        if self.log is not None:
            with self.log.open("a") as file:
                file.writelines(f"{text.splitlines()[0]}\n" for text in texts)
        return [self._analysis(text) for text in texts]

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        vectors = np.array([rng(f"embed {text}").normal(size=384) for text in texts])
        return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)

    def _analysis(self, text: str) -> Analysis:
        topics = rng(text).dirichlet(np.ones(len(TOPICS)))
        emotions = tuple(rng(f"emotion {text}").beta(0.4, 4, len(EMOTIONS)).tolist())
        return Analysis(
            text=text,
            language="en",
            notes=(),
            summary=text[:40],
            summary_source="extracted",
            key_sentences=(),
            topic=TOPICS[int(topics.argmax())],
            topic_scores=tuple(topics.tolist()),
            emotions=emotions,
            tone=(),
            cues={},
            arc=(ArcPoint(0, 5, emotions), ArcPoint(5, 9, emotions[::-1])),
            embedding=self.embed([text])[0],
            n_tokens=1,
            n_passages=2,
            model=self.name,
        )


def kill_on_call(number: int, function: object) -> object:
    """The function, but its call with this number (from 1) is the last thing the process does."""
    calls = []

    def wrapped(*arguments: object) -> object:
        calls.append(arguments)
        if len(calls) == number:
            os.kill(os.getpid(), signal.SIGKILL)
        return function(*arguments)  # type: ignore[operator]

    return wrapped


def main() -> None:
    source, output, work, log = map(Path, sys.argv[1:5])
    what, _, number = (sys.argv[5] if len(sys.argv) > 5 else "").partition(":")
    analyzer = FakeAnalyzer(log)
    if what == "batch":
        analyzer.embed = kill_on_call(int(number), analyzer.embed)  # type: ignore[method-assign,assignment]
    elif what == "shard":
        os.replace = kill_on_call(int(number), os.replace)  # type: ignore[assignment]
    elif what == "dataset":
        from builders import index

        index.shutil.rmtree = lambda *_, **__: os.kill(os.getpid(), signal.SIGKILL)  # type: ignore[assignment]
    build(analyzer, "v1", Options(source, output, batch_size=4, date=DATE, work=work))


if __name__ == "__main__":
    main()
