"""What stands around the cards: the sentence of what is shown, chips, the order, pages, and ways out."""

from dataclasses import dataclass, replace
from typing import Any, Literal

from markupsafe import Markup

from leximind.library.filters import write_year
from leximind.library.moods import Mood
from leximind.service import Page, Service, Sort
from leximind.ui.address import View
from leximind.ui.markup import fill, template

_SORT_NAMES: dict[Sort, str] = {
    "relevance": "Best match",
    "title": "Title",
    "newest": "Newest first",
    "oldest": "Oldest first",
    "shortest": "Shortest first",
    "longest": "Longest first",
}
MAX_WAYS = 6

_HEAD = template(
    """
<div class="lm-head">
<h2 class="lm-sentence" data-tell>{{ sentence }}</h2>
<label class="lm-sort"><span>Sort</span>
<select id="lm-sort" data-param="sort">
{% for value, text, chosen in orders %}
<option value="{{ value }}"{% if chosen %} selected{% endif %}>{{ text }}</option>
{% endfor %}
</select></label>
</div>
{% if chips %}
<ul class="lm-chips" aria-label="In force">
{% for chip in chips %}
<li><a href="{{ chip.href }}" aria-label="Remove: {{ chip.text }}"
 {%- if chip.kind == "not" %} class="lm-chip-not"{% endif %}>
 {{- chip.text }} <span aria-hidden="true">×</span></a></li>
{% endfor %}
<li class="lm-clear"><a href="?">Clear all</a></li>
</ul>
{% endif %}
"""
)
_PAGES = template(
    """
<nav class="lm-pages" aria-label="Pages">
{% if before %}<a href="{{ before }}" rel="prev">← Previous</a>{% else %}<span></span>{% endif %}
<ol>
{% for number, href in numbers %}
{% if not number %}<li aria-hidden="true">…</li>
{% elif href %}<li><a href="{{ href }}" aria-label="Page {{ number }}">{{ number|thousands }}</a></li>
{% else %}<li><span class="lm-here" aria-current="page">
<span class="lm-hidden">Page </span>{{ number|thousands }}
<span class="lm-hidden"> of {{ n_pages }}</span></span></li>
{% endif %}
{% endfor %}
</ol>
{% if after %}<a href="{{ after }}" rel="next">Next →</a>{% else %}<span></span>{% endif %}
</nav>
"""
)
_NOTHING = template(
    """
<div class="lm-nothing">
<svg class="lm-empty-shelf" viewBox="0 0 220 84" aria-hidden="true">
<path d="M14 76h192M34 76V26h15v50M53 76V16h12v60M182 76l-13-49 12-3 14 52"/></svg>
<p class="lm-nothing-what">{{ what }}</p>
{% if ways %}
<p>{{ "Loosen one thing" if verb == "Drop" else "Ask for one thing at a time" }}:</p>
<ul class="lm-ways">
{% for text, href, count in ways %}
<li><a href="{{ href }}">{{ verb }} <strong>{{ text }}</strong></a>
<span class="lm-count">{{ count|thousands }} work{{ "" if count == 1 else "s" }}</span></li>
{% endfor %}
</ul>
{% endif %}
<p><a href="?">See everything</a> <span class="lm-count">{{ n_works|thousands }} works</span></p>
</div>
"""
)


@dataclass(frozen=True)
class Chip:
    """One condition in force, and the view without it."""

    text: str
    view: View
    kind: Literal["", "not", "mood"] = ""

    @property
    def href(self) -> str:
        return self.view.link()


