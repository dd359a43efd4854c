"""The page in a real browser: what a visitor sees and does. One server and one browser for all tests."""

import socket
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from leximind.service import Service
from leximind.settings import Settings
from leximind.ui.app import build, serve

CHROMIUM = Path("/usr/bin/chromium")
pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not CHROMIUM.exists(), reason=f"{CHROMIUM} is not installed"),
]
sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")

FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
]  # fmt: skip
WIDE, NARROW = {"width": 1280, "height": 900}, {"width": 390, "height": 844}


@pytest.fixture(scope="module")
def uploads(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Where Gradio puts what visitors upload."""
    folder = tmp_path_factory.mktemp("uploads")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GRADIO_TEMP_DIR", str(folder))
        yield folder


@pytest.fixture(scope="module")
def address(service: Service, uploads: Path) -> Iterator[str]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    page = build(service)
    yield serve(page, Settings(port=port))
    page.close()


@pytest.fixture(scope="module")
def browser() -> Iterator["sync_api.Browser"]:
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=FLAGS)
        yield browser
        browser.close()


class Visit:
    """A visitor's tab, which notes every error and every request that leaves the machine."""

    def __init__(self, browser: "sync_api.Browser", address: str, **options: object) -> None:
        self.address = address
        self.context = browser.new_context(**{"viewport": WIDE, "color_scheme": "light", **options})
        self.tab = self.context.new_page()
        self.tab.set_default_timeout(60_000)
        self.problems: list[str] = []
        self.outside: list[str] = []
        self.tab.on("console", self._hear)
        self.tab.on("pageerror", lambda error: self.problems.append(str(error)))
        self.tab.on("request", self._watch)

    def _hear(self, message: "sync_api.ConsoleMessage") -> None:
        if message.type == "error":
            self.problems.append(message.text)

    def _watch(self, request: "sync_api.Request") -> None:
        parts = urlsplit(request.url)
        if parts.scheme not in ("data", "blob") and parts.hostname != "127.0.0.1":
            self.outside.append(request.url)

    def open(self, search: str = "", ready: str = ".lm-stage:visible") -> "sync_api.Page":
        self.tab.goto(self.address + search, wait_until="commit")
        self.tab.wait_for_selector(ready)
        return self.tab

    def titles(self) -> list[str]:
        return self.tab.locator("#lm-stage .lm-title").all_inner_texts()

    def wait_for(self, search: str) -> None:
        self.tab.wait_for_function("search => location.search === search", arg=search)


@pytest.fixture
def visit(browser: "sync_api.Browser", address: str) -> Iterator[Visit]:
    visit = Visit(browser, address)
    yield visit
    visit.context.close()
    assert visit.problems == []
    assert visit.outside == []


def test_cards_are_there_on_arrival(visit: Visit) -> None:
    tab = visit.open()
    assert len(visit.titles()) == 24
    assert "All 31 works" in tab.inner_text(".lm-sentence")
    first = tab.locator(".lm-card").first.bounding_box()
    assert first and first["y"] < 500
    assert tab.locator("footer:visible").count() == 0


def test_titles_with_markup_and_latex_show_as_text(visit: Visit) -> None:
    tab = visit.open("?topic=Science", ready='.lm-topics [aria-current]:has-text("Science")')
    assert r"${\cal N}=4$ Super Yang-Mills" in visit.titles()
    tab.click('.lm-topics a:has-text("Technology")')
    visit.wait_for("?topic=Technology")
    assert "<img src=x onerror=alert(1)>" in visit.titles()
    assert tab.locator('img[src="x"]').count() == 0
    tab.click('.lm-title:has-text("onerror")')
    tab.wait_for_selector(".lm-work h2")
    assert "<script>alert(1)</script>" in tab.inner_text(".lm-work-text")


def test_a_topic_narrows_cards_and_counts_and_can_be_removed(visit: Visit) -> None:
    tab = visit.open()
    before = tab.locator("select").nth(1).locator("option").all_inner_texts()
    tab.click('.lm-topics a:has-text("History")')
    visit.wait_for("?topic=History")
    assert len(visit.titles()) == 4
    assert "4 of 31 works about History" in tab.inner_text(".lm-sentence")
    assert tab.locator("select").nth(1).locator("option").all_inner_texts() != before
    tab.click('.lm-chips a:has-text("History")')
    visit.wait_for("")
    assert len(visit.titles()) == 24


def test_menus_and_years_narrow_too(visit: Visit) -> None:
    tab = visit.open()
    tab.locator("select").nth(0).select_option(label="Papers (10)")
    visit.wait_for("?kind=paper")
    tab.locator("select").nth(1).select_option(label="realization (3)")
    visit.wait_for("?kind=paper&feel=realization")
    tab.fill('[name="from"]', "1950")
    tab.press('[name="from"]', "Enter")
    visit.wait_for("?kind=paper&feel=realization&from=1950")
    assert sorted(visit.titles()) == ["Molecular Structure of Nucleic Acids", "Prospect Theory"]
    assert tab.locator("select").nth(1).input_value() == "?kind=paper&feel=realization&from=1950"


def test_a_search_runs_while_typing_and_keeps_what_is_typed(visit: Visit) -> None:
    tab = visit.open()
    tab.click("#lm-query")
    tab.keyboard.type("white whale", delay=15)
    visit.wait_for("?q=white+whale")
    assert visit.titles()[0] == "Moby-Dick; or, The Whale"
    assert tab.locator(".lm-stage mark").first.inner_text().lower() in ("white", "whale")
    assert tab.input_value("#lm-query") == "white whale"
    tab.fill("#lm-query", "author:austen")
    tab.press("#lm-query", "Enter")
    visit.wait_for("?q=author%3Aausten")
    assert sorted(visit.titles()) == ["Emma", "Pride and Prejudice"]


def test_slow_answers_do_not_lose_what_was_typed_last(visit: Visit) -> None:
    visit.tab.add_init_script(
        """const fetchNow = window.fetch;
        window.fetch = async (...given) => {
            const address = String(given[0]?.url ?? given[0]);
            if (address.includes("/run/")) await new Promise(done => setTimeout(done, 900));
            return fetchNow(...given);
        };"""
    )
    tab = visit.open()
    tab.click("#lm-query")
    tab.keyboard.type("white whale", delay=400)
    visit.wait_for("?q=white+whale")
    assert visit.titles()[0] == "Moby-Dick; or, The Whale"
    assert tab.input_value("#lm-query") == "white whale"


def test_a_card_opens_in_full_by_keyboard_and_back_returns(visit: Visit) -> None:
    tab = visit.open("?q=whale", ready=".lm-stage mark")
    tab.locator(".lm-title").first.focus()
    tab.keyboard.press("Enter")
    tab.wait_for_selector(".lm-work h2")
    assert tab.inner_text(".lm-work h2") == "Moby-Dick; or, The Whale"
    visit.wait_for("?q=whale&work=moby-dick")
    assert tab.get_attribute(".lm-button", "href") == "https://example.org/works/moby-dick"
    tab.click(".lm-back a")
    visit.wait_for("?q=whale")
    assert tab.evaluate("document.activeElement.dataset.work") == "moby-dick"
    tab.click(".lm-title >> nth=0")
    tab.wait_for_selector(".lm-work h2")
    tab.go_back()
    tab.wait_for_selector(".lm-topics")
    assert tab.input_value("#lm-query") == "whale"


def test_the_whole_card_is_clickable(visit: Visit) -> None:
    tab = visit.open()
    tab.locator(".lm-card .lm-cover").nth(2).click(force=True, position={"x": 50, "y": 80})
    tab.wait_for_selector(".lm-work h2")


def test_an_address_restores_the_page(visit: Visit) -> None:
    tab = visit.open("?kind=book&feel=love&sort=oldest&colour=red", ready=".lm-chips")
    visit.wait_for("?kind=book&feel=love&sort=oldest")
    assert visit.titles() == [
        "Pride and Prejudice",
        "Emma",
        "Jane Eyre: An Autobiography",
        "Wuthering Heights",
    ]
    assert "colour" in tab.inner_text(".lm-note")
    visit.open("?work=republic", ready=".lm-work h2")
    assert tab.inner_text(".lm-work h2") == "The Republic"
    assert "375 BC" in tab.inner_text(".lm-kicker >> nth=0")


def test_pages_turn(visit: Visit) -> None:
    tab = visit.open()
    tab.click('.lm-pages a[rel="next"]')
    visit.wait_for("?page=2")
    assert len(visit.titles()) == 7
    assert tab.evaluate("scrollY") == 0


def test_the_live_tab_answers_and_leads_to_a_work(visit: Visit) -> None:
    tab = visit.open("?tab=live", ready="#lm-text textarea:visible")
    assert "not stored" in tab.inner_text(".lm-intro")
    tab.click("#lm-analyze")
    tab.wait_for_selector(".lm-problem")
    assert "There is no text" in tab.inner_text(".lm-problem")
    tab.fill("#lm-text textarea", "Captain Ahab felt remorse about the whale & <b>History</b> itself .")
    tab.click("#lm-analyze")
    tab.wait_for_selector(".lm-result")
    assert tab.inner_text(".lm-read mark") == "remorse"
    assert "<b>History</b>" in tab.inner_text(".lm-read")
    tab.click('#lm-findings .lm-title:has-text("Moby-Dick")')
    tab.wait_for_selector(".lm-work h2:visible")
    visit.wait_for("?work=moby-dick")
    tab.go_back()
    tab.wait_for_selector(".lm-result:visible")


def test_an_example_and_a_file_fill_the_box_and_the_file_is_not_kept(
    visit: Visit, tmp_path: Path, uploads: Path
) -> None:
    tab = visit.open("?tab=live", ready="#lm-text textarea:visible")
    tab.click(".lm-example >> nth=0")
    tab.wait_for_function("document.querySelector('#lm-text textarea').value.startsWith('I have begun')")
    file = tmp_path / "sea.txt"
    file.write_text("The sea was calm and I felt joy.", encoding="utf-8")
    tab.set_input_files('input[type="file"]', str(file))
    tab.wait_for_function("document.querySelector('#lm-text textarea').value.startsWith('The sea was calm')")
    # Gradio itself leaves an empty file behind.
    assert [path for path in uploads.rglob("*") if path.is_file() and path.stat().st_size] == []


def test_about_shows_what_was_measured(visit: Visit) -> None:
    tab = visit.open()
    tab.click('button[role="tab"]:has-text("About")')
    tab.wait_for_selector(".lm-about:visible")
    visit.wait_for("?tab=about")
    assert "0.450" in tab.inner_text(".lm-table")
    tab.click('.lm-about a:has-text("Philosophy")')
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
        ("?tab=about", ".lm-about:visible"),
    ):
        tab = visit.open(search, ready)
        assert tab.evaluate("document.documentElement.scrollWidth") <= NARROW["width"], search
    visit.context.close()
    assert visit.problems == []
    assert visit.outside == []


