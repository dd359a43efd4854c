"""Check the hand-written shelf (assets/shelf/*.jsonl) against the public data and for faults of form.

Books are looked up by Gutenberg number, else by title and author's surname; papers by arXiv id. Exits 1 when
a field disagrees with the data or a description is badly formed. No network is used.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
import unicodedata
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

ROOT = Path(__file__).resolve().parent.parent
KEYS = {"id", "kind", "title", "authors", "year", "url", "source", "license", "language", "subjects"}
KEYS |= {"description"}
RUN, PROBE = 8, 4  # words in a forbidden shared run, and in the probe that finds candidates for one

# (id, field): why the data is only approximate here. Reported as such; an entry not needed is a fault.
EXCEPTIONS = {
    ("the-art-of-war", "year"): "traditional date about 500 BC; the data drops the sign",
    ("relativity-the-special-and-general-theory", "year"): "dated 1916, first printed (in German) in 1917",
}
BOOK_FILES = ("books/books.parquet", "books/book_passages.parquet", "books/book_descriptions.parquet")
PAPER_FILE = "papers/arxiv_papers.parquet"
TEXTS = {
    "books/book_descriptions.parquet": "description",
    PAPER_FILE: "abstract",
    "summarization/body_abstract_train.parquet": "abstract",
    "summarization/body_abstract_validation.parquet": "abstract",
    "summarization/scitldr_train.parquet": "source",
    "summarization/scitldr_validation.parquet": "source",
}


@dataclass(frozen=True)
class Record:
    """What the data says of one work; number is a Gutenberg number or an arXiv id, "" where unknown."""

    number: str
    title: str
    authors: str
    year: int | None


@dataclass
class Finding:
    """How each field of one work compares: agrees, approximate, unknown or disagrees."""

    id: str
    kind: str
    found_by: str
    fields: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


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


def load_shelf(folder: Path) -> tuple[list[dict[str, Any]], list[str]]:
    """Read every line of the shelf; lines that lack a key come back as faults.

    Raises FileNotFoundError when the folder holds no work, json.JSONDecodeError for a line not JSON.
    """
    works: list[dict[str, Any]] = []
    faults: list[str] = []
    for path in sorted(folder.glob("*.jsonl")):
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            work = json.loads(line)
            missing = [k for k in sorted(KEYS) if work.get(k) in (None, "", [])]
            if missing:
                faults.append(f"{path.name}:{number}: missing {', '.join(missing)}")
            else:
                works.append(work)
    if not works:
        raise FileNotFoundError(f"no work in {folder}/*.jsonl")
    return works, faults


def load_records(path: Path, number: str, author: str) -> list[Record]:
    """The works of one table, by the names of two columns. Raises FileNotFoundError without the table."""
    table = pd.read_parquet(path, columns=[number, "title", author, "year"]).drop_duplicates()
    return [
        Record("" if pd.isna(n) else str(n), title, authors, None if pd.isna(y) else int(y))
        for n, title, authors, y in table.itertuples(index=False)
    ]


def number_of(work: dict[str, Any]) -> str:
    """The Gutenberg number, arXiv id or DOI in a work's url, "" where there is none of them."""
    pattern = r"https://(?:www\.gutenberg\.org/ebooks/(?=\d+$)|arxiv\.org/abs/|doi\.org/)(.+?)(?:v\d+)?"
    match = re.fullmatch(pattern, work["url"])
    return match.group(1) if match else ""


def compare(work: dict[str, Any], records: list[Record], found_by: str) -> Finding:
    """Set each field of a work beside the data; a field agrees when any of the records bears it out."""
    finding = Finding(work["id"], work["kind"], found_by)
    book, title = work["kind"] == "book", work["title"]
    names = {surname(n) for n in (work["authors"][:1] if book else work["authors"])}
    titles, authors = {r.title for r in records}, {r.authors for r in records}
    years, numbers = {r.year for r in records} - {None}, {r.number for r in records} - {""}
    right_title = any(same_title(t, title) if book else plain(t) == plain(title) for t in titles)
    right_author = any(names <= set(plain(a).split()) for a in authors)
    for name, right, said in (
        ("title", right_title, titles),
        ("author", right_author, authors),
        ("year", work["year"] in years, years),
        ("url", number_of(work) in numbers, numbers),
    ):
        excuse = EXCEPTIONS.get((work["id"], name), "")
        differs = "approximate" if excuse else "disagrees"
        finding.fields[name] = "agrees" if right else differs if said else "unknown"
        if said and not right:
            finding.notes.append(f"{name} {differs}: the data says {said}. {excuse}".rstrip())
    return finding


