"""How every piece of HTML is made: Jinja2 templates with autoescaping, never string addition.

Gradio evaluates ``{{...}}`` and ``${...}`` of its own HTML templates in the browser, so titles with
LaTeX or markup must reach it as finished, escaped HTML. Nothing else in ``leximind.ui`` escapes text.
"""

import html
from typing import Any

from jinja2 import Environment, StrictUndefined, Template
from markupsafe import Markup, escape

from leximind.errors import LexiMindError


def _percent(value: float) -> str:
    """A probability as people read it: ``0.034 -> "3%"``, tiny ones as ``"<1%"``."""
    return "<1%" if 0 < value < 0.005 else f"{value:.0%}"


_ENVIRONMENT = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
_ENVIRONMENT.filters["percent"] = _percent
_ENVIRONMENT.filters["thousands"] = lambda number: f"{number:,}"


def template(source: str) -> Template:
    """Compile a template whose ``{{ values }}`` are escaped unless they are ``Markup`` already."""
    return _ENVIRONMENT.from_string(source.strip())


def fill(source: Template, **values: Any) -> Markup:
    """Fill a template; a missing value raises ``jinja2.UndefinedError``."""
    return Markup(source.render(**values))  # the template escaped its values


def join(parts: list[Markup], by: str = "\n") -> Markup:
    """Put finished pieces one after the other."""
    return Markup(by).join(parts)


def keep_marks(snippet: str) -> Markup:
    """A search snippet with its ``<mark>`` pairs kept and all else escaped, whatever it held."""
    pieces: list[Markup] = []
    for index, piece in enumerate(snippet.split("<mark>")):
        marked, closed, rest = piece.partition("</mark>")
        if index and closed:
            pieces.append(Markup("<mark>{}</mark>{}").format(html.unescape(marked), html.unescape(rest)))
        else:
            pieces.append(escape(html.unescape(piece)))
    return join(pieces, "")


_NOTE = template("""<p class="lm-note" role="status">{{ text }}</p>""")
_PROBLEM = template(
    """
<div class="lm-problem" role="alert">
  <p class="lm-problem-what">{{ message }}</p>
  {% if hint %}<p>{{ hint }}</p>{% endif %}
</div>
"""
)


def show_note(text: str) -> Markup:
    """A sentence the reader should see."""
    return fill(_NOTE, text=text)


def show_problem(error: Exception) -> Markup:
    """An error as a friendly message: what happened and what to do next, never a stack trace."""
    if isinstance(error, LexiMindError):
        return fill(_PROBLEM, message=error.message, hint=error.hint)
    return fill(_PROBLEM, message="Something went wrong on our side.", hint="Please try again in a moment.")
