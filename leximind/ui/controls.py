"""The filters beside the grid: native controls with live counts. ``controls.js`` turns them into addresses.

A control says which parameter of the address it belongs to (``data-param``); what stands in the others of
its group comes along. Choices without works stay, disabled, so that nothing moves under the pointer.
"""

from dataclasses import dataclass
from functools import lru_cache

from markupsafe import Markup

from leximind.labels import EMOTION_FAMILIES, TOPICS
from leximind.library.filters import LENGTHS, write_year
from leximind.library.moods import MOODS, MOST
from leximind.service import Facets, Page, Service
from leximind.ui.address import View
from leximind.ui.markup import fill, join, template

_N_FIRST = 4
_FAMILY_NAMES = {"positive": "Good feelings", "negative": "Bad feelings", "ambiguous": "Mixed feelings"}
_STEPS = {-2: "much less", -1: "less", 0: "as it comes", 1: "more", 2: "much more"}

_COLUMN = template(
    """
<details class="lm-sheet" id="lm-sheet">
<summary>Filters
{% if n_active %}
<span class="lm-badge">{{ n_active }}<span class="lm-hidden"> in force</span></span>
{% endif %}
</summary>
<form class="lm-filters" aria-label="Filters">
{{ groups }}
<button type="button" class="lm-done" data-close="lm-sheet">Show {{ total|thousands }} works</button>
</form>
</details>
"""
)
_CHOICES = template(
    """
<fieldset class="lm-group lm-group-{{ param }}"><legend>{{ legend }}</legend>
{% for choice in choices %}
<label class="lm-option{% if not choice.count and not choice.chosen %} lm-none{% endif %}
 {%- if choice.look %} {{ choice.look }}{% endif %}">
<input type="{{ kind }}" id="lm-{{ param }}-{{ loop.index }}" data-param="{{ param }}"
 value="{{ choice.value }}"
 {%- if kind == "radio" %} name="lm-{{ param }}"{% endif %}
 {%- if choice.chosen %} checked{% elif not choice.count %} disabled{% endif %}>
<span>{{ choice.text }}{% if choice.hint %} <small>{{ choice.hint }}</small>{% endif %}</span>
<span class="lm-count">{{ choice.count|thousands }}</span></label>
{% endfor %}
</fieldset>
"""
)
_MOODS = template(
    """
<fieldset class="lm-group lm-moods"><legend>Mood <small>ranks, leaves nothing out</small></legend>
<p class="lm-mood-ends" aria-hidden="true"><span>less</span><span>more</span></p>
{% for name, weight in moods %}
<div class="lm-mood lm-mood-{{ name }}{% if weight %} lm-on{% endif %}">
<label for="lm-mood-{{ name }}">{{ name|capitalize }}</label>
<input type="range" id="lm-mood-{{ name }}" data-mood="{{ name }}" min="-{{ most }}" max="{{ most }}" step="1"
 value="{{ weight }}" aria-valuetext="{{ steps[weight] }}">
</div>
{% endfor %}
</fieldset>
"""
)
_FEELINGS = template(
    """
<fieldset class="lm-group lm-feelings"><legend>Feelings <small>with + or without −</small></legend>
{% for family, name, first, rest, is_open in families %}
<h3 class="lm-family lm-{{ family }}">{{ name }}</h3>
<ul>{% for row in first %}{{ row }}{% endfor %}</ul>
{% if rest %}
<details class="lm-rest" id="lm-rest-{{ family }}"{% if is_open %} open{% endif %}>
<summary>{{ rest|length }} more</summary>
<ul>{% for row in rest %}{{ row }}{% endfor %}</ul></details>
{% endif %}
{% endfor %}
</fieldset>
"""
)
_FEELING = template(
    """
<li class="lm-feeling{% if idle and not count %} lm-none{% endif %}">
<label for="lm-feel-{{ name }}">{{ name }}</label> <span class="lm-count">{{ count|thousands }}</span>
<input type="checkbox" class="lm-with" id="lm-feel-{{ name }}" data-param="feel" value="{{ name }}"
 aria-label="With {{ name }}"{% if is_in %} checked{% endif %}{% if idle and not count %} disabled{% endif %}>
<input type="checkbox" class="lm-without" id="lm-not-{{ name }}" data-param="not" value="{{ name }}"
 aria-label="Without {{ name }}"{% if is_out %} checked{% endif %}
 {%- if idle and count in (0, total) %} disabled{% endif %}></li>
"""
)
_CENTURIES = template(
    """
<fieldset class="lm-group lm-centuries" style="--n:{{ bars|length }}"><legend>Written</legend>
<svg class="lm-histogram" viewBox="0 0 {{ bars|length * 10 }} 40" preserveAspectRatio="none"
 aria-hidden="true">
{% for height, is_in in bars %}
<rect x="{{ loop.index0 * 10 + 1 }}" y="{{ (40 - height)|round(1) }}" width="8" height="{{ height }}"
 {%- if not is_in %} class="lm-outside"{% endif %}/>
{% endfor %}
</svg>
<div class="lm-span">
{% for end in ends %}
<input type="range" class="lm-{{ end.param }}" id="lm-century-{{ end.param }}" data-century="{{ end.param }}"
 min="{{ low }}" max="{{ high }}" step="1" value="{{ end.century }}" aria-label="{{ end.label }} century"
 aria-valuetext="{{ end.text }}">
{% endfor %}
</div>
<div class="lm-years">
{% for end in ends %}
<label><span class="lm-hidden">{{ end.label }} </span><span aria-hidden="true">{{ end.word }}</span>
<input type="number" id="lm-year-{{ end.param }}" name="{{ end.param }}" step="1" value="{{ end.year }}"
 aria-label="{{ end.label }} year" placeholder="{{ end.placeholder }}"></label>
{% endfor %}
</div>
</fieldset>
"""
)


