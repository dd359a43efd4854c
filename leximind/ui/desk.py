"""Where the Live page's requests are taken: texts and files in, drawn parts out, and nothing kept.

A text goes through memory alone: no file, log or cache sees it, and an uploaded file is deleted once read.
"""

import itertools
import logging
import traceback
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import gradio as gr
from markupsafe import Markup

from leximind.errors import InputError, LexiMindError
from leximind.service import Service
from leximind.text.words import WORD
from leximind.ui.findings import draw_stages
from leximind.ui.markup import show_problem
from leximind.ui.places import SLOTS, Drawn, draw_line, draw_places
from leximind.ui.stage import Asked
from leximind.ui.turns import Turns

_LOG = logging.getLogger(__name__)
MAX_BYTES: Final = 1_000_000
FEW_WORDS: Final = 12
_HEAD_CHARACTERS: Final = 1_000


def clip_text(text: str) -> tuple[str, str]:
    """The first ``MAX_BYTES`` of a text and a note when something was cut off."""
    data = text.encode("utf-8", errors="ignore")
    if len(data) <= MAX_BYTES:
        return text, ""
    note = f"Your text is {len(data) / 1e6:.1f} MB long; only the first {MAX_BYTES / 1e6:.0f} MB was read."
    return data[:MAX_BYTES].decode("utf-8", errors="ignore"), note


def start(text: str | None, turn: int, notes: Sequence[str] = ()) -> tuple[Drawn, list[str] | None]:
    """Places for all parts of what a text will be told, and the notes on what was left out of it.

    Where there is nothing to read, the problem and None.
    """
    clipped, cut = clip_text(text or "")
    if not clipped.strip():
        hint = "Paste a few sentences, drop a file on the box, or try one of the examples."
        return _show_only(show_problem(InputError("There is no text to read.", hint=hint))), None
    told = [*notes, *filter(None, (cut, _judge_length(clipped)))]
    return draw_places(clipped, turn, told), told


def answer(
    service: Service,
    text: str,
    saved: Sequence[str] = (),
    notes: Sequence[str] = (),
    is_over: Callable[[], bool] = lambda: False,
) -> Iterator[Drawn]:
    """What changes on the page with each stage of reading a text.

    Never raises: problems are told on the page.

    Args:
        is_over: asked before each change; once it says so, the model is left alone.
    """
    try:
        for drawn in draw_stages(service, service.analyze_stages(text), saved, notes):
            if is_over():
                return
            yield drawn
    except LexiMindError as error:
        yield _show_only(show_problem(error))
    except Exception as error:  # the edge: a visitor never sees a stack trace
        _log("the analysis of a text", error)
        yield _show_only(show_problem(error))


def read_upload(path: str) -> tuple[str, tuple[str, ...]]:
    """The text of an uploaded file, clipped, and notes on what is not in it.

    The file is deleted at once, whatever is in it, because we promise to store nothing.

    Raises:
        InputError: the file is of a kind that cannot be read, or is damaged.
    """
    from leximind.text.documents import open_document

    file = Path(path)
    try:
        document = open_document(file)
    finally:
        file.unlink(missing_ok=True)
    text, cut = clip_text(document.text)
    return text, (*document.notes, *filter(None, (cut,)))


def _judge_length(text: str) -> str:
    """A warning where there are hardly any words; numbers, signs and emoji are none."""
    words = [word for word in WORD.findall(text[:_HEAD_CHARACTERS]) if any(map(str.isalpha, word))]
    if len(words) >= FEW_WORDS or len(text) > _HEAD_CHARACTERS:
        return ""
    few = {0: "There are no words to go by.", 1: "There is one word to go by."}
    told = few.get(len(words), f"There are {len(words)} words to go by.")
    return f"{told} Of so little the model can only guess: give it a few sentences."


def _show_only(line: Markup) -> Drawn:
    return dict.fromkeys(SLOTS, Markup("")) | {"line": line}


def _log(what: str, error: Exception) -> None:
    """Where it failed and how; not the message, which may quote a visitor's text."""
    frames = "".join(traceback.format_tb(error.__traceback__))
    _LOG.error("%s failed with %s:\n%s", what, type(error).__name__, frames)


class Desk:
    """The events of one page: who asked for what, and the answers in the order of ``SLOTS``."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._turns = Turns()
        self._numbers = itertools.count(1)

    def begin(self, text: str | None, request: gr.Request) -> list[Any]:
        """End what this visitor waited for, and draw places for what comes: the slots, then a ticket."""
        return self._draw(text, (), request)

    def open(self, path: str, request: gr.Request) -> list[Any]:
        """The text of a file, then what ``begin`` gives for it."""
        try:
            text, notes = read_upload(path)
        except LexiMindError as error:
            return [gr.skip(), *self._refuse(error, request)]
        except Exception as error:  # the edge, as in ``answer``
            _log("the reading of a file", error)
            return [gr.skip(), *self._refuse(error, request)]
        return [text, *self._draw(text, notes, request)]

    def run(self, text: str | None, ticket: Any, saved: Any, request: gr.Request) -> Iterator[list[Any]]:
        """The slots as they change, once it is this visitor's turn."""
        known = Asked.read({"saved": saved}).saved
        clipped, _ = clip_text(text or "")
        with self._turns.take(_name(request)) as over:
            for drawn in answer(self._service, clipped, known, ticket["notes"], over.is_set):
                yield [drawn.get(slot, gr.skip()) for slot in SLOTS]

    def halt(self, request: gr.Request) -> Markup:
        """The line after Stop; the model is left alone from its next batch on."""
        self._turns.end(_name(request))
        return draw_line("stopped", "Stopped. What was found so far stays.", turn=next(self._numbers))

    def leave(self, request: gr.Request) -> None:
        """A visitor closed the page."""
        self._turns.end(_name(request))

    def _draw(self, text: str | None, notes: Sequence[str], request: gr.Request) -> list[Any]:
        self._turns.end(_name(request))
        number = next(self._numbers)
        drawn, told = start(text, number, notes)
        ticket = gr.skip() if told is None else {"number": number, "notes": told}
        return [*(drawn[slot] for slot in SLOTS), ticket]

    def _refuse(self, error: Exception, request: gr.Request) -> list[Any]:
        self._turns.end(_name(request))
        return [*_show_only(show_problem(error)).values(), gr.skip()]


def _name(request: gr.Request) -> str:
    return request.session_hash or ""
