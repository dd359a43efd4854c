"""What stands before Gradio: a limit for what is sent, and the one error shape where it has none."""

import json
import logging
import re
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Final

from leximind.errors import InputError, LexiMindError, NotFoundError
from leximind.service import MAX_TEXT

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Message, Receive, Send], Awaitable[None]]

MAX_BODY: Final = 4 * MAX_TEXT + 1_000_000
"""Bytes: the longest text there may be, in letters of up to four bytes, and what stands around it."""

_CALL: Final = re.compile(r"/gradio_api/call/(?:v2/)?(?P<name>[^/]+)/?")
_UPLOAD: Final = re.compile(r"/gradio_api/upload/?")
_LOG = logging.getLogger(__name__)


class TooLargeError(InputError):
    """More was sent than any endpoint takes."""

    code = "too_large"
    status = 413


class Gate:
    """ASGI middleware for questions to the endpoints. Uploads have Gradio's own limit."""

    def __init__(self, app: App, endpoints: frozenset[str]) -> None:
        self._app, self._endpoints = app, endpoints

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Answer what cannot be asked, and let everything else through."""
        path = str(scope.get("path", ""))
        if scope["type"] != "http" or scope["method"] != "POST" or _UPLOAD.fullmatch(path):
            await self._app(scope, receive, send)
            return
        called = _CALL.fullmatch(path)
        try:
            if called and called["name"] not in self._endpoints:
                known = ", ".join(sorted(self._endpoints))
                raise NotFoundError(
                    f"There is no endpoint {called['name'][:80]!r}.", hint=f"Known are: {known}."
                )
            _check_size(_read_length(scope))
        except LexiMindError as error:
            await _refuse(send, error)
            return
        await self._pass(scope, receive, send, called["name"] if called else "")

    async def _pass(self, scope: Message, receive: Receive, send: Send, name: str) -> None:
        size, has_started = 0, False

        async def count() -> Message:
            nonlocal size
            message = await receive()
            size += len(message.get("body", b""))
            _check_size(size)  # what comes without a length in its head
            return message

        async def watch(message: Message) -> None:
            nonlocal has_started
            has_started = True
            await send(message)

        try:
            await self._app(scope, count, watch)
        except Exception as error:
            if not name or has_started:
                raise
            _LOG.warning("a question to %s could not be read: %s", name, type(error).__name__)
            hint = "They are described at /gradio_api/info."
            await _refuse(send, InputError(f"These are not the parameters of {name}.", hint=hint))


def _read_length(scope: Message) -> int:
    given = dict(scope["headers"]).get(b"content-length", b"0")
    return int(given) if given.isdigit() else 0


def _check_size(size: int) -> None:
    if size > MAX_BODY:
        raise TooLargeError(
            f"{size:,} bytes were sent, but at most {MAX_BODY:,} were expected.",
            hint="Analyze a long text chapter by chapter.",
        )


async def _refuse(send: Send, error: LexiMindError) -> None:
    body = json.dumps(error.to_dict(), ensure_ascii=False).encode("utf-8", errors="replace")
    head = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": error.status, "headers": head})
    await send({"type": "http.response.body", "body": body})
