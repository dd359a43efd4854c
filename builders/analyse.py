"""Entries through the model: which text each figure comes from, and what a refusal costs.

Summary and embedding come from the description, which is what readers see. Emotions and topic come from the
whole text where there is one: from all of its passages, weighted by their lengths.
"""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, Protocol

import numpy as np
from numpy.typing import NDArray

from builders.pipeline.files import write_atomically
from builders.sources import Entry
from leximind.errors import LexiMindError, ModelError
from leximind.settings import ROOT
from leximind.text.words import WORD

__all__ = [
    "Description",
    "Finding",
    "Passages",
    "Reader",
    "aggregate",
    "analyse",
    "count_words",
    "list_passages",
    "round_scores",
    "version_of",
    "write_atomically",
]

DECIMALS: Final = 5
# What the answers depend on besides the model's files, and the files among those on which they do not.
_CODE: Final = ("leximind/inference", "leximind/model", "leximind/text")
_OWN_CODE: Final = ("builders/analyse.py", "builders/reader.py")
_ABOUT: Final = ("README.md", "REPORT.md", "metrics.json")


@dataclass(frozen=True)
class Description:
    """What a model says of a short text.

    Attributes:
        topics: (7,) probabilities. emotions: (28,) calibrated. embedding: (384,) unit length.
    """

    summary: str
    summary_source: str
    topics: NDArray[np.float32]
    emotions: NDArray[np.float32]
    embedding: NDArray[np.float32]


@dataclass(frozen=True)
class Passages:
    """What a model says of each of the P passages of a long text.

    Attributes:
        emotions: (P, 28) calibrated. topics: (P, 7) probabilities. lengths: (P,) int32, in tokens.
    """

    emotions: NDArray[np.float32]
    topics: NDArray[np.float32]
    lengths: NDArray[np.int32]

    def mean(self, scores: NDArray[np.float32]) -> NDArray[np.float64]:
        """The mean of (P, K) scores by length, (K,)."""
        return np.asarray(np.average(scores.astype(np.float64), axis=0, weights=self.lengths))


class Reader(Protocol):
    """A model as a build needs it."""

    @property
    def name(self) -> str:
        """The name that works analysed by it carry."""

    def describe(self, titles: Sequence[str], descriptions: Sequence[str]) -> list[Description]:
        """What it says of each description; title and description together give the embedding."""

    def read_whole(self, text: str) -> Passages:
        """A text of any length from its first to its last passage."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What the model found in one entry, or why it found nothing.

    Attributes:
        error: "" normally; else the reason, and the figures are zeros.
        passage_emotions, passage_topics, passage_lengths: of a full text; empty without one.
        n_words: of the full text; None without one.
        analysed_at: ISO date.
    """

    error: str = ""
    summary: str = ""
    summary_source: str = ""
    topic_scores: Sequence[float] = (0.0,) * 7
    emotions: Sequence[float] = (0.0,) * 28
    embedding: Any = None
    passage_emotions: Sequence[Any] = ()
    passage_topics: Sequence[Any] = ()
    passage_lengths: Sequence[int] = ()
    n_words: int | None = None
    analysed_at: str = ""


def version_of(model: Path) -> str:
    """A hash of the model's files and of the code that runs it, 16 hexadecimal digits.

    Raises:
        ModelError: ``model`` is not a folder.
    """
    if not model.is_dir():
        raise ModelError(f"There is no model in {model}.", hint="Name the folder of a saved model.")
    sources = [path for name in _CODE for path in sorted((ROOT / name).glob("*.py"))]
    sources += [ROOT / name for name in _OWN_CODE]
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
    reader: Reader,
    read_whole: Callable[[str], Passages],
    *,
    batch_size: int,
    date: str,
    report: Callable[[int], object] = lambda _: None,
) -> list[Finding]:
    """Findings for all entries in their order.

    Descriptions go through the model in batches of similar length, so that little of a batch is padding. The
    batches follow from the entries alone: the same entries give the same figures, to the bit.

    Args:
        read_whole: reads a full text, or remembers it.
        report: called with the number of works each time that some are finished.
    """
    order = sorted(range(len(entries)), key=lambda row: (len(entries[row].description), row))
    findings: list[Finding] = [Finding()] * len(entries)
    for start in range(0, len(order), batch_size):
        rows = order[start : start + batch_size]
        batch = [entries[row] for row in rows]
        for row, finding in zip(rows, _describe(batch, reader), strict=True):
            findings[row] = _read_text(entries[row], replace(finding, analysed_at=date), read_whole)
            report(1)
    return findings


def aggregate(passages: Passages) -> tuple[list[float], list[float]]:
    """Emotions (28) and topic scores (7) of a full text, as they stand in the dataset."""
    return round_scores(passages.mean(passages.emotions)), round_scores(passages.mean(passages.topics))


def list_passages(passages: Passages) -> dict[str, Any]:
    """The fields of a finding that hold passage by passage."""
    return {
        "passage_emotions": [round_scores(row) for row in passages.emotions],
        "passage_topics": [round_scores(row) for row in passages.topics],
        "passage_lengths": passages.lengths.tolist(),
    }


def round_scores(scores: Any) -> list[float]:
    """Scores from 0 to 1 with so many digits as they are worth."""
    rounded: list[float] = np.round(np.clip(np.asarray(scores, np.float64), 0, 1), DECIMALS).tolist()
    return rounded


def count_words(text: str) -> int:
    """How long a text is to read."""
    return sum(1 for _ in WORD.finditer(text))


def _describe(batch: Sequence[Entry], reader: Reader) -> list[Finding]:
    try:
        found = reader.describe([entry.title for entry in batch], [entry.description for entry in batch])
    except LexiMindError as error:
        if len(batch) == 1:
            return [_refuse(error)]
        # One text that the model refuses must not cost its neighbours.
        return [finding for entry in batch for finding in _describe([entry], reader)]
    return [_make_finding(description) for description in found]


def _read_text(entry: Entry, finding: Finding, read_whole: Callable[[str], Passages]) -> Finding:
    if finding.error or not entry.text:
        return finding
    try:
        passages = read_whole(entry.text)
    except LexiMindError as error:
        return replace(_refuse(error), analysed_at=finding.analysed_at)
    emotions, topics = aggregate(passages)
    return replace(
        finding,
        emotions=emotions,
        topic_scores=topics,
        n_words=count_words(entry.text),
        **list_passages(passages),
    )


def _make_finding(description: Description) -> Finding:
    vector = np.asarray(description.embedding, np.float64)
    return Finding(
        summary=description.summary,
        summary_source=description.summary_source,
        topic_scores=round_scores(description.topics),
        emotions=round_scores(description.emotions),
        embedding=(vector / np.linalg.norm(vector)).astype(np.float16),
    )


def _refuse(error: LexiMindError) -> Finding:
    return Finding(error=str(error), embedding=np.zeros(384, np.float16))
