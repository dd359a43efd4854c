"""Lists that go out from a shelf and come in: text for a file, and a report of what was made of one."""

import logging
import threading
from collections.abc import Callable, Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from functools import cached_property
from typing import Any, Final

from markupsafe import Markup

from leximind.errors import InputError
from leximind.library.bringing import Outcome, bring
from leximind.library.importing import Row, read_list
from leximind.library.matching import Matcher
from leximind.library.saved import FORMS, clean, read_saved, write_shelf
from leximind.service import Service
from leximind.ui.address import View
from leximind.ui.markup import fill, show_problem, template
from leximind.ui.stage import Asked

_LOG = logging.getLogger(__name__)
# Reading a list takes up to seconds; more of them at once would only slow down the pages.
_MAX_READERS, _PATIENCE_SECONDS = 2, 20.0

_REPORT: Final = template(
    """
<section class="lm-report" aria-label="What was imported">
<div class="lm-report-head">
<h3 tabindex="-1">{{ headline }}</h3>
{% if entries %}
<button type="button" class="lm-plain-button" data-do="undo">Undo the import</button>
{% endif %}
<button type="button" class="lm-plain-button" data-do="dismiss" aria-label="Close this report">Close</button>
</div>
{% if kept %}
<p>Of these, {{ kept|length }} not in this version of the library: what your file tells is kept.</p>
{% endif %}
{% if missing %}
<details{% if missing|length <= 12 %} open{% endif %}><summary>{{ missing|length }} not found</summary>
<ul>
{% for row, reason in missing %}
<li><span class="lm-report-place">{{ row.place }}</span> {% if row.title %}<cite>{{ row.title }}</cite>
{%- if row.authors %} by {{ row.authors|join(", ") }}{% endif %}: {% endif %}{{ reason }}.</li>
{% endfor %}
</ul></details>
{% endif %}
{% if added %}
<details><summary>{{ added|length }} found</summary>
<ul>
{% for row, entry in added %}
<li><span class="lm-report-place">{{ row.place }}</span>
<a href="{{ link(work=entry.id) }}">{{ entry.title }}</a>
{%- if row.title and row.title != entry.title %} for <cite>{{ row.title }}</cite>{% endif %}</li>
{% endfor %}
</ul></details>
{% endif %}
{% if present %}
<details><summary>{{ present|length }} on your shelf already</summary>
<ul>
{% for row, title in present %}
<li><span class="lm-report-place">{{ row.place }}</span> {{ title }}</li>
{% endfor %}
</ul>
</details>
{% endif %}
</section>
"""
)


class Lists:
    """Files of shelves, made and read in passing: nothing is kept. What a browser sends may be anything."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._readers = threading.BoundedSemaphore(_MAX_READERS)

    @cached_property
    def _matcher(self) -> Matcher:
        return Matcher(self._service.library)

    def write(self, data: Mapping[str, Any]) -> dict[str, str]:
        """``{"text", "suffix", "type"}`` of the ``entries`` in a ``form``; or ``{"html"}``, a problem."""

        def answer() -> dict[str, str]:
            form = data.get("form")
            form = form if isinstance(form, str) else ""
            text = write_shelf(self._service.library, read_saved(data.get("entries")), form)
            suffix, kind = FORMS[form]
            return {"text": text, "suffix": suffix, "type": kind}

        return tell(answer)

    def read(self, data: Mapping[str, Any]) -> dict[str, Any]:
        """What a file's ``text`` adds to the ``saved`` ids: ``{"html", "entries"}``, a report and entries."""

        def answer() -> dict[str, Any]:
            text = data.get("text")
            if not isinstance(text, str):
                raise InputError("The file holds no text.", hint="Choose a JSON, CSV or BibTeX file.")
            outcome = self._bring(text, Asked.read(data).saved)
            report = draw_report(outcome, clean(data.get("name"), 80))
            return {"html": report, "entries": [asdict(entry) for entry in outcome.entries]}

        return tell(answer)

    def _bring(self, text: str, saved: tuple[str, ...]) -> Outcome:
        if not self._readers.acquire(timeout=_PATIENCE_SECONDS):
            raise InputError("Other lists are being read just now.", hint="Try again in a moment.")
        try:
            now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
            return bring(self._service.library, self._matcher, read_list(text), saved, now)
        finally:
            self._readers.release()


def draw_report(outcome: Outcome, name: str) -> Markup:
    """What was made of a file of this name, row by row."""
    n_new, n_rows = (
        len(outcome.entries),
        sum(map(len, (outcome.missing, outcome.present))) + len(outcome.entries),
    )
    source = f" from {name}" if name else ""
    if n_new:
        headline = f"{n_new:,} of {n_rows:,} {'work' if n_rows == 1 else 'works'}{source} added to your shelf"
    elif not outcome.missing:
        headline = f"Everything{source} is on your shelf already"
    else:
        headline = f"Nothing{source} could be added"
    return fill(
        _REPORT,
        headline=headline,
        entries=outcome.entries,
        added=outcome.added,
        kept=outcome.kept,
        missing=[(_shorten(row), reason) for row, reason in outcome.missing],
        present=outcome.present,
        link=View().link,
    )


def _shorten(row: Row) -> Row:
    return Row(
        row.place, title=clean(row.title, 120), authors=tuple(clean(name, 80) for name in row.authors[:2])
    )


def tell(answer: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """What ``answer`` gives, or the problem. Never raises."""
    try:
        return answer()
    except Exception as error:  # the edge: a visitor never sees a stack trace
        if not isinstance(error, InputError):
            _LOG.exception("a visitor's list could not be handled")
        return {"html": show_problem(error)}
