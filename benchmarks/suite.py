"""All benchmarks one after another: ``python benchmarks/suite.py [--quick] [--papers FILE] [--only ...]``.

Each writes its JSON into ``--output`` (``runs/bench``, or with ``--quick`` ``runs/bench-quick``). The table
is written into docs/performance.md; with ``--quick`` it is only printed, for small sizes say whether all of
it runs, not how fast it is. A benchmark that fails is named, its old result is removed, and the next one
runs. ``--papers`` is a Parquet or JSON Lines file with ``title`` and ``abstract``; without it texts come from
the embedded library.
"""

import argparse
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from page import PERFORMANCE, ROOT, fill
from table import read_reports, write_table


@dataclass(frozen=True)
class Entry:
    """A benchmark with its options in full and in small sizes; None where it is left out of the small ones.

    Attributes:
        papers: the option that takes a file of papers; "" for the first argument, None for none.
    """

    full: str
    quick: str | None
    papers: str | None = None


ENTRIES: Final = {
    "generate": Entry("--batch 1 16", "--batch 1 --read 64 --write 8 --rounds 3"),
    "analyse": Entry("", "--texts 2 --rounds 2"),
    "encode": Entry("--n 5000", "--n 32", ""),
    "build": Entry("", "--n 8 --rounds 1", ""),
    "search": Entry("--works 1000000", "--works 2000 --questions 30", "--papers"),
    "app": Entry("", "--works 2000 --visitors 5 --seconds 3"),
    "start": Entry("", "--rounds 1"),
    "live": Entry("", None),
    "map": Entry("", None),
    "layout": Entry("", None),
    "visitors": Entry("", "--visitors 1 4 --rounds 1"),
    "growth": Entry("", "--print --parts library visitors --works 1000 2000", "--papers"),
}


def list_commands(folder: Path, papers: Path | None, *, quick: bool) -> dict[str, list[str]]:
    """The command of each benchmark that is there and takes part."""
    commands = {}
    for name, entry in ENTRIES.items():
        script = ROOT / "benchmarks" / f"{name}.py"
        options = entry.quick if quick else entry.full
        if options is None or not script.exists():
            continue
        given = [] if papers is None or entry.papers is None else [*entry.papers.split(), str(papers)]
        commands[name] = [
            sys.executable, str(script), *given, *options.split(), "--output", str(folder / f"{name}.json"),
        ]  # fmt: skip
    return commands


def run(name: str, command: list[str], folder: Path) -> bool:
    """Whether it ended well; what it says goes into a log beside its result."""
    start = time.perf_counter()
    print(f"{name} ...", end=" ", flush=True)
    with (folder / f"{name}.log").open("w", encoding="utf-8") as log:
        code = subprocess.run(command, cwd=ROOT, stdout=log, stderr=subprocess.STDOUT, check=False).returncode
    how = "done" if code == 0 else f"FAILED, see {folder / name}.log"
    print(f"{how} in {time.perf_counter() - start:.0f} s", flush=True)
    if code and name != "growth":  # which goes on from what it has
        (folder / f"{name}.json").unlink(missing_ok=True)
    return code == 0


def main() -> int:
    parser = argparse.ArgumentParser(description="Run all benchmarks.")
    parser.add_argument("--quick", action="store_true", help="small sizes, in a few minutes")
    parser.add_argument("--papers", type=Path, help="Parquet or JSON Lines with titles and abstracts")
    parser.add_argument("--only", nargs="+", choices=ENTRIES, default=list(ENTRIES))
    parser.add_argument("--output", type=Path)
    given = parser.parse_args()
    folder = given.output or ROOT / "runs" / ("bench-quick" if given.quick else "bench")
    folder = folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    papers = given.papers.resolve() if given.papers else None
    commands = list_commands(folder, papers, quick=given.quick)
    failed = [
        name for name, command in commands.items() if name in given.only and not run(name, command, folder)
    ]
    lines = write_table(read_reports(folder))
    print("\n".join(["", *lines]))
    if not given.quick:
        fill(PERFORMANCE, "table", lines)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
