"""The Discover tab without a browser: an address in, HTML out."""

import re
from html import unescape
from urllib.parse import parse_qsl

import pytest

from leximind.library.filters import Filters
from leximind.library.store import Library
from leximind.service import Service
from leximind.ui.address import View, read_view
from leximind.ui.controls import describe
from leximind.ui.discover import show


def titles(page: str) -> list[str]:
    return [unescape(title) for title in re.findall(r'class="lm-title"[^>]*>([^<]*)<', page)]


def address(page: str) -> str:
    found = re.search(r'data-search="([^"]*)"', page)
    assert found
    return unescape(found[1])


def test_the_first_page_holds_cards_and_counts(service: Service) -> None:
    page = show(service, {})
    assert len(titles(page)) == 24
    assert "Moby-Dick; or, The Whale" in titles(page)
    assert f"All {len(service.library)} works" in page
    assert "Page 1 of 2" in page
    assert address(page) == "?"


def test_a_topic_narrows_cards_and_leads_back(service: Service) -> None:
    page = show(service, {"topic": "History"})
    assert len(titles(page)) == 4
    assert f"4 of {len(service.library)} works about History" in page
    assert 'aria-current="true">History' in page
    assert 'aria-label="Remove: History"' in page


def test_every_count_keeps_its_promise(service: Service) -> None:
    page = show(service, {"topic": "Fiction"})
    options = re.findall(r'<option value="([^"]*)">(\w+) \((\d+)\)</option>', page)
    assert len(options) > 5
    for href, _, count in options:
        params = dict(pair.split("=") for pair in unescape(href)[1:].replace("%2C", ",").split("&"))
        assert len(titles(show(service, params))) == int(count), href


def test_a_search_finds_words_and_says_why(service: Service) -> None:
    page = show(service, {"q": "whale"})
    assert titles(page)[0] == "Moby-Dick; or, The Whale"
    assert "<mark>whale</mark>" in page
    assert "matching “whale”" in page


def test_a_misspelt_query_offers_the_one_that_was_meant(service: Service) -> None:
    page = show(service, {"q": "moby-dikc", "kind": "book"})
    link = re.search(r'Did you mean <a href="([^"]*)">([^<]*)</a>', page)
    assert link and link[2] == "moby-dick"
    assert read_view(dict(parse_qsl(unescape(link[1]).lstrip("?"))))[0].query == "moby-dick"
    assert "Did you mean" not in show(service, {"q": "moby-dick"})


def test_nothing_found_is_said_with_a_way_out(service: Service) -> None:
    page = show(service, {"q": "zzzz qqqq", "topic": "Arts"})
    assert titles(page) == []
    assert "Nothing" in page
    assert 'href="?q=zzzz+qqqq"' in page


def test_a_work_is_shown_in_full(service: Service, library: Library) -> None:
    work = library.works[library.row("frankenstein")]
    page = show(service, {"work": "frankenstein", "topic": "Fiction"})
    for text in (work.description, work.url, work.license, "Horror; Science", "Summary written by the model"):
        assert text in page
    assert 'href="?topic=Fiction">← Back' in page
    assert titles(page) == [hit.work.title for hit in service.similar("frankenstein")]
    assert titles(page)
    assert "closeness" in page


def test_a_key_sentence_is_not_called_written(service: Service) -> None:
    page = show(service, {"work": "moby-dick"})
    assert "Key sentence chosen by the model" in page
    assert "written by the model" not in page


def test_an_unknown_work_shows_the_shelf_with_a_note(service: Service) -> None:
    page = show(service, {"work": "<script>"})
    assert "There is no work “&lt;script&gt;”" in page
    assert len(titles(page)) == 24
    assert address(page) == "?"


def test_unknown_parameters_are_noted_and_dropped(service: Service) -> None:
    page = show(service, {"topic": "Cooking", "colour": "red", "kind": "paper"})
    assert "Cooking" in page
    assert "colour" in page
    assert address(page) == "?kind=paper"


def test_a_page_past_the_end_is_the_last(service: Service) -> None:
    page = show(service, {"page": "99"})
    assert "Page 2 of 2" in page
    assert address(page) == "?page=2"


def test_the_note_of_the_service_is_a_banner(library: Library) -> None:
    note = "Offline: the embedded works stand in."
    assert note in show(Service(library, note=note), {})


def test_without_a_model_the_words_are_searched_and_it_is_said(library: Library) -> None:
    page = show(Service(library), {"q": "whale"})
    assert "Moby-Dick; or, The Whale" in titles(page)
    assert "Only the words were searched" in page


def test_a_failure_is_told_kindly(library: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    service = Service(library)

    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("secret detail")

    monkeypatch.setattr(service, "browse", fail)
    page = show(service, {})
    assert "Something went wrong" in page
    assert "secret" not in page


@pytest.mark.parametrize(
    ("filters", "sentence"),
    [
        (Filters(), "All 31 works"),
        (
            Filters(kind="book", topics=("History",), emotions=("anger",)),
            "2 of 31 works: books about History that feel anger",
        ),
        (Filters(emotions=("remorse",)), "3 of 31 works that feel remorse"),
    ],
)
def test_the_sentence_reads_as_english(service: Service, filters: Filters, sentence: str) -> None:
    assert describe(service.browse(filters), len(service.library)) == sentence


def test_chips_remove_one_filter_each(service: Service) -> None:
    view = View(filters=Filters(emotions=("love", "remorse"), year_from=1800))
    page = show(service, view.to_params())
    chips = {
        unescape(text): unescape(href)
        for href, text in re.findall(r'<a href="([^"]*)" aria-label="Remove: ([^"]*)"', page)
    }
    assert chips == {
        "feels love": "?feel=remorse&from=1800",
        "feels remorse": "?feel=love&from=1800",
        "from 1800": "?feel=love%2Cremorse",
    }
