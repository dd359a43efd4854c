"""Lists of works as other programs write them: our JSON, CSV with a header (Goodreads too), BibTeX."""

import csv
import io
import json
import logging
import re
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final

from bibtexparser.entrypoint import parse_string
from bibtexparser.middlewares import BlockMiddleware, LatexDecodingMiddleware, NormalizeFieldKeys
from bibtexparser.model import Entry

from leximind.errors import InputError
from leximind.library.saved import FORMAT, VERSION, clean, read_entry, read_time

MAX_SIZE: Final = 3_000_000
"""In bytes; a full shelf of our own, with all its descriptions, has about two thirds of it."""

MAX_ROWS: Final = 2000
_HINT: Final = "Choose JSON from this page, BibTeX, or CSV whose first line names a column “Title” or “Id”."
_ENTRY: Final = re.compile(r"@\s*\w+\s*[{(]")
# The last two are what BibTeX and Goodreads call them. "Book Id" is a number of Goodreads, not one of ours.
_COLUMNS: Final[dict[str, tuple[str, ...]]] = {
    "id": ("id", "lexi mind id", "work"),
    "title": ("title", "book title", "booktitle", "name"),
    "authors": ("authors", "author", "author s", "writer", "creator"),
    "year": ("year", "original publication year", "year published", "published", "date"),
    "saved": ("saved", "date added", "added", "timestamp"),
    "note": ("note", "notes", "my note", "private notes", "annote"),
}
_MAX_FIELD: Final = 600
_NUMBER: Final = re.compile(r"-?\d{1,4}")
# Every malformed entry would be a line of the log, and a visitor decides how many there are.
logging.getLogger("bibtexparser").setLevel(logging.CRITICAL)


@dataclass(frozen=True, slots=True)
class Row:
    """What one row of a list asks for.

    Attributes:
        place: where it stands, for readers: ``row 3``, ``entry austen1813``.
        authors: as they are written there, one text or several.
        saved: ISO time in UTC, or "".
        kind, url: known from our own files only, for works that the library has no longer.
        fault: why the row cannot be used, else "".
    """

    place: str
    id: str = ""
    title: str = ""
    authors: tuple[str, ...] = ()
    year: int | None = None
    saved: str = ""
    note: str = ""
    kind: str = ""
    url: str = ""
    fault: str = ""


@dataclass(frozen=True, slots=True)
class Listing:
    """A list as it was read.

    Attributes:
        form: what it was taken for: ``json``, ``bibtex`` or ``csv``.
        is_ours: whether this program wrote it, so that an id it names was once a work of the library.
    """

    form: str
    rows: tuple[Row, ...]
    is_ours: bool = False


def read_list(text: str) -> Listing:
    """The rows of a file, whose format is told by what it holds and not by its name.

    Raises:
        InputError: the file is too large or has too many rows, is in no format known here, or holds nothing.
    """
    if len(text.encode("utf-8", "replace")) > MAX_SIZE:
        raise InputError(f"The file is larger than {MAX_SIZE // 1_000_000} MB.", hint="Split it in parts.")
    text = text.lstrip("\ufeff \t\r\n")
    if not text:
        raise InputError("The file is empty.", hint=_HINT)
    if text[0] in "{[":
        listing = _read_json(text)
    elif _is_bibtex(text):
        listing = _read_bibtex(text)
    else:
        listing = _read_csv(text)
    if not listing.rows:
        raise InputError("The file names no work.", hint=_HINT)
    return listing


def _check_count(count: int) -> None:
    if count > MAX_ROWS:
        raise InputError(
            f"The file has {count:,} rows, but at most {MAX_ROWS:,} were expected.", hint="Split it."
        )


def _read_json(text: str) -> Listing:
    try:
        data = json.loads(text)
    except (ValueError, RecursionError):
        raise InputError("The file begins like JSON, but cannot be read as such.", hint=_HINT) from None
    is_ours = isinstance(data, dict) and data.get("format") == FORMAT
    if is_ours and data.get("version") != VERSION:
        given = clean(str(data.get("version")), 20)
        raise InputError(
            f"The file is a shelf of version {given!r}, but {VERSION} was expected.",
            hint="It was written by another version of this page.",
        )
    works = data.get("works") if isinstance(data, dict) else data
    if not isinstance(works, list):
        raise InputError("The JSON holds no list of works.", hint=_HINT)
    _check_count(len(works))
    return Listing("json", tuple(_read_item(f"work {n}", item) for n, item in enumerate(works, 1)), is_ours)


