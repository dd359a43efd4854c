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
from leximind.library.keyword import Coverage, KeywordHit
from leximind.library.query import free_text
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

STRANGE: Final = 0.12
"""How much closer a work must be to a query of words that the whole library does not know: letters without
sense fall close together, and reach 0.31 on a shelf of five hundred works."""

K: Final = 10
"""How much the first places count in the fusion: the less, the more. The 60 of the paper suits lists of
thousands."""

PARTIAL: Final = 0.1
"""What a ranking by some of the words counts beside the one by meaning; one by all words counts as much."""

BONUS: Final[dict[Coverage, float]] = {"title": 10.0, "name": 2.0, "all": 0.0, "some": 0.0}
"""How many first places it is worth to be the work that the query names. All three were chosen on the tuning
half of benchmarks/search_quality."""

TOP_K: Final = 200
"""How far down an answer by meaning is taken seriously."""


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


def fuse(
    rankings: Sequence[Sequence[int]], weights: Sequence[float] | None = None, k: int = K
) -> list[tuple[int, float]]:
    """Merge rankings (best first) into pairs (row, score), best first; equal scores in the order of rows.

    Reciprocal rank fusion: the score of a row is the sum of weight / (k + rank) over the rankings that hold
    it (Cormack, Clarke and Büttcher, 2009). Without weights all rankings count the same.
    """
    scores: dict[int, float] = {}
    for ranking, weight in zip(rankings, weights or [1.0] * len(rankings), strict=True):
        for rank, row in enumerate(ranking, start=1):
            scores[row] = scores.get(row, 0.0) + weight / (k + rank)
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
        vector: (384,) unit-length embedding of the query's ``free_text``; None leaves only its words.
        mode: ``"keyword"`` ignores the vector, ``"meaning"`` ignores the words, but not what was asked for
            in so many signs: ``author:austen``, ``year:1800..1850``, ``"phrases"``, ``-exclusions``.
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
        if self._is_by_words:
            return [Match(hit.row, hit.score, hit.coverage, None) for hit in worded]
        closest = find_closest(self.library, self._embedding, TOP_K, self._narrow(mask))
        cosines = {row: cosine for row, cosine in closest if cosine >= self._least}
        if self.mode == "meaning":
            return [
                Match(row, cosine, None, cosine, cosine >= self._close) for row, cosine in cosines.items()
            ]
        coverages = {hit.row: hit.coverage for hit in worded[:TOP_K]}
        weight = PARTIAL if "some" in coverages.values() else 1.0
        fused = dict(fuse([list(cosines), list(coverages)], [1.0, weight]))
        for row, coverage in coverages.items():
            fused[row] += BONUS[coverage] / (K + 1)
        best = sorted(fused.items(), key=lambda item: (-item[1], item[0]))[:TOP_K]
        matches = []
        for row, score in best:
            cosine = cosines.get(row)
            is_close = cosine is not None and cosine >= self._close
            matches.append(Match(row, score, coverages.get(row), cosine, is_close))
        return matches

    @property
    def _is_by_words(self) -> bool:
        """Whether only words can be searched: by choice, without a model, or with nothing to understand."""
        has_only_signs = bool(self.query.strip()) and not free_text(self.query)
        return self.mode == "keyword" or self.vector is None or has_only_signs

    @cached_property
    def _embedding(self) -> NDArray[np.float32]:
        return np.zeros(0, np.float32) if self.vector is None else self.vector

    def _narrow(self, mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
        return mask if self._conditions is None else mask & self._conditions

    @cached_property
    def _conditions(self) -> NDArray[np.bool_] | None:
        return self.library.keyword.conditions(self.query)

    @cached_property
    def _close(self) -> float:
        return CLOSE + STRANGE * self.library.keyword.strangeness(self.query) ** 2

    @cached_property
    def _least(self) -> float:
        """The cosine a result must have, by the whole library: a filter does not make it lenient."""
        closest = find_closest(self.library, self._embedding, 1)
        return SHARE * closest[0][1] if closest else FLOOR

    @cached_property
    def _worded(self) -> list[KeywordHit]:
        needs_words = self.mode != "meaning" or self._is_by_words
        return self.library.keyword.search(self.query) if needs_words else []


def is_doubtful(matches: Sequence[Match]) -> bool:
    """Whether no match has the words of the query and none is close to it in meaning."""
    return not any(match.coverage in ("title", "name", "all") or match.is_close for match in matches)


def explain(match: Match) -> tuple[str, ...]:
    """Why a match is in the answer, in short phrases."""
    reasons = []
    if match.coverage is not None:
        reasons.append("has some of your words" if match.coverage == "some" else "matches your words")
    if match.cosine is not None:
        closeness = "very close" if match.cosine >= 0.5 else "close" if match.is_close else "related"
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
