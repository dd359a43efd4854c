"""Who waits for what: a visitor's new request, a press of Stop or leaving the page ends the one before."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager


class Turns:
    """The requests that run, at most one a visitor. Safe to share between threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running: dict[str, threading.Event] = {}

    @contextmanager
    def take(self, visitor: str) -> Iterator[threading.Event]:
        """Start a request; what is given is set once nobody waits for it any more."""
        ended = threading.Event()
        with self._lock:
            before = self._running.get(visitor)
            self._running[visitor] = ended
        if before is not None:
            before.set()
        try:
            yield ended
        finally:
            with self._lock:
                if self._running.get(visitor) is ended:
                    del self._running[visitor]

    def end(self, visitor: str) -> None:
        """Tell a visitor's request, if one runs, that nobody waits for it."""
        with self._lock:
            running = self._running.pop(visitor, None)
        if running is not None:
            running.set()