def _read_item(place: str, item: Any) -> Row:
    entry = read_entry(item)
    if entry is None:
        return Row(place, fault="this is no work")
    return Row(place, **asdict(entry))


def _read_csv(text: str) -> Listing:
    first = text.split("\n", maxsplit=1)[0]
    delimiter = max(",;\t", key=first.count)
    # Strictly, so that a quote which is never closed does not swallow the rest of the list.
    lines = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        read = _name_columns(next(lines))
        rows: list[Row] = []
        for number, cells in enumerate(lines, 2):
            _check_count(len(rows))
            if any(cell.strip() for cell in cells):
                rows.append(_read_cells(f"row {number}", lambda name, c=cells: read(name, c)))  # type: ignore[misc]
    except (csv.Error, StopIteration):
        raise InputError("The file cannot be read as CSV.", hint=_HINT) from None
    _check_count(len(rows))
    return Listing("csv", tuple(rows))


def _name_columns(header: list[str]) -> Callable[[str, list[str]], str]:
    """How to get a value out of a row, by the names of the columns."""
    named = {
        " ".join(re.findall(r"[a-z]+", cell.casefold())): at for at, cell in reversed(list(enumerate(header)))
    }
    found = {key: [named[name] for name in names if name in named] for key, names in _COLUMNS.items()}
    if not found["id"] and not found["title"]:
        raise InputError("The file has no column “Title” or “Id”.", hint=_HINT)

    def read(key: str, cells: list[str]) -> str:
        values = (cells[at].strip() for at in found[key] if at < len(cells))
        return next(filter(None, values), "")

    return read


def _read_cells(place: str, read: Callable[[str], str]) -> Row:
    authors = clean(_arm(read("authors")), 2000)
    return Row(
        place,
        id=clean(read("id"), 300),
        title=clean(_arm(read("title"))),
        authors=(authors,) if authors else (),
        year=_read_year(read("year")),
        saved=read_time(read("saved")),
        note=clean(_arm(read("note"))),
    )


def _arm(cell: str) -> str:
    """Without the apostrophe that our own export puts before what a spreadsheet would run."""
    return cell[1:] if re.match(r"'\s*[=+\-@＝＋－＠]", cell) else cell


def _read_year(text: str) -> int | None:
    found = _NUMBER.search(text)
    return int(found[0]) if found and int(found[0]) else None


def _is_bibtex(text: str) -> bool:
    """Whether a line begins with an entry; an address in a cell of a table does not."""
    return any(_ENTRY.match(line) for line in text.splitlines())


class _KeepAsked(BlockMiddleware):
    """Leaves the fields that are read here, cut to what a title takes: decoding LaTeX is slow."""

    def transform_entry(self, entry: Entry, *_: Any, **__: Any) -> Entry:
        asked = {name for names in _COLUMNS.values() for name in names}
        entry.fields = [field for field in entry.fields if field.key in asked]
        for field in entry.fields:
            field.value = str(field.value)[:_MAX_FIELD]
        return entry


def _read_bibtex(text: str) -> Listing:
    # Counted before parsing, whose time a visitor would decide otherwise.
    _check_count(sum(1 for _ in _ENTRY.finditer(text)))
    middleware = [NormalizeFieldKeys(), _KeepAsked(), LatexDecodingMiddleware()]
    library = parse_string(text, append_middleware=middleware)
    rows = [_read_fields(entry) for entry in library.entries]
    for block in library.failed_blocks:
        again = block.ignore_error_block
        if isinstance(again, Entry):  # its key stands there twice, which is no reason to leave it out
            rows.append(_read_fields(again))
        else:
            place = f"line {(block.start_line or 0) + 1}"
            rows.append(Row(place, fault="this is no BibTeX that can be read"))
    _check_count(len(rows))
    return Listing("bibtex", tuple(rows))


def _read_fields(entry: Entry) -> Row:
    fields: Mapping[str, str] = {field.key: str(field.value) for field in entry.fields}

    def read(key: str) -> str:
        values = (fields.get(name, "").strip() for name in _COLUMNS[key] if name != "id")
        return next(filter(None, values), "")

    row = _read_cells(f"entry {clean(entry.key, 60)}", read)
    # The key of our own export is the id of the work, as far as BibTeX can write it.
    return Row(row.place, clean(entry.key, 300), row.title, row.authors, row.year, row.saved, row.note)
