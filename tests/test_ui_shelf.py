"""The Shelf tab without a browser: ids in, HTML out; lists in and out."""

import json
import re
from dataclasses import replace
from html import unescape
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from leximind.library.store import Library
from leximind.service import Service
from leximind.ui.address import View, read_view
from leximind.ui.kept import PAGE_SIZE
from leximind.ui.lists import Lists
from leximind.ui.portrait import describe, draw_portrait
from leximind.ui.shelf import N_RECOMMENDED, build_shelf, show_shelf
from leximind.ui.spines import MAX_SPINES, draw_spines
from leximind.ui.stage import NOTHING_ASKED, Asked
from tests.alike import make_alike

SAVED = ("pride", "republic", "emma", "gone", "shannon")


def show(service: Service, saved: tuple[str, ...], **params: str) -> str:
    view, notes = read_view({"tab": "shelf", **params})
    return show_shelf(service, view, Asked(saved=saved, turn=1), notes)


def kept(page: str) -> list[str]:
    return re.findall(r'<li class="lm-kept" data-id="([^"]*)" data-facts', page)


def recommended(page: str) -> list[str]:
    return (
        re.findall(r'data-work="([^"]*)"', page.split('data-part="goes"')[1])
        if "lm-goes-title" in page
        else []
    )


def test_before_the_browser_told_the_shelf_is_neither_empty_nor_full(service: Service) -> None:
    page = show_shelf(service, View(tab="shelf"), replace(NOTHING_ASKED, saved=("emma",)))
    assert "Opening your shelf" in page and "Emma" not in page and "An empty shelf" not in page


def test_an_empty_shelf_invites(service: Service) -> None:
    page = show(service, (), topic="History")
    assert "Save" in page and 'href="?surprise=1"' in page and 'type="file"' in page
    ways = [unescape(way) for way in re.findall(r'<a href="([^"]*)">', page)]
    assert len(ways) == 3
    for way in ways:
        _, notes = read_view(dict(pair.split("=") for pair in way[1:].split("&")))
        assert notes == ()


def test_works_stand_in_the_order_of_saving_or_in_another(service: Service) -> None:
    assert kept(show(service, SAVED)) == ["pride", "republic", "emma", "shannon"]
    assert kept(show(service, SAVED, sort="title")) == ["emma", "shannon", "pride", "republic"]
    assert kept(show(service, SAVED, sort="oldest")) == ["republic", "pride", "emma", "shannon"]
    assert kept(show(service, (*SAVED, "undated"), sort="newest"))[-2:] == ["republic", "undated"]
    assert kept(show(service, SAVED, sort="shortest"))[-1] == "shannon"


def test_a_work_that_left_the_library_stays_with_its_id(service: Service) -> None:
    page = show(service, SAVED)
    assert "5 works" in page
    lost = page.split("No longer in this library")[1].split("</section>")[0]
    assert 'data-id="gone"' in lost and 'data-do="remove"' in lost
    only = show(service, ("gone", "<b>"))
    assert 'data-id="&lt;b&gt;"' in only and "lm-goes-title" not in only and "lm-portrait" not in only


def test_topics_narrow_the_list_and_count_what_is_saved(service: Service) -> None:
    page = show(service, SAVED)
    assert (
        'href="?topic=Fiction&amp;tab=shelf" class="lm-topic-fiction">Fiction\n<span class="lm-count">2'
        in page
    )
    narrowed = show(service, SAVED, topic="Fiction")
    assert kept(narrowed) == ["pride", "emma"] and "2 of 4: works about Fiction" in narrowed
    assert "No longer in this library" not in narrowed
    assert kept(show(service, SAVED, topic="Arts")) == []


def test_a_long_shelf_has_pages_and_every_work_is_on_one(service: Service, library: Library) -> None:
    ids = tuple(work.id for work in library.works)
    first, second = show(service, ids), show(service, ids, p="2")
    assert len(kept(first)) == PAGE_SIZE
    assert (*kept(first), *kept(second)) == ids
    assert "Page 2 of 2" in show(service, ids, p="9")


def test_facts_for_the_browser_are_whole(service: Service) -> None:
    facts = re.search(r'data-id="pride" data-facts="([^"]*)"', show(service, SAVED))
    assert facts and json.loads(unescape(facts[1])) == {
        "title": "Pride and Prejudice", "authors": ["Jane Austen"], "year": 1813, "kind": "book",
        "url": "https://example.org/works/pride",
    }  # fmt: skip


