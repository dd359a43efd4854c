"""The Insights tab: what is in the library, how its labels relate, how good they are, where they mislead."""

from collections.abc import Mapping
from typing import Any, Final

import gradio as gr
from markupsafe import Markup

from leximind.library.filters import LENGTHS, write_year
from leximind.library.insights import Insights
from leximind.service import Service
from leximind.ui.figures import Figure, read_figure
from leximind.ui.markup import fill, template
from leximind.ui.misleads import draw_misleads, draw_readings
from leximind.ui.quality import draw_quality
from leximind.ui.relations import draw_eras, draw_heat, draw_marks, draw_pairs

_N_EMOTIONS: Final = 13
_SECTIONS: Final = {
    "library": "The shelves",
    "eras": "When",
    "relations": "Topics and feelings",
    "pairs": "Feelings together",
    "quality": "How good is it?",
    "misleads": "Where it misleads",
    "data": "Data",
}

_WAIT: Final = Markup('<p class="lm-wait" role="status">Counting the library…</p>')
_INSIGHTS = template(
    """
<div class="lm-insights">
<section class="lm-insights-lead">
<h2>What is on the shelves, and how far to trust it</h2>
<p>{{ insights.n_works|thousands }} works{%- if insights.years %}, written from {{ first_year }} to
{{ last_year }}{% endif %}. One small transformer read them ahead of time, {{ n_whole|thousands }} from
cover to cover and the others by their description, and said what each is about and how it feels. In
{{ (insights.n_works - insights.n_toneless)|thousands }} of them a feeling stands out. The names and
numbers of these charts lead to the works they count.</p>
<nav class="lm-jump" aria-label="On this page"><ul>
{% for name, title in sections.items() %}<li><a href="#lm-in-{{ name }}">{{ title }}</a></li>{% endfor %}
</ul></nav>
</section>
<section><h3 id="lm-in-library" tabindex="-1">The shelves</h3>
<div class="lm-insights-grid">
<div><h4>About</h4>{{ topics }}
<h4>Kind and length</h4>{{ kinds }}
{% if n_whole %}
<p class="lm-quiet">Length is known where the full text was read: short below {{ short|thousands }} words,
long from {{ long|thousands }} on.</p>
{% endif %}
</div>
<div><h4>Feelings that stand out most often</h4>{{ emotions }}
{% if insights.n_toneless %}
<p class="lm-quiet">In {{ insights.n_toneless|thousands }} works none stands out; the others have up to
four.</p>
{% endif %}
</div></div></section>
{% if insights.eras %}
<section><h3 id="lm-in-eras" tabindex="-1">When they were written</h3>
<p>Works by century, and below each how they divide into topics; the darker, the larger a topic’s part of
its century.{% if insights.n_undated %} {{ insights.n_undated|thousands }} works without a year are not
here.{% endif %}</p>
{{ eras }}</section>
{% endif %}
<section><h3 id="lm-in-relations" tabindex="-1">Which topic feels how</h3>
<div class="lm-beside">
<div>{{ heat }}</div>
<div class="lm-aside">
<p>Of a hundred works about a topic, so many feel like this. Topics and feelings that go together stand
together, so that patterns show; bold is far above the library’s share.</p>
{% if marks %}<h4>Most their own</h4>{{ marks }}{% endif %}</div>
</div></section>
{% if insights.relations.together or insights.relations.apart %}
<section><h3 id="lm-in-pairs" tabindex="-1">Which feelings keep company</h3>
<p>Chance keeps how common each feeling is and how many a work has.</p>
<div class="lm-insights-grid">
{% if together %}<div><h4>Together more often than by chance</h4>{{ together }}</div>{% endif %}
{% if apart %}<div><h4>Together less often</h4>{{ apart }}</div>{% endif %}
</div></section>
{% endif %}
<section><h3 id="lm-in-quality" tabindex="-1">How good is it?</h3>
{% if quality %}
<p>Measured on texts that the model never saw in training. A number means little alone, so simpler ways of
doing the same stand beside it.</p>
{{ quality }}
{% if figures %}
<div class="lm-insights-grid lm-figures">
{% for figure in figures %}
<figure>
<figcaption><h4>{{ figure.title }}</h4><p class="lm-quiet">{{ figure.description }}</p></figcaption>
<div class="lm-scroll" tabindex="0" role="region" aria-label="{{ figure.title }}">
<div style="min-width:{{ [figure.width, 420]|min }}px;max-width:{{ figure.width * 3 // 2 }}px">
{{ figure.svg }}</div>
</div></figure>
{% endfor %}
</div>
{% endif %}
{% else %}
<p>No measurements came with this model, so take its labels as guesses.</p>
{% endif %}
</section>
<section><h3 id="lm-in-misleads" tabindex="-1">Where it misleads</h3>
{{ misleads }}
{% if readings %}{{ readings }}{% endif %}
</section>
<section><h3 id="lm-in-data" tabindex="-1">Data and licences</h3>
<div class="lm-insights-grid">
<div><h4>Where the works are from</h4><dl class="lm-facts">
{% for name, count in insights.sources.items() %}
<dt>{{ name }}</dt><dd>{{ count|thousands }} works</dd>
{% endfor %}
</dl></div>
<div><h4>Licences as the sources state them</h4><dl class="lm-facts">
{% for name, count in insights.licenses.items() %}
<dt>{{ name }}</dt><dd>{{ count|thousands }} works</dd>
{% endfor %}
</dl></div></div>
<p class="lm-quiet">Analysed by {{ insights.model }}{%- if insights.built_at %}, built
{{ insights.built_at[:10] }}{% endif %}; library version {{ insights.version }}. Nothing you type or
upload is stored, and the page loads nothing from other sites.</p>
</section>
</div>
"""
)
_COUNTS = template(
    """
<table class="lm-bars lm-counts"><caption class="lm-hidden">{{ caption }}</caption>
<tbody>
{% for row in rows %}
<tr{% if row.tint %} class="lm-topic-{{ row.tint }}"{% endif %}><th scope="row">
{%- if row.href %}<a href="{{ row.href }}">{{ row.name }}</a>{% else %}{{ row.name }}{% endif %}</th>
<td class="lm-track"><span class="lm-fill" style="width:{{ row.width }}%"></span></td>
<td class="lm-number">{{ row.count|thousands }}</td></tr>
{% endfor %}
</tbody>
</table>
"""
)


