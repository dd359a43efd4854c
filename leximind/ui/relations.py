"""How labels relate, as tables that can be read without their shades: every count is a link to its works."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from markupsafe import Markup

from leximind.labels import TOPICS
from leximind.library.eras import Era
from leximind.library.filters import Filters
from leximind.library.relations import Pair, Relations
from leximind.ui.address import View
from leximind.ui.markup import fill, template

N_LEVELS: Final = 6
N_MARKED: Final = 7
_MARKED_LIFT: Final = 1.75
_MARKED_LEAST: Final = 5
_EVERYWHERE: Final = View()


@dataclass(frozen=True)
class Cell:
    """A count of a table.

    Attributes:
        text: what stands in the cell. told: the same as a sentence.
        level: its shade, from 0 to ``N_LEVELS``.
        href: the address of the works, "" where there are none.
        is_marked: it stands out in its row.
    """

    text: str
    told: str
    level: int
    href: str
    is_marked: bool = False


_CELLS = template(
    """
{% for cell in cells %}
<td>{% if cell.href %}<a class="lm-cell lm-level-{{ cell.level }}{% if cell.is_marked %} lm-marked{% endif %}"
 href="{{ cell.href }}" aria-label="{{ cell.told }}" data-told="{{ cell.told }}">{{ cell.text }}</a>
{% else %}<span class="lm-cell lm-zero">{{ cell.text }}</span>{% endif %}</td>
{% endfor %}
"""
)
_HEAT = template(
    """
<table class="lm-heat" role="grid" aria-label="Of a hundred works of a topic, how many feel so">
<thead><tr><td></td>
{% for name, count, href in columns %}
<th scope="col"><a href="{{ href }}" aria-label="{{ name }}, {{ count|thousands }} works">{{ name }}</a></th>
{% endfor %}
</tr></thead>
<tbody>
{% for name, href, cells in rows %}
<tr><th scope="row"><a href="{{ href }}">{{ name }}</a></th>{{ cells }}</tr>
{% endfor %}
</tbody>
</table>
<p class="lm-scale" aria-hidden="true">
{% for level, text in scale %}<span class="lm-level-{{ level }}">{{ text }}</span>{% endfor %}
of a topic’s works</p>
"""
)
_ERAS = template(
    """
<table class="lm-heat lm-eras" role="grid" aria-label="Works by century and topic">
<thead><tr><td></td>
{% for era in eras %}
<th scope="col">
{% if era.n_works %}<a href="{{ era.href }}" aria-label="{{ era.n_works|thousands }} works, {{ era.name }}">
{% else %}<span>{% endif %}
<span class="lm-column" aria-hidden="true"><span class="lm-rise" style="height:{{ era.height }}%"></span>
</span>
<b>{{ era.n_works|thousands }}</b> <span class="lm-era-name">{{ era.name }}</span>
{% if era.n_works %}</a>{% else %}</span>{% endif %}</th>
{% endfor %}
</tr></thead>
<tbody>
{% for name, href, cells in rows %}
<tr class="lm-topic-{{ name|lower }}"><th scope="row"><a href="{{ href }}">{{ name }}</a></th>{{ cells }}</tr>
{% endfor %}
</tbody>
</table>
"""
)
_PAIRS = template(
    """
<table class="lm-bars lm-pairs"><caption class="lm-hidden">{{ caption }}</caption>
<tbody>
{% for pair in pairs %}
<tr><th scope="row"><a href="{{ pair.href }}">{{ pair.name }}</a></th>
<td class="lm-track"><span class="lm-fill" style="width:{{ pair.width }}%"></span>
<span class="lm-average" style="left:{{ pair.expected_at }}%"></span></td>
<td class="lm-number">{{ pair.n_works|thousands }}
<span class="lm-versus"><span class="lm-hidden">, by chance </span>{{ pair.expected }}</span></td></tr>
{% endfor %}
</tbody>
</table>
<p class="lm-key" aria-hidden="true"><span class="lm-key-fill"></span> works with both
<span class="lm-key-average"></span> by chance, at the right</p>
"""
)
_MARKS = template(
    """
<ul class="lm-marks">
{% for mark in marks %}
<li><a href="{{ mark.href }}">{{ mark.topic }} that feels {{ mark.emotion }}</a>
<span class="lm-quiet">{{ mark.count|thousands }} works, {{ mark.lift }} times the library’s share</span></li>
{% endfor %}
</ul>
"""
)


def draw_heat(relations: Relations) -> Markup:
    """Topics against feelings: in each cell the share of the topic's works that feel so."""
    totals = relations.counts.sum(axis=1) / max(1, sum(relations.n_works))
    highest = float((relations.counts / relations.n_works).max()) if relations.counts.size else 1.0
    rows = []
    for number, emotion in enumerate(relations.emotions):
        cells = [
            _relate(relations, (number, column), float(totals[number]), highest)
            for column in range(len(relations.topics))
        ]
        rows.append((emotion, _link(emotions=(emotion,)), fill(_CELLS, cells=cells)))
    columns = [
        (topic, count, _link(topics=(topic,)))
        for topic, count in zip(relations.topics, relations.n_works, strict=True)
    ]
    steps = [(level, f"{highest * level / N_LEVELS:.0%}") for level in range(1, N_LEVELS + 1)]
    return fill(_HEAT, columns=columns, rows=rows, scale=steps)


