"""The Shelf tab: the works that a visitor saved in the browser, and what goes with them.

The browser keeps the shelf and tells the ids with each question; nothing of it stays here. Days, notes, and
titles of works that the library has no longer are painted in by ``assets/shelf-page.js``.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final
from urllib.parse import parse_qsl

import gradio as gr
from markupsafe import Markup

from leximind.library.moods import Mood
from leximind.service import Service
from leximind.settings import ASSETS
from leximind.ui.address import View, read_view
from leximind.ui.cards import draw_cards
from leximind.ui.kept import draw_kept
from leximind.ui.lists import Lists, tell
from leximind.ui.markup import fill, join, template
from leximind.ui.portrait import draw_portrait
from leximind.ui.spines import draw_spines
from leximind.ui.stage import NOTHING_ASKED, Asked, draw_stage, guard

N_RECOMMENDED: Final = 12
_FORMS: Final = {"json": "JSON", "csv": "CSV", "bibtex": "BibTeX", "ris": "RIS"}

# The browser alone knows what is saved: it asks again as soon as this arrives.
_OPENING: Final = template("""<p class="lm-shelf-opening" role="status">Opening your shelf…</p>""")
_TOLD: Final = template("""<div class="lm-told" data-part="told" role="status" aria-live="polite"></div>""")
_FILE: Final = template(
    """
<label class="lm-plain-button lm-file"><input type="file" class="lm-hidden" data-do="import"
 accept=".json,.csv,.tsv,.bib,.txt" aria-label="Import a list: JSON, CSV, Goodreads or BibTeX">
<span>Import a list</span></label>
"""
)
_EMPTY: Final = template(
    """
<section class="lm-shelf-empty" data-part="head">
{{ spines }}
<h2 tabindex="-1">An empty shelf</h2>
<p>Press <strong>Save</strong> on any card or work and it will stand here. There is no account, and nobody
else can see it: the shelf is kept in this browser alone.</p>
<p class="lm-shelf-ways">
<a class="lm-button" href="?surprise=1">Surprise me</a>
{% for name, href in ways %}<a href="{{ href }}">{{ name }}</a>{% endfor %}
</p>
<div class="lm-quiet"><p>Or bring a list along: a Goodreads export, a CSV with titles and authors, BibTeX,
or a shelf that you exported here.</p>{{ file }}</div>
</section>
"""
)
_HEAD: Final = template(
    """
<header class="lm-shelf-head" data-part="head">
{{ spines }}
<div class="lm-shelf-line">
<h2 tabindex="-1">Your shelf</h2>
<p class="lm-shelf-count">{{ count|thousands }} {{ "work" if count == 1 else "works" }}, kept in this browser
and nowhere else.
{% if recommended %}
<a href="#lm-goes" data-do="down">What goes with {{ "it" if count == 1 else "them" }}</a>
{% endif %}
</p>
</div>
<div class="lm-shelf-desk">
<div role="group" aria-label="Export the shelf"><span aria-hidden="true">Export</span>
{% for form, name in forms %}
<button type="button" class="lm-plain-button" data-do="export" data-form="{{ form }}"
 aria-label="Export as {{ name }}">{{ name }}</button>
{% endfor %}
</div>
{{ file }}
<button type="button" class="lm-plain-button" data-do="ask">Clear the shelf…</button>
</div>
<dialog class="lm-dialog" aria-labelledby="lm-clear-title">
<h3 id="lm-clear-title">Take {{ "the one work" if count == 1 else "all %s works"|format(count) }} off
the shelf?</h3>
<p>Notes go with them. You can undo it until you leave the page; an export brings everything back later.</p>
<p><button type="button" class="lm-button" data-do="clear">Clear the shelf</button>
<button type="button" class="lm-plain-button" data-do="keep" autofocus>Keep it</button></p>
</dialog>
</header>
"""
)
_GOES: Final = template(
    """
