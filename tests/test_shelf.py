"""The works that ship: well-formed, described by us, and true where the data can tell."""

import json
import subprocess
import sys

import pytest

from builders.check_facts import ROOT, form_faults, load_shelf
from leximind.library.store import Library
from leximind.settings import DISCOVERY_DIR, SHELF_DIR

DATA = ROOT.parent / "shared/data"


@pytest.fixture(scope="module")
def works() -> list[dict]:
    works, faults = load_shelf(SHELF_DIR)
    assert faults == []
    return works


def test_the_shelf_is_well_formed(works: list[dict]) -> None:
    assert list(form_faults(works)) == []
    kinds = [work["kind"] for work in works]
    assert kinds.count("book") >= 40 and kinds.count("paper") >= 20


def test_a_fault_of_form_is_found(works: list[dict]) -> None:
    short = {**works[0], "description": "Too short."}
    assert any(works[0]["id"] in fault for fault in form_faults([short, *works[1:]]))
    assert list(form_faults([works[0], *works]))


@pytest.mark.skipif(not DATA.is_dir(), reason="needs ../shared/data to compare the facts with")
def test_facts_agree_with_the_data() -> None:
    check = [sys.executable, str(ROOT / "builders/check_facts.py"), "--data", str(DATA)]
    run = subprocess.run(check, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout[-2000:]


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
