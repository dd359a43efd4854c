"""The Map tab: every work in two dimensions, those alike close together."""

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import gradio as gr
from markupsafe import Markup

from leximind.errors import NotFoundError
from leximind.library.moods import MOODS
from leximind.service import Service
from leximind.ui.address import View
from leximind.ui.legend import list_kinds, list_levels, list_paints, list_topics
from leximind.ui.markup import fill, template
from leximind.ui.points import encode, points_of, read_rows
from leximind.ui.results import list_chips
from leximind.ui.stage import NOTHING_ASKED, Asked, draw_stage, guard

N_LISTED = 40
_BUTTONS = (
    ("in", "Zoom in", "M8 2v12M2 8h12"),
    ("out", "Zoom out", "M2 8h12"),
    ("fit", "Show all that is found", "M2 6V2h4M10 2h4v4M14 10v4h-4M6 14H2v-4"),
)

_SEARCH = template(
    """
<form class="lm-search lm-map-search" role="search">
  <label class="lm-hidden" for="lm-map-query">Search the map by word or by meaning</label>
  <svg viewBox="0 0 20 20" aria-hidden="true"><circle cx="8.5" cy="8.5" r="6"/><path d="M13 13l5 5"/></svg>
  <input id="lm-map-query" type="search" name="q" maxlength="300" autocomplete="off" spellcheck="false"
   value="" enterkeyhint="search" placeholder="Find on the map: “voyages in the ice”, author:darwin">
  <button type="submit">Find</button>
</form>
"""
)
_MAP = template(
    """
<div class="lm-map" data-map="{{ told }}">
<div class="lm-map-head">
<h2 class="lm-sentence" tabindex="-1"><span role="status">{{ sentence }}</span></h2>
{% if chips %}
<ul class="lm-chips" aria-label="In force">
{% for chip in chips %}
<li><a href="{{ chip.href }}" aria-label="Remove: {{ chip.text }}">{{ chip.text }}
 <span aria-hidden="true">×</span></a></li>
{% endfor %}
<li class="lm-clear"><a href="{{ cleared }}">Clear all</a></li>
</ul>
{% endif %}
{% if listed %}<p class="lm-map-tolist"><a href="{{ tolist }}">See them as a list</a></p>{% endif %}
<ul class="lm-map-keys lm-map-kinds" aria-label="Kind">
{% for key in kinds %}
<li><a href="{{ key.href }}"{% if key.chosen %} aria-current="true"{% endif %}>
<i class="{{ key.look }}" aria-hidden="true"></i>{{ key.text }}
 <span class="lm-count">{{ key.count|thousands }}</span></a></li>
{% endfor %}
<li class="lm-map-saved"{% if not n_saved %} hidden{% endif %}>
<i class="lm-dot-saved" aria-hidden="true"></i>On your shelf
 <span class="lm-count">{{ n_saved|thousands }}</span></li>
</ul>
</div>
<div class="lm-map-bar">
<label class="lm-map-paint"><span>Colour by</span>
<select data-go="change" aria-label="Colour by">
{% for text, href, chosen in paints %}
<option value="{{ href }}"{% if chosen %} selected{% endif %}>{{ text }}</option>
{% endfor %}
</select></label>
<ul class="lm-map-keys" aria-label="{{ legend }}">
{% for key in keys %}
<li>{% if key.href %}
<a href="{{ key.href }}"{% if key.chosen %} aria-current="true"{% endif %} data-key="{{ key.number }}">
{%- else %}<button type="button" aria-pressed="false" data-key="{{ key.number }}">{% endif -%}
<i class="{{ key.look }}" aria-hidden="true"></i>{{ key.text }}
 <span class="lm-count">{{ key.count|thousands }}</span>
{%- if key.href %}</a>{% else %}</button>{% endif %}</li>
{% endfor %}
{% if than %}<li class="lm-map-than">{{ than }}</li>{% endif %}
</ul>
</div>
{# Gradio makes the page like each answer, node by node: what JavaScript draws must be none of its nodes. #}
<div class="lm-map-place"></div>
<template class="lm-map-template"><div class="lm-map-frame">
<canvas class="lm-map-canvas" tabindex="0" role="application"
 aria-label="Map of {{ n_works|thousands }} works" aria-roledescription="map" aria-describedby="lm-map-help">
Works that are alike lie close together. The list below the map names them.</canvas>
<div class="lm-map-buttons">
{% for name, label, path in buttons %}
<button type="button" data-map-do="{{ name }}" aria-label="{{ label }}">
<svg viewBox="0 0 16 16" aria-hidden="true"><path d="{{ path }}"/></svg></button>
{% endfor %}
</div>
<div class="lm-map-card" hidden></div>
<div class="lm-map-nothing" hidden><p>No work on the map is all of that at once.</p>
<p><a href="?tab=map">Show everything</a></p></div>
<div class="lm-map-state" role="status"><p>Drawing the map…</p></div>
<p class="lm-hidden lm-map-said" aria-live="polite"></p>
</div></template>
<p class="lm-map-help" id="lm-map-help">Works that are alike lie close together; the axes mean nothing.
<span class="lm-map-touch">Pinch to zoom, drag to move, tap a point to see its work.</span>
<span class="lm-map-how">Scroll to zoom, drag to move, click to open. With the keyboard: arrows step from
 work to work, Enter opens, + and − zoom, Shift and arrows move.</span></p>
<details class="lm-map-list">
<summary>Works in view <span class="lm-count">{{ n_found|thousands }}</span></summary>
<ol>
{% for title, href, kind in works %}
<li><a href="{{ href }}">{{ title }}</a> <span class="lm-count">{{ kind }}</span></li>
{% endfor %}
</ol>
<p class="lm-quiet lm-map-more"{% if n_more <= 0 %} hidden{% endif %}>
and <span>{{ n_more|thousands }}</span> more; zoom in to see which.</p>
</details>
</div>
"""
)


