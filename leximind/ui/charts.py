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


_EMOTIONS = template(
    """
<table class="lm-bars lm-emotions">
<caption class="lm-hidden">Feelings that stand out, with the library's average</caption>
{% for row in rows %}
<tr><th scope="row">{{ row.name }}</th>
<td class="lm-track"><span class="lm-fill" style="width:{{ row.width }}%"></span>
<span class="lm-average" style="left:{{ row.average_at }}%"></span></td>
<td class="lm-number">{{ row.score|percent }}
<span class="lm-versus"><span class="lm-hidden">, library </span>{{ row.average|percent }}</span></td></tr>
{% endfor %}
</table>
<p class="lm-key"><span class="lm-key-fill"></span> this {{ what }}
<span class="lm-key-average"></span> average of the library</p>
<p class="lm-quiet">How likely the model thinks a reader would name this feeling.</p>
"""
)
_UNMOVED = template("""<p>No feeling of this {{ what }} is above the library's average.</p>""")


def rank_emotions(
    scores: Sequence[float], mean: NDArray[np.float32], std: NDArray[np.float32], limit: int
) -> list[int]:
    """At most ``limit`` emotions above the library's average, furthest first in standard deviations.

    Neutral is left out: it is the absence of the others.
    """
    distance = (np.asarray(scores, dtype=np.float32) - mean) / np.maximum(std, 1e-4)
    distance[NEUTRAL] = -np.inf
    return [int(index) for index in np.argsort(-distance, kind="stable")[:limit] if distance[index] > 0]


def draw_emotions(
    scores: Sequence[float],
    mean: NDArray[np.float32],
    std: NDArray[np.float32],
    *,
    limit: int = 8,
    what: str = "work",
) -> Markup:
    """Bars for the emotions that stand out most, each with a tick at the library's average.

    ``scores``, ``mean`` and ``std`` are (28,) in the order of ``EMOTIONS``. All bars share one scale.
    """
    chosen = rank_emotions(scores, mean, std, limit)
    if not chosen:
        return fill(_UNMOVED, what=what)
    full = max(0.05, *(float(max(scores[index], mean[index])) for index in chosen)) * 1.04
    rows = [
        {
            "name": EMOTIONS[index],
            "score": scores[index],
            "average": float(mean[index]),
            "width": round(100 * scores[index] / full, 1),
            "average_at": round(100 * float(mean[index]) / full, 1),
        }
        for index in chosen
    ]
    return fill(_EMOTIONS, rows=rows, what=what)


_WIDTH, _HEIGHT, _PAD = 640, 200, 10
_ARC = template(
    """
<figure class="lm-arc">
<svg viewBox="0 0 {{ width }} {{ height }}" role="img" aria-label="{{ told }}" preserveAspectRatio="none">
  {% for y in grid %}<line class="lm-arc-grid" x1="0" x2="{{ width }}" y1="{{ y }}" y2="{{ y }}"/>{% endfor %}
  {% for line in lines %}
  <polyline class="lm-arc-line lm-series-{{ loop.index0 }}" points="{{ line.points }}"/>
  {% endfor %}
</svg>
<div class="lm-arc-ends" aria-hidden="true"><span>beginning</span><span>end</span></div>
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


def draw_arc(arc: Sequence[Sequence[float]], tone: Sequence[str], *, limit: int = 3) -> Markup:
    """How feelings rise and fall from the first passage to the last; empty for fewer than three passages.

    ``arc`` is (passages, 28). Shown are the emotions of ``tone`` first, then those that move most.
    Three passages in a row are averaged so that one loud sentence does not look like a turn of the plot.
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
    x = np.linspace(0, _WIDTH, len(smooth))
    lines = []
    for index in chosen:
        y = _HEIGHT - _PAD - smooth[:, index] / top * (_HEIGHT - 2 * _PAD)
        peak = int(smooth[:, index].argmax()) / (len(smooth) - 1)
        points = " ".join(f"{a:.1f},{b:.1f}" for a, b in zip(x, y, strict=True))
        lines.append({"name": EMOTIONS[index], "points": points, "peak": _place(peak)})
    told = "From beginning to end: " + "; ".join(
        f"{line['name']} is highest at {line['peak']}" for line in lines
    )
    grid = [_PAD, _HEIGHT / 2, _HEIGHT - _PAD]
    return fill(_ARC, lines=lines, told=told, grid=grid, width=_WIDTH, height=_HEIGHT)


def _place(share: float) -> str:
    if share < 0.04:
        return "the beginning"
    return "the end" if share > 0.96 else f"{share:.0%}"
