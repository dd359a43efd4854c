"""The Discover tab: a search box, filters with their counts, cards; or one work in full."""

import logging
from collections.abc import Mapping
from dataclasses import replace

import gradio as gr
from markupsafe import Markup

from leximind.errors import LexiMindError, NotFoundError
from leximind.service import Service
from leximind.ui.address import View, read_view
from leximind.ui.cards import draw_cards
from leximind.ui.controls import draw_filters, draw_pages, draw_shown, draw_topics
from leximind.ui.markup import fill, join, show_note, show_problem, template
from leximind.ui.work import draw_work

_SEARCH = template(
    """
<form class="lm-search" role="search">
  <label class="lm-hidden" for="lm-query">Search by word or by meaning</label>
  <input id="lm-query" type="search" name="q" maxlength="300" autocomplete="off" spellcheck="false" value=""
   placeholder="Search by word or by meaning: “guilt after a crime”, author:austen">
  <button type="submit">Search</button>
</form>
"""
)
_NOTHING = template(
    """
<div class="lm-nothing">
<p>Nothing on this shelf matches.</p>
<p>{% if loosened %}<a href="{{ loosened }}">Drop the filters</a> or {% endif %}
<a href="?">see everything</a>.</p>
</div>
"""
)
_SUGGESTION = template(
    """
<p class="lm-suggestion">Did you mean <a href="{{ href }}">{{ query }}</a>?</p>
"""
)
_STAGE = template(
    """
<div class="lm-stage" data-search="{{ address }}" data-query="{{ query }}" data-showing="{{ showing }}"
 data-turn="{{ turn }}">
{{ body }}
</div>
"""
)


def show(service: Service, params: Mapping[str, str], turn: int = 0) -> Markup:
    """What the address asks for, as HTML. Never raises: problems are told on the page.

    ``turn`` is the number of the visitor's question; it makes the browser notice an answer that is otherwise
    the same as the last one.
    """
    view, notes = read_view(params)
    told = [service.note] if service.note else []
    showing = "list"
    try:
        if view.work and not _has(service, view.work):
            notes += (f"There is no work “{view.work[:80]}” in this library, so the shelf is shown instead.",)
            view = replace(view, work="")
        if view.work:
            body, showing = draw_work(service, view), f"work {view.work}"
        else:
            body, page = _draw_list(service, view)
            view = replace(view, page=page)
    except LexiMindError as error:
        body = show_problem(error)
    except Exception as error:  # the edge: a visitor never sees a stack trace
        logging.getLogger(__name__).exception("the address %r could not be shown", dict(params))
        body = show_problem(error)
    if notes:
        told.append(" ".join(notes))
    return fill(
        _STAGE,
        address=view.link(page=view.page),
        query=view.query,
        showing=showing,
        turn=turn,
        body=join([*map(show_note, told), body]),
    )


def _has(service: Service, work_id: str) -> bool:
    try:
        service.get(work_id)
    except NotFoundError:
        return False
    return True


def _draw_list(service: Service, view: View) -> tuple[Markup, int]:
    """The list and the number of the page that it shows."""
    if view.query:
        page = service.search(view.query, view.filters, page=view.page)
    else:
        page = service.browse(view.filters, sort=view.sort, page=view.page)
    parts = [
        draw_topics(view, page.facets),
        draw_filters(view, page.facets),
        draw_shown(view, page, len(service.library)),
    ]
    if page.suggestion:
        meant = View(page.suggestion, view.filters, view.sort)
        parts.append(fill(_SUGGESTION, query=page.suggestion, href=meant.link()))
    if page.note:
        parts.append(show_note(page.note))
    if page.hits:
        parts.append(draw_cards(page.hits, lambda work_id: view.link(work=work_id), reasons=bool(view.query)))
    else:
        parts.append(fill(_NOTHING, loosened="" if view.filters.is_empty else View(view.query).link()))
    if page.n_pages > 1:
        parts.append(draw_pages(view, page))
    return join(parts), page.page


def build_discover(service: Service, script: str) -> tuple[gr.HTML, gr.HTML]:
    """The search box and the stage below it; both fire ``select`` with an address with an address.

    The box is a component of its own so that an answer never replaces what is being typed.
    """
    search = gr.HTML(fill(_SEARCH), elem_id="lm-search", js_on_load=script, apply_default_css=False)
    stage = gr.HTML(show(service, {}), elem_id="lm-stage", js_on_load=script, apply_default_css=False)
    return search, stage
