"""The Live page in a browser: parts that arrive in turn, dropped files, Stop, and what is kept."""

import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from leximind.api import MODEL_QUEUE
from leximind.inference.analysis import Stage
from leximind.library.store import Library
from leximind.service import Service
from tests.browsing import BROWSER, NARROW, Visit, serving
from tests.conftest import FakeAnalyzer

if TYPE_CHECKING:
    from playwright import sync_api

pytestmark = BROWSER
TEXT = "Captain Ahab felt remorse about the whale & <b>History</b> itself ."


class SlowAnalyzer(FakeAnalyzer):
    """Gives a part for each ``go``, and says whether it was left before the end."""

    def __init__(self) -> None:
        self.gate = threading.Semaphore(0)
        self.left = threading.Event()
        self.begun: list[str] = []

    def go(self, n_parts: int = 1) -> None:
        self.gate.release(n_parts)

    def analyze_stages(self, text: str, *, max_passages: int | None = None) -> Iterator[Stage]:
        self.begun.append(text)
        parts = 0
        try:
            for stage in super().analyze_stages(text):
                self.gate.acquire(timeout=20)
                yield stage
                parts += 1
        finally:
            if parts < 4:
                self.left.set()


@pytest.fixture(scope="module")
def slow() -> SlowAnalyzer:
    return SlowAnalyzer()


@pytest.fixture(scope="module")
def slow_address(library: Library, slow: SlowAnalyzer, uploads: Path) -> Iterator[str]:
    service = Service(library, load_analyzer=lambda: slow)
    service._model.get()
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(MODEL_QUEUE, "concurrency_limit", 1)
        with serving(service) as address:
            yield address


@pytest.fixture
def held(browser: "sync_api.Browser", slow_address: str, slow: SlowAnalyzer) -> Iterator[Visit]:
    """A visitor of a server whose model waits for ``slow.go()``."""
    slow.left.clear()
    slow.begun.clear()
    visit = Visit(browser, slow_address)
    yield visit
    slow.go(50)
    visit.settle()
    while slow.gate.acquire(blocking=False):
        pass


def open_live(visit: Visit) -> "sync_api.Page":
    return visit.open("?tab=live", ready="#lm-text textarea:visible")


def ask(tab: "sync_api.Page", text: str = TEXT) -> None:
    tab.fill("#lm-text textarea", text)
    tab.click("#lm-analyze")


def wait_for_line(tab: "sync_api.Page", words: str) -> None:
    tab.wait_for_function(
        "words => document.querySelector('#lm-line')?.innerText.includes(words)", arg=words, timeout=20_000
    )


def busy(tab: "sync_api.Page") -> list[str]:
    return tab.evaluate(
        "[...document.querySelectorAll('#lm-findings [aria-busy=true]')].map(e => e.dataset.part ?? 'head')"
    )


def drop(tab: "sync_api.Page", name: str, text: str, *, target: str = "#lm-text textarea") -> None:
    """Drag a file over a place and let it go there."""
    tab.evaluate(
        """([name, text, target]) => {
            const data = new DataTransfer();
            data.items.add(new File([text], name));
            for (const kind of ["dragover", "drop"]) {
                const event = new DragEvent(kind, { dataTransfer: data, bubbles: true, cancelable: true });
                document.querySelector(target).dispatchEvent(event);
                if (kind === "dragover") window.seen = document.querySelector("#lm-text").className;
            }
        }""",
        [name, text, target],
    )


