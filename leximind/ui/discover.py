"""The Discover tab: a search box, filters with their counts, cards; or one work in full."""

from collections.abc import Sequence
from dataclasses import replace

import gradio as gr
from markupsafe import Markup

from leximind.errors import NotFoundError
from leximind.service import Service
from leximind.ui.address import View
from leximind.ui.cards import draw_cards
from leximind.ui.controls import draw_controls
from leximind.ui.markup import fill, join, show_note, template
from leximind.ui.results import draw_head, draw_nothing, draw_pages, find, list_chips
from leximind.ui.stage import NOTHING_ASKED, Asked, draw_stage, guard
from leximind.ui.work import draw_work

_SEARCH = template(
    """
<form class="lm-search" role="search">
  <label class="lm-hidden" for="lm-query">Search by word or by meaning</label>
  <svg viewBox="0 0 20 20" aria-hidden="true"><circle cx="8.5" cy="8.5" r="6"/><path d="M13 13l5 5"/></svg>
  <input id="lm-query" type="search" name="q" maxlength="300" autocomplete="off" spellcheck="false" value=""
   enterkeyhint="search" placeholder="“guilt after a crime”, author:austen, year:1800..1850">
  <button type="submit">Search</button>
</form>
<a class="lm-surprise" href="?surprise=1">Surprise me</a>
<p class="lm-hidden" id="lm-told" role="status"></p>
"""
)
_LAYOUT = template(
    """
<div class="lm-discover">
{{ controls }}
<section class="lm-results" aria-label="Works">
<div class="lm-waiting" aria-hidden="true"></div>
{{ results }}
</section>
</div>
"""
)
_SUGGESTION = template(
    """
<p class="lm-suggestion">Did you mean <a href="{{ href }}">{{ query }}</a>?</p>
"""
)


def show_discover(service: Service, view: View, asked: Asked, notes: Sequence[str] = ()) -> Markup:
    """The list or the work that an address asks for. Never raises: problems are told on the page."""
    if view.work and not _has(service, view.work):
        notes = (
            *notes,
            f"There is no work “{view.work[:80]}” in this library, so the shelf is shown instead.",
        )
        view = replace(view, work="")

    def draw() -> Markup:
        if view.work:
            return draw_stage(view, asked, f"work {view.work}", draw_work(service, view), notes)
        body, page = _draw_list(service, view)
        return draw_stage(replace(view, page=page), asked, "list", body, notes)

    return guard(view, asked, notes, draw)


def _has(service: Service, work_id: str) -> bool:
    try:
        service.get(work_id)
    except NotFoundError:
        return False
    return True


def _draw_list(service: Service, view: View) -> tuple[Markup, int]:
    """The list and the number of the page that it shows."""
    page = find(service, view)
    chips = list_chips(view)
    parts = [draw_head(view, page, chips, len(service.library))]
    if page.suggestion:
        meant = replace(view, query=page.suggestion, page=1)
        parts.append(fill(_SUGGESTION, query=page.suggestion, href=meant.link()))
    if page.hits:
        if page.note:
            parts.append(show_note(page.note))
        why = bool(view.query) or not view.mood.is_even
        parts.append(draw_cards(page.hits, lambda work_id: view.link(work=work_id), reasons=why))
    else:
        parts.append(draw_nothing(service, view, chips, page.note))
    if page.n_pages > 1:
        parts.append(draw_pages(view, page))
    n_active = len(chips) - bool(view.query)
    controls = draw_controls(service, view, page, n_active)
    return fill(_LAYOUT, controls=controls, results=join(parts)), page.page


def build_discover(service: Service, script: str) -> tuple[gr.HTML, gr.HTML]:
    """The search box and the stage below it; both fire ``select`` with an address.

    The box is a component of its own so that an answer never replaces what is being typed.
    """
    search = gr.HTML(fill(_SEARCH), elem_id="lm-search", js_on_load=script, apply_default_css=False)
    first = show_discover(service, View(), NOTHING_ASKED, [service.note])
    stage = gr.HTML(first, elem_id="lm-stage", js_on_load=script, apply_default_css=False)
    return search, stage
