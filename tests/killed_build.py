"""A model made of hashes, and a program that kills a build at twenty moments and lets it go on.

``python tests/killed_build.py FOLDER SEED``: a build is run undisturbed, and its lines are counted. Then,
five times in each stage, it is killed (SIGKILL) at a line drawn by the seed, and the same build is run again.
What came of it is printed as JSON, a line a kill. Each build is a fork of this process, so that the twenty do
not import everything anew.
"""

import hashlib
import json
import os
import shutil
import signal
import sys
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np

from builders.analyse import Description, Passages
from builders.build import BUILD, build
from builders.pipeline.options import Options
from builders.pipeline.sources import hash_code
from builders.sources import open_source
from leximind.errors import InputError
from leximind.labels import EMOTIONS, TOPICS
from leximind.library.store import Library

DATE = "2026-01-31"
ROOT = Path(__file__).resolve().parent.parent
KILLS = 5
# The first line of each stage.
DOORS = {"read_source": "sources", "run": "analyse", "index_works": "index", "validate_dataset": "validate"}


def rng(text: str) -> np.random.Generator:
    return np.random.default_rng(int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big"))


class FakeReader:
    """The same text always gives the same answer; a text with REFUSE in it is refused."""

    name = "fake-1"

    def __init__(self, log: Path | None = None) -> None:
        self.log = log

    def describe(self, titles: Sequence[str], descriptions: Sequence[str]) -> list[Description]:
        for text in descriptions:
            if "REFUSE" in text:
                raise InputError("This text is refused.")
        self._note(descriptions)
        pairs = zip(titles, descriptions, strict=True)
        return [self._describe(title, description) for title, description in pairs]

    def read_whole(self, text: str) -> Passages:
        if "REFUSE" in text:
            raise InputError("This text is refused.")
        self._note([f"whole: {text[:40]}"])
        n_passages = 1 + len(text) // 100
        noise = rng(f"whole {text}")
        return Passages(
            noise.beta(0.4, 4, (n_passages, len(EMOTIONS))).astype(np.float32),
            noise.dirichlet(np.ones(len(TOPICS)), n_passages).astype(np.float32),
            noise.integers(50, 256, n_passages).astype(np.int32),
        )

    def _describe(self, title: str, description: str) -> Description:
        vector = rng(f"embed {title} {description}").normal(size=384)
        return Description(
            description[:40],
            "extracted",
            rng(description).dirichlet(np.ones(len(TOPICS))).astype(np.float32),
            rng(f"emotion {description}").beta(0.4, 4, len(EMOTIONS)).astype(np.float32),
            (vector / np.linalg.norm(vector)).astype(np.float32),
        )

    def _note(self, texts: Sequence[str]) -> None:
        if self.log is not None:
            with self.log.open("a") as file:
                file.writelines(f"{text.splitlines()[0]}\n" for text in texts)


def make_row(number: int, **changes: Any) -> dict[str, Any]:
    """A row of a shelf; ``...`` takes a column out."""
    row = {
        "id": f"work-{number}",
        "kind": "paper" if number % 3 == 0 else "book",
        "title": f"Title {number}",
        "authors": ["Ann Author", "Bo Writer"],
        "year": 1800 + number,
        "url": f"https://example.org/{number}",
        "source": "Example | Press",
        "license": "CC0-1.0",
        "language": "en",
        "subjects": ["Whales"],
        "description": describe(number),
    }
    return {name: value for name, value in (row | changes).items() if value is not ...}


def describe(number: int) -> str:
    """A description that no other one is like."""
    words = rng(f"words {number}").integers(0, 26, (8, 6))
    rest = " ".join("".join(chr(97 + letter) for letter in word) for word in words)
    return f"Description number {number} of a work. {rest}."


def write_shelf(path: Path, rows: Sequence[Any]) -> Path:
    lines = [row if isinstance(row, str) else json.dumps(row) for row in rows]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def fork(work: Callable[[], object]) -> int:
    """Do something in a copy of this process; returns its wait status."""
    child = os.fork()
    if not child:
        try:
            work()
        except BaseException:
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    return os.waitpid(child, 0)[1]


class Counter:
    """Counts the lines of builders and library as they run, by stage; kills the process at one of them."""

    def __init__(self, stage: str = "", line: int = 0) -> None:
        self._stage, self._line = stage, line
        self.now, self.counts = "", dict.fromkeys(DOORS.values(), 0)

    def start(self) -> None:
        sys.settrace(self._trace)

    def _trace(self, frame: FrameType, event: str, _: object) -> Any:
        name = frame.f_code.co_filename
        if not name.startswith((f"{ROOT}/builders", f"{ROOT}/leximind/library")):
            return None
        self.now = DOORS.get(frame.f_code.co_name, self.now) if "pipeline" in name else self.now
        if event == "line" and self.now:
            self.counts[self.now] += 1
            if (self.now, self.counts[self.now]) == (self._stage, self._line):
                os.kill(os.getpid(), signal.SIGKILL)
        return self._trace


def digest(folder: Path) -> dict[str, str]:
    """What a build left, by file; the keyword index gives its files random names, so it is asked instead."""
    files = [path for path in sorted(folder.rglob("*")) if path.is_file() and "keyword" not in path.parts]
    found = {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}
    index = Library.from_folder(folder / "out").keyword
    found["keyword"] = str([(hit.row, hit.score) for hit in index.search("description work")])
    return found


def main() -> None:
    folder, seed = Path(sys.argv[1]), int(sys.argv[2])
    book = {number: f"Chapter one of {describe(number)} " * (3 + number % 5) for number in range(0, 30, 4)}
    rows: list[Any] = [make_row(n, **({"text": book[n]} if n in book else {})) for n in range(30)]
    rows[11] = make_row(11, description="REFUSE this one, it is the only one of its kind.")
    rows.insert(5, "{not json")
    source = write_shelf(folder / "shelf.jsonl", rows)
    place, log = folder / "run", folder / "log"
    options = Options(str(source), place / "out", place / "work", DATE, shard_rows=4, batch_size=2)

    def run(stage: str = "", line: int = 0) -> None:
        counter = Counter(stage, line)
        counter.start()
        build(lambda: FakeReader(log), "v1", options, BUILD)
        sys.settrace(None)
        (folder / "counts.json").write_text(json.dumps(counter.counts))

    # What each of the copies would otherwise load anew, or see changing under its hands.
    assert sum(1 for _ in open_source(options.source, options.reading)) == len(rows)
    assert hash_code()
    assert fork(run) == 0
    whole, texts = digest(place), log.read_text().splitlines()
    counts = json.loads((folder / "counts.json").read_text())
    draws = np.random.default_rng(seed)
    for stage, n_lines in counts.items():
        for line in sorted(draws.choice(np.arange(1, n_lines + 1), KILLS, replace=False).tolist()):
            shutil.rmtree(place)
            log.write_text("")
            status = fork(lambda stage=stage, line=line: run(stage, line))
            shards = len([*place.glob("work/analyse/shards/0*.parquet")])
            before = log.read_text().splitlines()
            again = fork(run)
            after = log.read_text().splitlines()
            found = digest(place) if again == 0 else {}
            report = {
                "stage": stage,
                "line": line,
                "killed_by": os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0,
                "n_shards": shards,
                "differences": sorted(set(found.items()) ^ set(whole.items())),
                "n_texts": len(set(after)),
                "n_expected": len(set(texts)),
                # Only the part in hand may be read twice, and of it no full text that was already kept.
                "n_repeated": len(after) - len(set(after)),
                "n_before": len(before),
            }
            sys.stdout.write(json.dumps(report) + "\n")


if __name__ == "__main__":
    main()
