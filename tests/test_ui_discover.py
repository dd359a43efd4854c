"""The Discover tab without a browser: an address in, HTML out."""

import re
from dataclasses import replace
from html import unescape
from typing import Any
from urllib.parse import parse_qsl

import pytest
from selectolax.lexbor import LexborHTMLParser as HTMLParser

from leximind.library.filters import Filters
from leximind.library.store import Library
from leximind.service import Service
from leximind.ui.address import View, read_view
from leximind.ui.discover import show_discover
from leximind.ui.results import describe
from leximind.ui.stage import NOTHING_ASKED


def show(service: Service, params: dict[str, str]) -> str:
    view, notes = read_view(params)
    return show_discover(service, view, NOTHING_ASKED, [service.note, *notes])


def control(page: str, selector: str) -> dict[str, str | None]:
    """The attributes of the one element that a selector finds."""
    (found,) = HTMLParser(page).css(selector)
    return dict(found.attributes)


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
    assert HTMLParser(page).css_first('.lm-pages [aria-current="page"]').text(strip=True) == "Page1of 2"
    assert address(page) == "?"


def test_a_topic_narrows_cards_and_leads_back(service: Service) -> None:
    page = show(service, {"topic": "History"})
    assert len(titles(page)) == 4
    assert f"4 of {len(service.library)} works about History" in page
    assert "checked" in control(page, '[data-param="topic"][value="History"]')
    assert 'aria-label="Remove: History"' in page


@pytest.mark.parametrize(
    "params", [{}, {"topic": "Fiction"}, {"kind": "book", "from": "1800", "not": "love"}]
)
def test_every_count_keeps_its_promise(service: Service, params: dict[str, str]) -> None:
    """Each choice is offered with the number of works that one sees after choosing it, or not at all."""
    page = HTMLParser(show(service, params))
    n_tried = 0
    for field in page.css("input[data-param]"):
        param, value = str(field.attributes["data-param"]), field.attributes.get("value") or ""
        row = field.parent
        count = int(row.css_first(".lm-count").text().replace(",", ""))
        chosen = params.get(param, "").split(",")
        is_many = param in ("topic", "feel", "not")
        if "disabled" in field.attributes:
            assert count in (0, total(service, params)), (param, value)
            continue
        if "checked" in field.attributes or (is_many and param == "topic" and params.get("topic")):
            continue
        given = {**params, param: ",".join(filter(None, [*chosen, value])) if is_many else value}
        if param == "feel" and value in params.get("not", ""):
            continue
        expected = total(service, params) - count if param == "not" else count
        assert total(service, given) == expected, (param, value)
        n_tried += 1
    assert n_tried > 15


def total(service: Service, params: dict[str, str]) -> int:
    sentence = HTMLParser(show(service, params)).css_first(".lm-sentence").text()
    return int(re.findall(r"[\d,]+", sentence)[0].replace(",", ""))


def test_nothing_disappears_when_filters_narrow(service: Service) -> None:
    def offered(params: dict[str, str]) -> list[tuple[str | None, ...]]:
        fields = HTMLParser(show(service, params)).css("[data-param], [data-mood], [data-century]")
        return [
            tuple(field.attributes.get(name) for name in ("id", "value", "min", "max")) for field in fields
        ]

    def without_state(rows: list[tuple[str | None, ...]]) -> list[tuple[str | None, ...]]:
        return [row[:1] + row[2:] for row in rows]

    narrow = {"kind": "paper", "topic": "Science", "from": "2000", "feel": "joy"}
    assert total(service, narrow) == 0
    assert without_state(offered(narrow)) == without_state(offered({}))


def test_a_choice_without_works_is_shown_but_cannot_be_made(service: Service) -> None:
    page = show(service, {"kind": "paper"})
    assert "disabled" in control(page, '[data-param="feel"][value="grief"]')
    assert "disabled" in control(page, '[data-param="not"][value="grief"]')
    assert "disabled" not in control(page, '[data-param="feel"][value="realization"]')
    # What is in force can always be taken off, and turned round.
    page = show(service, {"kind": "paper", "feel": "grief"})
    assert "disabled" not in control(page, '[data-param="feel"][value="grief"]')
    assert "disabled" not in control(page, '[data-param="not"][value="grief"]')


def test_a_mood_ranks_and_is_told_everywhere(service: Service) -> None:
    page = show(service, {"mood": "joy:-1,fear:2"})
    assert total(service, {"mood": "joy:-1,fear:2"}) == len(service.library)
    slider = control(page, '[data-mood="fear"]')
    assert (slider["value"], slider["aria-valuetext"]) == ("2", "much more")
    assert control(page, '[data-mood="joy"]')["aria-valuetext"] == "less"
    assert control(page, '[data-mood="wonder"]')["aria-valuetext"] == "as it comes"
    for text in ("much more fear", "less joy"):
        assert f'aria-label="Remove: {text}"' in page
    assert titles(page) != titles(show(service, {}))


