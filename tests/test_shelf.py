"""The works that ship: well-formed, described by us, and true where the data can tell."""

import json
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from builders.check_facts import ROOT, count_works, form_faults, list_unused, load_shelf
from builders.facts import Record, check_work, number_of
from leximind.library.store import Library
from leximind.settings import DISCOVERY_DIR, SHELF_DIR

DATA = ROOT.parent / "shared/data"
MIN_WORKS, MIN_BOOKS, MIN_PAPERS = 480, 290, 190
# Many countries and centuries: works before 1800, and before our era.
MIN_OLD, MIN_ANCIENT = 50, 15


@pytest.fixture(scope="module")
def works() -> list[dict]:
    works, faults = load_shelf(SHELF_DIR)
    assert faults == []
    return works


def test_the_shelf_is_as_large_as_promised(works: list[dict]) -> None:
    kinds = Counter(work["kind"] for work in works)
    assert len(works) >= MIN_WORKS
    assert kinds["book"] >= MIN_BOOKS and kinds["paper"] >= MIN_PAPERS
    assert sum(work["year"] < 1800 for work in works) >= MIN_OLD
    assert sum(work["year"] < 0 for work in works) >= MIN_ANCIENT


def test_the_shelf_is_well_formed(works: list[dict]) -> None:
    start = time.perf_counter()
    assert list(form_faults(works)) == []
    assert time.perf_counter() - start < 5, "five hundred works are compared with each other in no time"


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"description": "Too short."}, "2 words"),
        ({"url": "https://example.org/1"}, "url without a number"),
        ({"url": "https://standardebooks.org/ebooks/jane-austen"}, "url without a number"),
        ({"id": "Bad Id"}, "bad id"),
        ({"year": "1851"}, "year not a number"),
    ],
)
def test_a_fault_of_form_is_found(works: list[dict], change: dict[str, Any], fault: str) -> None:
    found = list(form_faults([works[0] | change, *works[1:]]))
    assert any(fault in one for one in found)


def test_sameness_is_found(works: list[dict]) -> None:
    first, second = works[0], works[1]
    assert f"{first['id']}: id used twice" in list(form_faults([first, *works]))
    again = first | {"id": "again", "title": first["title"].upper()}
    assert any("the same work as" in fault for fault in form_faults([*works, again]))
    opening = " ".join(first["description"].split()[:3])
    alike = second | {"description": f"{opening} {second['description']}"}
    assert any("opens like" in fault for fault in form_faults([first, alike]))
    run = " ".join(first["description"].split()[10:18])
    assert any("shares" in fault for fault in form_faults([first, second | {"description": f"Now {run}."}]))


@pytest.mark.parametrize(
    ("url", "number"),
    [
        ("https://www.gutenberg.org/ebooks/2701", "2701"),
        ("https://www.gutenberg.org/ebooks/author/9", ""),
        ("https://standardebooks.org/ebooks/virginia-woolf/mrs-dalloway", "virginia-woolf/mrs-dalloway"),
        ("https://standardebooks.org/ebooks/plato/dialogues/b-jowett", "plato/dialogues/b-jowett"),
        ("https://standardebooks.org/ebooks/homer", ""),
        ("https://arxiv.org/abs/1706.03762v5", "1706.03762"),
        ("https://arxiv.org/abs/hep-th/9711200", "hep-th/9711200"),
        ("https://doi.org/10.1038/171737a0", "10.1038/171737a0"),
        ("https://doi.org/abc", ""),
        ("http://arxiv.org/abs/1706.03762", ""),
    ],
)  # fmt: skip
def test_addresses(url: str, number: str) -> None:
    assert number_of({"url": url}) == number


