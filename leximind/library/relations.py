"""How topics and feelings relate: what works of a topic feel of, and which feelings occur together."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from leximind.labels import EMOTIONS, NEUTRAL, TOPICS

if TYPE_CHECKING:
    from leximind.library.store import Library

CLEAR: Final = 2.0
"""Two feelings are named as a pair from so many standard deviations of a chance count on."""

LEAST: Final = 3
"""Fewer works than this, found or expected, say nothing about a pair."""

N_PAIRS: Final = 10
Counts = NDArray[np.int64]
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Pair:
    """Two feelings that stand out in the same works more or less often than chance has it."""

    first: str
    second: str
    n_works: int
    expected: float


@dataclass(frozen=True)
class Relations:
    """Topics against feelings, and feelings against each other.

    Attributes:
        topics: the T topics that have works, and n_works (T,) how many.
        emotions: the E feelings that stand out in at least one work. Both are in the order in which those
            that go together stand together.
        counts: (E, T) works of a topic in which a feeling stands out.
        deviations: (E, T) mean standard score of a feeling in the works of a topic, whether or not it stands
            out: deviations from works that were read from the same kind of text.
        together, apart: pairs of feelings, the most marked first.
    """

    topics: tuple[str, ...]
    n_works: tuple[int, ...]
    emotions: tuple[str, ...]
    counts: Counts
    deviations: Floats
    together: tuple[Pair, ...]
    apart: tuple[Pair, ...]


def relate(library: "Library") -> Relations:
    """The relations in a library; works in which nothing stands out count in the topics."""
    belongs = np.zeros((len(library), len(TOPICS)), np.float32)
    belongs[np.arange(len(library)), library.topics] = 1
    tones = library.tones.astype(np.float32)  # products of floats are many times faster than of integers
    n_works = belongs.sum(axis=0)
    sums = library.feelings.labels.T @ belongs
    counts = np.rint(tones.T @ belongs).astype(np.int64)
    topics, emotions = np.flatnonzero(n_works), np.flatnonzero(counts.sum(axis=1))
    by_emotion, by_topic = arrange(counts[np.ix_(emotions, topics)])
    emotions, topics = emotions[by_emotion], topics[by_topic]
    cells = np.ix_(emotions, topics)
    together, apart = find_pairs(library.tones)
    return Relations(
        topics=tuple(TOPICS[number] for number in topics),
        n_works=tuple(int(n_works[number]) for number in topics),
        emotions=tuple(EMOTIONS[number] for number in emotions),
        counts=counts[cells],
        deviations=(sums[cells] / n_works[topics]).astype(np.float64),
        together=together,
        apart=apart,
    )


def arrange(counts: Counts) -> tuple[Counts, Counts]:
    """Orders of the (E,) rows and (T,) columns of a table that bring together what goes together.

    They follow the first axis of a correspondence analysis (Benzécri, 1973), turned so that the column
    with the most of the table comes in the first half; tables without an axis keep their order.
    """
    rows, columns = counts.sum(axis=1), counts.sum(axis=0)
    same = np.arange(counts.shape[0]), np.arange(counts.shape[1])
    if min(counts.shape) < 2 or not counts.any():
        return same
    expected = np.outer(rows, columns) / counts.sum()
    scale = np.sqrt(np.maximum(expected, 1e-12))
    u, strength, v = np.linalg.svd((counts - expected) / scale, full_matrices=False)
    if strength[0] < 1e-9:
        return same
    row_places = u[:, 0] / np.sqrt(np.maximum(rows, 1e-12))
    column_places = v[0] / np.sqrt(np.maximum(columns, 1e-12))
    sign = 1 if column_places[columns.argmax()] <= 0 else -1
    by_row, by_column = (np.argsort(sign * p.round(9), kind="stable") for p in (row_places, column_places))
    return by_row, by_column


def find_pairs(tones: NDArray[np.bool_]) -> tuple[tuple[Pair, ...], tuple[Pair, ...]]:
    """Of (N, 28) feelings that stand out: pairs found much more often than by chance, and much less often.

    Chance keeps how often each feeling occurs and how many feelings each work has: of two feelings with
    a and b works, it puts a·b·Σk(k-1)/(Σk)² into one work, where k is a work's number of feelings
    (Chung and Lu, 2002). Distances from it are in units of its square root, a Poisson count's deviation.
    """
    exact = tones.astype(np.float32)
    found = exact.T @ exact
    often, sizes = found.diagonal().astype(np.float64), exact.sum(axis=1, dtype=np.float64)
    total = sizes.sum()
    if not total:
        return (), ()
    chance = np.outer(often, often) * (sizes * (sizes - 1)).sum() / total**2
    far = (found - chance) / np.sqrt(np.maximum(chance, 1e-12))
    pairs = [
        (float(far[a, b]), Pair(EMOTIONS[a], EMOTIONS[b], round(float(found[a, b])), float(chance[a, b])))
        for a, b in zip(*np.triu_indices(len(EMOTIONS), 1), strict=True)
        if NEUTRAL not in (a, b) and max(found[a, b], chance[a, b]) >= LEAST
    ]
    pairs.sort(key=lambda pair: (-pair[0], pair[1].first, pair[1].second))
    together = tuple(pair for distance, pair in pairs if distance >= CLEAR)[:N_PAIRS]
    apart = tuple(pair for distance, pair in reversed(pairs) if distance <= -CLEAR)[:N_PAIRS]
    return together, apart
