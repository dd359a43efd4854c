"""Pictures of all pages for the README: ``python builders/screenshots.py [--output docs/screenshots]``.

Starts the app with the library and the model that the settings name, opens each page in Chromium and writes
it at 1280 pixels by day and by night and at 390 pixels, as PNG files of few colours. The same library and
model give the same pictures. Needs requirements-dev.txt.
"""

import argparse
import io
import os
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")

from leximind.settings import ROOT, Settings

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

CHROMIUM: Final = "/usr/bin/chromium"
FLAGS: Final = ("--no-sandbox", "--disable-gpu", "--disable-background-networking", "--hide-scrollbars")
MAX_BYTES: Final = 250_000
COLOURS: Final = (256, 128, 64, 32, 16)
NOON: Final = "2026-01-15T12:00:00"
SAVED: Final = (
    "moby-dick",
    "frankenstein",
    "pride-and-prejudice",
    "the-time-machine",
    "meditations",
    "walden",
)
TEXT: Final = (
    "The storm had been building since noon. By the time the keeper reached the gallery the sea was over "
    "the rocks, and he was afraid, as he had not been in twenty years of storms. He thought of the boy "
    "asleep below and climbed on. When the lamp caught he wept with relief, and laughed at himself.\n\n"
    "In the morning the water lay flat as glass. The boy asked what the noise had been. Only weather, said "
    "the keeper, and was surprised how much he loved him."
)


@dataclass(frozen=True)
class Look:
    """How a page is looked at; ``suffix`` ends the name of its file."""

    suffix: str
    width: int
    height: int
    scheme: str


LOOKS: Final = (
    Look("", 1280, 900, "light"),
    Look("-dark", 1280, 900, "dark"),
    Look("-narrow", 390, 844, "light"),
)


def stay(tab: "Page") -> None:
    """The page as it opens."""


def fill_shelf(tab: "Page") -> None:
    """Save some works and come back."""
    tab.evaluate(
        "ids => { lexiMind.shelf.clear(); ids.forEach(id => lexiMind.shelf.toggle(id)); }", list(SAVED)
    )
    tab.reload()
    tab.wait_for_selector('.lm-stage[data-tab="shelf"]:visible a[data-work]')


def analyze(tab: "Page") -> None:
    """Read a text and look at what was found."""
    tab.fill("#lm-text textarea", TEXT)
    tab.click("#lm-analyze")
    tab.wait_for_selector(".lm-read mark:visible", timeout=120_000)
    tab.wait_for_function("!document.querySelector('#lm-findings [aria-busy=true]')", timeout=120_000)
    tab.wait_for_function("!document.querySelector('.lm-live-line[data-state=busy]')", timeout=120_000)
    tab.evaluate("document.querySelector('#lm-findings')?.scrollIntoView()")


def show_relations(tab: "Page") -> None:
    """Scroll to how topics and feelings relate."""
    tab.evaluate("document.querySelector('#lm-in-relations').scrollIntoView()")


PAGES: Final[dict[str, tuple[str, str, Callable[["Page"], None]]]] = {
    "discover": ("", ".lm-card:visible", stay),
    "search": ("?q=obsessive+hunt+for+a+whale&kind=book", "#lm-stage .lm-chips", stay),
    "work": ("?work=moby-dick", ".lm-work:visible", stay),
    "map": ("?tab=map", '.lm-stage[data-tab="map"]:visible', stay),
    "live": ("?tab=live", "#lm-text textarea:visible", analyze),
    "shelf": ("?tab=shelf", '.lm-stage[data-tab="shelf"]:visible', fill_shelf),
    "insights": ("?tab=insights", ".lm-insights:visible", show_relations),
}


def main() -> None:
    """Write the pictures that are asked for."""
    parser = argparse.ArgumentParser(description="Pictures of all pages for the README.")
    parser.add_argument("--output", type=Path, default=ROOT / "docs" / "screenshots")
    parser.add_argument("--page", action="append", choices=PAGES, help="only this one; repeatable")
    given = parser.parse_args()
    from playwright.sync_api import sync_playwright

    given.output.mkdir(parents=True, exist_ok=True)
    with serve(Settings.from_env()) as address, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
        for name in given.page or PAGES:
            for look in LOOKS:
                path = given.output / f"{name}{look.suffix}.png"
                path.write_bytes(shrink(take(browser, address, name, look)))
                print(f"{path}  {path.stat().st_size // 1000} kB")
        browser.close()


@contextmanager
def serve(settings: Settings) -> Iterator[str]:
    """The address of the app on a free port."""
    from leximind.ui.app import launch

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = int(free.getsockname()[1])
    page = launch(replace(settings, host="127.0.0.1", port=port), block=False)
    try:
        yield f"http://127.0.0.1:{port}/"
    finally:
        page.close()


def take(browser: "Browser", address: str, name: str, look: Look) -> bytes:
    """A page as a PNG file."""
    search, ready, act = PAGES[name]
    context = browser.new_context(
        viewport={"width": look.width, "height": look.height},
        color_scheme="dark" if look.scheme == "dark" else "light",
        reduced_motion="reduce",
    )
    tab = context.new_page()
    tab.set_default_timeout(60_000)
    tab.clock.set_fixed_time(NOON)  # the shelf tells when a work was saved
    tab.goto(address + search)
    tab.wait_for_selector(ready)
    act(tab)
    tab.mouse.move(0, 0)
    tab.wait_for_timeout(1000)  # what is drawn on a canvas comes a frame or two after the page
    picture = tab.screenshot(animations="disabled", caret="hide")
    context.close()
    return picture


def shrink(picture: bytes) -> bytes:
    """The same picture in as many colours as fit into ``MAX_BYTES``.

    Raises:
        ValueError: it does not fit in any way.
    """
    from PIL import Image

    whole = Image.open(io.BytesIO(picture)).convert("RGB")
    for colours in COLOURS:
        small = io.BytesIO()
        whole.quantize(colours, dither=Image.Dither.NONE).save(small, "PNG", optimize=True)
        if small.tell() <= MAX_BYTES:
            return small.getvalue()
    raise ValueError(f"A picture of {len(picture):,} bytes does not fit into {MAX_BYTES:,}.")


if __name__ == "__main__":
    main()
