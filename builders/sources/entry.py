"""One work as a source describes it."""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final

from builders.sources.cleaning import clean_passage, clean_work
from builders.sources.language import short_code
from builders.sources.opening import find_opening
from leximind.labels import KINDS
from leximind.library.work import YEARS

MAX_CHARS: Final = 20_000
MAX_TEXT_CHARS: Final = 20_000_000
FIELDS: Final = (
    "id",
    "kind",
    "title",
    "authors",
    "year",
    "url",
    "source",
    "license",
    "language",
    "subjects",
    "description",
    "text",
)

_ADDRESS = re.compile(r"https?://[^\s/?#]+([/?#]\S*)?")
_YEAR = re.compile(r"-?\d{1,4}(\.0)?")
_COMMAS = re.compile(r"\s*,\s*(?:and\s+)?|\s+and\s+")


class RowError(ValueError):
    """A row does not describe a work; the message is the reason, a full sentence."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A work before its analysis; the columns of the shelf.

    Attributes:
        language: ISO 639 code; "" when the row names none, until it is identified.
        text: the full text of a book, "" when there is none; only its emotional arc is kept.
    """

    id: str
    kind: str
    title: str
    authors: tuple[str, ...]
    year: int | None
    url: str
    source: str
    license: str
    language: str
    subjects: tuple[str, ...]
    description: str
    text: str = ""

    def digest(self) -> str:
        """A hash of everything in the row, 16 hexadecimal digits."""
        plain = json.dumps(asdict(self), ensure_ascii=True, sort_keys=True)
        return hashlib.sha256(plain.encode("ascii")).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class Rejection:
    """A row that was left out: the file, the row in it (from 1; 0 is the file), its id if any, and why."""

    file: str
    row: int
    id: str
    reason: str


def read_entry(row: Any) -> Entry:
    """An entry from one row of a source, cleaned.

    ``authors`` and ``subjects`` are lists, or one string with ``;`` between the names (``,`` too between the
    authors of a paper). ``year``, ``language`` and ``text`` may be missing, and ``authors`` and ``subjects``
    empty. Without a description, the opening of the text stands for it.

    Raises:
        RowError: a column is missing or holds something else than a work needs.
    """
    if not isinstance(row, Mapping):
        raise RowError("The row is not an object with the columns of a work.")
    kind = _read_line(row, "kind")
    if kind not in KINDS:
        raise RowError(f"kind is {kind!r}, but {' or '.join(KINDS)} was expected.")
    url = _read_line(row, "url")
    if not _ADDRESS.fullmatch(url):
        raise RowError(f"url is {url!r}, but an http or https address was expected.")
    text = _read_work(row)
    return Entry(
        id=_read_line(row, "id"),
        kind=kind,
        title=_read_line(row, "title"),
        authors=_read_names(row, "authors", between_commas=kind == "paper"),
        year=_read_year(row.get("year")),
        url=url,
        source=_read_line(row, "source"),
        license=_read_line(row, "license"),
        language=short_code(_read_line(row, "language")) if row.get("language") else "",
        subjects=_read_names(row, "subjects"),
        description=_read_description(row, text),
        text=text,
    )


def _read_text(row: Mapping[str, Any], column: str) -> str:
    value = row.get(column)
    if value is None:
        raise RowError(f"{column} is missing.")
    if not isinstance(value, str):
        raise RowError(f"{column} is {_show(value)}, but text was expected.")
    text = clean_passage(value)
    if not text:
        raise RowError(f"{column} is empty.")
    return text


def _read_line(row: Mapping[str, Any], column: str) -> str:
    return " ".join(_read_text(row, column).split())


def _read_work(row: Mapping[str, Any]) -> str:
    value = row.get("text")
    if value is None or value == "":
        return ""
    if not isinstance(value, str):
        raise RowError(f"text is {_show(value)}, but text was expected.")
    if len(value) > MAX_TEXT_CHARS:
        raise RowError(f"text has {len(value):,} characters, but at most {MAX_TEXT_CHARS:,} are taken.")
    return clean_work(value)


def _read_description(row: Mapping[str, Any], text: str) -> str:
    if text and not row.get("description"):
        return find_opening(text)
    if row.get("text") and not row.get("description"):
        raise RowError("description is missing, and no text is left without its front matter.")
    description = _read_text(row, "description")
    if len(description) > MAX_CHARS:
        raise RowError(
            f"description has {len(description):,} characters, but at most {MAX_CHARS:,} are taken."
        )
    return description


def _read_names(row: Mapping[str, Any], column: str, *, between_commas: bool = False) -> tuple[str, ...]:
    value = row.get(column)
    if value is None:
        raise RowError(f"{column} is missing.")
    names = _split_names(value, between_commas) if isinstance(value, str) else value
    if not isinstance(names, list | tuple) or not all(isinstance(name, str) for name in names):
        raise RowError(f"{column} is {_show(value)}, but a list of names was expected.")
    lines = (" ".join(clean_passage(name).split()) for name in names)
    return tuple(dict.fromkeys(line for line in lines if line))


def _split_names(names: str, between_commas: bool) -> list[str]:
    if ";" in names or not between_commas:
        return names.split(";")
    parts = _COMMAS.split(names)
    # "Curie, Marie" is one person, "Marie Curie, Pierre Curie" are two.
    return parts if all(" " in part.strip() or "." in part for part in parts if part) else [names]


def _read_year(value: Any) -> int | None:
    given = str(value).strip()
    if value is None or given in ("", "nan"):
        return None
    if isinstance(value, bool) or not _YEAR.fullmatch(given):
        raise RowError(f"year is {_show(value)}, but a whole number was expected.")
    year = int(float(given))
    if not YEARS[0] <= year <= YEARS[1]:
        raise RowError(f"year is {year}, but {YEARS[0]} to {YEARS[1]} was expected.")
    return year


def _show(value: Any) -> str:
    shown = repr(value)
    return shown if len(shown) <= 60 else f"{shown[:57]}..."