def test_dark_mode_is_dark_with_light_text(browser: "sync_api.Browser", address: str) -> None:
    brightness = """selector => {
        const style = getComputedStyle(document.querySelector(selector));
        const sum = colour => colour.match(/[\\d.]+/g).slice(0, 3).reduce((a, b) => a + +b, 0) / 3;
        return [sum(style.color), sum(getComputedStyle(document.body).backgroundColor)];
    }"""
    for scheme in ("dark", "light"):
        visit = Visit(browser, address, color_scheme=scheme)
        tab = visit.open(ready=".lm-card:visible")
        for selector in (".lm-title", ".lm-summary", ".lm-sentence", ".lm-topics a >> nth=1"):
            text, page = tab.evaluate(brightness, selector.split(" >>", maxsplit=1)[0])
            assert (text - page > 120) if scheme == "dark" else (page - text > 120), (scheme, selector)
        visit.context.close()


def test_focus_can_be_seen(visit: Visit) -> None:
    tab = visit.open()
    tab.locator(".lm-title").first.focus()
    tab.keyboard.press("Tab")
    outlines = tab.evaluate(
        """() => { const card = getComputedStyle(document.activeElement.closest('.lm-card'));
        return [card.outlineStyle, parseFloat(card.outlineWidth)]; }"""
    )
    assert outlines == ["solid", 3]
