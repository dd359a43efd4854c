"""The Shelf in a real browser: what is saved stays, can be taken along, and nothing is lost by accident."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest

from tests.alike import make_alike
from tests.browsing import BROWSER, NARROW, Visit, serving

if TYPE_CHECKING:
    from playwright import sync_api

pytestmark = BROWSER
KEPT = "#lm-shelf .lm-kept:visible"


def fill_shelf(visit: Visit, *ids: str, **facts: Any) -> None:
    """Put works on the shelf, the newest first, before the page opens; a reload finds what was changed."""
    entries = [{"id": work_id, "saved": "2026-01-02T10:00:00Z", **facts} for work_id in ids]
    text = json.dumps(json.dumps(entries))
    visit.context.add_init_script(f"localStorage['leximind.shelf'] ??= {text}")


def saved(tab: "sync_api.Page") -> list[str]:
    ids: list[str] = tab.evaluate("JSON.parse(localStorage['leximind.shelf'] ?? '[]').map(entry => entry.id)")
    return ids


def listed(tab: "sync_api.Page") -> list[str]:
    ids: list[str] = tab.locator(KEPT).evaluate_all("items => items.map(item => item.dataset.id)")
    return ids


def wait_listed(tab: "sync_api.Page", *ids: str) -> None:
    tab.wait_for_function(
        """([selector, ids]) => ids === [...document.querySelectorAll(selector)]
            .map(item => item.dataset.id).join()""",
        arg=["#lm-shelf .lm-kept", ",".join(ids)],
    )


def test_works_are_saved_from_a_card_and_a_page_and_stay(visit: Visit) -> None:
    tab = visit.open()
    tab.click('.lm-save[data-save="emma"]')
    assert tab.get_attribute('.lm-save[data-save="emma"]', "aria-pressed") == "true"
    visit.open("?work=republic", ready=".lm-work h2")
    tab.click('.lm-work .lm-save[data-save="republic"]')
    shelf = tab.get_by_role("tab", name="Shelf 2 saved")
    assert shelf.get_attribute("data-count") == "2"
    shelf.click()
    visit.wait_for("?tab=shelf")
    wait_listed(tab, "republic", "emma")
    tab.reload()
    tab.wait_for_selector(KEPT)
    assert listed(tab) == ["republic", "emma"]
    entries = tab.evaluate("lexiMind.shelf.entries()")
    assert [(entry["title"], entry["authors"], entry["year"]) for entry in entries] == [
        ("The Republic", ["Plato"], -375),
        ("Emma", ["Jane Austen"], 1815),
    ]


def test_a_work_is_removed_and_brought_back_by_keyboard(visit: Visit) -> None:
    fill_shelf(visit, "emma", "pride", "republic", note="mine")
    tab = visit.open("?tab=shelf", ready=KEPT)
    tab.focus('[data-id="pride"] [data-do="remove"]')
    tab.keyboard.press("Enter")
    assert "Removed “Pride and Prejudice”" in tab.inner_text(".lm-removed")
    assert saved(tab) == ["emma", "republic"]
    assert tab.evaluate("document.activeElement.textContent") == "Undo"
    tab.keyboard.press("Enter")
    assert saved(tab) == ["emma", "pride", "republic"]
    assert listed(tab) == ["emma", "pride", "republic"]
    assert tab.evaluate("document.activeElement.dataset.do") == "remove"
    assert tab.input_value('[data-id="pride"] .lm-own-note') == "mine"


def test_the_offer_to_undo_ends_and_the_page_follows(visit: Visit) -> None:
    fill_shelf(visit, "emma", "pride")
    visit.tab.clock.install()
    tab = visit.open("?tab=shelf", ready=KEPT)
    tab.click('[data-id="pride"] [data-do="remove"]')
    tab.mouse.move(5, 5)
    tab.locator(".lm-brand").focus()
    tab.clock.fast_forward(9000)
    tab.wait_for_selector(".lm-shelf-count:has-text('1 work')")
    assert tab.locator(".lm-removed").count() == 0
    assert tab.locator('.lm-goes [data-work="pride"]').count() == 1


def test_notes_stay_in_the_browser(visit: Visit) -> None:
    fill_shelf(visit, "emma")
    asked: list[str] = []
    visit.tab.on("request", lambda request: asked.append(request.post_data or ""))
    tab = visit.open("?tab=shelf", ready=KEPT)
    tab.fill(".lm-own-note", "for the long train ride")
    tab.select_option(".lm-shelf-order select", index=0) if tab.locator(
        ".lm-shelf-order select"
    ).count() else None
    tab.reload()
    tab.wait_for_selector(KEPT)
    assert tab.input_value(".lm-own-note") == "for the long train ride"
    assert any("emma" in text for text in asked) and not any("train ride" in text for text in asked)


def test_the_order_is_part_of_the_address(visit: Visit) -> None:
    fill_shelf(visit, "republic", "emma", "shannon")
    tab = visit.open("?tab=shelf", ready=KEPT)
    tab.select_option(".lm-shelf-order select", label="Title")
    visit.wait_for("?sort=title&tab=shelf")
    wait_listed(tab, "emma", "shannon", "republic")
    tab.reload()
    tab.wait_for_selector(KEPT)
    assert listed(tab) == ["emma", "shannon", "republic"]


def export(tab: "sync_api.Page", form: str) -> tuple[str, str]:
    with tab.expect_download() as download:
        tab.click(f'[data-form="{form}"]')
    return download.value.suggested_filename, Path(download.value.path()).read_text(encoding="utf-8")


def test_a_shelf_is_exported_with_what_the_library_lost(visit: Visit) -> None:
    fill_shelf(visit, "emma", "gone", title="Kept <i>Title</i>", authors=["Ann Other"], note="mine")
    tab = visit.open("?tab=shelf", ready=KEPT)
    assert tab.inner_text(".lm-lost-title") == "Kept <i>Title</i>"
    name, text = export(tab, "json")
    assert name.startswith("leximind-shelf-20") and name.endswith(".json")
    data = json.loads(text)
    assert [(work["id"], work["title"], work["note"]) for work in data["works"]] == [
        ("emma", "Emma", "mine"),
        ("gone", "Kept <i>Title</i>", "mine"),
    ]
    for form, suffix, lost in (
        ("csv", ".csv", "Ann Other"),
        ("bibtex", ".bib", "Ann Other"),
        ("ris", ".ris", "Other, Ann"),
    ):
        name, text = export(tab, form)
        assert name.endswith(suffix) and "Emma" in text and lost in text


OURS = '{"format": "leximind-shelf", "version": 1, "works": [{"id": "emma", "note": "hm"}]}'


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("shelf.json", OURS),
        ("list.csv", "Title;Author\nEmma;Austen, Jane\nNobody Wrote This;X\n"),
        ("goodreads.csv", "Book Id,Title,Author,Date Added\n1,Emma,Jane Austen,2024/03/09\n"),
        ("refs.bib", "@book{x, title={{Emma}}, author={Austen, Jane}}\n@book{y, title={None Such}}"),
        ("windows.csv", "title\n\u00c9mma"),
    ],
)
def test_lists_are_imported_with_a_report_and_undone(
    visit: Visit, tmp_path: Path, name: str, text: str
) -> None:
    fill_shelf(visit, "pride")
    file = tmp_path / name
    file.write_text(text, encoding="cp1252")
    tab = visit.open("?tab=shelf", ready=KEPT)
    tab.set_input_files('input[type="file"][data-do="import"]', str(file))
    tab.wait_for_selector(".lm-report")
    assert f"from {name} added to your shelf" in tab.inner_text(".lm-report h3")
    assert saved(tab) == ["emma", "pride"]
    wait_listed(tab, "emma", "pride")
    if "None" in text or "Nobody" in text:
        assert "1 not found" in tab.inner_text(".lm-report")
    tab.click('.lm-report [data-do="undo"]')
    wait_listed(tab, "pride")
    assert saved(tab) == ["pride"]


def test_a_file_that_is_no_list_is_told(visit: Visit, tmp_path: Path) -> None:
    file = tmp_path / "photo.csv"
    file.write_bytes(bytes(range(256)) * 9)
    tab = visit.open("?tab=shelf", ready=".lm-shelf-empty")
    tab.set_input_files('input[type="file"][data-do="import"]', str(file))
    tab.wait_for_selector("#lm-shelf .lm-problem")
    assert saved(tab) == []


@pytest.fixture
def alike(browser: "sync_api.Browser", table: pa.Table, tmp_path: Path) -> Iterator[Visit]:
    """A visitor of a library in which everything goes with everything."""
    with serving(make_alike(table, tmp_path)) as address:
        visit = Visit(browser, address)
        yield visit
        visit.settle()


def test_recommendations_go_on_and_a_saved_one_joins_the_list(alike: Visit) -> None:
    visit = alike
    fill_shelf(visit, "emma", "moby-dick")
    tab = visit.open("?tab=shelf", ready=".lm-goes .lm-card")
    ids = "items => items.map(item => item.dataset.work)"
    first = tab.locator(".lm-goes a.lm-title").evaluate_all(ids)
    assert len(first) == 12 and not {"emma", "moby-dick"} & set(first)
    assert tab.locator(".lm-goes .lm-reasons").count() == 12
    tab.click('[data-do="more"]')
    tab.wait_for_function("document.querySelectorAll('.lm-goes .lm-card').length === 24")
    both = tab.locator(".lm-goes a.lm-title").evaluate_all(ids)
    assert len(set(both)) == 24
    assert tab.evaluate("document.activeElement.dataset.work") == both[12]
    card = tab.locator(f'.lm-goes .lm-save[data-save="{both[13]}"]')
    card.scroll_into_view_if_needed()
    before = card.bounding_box()
    card.click()
    wait_listed(tab, both[13], "emma", "moby-dick")
    after = card.bounding_box()
    assert before and after and abs(before["y"] - after["y"]) < 4
    assert card.get_attribute("aria-pressed") == "true"


def test_clearing_asks_first_and_can_be_undone(visit: Visit) -> None:
    fill_shelf(visit, "emma", "pride")
    tab = visit.open("?tab=shelf", ready=KEPT)
    tab.click('[data-do="ask"]')
    assert tab.evaluate("document.activeElement.textContent") == "Keep it"
    tab.keyboard.press("Escape")
    assert saved(tab) == ["emma", "pride"]
    tab.click('[data-do="ask"]')
    tab.click('dialog [data-do="clear"]')
    tab.wait_for_selector(".lm-shelf-empty")
    assert saved(tab) == []
    assert tab.get_by_role("tab", name="Shelf", exact=True).count() == 1
    tab.wait_for_function("document.activeElement.dataset.do === 'undo'")
    tab.keyboard.press("Enter")
    wait_listed(tab, "emma", "pride")
    assert saved(tab) == ["emma", "pride"]


def test_two_tabs_stay_in_step(visit: Visit) -> None:
    fill_shelf(visit, "emma")
    tab = visit.open("?tab=shelf", ready=KEPT)
    other = visit.context.new_page()
    other.goto(visit.address + "?topic=History", wait_until="commit")
    other.click('.lm-save[data-save="decline"]')
    wait_listed(tab, "decline", "emma")
    tab.click('[data-id="emma"] [data-do="remove"]')
    other.wait_for_function("document.querySelector('#lm-tabs [data-count]').dataset.count === '1'")
    assert saved(other) == ["decline"]


@pytest.mark.parametrize("garbage", ["{", "null", '{"a":1}', '[1,null,{"id":7},{"id":""}]', "\\u0000"])
def test_garbage_in_the_browser_is_an_empty_shelf(visit: Visit, garbage: str) -> None:
    visit.context.add_init_script(f"localStorage['leximind.shelf'] = {json.dumps(garbage)}")
    tab = visit.open("?tab=shelf", ready=".lm-shelf-empty")
    assert tab.evaluate("lexiMind.shelf.ids()") == []


def test_a_browser_that_keeps_nothing_is_told_and_the_shelf_works(visit: Visit) -> None:
    visit.context.add_init_script(
        "Storage.prototype.setItem = () => { throw new Error('QuotaExceededError'); }"
    )
    tab = visit.open()
    tab.click('.lm-save[data-save="emma"]')
    assert "does not keep your shelf" in tab.inner_text(".lm-say")
    tab.click('.lm-save[data-save="pride"]')
    tab.get_by_role("tab", name="Shelf 2 saved").click()
    wait_listed(tab, "pride", "emma")
    assert "does not keep your shelf" in tab.inner_text(".lm-told")


def test_a_thousand_works_are_shown_and_one_more_is_refused(visit: Visit) -> None:
    fill_shelf(visit, "emma", *(f"lost-{number}" for number in range(999)), title="A Lost Work")
    tab = visit.open("?tab=shelf", ready=KEPT)
    assert "1,000 works" in tab.inner_text(".lm-shelf-count")
    assert len(listed(tab)) == 1000
    tab.click('.lm-goes .lm-save[data-save="pride"]')
    assert "full" in tab.inner_text(".lm-say")
    assert len(saved(tab)) == 1000


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_phone_shows_the_shelf_without_sideways_scrolling(
    browser: "sync_api.Browser", address: str, scheme: str
) -> None:
    visit = Visit(browser, address, viewport=NARROW, color_scheme=scheme)
    fill_shelf(visit, "yang-mills", "emma", "gone-" + "x" * 200, title="An" + "extremely" * 20)
    tab = visit.open("?tab=shelf", ready=KEPT)
    assert tab.evaluate("document.documentElement.scrollWidth") <= NARROW["width"]
    tab.click('[data-do="ask"]')
    box = tab.locator("dialog").bounding_box()
    assert box and box["x"] >= 0 and box["x"] + box["width"] <= NARROW["width"]
    visit.settle()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious(browser: "sync_api.Browser", address: str, scheme: str) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright")
    visit = Visit(browser, address, color_scheme=scheme, reduced_motion="reduce")
    fill_shelf(visit, "emma", "shannon", "gone", title="Kept")
    tab = visit.open("?tab=shelf", ready=".lm-goes .lm-card")
    found = axe.Axe().run(tab, context="#lm-shelf").response["violations"]
    assert [(issue["id"], issue["nodes"][0]["html"]) for issue in found] == []
    visit.settle()
