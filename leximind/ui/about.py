"""The About tab: what the model is, how well it does, what is in the library, and where it misleads."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import gradio as gr
from markupsafe import Markup

from leximind.library.insights import Insights
from leximind.service import Service
from leximind.ui.figures import Figure, read_figure
from leximind.ui.markup import fill, template

_N_EMOTIONS: Final = 16
MISLEADS: Final = (
    "The feelings are those a model expects readers to name. It learned them mostly from short comments on "
    "the internet; long or old prose, irony and quotation can fool it.",
    "A feeling is listed only where a work’s score lies above the average of all works, stands out from "
    "works read from the same kind of text, and is not faint; at most four are. None does not mean cold.",
    "Every work gets one of seven topics, also when two fit or none does. Below one half the page says "
    "“perhaps”.",
    "Most works were read from a description of a page or less. Where the full text was read, the entry says "
    "so and shows how the feelings run from beginning to end.",
    "A summary written by the model can be wrong. Where the model only chose a sentence, the page says so.",
    "Only English is understood well. Other languages get a warning and weak results.",
)

_ABOUT = template(
    """
<div class="lm-about">
<section class="lm-about-lead">
<h2>A library you can search by feeling</h2>
<p>LexiMind helps you find the next book or paper to read by topic, by feeling and by meaning. One small
transformer read every description ahead of time, and some books from cover to cover; what you browse is what
it found, together with how sure it was.
Search mixes the words you type with their meaning, and the Live tab lets the same model read a text of
yours.</p>
</section>
<div class="lm-about-grid">
<section><h3>The library</h3>
<p><strong>{{ insights.n_works|thousands }}</strong> works:
{% for name, count in insights.kinds.items() %}
{{ count|thousands }} {{ name }}s{{ "." if loop.last else "," }}
{% endfor %}</p>
{{ topics }}
<h4>When they were written</h4>
{{ centuries }}
{% if insights.n_undated %}
<p class="lm-quiet">{{ insights.n_undated|thousands }} without a year.</p>
{% endif %}
</section>
<section><h3>What they feel of</h3>
<p>The feelings that stand out in most works.</p>
{{ emotions }}
</section>
</div>
<section><h3>How well the model does</h3>
{% if measurements %}
<p>Measured on texts the model never saw in training. A number means little alone, so where we have one a
simple baseline stands beside it.</p>
<div class="lm-scroll" tabindex="0" role="region" aria-label="Measured quality">
<table class="lm-table">
<thead><tr><th scope="col">Measured on</th><th scope="col">Measure</th><th scope="col">This model</th>
<th scope="col">95% interval</th><th scope="col">Baselines</th></tr></thead>
<tbody>
{% for row in measurements %}
<tr><th scope="row">{{ row.what }}</th><td>{{ row.measure }}</td><td><strong>{{ row.value }}</strong></td>
<td>{{ row.interval }}</td><td>{{ row.baselines }}</td></tr>
{% endfor %}
</tbody>
</table></div>
{% if figures %}
<div class="lm-about-grid">
{% for figure in figures %}
<figure style="margin:28px 0 0;min-width:0">
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
<div class="lm-about-grid">
<section><h3>How labels may mislead</h3>
<ul class="lm-plain">{% for text in misleads %}<li>{{ text }}</li>{% endfor %}</ul></section>
<section><h3>Data and licences</h3>
<dl class="lm-facts">
{% for name, count in insights.sources.items() %}
<dt>{{ name }}</dt><dd>{{ count|thousands }} works</dd>
{% endfor %}
</dl>
<p>Licences as the sources state them:</p>
<ul class="lm-plain">
{% for name, count in insights.licenses.items() %}
<li>{{ name }} ({{ count|thousands }})</li>
{% endfor %}
</ul>
<p class="lm-quiet">Analysed by {{ insights.model }}
{%- if insights.built_at %}, built {{ insights.built_at[:10] }}{% endif %};
library version {{ insights.version }}.</p>
<p class="lm-quiet">Nothing you type or upload is stored, and the page loads nothing from other sites.</p>
</section>
</div>
</div>
"""
)
_COUNTS = template(
    """