def test_the_years_stand_on_the_slider_and_in_the_fields(service: Service) -> None:
    page = show(service, {"from": "1800", "to": "1899"})
    low, high = control(page, "#lm-century-from"), control(page, "#lm-century-to")
    assert (low["value"], low["aria-valuetext"]) == ("18", "from 1800")
    assert (high["value"], high["aria-valuetext"]) == ("18", "to 1899")
    assert (low["min"], low["max"]) == ("-5", "20")
    assert control(page, '[name="from"]')["value"] == "1800"
    assert control(page, '[name="to"]')["value"] == "1899"
    bars = HTMLParser(page).css(".lm-histogram rect")
    assert len(bars) == 26
    assert [index for index, bar in enumerate(bars) if bar.attributes.get("class") is None] == [23]
    # Years of which no century has works do not leave the slider.
    assert control(show(service, {"from": "-3000"}), "#lm-century-from")["value"] == "-5"


def test_the_number_of_filters_is_on_the_label_of_the_sheet(service: Service) -> None:
    assert "lm-badge" not in show(service, {"q": "sea"})
    page = show(service, {"q": "sea", "kind": "book", "feel": "love,fear", "mood": "joy:1", "to": "1900"})
    assert HTMLParser(page).css_first(".lm-badge").text() == "5 in force"


def test_sorting_holds_for_lists_and_searches(service: Service) -> None:
    page = show(service, {"topic": "Science", "sort": "oldest"})
    years = [work.year for title in titles(page) for work in service.library.works if work.title == title]
    assert years == sorted(years, key=lambda year: year or 0)
    found = titles(show(service, {"q": "whale", "sort": "title"}))
    assert found == sorted(found, key=lambda title: title.lower().removeprefix("the "))
    assert "selected" in control(page, '#lm-sort option[value="oldest"]')


def test_a_page_is_small_and_drawn_at_once(service: Service) -> None:
    page = show(service, {})
    assert len(page.encode()) < 120_000
    fields = HTMLParser(page).css("[id]")
    names = [field.attributes["id"] for field in fields]
    assert len(names) == len(set(names))


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


def ways(page: str) -> dict[str, tuple[str, int]]:
    """Of a page without works: what each way out says, with its address and the number it promises."""
    rows = HTMLParser(page).css(".lm-ways li")
    return {
        row.css_first("a").text(): (
            str(row.css_first("a").attributes["href"]),
            int(row.css_first(".lm-count").text().split()[0]),
        )
        for row in rows
    }


def test_nothing_found_offers_to_loosen_one_thing(service: Service) -> None:
    page = show(service, {"topic": "History", "feel": "anger", "kind": "paper"})
    assert titles(page) == []
    assert "all of that at once" in page
    out = ways(page)
    assert list(out) == ["Drop papers"]
    for href, count in out.values():
        assert total(service, dict(parse_qsl(href[1:]))) == count


def test_where_one_thing_is_not_enough_each_is_offered_alone(service: Service) -> None:
    page = show(service, {"topic": "History", "feel": "grief", "kind": "paper", "mood": "joy:1"})
    out = ways(page)
    assert list(out) == ["Only papers", "Only History", "Only feels grief"]
    assert out["Only History"] == ("?topic=History", 4)


def test_what_is_far_from_everything_is_offered_as_the_nearest_and_no_more(service: Service) -> None:
    search = service.search

    def doubt(*args: Any, **named: Any) -> Any:
        page = search(*args, **named)
        return replace(page, is_doubtful=True, note="Nothing close. These come nearest.")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(service, "search", doubt)
        page = show(service, {"q": "whale", "kind": "book"})
        nothing = show(service, {"q": "whale", "topic": "Business", "feel": "grief"})
    assert "books nearest to “whale”" in page
    assert "matching “whale”" not in HTMLParser(page).css_first(".lm-sentence").text()
    assert "These come nearest" in HTMLParser(page).css_first(".lm-results > .lm-note").text()
    assert HTMLParser(nothing).css_first(".lm-nothing-what").text().startswith("Nothing close")


def test_a_work_is_shown_in_full(service: Service, library: Library) -> None:
    work = library.works[library.row("frankenstein")]
    page = show(service, {"work": "frankenstein", "topic": "Fiction"})
    for text in (work.description, work.url, work.license, "Summary written by the model"):
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
    page = show(service, {"p": "99"})
    assert HTMLParser(page).css_first('.lm-pages [aria-current="page"]').text(strip=True) == "Page2of 2"
    assert address(page) == "?p=2"


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
        "from 1800": "?feel=love,remorse",
    }