def _relate(relations: Relations, place: tuple[int, int], total: float, highest: float) -> Cell:
    """The cell at (row, column), beside the share of the whole library and the highest of the table."""
    emotion, topic = relations.emotions[place[0]], relations.topics[place[1]]
    count, works = int(relations.counts[place]), relations.n_works[place[1]]
    share, deviation = count / works, float(relations.deviations[place])
    told = (
        f"{100 * share:.0f}%: {emotion} stands out in {count:,} of {works:,} works about {topic}, in "
        f"{total:.0%} of the library. Mean score {abs(deviation):.1f} deviations "
        f"{'above' if deviation >= 0 else 'below'} average."
    )
    is_marked = count >= _MARKED_LEAST and share >= _MARKED_LIFT * total
    href = _link(topics=(topic,), emotions=(emotion,)) if count else ""
    return Cell(f"{100 * share:.0f}", told, _level(share, highest), href, is_marked)


def draw_marks(relations: Relations) -> Markup:
    """The feelings that belong to a topic more than to the library, most marked first; empty for none."""
    total = max(1, sum(relations.n_works))
    marks = []
    for row, emotion in enumerate(relations.emotions):
        of_all = relations.counts[row].sum() / total
        for column, topic in enumerate(relations.topics):
            count = int(relations.counts[row, column])
            lift = float(count / relations.n_works[column] / of_all)
            if count >= _MARKED_LEAST and lift >= _MARKED_LIFT:
                href = _link(topics=(topic,), emotions=(emotion,))
                words = {"topic": topic, "emotion": emotion, "count": count, "href": href}
                marks.append((lift, words | {"lift": f"{lift:.1f}"}))
    marks.sort(key=lambda mark: (-mark[0], str(mark[1]["href"])))
    return fill(_MARKS, marks=[words for _, words in marks[:N_MARKED]]) if marks else Markup("")


def draw_eras(eras: Sequence[Era]) -> Markup:
    """A histogram of the centuries, and under each column its topics."""
    most = max((era.n_works for era in eras), default=0) or 1
    columns = [
        {
            "name": name_era(era),
            "n_works": era.n_works,
            "height": round(100 * era.n_works / most, 1),
            "href": _link(year_from=era.first, year_to=era.last),
        }
        for era in eras
    ]
    highest = max((count / era.n_works for era in eras for count in era.topics if era.n_works), default=1)
    rows = []
    for number, topic in enumerate(TOPICS):
        cells = []
        for era in eras:
            count, share = era.topics[number], era.topics[number] / max(1, era.n_works)
            told = (
                f"{count:,} of {era.n_works:,} works of the {name_era(era)} are about {topic}, {share:.0%}."
            )
            href = _link(topics=(topic,), year_from=era.first, year_to=era.last) if count else ""
            cells.append(Cell(f"{count:,}", told, _level(share, highest), href))
        rows.append((topic, _link(topics=(topic,)), fill(_CELLS, cells=cells)))
    return fill(_ERAS, eras=columns, rows=rows)


def name_era(era: Era) -> str:
    """A century for readers: ``1800s``, ``400s BC``, ``years before 1400``."""
    if era.first is None:
        return f"years before {era.last + 1}" if era.last >= 0 else f"years before {-era.last - 1} BC"
    if era.first < 0:
        return f"{-era.first}s BC"
    return f"{era.first}s" if era.first else "years 1–99"


def draw_pairs(caption: str, pairs: Sequence[Pair]) -> Markup:
    """Bars of how many works two feelings share, each with a tick at what chance would give."""
    most = max((max(pair.n_works, pair.expected) for pair in pairs), default=1) * 1.04
    drawn = [
        {
            "name": f"{pair.first} and {pair.second}",
            "href": _link(emotions=(pair.first, pair.second)),
            "n_works": pair.n_works,
            "width": round(100 * pair.n_works / most, 1),
            "expected": f"{pair.expected:.0f}" if pair.expected >= 1 else "<1",
            "expected_at": round(100 * pair.expected / most, 1),
        }
        for pair in pairs
    ]
    return fill(_PAIRS, caption=caption, pairs=drawn)


def _link(**conditions: object) -> str:
    return _EVERYWHERE.link(filters=Filters(**conditions))  # type: ignore[arg-type]  # Filters validates


def _level(share: float, highest: float) -> int:
    """The nearest of the shades that rise evenly to the highest share; only nothing has none."""
    return max(1, round(N_LEVELS * share / highest)) if share else 0
