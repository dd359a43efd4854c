"""Every page for every visitor: what axe finds, the way of the Tab key, and calm for those who ask for it."""

import sys
from collections import Counter
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest

from tests.browsing import BROWSER, NARROW, WIDE, Visit

if TYPE_CHECKING:
    from playwright import sync_api

pytestmark = BROWSER
GRAVE = ("serious", "critical")


def fill_shelf(tab: "sync_api.Page") -> None:
    tab.evaluate("""ids => ids.forEach(id => lexiMind.shelf.has(id) || lexiMind.shelf.toggle(id))""", SAVED)
    tab.reload()
    tab.wait_for_selector('.lm-stage[data-tab="shelf"]:visible a[data-work]')


def analyze(tab: "sync_api.Page") -> None:
    tab.fill("#lm-text textarea", "Captain Ahab felt remorse and fear about the whale. He did not turn back.")
    tab.click("#lm-analyze")
    tab.wait_for_selector(".lm-read mark:visible")
    tab.wait_for_function("!document.querySelector('#lm-findings [aria-busy=true]')")


def stay(tab: "sync_api.Page") -> None:
    """The page as it opens."""


SAVED = ["moby-dick", "emma", "turing"]
PAGES: dict[str, tuple[str, str, Callable[..., None]]] = {
    "list": ("", ".lm-card:visible", stay),
    "search": ("?q=whale&feel=fear&mood=wonder:1", ".lm-stage:visible .lm-chips", stay),
    "empty": ("?q=whale&topic=Business", ".lm-nothing:visible", stay),
    "work": ("?work=moby-dick", ".lm-work:visible", stay),
    "map": ("?tab=map", '.lm-stage[data-tab="map"]:visible', stay),
    "live, empty": ("?tab=live", "#lm-text textarea:visible", stay),
    "live, results": ("?tab=live", "#lm-text textarea:visible", analyze),
    "shelf, empty": ("?tab=shelf", '.lm-stage[data-tab="shelf"]:visible', stay),
    "shelf, works": ("?tab=shelf", '.lm-stage[data-tab="shelf"]:visible', fill_shelf),
    "insights": ("?tab=insights", ".lm-insights:visible", stay),
}


@pytest.fixture(scope="module")
def counts() -> Iterator[Counter[str]]:
    """Findings by impact over all pages, printed at the end."""
    found: Counter[str] = Counter()
    yield found
    told = ", ".join(f"{impact} {number}" for impact, number in sorted(found.items())) or "nothing"
    sys.stdout.write(f"axe found: {told}\n")


def examine(tab: "sync_api.Page", counts: Counter[str], where: str) -> list[str]:
    """Run axe; what is serious or critical, as lines to read."""
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    grave = []
    violations: list[dict[str, Any]] = axe.run(tab).response["violations"]
    for violation in violations:
        counts[violation["impact"]] += len(violation["nodes"])
        if violation["impact"] in GRAVE:
            nodes = "; ".join(str(node["target"]) for node in violation["nodes"][:4])
            grave.append(f"{where}: {violation['id']} ({violation['impact']}): {nodes}")
    return grave


@pytest.mark.parametrize("name", PAGES)
def test_axe_finds_nothing_serious(visit: Visit, counts: Counter[str], name: str) -> None:
    search, ready, act = PAGES[name]
    tab = visit.open(search, ready)
    act(tab)
    tab.add_style_tag(
        content="*, ::before, ::after { transition: none !important; animation: none !important }"
    )
    grave = []
    for scheme in ("light", "dark"):
        tab.evaluate("isDark => document.body.classList.toggle('dark', isDark)", scheme == "dark")
        for size in (WIDE, NARROW):
            tab.set_viewport_size(size)  # type: ignore[arg-type]
            grave += examine(tab, counts, f"{name}, {scheme}, {size['width']}")
    assert not grave, "\n".join(grave)


