"""What the public data says of a work of the shelf, and how each of its fields compares."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.parquet as pq

# (id, field): why the data is only approximate here. Reported as such; an entry not needed is a fault.
EXCEPTIONS = {
    ("aesops-fables", "url"): "the data's number is a recording of this very translation; 11339 is its text",
    (
        "commentaries-on-the-gallic-war",
        "year",
    ): "written about 50 BC; the data gives the first campaign",
    ("relativity-the-special-and-general-theory", "year"): "dated 1916, first printed (in German) in 1917",
}
BOOKS = "books/books.parquet"
BOOK_FILES = (BOOKS, "books/book_passages.parquet", "books/book_descriptions.parquet")
PAPER_FILE = "papers/arxiv_papers.parquet"

_ADDRESS = re.compile(
    r"https://(?:www\.gutenberg\.org/ebooks/(?P<gutenberg>\d+)"
    r"|standardebooks\.org/ebooks/(?P<standard>[a-z0-9-]+(?:/[a-z0-9-]+){1,3})"
    r"|arxiv\.org/abs/(?P<arxiv>(?:[a-z.-]+/)?[\d.]+?)(?:v\d+)?"
    r"|doi\.org/(?P<doi>10\.\d{4,9}/\S+))",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Record:
    """What the data says of one work.

    Attributes:
        number: a Gutenberg number or an arXiv id, "" where unknown.
        place: the path of a Standard Ebooks address, ``AUTHOR/TITLE[/TRANSLATOR]``, "" where it has none.
        n_chars: of its full text in the data, 0 without one.
    """

    number: str
    title: str
    authors: str
    year: int | None
    place: str = ""
    n_chars: int = 0


@dataclass
class Finding:
    """How each field of one work compares: agrees, approximate, unknown or disagrees.

    Attributes:
        n_chars: of the full text in the data, 0 without one.
        text_number: the number of that text where it is not the one in the work's url.
    """

    id: str
    kind: str
    found_by: str
    fields: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    n_chars: int = 0
    text_number: str = ""


def plain(text: str) -> str:
    """Lower-case words only: accents (also in LaTeX), punctuation and a leading article are dropped."""
    text = re.sub(r"\\[\"'`^~=.]|\\[cvuHkr](?=[{\s])|[{}$]", "", text).replace("ł", "l").replace("ø", "o")
    if not text.isascii():
        text = "".join(c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c))
    text = re.sub(r"['’]", "", text.lower())
    return re.sub(r"^(the|a|an) ", "", " ".join(re.findall(r"[a-z0-9]+", text)))


def surname(name: str) -> str:
    """The last word of a name, without a generation suffix."""
    words = [w for w in plain(name).split() if w not in {"jr", "sr", "ii", "iii"}]
    return words[-1] if words else ""


def same_title(one: str, other: str) -> bool:
    """Whether titles name one work: equal, or a main title of two or more words stands within the other."""
    mains = sorted((plain(re.split(r"[:;(]", t)[0]) for t in (one, other)), key=len)
    contained = len(mains[0].split()) > 1 and f" {mains[0]} " in f" {mains[1]} "
    return mains[0] == mains[1] or contained


def number_of(work: dict[str, Any]) -> str:
    """The Gutenberg number, Standard Ebooks path, arXiv id or DOI in a work's url, "" where there is none."""
    found = _ADDRESS.fullmatch(work["url"])
    return next((value for value in found.groups() if value), "") if found else ""


def load_records(path: Path, number: str, author: str) -> list[Record]:
    """The works of one table, by the names of two columns. Raises FileNotFoundError without the table."""
    wanted = [number, "title", author, "year", "source"]
    has_texts = "n_chars" in pq.read_schema(path).names
    table = pd.read_parquet(path, columns=[*wanted, "n_chars", "text"] if has_texts else wanted)
    lengths = table["n_chars"].where(table["text"].notna(), 0) if has_texts else 0
    table = table[wanted].assign(n_chars=lengths).drop_duplicates()
    return [
        Record(
            "" if pd.isna(n) else str(n), title, by, None if pd.isna(y) else int(y), _read_place(source), size
        )
        for n, title, by, y, source, size in table.itertuples(index=False)
    ]


def check_work(work: dict[str, Any], books: Sequence[Record], papers: dict[str, Record]) -> Finding:
    """Look a work up in the data and compare; the year of a paper not there is read from its arXiv id."""
    number = number_of(work)
    if work["kind"] == "book":
        by_id = [r for r in books if number and number in (r.number, r.place)]
        last = surname(work["authors"][0])
        named = [r for r in books if last in plain(r.authors).split() and same_title(r.title, work["title"])]
        if by_id or named:
            finding = compare(work, by_id or named, "number" if by_id else "title and author")
            whole = max((*by_id, *named), key=lambda r: (r.n_chars > 0, r in by_id, r.n_chars))
            finding.n_chars = whole.n_chars
            if whole.n_chars and whole not in by_id:
                finding.text_number = whole.number or whole.place
            return finding
    elif number in papers:
        return compare(work, [papers[number]], "number")
    finding = Finding(work["id"], work["kind"], "")
    match = re.match(r"(?:[a-z.-]+/)?(\d\d)\d\d", number, re.IGNORECASE) if work["kind"] == "paper" else None
    if match and "arxiv.org" in work["url"]:
        year = 2000 + int(match.group(1)) - 100 * (match.group(1) > "90")
        finding.found_by = "arXiv id only"
        finding.fields["year"] = "agrees" if year == work["year"] else "disagrees"
        finding.notes += [f"year: the arXiv id says {year}"] * (year != work["year"])
    return finding


def compare(work: dict[str, Any], records: Sequence[Record], found_by: str) -> Finding:
    """Set each field of a work beside the data; a field agrees when any of the records bears it out."""
    finding = Finding(work["id"], work["kind"], found_by)
    book, title, number = work["kind"] == "book", work["title"], number_of(work)
    names = {surname(n) for n in (work["authors"][:1] if book else work["authors"])}
    titles, authors = {r.title for r in records}, {r.authors for r in records}
    years = {r.year for r in records} - {None}
    # A number says nothing about an address elsewhere.
    numbers = {r.place if "/" in number and book else r.number for r in records} - {""}
    right_title = any(same_title(t, title) if book else plain(t) == plain(title) for t in titles)
    right_author = any(names <= set(plain(a).split()) for a in authors)
    for name, right, said in (
        ("title", right_title, titles),
        ("author", right_author, authors),
        ("year", work["year"] in years, years),
        ("url", number in numbers, numbers),
    ):
        excuse = EXCEPTIONS.get((work["id"], name), "")
        if name == "year" and -work["year"] in years:
            excuse = "the data drops the sign of years before our era"
        differs = "approximate" if excuse else "disagrees"
        finding.fields[name] = "agrees" if right else differs if said else "unknown"
        if said and not right:
            finding.notes.append(f"{name} {differs}: the data says {said}. {excuse}".rstrip())
    return finding


def _read_place(source: object) -> str:
    """A repository of Standard Ebooks is called as the book's address, with ``_`` for ``/``."""
    if not isinstance(source, str) or not source.startswith("standardebooks/"):
        return ""
    return source.removeprefix("standardebooks/").replace("_", "/")
