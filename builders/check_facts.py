"""Check the hand-written shelf (assets/shelf/*.jsonl) against the public data and for faults of form.

Books are looked up by the Gutenberg number or Standard Ebooks address in their url, else by title and
author's surname; papers by arXiv id. Exits 1 when a field disagrees with the data or a description is badly
formed. No network is used.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pandas as pd

from builders.facts import (
    BOOK_FILES,
    EXCEPTIONS,
    PAPER_FILE,
    Finding,
    Record,
    check_work,
    load_records,
    number_of,
    plain,
    same_title,
    surname,
)
from leximind.library.statistics import name_century

__all__ = [
    "BOOK_FILES",
    "PAPER_FILE",
    "check_work",
    "copied",
    "form_faults",
    "load_records",
    "load_shelf",
    "plain",
]

ROOT = Path(__file__).resolve().parent.parent
KEYS = {"id", "kind", "title", "authors", "year", "url", "source", "license", "language", "subjects"}
KEYS |= {"description"}
RUN, PROBE = 8, 4  # words in a forbidden shared run, and in the probe that finds candidates for one
TEXTS = {
    "books/book_descriptions.parquet": "description",
    PAPER_FILE: "abstract",
    "summarization/body_abstract_train.parquet": "abstract",
    "summarization/body_abstract_validation.parquet": "abstract",
    "summarization/scitldr_train.parquet": "source",
    "summarization/scitldr_validation.parquet": "source",
}


def load_shelf(*folders: Path) -> tuple[list[dict[str, Any]], list[str]]:
    """Read every line of the shelf; lines that lack a key come back as faults.

    Raises FileNotFoundError when the folders hold no work, json.JSONDecodeError for a line not JSON.
    """
    works: list[dict[str, Any]] = []
    faults: list[str] = []
    for path in (path for folder in folders for path in sorted(folder.glob("*.jsonl"))):
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            work = json.loads(line)
            missing = [k for k in sorted(KEYS) if work.get(k) in (None, "", [])]
            if missing:
                faults.append(f"{path.name}:{number}: missing {', '.join(missing)}")
            else:
                works.append(work)
    if not works:
        raise FileNotFoundError(f"no work in {', '.join(f'{folder}/*.jsonl' for folder in folders)}")
    return works, faults


def grams(text: list[str], size: int) -> Iterator[tuple[str, ...]]:
    """Every run of that many words."""
    return (tuple(text[i : i + size]) for i in range(len(text) - size + 1))


def form_faults(works: list[dict[str, Any]]) -> Iterator[str]:
    """Faults of form: ids, kind, url, year, works there twice, word count, openings, and shared runs."""
    for name in [i for i, n in Counter(w["id"] for w in works).items() if n > 1]:
        yield f"{name}: id used twice"
    openings: dict[tuple[str, ...], str] = {}
    titles: dict[tuple[str, str], str] = {}
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
        same = titles.setdefault((plain(work["title"]), surname(work["authors"][0])), name)
        if same != name:
            yield f"{name}: the same work as {same}"
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


def count_works(works: Sequence[dict[str, Any]], dataset: Path) -> dict[str, dict[str, int]]:
    """Works by kind, century, source and, of those that are analysed, topic.

    Args:
        dataset: the discovery dataset's Parquet file; need not be there.
    """
    topics: dict[str, str] = {}
    if dataset.is_file():
        table = pd.read_parquet(dataset, columns=["id", "topic"])
        topics = dict(zip(table["id"], table["topic"], strict=True))
    centuries = Counter(work["year"] // 100 * 100 for work in works)
    return {
        "kind": dict(sorted(Counter(work["kind"] for work in works).items())),
        "topic": dict(sorted(Counter(topics.get(work["id"], "not analysed yet") for work in works).items())),
        "century": {name_century(first): n for first, n in sorted(centuries.items())},
        "source": dict(Counter(work["source"] for work in works).most_common()),
    }


def list_unused(
    findings: Sequence[Finding], works: Sequence[dict[str, Any]], records: Sequence[Record]
) -> list[str]:
    """Works of the data whose full text belongs to none of the shelf."""
    used = {finding.id for finding in findings if finding.n_chars}
    mine = [Record(number_of(w), w["title"], w["authors"][0], None) for w in works if w["id"] in used]
    return [
        f"{record.title} ({record.authors})"
        for record in records
        if record.n_chars
        and not any(
            one.number in (record.number, record.place)
            or (surname(one.authors) in plain(record.authors).split() and same_title(one.title, record.title))
            for one in mine
        )
    ]


def report(
    findings: list[Finding], faults: list[str], counts: dict[str, dict[str, int]], unused: list[str]
) -> None:
    """Print one line a work, the notes and faults, and the totals."""
    for f in findings:
        detail = ", ".join(f"{k} {v}" for k, v in f.fields.items()) or "not in the data"
        print(f"{f.kind} {f.id} [{f.found_by or '-'}]: {detail}")
        for note in f.notes:
            print(f"    {note}")
    for fault in faults:
        print(f"FAULT {fault}")
    whole = [f for f in findings if f.n_chars]
    for f in whole:
        if f.text_number:
            print(f"full text of {f.id}: {f.n_chars:,} characters, under {f.text_number}")
    n_same = sum(not f.text_number for f in whole)
    print(f"full text: {len(whole)} works, {n_same} of them under the number in their url")
    print(f"full text not on the shelf: {len(unused)}" + "".join(f"\n    {title}" for title in unused))
    for what, by_name in counts.items():
        print(f"{what}: {', '.join(f'{name} {n}' for name, n in by_name.items())}")
    totals = Counter(f"{k} {v}" for f in findings for k, v in f.fields.items())
    for kind in sorted({f.kind for f in findings}):
        group = [f for f in findings if f.kind == kind]
        print(f"{kind}: {len(group)} works, found by {dict(Counter(f.found_by or 'nothing' for f in group))}")
    print(f"fields: {dict(sorted(totals.items()))}; faults: {len(faults)}")


def main() -> int:
    """Run every check; 0 for a clean shelf, else 1. Raises FileNotFoundError for missing data or shelf."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared/data", help="folder of the data")
    parser.add_argument(
        "--shelf", type=Path, nargs="+", default=[ROOT / "assets" / "shelf"], help="folders of the works"
    )
    parser.add_argument("--json", type=Path, help="also write every checked field here as JSON")
    args = parser.parse_args()
    works, faults = load_shelf(*args.shelf)
    books = [r for name in BOOK_FILES for r in load_records(args.data / name, "gutenberg_id", "author")]
    papers = {r.number: r for r in load_records(args.data / PAPER_FILE, "arxiv_id", "authors")}
    findings = [check_work(w, books, papers) for w in works]
    faults += [*form_faults(works), *sorted(set(copied(works, args.data)))]
    used = {(f.id, k) for f in findings for k, v in f.fields.items() if v == "approximate"}
    there = {f.id for f in findings}
    faults += [f"{i}: exception for {name} not needed" for i, name in EXCEPTIONS.keys() - used if i in there]
    counts = count_works(works, ROOT / "assets" / "discovery" / "works.parquet")
    unused = list_unused(findings, works, books)
    report(findings, faults, counts, unused)
    if args.json:
        result = {
            "works": [asdict(f) for f in findings],
            "faults": faults,
            "fields": dict(Counter(f"{k} {v}" for f in findings for k, v in f.fields.items())),
            "counts": counts,
            "full_texts": {f.id: f.n_chars for f in findings if f.n_chars},
            "full_texts_not_on_the_shelf": unused,
        }
        args.json.write_text(json.dumps(result, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    return 1 if faults or any("disagrees" in f.fields.values() for f in findings) else 0


if __name__ == "__main__":
    sys.exit(main())
