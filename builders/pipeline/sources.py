"""Stage one: entries of a source into numbered parts, and what was left out into a report."""

import json
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict
from functools import cache
from itertools import count
from pathlib import Path
from typing import IO, Any, Final

from builders.pipeline.files import hash_file, hash_text, replacing, sweep
from builders.pipeline.manifest import Manifest
from builders.pipeline.options import Options
from builders.pipeline.parts import name_file, split_entries, write_part
from builders.sources import Entry, Rejection, open_source
from leximind.errors import DataError
from leximind.settings import ROOT

STAGE: Final = "sources"
PARTS: Final = "sources/parts"
REJECTED: Final = "rejected.jsonl"
_CODE: Final = ("builders/sources", "leximind/text")
_HUB: Final = "hub:"


class _Sieve:
    """Entries of a stream; what is rejected is written down on the way."""

    def __init__(self, report: IO[str]) -> None:
        self._report = report
        self.n_works = self.n_rejected = 0
        self.first = ""

    def sift(self, items: Iterator[Entry | Rejection]) -> Iterator[Entry]:
        for item in items:
            if isinstance(item, Entry):
                self.n_works += 1
                yield item
            else:
                self.n_rejected += 1
                self.first = self.first or item.reason
                self._report.write(json.dumps(asdict(item), ensure_ascii=False) + "\n")


def read_source(options: Options) -> Manifest:
    """Read the whole source, part by part; memory does not grow with it.

    Raises:
        LexiMindError: the source cannot be read, or not one row of it describes a work.
    """
    work = options.folder
    wanted = Manifest(STAGE, fingerprint(options), hash_code(), _configure(options))
    found = Manifest.find(work, STAGE)
    if found is not None and wanted.input and found.fits(wanted) and _is_whole(work, found):
        return found
    Manifest.drop(work, STAGE)
    parts = work / PARTS
    parts.mkdir(parents=True, exist_ok=True)
    hashes: list[str] = []
    with (
        replacing(work / STAGE / REJECTED) as partial,
        partial.open("w", encoding="utf-8", errors="surrogateescape") as report,
    ):
        sieve = _Sieve(report)
        entries = sieve.sift(iter(open_source(options.source, options.reading)))
        for number, part in enumerate(split_entries(entries, options.shard_rows)):
            hashes.append(write_part(name_file(parts, number), part))
    if not hashes:
        first = f" The first of {sieve.n_rejected} rows: {sieve.first}" if sieve.n_rejected else ""
        raise DataError(
            f"There is no work in {options.source}.{first}", hint="Compare with assets/shelf/books.jsonl."
        )
    for number in count(len(hashes)):  # of a larger source before this one
        if not name_file(parts, number).exists():
            break
        name_file(parts, number).unlink()
    sweep(work / STAGE)
    counts = {"n_works": sieve.n_works, "n_rejected": sieve.n_rejected, "n_parts": len(hashes)}
    facts = {"rejected": hash_file(work / STAGE / REJECTED)}
    made = Manifest(STAGE, wanted.input, wanted.version, wanted.config, hash_text(hashes), counts, facts)
    made.save(work)
    return made


def list_parts(work: Path) -> list[Path]:
    """The parts of a finished stage, by number.

    Raises:
        NotFoundError: the stage was not run to its end.
    """
    found = Manifest.require(work, STAGE)
    return [name_file(work / PARTS, number) for number in range(found.counts["n_parts"])]


def fingerprint(options: Options) -> str:
    """A hash of what is to be read; "" when it cannot be known without reading it, as of a silent Hub."""
    if options.source.startswith(_HUB):
        return _ask_hub(options.source.removeprefix(_HUB))
    place = Path(options.source)
    if not place.exists():
        place = Path(options.source.partition(":")[2] or options.source)
    files = sorted(path for path in place.rglob("*") if path.is_file()) if place.is_dir() else [place]
    if options.reading.texts is not None:
        files.append(options.reading.texts)
    return hash_text(f"{path.name} {hash_file(path)}" for path in files if path.is_file())


def _ask_hub(place: str) -> str:
    """The commit of a dataset on the Hub."""
    from httpx import HTTPError
    from huggingface_hub import HfApi
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError

    parts = place.partition(":")[0].split("/")
    for n_parts in (2, 1):  # with an owner, or one of the old datasets without
        with suppress(HfHubHTTPError, HFValidationError, HTTPError, OSError):
            info = HfApi().dataset_info("/".join(parts[:n_parts]))
            return hash_text([place, str(info.sha)]) if info.sha else ""
    return ""


def _configure(options: Options) -> dict[str, Any]:
    reading: dict[str, Any] = json.loads(json.dumps(asdict(options.reading), default=str))
    # Where the texts lie says nothing; their content is part of the input.
    reading["texts"] = options.reading.texts is not None
    return reading | {"source": options.source, "shard_rows": options.shard_rows}


def _is_whole(work: Path, found: Manifest) -> bool:
    return all(name_file(work / PARTS, number).is_file() for number in range(found.counts["n_parts"]))


@cache
def hash_code() -> str:
    """A hash of the code that reads and cleans sources; a change of it has them read again."""
    files = [path for folder in _CODE for path in sorted((ROOT / folder).glob("*.py"))]
    return hash_text(f"{path.name} {hash_file(path)}" for path in files)
