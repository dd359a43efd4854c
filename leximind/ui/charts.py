"""Small charts as HTML tables and inline SVG: topic bars, emotions against an average, the arc."""

from collections.abc import Sequence

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from leximind.labels import EMOTIONS, NEUTRAL, TOPICS
from leximind.ui.markup import fill, template

_TOPICS = template(
    """
<table class="lm-bars"><caption class="lm-hidden">Topics and how likely the model finds each</caption>
{% for name, score in rows %}
<tr{% if loop.first %} class="lm-first"{% endif %}><th scope="row">{{ name }}</th>
<td class="lm-track">
<span class="lm-fill lm-topic-{{ name|lower }}" style="width:{{ '%.1f'|format(score * 100) }}%"></span></td>
<td class="lm-number">{{ score|percent }}</td></tr>
{% endfor %}
</table>
"""
)


def draw_topics(scores: Sequence[float]) -> Markup:
    """Seven bars, most likely first; ``scores`` are (7,) probabilities in the order of ``TOPICS``."""
    rows = sorted(zip(TOPICS, scores, strict=True), key=lambda row: -row[1])
    return fill(_TOPICS, rows=rows)


_BARS = """
{% macro bars(rows, caption) %}
<table class="lm-bars lm-emotions">
<caption class="lm-hidden">{{ caption }}</caption>
<thead><tr><th scope="col"><span class="lm-hidden">Feeling</span></th><td></td>
<th scope="col">this {{ what }}</th><th scope="col">average</th></tr></thead>
<tbody>
{% for row in rows %}
<tr><th scope="row">{{ row.name }}</th>
<td class="lm-track"><span class="lm-fill" style="width:{{ row.width }}%"></span>
<span class="lm-average" style="left:{{ row.average_at }}%"></span></td>
<td class="lm-number">{{ row.score|percent }}</td>
<td class="lm-number lm-versus">{{ row.average|percent }}</td></tr>
{% endfor %}
</tbody>
</table>
{% endmacro %}
"""
_EMOTIONS = template(
    _BARS
    + """
{% if strong %}
{{ bars(strong, "Feelings that stand out, and the average of " ~ average_of) }}
{% else %}
<p>No feeling of this {{ what }} is above the average of {{ average_of }}.</p>
{% endif %}
<p class="lm-key"><span class="lm-key-fill"></span> this {{ what }}
<span class="lm-key-average"></span> average of {{ average_of }}</p>
<p class="lm-quiet">How likely the model thinks a reader would name this feeling.</p>
{% if others %}
<details class="lm-others">
<summary>{{ "The other" if strong else "All" }} {{ others|length }} feelings</summary>
{{ bars(others, "The other feelings, and the average of " ~ average_of) }}
</details>
{% endif %}
"""
)


def rank_emotions(
    scores: Sequence[float], mean: NDArray[np.floating], std: NDArray[np.floating], limit: int
) -> list[int]:
    """At most ``limit`` emotions above the average, furthest first in standard deviations.

    Neutral is left out: it is the absence of the others.
    """
    distance = _measure_distance(scores, mean, std)
    order = np.argsort(-distance, kind="stable")
    return [int(index) for index in order[:limit] if index != NEUTRAL and distance[index] > 0]


def draw_emotions(
    scores: Sequence[float],
    mean: NDArray[np.floating],
    std: NDArray[np.floating],
    *,
    tone: Sequence[str] = (),
    limit: int = 8,
    what: str = "work",
    average_of: str = "the library",
) -> Markup:
    """Bars for the emotions that stand out most, each with a tick at the average; the others fold away.

    ``scores``, ``mean`` and ``std`` are (28,) in the order of ``EMOTIONS``. All bars share one scale.
    Those of ``tone`` come first, in its order, so that the chart says what the words above it say.
    """
    named = [EMOTIONS.index(name) for name in tone if name in EMOTIONS]
    strong = list(dict.fromkeys([*named, *rank_emotions(scores, mean, std, limit)]))[:limit]
    order = np.argsort(-_measure_distance(scores, mean, std), kind="stable").tolist()
    others = [index for index in order if index != NEUTRAL and index not in strong]
    full = max(0.05, *(float(max(scores[index], mean[index])) for index in (*strong, *others))) * 1.04

    def row(index: int) -> dict[str, str | float]:
        return {
            "name": EMOTIONS[index],
            "score": scores[index],
            "average": float(mean[index]),
            "width": round(100 * scores[index] / full, 1),
            "average_at": round(100 * float(mean[index]) / full, 1),
        }

    return fill(
        _EMOTIONS,
        strong=[row(index) for index in strong],
        others=[row(index) for index in others],
        what=what,
        average_of=average_of,
    )


