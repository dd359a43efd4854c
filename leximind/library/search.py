"""From one query to ranked rows: by words, by meaning, by feeling, or by all of them."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from leximind.library.feeling_words import Felt, read_feelings
from leximind.library.filters import EVERYTHING, Filters
from leximind.library.hits import COVERAGES, Coverage
from leximind.library.moods import EVEN, Mood
from leximind.library.query import free_text
from leximind.library.ranking import Floats, K, Match, Ranking, Rows, fuse, look_up
from leximind.library.store import Library

Mode = Literal["hybrid", "keyword", "meaning"]

FLOOR: Final = 0.2
"""Works with a smaller cosine to the query have nothing to do with it and are no results."""

SHARE: Final = 0.5
"""Nor have those that are less than this as close as the closest work: a good answer ends the list."""

CLOSE: Final = 0.225
"""From here on a cosine speaks for itself. Below, down to ``FLOOR``, chance is as likely: words that have
nothing to do with any work reach 0.22."""

STRANGE: Final = 0.12
"""How much closer a work must be to a query of words that the whole library does not know: letters without
sense fall close together, and reach 0.31 on a shelf of five hundred works."""

PARTIAL: Final = 0.1
"""What a ranking by some of the words counts beside the one by meaning. One by all words counts as much, and
so does one by some where the query names feelings: such words are rarely in a description by chance."""

FEELING: Final = 0.1
"""What the ranking by the feelings that a query names counts beside the one by meaning. Where it names
nothing else, it counts as much as the others."""

BONUS: Final[dict[Coverage, float]] = {"title": 10.0, "name": 2.0, "all": 0.0, "some": 0.0}
"""How many first places it is worth to be the work that the query names. All of these were chosen on the
tuning half of benchmarks/search_quality."""

FELT: Final = 1.0
"""From so many deviations above the average of its like a work answers a query that names only feelings."""

K_MOOD: Final = 60
"""As ``K``, where a mood is fused with the answer to a query: good in both ranks before best in one."""

TOP_K: Final = 200
"""How far down an answer is looked at by each of words and meaning in a library that is too large to compare
every work; so many works at most are counted there."""

N_WORDED: Final = 10_000
"""And by words alone."""

N_KEPT: Final = 8
"""In such a library the answers under so many filters are kept."""

N_NEAREST: Final = 12
"""So many works are offered, as the nearest, where nothing is close."""


def find_closest(
    library: Library, embedding: Floats, limit: int, mask: NDArray[np.bool_] | None = None
) -> tuple[Rows, Floats]:
    """Rows and cosines of the works closest to a (384,) unit-length embedding, none below ``FLOOR``."""
    (closest,) = library.vectors.search(embedding[None], limit, mask)
    rows = np.array([row for row, _ in closest], np.intp)
    cosines = np.array([cosine for _, cosine in closest], np.float32)
    return rows[cosines >= FLOOR], cosines[cosines >= FLOOR]


@dataclass(frozen=True)
class Search:
    """One query, ready to be asked under different filters.

    Attributes:
        vector: (384,) unit-length embedding of the query's ``free_text``; None leaves only its words.
        mode: ``"keyword"`` ignores the vector, ``"meaning"`` ignores the words, but not what was asked for
            in so many signs: ``author:austen``, ``year:1800..1850``, ``"phrases"``, ``-exclusions``.
        mood: orders what matches.
    """

    library: Library
    query: str
    vector: Floats | None
    mode: Mode
    mood: Mood = EVEN

    def run(self, filters: Filters = EVERYTHING) -> Ranking:
        """The works that match and pass, best first.

        Where every work can be compared with the query, a filter only leaves works out and never changes
        their order. In a large library the best ``TOP_K`` that pass are looked for.
        """
        if self.library.vectors.is_exact:
            whole = self._whole
            return whole.take(self.library.mask(filters)[whole.rows])
        return self._ranked(filters)

    @cached_property
    def _ranked(self) -> Callable[[Filters], Ranking]:
        """Counts ask for the filters less one group, which are often those of the click before."""
        limit = N_WORDED if self._is_by_words else TOP_K
        return lru_cache(maxsize=N_KEPT)(lambda filters: self._rank(filters, limit))

    @cached_property
    def is_doubtful(self) -> bool:
        """Whether no work of the whole library has all the words or is close in meaning."""
        _, cosines = self._closest
        has_words = self.library.keyword.has_all(self.query)
        by_words = self.mode != "meaning" or self._is_by_words
        by_meaning = not self._is_by_words and len(cosines) > 0 and bool(cosines[0] >= self.close)
        return not ((by_words and has_words) or by_meaning or self._names_only_feelings)

    @cached_property
    def close(self) -> float:
        """The cosine from which on a work is close, rather than near by chance."""
        return CLOSE + STRANGE * self.library.keyword.strangeness(self.query) ** 2

    def explain_feelings(self, match: Match) -> tuple[str, ...]:
        """What a work has of the feelings that were asked for, where they had a part in finding it."""
        feelings = self.library.feelings
        has_part = self.mode == "hybrid" and not self._is_by_words and match.coverage != "title"
        named = (
            feelings.explain_profile(match.row, self._felt.profile)
            if has_part and self._felt is not None
            else ()
        )
        return tuple(dict.fromkeys((*feelings.explain(match.row, self.mood), *named)))

    def is_certain(self, ranking: Ranking) -> bool:
        """Whether one of these has all the words, or is close in meaning."""
        has_words = (ranking.coverages >= 0) & (ranking.coverages != COVERAGES.index("some"))
        return bool((has_words | (ranking.cosines >= self.close)).any()) or self._names_only_feelings

    @cached_property
    def _whole(self) -> Ranking:
        return self._rank(EVERYTHING, len(self.library))

    def _rank(self, filters: Filters, limit: int) -> Ranking:
        found = self._find(filters, limit)
        if self.is_doubtful:
            nearest = np.argsort(-np.nan_to_num(found.cosines, nan=-1.0), kind="stable")
            return found.take(nearest[:N_NEAREST])
        return found if self.mood.is_even else self._suit(found)

    def _find(self, filters: Filters, limit: int) -> Ranking:
        if self.mode != "meaning" or self._is_by_words:
            words = self.library.keyword.find(self.query, limit, filters)
            if self._is_by_words:
                return Ranking(
                    words.rows, words.scores, words.coverages, np.full(len(words), np.nan, np.float32)
                )
        near, cosines = self._find_near(filters, limit)
        if self.mode == "meaning":
            return Ranking(near, cosines, np.full(len(near), -1, np.int8), cosines)
        is_partial = self._felt is None and COVERAGES.index("some") in words.coverages
        rankings, weights = [near, words.rows], [1.0, PARTIAL if is_partial else 1.0]
        if self._felt is not None:
            both = np.union1d(near, words.rows)
            rankings.append(self._order_by_feeling(both, filters, self._felt, limit))
            weights.append(1.0 if self._felt.is_all else FEELING)
        rows, scores = fuse(rankings, weights)
        coverages = look_up(rows, words.rows, words.coverages, -1)
        for number, coverage in enumerate(COVERAGES):
            scores[coverages == number] += BONUS[coverage] / (K + 1)
        best = np.argsort(-scores, kind="stable")
        cosines = look_up(rows, near, cosines, np.nan)
        return Ranking(rows, scores, coverages, cosines).take(best)

    def _find_near(self, filters: Filters, limit: int) -> tuple[Rows, Floats]:
        """What is close enough by the whole library: a filter does not make it lenient."""
        _, closest = self._closest
        least = max(FLOOR, SHARE * float(closest.max(initial=0.0)))
        rows, cosines = find_closest(self.library, self._embedding, limit, self._narrow(filters))
        return rows[cosines >= least], cosines[cosines >= least]

    def _narrow(self, filters: Filters) -> NDArray[np.bool_]:
        """(N,) the works that pass and hold what was asked for in signs."""
        mask, conditions = self.library.mask(filters), self.library.keyword.conditions(self.query)
        return mask if conditions is None else mask & conditions

    def _order_by_feeling(self, found: Rows, filters: Filters, felt: Felt, limit: int) -> Rows:
        """The rows found, those first that feel as the query says; where it says nothing else, also others
        that clearly do."""
        labels = self.library.feelings.labels
        if felt.is_all:
            fit = labels @ felt.profile
            others = np.flatnonzero(self._narrow(filters) & (fit >= FELT))
            found = np.union1d(found, others[np.argsort(-fit[others], kind="stable")[:limit]])
        return found[np.argsort(-(labels[found] @ felt.profile), kind="stable")]

    def _suit(self, found: Ranking) -> Ranking:
        """The same rows with those first that both answer the query and suit the mood; a work that the query
        names stays before them."""
        fit = self.library.feelings.weigh(self.mood, found.rows)
        suited = found.rows[np.argsort(-fit, kind="stable")]
        strength = max(abs(weight) for _, weight in self.mood.weights)
        rows, scores = fuse([found.rows, suited], [1.0, strength], K_MOOD)
        places = look_up(rows, found.rows, np.arange(len(found)), 0)
        is_named = found.coverages[places] == COVERAGES.index("title")
        order = np.lexsort((-scores, ~is_named))
        suited_ranking = found.take(places[order])
        return Ranking(suited_ranking.rows, scores[order], suited_ranking.coverages, suited_ranking.cosines)

    @property
    def _is_by_words(self) -> bool:
        """Whether only words can be searched: by choice, without a model, or with nothing to understand."""
        has_only_signs = bool(self.query.strip()) and not free_text(self.query)
        return self.mode == "keyword" or self.vector is None or has_only_signs

    @cached_property
    def _felt(self) -> Felt | None:
        return read_feelings(free_text(self.query))

    @property
    def _names_only_feelings(self) -> bool:
        return self.mode == "hybrid" and self._felt is not None and self._felt.is_all

    @cached_property
    def _embedding(self) -> Floats:
        return np.zeros(0, np.float32) if self.vector is None else self.vector

    @cached_property
    def _closest(self) -> tuple[Rows, Floats]:
        if self._is_by_words:
            return np.zeros(0, np.intp), np.zeros(0, np.float32)
        return find_closest(self.library, self._embedding, 1)
