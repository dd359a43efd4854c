"""Works as BibTeX entries, in UTF-8, for LaTeX and for reference managers."""

import re
from collections.abc import Iterable, Iterator
from typing import Final
from urllib.parse import quote

from leximind.library.filters import write_year
from leximind.library.references import find_arxiv, find_doi, name_form, split_name
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
    kind, arxiv, doi = name_form(work), find_arxiv(work.url), find_doi(work.url)
    fields = {
        "author": " and ".join(_write_name(name) for name in work.authors),
        # Braces of its own keep the capitals of a title.
        "title": f"{{{escape(work.title)}}}",
        "year": "" if work.year is None else write_year(work.year),
        "journal": escape(work.source) if kind == "article" else "",
        "publisher": escape(work.source) if kind == "book" else "",
        "doi": _write_address(doi),
        "eprint": _write_address(arxiv),
        "archiveprefix": "arXiv" if arxiv else "",
        "url": _write_address(work.url),
        "language": escape(work.language),
        "keywords": escape(", ".join(work.subjects)),
        "abstract": escape(work.description),
    }
    return kind, fields


def _write_name(given: str) -> str:
    """As it is spoken where BibTeX takes that apart rightly, else in parts or in braces."""
    name = split_name(given)
    if name.suffix:
        return escape(", ".join(filter(None, (name.family, name.suffix, name.given))))
    if not name.given:
        is_apart = re.search(r"\s(?:and|of|the)\s|,", name.family, re.IGNORECASE)
        return f"{{{escape(name.family)}}}" if is_apart else escape(name.family)
    first, *others = name.family.split()
    return escape(name.inverted if others and not first.islower() else name.natural)


def _write_address(address: str) -> str:
    r"""Addresses are set by ``\url``, which prints them as they are; only what would end the field goes."""
    return quote(address, safe="!#$%&'()*+,/:;=?@[]_~.-")