@dataclass(frozen=True)
class _Choice:
    value: str
    text: str
    count: int
    chosen: bool
    look: str = ""
    hint: str = ""


@lru_cache(maxsize=2)
def count_whole(service: Service) -> Facets:
    """The counts without any filter: they fix the order of the feelings and the ends of the years."""
    return service.browse(page_size=1).facets


def draw_controls(service: Service, view: View, page: Page, n_active: int) -> Markup:
    """The column of filters, with the works that each choice would give."""
    whole = count_whole(service)
    groups = [
        _draw_kinds(view, page.facets),
        _draw_topics(view, page.facets),
        _draw_moods(view),
        _draw_feelings(view, page, whole),
        _draw_centuries(view, page.facets, whole),
        _draw_lengths(view, page.facets),
    ]
    return fill(_COLUMN, groups=join(groups), n_active=n_active, total=page.total)


def _draw_kinds(view: View, facets: Facets) -> Markup:
    kinds = [_Choice("", "All", sum(facets.kinds.values()), not view.filters.kind)]
    for kind, plural in (("book", "Books"), ("paper", "Papers")):
        kinds.append(_Choice(kind, plural, facets.kinds.get(kind, 0), view.filters.kind == kind))
    return fill(_CHOICES, legend="Kind", param="kind", kind="radio", choices=kinds)


def _draw_topics(view: View, facets: Facets) -> Markup:
    topics = [
        _Choice(
            name, name, facets.topics.get(name, 0), name in view.filters.topics, f"lm-topic-{name.lower()}"
        )
        for name in TOPICS
    ]
    return fill(_CHOICES, legend="Topic", param="topic", kind="checkbox", choices=topics)


def _draw_lengths(view: View, facets: Facets) -> Markup:
    chosen = view.filters.length
    total = sum(facets.kinds.values()) if not view.filters.kind else facets.kinds.get(view.filters.kind, 0)
    lengths = [_Choice("", "Any", total, not chosen)]
    for name, (least, limit) in LENGTHS.items():
        hint = f"{least:,} words or more" if limit is None else f"under {limit:,} words"
        lengths.append(
            _Choice(name, name.capitalize(), facets.lengths.get(name, 0), chosen == name, "", hint)
        )
    return fill(_CHOICES, legend="Length", param="length", kind="radio", choices=lengths)


def _draw_moods(view: View) -> Markup:
    moods = [(name, view.mood.weight(name)) for name in MOODS]
    return fill(_MOODS, moods=moods, most=MOST, steps=_STEPS)


def _draw_feelings(view: View, page: Page, whole: Facets) -> Markup:
    wanted, unwanted = view.filters.emotions, view.filters.exclude_emotions

    def draw(name: str) -> Markup:
        count = page.facets.emotions.get(name, 0)
        is_in, is_out = name in wanted, name in unwanted
        return fill(
            _FEELING,
            name=name,
            count=count,
            total=page.total,
            is_in=is_in,
            is_out=is_out,
            idle=not (is_in or is_out),
        )

    families = []
    for family, title in _FAMILY_NAMES.items():
        names = [name for name in EMOTION_FAMILIES[family] if whole.emotions.get(name)]
        names.sort(key=lambda name: -whole.emotions[name])
        first, rest = names[:_N_FIRST], names[_N_FIRST:]
        is_open = any(name in wanted or name in unwanted for name in rest)
        families.append((family, title, [*map(draw, first)], [*map(draw, rest)], is_open))
    return fill(_FEELINGS, families=families)


def _draw_centuries(view: View, facets: Facets, whole: Facets) -> Markup:
    """Works a century, on a scale of square roots, and a slider whose two ends take whole centuries."""
    if not whole.centuries:
        return Markup("")
    low, high = min(whole.centuries) // 100, max(whole.centuries) // 100
    first, last = view.filters.year_from, view.filters.year_to
    start = low if first is None else min(max(first // 100, low), high)
    end = high if last is None else min(max(last // 100, low), high)
    most = max(facets.centuries.values(), default=1)
    bars = [
        (round(40 * (facets.centuries.get(century * 100, 0) / most) ** 0.5, 1), start <= century <= end)
        for century in range(low, high + 1)
    ]
    spread = whole.years or (low * 100, high * 100 + 99)
    ends = [
        {
            "param": param,
            "label": label,
            "word": word,
            "century": century,
            "year": "" if year is None else year,
            "text": f"{word} {write_year(century * 100 + offset)}",
            "placeholder": write_year(spread[index]),
        }
        for index, (param, label, word, century, year, offset) in enumerate(
            [("from", "From", "from", start, first, 0), ("to", "To", "to", end, last, 99)]
        )
    ]
    return fill(_CENTURIES, bars=bars, ends=ends, low=low, high=high)