# Visible, on the page and meant to be reached: links inside a grid are reached by the arrow keys.
REACHABLE = """() => [...document.querySelectorAll(
  'a[href], button, input, select, textarea, summary, [tabindex]')]
  .filter(part => part.checkVisibility({ visibilityProperty: true, opacityProperty: true })
    && !part.disabled && part.tabIndex >= 0 && !part.closest('[role="grid"], [inert], [aria-hidden="true"]')
    && !(part.type === 'radio' && !part.checked) && part.getClientRects().length)"""
# The ring of a slider is drawn on its thumb, which no script can ask for.
STEP = f"""() => {{
  const wanted = ({REACHABLE})();
  const part = document.activeElement;
  const box = part.getBoundingClientRect();
  const holder = part.closest('.lm-card, .lm-search, label') ?? part;
  const rings = [part, holder, part.nextElementSibling].filter(Boolean).map(at => getComputedStyle(at));
  return {{
    place: wanted.indexOf(part), total: wanted.length, isBody: part === document.body,
    name: (part.getAttribute('aria-label') || part.innerText || part.name || part.outerHTML).slice(0, 60),
    isGrid: !!part.closest('[role="grid"]'), isShown: box.width > 0 && box.height > 0,
    hasRing: part.type === 'range'
      || rings.some(style => style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 1),
  }};
}}"""


@pytest.mark.parametrize("name", ["list", "work", "map", "live, empty", "shelf, works", "insights"])
def test_the_tab_key_reaches_everything_in_order_and_shows_where_it_is(visit: Visit, name: str) -> None:
    search, ready, act = PAGES[name]
    tab = visit.open(search, ready)
    act(tab)
    tab.evaluate("document.activeElement.blur(); window.scrollTo(0, 0)")
    places, hidden = [], []
    total = tab.evaluate(f"({REACHABLE})().length")
    for _ in range(total + 40):
        tab.keyboard.press("Tab")
        step = tab.evaluate(STEP)
        if step["isBody"]:
            break
        if step["isShown"] and not step["hasRing"]:
            hidden.append(step["name"])
        if step["place"] >= 0:
            places.append(step["place"])
    else:
        pytest.fail(f"the Tab key does not come out of {name}: {step['name']!r}")
    missed = sorted(set(range(total)) - set(places))
    told = tab.evaluate(
        f"missed => {{ const all = ({REACHABLE})(); return missed.map(n => all[n].outerHTML) }}", missed
    )
    assert not missed, [html[:120] for html in told]
    assert places == sorted(places), "the order of the page is the order of the keys"
    assert not hidden, hidden


def test_escape_closes_what_lies_over_the_page(visit: Visit) -> None:
    for search, ready, _ in (PAGES["list"], PAGES["work"], PAGES["shelf, works"]):
        tab = visit.open(search, ready)
        for opener in tab.query_selector_all('[aria-haspopup="dialog"]:visible, [popovertarget]:visible'):
            opener.click()
            tab.wait_for_selector('dialog[open], [role="dialog"]:visible, :popover-open')
            tab.keyboard.press("Escape")
            left = tab.query_selector_all('dialog[open], [role="dialog"]:visible, :popover-open')
            assert not left, search


def test_nothing_moves_for_those_who_ask_for_calm(browser: "sync_api.Browser", address: str) -> None:
    visit = Visit(browser, address, reduced_motion="reduce")
    moving = """() => [...document.querySelectorAll('.gradio-container *')].filter(part => {
        const style = getComputedStyle(part);
        const lasts = list => list.split(',').some(time => parseFloat(time) > 0.01);
        return part.className?.toString().includes('lm-') && part.checkVisibility()
          && (lasts(style.transitionDuration) && style.transitionProperty !== 'none'
            || style.animationName !== 'none' && lasts(style.animationDuration));
    }).map(part => part.className.toString())"""
    for name in ("list", "work", "map", "live, empty", "insights"):
        search, ready, _ = PAGES[name]
        tab = visit.open(search, ready)
        assert tab.evaluate(moving) == [], name
    visit.settle()