<table class="lm-bars lm-counts"><caption class="lm-hidden">{{ caption }}</caption>
{% for name, count, width, href in rows %}
<tr><th scope="row">{% if href %}<a href="{{ href }}">{{ name }}</a>{% else %}{{ name }}{% endif %}</th>
<td class="lm-track"><span class="lm-fill{% if tinted %} lm-topic-{{ name|lower }}{% endif %}"
 style="width:{{ width }}%"></span></td>
<td class="lm-number">{{ count|thousands }}</td></tr>
{% endfor %}
</table>
"""
)


def draw_about(insights: Insights) -> Markup:
    """The whole tab as HTML."""
    topics = [(name, count, f"?topic={name}") for name, count in insights.topics.items()]
    emotions = sorted(insights.emotions.items(), key=lambda item: (-item[1], item[0]))
    centuries = [
        (write_span(first, first + 99), count, f"?from={first}&to={first + 99}")
        for first, count in insights.centuries.items()
    ]
    return fill(
        _ABOUT,
        insights=insights,
        topics=_draw_counts("Works by topic", topics, tinted=True),
        emotions=_draw_counts(
            "Works by feeling",
            [(name, count, f"?feel={name}") for name, count in emotions[:_N_EMOTIONS] if count],
        ),
        centuries=_draw_counts("Works by century", centuries),
        measurements=list_measurements(insights.metrics),
        figures=list_figures(insights.figures),
        misleads=MISLEADS,
    )


def list_figures(texts: Mapping[str, str]) -> list[Figure]:
    """The figures that can be shown, tall ones first, so that those side by side are of a height."""
    figures = [figure for text in texts.values() if (figure := read_figure(text))]
    return sorted(figures, key=lambda figure: -figure.height / figure.width)


def write_span(first: int, last: int) -> str:
    """Years for readers: ``1800–1899``, ``700–601 BC``."""
    return f"{first}–{last}" if first >= 0 else f"{-first}–{-last} BC"


def _draw_counts(caption: str, rows: list[tuple[str, int, str]], *, tinted: bool = False) -> Markup:
    most = max((count for _, count, _ in rows), default=1) or 1
    drawn = [(name, count, round(100 * count / most, 1), href) for name, count, href in rows]
    return fill(_COUNTS, caption=caption, rows=drawn, tinted=tinted)


@dataclass(frozen=True)
class Measurement:
    """One row of the table, ready to be read."""

    what: str
    measure: str
    value: str
    interval: str = ""
    baselines: str = ""


def list_measurements(metrics: Mapping[str, Any]) -> list[Measurement]:
    """The rows of ``metrics.json``, whose leaves are ``{"model", "low", "high", and each baseline}``.

    Numbers that stand elsewhere become rows without baselines; what is not a number is left out.
    """
    rows: list[Measurement] = []

    def walk(path: tuple[str, ...], node: Mapping[str, Any]) -> None:
        numbers = {name: value for name, value in node.items() if isinstance(value, int | float)}
        if path and "model" in numbers:
            rows.append(_measure(path, numbers))
        else:
            what = _name(path) or "model"
            rows.extend(Measurement(what, _name((name,)), _write(value)) for name, value in numbers.items())
        for name, value in node.items():
            if isinstance(value, Mapping):
                walk((*path, name), value)

    walk((), metrics)
    return rows


def _measure(path: tuple[str, ...], numbers: dict[str, float]) -> Measurement:
    value = _write(numbers.pop("model"))
    low, high = numbers.pop("low", None), numbers.pop("high", None)
    interval = f"{_write(low)} to {_write(high)}" if low is not None and high is not None else ""
    baselines = ", ".join(f"{_name((name,))} {_write(number)}" for name, number in numbers.items())
    return Measurement(_name(path[:-1]), _name(path[-1:]), value, interval, baselines)


def _name(path: tuple[str, ...]) -> str:
    return " · ".join(part.replace("_", " ") for part in path)


def _write(value: float) -> str:
    return f"{value:,}" if isinstance(value, int) else f"{value:.3f}"


def build_about(service: Service, script: str) -> gr.HTML:
    """The tab's one component, whose links fire ``select`` with an address."""
    return gr.HTML(
        draw_about(service.insights()), elem_id="lm-about", js_on_load=script, apply_default_css=False
    )
