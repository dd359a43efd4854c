"""Which work of a library a row of somebody's list means: by id, else by title and author together."""

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from rapidfuzz import fuzz

from leximind.errors import NotFoundError
from leximind.library.importing import Row
from leximind.library.store import Library
from leximind.library.work import Work

SAME_TITLE: Final = 88.0
"""Out of 100 (Indel similarity of rapidfuzz): a letter or two of a short title, a word of a long one."""

_SAME_SURNAME, _SAME_NAME, _RELATED_TITLE = 80.0, 78.0, 60.0
_NOBODY: Final = frozenset(
    {"", "anonymous", "unknown", "various", "anon", "unknown author", "various authors"}
)
_SERIES: Final = re.compile(r"\s*\([^()]*#[^()]*\)\s*$")
_SUBTITLE: Final = re.compile(r":|;|/|\(|\s[-–—]\s|,\s+or,?\s", re.IGNORECASE)
_ARTICLE: Final = re.compile(r"^(?:the|an?)\s+(?=\S)")
_LAST_ARTICLE: Final = re.compile(r",\s+(?:the|an?)\s*$", re.IGNORECASE)
_SUFFIXES: Final = frozenset({"jr", "sr", "ii", "iii", "iv"})
# Which volume it is tells two books of one title apart. Years and other large numbers do not.
_VOLUME: Final = re.compile(
    r"\d{1,2}|[ivx]{1,5}|first|second|third|fourth|fifth|sixth|one|two|three|four|five|six"
)


@dataclass(frozen=True, slots=True)
class Match:
    """The answer for a row: the row of the library, or None and the reason, short and for readers."""

    row: int | None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class _Title:
    full: str
    main: str
    volumes: frozenset[str]

    @classmethod
    def read(cls, text: str) -> "_Title":
        text = _SERIES.sub("", text)
        full = file_title(text)
        main = file_title(_SUBTITLE.split(text, maxsplit=1)[0]) or full
        return cls(full, main, frozenset(word for word in full.split() if _VOLUME.fullmatch(word)))

    def compare(self, other: "_Title") -> float:
        """0 to 100. Titles of different volumes are different; a subtitle may be missing or another one."""
        if self.volumes != other.volumes:
            return 0.0
        if self.main == other.main:
            return 100.0 if self.full == other.full else 99.0
        return float(fuzz.ratio(self.full, other.full))


class Matcher:
    """Finds works of a library. Reading all titles takes a while, so keep it; threads may share it."""

    def __init__(self, library: Library) -> None:
        self._library = library
        self._by_title: defaultdict[str, list[int]] = defaultdict(list)
        self._by_name: defaultdict[str, list[int]] = defaultdict(list)
        for row, work in enumerate(library.works):
            self._by_title[_Title.read(work.title).main].append(row)
            for name in {word for author in work.authors for word in fold(author).split()[-2:]}:
                self._by_name[name].append(row)

    def find(self, wanted: Row) -> Match:
        """The work that a row means.

        A title alone counts only where the row names no author, and then it must be the only one.
        """
        if wanted.fault:
            return Match(None, wanted.fault)
        if (row := self._find_id(wanted)) is not None:
            return Match(row)
        if not wanted.title:
            reason = (
                f"the library has no work with the id “{wanted.id}”" if wanted.id else "it names no title"
            )
            return Match(None, reason)
        title = _Title.read(wanted.title)
        authors = _split_names(wanted.authors)
        if not authors:
            return self._find_by_title(title)
        return self._find_by_both(title, authors, wanted.year)

    def _find_id(self, wanted: Row) -> int | None:
        try:
            row = self._library.row(wanted.id)
        except NotFoundError:
            return None
        # Another program's number may be an id of ours by chance: then the titles have nothing in common.
        title, own = _Title.read(wanted.title), _Title.read(self._library.works[row].title)
        return row if not wanted.title or title.compare(own) >= _RELATED_TITLE else None

    def _find_by_title(self, title: _Title) -> Match:
        rows = [row for row in self._by_title[title.main] if self._compare(title, row) >= SAME_TITLE]
        if len(rows) == 1:
            return Match(rows[0])
        if rows:
            return Match(None, f"{len(rows)} works have this title; the row names no author to choose by")
        return Match(None, "no work here has this title, and the row names no author")

    def _find_by_both(self, title: _Title, authors: list[str], year: int | None) -> Match:
        titled = self._by_title.get(title.main, [])
        named = {row for author in authors for word in author.split() for row in self._by_name.get(word, [])}
        best: list[tuple[float, bool, int]] = []
        for row in {*titled, *named}:
            score, work = self._compare(title, row), self._library.works[row]
            if score >= SAME_TITLE and _agree(authors, work):
                best.append((-score, year is None or work.year != year, row))
        if best:
            return Match(min(best)[2])
        for row in titled:
            work = self._library.works[row]
            if self._compare(title, row) >= SAME_TITLE:
                by = f"by {', '.join(work.authors[:2])}" if work.authors else "without a named author"
                return Match(None, f"“{work.title}” is here {by}, which is not the author given")
        return Match(None, "no work here has this title and author")

    def _compare(self, title: _Title, row: int) -> float:
        return title.compare(_Title.read(self._library.works[row].title))


def file_title(title: str) -> str:
    """As a librarian files it: folded, without the leading article, wherever that was written."""
    return _ARTICLE.sub("", fold(_LAST_ARTICLE.sub("", title)))


def fold(text: str) -> str:
    """Words in one case, without accents and marks."""
    plain = unicodedata.normalize("NFKD", text.replace("&", " and ")).casefold()
    letters = (
        "".join(sign for sign in plain if not unicodedata.combining(sign)).replace("'", "").replace("’", "")
    )
    return " ".join(re.findall(r"[^\W_]+", letters))


def _split_names(authors: Iterable[str]) -> list[str]:
    """Folded names, given name first, out of ``A. B; C. D``, ``D, C. and B, A.`` or ``A B, C D``."""
    names = []
    for author in authors:
        for piece in re.split(r";|\s+and\s+|&", author, flags=re.IGNORECASE):
            parts = [fold(part) for part in piece.split(",")]
            parts = [part for part in parts if part and part not in _SUFFIXES]
            if len(parts) == 2:
                names.append(f"{parts[1]} {parts[0]}")
            if len(parts) != 2 or all(" " in part for part in parts):
                names.extend(parts)
    return [name for name in dict.fromkeys(names) if name not in _NOBODY]


def _agree(authors: list[str], work: Work) -> bool:
    """Whether one of the folded names is one of the work's authors."""
    own = [" ".join(word for word in fold(name).split() if word not in _SUFFIXES) for name in work.authors]
    return any(_is_same_name(name, other) for name in authors for other in own if other)


def _is_same_name(name: str, other: str) -> bool:
    """``j austen`` and ``jane austen`` are one, ``emily bronte`` and ``charlotte bronte`` are two."""
    words, others = name.split(), other.split()
    shared = set(words) & set(others)
    if len(shared) > 1 and len(shared) >= min(len(set(words)), len(set(others))):
        return True
    if fuzz.ratio(words[-1], others[-1]) < _SAME_SURNAME:
        return False
    if len(words) == 1 or len(others) == 1:
        return words[-1] == others[-1]
    first, second = words[0], others[0]
    if len(first) == 1 or len(second) == 1:
        return first[0] == second[0]
    return fuzz.ratio(first, second) >= _SAME_NAME
