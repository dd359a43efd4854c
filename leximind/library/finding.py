"""From a reader's question to a page of works: listing and searching, with counts and reasons."""

from collections.abc import Callable
from functools import lru_cache
from typing import Final, get_args

import numpy as np
from numpy.typing import NDArray

from leximind.errors import InputError
from leximind.library.answers import Facets, Hit, Page, count_facets, paginate
from leximind.library.filters import Filters
from leximind.library.moods import EVEN, Mood
from leximind.library.ordering import Orders, Sort
from leximind.library.query import free_text
from leximind.library.ranking import Ranking
from leximind.library.reasons import explain, find_words
from leximind.library.search import Mode, Search
from leximind.library.store import Library
from leximind.library.work import Work

MAX_QUERY: Final = 1000
N_KEPT: Final = 64
"""So many searches, and counts without a search, are kept: filters, pages and neighbours ask them again."""

Embed = Callable[[str], tuple[NDArray[np.float32] | None, str]]


class Finder:
    """Answers questions to a library. Safe to share between threads."""

    def __init__(self, library: Library, embed: Embed) -> None:
        """``embed`` gives the (384,) embedding of a text, or None and why there is none, for readers."""
        self._library, self._embed, self._orders = library, embed, Orders(library)
        self._ask = lru_cache(maxsize=N_KEPT)(self._make_search)
        self._count = lru_cache(maxsize=N_KEPT)(self._count_passing)

    def browse(self, filters: Filters, mood: Mood, sort: Sort, page: int, page_size: int) -> Page:
        """The works that pass; see ``Service.browse``."""
        _expect("sort", sort, get_args(Sort))
        rows = self._list(filters, mood, sort)
        places, page, n_pages = paginate(range(len(rows)), page, page_size)
        shown = rows[list(places)]
        scores = self._orders.score(filters.emotions, mood, shown)
        hits = tuple(
            Hit(self._library.works[row], score, reasons=self._library.feelings.explain(row, mood))
            for row, score in zip(shown.tolist(), scores.tolist(), strict=True)
        )
        sentence = _join(filters.sentence(), mood, " " if filters.is_empty else ", ")
        return Page(hits, len(rows), page, n_pages, self._count(filters), sentence, "", sort=sort)

    def search(  # noqa: PLR0917 - the service gives each of them a name
        self, query: str, filters: Filters, mode: Mode, mood: Mood, sort: Sort, page: int, page_size: int
    ) -> Page:
        """The works that match; see ``Service.search``."""
        query = read_query(query)
        _expect("mode", mode, get_args(Mode))
        if not query:
            return self.browse(filters, mood, sort, page, page_size)
        _expect("sort", sort, get_args(Sort))
        search, note = self._ask(query, mode, mood)
        found = search.run(filters)
        places, page, n_pages = paginate(range(len(found)), page, page_size)
        order = self._orders.arrange(found.rows, sort)
        is_doubtful = not search.is_certain(found)
        if is_doubtful and not note:
            note = "Nothing close. These come nearest." if len(found) else "Nothing close."
        asked = f"{'works' if filters.is_empty else filters.sentence()} matching “{query}”"
        return Page(
            self._present(search, found.take(order[list(places)]), is_doubtful),
            len(found),
            page,
            n_pages,
            count_facets(self._library, filters, lambda given: search.run(given).rows),
            _join(asked, mood, ", "),
            note,
            self._library.keyword.suggest(query),
            sort,
            is_doubtful,
        )

    def around(
        self, work_id: str, query: str, filters: Filters, mood: Mood, sort: Sort
    ) -> tuple[Work | None, Work | None]:
        """The works before and after one; see ``Service.around``."""
        row = self._library.row(work_id)
        _expect("sort", sort, get_args(Sort))
        rows = self._list(filters, mood, sort, read_query(query))
        places = np.flatnonzero(rows == row)
        if not len(places):
            return None, None
        place = int(places[0])
        before = self._library.works[int(rows[place - 1])] if place else None
        after = self._library.works[int(rows[place + 1])] if place + 1 < len(rows) else None
        return before, after

    def locate(self, query: str, filters: Filters) -> NDArray[np.bool_]:
        """(N,) the works that a search finds."""
        query = read_query(query)
        if not query:
            return self._library.mask(filters).copy()
        found = np.zeros(len(self._library), np.bool_)
        found[self._list(filters, EVEN, "relevance", query)] = True
        return found

    def _list(self, filters: Filters, mood: Mood, sort: Sort, query: str = "") -> NDArray[np.intp]:
        """The rows of a whole answer in their order."""
        if not query:
            order = self._orders.browse(filters.emotions, mood, sort)
            return order if filters.is_empty else order[self._library.mask(filters)[order]]
        rows = self._ask(query, "hybrid", mood)[0].run(filters).rows
        return rows[self._orders.arrange(rows, sort)]

    def _make_search(self, query: str, mode: Mode, mood: Mood) -> tuple[Search, str]:
        text = free_text(query)
        vector, note = (None, "") if mode == "keyword" or not text else self._embed(text)
        return Search(self._library, query, vector, mode if vector is not None else "keyword", mood), note

    def _count_passing(self, filters: Filters) -> Facets:
        mask = self._library.mask
        return count_facets(self._library, filters, lambda given: np.flatnonzero(mask(given)))

    def _present(self, search: Search, found: Ranking, is_doubtful: bool) -> tuple[Hit, ...]:
        """With the reasons: the words matched, how close it is, and what it feels of what was asked for."""
        matches = found.matches(search.close)
        works = [self._library.works[match.row] for match in matches]
        snippets = self._library.keyword.snippets(search.query, works)
        hits = []
        for work, match, snippet in zip(works, matches, snippets, strict=True):
            words = find_words(search.query, work) if match.coverage else ()
            why = explain(match, words, is_doubtful=is_doubtful)
            hits.append(Hit(work, match.score, snippet, (*why, *search.explain_feelings(match))))
        return tuple(hits)


def read_text(text: str) -> str:
    """A visitor's text without what no Unicode text can hold: lone surrogates, which no index or tokenizer
    takes.

    Raises:
        InputError: it is no text.
    """
    if not isinstance(text, str):
        raise InputError(f"A text was expected, not {type(text).__name__}.")
    return text.encode("utf-8", errors="ignore").decode("utf-8")


def read_query(query: str) -> str:
    """A visitor's query with single spaces.

    Raises:
        InputError: it is no text, or too long.
    """
    query = " ".join(read_text(query).split())
    if len(query) > MAX_QUERY:
        raise InputError(
            f"The query has {len(query):,} characters, but at most {MAX_QUERY:,} were expected.",
            hint="Analyze a longer text as a whole to see the works closest to it.",
        )
    return query


def _join(words: str, mood: Mood, joint: str) -> str:
    return words if mood.is_even else f"{words}{joint}{mood.phrase()}"


def _expect(what: str, given: str, known: tuple[str, ...]) -> None:
    if given not in known:
        raise InputError(f"The {what} is {given!r}, but one of {', '.join(known)} was expected.")
