"""Where labels are weakest: works as examples, and what the text that was read does to them."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import pyarrow.compute as pc
from numpy.typing import NDArray

from leximind.labels import EMOTIONS, KINDS, TOPICS
from leximind.library.work import read_matrix

if TYPE_CHECKING:
    from leximind.library.store import Library

N_EXAMPLES: Final = 3
N_DIFFERENT: Final = 8
MIN_READ: Final = 20
"""Fewer works read in the same way have no shares worth comparing."""


@dataclass(frozen=True)
class Doubt:
    """A work whose label is weak.

    Attributes:
        label: the topic or the feeling in doubt; "" for none.
        score: its probability.
        other: the runner-up among the topics, "" for a feeling; other_score: its probability.
        n_words: of the text that was read.
    """

    work_id: str
    title: str
    label: str
    score: float
    other: str = ""
    other_score: float = 0.0
    n_words: int = 0


@dataclass(frozen=True)
class Doubts:
    """At most three works each, the weakest first.

    Attributes:
        topics: the least sure topics. feelings: the faintest feelings that are listed.
        texts: read from the shortest descriptions.
    """

    topics: tuple[Doubt, ...]
    feelings: tuple[Doubt, ...]
    texts: tuple[Doubt, ...]


@dataclass(frozen=True)
class Reading:
    """Books that were read in one way: from cover to cover, or from a description.

    Attributes:
        n_feelings: that stand out, on average.
        sureness: mean probability of the topic given.
        shares: (28,) of the books in which a feeling stands out.
    """

    n_works: int
    n_feelings: float
    sureness: float
    shares: tuple[float, ...]


@dataclass(frozen=True)
class Readings:
    """The two ways beside each other, for books only: papers are never read in full.

    Attributes:
        emotions: those whose shares differ most, the largest difference first.
    """

    whole: Reading
    described: Reading
    emotions: tuple[str, ...]


def find_doubts(library: "Library") -> Doubts:
    """The weakest labels of a library."""
    titles, ids = library.table.column("title"), library.table.column("id")

    def example(row: int, label: str, score: float, **more: str | float | int) -> Doubt:
        return Doubt(ids[row].as_py(), titles[row].as_py(), label, score, **more)  # type: ignore[arg-type]

    scores = read_matrix(library.table, "topic_scores")
    chances = scores.max(axis=1)
    topics = []
    for row in _lowest(chances):
        given = int(library.topics[row])
        other = max(set(range(len(TOPICS))) - {given}, key=lambda number: float(scores[row, number]))
        chance, next_chance = float(scores[row, given]), float(scores[row, other])
        topics.append(example(row, TOPICS[given], chance, other=TOPICS[other], other_score=next_chance))

    listed = np.where(library.tones, library.emotions, np.inf)
    faintest = listed.min(axis=1)
    feelings = [
        example(row, EMOTIONS[listed[row].argmin()], float(faintest[row]))
        for row in _lowest(faintest)
        if np.isfinite(faintest[row])
    ]

    lengths = pc.fill_null(pc.binary_length(library.table.column("description")), 0).to_numpy()
    sizes = np.where(library.n_words == 0, lengths.astype(np.float64), np.inf)
    texts = []
    for row in _lowest(sizes):
        if np.isfinite(sizes[row]):
            read = str(library.table.column("description")[row].as_py())
            tone = EMOTIONS[listed[row].argmin()] if library.tones[row].any() else ""
            texts.append(example(row, tone, float(min(faintest[row], 1)), n_words=len(read.split())))
    return Doubts(tuple(topics), tuple(feelings), tuple(texts))


def compare_readings(library: "Library") -> Readings | None:
    """How books read whole differ from those read from a description; None where either are too few."""
    books = library.kinds == KINDS.index("book")
    whole, described = books & (library.n_words > 0), books & (library.n_words == 0)
    if min(int(whole.sum()), int(described.sum())) < MIN_READ:
        return None
    chances = read_matrix(library.table, "topic_scores").max(axis=1)
    first, second = (_read(library, chances, rows) for rows in (whole, described))
    far = np.abs(np.subtract(first.shares, second.shares))
    order = np.argsort(-far, kind="stable")[:N_DIFFERENT]
    return Readings(first, second, tuple(EMOTIONS[number] for number in order if far[number] > 0))


def _read(library: "Library", chances: NDArray[np.float32], rows: NDArray[np.bool_]) -> Reading:
    shares = library.tones[rows].mean(axis=0)
    return Reading(int(rows.sum()), float(shares.sum()), float(chances[rows].mean()), tuple(shares.tolist()))


def _lowest(values: NDArray[np.floating]) -> list[int]:
    """The rows of the ``N_EXAMPLES`` lowest values, the earlier first where they are equal."""
    if len(values) > N_EXAMPLES:  # a full sort of a large library would take most of the time
        limit = np.partition(values, N_EXAMPLES - 1)[N_EXAMPLES - 1]
        candidates = np.flatnonzero(values <= limit)
    else:
        candidates = np.arange(len(values))
    order = np.argsort(values[candidates], kind="stable")[:N_EXAMPLES]
    return [int(row) for row in candidates[order]]