def draw_insights(insights: Insights) -> Markup:
    """The whole tab as HTML."""
    related = insights.relations
    return fill(
        _INSIGHTS,
        insights=insights,
        sections=_list_sections(insights),
        first_year=write_year(insights.years[0]) if insights.years else "",
        last_year=write_year(insights.years[1]) if insights.years else "",
        n_whole=sum(insights.lengths.values()),
        short=LENGTHS["short"][1],
        long=LENGTHS["long"][0],
        topics=_draw_counts("Works by topic", insights.topics, "topic", tinted=True),
        kinds=_draw_kinds(insights),
        emotions=_draw_counts("Works by feeling", _most(insights.emotions), "feel"),
        eras=draw_eras(insights.eras),
        heat=draw_heat(related),
        marks=draw_marks(related),
        together=draw_pairs("Works with both feelings", related.together) if related.together else "",
        apart=draw_pairs("Works with both feelings, fewer than by chance", related.apart)
        if related.apart
        else "",
        quality=draw_quality(insights.metrics),
        figures=list_figures(insights.figures),
        misleads=draw_misleads(insights.doubts),
        readings=draw_readings(insights.readings) if insights.readings else "",
    )


def list_figures(texts: Mapping[str, str]) -> list[Figure]:
    """The figures that can be shown, tall ones first, so that those side by side are of a height."""
    figures = [figure for text in texts.values() if (figure := read_figure(text))]
    return sorted(figures, key=lambda figure: -figure.height / figure.width)


def build_insights(service: Service, script: str, tab: gr.Tab) -> gr.HTML:
    """The tab's one component, whose links fire ``select`` with an address.

    It is drawn when the tab is first opened: with the report's figures it is larger than all else together.
    """
    facts = gr.HTML(_WAIT, elem_id="lm-insights", js_on_load=script, apply_default_css=False, min_height=400)
    is_drawn = gr.State(False)

    def draw_once(is_drawn: bool) -> tuple[Any, bool]:
        return gr.skip() if is_drawn else draw_insights(service.insights()), True

    shared: dict[str, Any] = {"queue": False, "show_progress": "hidden", "api_visibility": "private"}
    tab.select(draw_once, is_drawn, [facts, is_drawn], **shared)
    return facts


def _list_sections(insights: Insights) -> dict[str, str]:
    related = insights.relations
    absent = {"eras": not insights.eras, "pairs": not (related.together or related.apart)}
    return {name: title for name, title in _SECTIONS.items() if not absent.get(name)}


def _most(emotions: Mapping[str, int]) -> dict[str, int]:
    ranked = sorted(emotions.items(), key=lambda pair: (-pair[1], pair[0]))
    return {name: count for name, count in ranked[:_N_EMOTIONS] if count}


def _draw_counts(
    caption: str, counts: Mapping[str, int], parameter: str, *, tinted: bool = False, most: int = 0
) -> Markup:
    """Bars whose names lead to their works; the longest bar is ``most`` works, or the highest count."""
    most = most or max(counts.values(), default=0) or 1
    rows = [
        {
            "name": f"{name}s" if parameter == "kind" else name,
            "count": count,
            "width": round(100 * count / most, 1),
            "href": f"?{parameter}={name}" if count else "",
            "tint": name.lower() if tinted else "",
        }
        for name, count in counts.items()
    ]
    return fill(_COUNTS, caption=caption, rows=rows)


def _draw_kinds(insights: Insights) -> Markup:
    kinds = _draw_counts("Works by kind", insights.kinds, "kind", most=insights.n_works)
    if not any(insights.lengths.values()):
        return kinds
    return kinds + _draw_counts("Works by length", insights.lengths, "length", most=insights.n_works)
