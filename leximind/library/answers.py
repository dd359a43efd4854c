"""What an answer is made of: hits with reasons, pages, and counts of what each choice would give."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Final, TypeVar

import numpy as np
from numpy.typing import NDArray

from leximind.errors import InputError
from leximind.labels import EMOTIONS, KINDS, TOPICS
from leximind.library.filters import Filters, write_list
from leximind.library.store import Library
from leximind.library.work import Work

MAX_PAGE_SIZE: Final = 100
N_SHARED: Final = 3
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

    A kind, topic or year is counted as if its own group were not filtered yet. Emotions add up (a work must
    feel all of them), so an emotion is counted among the works that already pass.
    """

    kinds: dict[str, int]
    topics: dict[str, int]
    emotions: dict[str, int]
    years: tuple[int, int] | None


@dataclass(frozen=True)
class Page:
    """One page of an answer. ``page`` counts from 1 and is at most ``n_pages``, which is at least 1.

    Attributes:
        total: works in the whole answer.
        sentence: what was asked for, in English.
        note: what a reader should know about this answer, "" when nothing.
        suggestion: the query as it was probably meant, "" when nothing is misspelt.
    """

    hits: tuple[Hit, ...]
    total: int
    page: int
    n_pages: int
    facets: Facets
    sentence: str
    note: str
    suggestion: str = ""

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        plain = asdict(replace(self, hits=()))
        return plain | {"hits": [hit.to_dict() for hit in self.hits]}


def count_facets(
    library: Library, filters: Filters, find: Callable[[NDArray[np.bool_]], NDArray[np.intp]]
) -> Facets:
    """Count the rows that ``find`` returns for an (N,) mask, under the filters less those of each group."""
    found: dict[Filters, NDArray[np.intp]] = {}

    def rows(given: Filters) -> NDArray[np.intp]:
        if given not in found:
            found[given] = find(given.mask(library))
        return found[given]

    by_year = rows(filters.drop("year"))
    years = library.years[by_year][library.has_year[by_year]]
    return Facets(
        kinds=_tally(np.bincount(library.kinds[rows(filters.drop("kind"))], minlength=len(KINDS)), KINDS),
        topics=_tally(
            np.bincount(library.topics[rows(filters.drop("topic"))], minlength=len(TOPICS)), TOPICS
        ),
        emotions=_tally(library.tones[rows(filters)].sum(axis=0), EMOTIONS),
        years=(int(years.min()), int(years.max())) if len(years) else None,
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


def compare(work: Work, other: Work) -> tuple[str, ...]:
    """What two works have in common, in short phrases."""
    shared = [emotion for emotion in work.tone if emotion in other.tone][:N_SHARED]
    reasons = [f"both feel {write_list(shared, 'and')}"] if shared else []
    if work.topic == other.topic:
        reasons.append(f"both about {work.topic}")
    return tuple(reasons)
