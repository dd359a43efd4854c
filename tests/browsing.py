"""A visitor with a real browser, for the tests of the pages."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

from leximind.service import Service
from leximind.settings import Settings
from leximind.ui.app import build, serve

if TYPE_CHECKING:
    from playwright import sync_api

CHROMIUM = Path("/usr/bin/chromium")
BROWSER = [
    pytest.mark.browser,
    pytest.mark.skipif(not CHROMIUM.exists(), reason=f"{CHROMIUM} is not installed"),
]
"""The marks of a module of browser tests: ``pytestmark = BROWSER``."""

FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
]  # fmt: skip
WIDE, NARROW = {"width": 1280, "height": 900}, {"width": 390, "height": 844}


@contextmanager
def serving(service: Service, *, mcp: bool = False) -> Iterator[str]:
    """The address of a server on a free port."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    page = build(service)
    try:
        yield serve(page, Settings(port=port, mcp=mcp))
    finally:
        page.close()


@contextmanager
def browsing() -> Iterator["sync_api.Browser"]:
    """Debian's Chromium."""
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
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

    def settle(self) -> None:
        """End the visit: nothing may have gone wrong, and nothing may have left the machine."""
        self.context.close()
        assert self.problems == []
        assert self.outside == []