def build_map(service: Service, script: str) -> tuple[gr.HTML, gr.HTML]:
    """The search box and the map, empty until the tab is opened; both fire ``select`` with an address.

    The box is a component of its own so that an answer never replaces what is being typed.
    """
    n_works = len(service.library)

    def map_points(_: object = None) -> dict[str, Any]:  # one argument is always sent
        return points_of(service).payload

    def map_levels(mood: object) -> str:
        return encode(points_of(service).levels(mood)) if isinstance(mood, str) and mood in MOODS else ""

    def map_works(rows: object) -> list[dict[str, Any]]:
        return points_of(service).describe(read_rows(rows, n_works))

    search = gr.HTML(fill(_SEARCH), elem_id="lm-map-search", js_on_load=script, apply_default_css=False)
    first = draw_stage(View(tab="map"), NOTHING_ASKED, "map", Markup(""))
    chart = gr.HTML(
        first,
        elem_id="lm-map",
        js_on_load=f"window.lexiMind.serveMap(server);\n{script}",
        apply_default_css=False,
        server_functions=[map_points, map_levels, map_works],
    )
    return search, chart


def show_map(service: Service, view: View, asked: Asked, notes: Sequence[str] = ()) -> Markup:
    """The map for an address. Never raises: problems are told on the page."""
    view = replace(view, work="", page=1, sort="relevance")
    return guard(
        view, asked, notes, lambda: draw_stage(view, asked, "map", _draw(service, view, asked), notes)
    )


def _draw(service: Service, view: View, asked: Asked) -> Markup:
    library = service.library
    found = service.locate(view.query, view.filters, view.mood)
    order = points_of(service).order
    listed = order[found[order]][:N_LISTED].tolist()
    saved = _find_rows(service, asked.saved)
    n_found, n_works = int(found.sum()), len(library)
    told = {
        "version": library.version,
        "works": n_works,
        "found": "" if n_found == n_works else encode(found),
        "nFound": n_found,
        "saved": saved,
        "paint": view.paint,
    }
    chips = list_chips(view)
    works = [library.works[row] for row in listed]
    return fill(
        _MAP,
        told=json.dumps(told, separators=(",", ":")),
        sentence=_describe(view, n_found, n_works),
        chips=chips,
        cleared=View(tab="map", paint=view.paint).link(),
        listed=bool(chips) and n_found,
        tolist=view.link(tab="discover", paint=""),
        paints=list_paints(view),
        legend="Topics" if not view.paint else f"More or less {view.paint} than most works",
        buttons=_BUTTONS,
        than=f"{view.paint} than most works" if view.paint else "",
        keys=list_levels(service, view, found) if view.paint else list_topics(service, view, found),
        kinds=list_kinds(service, view, found),
        n_saved=len(saved),
        n_works=n_works,
        n_found=n_found,
        works=[(work.title, View().link(work=work.id), work.kind) for work in works],
        n_more=n_found - len(works),
    )


def _find_rows(service: Service, ids: Sequence[str]) -> list[int]:
    """The rows of the works that exist."""
    rows = []
    for work_id in ids:
        try:
            rows.append(service.library.row(work_id))
        except NotFoundError:
            continue  # saved from another edition of the library
    return rows


def _describe(view: View, n_found: int, n_works: int) -> str:
    """What is shown: ``102 of 524 works about Fiction``."""
    if n_found == n_works and view.filters.is_empty and not view.query and view.mood.is_even:
        return f"All {n_works:,} works, those alike close together"
    asked = view.filters.sentence().removeprefix("all ")
    joint = asked.removeprefix("works") if asked.startswith("works") else f": {asked}"
    query = f" matching “{view.query}”" if view.query else ""
    mood = f" {view.mood.phrase()}" if view.mood.phrase() else ""
    return f"{n_found:,} of {n_works:,} works{joint}{query}{mood}"
