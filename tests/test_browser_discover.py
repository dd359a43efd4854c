"""Discover in a real browser: typing, filters, sliders by keyboard, chips, pages, and the address."""

import re
from typing import TYPE_CHECKING

from tests.browsing import BROWSER, NARROW, Visit

if TYPE_CHECKING:
    from playwright import sync_api

pytestmark = BROWSER

SLOW = """const fetchNow = window.fetch;
window.fetch = async (...given) => {
    const address = String(given[0]?.url ?? given[0]);
    if (address.includes("/run/")) await new Promise(done => setTimeout(done, 900));
    return fetchNow(...given);
};"""


def control(tab: "sync_api.Page", label: str) -> "sync_api.Locator":
    return tab.locator(".lm-filters").get_by_label(re.compile(rf"^\s*{label}\b"))


def focused(tab: "sync_api.Page") -> str:
    return str(tab.evaluate("document.activeElement.id"))


def test_cards_are_there_on_arrival(visit: Visit) -> None:
    tab = visit.open()
    assert len(visit.titles()) == 24
    assert "All 31 works" in tab.inner_text(".lm-sentence")
    first = tab.locator(".lm-card").first.bounding_box()
    column = tab.locator(".lm-filters").bounding_box()
    assert first and first["y"] < 500
    assert column and column["x"] + column["width"] < first["x"]
    assert tab.locator("footer:visible").count() == 0


def test_titles_with_markup_and_latex_show_as_text(visit: Visit) -> None:
    tab = visit.open("?topic=Science", ready='#lm-stage input[value="Science"]:checked')
    assert r"${\cal N}=4$ Super Yang-Mills" in visit.titles()
    control(tab, "Science").uncheck()
    control(tab, "Technology").check()
    visit.wait_for("?topic=Technology")
    assert "<img src=x onerror=alert(1)>" in visit.titles()
    assert tab.locator('img[src="x"]').count() == 0
    tab.click('.lm-title:has-text("onerror")')
    tab.wait_for_selector(".lm-work h2")
    assert "<script>alert(1)</script>" in tab.inner_text(".lm-work")


def test_no_word_runs_over_the_edge_of_a_cover(visit: Visit) -> None:
    tab = visit.open()
    for search in ("?p=2", "?"):
        tab.goto(visit.address + search)
        tab.wait_for_selector(".lm-cover")
        over = tab.evaluate(
            """() => [...document.querySelectorAll(".lm-cover text, .lm-cover tspan")].filter(word => {
                const cover = word.closest(".lm-cover").getBoundingClientRect();
                const box = word.getBoundingClientRect();
                return box.left < cover.left || box.right > cover.right || box.bottom > cover.bottom;
            }).map(word => word.textContent)"""
        )
        assert over == []


def test_a_topic_narrows_cards_and_counts_and_its_chip_removes_it(visit: Visit) -> None:
    tab = visit.open()
    before = tab.locator(".lm-feelings .lm-count").all_inner_texts()
    control(tab, "History").check()
    visit.wait_for("?topic=History")
    assert len(visit.titles()) == 4
    assert "4 of 31 works about History" in tab.inner_text(".lm-sentence")
    assert tab.locator(".lm-feelings .lm-count").all_inner_texts() != before
    assert tab.inner_text("#lm-told") == tab.inner_text(".lm-sentence")
    assert focused(tab) == control(tab, "History").get_attribute("id")
    tab.click('.lm-chips a:has-text("History")')
    visit.wait_for("")
    assert len(visit.titles()) == 24


def test_choices_made_faster_than_answers_all_count(visit: Visit) -> None:
    visit.tab.add_init_script(SLOW)
    tab = visit.open()
    control(tab, "History").check()
    control(tab, "Fiction").check()
    control(tab, "With anger").check()
    visit.wait_for("?topic=Fiction,History&feel=anger")
    assert sorted(visit.titles()) == [
        "Narrative of the Life of Frederick Douglass",
        "The French Revolution: A History",
        "Wuthering Heights",
    ]
    assert control(tab, "Fiction").is_checked() and control(tab, "With anger").is_checked()


def test_a_feeling_is_asked_for_or_left_out(visit: Visit) -> None:
    tab = visit.open()
    control(tab, "With remorse").check()
    visit.wait_for("?feel=remorse")
    assert len(visit.titles()) == 3
    control(tab, "Without remorse").check()
    visit.wait_for("?not=remorse")
    assert "28 of 31 works" in tab.inner_text(".lm-sentence")
    assert not control(tab, "With remorse").is_checked()
    control(tab, "Without remorse").uncheck()
    visit.wait_for("")