def _measure_distance(
    scores: Sequence[float], mean: NDArray[np.floating], std: NDArray[np.floating]
) -> NDArray[np.float64]:
    """(28,) how far each emotion lies above the average, in standard deviations; neutral is last of all."""
    distance = (np.asarray(scores, np.float64) - mean) / np.maximum(std, 1e-4)
    distance[NEUTRAL] = -np.inf
    return np.asarray(distance, np.float64)


_WIDTH, _HEIGHT, _TOP, _FLOOR = 640, 200, 10, 197
_ARC = template(
    """
<figure class="lm-arc" data-what="{{ what }}">
<div class="lm-arc-plot">
<svg viewBox="0 0 {{ width }} {{ height }}" role="img" aria-label="{{ told }}" preserveAspectRatio="none">
  {% for y in grid %}<line class="lm-arc-grid" x1="0" x2="{{ width }}" y1="{{ y }}" y2="{{ y }}"/>{% endfor %}
  <polygon class="lm-arc-area" points="0,{{ floor }} {{ lines[0].points }} {{ width }},{{ floor }}"/>
  {% for line in lines %}
  <polyline class="lm-arc-line lm-series-{{ loop.index0 }}" points="{{ line.points }}"
   data-name="{{ line.name }}" data-values="{{ line['values'] }}"/>
  {% endfor %}
</svg>
{% for line in lines %}
<span class="lm-arc-peak lm-series-{{ loop.index0 }}"
 style="left:{{ line.left }}%;top:{{ line.top }}%"></span>
{% endfor %}
<span class="lm-arc-top" aria-hidden="true">{{ top|percent }}</span>
</div>
<div class="lm-arc-ends" aria-hidden="true"><span>beginning</span><span>half way</span><span>end</span></div>
<figcaption>
  {% for line in lines %}
  <span class="lm-arc-name"><svg width="26" height="8" aria-hidden="true">
  <line class="lm-arc-line lm-series-{{ loop.index0 }}" x1="0" x2="26" y1="4" y2="4"/></svg>
  {{ line.name }} <span class="lm-quiet">highest at {{ line.peak }}</span></span>
  {% endfor %}
</figcaption>
</figure>
"""
)


def draw_arc(
    arc: Sequence[Sequence[float]], tone: Sequence[str], *, limit: int = 3, what: str = "text"
) -> Markup:
    """How feelings rise and fall from the first passage to the last; empty for fewer than three passages.

    ``arc`` is (passages, 28). Shown are the emotions of ``tone`` first, then those that move most.
    Three passages in a row are averaged so that one loud sentence does not look like a turn of the plot.
    ``assets/work.js`` adds a line that is moved over the chart and names the values of a place.
    """
    if len(arc) < 3:
        return Markup("")
    scores = np.asarray(arc, dtype=np.float32)
    smooth = np.stack([scores[max(0, i - 1) : i + 2].mean(axis=0) for i in range(len(scores))])
    spread = smooth.std(axis=0)
    spread[NEUTRAL] = -1
    toned = [EMOTIONS.index(name) for name in tone if name in EMOTIONS]
    movers = [int(index) for index in np.argsort(-spread, kind="stable")]
    chosen = list(dict.fromkeys(toned + movers))[:limit]
    top = max(float(smooth[:, chosen].max()), 0.05)
    lines = [_trace(EMOTIONS[index], smooth[:, index], top) for index in chosen]
    told = "From beginning to end: " + "; ".join(
        f"{line['name']} is highest at {line['peak']}" for line in lines
    )
    return fill(
        _ARC,
        what=what,
        lines=lines,
        told=told,
        top=top,
        grid=[_TOP, (_TOP + _FLOOR) / 2],
        floor=_FLOOR,
        width=_WIDTH,
        height=_HEIGHT,
    )


def _trace(name: str, values: NDArray[np.float32], top: float) -> dict[str, str | float]:
    """One curve: (P,) values on a scale from 0 to ``top``, its points in the drawing and its peak."""
    x = np.linspace(0, _WIDTH, len(values))
    y = _FLOOR - values / top * (_FLOOR - _TOP)
    highest = int(values.argmax())
    return {
        "name": name,
        "points": " ".join(f"{a:.1f},{b:.1f}" for a, b in zip(x, y, strict=True)),
        "values": " ".join(f"{value:.3f}" for value in values),
        "peak": _place(highest / (len(values) - 1)),
        "left": round(100 * float(x[highest]) / _WIDTH, 2),
        "top": round(100 * float(y[highest]) / _HEIGHT, 2),
    }


def _place(share: float) -> str:
    if share < 0.04:
        return "the beginning"
    return "the end" if share > 0.96 else f"{share:.0%}"
