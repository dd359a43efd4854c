"""What stands above and below the cards: topics, filters with counts, the sentence, chips, pages."""

from markupsafe import Markup

from leximind.labels import TOPICS
from leximind.library.filters import write_year
from leximind.service import Facets, Page, Sort
from leximind.ui.address import View
from leximind.ui.markup import fill, template

_SORT_NAMES: dict[Sort, str] = {
    "relevance": "Best match",
    "title": "Title",
    "newest": "Newest first",
    "oldest": "Oldest first",
}

_TOPICS = template(
    """
<nav class="lm-topics" aria-label="Topics">
{% for name, count, href, current in topics %}
<a href="{{ href }}" class="lm-topic-{{ name|lower }}{% if not count %} lm-none{% endif %}"
 {%- if current %} aria-current="true"{% endif %}>{{ name }}
 <span class="lm-count">{{ count|thousands }}</span></a>
{% endfor %}
</nav>
"""
)
_FILTERS = template(
    """
<form class="lm-filters" aria-label="Filters">
{% for label, options in menus %}
<label><span class="lm-hidden">{{ label }}</span>
<select data-go="change" aria-label="{{ label }}">
{% for text, href, chosen in options %}
<option value="{{ href }}"{% if chosen %} selected{% endif %}>{{ text }}</option>
{% endfor %}
</select></label>
{% endfor %}
<fieldset class="lm-years" title="Years before our era are negative"><legend class="lm-hidden">Years</legend>
<input type="number" name="from" step="1" aria-label="From year" value="{{ first }}"
 placeholder="{{ placeholders[0] }}">
<span aria-hidden="true">to</span>
<input type="number" name="to" step="1" aria-label="To year" value="{{ last }}"
 placeholder="{{ placeholders[1] }}">
</fieldset>
</form>
"""
)
_SHOWN = template(
    """
<div class="lm-shown">
<h2 class="lm-sentence"><span role="status">{{ sentence }}</span></h2>
{% if chips %}
<ul class="lm-chips" aria-label="Filters in force">
{% for text, href in chips %}
<li><a href="{{ href }}" aria-label="Remove: {{ text }}">{{ text }} <span aria-hidden="true">×</span></a></li>
{% endfor %}
<li class="lm-clear"><a href="?">Clear all</a></li>
</ul>
{% endif %}
</div>
"""
)
_PAGES = template(
    """
<nav class="lm-pages" aria-label="Pages">
{% if before %}<a href="{{ before }}" rel="prev">← Previous</a>{% else %}<span></span>{% endif %}
<span>Page {{ page }} of {{ n_pages }}</span>
{% if after %}<a href="{{ after }}" rel="next">Next →</a>{% else %}<span></span>{% endif %}
</nav>
"""
)


def draw_topics(view: View, facets: Facets) -> Markup:
    """The seven topics as links with counts; the current one takes the filter off again."""
    chosen = view.filters.topics
    topics = [("All", sum(facets.topics.values()), view.filtered(topics=()), not chosen)]
    for name in TOPICS:
        current = name in chosen
        href = view.filtered(topics=() if current else (name,))
        topics.append((name, facets.topics.get(name, 0), href, current))
    return fill(_TOPICS, topics=topics)


def draw_filters(view: View, facets: Facets) -> Markup:
    """Menus whose options are addresses, so choosing needs no logic in the browser."""
    filters = view.filters
    kinds = [("Books and papers", view.filtered(kind=""), not filters.kind)]
    for kind, plural in (("book", "Books"), ("paper", "Papers")):
        label = f"{plural} ({facets.kinds.get(kind, 0):,})"
        kinds.append((label, view.filtered(kind=kind), filters.kind == kind))
    used = {*filters.emotions, *filters.exclude_emotions}
    by_count = sorted(facets.emotions.items(), key=lambda item: (-item[1], item[0]))
    free = [(name, count) for name, count in by_count if count and name not in used]
    feels = [("Any feeling" if not filters.emotions else "And also…", view.link(page=view.page), True)]
    feels += [
        (f"{name} ({count:,})", view.filtered(emotions=(*filters.emotions, name)), False)
        for name, count in free
    ]
    leaves = [("But not…", view.link(page=view.page), True)]
    leaves += [
        (f"not {name} ({count:,})", view.filtered(exclude_emotions=(*filters.exclude_emotions, name)), False)
        for name, count in free
    ]
    menus = [("Kind", kinds), ("Feeling", feels), ("Leave out a feeling", leaves)]
    if not view.query:
        orders = [(name, view.link(sort=sort), view.sort == sort) for sort, name in _SORT_NAMES.items()]
        menus.append(("Order", orders))
    return fill(
        _FILTERS,
        menus=menus,
        first="" if filters.year_from is None else filters.year_from,
        last="" if filters.year_to is None else filters.year_to,
        placeholders=[write_year(year) for year in facets.years] if facets.years else ("from", "to"),
    )


def draw_shown(view: View, page: Page, n_works: int) -> Markup:
    """The sentence of what is shown, and one chip for each filter in force, which removes it."""
    sentence = describe(page, n_works)
    filters = view.filters
    chips = [(f"“{view.query}”", view.link(query=""))] if view.query else []
    if filters.kind:
        chips.append((f"{filters.kind}s", view.filtered(kind="")))
    for field, before in (("topics", ""), ("emotions", "feels "), ("exclude_emotions", "not ")):
        labels: tuple[str, ...] = getattr(filters, field)
        for label in labels:
            rest = tuple(other for other in labels if other != label)
            chips.append((before + label, view.filtered(**{field: rest})))
    if filters.year_from is not None:
        chips.append((f"from {filters.year_from}", view.filtered(year_from=None)))
    if filters.year_to is not None:
        chips.append((f"to {filters.year_to}", view.filtered(year_to=None)))
    return fill(_SHOWN, sentence=sentence, chips=chips)


def describe(page: Page, n_works: int) -> str:
    """What is shown: ``All 96 works``, ``24 of 96 works: books about History that feel remorse``."""
    if page.sentence == "all works":
        return f"All {n_works:,} works"
    asked = page.sentence.removeprefix("all ")
    joint = asked.removeprefix("works") if asked.startswith("works") else f": {asked}"
    return f"{page.total:,} of {n_works:,} works{joint}"


def draw_pages(view: View, page: Page) -> Markup:
    """Links to the pages before and after."""
    before = view.link(page=page.page - 1) if page.page > 1 else ""
    after = view.link(page=page.page + 1) if page.page < page.n_pages else ""
    return fill(_PAGES, page=page.page, n_pages=page.n_pages, before=before, after=after)
