"""The frame of every page that follows the address, and what the browser tells along with it."""

import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from markupsafe import Markup

from leximind.errors import LexiMindError
from leximind.ui.address import View
from leximind.ui.markup import fill, join, show_note, show_problem, template

_LOG = logging.getLogger(__name__)
MAX_SAVED: Final = 1000
MAX_SEEN: Final = 100
_MAX_ID: Final = 300

_STAGE = template(
    """
<div class="lm-stage" data-tab="{{ view.tab }}" data-search="{{ address }}" data-query="{{ view.query }}"
 data-showing="{{ showing }}" data-turn="{{ turn }}">
{{ body }}
</div>
"""
)


@dataclass(frozen=True)
class Asked:
    """What the browser tells besides the address; nothing of it is kept.

    Attributes:
        saved: ids of the works on the visitor's shelf, newest first.
        seen: ids of the works opened or shown lately, newest first.
        turn: the number of the visitor's question. It makes the browser notice an answer that is otherwise
            the same as the last one.
    """

    saved: tuple[str, ...] = ()
    seen: tuple[str, ...] = ()
    turn: int = 0

    @classmethod
    def read(cls, data: Mapping[str, Any]) -> "Asked":
        """Whatever the browser sent; what is no id is left out. Never raises."""
        turn = data.get("turn")
        saved, seen = _ids(data.get("saved"), MAX_SAVED), _ids(data.get("seen"), MAX_SEEN)
        return cls(saved, seen, turn if isinstance(turn, int) else 0)


NOTHING_ASKED: Final = Asked()


def draw_stage(view: View, asked: Asked, showing: str, body: Markup, notes: Iterable[str] = ()) -> Markup:
    """A page for an address.

    Args:
        showing: what is on the page, such as ``"list"`` or ``"work moby-dick"``. Going from one to another
            is a step that the Back button undoes.
        notes: sentences to show above the page.
    """
    return fill(
        _STAGE,
        view=view,
        address=view.link(page=view.page),
        showing=showing,
        turn=asked.turn,
        body=join([*map(show_note, filter(None, notes)), body]),
    )


def guard(view: View, asked: Asked, notes: Iterable[str], draw: Callable[[], Markup]) -> Markup:
    """What ``draw`` gives, a whole stage; or the stage with the problem. Never raises."""
    try:
        return draw()
    except LexiMindError as error:
        problem = show_problem(error)
    except Exception as error:  # the edge: a visitor never sees a stack trace
        _LOG.exception("the address %r could not be shown", view.link(page=view.page))
        problem = show_problem(error)
    return draw_stage(replace(view, page=1), asked, "problem", problem, notes)


def _ids(given: object, limit: int) -> tuple[str, ...]:
    if not isinstance(given, list):
        return ()
    texts = (item for item in given[:limit] if isinstance(item, str) and 0 < len(item) <= _MAX_ID)
    return tuple(dict.fromkeys(texts))