def test_a_mood_is_set_by_keyboard_and_keeps_the_focus(visit: Visit) -> None:
    tab = visit.open()
    even = visit.titles()
    control(tab, "Fear").focus()
    tab.keyboard.press("ArrowRight")
    tab.keyboard.press("ArrowRight")
    visit.wait_for("?mood=fear:2")
    assert focused(tab) == "lm-mood-fear"
    assert control(tab, "Fear").get_attribute("aria-valuetext") == "much more"
    assert visit.titles() != even
    tab.keyboard.press("ArrowLeft")
    visit.wait_for("?mood=fear:1")
    tab.keyboard.press("Tab")
    tab.keyboard.press("ArrowLeft")
    visit.wait_for("?mood=fear:1,anger:-1")
    assert tab.locator(".lm-chips li").all_inner_texts() == ["more fear ×", "less anger ×", "Clear all"]
    tab.click('.lm-chips a:has-text("more fear")')
    visit.wait_for("?mood=anger:-1")
    assert control(tab, "Fear").input_value() == "0"


def test_centuries_by_keyboard_and_years_by_hand(visit: Visit) -> None:
    tab = visit.open()
    control(tab, "To century").focus()
    tab.keyboard.press("ArrowLeft")
    visit.wait_for("?to=1999")
    assert focused(tab) == "lm-century-to"
    control(tab, "From century").focus()
    tab.keyboard.press("End")  # meets the other end and does not cross it
    visit.wait_for("?from=1900&to=1999")
    assert "1900-1999" in tab.inner_text(".lm-sentence")
    tab.fill('[name="from"]', "1970")
    tab.press('[name="from"]', "Enter")
    visit.wait_for("?from=1970&to=1999")
    assert sorted(visit.titles()) == [
        "<img src=x onerror=alert(1)>",
        "Prospect Theory",
        "Songs of Humpback Whales",
    ]
    control(tab, "From century").focus()
    tab.keyboard.press("Home")
    visit.wait_for("?to=1999")


def test_kind_length_and_order_combine(visit: Visit) -> None:
    tab = visit.open()
    control(tab, "Books").check()
    visit.wait_for("?kind=book")
    control(tab, "Long").check()
    visit.wait_for("?kind=book&length=long")
    tab.locator("#lm-sort").select_option(label="Newest first")
    visit.wait_for("?kind=book&length=long&sort=newest")
    assert visit.titles()[0] == "<img src=x onerror=alert(1)>"
    tab.click(".lm-clear a")
    visit.wait_for("")


def test_a_search_runs_while_typing_and_keeps_what_is_typed(visit: Visit) -> None:
    tab = visit.open()
    tab.click("#lm-query")
    tab.keyboard.type("white whale", delay=15)
    visit.wait_for("?q=white+whale")
    assert visit.titles()[0] == "Moby-Dick; or, The Whale"
    assert tab.locator(".lm-stage mark").first.inner_text().lower() in ("white", "whale")
    assert tab.input_value("#lm-query") == "white whale"
    assert focused(tab) == "lm-query"
    tab.fill("#lm-query", "author:austen")
    tab.press("#lm-query", "Enter")
    visit.wait_for("?q=author:austen")
    assert sorted(visit.titles()) == ["Emma", "Pride and Prejudice"]


def test_slow_answers_do_not_lose_what_was_typed_last(visit: Visit) -> None:
    visit.tab.add_init_script(SLOW)
    tab = visit.open()
    tab.click("#lm-query")
    tab.keyboard.type("white whale", delay=400)
    visit.wait_for("?q=white+whale")
    assert visit.titles()[0] == "Moby-Dick; or, The Whale"
    assert tab.input_value("#lm-query") == "white whale"


def test_waiting_is_shown_and_told(visit: Visit) -> None:
    visit.tab.add_init_script(SLOW)
    tab = visit.open()
    control(tab, "History").check()
    tab.wait_for_selector('#lm-stage .lm-stage[aria-busy="true"]')
    tab.wait_for_function("getComputedStyle(document.querySelector('.lm-waiting')).opacity === '1'")
    visit.wait_for("?topic=History")
    tab.wait_for_selector("#lm-stage .lm-stage:not([aria-busy])")


def test_a_way_out_of_nothing_leads_to_the_works_it_promised(visit: Visit) -> None:
    tab = visit.open("?kind=paper&topic=History&feel=anger", ready=".lm-nothing")
    tab.click(".lm-ways a")
    visit.wait_for("?topic=History&feel=anger")
    assert len(visit.titles()) == 2