<section class="lm-goes" data-part="goes" id="lm-goes" aria-labelledby="lm-goes-title">
<h3 id="lm-goes-title" tabindex="-1">What goes with {{ "it" if count == 1 else "them" }}</h3>
{{ cards }}
{% if more %}
<p><button type="button" class="lm-plain-button lm-more" data-do="more">Another dozen</button></p>
{% endif %}
</section>
"""
)


def show_shelf(service: Service, view: View, asked: Asked, notes: Sequence[str] = ()) -> Markup:
    """The shelf of ``asked.saved``. Never raises: problems are told on the page."""

    def draw() -> Markup:
        if not asked.turn:
            return draw_stage(view, asked, "shelf", fill(_OPENING), notes)
        if not asked.saved:
            return draw_stage(View(tab="shelf"), asked, "shelf", join([fill(_TOLD), _draw_empty()]), notes)
        body, page = _draw_shelf(service, view, asked.saved)
        return draw_stage(replace(view, page=page), asked, "shelf", body, notes)

    return guard(view, asked, notes, draw)


def _draw_empty() -> Markup:
    ways = [
        ("A short read", View().filtered(length="short")),
        ("Something with more wonder", View(mood=Mood((("wonder", 2),))).link()),
        ("A paper about Science", View().filtered(kind="paper", topics=("Science",))),
    ]
    return fill(_EMPTY, spines=draw_spines((), _link), ways=ways, file=fill(_FILE))


def _draw_shelf(service: Service, view: View, saved: tuple[str, ...]) -> tuple[Markup, int]:
    """The whole page, and the number of the page of the list that it shows."""
    works = service.find(saved)
    hits = service.recommend([work.id for work in works], N_RECOMMENDED) if works else ()
    head = fill(
        _HEAD,
        spines=draw_spines(works, _link),
        count=len(saved),
        recommended=bool(hits),
        forms=_FORMS.items(),
        file=fill(_FILE),
    )
    kept, page = draw_kept(service.library, view, works, saved, _link)
    parts = [head, fill(_TOLD), kept]
    if works:
        parts.append(draw_portrait(service.library, [service.library.row(work.id) for work in works]))
    if hits:
        cards = draw_cards(hits, _link, reasons=True)
        parts.append(fill(_GOES, cards=cards, count=len(works), more=len(hits) == N_RECOMMENDED))
    return join(parts), page


def _draw_more(service: Service, asked: Asked, shown: tuple[str, ...]) -> Markup:
    """A further dozen for the same shelf, without those that are shown already."""
    works = service.find(asked.saved)
    hits = service.recommend([work.id for work in works], N_RECOMMENDED, without=shown) if works else ()
    return draw_cards(hits, _link, reasons=True)


def _link(work_id: str) -> str:
    return View().link(work=work_id)


def build_shelf(service: Service, script: str) -> gr.HTML:
    """The tab's one component, empty until the tab is opened; it fires ``select`` with an address.

    Its script may also call the functions below, each with one argument, which may be anything.
    """
    lists = Lists(service)

    def draw_shelf(told: object) -> str:
        data = told if isinstance(told, dict) else {}
        search = data.get("search")
        view, _ = read_view(dict(parse_qsl(search[1:2000])) if isinstance(search, str) else {})
        return show_shelf(service, view, replace(Asked.read(data), turn=1))

    def recommend_more(told: object) -> str:
        data = told if isinstance(told, dict) else {}
        asked, shown = Asked.read(data), Asked.read({"saved": data.get("shown")}).saved
        return str(tell(lambda: {"html": _draw_more(service, asked, shown)})["html"])

    def export_shelf(told: object) -> dict[str, Any]:
        return lists.write(told if isinstance(told, dict) else {})

    def import_list(told: object) -> dict[str, Any]:
        return lists.read(told if isinstance(told, dict) else {})

    return gr.HTML(
        # Unlike the first answer, for the browser does not notice one that is the same.
        draw_stage(View(tab="shelf"), NOTHING_ASKED, "shelf", Markup("")),
        elem_id="lm-shelf",
        js_on_load=f"{script}\n{(ASSETS / 'shelf-page.js').read_text(encoding='utf-8')}",
        apply_default_css=False,
        server_functions=[draw_shelf, recommend_more, export_shelf, import_list],
    )