def test_books_are_found_by_either_address(works: list[dict]) -> None:
    mine = {"id": "x", "kind": "book", "title": "Mrs Dalloway", "authors": ["Virginia Woolf"], "year": 1925}
    place = "virginia-woolf/mrs-dalloway"
    records = [
        Record("63107", "Mrs. Dalloway", "Virginia Woolf", 1925),
        Record("", "Mrs. Dalloway", "Virginia Woolf", 1925, place, 360_000),
    ]
    standard = check_work(mine | {"url": f"https://standardebooks.org/ebooks/{place}"}, records, {})
    assert (standard.found_by, standard.n_chars, standard.text_number) == ("number", 360_000, "")
    assert set(standard.fields.values()) == {"agrees"}
    gutenberg = check_work(mine | {"url": "https://www.gutenberg.org/ebooks/63107"}, records, {})
    assert (gutenberg.found_by, gutenberg.n_chars, gutenberg.text_number) == ("number", 360_000, place)
    assert set(gutenberg.fields.values()) == {"agrees"}
    wrong = check_work(mine | {"url": "https://www.gutenberg.org/ebooks/1"}, records, {})
    assert wrong.found_by == "title and author" and wrong.fields["url"] == "disagrees"
    elsewhere = check_work(mine | {"url": f"https://standardebooks.org/ebooks/{place}-2"}, records[:1], {})
    assert elsewhere.fields["url"] == "unknown", "a number says nothing of an address elsewhere"
    late = check_work(mine | {"url": "https://www.gutenberg.org/ebooks/63107", "year": 1926}, records, {})
    assert late.fields["year"] == "disagrees" and "1925" in late.notes[0]


def test_years_before_our_era_are_approximate() -> None:
    mine = {"id": "x", "kind": "book", "title": "Lysistrata", "authors": ["Aristophanes"]}
    mine["url"] = "https://www.gutenberg.org/ebooks/7700"
    record = Record("7700", "Lysistrata", "Aristophanes", 411)
    assert check_work(mine | {"year": -411}, [record], {}).fields["year"] == "approximate"
    assert check_work(mine | {"year": 411}, [record], {}).fields["year"] == "agrees"
    assert check_work(mine | {"year": -410}, [record], {}).fields["year"] == "disagrees"


def test_full_texts_that_no_work_uses_are_listed() -> None:
    mine = {"id": "x", "kind": "book", "title": "Emma", "authors": ["Jane Austen"], "year": 1815}
    mine["url"] = "https://www.gutenberg.org/ebooks/158"
    records = [
        Record("158", "Emma", "Jane Austen", 1815, n_chars=9),
        Record("121", "Northanger Abbey", "Jane Austen", 1817, n_chars=9),
        Record("105", "Persuasion", "Jane Austen", 1817),
    ]
    assert list_unused([check_work(mine, records, {})], [mine], records) == ["Northanger Abbey (Jane Austen)"]


def test_counts(works: list[dict], tmp_path: Path) -> None:
    counts = count_works(works, tmp_path / "none.parquet")
    assert counts["topic"] == {"not analysed yet": len(works)}
    for by_name in counts.values():
        assert sum(by_name.values()) == len(works)


@pytest.mark.skipif(not DATA.is_dir(), reason="needs ../shared/data to compare the facts with")
def test_facts_agree_with_the_data(tmp_path: Path, works: list[dict]) -> None:
    output = tmp_path / "facts.json"
    check = [
        sys.executable,
        str(ROOT / "builders/check_facts.py"),
        "--data",
        str(DATA),
        "--json",
        str(output),
    ]
    run = subprocess.run(check, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout[-2000:]
    report = json.loads(output.read_text(encoding="utf-8"))
    assert [one["id"] for one in report["works"]] == [work["id"] for work in works]
    assert sum(report["fields"].values()) == sum(len(one["fields"]) for one in report["works"]) > 800
    assert len(report["full_texts"]) >= 100 and set(report["full_texts"]) <= {work["id"] for work in works}
    assert report["faults"] == []


def test_the_discovery_dataset_is_built_from_this_shelf_by_this_model(works: list[dict]) -> None:
    library = Library.from_folder(DISCOVERY_DIR)
    by_id = {work["id"]: work for work in works}
    assert {work.id for work in library.works} == set(by_id)
    for work in library.works:
        given = by_id[work.id]
        assert (work.title, work.year, work.description) == (
            given["title"],
            given["year"],
            given["description"],
        )
    profile = json.loads((ROOT / "assets/model/profile.json").read_text(encoding="utf-8"))
    assert library.model == profile["name"]
