"""The page of a work in a real browser: the arc under pointer and keys, copying, files, a list walked."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit

import pytest

from leximind.service import Service
from leximind.ui.citations import cite
from tests.browsing import BROWSER, NARROW, Visit, serving
from tests.odd_shelf import HOSTILE, HOSTILE_ID, LONG_TITLE, make_service

if TYPE_CHECKING:
    from playwright import sync_api

pytestmark = BROWSER
SHOWS = "title => document.querySelector('.lm-work h2')?.textContent === title"
BRIGHTNESS = """() => {{
    const red = colour => Number(colour.match(/\\d+/)[0]);
    const ink = red(getComputedStyle(document.querySelector('.lm-description p')).color);
    const paper = red(getComputedStyle(document.body).backgroundColor);
    return {};
}}"""
UNPRINTED = (".lm-masthead", ".lm-search", ".lm-path", ".lm-similar", "#lm-tabs .tab-wrapper", ".lm-save")


@pytest.fixture(scope="module")
def odd(tmp_path_factory: pytest.TempPathFactory) -> Service:
    return make_service(tmp_path_factory.mktemp("odd"))


@pytest.fixture(scope="module")
def address(odd: Service) -> Iterator[str]:
    """A server of its own: the shared shelf has no arcs."""
    with serving(odd) as address:
        yield address


def open_work(visit: Visit, work_id: str, search: str = "?") -> "sync_api.Page":
    tab = visit.open(f"{search}{'&' if len(search) > 1 else ''}work={quote(work_id)}", ready=".lm-work h2")
    tab.wait_for_function("!document.querySelector('.lm-stage[aria-busy]')")
    return tab


def test_the_arc_names_place_and_values_under_the_pointer(visit: Visit) -> None:
    tab = open_work(visit, "storm")
    reader = tab.locator(".lm-arc-reader")
    reader.scroll_into_view_if_needed()
    assert tab.locator(".lm-arc-rule").evaluate("line => getComputedStyle(line).opacity") == "0"
    box = reader.bounding_box()
    assert box
    tab.mouse.move(box["x"] + box["width"] * 0.75, box["y"] + 60)
    tab.wait_for_selector(".lm-arc-reader.lm-reading")
    assert tab.inner_text(".lm-arc-note strong") == "75% of the book"
    values = tab.locator(".lm-arc-value").all_inner_texts()
    assert [value.split() for value in values][:2] == [["fear", "45%"], ["love", "10%"]]
    rule, note = (tab.locator(f".lm-arc-{name}").bounding_box() for name in ("rule", "note"))
    assert rule and abs(rule["x"] - box["x"] - box["width"] * 0.75) < 2
    assert note and note["x"] + note["width"] <= rule["x"], "past the middle the note stands to the left"
    dot = tab.locator(".lm-arc-dot").first.bounding_box()
    line = tab.locator(".lm-arc-plot polyline").first.bounding_box()
    assert dot and line
    assert dot["y"] + dot["height"] / 2 == pytest.approx(
        line["y"] + line["height"] * (1 - 0.45 / 0.585), abs=9
    )
    tab.mouse.move(5, 5)
    tab.wait_for_selector(".lm-arc-reader:not(.lm-reading)")


def test_the_arc_is_read_with_the_keys(visit: Visit) -> None:
    tab = open_work(visit, "storm")
    reader = tab.get_by_role("slider", name="Place in the book")
    reader.focus()
    tab.wait_for_selector(".lm-arc-reader.lm-reading")
    outline = reader.evaluate("it => { it.focus(); return getComputedStyle(it).outlineStyle }")
    told = []
    for key in ("Home", "ArrowRight", "PageUp", "End", "ArrowLeft"):
        tab.keyboard.press(key)
        told.append(reader.get_attribute("aria-valuetext").split(", love")[0])
    assert told == [
        "the beginning: fear 2%",
        "5% of the book: fear 3%",
        "15% of the book: fear 9%",
        "the end: fear 59%",
        "95% of the book: fear 57%",
    ]
    assert reader.get_attribute("aria-valuenow") == "95" and outline == "solid"
    assert urlsplit(tab.url).query == "work=storm", "the arrows belong to the arc while it has the focus"
    tab.keyboard.press("Tab")
    tab.wait_for_selector(".lm-arc-reader:not(.lm-reading)")


def test_the_arc_is_read_with_a_finger(browser: "sync_api.Browser", address: str) -> None:
    visit = Visit(browser, address, viewport=NARROW, has_touch=True)
    tab = open_work(visit, "storm")
    reader = tab.locator(".lm-arc-reader")
    reader.scroll_into_view_if_needed()
    box = reader.bounding_box()
    assert box
    tab.touchscreen.tap(box["x"] + box["width"] * 0.25, box["y"] + 50)
    tab.wait_for_selector(".lm-arc-reader.lm-reading")
    assert tab.inner_text(".lm-arc-note strong") == "25% of the book", "it stays when the finger is lifted"
    visit.settle()


def test_copying_puts_the_text_on_the_clipboard_and_says_so(visit: Visit, odd: Service) -> None:
    visit.context.grant_permissions(["clipboard-read", "clipboard-write"])
    tab = open_work(visit, "storm", "?topic=Fiction")
    tab.get_by_role("button", name="Copy link").click()
    tab.wait_for_selector('.lm-actions [role="status"]:has-text("Link copied.")')
    assert tab.evaluate("navigator.clipboard.readText()") == f"{visit.address}?work=storm"
    tab.get_by_role("button", name="Cite").click()
    tab.wait_for_selector("dialog.lm-cite:popover-open")
    for form in cite(odd.get("storm")):
        tab.get_by_role("button", name=f"Copy {form.name}", exact=True).click()
        tab.wait_for_selector(f'.lm-cite [role="status"]:has-text("{form.name} copied.")')
        copied = tab.evaluate("navigator.clipboard.readText()")
        assert copied == form.text.replace("\r\n", "\n").rstrip(), form.name
    tab.keyboard.press("Escape")
    tab.wait_for_selector("dialog.lm-cite", state="hidden")
    assert tab.evaluate("document.activeElement.textContent") == "Cite", "the focus is back"


def test_where_copying_is_not_allowed_the_text_is_selected(visit: Visit) -> None:
    visit.tab.add_init_script(
        "navigator.clipboard.writeText = () => Promise.reject(new DOMException('', 'NotAllowedError'))"
    )
    tab = open_work(visit, "storm")
    tab.get_by_role("button", name="Copy link").click()
    tab.wait_for_selector(f'.lm-actions [role="status"]:has-text("{visit.address}?work=storm")')
    tab.get_by_role("button", name="Cite").click()
    tab.get_by_role("button", name="Copy Reference").click()
    tab.wait_for_selector('.lm-cite [role="status"]:has-text("does not let us")')
    assert tab.evaluate("getSelection().toString()").startswith("Le Guin, Ursula K. 1901.")


@pytest.mark.parametrize("work_id", ["storm", HOSTILE_ID])
def test_the_files_are_what_was_promised(visit: Visit, odd: Service, work_id: str) -> None:
    tab = open_work(visit, work_id)
    tab.get_by_role("button", name="Cite").click()
    for form in cite(odd.get(work_id)):
        with tab.expect_download() as download:
            tab.locator(f'.lm-cite a[download$=".{form.ending}"]').click()
        assert download.value.suggested_filename.endswith(f".{form.ending}")
        assert Path(download.value.path()).read_bytes() == form.text.encode(), form.name


def test_before_and_after_walk_the_list_of_a_search(visit: Visit, odd: Service) -> None:
    tab = visit.open("?kind=book&feel=love&sort=oldest", ready=".lm-chips")
    titles = visit.titles()
    assert len(titles) == 5
    tab.click(".lm-title >> nth=0")
    tab.wait_for_selector(".lm-work h2")
    assert tab.locator('.lm-walk [rel="prev"]').count() == 0
    for number, title in enumerate(titles):
        tab.wait_for_function(
            "title => document.querySelector('.lm-work h2')?.textContent === title", arg=title
        )
        assert tab.title() == f"{title} - LexiMind"
        assert "?kind=book&feel=love&sort=oldest&work=" in tab.url
        if number in (0, 2):
            tab.click('.lm-walk [rel="next"]')
        elif number < 4:
            tab.keyboard.press("ArrowRight")
    assert tab.locator('.lm-walk [rel="next"]').count() == 0
    tab.keyboard.press("ArrowLeft")
    tab.wait_for_function(
        "title => document.querySelector('.lm-work h2').textContent === title", arg=titles[3]
    )
    tab.click(".lm-back a")
    visit.wait_for("?kind=book&feel=love&sort=oldest")
    assert visit.titles() == titles


def test_the_arrows_belong_to_the_search_box_while_one_types(visit: Visit) -> None:
    tab = open_work(visit, "emma", "?topic=Fiction")
    tab.click("#lm-query")
    tab.keyboard.press("ArrowRight")
    tab.wait_for_timeout(300)
    assert tab.inner_text(".lm-work h2") == "Emma"


def test_the_title_of_the_page_follows_the_work(visit: Visit) -> None:
    tab = open_work(visit, HOSTILE_ID)
    assert tab.title() == f"{HOSTILE} - LexiMind"
    tab.click('button[role="tab"]:has-text("Live")')
    tab.wait_for_function("document.title === 'LexiMind'")
    tab.go_back()
    tab.wait_for_function("document.title.endsWith(' - LexiMind')")
    tab.click(".lm-back a")
    tab.wait_for_function("document.title === 'LexiMind'")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_odd_works_fit_a_phone_by_day_and_by_night(
    browser: "sync_api.Browser", address: str, scheme: str
) -> None:
    visit = Visit(browser, address, viewport=NARROW, color_scheme=scheme)
    for work_id in ("long", HOSTILE_ID, "crowd", "storm"):
        tab = open_work(visit, work_id)
        for summary in tab.locator(".lm-work summary:visible").all():
            summary.click()
        assert tab.evaluate("document.documentElement.scrollWidth") <= NARROW["width"], work_id
        tab.get_by_role("button", name="Cite").click()
        sheet = tab.locator(".lm-cite").bounding_box()
        assert sheet and sheet["x"] >= 0 and sheet["x"] + sheet["width"] <= NARROW["width"], work_id
        assert tab.evaluate("document.querySelector('.lm-cite').scrollWidth") <= NARROW["width"], work_id
        small = tab.evaluate(
            """[...document.querySelectorAll('.lm-actions > *, .lm-cite :is(a, button)')]
            .filter(it => it.matches('a, button') && it.getBoundingClientRect().height < 44).length"""
        )
        assert small == 0, work_id
    assert tab.inner_text(".lm-work h2") != LONG_TITLE
    visit.settle()


def test_on_paper_the_work_stands_alone_in_ink(browser: "sync_api.Browser", address: str) -> None:
    visit = Visit(browser, address, color_scheme="dark")
    tab = open_work(visit, "storm")
    tab.wait_for_function(BRIGHTNESS.format("ink > 200 && paper < 60"))
    tab.emulate_media(media="print")
    for selector in (
        ".lm-masthead",
        ".lm-search",
        ".lm-path",
        ".lm-similar",
        "#lm-tabs .tab-wrapper",
        ".lm-save",
    ):
        assert tab.locator(f"{selector}:visible").count() == 0, selector
    for selector in (".lm-work h2", ".lm-description p", ".lm-arc-plot polyline", ".lm-others tbody tr"):
        assert tab.locator(f"{selector}:visible").count() > 0, selector
    # Colours fade in, so they are waited for: by day on paper, and then the screen is as it was.
    tab.wait_for_function(BRIGHTNESS.format("ink < 60 && paper > 240"))
    tab.emulate_media(media="screen")
    tab.wait_for_function(BRIGHTNESS.format("ink > 200 && paper < 60"))
    visit.settle()
