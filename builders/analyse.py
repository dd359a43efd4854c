"""Entries through the model, batch by batch, in a way that survives being killed.

Every finished batch is a shard file in the work folder, put there in one step. A batch is always made of
the same rows, so a build that goes on after a kill computes what an undisturbed one would have, to the bit.
"""

import hashlib
import json
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from builders.sources import Entry
from leximind.errors import LexiMindError, ModelError
from leximind.inference.analysis import Analysis
from leximind.service import AnalyzerLike
from leximind.settings import ROOT

_DECIMALS: Final = 5
# What the answers depend on besides the model's files, and the files among those on which they do not.
_CODE: Final = ("inference", "model", "text")
_ABOUT: Final = ("README.md", "REPORT.md", "metrics.json")


@dataclass(frozen=True, slots=True)
class Finding:
    """What the model found in one entry, or why it found nothing.

    Attributes:
        row: the digest of the entry.
        error: "" normally; else the reason, and every other field is empty.
    """

    row: str
    error: str = ""
    summary: str = ""
    summary_source: str = ""
    topic_scores: tuple[float, ...] = ()
    emotions: tuple[float, ...] = ()
    arc: tuple[tuple[float, ...], ...] = ()
    embedding: tuple[float, ...] = ()


def version_of(model: Path) -> str:
    """A hash of the model's files and of the code that runs it, 16 hexadecimal digits.

    Raises:
        ModelError: ``model`` is not a folder.
    """
    if not model.is_dir():
        raise ModelError(f"There is no model in {model}.", hint="Name the folder of a saved model.")
    sources = [path for name in _CODE for path in sorted((ROOT / "leximind" / name).glob("*.py"))]
    total = hashlib.sha256()
    files = [
        path
        for path in sorted(model.rglob("*"))
        if path.is_file() and path.name not in _ABOUT and path.suffix != ".svg"
    ]
    for path in [*files, *sources]:
        total.update(path.name.encode() + b"\0" + hashlib.sha256(path.read_bytes()).digest())
    return total.hexdigest()[:16]


def analyse(
    entries: Sequence[Entry],
    analyzer: AnalyzerLike,
    version: str,
    work_folder: Path,
    *,
    batch_size: int,
    report: Callable[[int], object],
) -> Iterator[Finding]:
    """Findings for all entries in their order; batches that are already in the work folder are read from it.

    Args:
        version: names the model; shards of another one are not used.
        report: called with the number of works each time that some are finished.
    """
    shards = work_folder / "shards"
    shards.mkdir(parents=True, exist_ok=True)
    for start in range(0, len(entries), batch_size):
        batch = entries[start : start + batch_size]
        rows = [entry.digest() for entry in batch]
        shard = shards / f"{_hash([version, *rows])}.json"
        findings = _read_shard(shard, rows)
        if findings is None:
            findings = _analyse_batch(batch, rows, analyzer)
            write_atomically(shard, json.dumps([asdict(finding) for finding in findings]))
        report(len(batch))
        yield from findings


def write_atomically(path: Path, text: str) -> None:
    """Write a file so that a reader, or a build after a kill, finds all of it or none of it."""
    partial = path.with_name(f"{path.name}.partial")
    with partial.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    os.replace(partial, path)  # noqa: PTH105 - the call whose atomicity is meant


def _analyse_batch(batch: Sequence[Entry], rows: Sequence[str], analyzer: AnalyzerLike) -> list[Finding]:
    try:
        analyses = analyzer.analyze([entry.description for entry in batch])
        embeddings = analyzer.embed([f"{entry.title}. {entry.description}" for entry in batch])
        arcs = [_find_arc(entry, analyzer) for entry in batch]
    except LexiMindError as error:
        if len(batch) == 1:
            return [Finding(rows[0], error=str(error))]
        # One text that the model refuses must not cost its neighbours.
        pairs = zip(batch, rows, strict=True)
        return [finding for entry, row in pairs for finding in _analyse_batch([entry], [row], analyzer)]
    found = zip(rows, analyses, embeddings, arcs, strict=True)
    return [_make_finding(row, analysis, embedding, arc) for row, analysis, embedding, arc in found]


def _find_arc(entry: Entry, analyzer: AnalyzerLike) -> tuple[tuple[float, ...], ...]:
    if not entry.text:
        return ()
    return tuple(_round(point.emotions) for point in analyzer.analyze([entry.text])[0].arc)


def _make_finding(
    row: str, analysis: Analysis, embedding: Any, arc: tuple[tuple[float, ...], ...]
) -> Finding:
    vector = np.asarray(embedding, np.float64)
    return Finding(
        row,
        summary=analysis.summary,
        summary_source=analysis.summary_source,
        topic_scores=_round(analysis.topic_scores),
        emotions=_round(analysis.emotions),
        arc=arc,
        embedding=tuple((vector / np.linalg.norm(vector)).tolist()),
    )


def _round(scores: Sequence[float]) -> tuple[float, ...]:
    return tuple(np.round(np.clip(np.asarray(scores, np.float64), 0, 1), _DECIMALS).tolist())


def _read_shard(path: Path, rows: Sequence[str]) -> list[Finding] | None:
    """The findings of a shard; None when it is missing or damaged, so that it is made anew."""
    try:
        findings = [Finding(**plain) for plain in json.loads(path.read_text(encoding="utf-8"))]
    except (OSError, ValueError, TypeError):
        return None
    return findings if [finding.row for finding in findings] == list(rows) else None


def _hash(parts: Sequence[str]) -> str:
    return hashlib.sha256("\n".join(parts).encode("utf-8")).hexdigest()[:24]
