"""What a reader narrows the shelf to: one frozen object gives the row mask, the address and the English."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, Literal

import numpy as np
from numpy.typing import NDArray

from leximind.errors import InputError
from leximind.labels import EMOTIONS, KINDS, TOPICS
from leximind.library.work import YEARS

if TYPE_CHECKING:
    from leximind.library.store import Library

Group = Literal["kind", "topic", "year", "length"]

LENGTHS: Final[dict[str, tuple[int, int | None]]] = {
    "short": (1, 40_000),
    "medium": (40_000, 80_000),
    "long": (80_000, None),
}
"""Name to the least words of the full text and the first number that is too many. At 250 words a minute a
short work takes less than three hours, an evening; a long one more than five. Prizes for fiction end the
novella at 40,000 words, too."""

_PLURALS: Final = {"": "works", "book": "books", "paper": "papers"}


@dataclass(frozen=True)
class Filters:
    """Conditions that all must hold. Labels are matched without regard to case and put in label order.

    Attributes:
        kind: ``"book"``, ``"paper"`` or ``""`` for both.
        topics: the topic is one of these; empty means any.
        emotions: all of these stand out in the work's tone.
        exclude_emotions: none of these stands out.
        year_from: first year, included; None means no limit. A work without a year is outside any limit.
        year_to: last year, included.
        length: one of ``LENGTHS``, or ``""`` for any. A work whose length is unknown is outside any.

    Raises:
        InputError: a label is unknown, a year is out of range, or the years are in the wrong order.
    """

    kind: str = ""
    topics: tuple[str, ...] = ()
    emotions: tuple[str, ...] = ()
    exclude_emotions: tuple[str, ...] = ()
    year_from: int | None = None
    year_to: int | None = None
    length: str = ""

    def __post_init__(self) -> None:
        kinds = _match_labels("kind", (self.kind,), KINDS)
        object.__setattr__(self, "kind", kinds[0] if kinds else "")
        object.__setattr__(self, "topics", _match_labels("topic", self.topics, TOPICS))
        object.__setattr__(self, "emotions", _match_labels("emotion", self.emotions, EMOTIONS))
        object.__setattr__(
            self, "exclude_emotions", _match_labels("emotion", self.exclude_emotions, EMOTIONS)
        )
        lengths = _match_labels("length", (self.length,), tuple(LENGTHS))
        object.__setattr__(self, "length", lengths[0] if lengths else "")
        for year in (self.year_from, self.year_to):
            if year is not None and not YEARS[0] <= year <= YEARS[1]:
                raise InputError(f"The year {year} is not from {YEARS[0]} to {YEARS[1]}.")
        if self.year_from is not None and self.year_to is not None and self.year_from > self.year_to:
            raise InputError(
                f"The years run from {self.year_from} to {self.year_to}, which is backwards.",
                hint="Give the earlier year first.",
            )

    @property
    def is_empty(self) -> bool:
        """Whether every work passes."""
        return self == Filters()

    def drop(self, group: Group) -> "Filters":
        """The same filters without those of one group, for the group's own facet counts."""
        if group == "kind":
            return replace(self, kind="")
        if group == "topic":
            return replace(self, topics=())
        if group == "length":
            return replace(self, length="")
        return replace(self, year_from=None, year_to=None)

    def mask(self, library: "Library") -> NDArray[np.bool_]:
        """(N,) bool: the works of the library that pass."""
        keep = np.ones(len(library), dtype=np.bool_)
        if self.kind:
            keep &= library.kinds == KINDS.index(self.kind)
        if self.topics:
            keep &= np.isin(library.topics, [TOPICS.index(topic) for topic in self.topics])
        for emotion in self.emotions:
            keep &= library.tones[:, EMOTIONS.index(emotion)]
        for emotion in self.exclude_emotions:
            keep &= ~library.tones[:, EMOTIONS.index(emotion)]
        if self.year_from is not None:
            keep &= library.has_year & (library.years >= self.year_from)
        if self.year_to is not None:
            keep &= library.has_year & (library.years <= self.year_to)
        if self.length:
            keep &= fits_length(library.n_words, self.length)
        return keep

    def sentence(self) -> str:
        """What passes, in English: ``books about History that feel remorse, 1850-1900``."""
        if self.is_empty:
            return "all works"
        words = f"{self.length} {_PLURALS[self.kind]}".strip()
        if self.topics:
            words += f" about {write_list(self.topics, 'or')}"
        if self.emotions:
            words += f" that feel {write_list(self.emotions, 'and')}"
        if self.exclude_emotions:
            words += f" {'but not' if self.emotions else 'that do not feel'} "
            words += write_list(self.exclude_emotions, "or")
        return words + self._span()

    def _span(self) -> str:
        first, last = self.year_from, self.year_to
        if first is not None and last is not None:
            return f", {write_year(first)}" + ("" if first == last else f"-{write_year(last)}")
        if first is not None:
            return f", from {write_year(first)} on"
        return f", up to {write_year(last)}" if last is not None else ""

    def to_params(self) -> dict[str, str]:
        """Short query parameters of an address; empty conditions are left out."""
        params = {
            "kind": self.kind,
            "topic": ",".join(self.topics),
            "feel": ",".join(self.emotions),
            "not": ",".join(self.exclude_emotions),
            "from": "" if self.year_from is None else str(self.year_from),
            "to": "" if self.year_to is None else str(self.year_to),
            "length": self.length,
        }
        return {name: value for name, value in params.items() if value}

    @classmethod
    def from_params(cls, params: Mapping[str, str]) -> "Filters":
        """The inverse of ``to_params``; other parameters are left alone.

        Raises:
            InputError: a value is unknown or not a year.
        """
        return cls(
            kind=params.get("kind", ""),
            topics=_split(params.get("topic", "")),
            emotions=_split(params.get("feel", "")),
            exclude_emotions=_split(params.get("not", "")),
            year_from=_read_year(params.get("from", "")),
            year_to=_read_year(params.get("to", "")),
            length=params.get("length", ""),
        )


def fits_length(n_words: NDArray[np.int32], length: str) -> NDArray[np.bool_]:
    """(N,) bool for (N,) words of the full texts, 0 where unknown: those of one of ``LENGTHS``."""
    least, limit = LENGTHS[length]
    fits = n_words >= least
    return fits if limit is None else fits & (n_words < limit)


def write_year(year: int) -> str:
    """A year for readers: ``1851``, ``350 BC``."""
    return str(year) if year >= 0 else f"{-year} BC"


def write_list(words: Sequence[str], last: str) -> str:
    """Words in English: ``fear, joy and love``."""
    if len(words) == 1:
        return words[0]
    return f"{', '.join(words[:-1])} {last} {words[-1]}"


def _match_labels(what: str, given: Iterable[str], known: tuple[str, ...]) -> tuple[str, ...]:
    by_name = {label.casefold(): label for label in known}
    found = set()
    for name in given:
        if not name.strip():
            continue
        if name.strip().casefold() not in by_name:
            raise InputError(f"There is no {what} {name!r}.", hint=f"Known are: {', '.join(known)}.")
        found.add(by_name[name.strip().casefold()])
    return tuple(label for label in known if label in found)


def _split(value: str) -> tuple[str, ...]:
    return tuple(filter(None, (part.strip() for part in value.split(","))))


def _read_year(value: str) -> int | None:
    if not value.strip():
        return None
    try:
        return int(value)
    except ValueError:
        raise InputError(f"{value!r} is not a year.", hint="Give a whole number such as 1851.") from None


EVERYTHING: Final = Filters()
