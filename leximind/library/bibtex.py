"""Works as BibTeX entries, in UTF-8, for LaTeX and for reference managers."""

import re
from collections.abc import Iterable, Iterator
from typing import Final
from urllib.parse import quote, unquote

from leximind.library.filters import write_year
from leximind.library.work import Work

# Braces as commands: BibTeX counts those it sees, escaped or not, and they must be balanced.
_ESCAPES: Final = {
    "\\": r"\textbackslash{}",
    "{": r"\textbraceleft{}",
    "}": r"\textbraceright{}",
    "$": r"\$",
    "&": r"\&",
    "%": r"\%",
    "#": r"\#",
    "_": r"\_",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
}
_SUFFIX: Final = re.compile(r"(?P<first>.+?)\s+(?P<last>\S+?),?\s+(?P<suffix>Jr\.?|Sr\.?|II|III|IV)")
_ARXIV: Final = re.compile(r"https?://(?:www\.)?arxiv\.org/abs/(?P<id>[^\s?#]+?)(?:v\d+)?")
_DOI: Final = re.compile(r"https?://(?:dx\.)?doi\.org/(?P<id>10\.\S+)")


def write_bibtex(works: Iterable[Work]) -> Iterator[str]:
    """An entry for each work; the key is its id, cut down to what BibTeX takes and made unique."""
    keys: set[str] = set()
    for work in works:
        plain = re.sub(r"[^A-Za-z0-9:./+-]+", "-", work.id).strip("-") or "work"
        key, number = plain, 1
        while key.lower() in keys:  # BibTeX does not tell letters by their case
            number += 1
            key = f"{plain}-{number}"
        keys.add(key.lower())
        kind, fields = _describe(work)
        lines = [f"  {name} = {{{value}}}," for name, value in fields.items() if value]
        yield "\n".join([f"@{kind}{{{key},", *lines, "}", "", ""])


def escape(text: str) -> str:
    """Plain text as LaTeX that prints it, with balanced braces and without line breaks."""
    return "".join(_ESCAPES.get(sign, sign) for sign in " ".join(text.split()))


def _describe(work: Work) -> tuple[str, dict[str, str]]:
    arxiv, doi = _ARXIV.fullmatch(work.url), _DOI.fullmatch(work.url)
    is_journal = doi is not None and work.source not in ("", "DOI")
    kind = "book" if work.kind == "book" else "article" if is_journal else "misc"
    fields = {
        "author": " and ".join(_write_name(name) for name in work.authors),
        # Braces of its own keep the capitals of a title.
        "title": f"{{{escape(work.title)}}}",
        "year": "" if work.year is None else write_year(work.year),
        "journal": escape(work.source) if kind == "article" else "",
        "publisher": escape(work.source) if kind == "book" else "",
        "doi": _write_address(unquote(doi["id"])) if doi else "",
        "eprint": _write_address(arxiv["id"]) if arxiv else "",
        "archiveprefix": "arXiv" if arxiv else "",
        "url": _write_address(work.url),
        "language": escape(work.language),
        "keywords": escape(", ".join(work.subjects)),
        "abstract": escape(work.description),
    }
    return kind, fields


def _write_name(name: str) -> str:
    if re.search(r"\sand\s|,", name, re.IGNORECASE) and not _SUFFIX.fullmatch(name):
        return f"{{{escape(name)}}}"  # a firm, or a form that BibTeX would take apart wrongly
    if found := _SUFFIX.fullmatch(name):
        return escape(f"{found['last']}, {found['suffix']}, {found['first']}")
    return escape(name)


def _write_address(address: str) -> str:
    r"""Addresses are set by ``\url``, which prints them as they are; only what would end the field goes."""
    return quote(address, safe="!#$%&'()*+,/:;=?@[]_~.-")
