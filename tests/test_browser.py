"""The page in a real browser: what a visitor sees and does."""

from typing import TYPE_CHECKING

import pytest

from tests.browsing import BROWSER, NARROW, Visit

if TYPE_CHECKING:
    from playwright import sync_api

pytestmark = BROWSER


def test_insights_show_what_was_measured(visit: Visit) -> None:
    tab = visit.open()
    tab.click('button[role="tab"]:has-text("Insights")')
    tab.wait_for_selector(".lm-insights:visible")
    visit.wait_for("?tab=insights")
    assert "0.450" in tab.inner_text(".lm-table")
    tab.click('.lm-insights a:has-text("Philosophy")')
    visit.wait_for("?topic=Philosophy")
    tab.wait_for_selector(".lm-card:visible")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_narrow_pages_do_not_scroll_sideways(browser: "sync_api.Browser", address: str, scheme: str) -> None:
    visit = Visit(browser, address, viewport=NARROW, color_scheme=scheme)
    for search, ready in (
        ("", ".lm-card:visible"),
        ("?q=whale&feel=fear&from=1800&topic=Fiction", ".lm-chips"),
        ("?work=yang-mills", ".lm-work"),
        ("?tab=live", "#lm-text textarea:visible"),
        ("?tab=insights", ".lm-insights:visible"),
    ):
        tab = visit.open(search, ready)
        assert tab.evaluate("document.documentElement.scrollWidth") <= NARROW["width"], search
    visit.settle()


def test_dark_mode_is_dark_with_light_text(browser: "sync_api.Browser", address: str) -> None:
    brightness = """selector => {
        const style = getComputedStyle(document.querySelector(selector));
        const sum = colour => colour.match(/[\\d.]+/g).slice(0, 3).reduce((a, b) => a + +b, 0) / 3;
        return [sum(style.color), sum(getComputedStyle(document.body).backgroundColor)];
    }"""
    for scheme in ("dark", "light"):
        visit = Visit(browser, address, color_scheme=scheme)
        tab = visit.open(ready=".lm-card:visible")
        for selector in (".lm-title", ".lm-summary", ".lm-sentence", ".lm-mood"):
            text, page = tab.evaluate(brightness, selector)
            assert (text - page > 120) if scheme == "dark" else (page - text > 120), (scheme, selector)
        visit.context.close()