def check_work(work: dict[str, Any], books: list[Record], papers: dict[str, Record]) -> Finding:
    """Look a work up in the data and compare; the year of a paper not there is read from its arXiv id."""
    number = number_of(work)
    if work["kind"] == "book":
        by_id = [r for r in books if number and r.number == number]
        last = surname(work["authors"][0])
        named = [r for r in books if last in plain(r.authors).split() and same_title(r.title, work["title"])]
        if by_id or named:
            return compare(work, by_id or named, "number" if by_id else "title and author")
    elif number in papers:
        return compare(work, [papers[number]], "number")
    finding = Finding(work["id"], work["kind"], "")
    match = re.match(r"(?:[a-z.-]+/)?(\d\d)\d\d", number, re.IGNORECASE) if work["kind"] == "paper" else None
    if match:
        year = 2000 + int(match.group(1)) - 100 * (match.group(1) > "90")
        finding.found_by = "arXiv id only"
        finding.fields["year"] = "agrees" if year == work["year"] else "disagrees"
        finding.notes += [f"year: the arXiv id says {year}"] * (year != work["year"])
    return finding


def grams(text: list[str], size: int) -> Iterator[tuple[str, ...]]:
    """Every run of that many words."""
    return (tuple(text[i : i + size]) for i in range(len(text) - size + 1))


def form_faults(works: list[dict[str, Any]]) -> Iterator[str]:
    """Faults of form: ids, kind, url, year, word count, openings, and runs shared by two descriptions."""
    for name in [i for i, n in Counter(w["id"] for w in works).items() if n > 1]:
        yield f"{name}: id used twice"
    openings: dict[tuple[str, ...], str] = {}
    runs: dict[tuple[str, ...], str] = {}
    for work in works:
        text, name = plain(work["description"]).split(), work["id"]
        count = len(work["description"].split())
        if not 80 <= count <= 160:
            yield f"{name}: {count} words"
        if not re.fullmatch(r"[a-z0-9.-]+", name) or work["kind"] not in {"book", "paper"}:
            yield f"{name}: bad id or kind"
        if not number_of(work) or not isinstance(work["year"], int):
            yield f"{name}: url without a number or DOI, or year not a number"
        other = openings.setdefault(tuple(text[:3]), name)
        if other != name:
            yield f"{name}: opens like {other}"
        shared = {runs[g]: " ".join(g) for g in grams(text, RUN) if runs.setdefault(g, name) != name}
        yield from (f"{name}: shares '{run}' with {other}" for other, run in shared.items())


def copied(works: list[dict[str, Any]], data: Path) -> Iterator[str]:
    """Runs of RUN words that a shelf description shares with a description or abstract in the data.

    Any such run holds a PROBE-word run starting at a multiple of PROBE, so only those are looked up first.
    Raises FileNotFoundError when a table is not there.
    """
    texts = {w["id"]: plain(w["description"]).split() for w in works}
    probes = {g for text in texts.values() for g in grams(text, PROBE)}
    runs = {g: work_id for work_id, text in texts.items() for g in grams(text, RUN)}
    for name, column in TEXTS.items():
        for value in pd.read_parquet(data / name, columns=[column])[column].dropna():
            text = plain(str(value)).split()
            if any(tuple(text[i : i + PROBE]) in probes for i in range(0, len(text), PROBE)):
                shared = {runs[g]: " ".join(g) for g in grams(text, RUN) if g in runs}
                yield from (f"{work_id}: shares '{run}' with {name}" for work_id, run in shared.items())


def report(findings: list[Finding], faults: list[str]) -> None:
    """Print one line a work, the notes and faults, and the totals."""
    for f in findings:
        detail = ", ".join(f"{k} {v}" for k, v in f.fields.items()) or "not in the data"
        print(f"{f.kind} {f.id} [{f.found_by or '-'}]: {detail}")
        for note in f.notes:
            print(f"    {note}")
    for fault in faults:
        print(f"FAULT {fault}")
    totals = Counter(f"{k} {v}" for f in findings for k, v in f.fields.items())
    for kind in sorted({f.kind for f in findings}):
        group = [f for f in findings if f.kind == kind]
        print(f"{kind}: {len(group)} works, found by {dict(Counter(f.found_by or 'nothing' for f in group))}")
    print(f"fields: {dict(sorted(totals.items()))}; faults: {len(faults)}")


def main() -> int:
    """Run every check; 0 for a clean shelf, else 1. Raises FileNotFoundError for missing data or shelf."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared/data", help="folder of the data")
    parser.add_argument("--json", type=Path, help="also write the findings here as JSON")
    args = parser.parse_args()
    works, faults = load_shelf(ROOT / "assets" / "shelf")
    books = [r for name in BOOK_FILES for r in load_records(args.data / name, "gutenberg_id", "author")]
    papers = {r.number: r for r in load_records(args.data / PAPER_FILE, "arxiv_id", "authors")}
    findings = [check_work(w, books, papers) for w in works]
    faults += [*form_faults(works), *sorted(set(copied(works, args.data)))]
    used = {(f.id, k) for f in findings for k, v in f.fields.items() if v == "approximate"}
    faults += [f"{i}: exception for {name} not needed" for i, name in EXCEPTIONS.keys() - used]
    report(findings, faults)
    if args.json:
        result = {"works": [asdict(f) for f in findings], "faults": faults}
        args.json.write_text(json.dumps(result, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    return 1 if faults or any("disagrees" in f.fields.values() for f in findings) else 0


if __name__ == "__main__":
    sys.exit(main())
