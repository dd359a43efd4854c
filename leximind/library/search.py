"""From one query to ranked rows: by words, by meaning, or by both."""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from leximind.labels import EMOTIONS
from leximind.library.keyword import KeywordHit
from leximind.library.store import Library

Mode = Literal["hybrid", "keyword", "meaning"]
Sort = Literal["relevance", "title", "newest", "oldest"]

FLOOR: Final = 0.2
"""Works with a smaller cosine to the query have nothing to do with it and are no results."""

SHARE: Final = 0.5
"""Nor have those that are less than this as close as the closest work: a good answer ends the list."""

CLOSE: Final = 0.25
"""From here on a cosine speaks for itself. Below, down to ``FLOOR``, chance is as likely: letters without any
sense reach 0.22 on a shelf of a hundred works, and a real query such as "dreams" only 0.21."""

TOP_K: Final = 200
"""How far down an answer by meaning is taken seriously."""


@dataclass(frozen=True)
class Match:
    """A row that answers a query.

    Attributes:
        score: orders one answer; BM25, cosine or fused reciprocal ranks, depending on the mode.
        has_words: whether it was found by its words.
        cosine: closeness in meaning, None when it was not found by meaning.
    """

    row: int
    score: float
    has_words: bool
    cosine: float | None


def fuse(rankings: Sequence[Sequence[int]], k: int = 60) -> list[tuple[int, float]]:
    """Merge rankings (best first) into pairs (row, score), best first; equal scores in the order of rows.

    Reciprocal rank fusion: the score of a row is the sum of 1 / (k + rank) over the rankings that hold it
    (Cormack, Clarke and Büttcher, 2009).
    """
    scores: dict[int, float] = {}
    for ranking in rankings:
        for rank, row in enumerate(ranking, start=1):
            scores[row] = scores.get(row, 0.0) + 1 / (k + rank)
    return sorted(scores.items(), key=lambda item: (-item[1], item[0]))


def find_closest(
    library: Library, embedding: NDArray[np.float32], limit: int, mask: NDArray[np.bool_] | None = None
) -> list[tuple[int, float]]:
    """Pairs (row, cosine) of the works closest to a (384,) unit-length embedding, none below ``FLOOR``."""
    (closest,) = library.vectors.search(embedding[None], limit, mask)
    return [(row, cosine) for row, cosine in closest if cosine >= FLOOR]


@dataclass(frozen=True)
class Search:
    """One query, ready to be asked under different filters.

    Attributes:
        vector: (384,) unit-length embedding of the query; None leaves only its words.
        mode: ``"keyword"`` ignores the vector, ``"meaning"`` ignores the words.
    """

    library: Library
    query: str
    vector: NDArray[np.float32] | None
    mode: Mode

    def run(self, mask: NDArray[np.bool_]) -> list[Match]:
        """The matching rows where (N,) ``mask`` is true, best first.

        By words the whole matching set; otherwise at most ``TOP_K``.
        """
        worded = [hit for hit in self._worded if mask[hit.row]]
        if self.mode == "keyword" or self.vector is None:
            return [Match(hit.row, hit.score, True, None) for hit in worded]
        closest = find_closest(self.library, self.vector, TOP_K, mask)
        cosines = {row: cosine for row, cosine in closest if cosine >= self._least}
        if self.mode == "meaning":
            return [Match(row, cosine, False, cosine) for row, cosine in cosines.items()]
        rows = [hit.row for hit in worded[:TOP_K]]
        fused = fuse([rows, list(cosines)])[:TOP_K]
        return [Match(row, score, row in rows, cosines.get(row)) for row, score in fused]

    @cached_property
    def _least(self) -> float:
        """The cosine a result must have, by the whole library: a filter does not make it lenient."""
        closest = [] if self.vector is None else find_closest(self.library, self.vector, 1)
        return SHARE * closest[0][1] if closest else FLOOR

    @cached_property
    def _worded(self) -> list[KeywordHit]:
        return [] if self.mode == "meaning" else self.library.keyword.search(self.query)


def is_doubtful(matches: Sequence[Match]) -> bool:
    """Whether no match has a word of the query and none is close to it in meaning."""
    return not any(match.has_words or (match.cosine or 0) >= CLOSE for match in matches)


def explain(match: Match) -> tuple[str, ...]:
    """Why a match is in the answer, in short phrases."""
    reasons = ["matches your words"] if match.has_words else []
    if match.cosine is not None:
        closeness = "very close" if match.cosine >= 0.5 else "close" if match.cosine >= CLOSE else "related"
        reasons.append(f"{closeness} in meaning")
    return tuple(reasons)


def order_rows(
    library: Library, emotions: Sequence[str], sort: Sort
) -> tuple[NDArray[np.intp], NDArray[np.float32]]:
    """All rows in an order for browsing, and the (N,) scores behind it.

    By relevance the works that feel the given emotions most come first: the score is the sum of standard
    scores over the library. Works without a year come last in both orders by year.
    """
    chosen = [EMOTIONS.index(emotion) for emotion in emotions]
    standard = (library.emotions[:, chosen] - library.emotion_mean[chosen]) / library.emotion_std[chosen]
    scores = np.asarray(standard.sum(axis=1), np.float32)
    if sort == "title":
        titles = [_file_title(work.title) for work in library.works]
        return np.array(sorted(range(len(library)), key=titles.__getitem__), np.intp), scores
    if sort == "relevance":
        return np.argsort(-scores, kind="stable"), scores
    years = library.years if sort == "oldest" else -library.years
    return np.lexsort((years, ~library.has_year)), scores


def _file_title(title: str) -> str:
    """As a librarian files it: without case, accents, leading article and marks."""
    plain = unicodedata.normalize("NFKD", title).casefold()
    return re.sub(r"^\W*(?:(?:the|an?)\s+)?", "", plain)