def test_hostile_titles_are_text(service: Service) -> None:
    page = show(service, ("markup", "yang-mills"))
    assert "<img" not in page and "<b>T" not in page
    assert page.count("&lt;img src=x onerror=alert(1)&gt;") >= 2


def test_recommendations_leave_out_what_is_saved_and_go_on(table: pa.Table, tmp_path: Path) -> None:
    service = make_alike(table, tmp_path)
    first = recommended(show(service, SAVED))
    assert len(first) == len(set(first)) == N_RECOMMENDED and not set(first) & set(SAVED)
    component = build_shelf(service, "")
    more = component.recommend_more({"saved": list(SAVED), "shown": first})
    second = re.findall(r'data-work="([^"]*)"', more)
    assert len(second) == N_RECOMMENDED and not set(second) & {*first, *SAVED}
    last = component.recommend_more({"saved": list(SAVED), "shown": [*first, *second]})
    assert len(re.findall(r'data-work="', last)) == len(service.library) - 4 - 2 * N_RECOMMENDED


@pytest.mark.parametrize(
    "told", [None, 3, [], {"saved": {}}, {"saved": [3, None], "search": 7, "entries": "x"}]
)
def test_the_functions_of_the_page_take_anything(service: Service, told: object) -> None:
    component = build_shelf(service, "")
    assert "An empty shelf" in component.draw_shelf(told)
    assert "lm-card" not in component.recommend_more(told)
    assert "The format is" in component.export_shelf(told)["html"]
    assert "holds no text" in component.import_list(told)["html"]


def test_the_portrait_compares_with_the_library(service: Service, library: Library) -> None:
    rows = [library.row(work_id) for work_id in ("moby-dick", "frankenstein", "crime")]
    told = describe(library, np.array(rows))
    assert told.startswith("All Fiction, with more") and "fear" in told
    assert "From 1818 to 1866." in told and "hours of reading." in told
    page = draw_portrait(library, rows)
    fiction = sum(work.topic == "Fiction" for work in library.works) / len(library)
    assert "100%" in page and f"{fiction:.0%}" in page
    assert '<th scope="row">fear</th>' in page
    paper = describe(library, np.array([library.row("shannon"), library.row("undated")]))
    assert (
        paper.startswith("Arts and Technology alike (1 each of 2)")
        and "From" not in paper
        and "reading" not in paper
    )


def test_spines_are_steady_and_bounded(library: Library) -> None:
    works = [replace(library.works[0], id=str(number)) for number in range(MAX_SPINES + 5)]
    drawn = draw_spines(works, lambda work_id: f"?work={work_id}")
    assert drawn.count("<a class") == MAX_SPINES
    assert drawn == draw_spines(works, lambda work_id: f"?work={work_id}")
    assert drawn.count('tabindex="-1"') == MAX_SPINES and 'aria-hidden="true"' in drawn


def test_a_report_tells_every_row_and_escapes_it(service: Service) -> None:
    text = "title,author,id\nEmma,Jane Austen,\nPride and Prejudice,Jane Austen,\n<i>No</i>,<b>One</b>,\n"
    answer = Lists(service).read({"text": text, "name": "<my>.csv", "saved": ["pride"]})
    assert [entry["id"] for entry in answer["entries"]] == ["emma"]
    report = answer["html"]
    assert "1 of 3 works from &lt;my&gt;.csv added to your shelf" in report
    assert "1 not found" in report and "1 on your shelf already" in report and "1 found" in report
    assert "&lt;i&gt;No&lt;/i&gt;" in report and "<i>" not in report and "<b>" not in report
    again = Lists(service).read({"text": text, "saved": ["pride", "emma"]})
    assert again["entries"] == [] and "Nothing could be added" in again["html"]
    json.dumps(answer)


def test_a_file_is_made_of_the_entries(service: Service) -> None:
    entries = [{"id": "emma", "note": "again"}, {"id": "gone", "title": "Lost", "authors": ["A B"]}]
    lists = Lists(service)
    answer = lists.write({"form": "json", "entries": entries})
    works = json.loads(answer["text"])["works"]
    assert [(work["title"], work["note"]) for work in works] == [("Emma", "again"), ("Lost", "")]
    assert (answer["suffix"], answer["type"]) == ("json", "application/json")
    assert "Lost" in lists.write({"form": "ris", "entries": entries})["text"]