def list_chips(view: View) -> list[Chip]:
    """One chip for each condition in force: the query, each filter and each mood."""
    filters = view.filters
    chips = [Chip(f"“{view.query}”", replace(view, query=""))] if view.query else []

    def add(text: str, kind: Literal["", "not"] = "", **changes: Any) -> None:
        chips.append(Chip(text, replace(view, filters=replace(filters, **changes)), kind))

    if filters.kind:
        chips.append(Chip(f"{filters.kind}s", replace(view, filters=replace(filters, kind=""))))
    for label in filters.topics:
        add(label, topics=_without(label, filters.topics))
    for label in filters.emotions:
        add(f"feels {label}", emotions=_without(label, filters.emotions))
    for label in filters.exclude_emotions:
        add(f"not {label}", "not", exclude_emotions=_without(label, filters.exclude_emotions))
    for weight in view.mood.weights:
        words = Mood((weight,)).phrase().removeprefix("with ")
        chips.append(Chip(words, replace(view, mood=view.mood.adjust(weight[0], 0)), "mood"))
    if filters.year_from is not None:
        add(f"from {write_year(filters.year_from)}", year_from=None)
    if filters.year_to is not None:
        add(f"to {write_year(filters.year_to)}", year_to=None)
    if filters.length:
        add(f"{filters.length} works", length="")
    return chips


def _without(label: str, labels: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(other for other in labels if other != label)


def draw_head(view: View, page: Page, chips: list[Chip], n_works: int) -> Markup:
    """The sentence of what is shown, the order, and the chips, each of which removes itself."""
    orders = [
        ("" if sort == "relevance" else sort, _name(sort, view), view.sort == sort) for sort in _SORT_NAMES
    ]
    return fill(_HEAD, sentence=describe(page, n_works), chips=chips, orders=orders)


def _name(sort: Sort, view: View) -> str:
    ranked = view.query or view.filters.emotions or not view.mood.is_even
    return "Library order" if sort == "relevance" and not ranked else _SORT_NAMES[sort]


def describe(page: Page, n_works: int) -> str:
    """What is shown: ``All 96 works``, ``24 of 96 works: books about History that feel remorse``."""
    if page.sentence == "all works":
        return f"All {n_works:,} works"
    asked = page.sentence.removeprefix("all ")
    if page.is_doubtful:
        asked = asked.replace("matching “", "nearest to “", 1)
    joint = asked.removeprefix("works") if asked.startswith("works") else f": {asked}"
    return f"{page.total:,} of {n_works:,} works{joint}"


def draw_pages(view: View, page: Page) -> Markup:
    """Links to the first, the last and the pages around this one."""
    near = {1, page.n_pages, *range(page.page - 1, page.page + 2)}
    numbers: list[tuple[int, str]] = []
    for number in sorted(number for number in near if 1 <= number <= page.n_pages):
        if numbers and number > numbers[-1][0] + 1:
            numbers.append((0, ""))
        numbers.append((number, "" if number == page.page else view.link(page=number)))
    before = view.link(page=page.page - 1) if page.page > 1 else ""
    after = view.link(page=page.page + 1) if page.page < page.n_pages else ""
    return fill(_PAGES, numbers=numbers, n_pages=page.n_pages, before=before, after=after)


def draw_nothing(service: Service, view: View, chips: list[Chip], note: str) -> Markup:
    """That nothing was found, and how many works there are without each of the conditions; where giving up
    one of them is not enough, with each of them alone."""
    narrowing = [chip for chip in chips if chip.kind != "mood"][:MAX_WAYS]
    verb, ways = "Drop", _count_ways(service, narrowing)
    if not ways and len(narrowing) > 1:
        verb, ways = "Only", _count_ways(service, [_keep_only(view, chip.text) for chip in narrowing])
    what = note or "No work on this shelf is all of that at once."
    return fill(_NOTHING, what=what, verb=verb, ways=ways, n_works=len(service.library))


def _count_ways(service: Service, chips: list[Chip]) -> list[tuple[str, str, int]]:
    """Text, address and number of works of the views that have any."""
    counted = [(chip.text, chip.href, find(service, chip.view, page_size=1).total) for chip in chips]
    return [way for way in counted if way[2]]


def _keep_only(view: View, text: str) -> Chip:
    """The view with all conditions dropped but the one of a chip."""
    while True:
        other = next((chip for chip in list_chips(view) if chip.text != text), None)
        if other is None:
            return Chip(text, view)
        view = other.view


def find(service: Service, view: View, page_size: int = 24) -> Page:
    """The page of works that a view asks for."""
    return service.search(
        view.query, view.filters, mood=view.mood, sort=view.sort, page=view.page, page_size=page_size
    )
