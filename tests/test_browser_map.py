"""The map in a real browser: what a visitor sees and does."""

from typing import TYPE_CHECKING, Any

from tests.browsing import BROWSER, NARROW, Visit

if TYPE_CHECKING:
    from playwright import sync_api

pytestmark = BROWSER

READY = ".lm-map-state[hidden]"


def open_map(visit: Visit, search: str = "?tab=map") -> "sync_api.Page":
    tab = visit.open(search, ready=".lm-map-canvas:visible")
    tab.wait_for_selector(READY, state="attached")
    tab.wait_for_function("lexiMind.chart.took > 0")
    return tab


def place(tab: "sync_api.Page", work: str) -> dict[str, float]:
    """Where a work's point is on the page."""
    found: dict[str, float] = tab.evaluate(
        """title => {
            const { chart } = lexiMind;
            const row = chart.points.titles.findIndex(text => text.startsWith(title));
            const box = chart.canvas.getBoundingClientRect();
            return { x: box.left + chart.camera.toX(chart.points.x[row]),
                     y: box.top + chart.camera.toY(chart.points.y[row]), row };
        }""",
        work,
    )
    return found


def colour(tab: "sync_api.Page", spot: dict[str, float]) -> Any:
    return tab.evaluate(
        """({ x, y }) => {
            const { chart } = lexiMind;
            const box = chart.canvas.getBoundingClientRect();
            const at = [x - box.left, y - box.top].map(value => Math.round(value * chart.ratio));
            return [...chart.canvas.getContext("2d").getImageData(...at, 1, 1).data];
        }""",
        spot,
    )


def test_a_work_is_drawn_pointed_at_and_opened(visit: Visit) -> None:
    tab = open_map(visit)
    spot = place(tab, "Emma")
    assert colour(tab, spot) == [183, 58, 70, 255]  # fiction
    tab.mouse.move(spot["x"], spot["y"])
    tab.wait_for_selector('.lm-map-card .lm-map-title:has-text("Emma")')
    assert "Jane Austen" in tab.inner_text(".lm-map-card")
    tab.mouse.click(spot["x"], spot["y"])
    visit.wait_for("?work=emma")
    tab.wait_for_selector(".lm-work h2:visible")
    tab.go_back()
    visit.wait_for("?tab=map")
    tab.wait_for_selector(".lm-map-canvas:visible")


def test_a_topic_of_the_legend_leaves_the_others_faint(visit: Visit) -> None:
    tab = open_map(visit)
    tab.click('.lm-map-keys a:has-text("History")')
    visit.wait_for("?topic=History&tab=map")
    tab.wait_for_function("lexiMind.chart.nFound === 4")
    assert "4 of 31 works about History" in tab.inner_text("#lm-map .lm-sentence")
    assert colour(tab, place(tab, "Emma")) == [216, 212, 202, 255]
    assert tab.locator(".lm-map-canvas").count() == 1
    tab.fill("#lm-map-query", "Rome")
    tab.press("#lm-map-query", "Enter")
    visit.wait_for("?q=Rome&topic=History&tab=map")
    assert tab.input_value("#lm-map-query") == "Rome"
    tab.click("#lm-map .lm-clear a")
    visit.wait_for("?tab=map")
    tab.wait_for_function("lexiMind.chart.nFound === 31")


def test_a_mood_paints_and_its_scale_filters_in_the_browser(visit: Visit) -> None:
    tab = open_map(visit)
    tab.select_option(".lm-map-paint select", label="Fear")
    visit.wait_for("?paint=fear&tab=map")
    tab.wait_for_function("lexiMind.chart.painted")
    spot = place(tab, "Frankenstein")
    assert colour(tab, spot) in ([166, 59, 0, 255], [224, 154, 91, 255])  # more of it
    tab.click('.lm-map-keys button:has-text("about as much")')
    tab.wait_for_function("document.querySelector('.lm-map-keys [aria-pressed=true]')")
    tab.wait_for_function("row => !lexiMind.chart.counts[row]", arg=spot["row"])


def test_the_keyboard_goes_from_work_to_work(visit: Visit) -> None:
    tab = open_map(visit)
    tab.focus(".lm-map-canvas")
    tab.keyboard.press("ArrowRight")
    tab.wait_for_function("document.querySelector('.lm-map-said').textContent.length > 10")
    first = tab.inner_text(".lm-map-said")
    tab.keyboard.press("ArrowLeft")
    tab.wait_for_function("said => document.querySelector('.lm-map-said').textContent !== said", arg=first)
    tab.keyboard.press("+")
    tab.wait_for_function("lexiMind.chart.camera.zoom > 1.9")
    tab.keyboard.press("0")
    tab.wait_for_function("lexiMind.chart.camera.zoom < 1.1")
    tab.keyboard.press("Enter")
    tab.wait_for_selector(".lm-work h2:visible")


def test_wheel_drag_and_the_list_of_what_is_in_view(visit: Visit) -> None:
    tab = open_map(visit)
    tab.click(".lm-map-list summary")
    tab.wait_for_function("document.querySelectorAll('.lm-map-list li').length === 31")
    box = tab.locator(".lm-map-canvas").bounding_box()
    assert box
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    tab.mouse.move(x, y)
    tab.mouse.wheel(0, -900)
    tab.wait_for_function("lexiMind.chart.camera.zoom > 3")
    before = tab.evaluate("lexiMind.chart.camera.x")
    tab.mouse.down()
    tab.mouse.move(x - 120, y, steps=4)
    tab.mouse.up()
    assert tab.evaluate("lexiMind.chart.camera.x") > before
    tab.wait_for_function("document.querySelectorAll('.lm-map-list li').length < 31")
    shown = tab.locator(".lm-map-list li").count()
    assert tab.inner_text(".lm-map-list summary .lm-count") == str(shown)
    assert tab.locator(".lm-work:visible").count() == 0  # a drag opens nothing


def test_no_way_through_is_told_and_tried_again(visit: Visit) -> None:
    visit.tab.route("**/component_server**", lambda route: route.abort())
    tab = visit.open("?tab=map", ready=".lm-map-state button:visible")
    assert "could not be fetched" in tab.inner_text(".lm-map-state")
    tab.unroute("**/component_server**")
    tab.click(".lm-map-state button")
    tab.wait_for_selector(READY, state="attached")
    visit.problems.clear()  # the browser tells of what was cut off on purpose


def test_nothing_found_has_a_way_out(visit: Visit) -> None:
    tab = open_map(visit, "?topic=Philosophy&kind=paper&tab=map")
    tab.click(".lm-map-nothing a")
    visit.wait_for("?tab=map")
    tab.wait_for_function("lexiMind.chart.nFound === 31")


def test_a_finger_sees_first_and_the_night_is_dark(browser: "sync_api.Browser", address: str) -> None:
    visit = Visit(browser, address, viewport=NARROW, color_scheme="dark", has_touch=True)
    tab = open_map(visit)
    assert tab.evaluate("document.documentElement.scrollWidth") <= NARROW["width"]
    spot = place(tab, "Emma")
    assert colour(tab, spot) == [177, 84, 72, 255]
    tab.touchscreen.tap(spot["x"], spot["y"])
    tab.click(".lm-map-open a")
    visit.wait_for("?work=emma")
    visit.settle()


def test_without_motion_the_map_jumps(browser: "sync_api.Browser", address: str) -> None:
    visit = Visit(browser, address, reduced_motion="reduce")
    tab = open_map(visit)
    tab.evaluate("document.querySelector('[data-map-do=in]').click()")
    assert tab.evaluate("lexiMind.chart.camera.zoom") == 2
    visit.settle()