def test_a_card_opens_in_full_by_keyboard_and_back_returns(visit: Visit) -> None:
    tab = visit.open("?q=whale", ready=".lm-stage mark")
    tab.locator(".lm-title").first.focus()
    tab.keyboard.press("Enter")
    tab.wait_for_selector(".lm-work h2")
    assert tab.inner_text(".lm-work h2") == "Moby-Dick; or, The Whale"
    visit.wait_for("?q=whale&work=moby-dick")
    tab.click(".lm-back a")
    visit.wait_for("?q=whale")
    assert tab.evaluate("document.activeElement.dataset.work") == "moby-dick"
    tab.click(".lm-title >> nth=0")
    tab.wait_for_selector(".lm-work h2")
    tab.go_back()
    tab.wait_for_selector(".lm-filters")
    assert tab.input_value("#lm-query") == "whale"


def test_the_whole_card_is_clickable_and_its_button_only_saves(visit: Visit) -> None:
    tab = visit.open()
    save = tab.locator(".lm-card .lm-save").nth(2)
    save.click()
    assert save.get_attribute("aria-pressed") == "true"
    assert save.inner_text().startswith("Saved")
    tab.locator(".lm-card .lm-cover").nth(2).click(force=True, position={"x": 50, "y": 80})
    tab.wait_for_selector(".lm-work h2")


def test_a_surprise_opens_a_work_that_was_not_on_the_page(visit: Visit) -> None:
    tab = visit.open()
    seen = visit.titles()[:6]
    tab.click(".lm-surprise")
    tab.wait_for_selector(".lm-work h2")
    assert tab.inner_text(".lm-work h2") not in seen
    assert tab.evaluate("location.search").startswith("?work=")


def test_an_address_restores_the_page_after_reload_and_in_a_new_visit(
    visit: Visit, browser: "sync_api.Browser"
) -> None:
    search = "?kind=book&feel=love&from=1800&to=1899&mood=sorrow:2&sort=oldest"
    expected = ["Pride and Prejudice", "Emma", "Jane Eyre: An Autobiography", "Wuthering Heights"]
    tab = visit.open(search + "&colour=red", ready=".lm-chips")
    visit.wait_for(search)
    assert "colour" in tab.inner_text(".lm-note")
    tab.reload()
    another = Visit(browser, visit.address)
    another.open(search, ready=".lm-chips")
    for each in (visit, another):
        each.tab.wait_for_selector(".lm-chips")
        assert each.titles() == expected
        assert control(each.tab, "Books").is_checked()
        assert control(each.tab, "With love").is_checked()
        assert control(each.tab, "Sorrow").input_value() == "2"
        assert control(each.tab, "From century").input_value() == "18"
        assert each.tab.input_value('[name="to"]') == "1899"
        assert each.tab.locator("#lm-sort").input_value() == "oldest"
    another.settle()


def test_pages_turn(visit: Visit) -> None:
    tab = visit.open()
    tab.click('.lm-pages a[rel="next"]')
    visit.wait_for("?p=2")
    assert len(visit.titles()) == 7
    assert tab.evaluate("scrollY") == 0
    tab.click('.lm-pages a[aria-label="Page 1"]')
    visit.wait_for("")


def test_on_a_phone_filters_are_a_sheet_that_stays_open(browser: "sync_api.Browser", address: str) -> None:
    visit = Visit(browser, address, viewport=NARROW, has_touch=True)
    tab = visit.open(ready=".lm-card:visible")
    assert not control(tab, "History").is_visible()
    tab.locator(".lm-sheet summary").first.tap()
    control(tab, "History").check()
    visit.wait_for("?topic=History")
    assert control(tab, "History").is_visible()
    assert tab.inner_text(".lm-badge").startswith("1")
    small = tab.evaluate(
        """() => [...document.querySelectorAll(".lm-filters :is(label, button, input)")].filter(target => {
            const box = target.getBoundingClientRect();
            return box.width && box.height < 24 && !target.closest("label, .lm-feeling");
        }).map(target => target.id || target.textContent)"""
    )
    assert small == []
    tab.locator(".lm-done").tap()
    assert not control(tab, "History").is_visible()
    visit.settle()


def test_focus_can_be_seen(visit: Visit) -> None:
    tab = visit.open()
    tab.keyboard.press("Tab")
    tab.locator(".lm-title").first.focus()
    outline = """selector => { const style = getComputedStyle(document.querySelector(selector));
        return [style.outlineStyle, parseFloat(style.outlineWidth)]; }"""
    assert tab.evaluate(outline, ".lm-card") == ["solid", 3]
    tab.keyboard.press("Tab")
    assert tab.evaluate(outline, ".lm-card .lm-save") == ["solid", 3]
