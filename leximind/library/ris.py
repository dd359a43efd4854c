"""Works as RIS records, in UTF-8, for Zotero, EndNote, Mendeley and the like.

The tags are those of the format's description, https://en.wikipedia.org/wiki/RIS_(file_format), that every
reader knows.
"""

import unicodedata
from collections.abc import Iterable, Iterator
from typing import Final

from leximind.library.filters import write_year
from leximind.library.references import Form, find_arxiv, find_doi, name_form, split_name
from leximind.library.work import Work

_TYPES: Final[dict[Form, str]] = {"book": "BOOK", "article": "JOUR", "misc": "GEN"}
_SOURCES: Final[dict[Form, str]] = {"book": "PB", "article": "JO", "misc": "PB"}


def write_ris(works: Iterable[Work]) -> Iterator[str]:
    """A record for each work: a tag and its value on every line, which ends as the format asks, with CRLF."""
    for work in works:
        lines = [f"{tag}  - {value}" for tag, text in _describe(work) if (value := flatten(text))]
        yield "\r\n".join([*lines, "ER  - ", "", ""])


def flatten(text: str) -> str:
    """A text on one line: RIS has no sign that would keep a break, and a line could pose as a tag."""
    plain = "".join(" " if unicodedata.category(sign) == "Cc" else sign for sign in text)
    return " ".join(plain.split())


def _describe(work: Work) -> Iterator[tuple[str, str]]:
    form = name_form(work)
    yield "TY", _TYPES[form]
    yield "ID", work.id
    for author in work.authors:
        yield "AU", split_name(author).inverted
    yield "TI", work.title
    yield "PY", "" if work.year is None else _write_year(work.year)
    yield _SOURCES[form], "" if work.source == "DOI" else work.source
    yield "DO", find_doi(work.url)
    yield "AN", f"arXiv:{arxiv}" if (arxiv := find_arxiv(work.url)) else ""
    yield "UR", work.url
    yield "LA", work.language
    for subject in work.subjects:
        yield "KW", subject
    yield "AB", work.description


def _write_year(year: int) -> str:
    """Four digits; what they cannot say is said in words, which readers of the format keep."""
    return f"{year:04}" if year > 0 else write_year(year)
