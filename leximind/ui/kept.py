"""The list of saved works: those of the library, with room for a note, and those that it has no longer."""

import json
from collections.abc import Callable, Sequence
from typing import Final

from markupsafe import Markup

from leximind.labels import TOPICS
from leximind.library.answers import paginate
from leximind.library.filters import write_year
from leximind.library.matching import file_title
from leximind.library.store import Library
from leximind.library.work import Work
from leximind.service import Sort
from leximind.ui.address import View
from leximind.ui.cards import draw_cover, draw_tone, name_authors, name_topic
from leximind.ui.markup import fill, join, template

PAGE_SIZE: Final = 24
_SORTS: Final[dict[Sort, str]] = {
    "relevance": "Saved last",
    "title": "Title",
    "newest": "Newest first",
    "oldest": "Oldest first",
    "shortest": "Shortest read",
    "longest": "Longest read",
}

_LIST: Final = template(
    """
<section class="lm-shelf-list" data-part="list" aria-label="Saved works">
{% if topics|length > 2 or filtered %}
<nav class="lm-shelf-topics" aria-label="Topics on your shelf">
{% for name, count, href, current in topics %}
<a href="{{ href }}" class="lm-topic-{{ name|lower }}"
 {%- if current %} aria-current="true"{% endif %}>{{ name }}
<span class="lm-count">{{ count|thousands }}</span></a>
{% endfor %}
</nav>
{% endif %}
<div class="lm-shelf-order">
{% if sentence %}<p class="lm-sentence" role="status">{{ sentence }}</p>{% endif %}
{% if total > 1 %}
<label>Order <select data-go="change">
{% for name, href, chosen in orders %}
<option value="{{ href }}"{% if chosen %} selected{% endif %}>{{ name }}</option>
{% endfor %}
</select></label>
{% endif %}
</div>
<ol class="lm-kept-list">
{{ items }}
</ol>
{% if n_pages > 1 %}
<nav class="lm-pages" aria-label="Pages">
{% if before %}<a href="{{ before }}" rel="prev">← Previous</a>{% else %}<span></span>{% endif %}
<span>Page {{ page }} of {{ n_pages }}</span>
{% if after %}<a href="{{ after }}" rel="next">Next →</a>{% else %}<span></span>{% endif %}
</nav>
{% endif %}
{{ lost }}
</section>
"""
)
_ITEM: Final = template(
    """
<li class="lm-kept" data-id="{{ work.id }}" data-facts="{{ facts }}">
<a class="lm-kept-cover" href="{{ href }}" tabindex="-1" aria-hidden="true">{{ cover }}</a>
<div class="lm-kept-text">
  <p class="lm-kicker">{{ work.kind|capitalize }}{% if year %} · {{ year }}{% endif %}
  · <span class="lm-topic-name lm-topic-{{ work.topic|lower }}">{{ topic }}</span></p>
  <h3><a class="lm-title" href="{{ href }}" data-work="{{ work.id }}">{{ work.title }}</a></h3>
  {% if authors %}<p class="lm-authors">{{ authors }}</p>{% endif %}
  {{ tone }}
  <input class="lm-own-note" type="text" maxlength="500" autocomplete="off" placeholder="Add a note"
   aria-label="Your note on {{ work.title }}">
</div>
<p class="lm-kept-side"><time></time>
<button type="button" class="lm-plain-button" data-do="remove"
 aria-label="Remove {{ work.title }}">Remove</button></p>
</li>
"""
)
_LOST: Final = template(
    """
<section class="lm-lost"><h3>No longer in this library</h3>
<p>This version of the library does not have {{ "this work" if lost|length == 1 else "these works" }}.
What your browser kept stays on your shelf and in every export.</p>
<ul>
{% for id in lost %}
<li class="lm-kept" data-id="{{ id }}">
<p><cite class="lm-lost-title">{{ id }}</cite> <span class="lm-lost-authors"></span></p>
<p class="lm-kept-side"><time></time>
<button type="button" class="lm-plain-button" data-do="remove">Remove</button></p></li>
{% endfor %}
</ul></section>
"""
)


def draw_kept(
    library: Library, view: View, works: Sequence[Work], saved: Sequence[str], link: Callable[[str], str]
) -> tuple[Markup, int]:
    """One page of the list in the view's order, and the number of that page.

    Args:
        works: those of ``saved`` that the library has, in the same order.
    """
    mask = view.filters.mask(library)
    passing = [work for work in works if mask[library.row(work.id)]]
    shown, page, n_pages = paginate(_order(passing, view.sort), view.page, PAGE_SIZE)
    there = {work.id for work in works}
    lost = [] if not view.filters.is_empty else [work_id for work_id in saved if work_id not in there]
    drawn = fill(
        _LIST,
        topics=_count_topics(view, works),
        filtered=not view.filters.is_empty,
        sentence=_describe(view, len(passing), len(works)),
        total=len(passing),
        orders=[(name, view.link(sort=sort), view.sort == sort) for sort, name in _SORTS.items()],
        items=join([_draw_item(work, link(work.id)) for work in shown]),
        page=page,
        n_pages=n_pages,
        before=view.link(page=page - 1) if page > 1 else "",
        after=view.link(page=page + 1) if page < n_pages else "",
        lost=fill(_LOST, lost=lost) if lost else "",
    )
    return drawn, page


def _order(works: list[Work], sort: Sort) -> list[Work]:
    """Saved last first, or otherwise; what has no year or no known length comes last in such an order."""
    if sort == "title":
        return sorted(works, key=lambda work: file_title(work.title))
    if sort in ("newest", "oldest"):
        sign = -1 if sort == "newest" else 1
        return sorted(works, key=lambda work: (work.year is None, sign * (work.year or 0)))
    if sort in ("shortest", "longest"):
        sign = -1 if sort == "longest" else 1
        return sorted(works, key=lambda work: (work.n_words is None, sign * (work.n_words or 0)))
    return works


def _count_topics(view: View, works: Sequence[Work]) -> list[tuple[str, int, str, bool]]:
    chosen = view.filters.topics
    topics = [("All", len(works), view.filtered(topics=()), not chosen)]
    for name in TOPICS:
        count, current = sum(work.topic == name for work in works), name in chosen
        if count or current:
            topics.append((name, count, view.filtered(topics=() if current else (name,)), current))
    return topics


def _describe(view: View, count: int, total: int) -> str:
    if view.filters.is_empty:
        return ""
    return f"{count:,} of {total:,}: {view.filters.sentence()}"


def _draw_item(work: Work, href: str) -> Markup:
    facts = {
        "title": work.title,
        "authors": work.authors,
        "year": work.year,
        "kind": work.kind,
        "url": work.url,
    }
    return fill(
        _ITEM,
        work=work,
        href=href,
        facts=json.dumps(facts, ensure_ascii=False),
        cover=draw_cover(work),
        year="" if work.year is None else write_year(work.year),
        topic=name_topic(work),
        authors=name_authors(work.authors),
        tone=draw_tone(work.tone),
    )