def test_parts_arrive_in_turn_each_in_its_place(held: Visit, slow: SlowAnalyzer) -> None:
    tab = open_live(held)
    ask(tab)
    tab.wait_for_selector('[data-part="topics"][aria-busy="true"]')
    assert tab.is_visible("#lm-stop")
    assert busy(tab) == ["head", "words", "sentences", "topics", "feelings", "similar"]
    place = "document.querySelector('[data-part=\"sentences\"]').getBoundingClientRect().top + scrollY"
    before = tab.evaluate(place)
    slow.go()
    wait_for_line(tab, "Topic and")
    assert busy(tab) == ["head", "words", "sentences", "feelings"]
    assert "Topic and" in tab.inner_text("#lm-live-told")
    assert tab.locator("#lm-close .lm-save").count() == tab.locator("#lm-close .lm-card").count() > 0
    slow.go()
    wait_for_line(tab, "Feelings are here")
    assert tab.inner_text(".lm-read mark") == "remorse" and "<b>History</b>" in tab.inner_text(".lm-read")
    assert busy(tab) == ["head", "sentences"]
    slow.go()
    wait_for_line(tab, "Key sentences are here")
    assert busy(tab) == []
    assert abs(tab.evaluate(place) - before) < 12, "nothing jumps"
    slow.go()
    wait_for_line(tab, "All is here")
    assert not tab.is_visible("#lm-stop")
    assert tab.evaluate("location.search") == "?tab=live", "the text is not in the address"


def test_stop_frees_the_model_and_keeps_what_was_found(held: Visit, slow: SlowAnalyzer) -> None:
    tab = open_live(held)
    ask(tab)
    slow.go()
    wait_for_line(tab, "Topic and")
    tab.click("#lm-stop")
    wait_for_line(tab, "Stopped.")
    slow.go()
    assert slow.left.wait(10)
    assert not tab.is_visible("#lm-stop")
    assert tab.locator("#lm-close .lm-card").count() > 0
    assert tab.inner_text('[data-part="feelings"] .lm-live-unread') == "You stopped before this was read."
    assert "Stopped." in tab.inner_text("#lm-live-told")
    slow.go(4)
    ask(tab, "Joy about History.")
    wait_for_line(tab, "All is here")
    assert tab.inner_text(".lm-read mark") == "Joy"


def test_a_new_request_replaces_the_one_before(held: Visit, slow: SlowAnalyzer) -> None:
    tab = open_live(held)
    ask(tab, "The first text is about fear.")
    slow.go()
    wait_for_line(tab, "Reading how it feels")
    ask(tab, "The second text is about joy.")
    slow.go()
    assert slow.left.wait(10)
    slow.go(4)
    wait_for_line(tab, "All is here")
    assert tab.inner_text(".lm-read mark") == "joy"
    assert [text.split()[1] for text in slow.begun] == ["first", "second"]


def test_visitors_wait_in_line_and_are_told_their_place(
    held: Visit, browser: "sync_api.Browser", slow_address: str, slow: SlowAnalyzer
) -> None:
    tab = open_live(held)
    ask(tab, "The first text is about fear.")
    slow.go()
    wait_for_line(tab, "Reading how it feels")
    second, third = (Visit(browser, slow_address) for _ in range(2))
    for visit, text in ((second, "The second text is about joy."), (third, "The third text is about love.")):
        open_live(visit)
        ask(visit.tab, text)
        wait_for_line(visit.tab, "line." if visit is second else "before you")
    assert second.tab.inner_text("#lm-line") == "You are next in line."
    assert third.tab.inner_text("#lm-line") == "One visitor is before you in line."
    second.tab.click("#lm-stop")
    wait_for_line(second.tab, "Stopped.")
    slow.go(3)
    wait_for_line(tab, "All is here")
    slow.go(4)
    wait_for_line(third.tab, "All is here")
    assert [text.split()[1] for text in slow.begun] == ["first", "third"]
    second.settle()
    third.settle()


def test_no_text_a_close_work_and_the_way_back(visit: Visit) -> None:
    tab = open_live(visit)
    assert "not stored" in tab.inner_text(".lm-promise") and "5 MB" in tab.inner_text(".lm-live-limits")
    tab.click("#lm-analyze")
    tab.wait_for_selector("#lm-line .lm-problem")
    assert "There is no text" in tab.inner_text("#lm-line")
    ask(tab)
    wait_for_line(tab, "All is here")
    tab.click('.lm-live-near a:has-text("Moby-Dick")')
    tab.wait_for_selector(".lm-work h2:visible")
    visit.wait_for("?work=moby-dick")
    tab.go_back()
    tab.click('#lm-close .lm-title:visible:has-text("Moby-Dick")')
    visit.wait_for("?work=moby-dick")


