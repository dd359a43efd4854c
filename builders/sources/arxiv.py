"""A snapshot of arXiv's metadata: JSON Lines in the form that Kaggle gives out, or a table like it."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from builders.sources.categories import name_category
from builders.sources.entry import RowError
from builders.sources.found import Found, Opened
from builders.sources.tables import TABLES, is_table, read_table
from leximind.errors import InputError, NotFoundError

_ID = re.compile(r"(?:arxiv:)?((?:[a-z-]+(?:\.[A-Z]{2})?/\d{7}|\d{4}\.\d{4,5}))(?:v\d+)?", re.IGNORECASE)
_CREATED = re.compile(r"\b(19\d\d|20\d\d)\b")
_DATE = re.compile(r"(?:[a-z-]+(?:\.[A-Z]{2})?/)?(\d{2})(?:0[1-9]|1[0-2])", re.IGNORECASE)
_WITHDRAWN = re.compile(
    r"\W*(?:this (?:paper|article|manuscript|submission|work|preprint|version|note)"
    r"|the (?:paper|article|submission|manuscript)|(?:paper|article|submission))?\s*"
    r"(?:has been|is|was|have been|being)?\s*(?:temporarily )?(?:withdrawn|retracted)\b",
    re.IGNORECASE,
)
_AFFILIATION = re.compile(r"\s*\([^()]*\)")
_COMMAS = re.compile(r"\s*,\s*(?:and\s+)?|\s+and\s+")
_COMMONS = re.compile(r"creativecommons\.org/(licenses|publicdomain)/([a-z-]+)/([\d.]+)")
_METADATA: Final = "Metadata CC0; text by the authors"
# The first year whose two digits are of the last century: arXiv began in 1991.
_FIRST_YEAR: Final = 91


def open_arxiv(path: Path) -> Opened:
    """The papers of a snapshot.

    Raises:
        NotFoundError: there is no such file.
        InputError: it is no table.
    """
    if not path.is_file():
        raise NotFoundError(f"There is no file {path}.", hint="Check the path.")
    if not is_table(path) and path.suffix.lower() != ".json":
        raise InputError(f"{path.name} is no snapshot: one of .json, {', '.join(TABLES)} was expected.")
    fallbacks = {"kind": "paper", "source": "arXiv", "license": _METADATA, "language": "en"}
    return Opened(_read(path), fallbacks)


def _read(path: Path) -> Iterator[Found]:
    for found in read_table(path, path.name):
        if isinstance(found.content, RowError):
            yield found
            continue
        try:
            yield Found(found.file, found.row, describe(found.content))
        except RowError as error:
            yield Found(found.file, found.row, error)


def describe(row: Any) -> dict[str, Any]:
    """The columns of an entry from a paper's metadata.

    Raises:
        RowError: it has no arXiv id, or was withdrawn.
    """
    if not isinstance(row, Mapping):
        raise RowError("The row is not an object with the columns of a paper.")
    given = str(row.get("id") or row.get("arxiv_id") or "").strip()
    number = _ID.fullmatch(given)
    if not number:
        raise RowError(f"id is {given!r}, but an arXiv id such as 1706.03762 was expected.")
    abstract = join_lines(str(row.get("abstract") or row.get("description") or ""))
    if len(abstract) < 400 and _WITHDRAWN.match(abstract):
        raise RowError("The paper was withdrawn by its authors.")
    categories = row.get("categories") or []
    codes = categories.split() if isinstance(categories, str) else list(categories)
    return {
        "id": "arxiv-" + number[1].replace("/", "-"),
        "title": " ".join(str(row.get("title") or "").split()),
        "authors": _read_authors(row),
        "year": _read_year(row, number[1]),
        "url": f"https://arxiv.org/abs/{number[1]}",
        "license": _read_license(row.get("license")),
        "subjects": list(dict.fromkeys(name_category(str(code)) for code in codes)),
        "description": abstract,
    }


def join_lines(abstract: str) -> str:
    """An abstract without its line breaks; a line that is set in begins a paragraph."""
    paragraphs = re.split(r"\n[ \t]{2,}|\n\s*\n", abstract.strip())
    return "\n\n".join(" ".join(part.split()) for part in paragraphs if part.strip())


def _read_authors(row: Mapping[str, Any]) -> list[str]:
    """Authors by given name, family name and suffix; from one string only where they are not taken apart."""
    parsed = row.get("authors_parsed")
    if isinstance(parsed, list) and all(isinstance(name, list) and name for name in parsed):
        parts = ([*name[1:2], name[0], *name[2:3]] for name in parsed)
        return [" ".join(str(part).strip() for part in name if part) for name in parts]
    authors = row.get("authors") or []
    if not isinstance(authors, str):
        return [str(author) for author in authors]
    return [name for name in _COMMAS.split(_AFFILIATION.sub("", " ".join(authors.split()))) if name]


def _read_year(row: Mapping[str, Any], number: str) -> Any:
    """Of the first version, which the last update says nothing of; by the id where nothing else is said."""
    if row.get("year"):
        return row["year"]
    versions = row.get("versions")
    if isinstance(versions, list) and versions and isinstance(versions[0], Mapping):
        created = _CREATED.search(str(versions[0].get("created")))
        if created:
            return int(created[1])
    date = _DATE.match(number)
    if not date:
        return None
    return int(date[1]) + (1900 if int(date[1]) >= _FIRST_YEAR else 2000)


def _read_license(given: Any) -> str:
    found = _COMMONS.search(str(given))
    if not found:
        return _METADATA
    name = "CC0" if found[1] == "publicdomain" else f"CC {found[2].upper()}"
    return f"{name} {found[3]}"
