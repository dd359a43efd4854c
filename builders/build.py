"""Build the discovery dataset: ``python builders/build.py --help``.

Reads works, runs the model over them, and writes a dataset that the app can browse. Killed at any moment,
the same command goes on where it was.
"""

import argparse
import hashlib
import json
import shutil
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path
from typing import Final

from tqdm import tqdm

from builders.analyse import Finding, analyse, version_of, write_atomically
from builders.index import make_table, write_dataset
from builders.publish import check_access, publish
from builders.sources import Entry, Rejection, read_source
from leximind.errors import DataError, LexiMindError
from leximind.service import AnalyzerLike
from leximind.settings import DISCOVERY_DIR, MODEL_DIR, ROOT, SHELF_DIR, build_day

REJECTED: Final = "rejected.jsonl"
WORK_DIR: Final = ROOT / "runs" / "build"


@dataclass(frozen=True)
class Options:
    """What to build from, into, and how.

    Attributes:
        date: the day written into the dataset, ISO.
        limit: take only so many works.
        work: where finished batches wait for the end of the build.
    """

    source: Path
    output: Path
    batch_size: int
    date: str
    limit: int | None = None
    work: Path = WORK_DIR


@dataclass(frozen=True)
class Report:
    """What came of a build: works written, seconds taken, rows left out, the dataset's version."""

    n_works: int
    seconds: float
    n_rejected: int
    version: str


def build(analyzer: AnalyzerLike, model_version: str, options: Options) -> Report:
    """Read, analyse, index, write; see the module.

    Args:
        model_version: names the model's weights and code; work of another version is not taken up.

    Raises:
        LexiMindError: the source cannot be read, or not one row of it could be used.
    """
    start = time.monotonic()
    source = read_source(options.source, options.limit)
    work = options.work / _name_build(options, model_version)
    with tqdm(total=len(source.entries), unit="work", disable=None) as bar:
        findings = list(
            analyse(
                source.entries,
                analyzer,
                model_version,
                work,
                batch_size=options.batch_size,
                report=bar.update,
            )
        )
    entries, findings, refused = _split(source.entries, findings)
    rejections = [*source.rejections, *refused]
    output = options.output.resolve()
    output.mkdir(parents=True, exist_ok=True)
    _write_rejections(output / REJECTED, rejections)
    if not entries:
        raise DataError("The model refused every work.", hint=f"See {output / REJECTED}.")
    version = write_dataset(
        make_table(entries, findings, analyzer.name, options.date),
        output,
        model=analyzer.name,
        date=options.date,
        stages={
            "read": {"source": options.source.name, "n_rows": len(source.entries) + len(source.rejections)},
            "analyse": {"model_version": model_version, "batch_size": options.batch_size},
            "index": {"n_works": len(entries), "n_rejected": len(rejections)},
        },
    )
    shutil.rmtree(work)
    return Report(len(entries), time.monotonic() - start, len(rejections), version)


def read_options(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Parse the command line; ``--help`` and wrong options end the program."""
    parser = argparse.ArgumentParser(description="Build the discovery dataset.")
    parser.add_argument(
        "--source", type=Path, default=SHELF_DIR, help="folder of .jsonl, or .jsonl/.csv/.parquet"
    )
    parser.add_argument("--output", type=Path, default=DISCOVERY_DIR, help="folder of the dataset")
    parser.add_argument("--model", type=Path, default=MODEL_DIR, help="folder of the model")
    parser.add_argument("--batch-size", type=_positive, default=16, metavar="N", help="works a batch")
    parser.add_argument("--date", type=_day, default=None, metavar="YYYY-MM-DD", help="day of the analysis")
    parser.add_argument("--limit", type=_positive, default=None, metavar="N", help="take only N works")
    parser.add_argument("--push-to-hub", default="", metavar="OWNER/NAME", help="publish the result")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    """Build from the command line; returns the exit status."""
    given = read_options(arguments)
    try:
        if given.push_to_hub:
            check_access(given.push_to_hub)
        options = Options(
            given.source, given.output, given.batch_size, given.date or build_day(), given.limit
        )
        model_version = version_of(given.model)
        # Late, so that --help and wrong options answer at once.
        from leximind.inference.analyzer import LexiMind

        report = build(LexiMind.from_pretrained(str(given.model)), model_version, options)
        print(_describe(report, given.output))
        if given.push_to_hub:
            print(f"Published: {publish(given.output, given.push_to_hub)}")
    except LexiMindError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"error: {error}. Check the path and the space on the disk.", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("Stopped. The same command goes on from here.", file=sys.stderr)
        return 130
    return 0


def _name_build(options: Options, model_version: str) -> str:
    """A folder of its own for each build, so that two at a time do not clear away each other's work."""
    parts = [str(options.source.resolve()), str(options.output.resolve()), model_version]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]


def _split(
    entries: Sequence[Entry], findings: Sequence[Finding]
) -> tuple[list[Entry], list[Finding], list[Rejection]]:
    """What the model took, and what it refused."""
    pairs = list(zip(entries, findings, strict=True))
    taken = [(entry, finding) for entry, finding in pairs if not finding.error]
    refused = [
        Rejection("", row, entry.id, finding.error)
        for row, (entry, finding) in enumerate(pairs, start=1)
        if finding.error
    ]
    return [entry for entry, _ in taken], [finding for _, finding in taken], refused


def _write_rejections(path: Path, rejections: Sequence[Rejection]) -> None:
    if rejections:
        lines = [json.dumps(asdict(rejection), ensure_ascii=False) for rejection in rejections]
        write_atomically(path, "\n".join(lines) + "\n")
    else:
        path.unlink(missing_ok=True)


def _describe(report: Report, output: Path) -> str:
    pace = report.n_works / max(report.seconds, 1e-9)
    left_out = f"{report.n_rejected} rejected" + (f" (see {output / REJECTED})" if report.n_rejected else "")
    return f"{report.n_works} works in {report.seconds:.1f} s ({pace:.1f} works/s), {left_out}"


def _positive(given: str) -> int:
    if not given.isdecimal() or int(given) < 1:
        raise argparse.ArgumentTypeError(f"{given!r} is not a whole number above 0")
    return int(given)


def _day(given: str) -> str:
    try:
        return date.fromisoformat(given).isoformat()
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{given!r} is not a day such as 2026-01-31") from error


if __name__ == "__main__":
    sys.exit(main())