def test_a_dropped_file_is_read_and_nothing_of_it_stays(visit: Visit, uploads: Path) -> None:
    tab = open_live(visit)
    drop(tab, "sea.md", "# The *sea*\n\nIt was calm, and I felt joy.")
    assert "lm-over" in tab.evaluate("window.seen")
    wait_for_line(tab, "All is here")
    assert "It was calm" in tab.input_value("#lm-text textarea")
    assert not tab.locator(".lm-dragging").count()
    assert tab.inner_text(".lm-read mark") == "joy"
    # Gradio itself leaves an empty file behind.
    assert [path for path in uploads.rglob("*") if path.is_file() and path.stat().st_size] == []


def test_files_that_cannot_be_read_are_refused_kindly(visit: Visit, tmp_path: Path) -> None:
    tab = open_live(visit)
    drop(tab, "notes.docx", "x")
    assert "“notes.docx” cannot be read here." in tab.inner_text("#lm-live-refused")
    drop(tab, "big.txt", "x" * (5 * 1024 * 1024 + 1))
    assert "“big.txt” is larger than 5 MB." in tab.inner_text("#lm-live-refused")
    drop(tab, "beside.txt", "x", target=".lm-examples")
    assert tab.input_value("#lm-text textarea") == ""
    broken = tmp_path / "broken.pdf"
    broken.write_bytes(b"not a pdf")
    tab.set_input_files('#lm-live input[type="file"]', str(broken))
    tab.wait_for_selector("#lm-line .lm-problem")
    assert "damaged PDF" in tab.inner_text("#lm-line") and not tab.inner_text("#lm-live-refused")


def test_reports_are_saved_without_a_request(visit: Visit) -> None:
    tab = open_live(visit)
    ask(tab)
    wait_for_line(tab, "All is here")
    asked: list[str] = []
    tab.on("request", lambda request: None if request.url.startswith("blob:") else asked.append(request.url))
    saved = {}
    for name in ("Markdown", "JSON"):
        with tab.expect_download() as download:
            tab.click(f'.lm-reports button:has-text("{name}")')
        saved[download.value.suggested_filename] = Path(download.value.path()).read_text(encoding="utf-8")
    assert json.loads(saved["leximind.json"])["text"] == TEXT
    assert "\\<b\\>History\\</b\\>" in saved["leximind.md"] and "## Topic" in saved["leximind.md"]
    assert [url for url in asked if "heartbeat" not in url] == []


def test_what_was_saved_already_is_not_offered(visit: Visit) -> None:
    visit.tab.add_init_script("localStorage.setItem('leximind.shelf', '[{\"id\": \"moby-dick\"}]')")
    tab = open_live(visit)
    ask(tab)
    wait_for_line(tab, "All is here")
    assert "moby-dick" not in tab.locator("#lm-close a[data-work]").evaluate_all(
        "all => all.map(a => a.dataset.work)"
    )


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_phone_by_day_and_by_night(browser: "sync_api.Browser", address: str, scheme: str) -> None:
    visit = Visit(browser, address, viewport=NARROW, color_scheme=scheme)
    tab = open_live(visit)
    tab.click(".lm-example >> nth=0")
    wait_for_line(tab, "All is here")
    assert tab.evaluate("document.documentElement.scrollWidth") <= NARROW["width"]
    small = tab.evaluate(
        """[...document.querySelectorAll('#lm-live :is(button, a, summary, input:not([type=file]))')]
        .filter(e => e.offsetParent && !e.closest('.lm-card, .lm-live-near, label'))
        .filter(e => e.getBoundingClientRect().height < 24).map(e => e.outerHTML.slice(0, 80))"""
    )
    assert small == []
    brightness = """selector => {
        const sum = colour => colour.match(/[\\d.]+/g).slice(0, 3).reduce((a, b) => a + +b, 0) / 3;
        return sum(getComputedStyle(document.querySelector(selector)).color);
    }"""
    for selector in (".lm-read", ".lm-live-quote p", ".lm-live-head h2", ".lm-reports button"):
        assert (tab.evaluate(brightness, selector) > 150) is (scheme == "dark"), selector
    visit.settle()
