"""What a search by words finds: rows with their scores, and how well they match."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Literal, get_args

import numpy as np
from numpy.typing import NDArray

Coverage = Literal["title", "name", "all", "some"]
"""Whether the query is the title of a work, or the work has all words in title and authors, all, or some."""

COVERAGES: Final[tuple[Coverage, ...]] = get_args(Coverage)


@dataclass(frozen=True, slots=True)
class KeywordHit:
    """A row of the library that matches, with its BM25 score."""

    row: int
    score: float
    coverage: Coverage


@dataclass(frozen=True)
class KeywordHits:
    """Rows that match, best first.

    Attributes:
        rows: (M,) intp. scores: (M,) float32, BM25. coverages: (M,) int8, positions in ``COVERAGES``.
    """

    rows: NDArray[np.intp]
    scores: NDArray[np.float32]
    coverages: NDArray[np.int8]

    @classmethod
    def join(cls, parts: Sequence["KeywordHits"]) -> "KeywordHits":
        """One after the other."""
        columns = zip(*((p.rows, p.scores, p.coverages) for p in (NOTHING, *parts)), strict=True)
        return cls(*map(np.concatenate, columns))

    def __len__(self) -> int:
        return len(self.rows)

    def __iter__(self) -> Iterator[KeywordHit]:
        columns = (self.rows.tolist(), self.scores.tolist(), self.coverages.tolist())
        for row, score, coverage in zip(*columns, strict=True):
            yield KeywordHit(row, score, COVERAGES[coverage])

    def take(self, places: NDArray[np.intp]) -> "KeywordHits":
        """Those at some places, in the order given."""
        return KeywordHits(self.rows[places], self.scores[places], self.coverages[places])


NOTHING: Final = KeywordHits(np.zeros(0, np.intp), np.zeros(0, np.float32), np.zeros(0, np.int8))
