"""What an answer is made of: hits with reasons, pages, and counts of what each choice would give."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Final, TypeVar

import numpy as np
from numpy.typing import NDArray

from leximind.errors import InputError
from leximind.labels import EMOTIONS, KINDS, TOPICS
from leximind.library.filters import LENGTHS, Filters, fits_length
from leximind.library.ordering import Sort
from leximind.library.store import Library
from leximind.library.work import Work

MAX_PAGE_SIZE: Final = 100
Item = TypeVar("Item")


@dataclass(frozen=True)
class Hit:
    """A work that was found.

    Attributes:
        score: for ordering inside one answer; not comparable between answers.
        snippet: escaped HTML with ``<mark>`` around the words found and no other tag; "" when none.
        reasons: why it is here, short English phrases, strongest first.
    """

    work: Work
    score: float
    snippet: str = ""
    reasons: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready, without the passages of the work."""
        work = self.work.to_dict()
        del work["arc"]
        return {
            "work": work,
            "score": round(self.score, 4),
            "snippet": self.snippet,
            "reasons": list(self.reasons),
        }


@dataclass(frozen=True)
class Facets:
    """Works by label, in label order; labels without works are left out.

    A kind, topic, year or length is counted as if its own group were not filtered yet. Emotions add up (a
    work must feel all of them), so an emotion is counted among the works that already pass; those that a work
    must not feel are the others.

    Attributes:
        years: first and last, of works that have one. centuries: first year of the century to works, oldest
            first (1800 for 1800 to 1899, -400 for 400 to 301 BC).
        lengths: names of ``filters.LENGTHS`` to works.
    """

    kinds: dict[str, int]
    topics: dict[str, int]
    emotions: dict[str, int]
    years: tuple[int, int] | None
    centuries: dict[int, int]
    lengths: dict[str, int]


@dataclass(frozen=True)
class Page:
    """One page of an answer. ``page`` counts from 1 and is at most ``n_pages``, which is at least 1.

    Attributes:
        total: works in the whole answer.
        sentence: what was asked for, in English.
        note: what a reader should know about this answer, "" when nothing.
        suggestion: the query as it was probably meant, "" when nothing is misspelt.
        is_doubtful: whether none of the works has all the words or is close in meaning: they are the nearest
            there are, and to be offered as no more.
    """

    hits: tuple[Hit, ...]
    total: int
    page: int
    n_pages: int
    facets: Facets
    sentence: str
    note: str
    suggestion: str = ""
    sort: Sort = "relevance"
    is_doubtful: bool = False

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        plain = asdict(replace(self, hits=()))
        plain["facets"]["centuries"] = {str(year): n for year, n in self.facets.centuries.items()}
        return plain | {"hits": [hit.to_dict() for hit in self.hits]}


def count_facets(library: Library, filters: Filters, find: Callable[[Filters], NDArray[np.intp]]) -> Facets:
    """Count the rows that ``find`` returns under the filters less those of each group."""
    found: dict[Filters, NDArray[np.intp]] = {}

    def rows(given: Filters) -> NDArray[np.intp]:
        if given not in found:
            found[given] = find(given)
        return found[given]

    by_year = rows(filters.drop("year"))
    years = library.years[by_year][library.has_year[by_year]]
    centuries, n_works = np.unique(years // 100 * 100, return_counts=True)
    n_words = library.n_words[rows(filters.drop("length"))]
    lengths = {name: int(np.count_nonzero(fits_length(n_words, name))) for name in LENGTHS}
    return Facets(
        kinds=_tally(np.bincount(library.kinds[rows(filters.drop("kind"))], minlength=len(KINDS)), KINDS),
        topics=_tally(
            np.bincount(library.topics[rows(filters.drop("topic"))], minlength=len(TOPICS)), TOPICS
        ),
        emotions=_tally(library.tones[rows(filters)].sum(axis=0), EMOTIONS),
        years=(int(years.min()), int(years.max())) if len(years) else None,
        centuries=dict(zip(centuries.tolist(), n_works.tolist(), strict=True)),
        lengths={name: number for name, number in lengths.items() if number},
    )


def _tally(counts: NDArray[np.intp], labels: tuple[str, ...]) -> dict[str, int]:
    return {label: int(count) for label, count in zip(labels, counts, strict=True) if count}


def paginate(items: Sequence[Item], page: int, page_size: int) -> tuple[Sequence[Item], int, int]:
    """The items of a page, its number from 1 and the number of pages; a page past the end is the last.

    Raises:
        InputError: the page is less than 1, or the page size not from 1 to ``MAX_PAGE_SIZE``.
    """
    check_count("page", page, None)
    check_count("page size", page_size, MAX_PAGE_SIZE)
    n_pages = max(1, -(-len(items) // page_size))
    page = min(page, n_pages)
    return items[(page - 1) * page_size : page * page_size], page, n_pages


def check_count(what: str, given: int, most: int | None) -> None:
    """Hold a number that a caller gave against 1 and the most that is allowed.

    Raises:
        InputError: it is no whole number, or out of range.
    """
    expected = "1 or more" if most is None else f"from 1 to {most}"
    if not isinstance(given, int) or given < 1 or (most is not None and given > most):
        raise InputError(f"The {what} is {given!r}, but a whole number {expected} was expected.")
