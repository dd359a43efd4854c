"""Ranked rows of a library, and how rankings are merged."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import isnan
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from leximind.library.hits import COVERAGES, Coverage

Rows = NDArray[np.intp]
Floats = NDArray[np.float32]

K: Final = 10
"""How much the first places count in the fusion: the less, the more. The 60 of the paper suits lists of
thousands."""


@dataclass(frozen=True)
class Match:
    """A row that answers a query.

    Attributes:
        score: orders one answer; BM25, cosine or fused reciprocal ranks, depending on the mode.
        coverage: how many words of the query it has, None when it was not found by words.
        cosine: closeness in meaning, None when it was not found by meaning.
        is_close: whether the cosine is more than chance for this query.
    """

    row: int
    score: float
    coverage: Coverage | None
    cosine: float | None
    is_close: bool = False


@dataclass(frozen=True)
class Ranking:
    """The rows that answer a query, best first.

    Attributes:
        rows: (M,) intp. scores: (M,) float32, as in ``Match``.
        coverages: (M,) int8, positions in ``COVERAGES``, -1 for none. cosines: (M,) float32, NaN for none.
    """

    rows: Rows
    scores: Floats
    coverages: NDArray[np.int8]
    cosines: Floats

    def __len__(self) -> int:
        return len(self.rows)

    def matches(self, close: float) -> list[Match]:
        """One object a row, meant for a page of them; close from that cosine on."""
        columns = (self.rows, self.scores, self.coverages, self.cosines)
        return [
            Match(
                row,
                score,
                None if coverage < 0 else COVERAGES[coverage],
                None if isnan(cosine) else cosine,
                cosine >= close,
            )
            for row, score, coverage, cosine in zip(*(column.tolist() for column in columns), strict=True)
        ]

    def take(self, places: Rows | NDArray[np.bool_]) -> "Ranking":
        """Those at some places, in the order given."""
        return Ranking(self.rows[places], self.scores[places], self.coverages[places], self.cosines[places])


def fuse(rankings: Sequence[Rows], weights: Sequence[float], k: int = K) -> tuple[Rows, Floats]:
    """Merge rankings (best first) into rows and scores, best first; equal scores in the order of rows.

    Reciprocal rank fusion: the score of a row is the sum of weight / (k + rank) over the rankings that hold
    it (Cormack, Clarke and Büttcher, 2009).
    """
    gains = [
        weight / (k + np.arange(1, len(ranking) + 1))
        for ranking, weight in zip(rankings, weights, strict=True)
    ]
    all_rows = np.concatenate([np.zeros(0, np.intp), *rankings])
    rows, places = np.unique(all_rows, return_inverse=True)
    scores = np.bincount(places, np.concatenate([np.zeros(0), *gains]), len(rows))
    order = np.argsort(-scores, kind="stable")
    return rows[order], scores[order].astype(np.float32)


def look_up(rows: Rows, keys: Rows, values: NDArray[Any], missing: float) -> NDArray[Any]:
    """The value that belongs to each row by its key, or what stands for a missing one."""
    found = np.full(len(rows), missing, values.dtype)
    if len(keys):
        order = np.argsort(keys)
        places = np.minimum(np.searchsorted(keys, rows, sorter=order), len(keys) - 1)
        is_there = keys[order[places]] == rows
        found[is_there] = values[order[places[is_there]]]
    return found
