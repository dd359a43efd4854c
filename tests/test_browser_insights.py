"""Insights in a real browser: counts that lead somewhere, and a table that keys can walk."""

import re
from typing import TYPE_CHECKING

import pytest

from tests.browsing import BROWSER, NARROW, Visit

if TYPE_CHECKING:
    from playwright import sync_api

pytestmark = BROWSER
OPEN = ("?tab=insights", ".lm-insights:visible")


def test_a_cell_leads_to_as_many_works_as_it_says(visit: Visit) -> None:
    tab = visit.open(*OPEN)
    cell = tab.locator('.lm-heat a.lm-cell[href="?topic=Fiction&feel=love"]')
    told = cell.get_attribute("aria-label") or ""
    cell.hover()
    shown = cell.evaluate(
        "cell => [getComputedStyle(cell, '::after').display, getComputedStyle(cell, '::after').content]"
    )
    assert shown == ["block", f'"{told}"']
    cell.click()
    visit.wait_for("?topic=Fiction&feel=love")
    tab.wait_for_selector("#lm-stage .lm-card:visible")
    (count,) = re.findall(r"in (\d+) of \d+ works about Fiction", told)
    assert len(visit.titles()) == int(count) == 4


def test_a_table_is_one_stop_and_arrow_keys_walk_it(visit: Visit) -> None:
    tab = visit.open(*OPEN)
    first = tab.locator(".lm-heat:not(.lm-eras) thead a").first
    first.focus()
    tab.keyboard.press("ArrowDown")
    focus = (
        "[document.activeElement.closest('tr').rowIndex, document.activeElement.closest('td, th').cellIndex]"
    )
    (row, column) = tab.evaluate(focus)
    assert row >= 1 and column == 1
    tab.keyboard.press("ArrowLeft")
    assert tab.evaluate(focus) == [row, 0]
    tab.keyboard.press("ArrowLeft")
    assert tab.evaluate(focus) == [row, 0], "there is nothing further"
    tab.keyboard.press("Tab")
    assert not tab.evaluate("!!document.activeElement.closest('.lm-heat:not(.lm-eras)')")
    tab.keyboard.press("Shift+Tab")
    assert tab.evaluate(focus) == [row, 0], "the table remembers where one was"


def test_contents_scroll_and_leave_the_address_alone(visit: Visit) -> None:
    tab = visit.open(*OPEN)
    tab.click('.lm-jump a:has-text("How good is it?")')
    tab.wait_for_function("document.activeElement.id === 'lm-in-quality'")
    tab.wait_for_function("document.activeElement.getBoundingClientRect().top < innerHeight")
    assert tab.evaluate("location.search + location.hash") == "?tab=insights"
    tab.click(".lm-all summary")
    tab.wait_for_selector('[aria-label="All measurements"] .lm-table:visible')


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_shades_keep_their_numbers_readable(browser: "sync_api.Browser", address: str, scheme: str) -> None:
    visit = Visit(browser, address, color_scheme=scheme, viewport=NARROW)
    tab = visit.open(*OPEN)
    lowest = tab.evaluate(
        """() => {
        const canvas = document.createElement('canvas').getContext('2d', { willReadFrequently: true });
        const light = colour => {
            canvas.fillStyle = colour; canvas.fillRect(0, 0, 1, 1);
            const [r, g, b] = [...canvas.getImageData(0, 0, 1, 1).data].slice(0, 3)
                .map(v => v / 255).map(v => v <= .04045 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4);
            return .2126 * r + .7152 * g + .0722 * b;
        };
        return Math.min(...[...document.querySelectorAll('a.lm-cell')].map(cell => {
            const style = getComputedStyle(cell);
            const [a, b] = [light(style.color), light(style.backgroundColor)].sort((x, y) => y - x);
            return (a + .05) / (b + .05);
        }));
    }"""
    )
    assert lowest >= 4.5
    assert tab.evaluate("document.documentElement.scrollWidth") <= NARROW["width"]
    visit.settle()


def test_the_page_stays_when_it_is_opened_again(visit: Visit) -> None:
    tab = visit.open(*OPEN)
    tab.click('button[role="tab"]:has-text("Discover")')
    tab.wait_for_selector(".lm-card:visible")
    tab.click('button[role="tab"]:has-text("Insights")')
    tab.wait_for_selector(".lm-insights:visible")
    assert tab.locator(".lm-insights-lead").count() == 1
