"""How the labels may mislead, each warning with works of the library in which it shows."""

from collections.abc import Sequence
from typing import Final

from markupsafe import Markup

from leximind.labels import EMOTIONS
from leximind.library.doubts import Doubt, Doubts, Readings
from leximind.ui.address import View
from leximind.ui.markup import fill, template

_EVERYWHERE: Final = View()

_MISLEADS = template(
    """
<ol class="lm-misleads">
<li><h4>A topic is forced</h4>
<p>Every work gets one of seven topics, also when two fit or none does. Below one half the page says
“perhaps”.</p>
{% if topics %}<p class="lm-example">Least sure: {{ topics }}</p>{% endif %}</li>
<li><h4>A feeling is a comparison</h4>
<p>One is listed where a work’s score lies above the average of all works, stands out from works read from
the same kind of text, and is not faint; at most four are. None does not mean cold, and a listed one can
still be unlikely by itself.</p>
{% if feelings %}<p class="lm-example">Faintest of those listed: {{ feelings }}</p>{% endif %}</li>
<li><h4>Most were judged by their description</h4>
<p>A page or less, and the blurb’s feeling is not the book’s. Where the full text was read, the entry says
so and shows how the feelings run from beginning to end.</p>
{% if texts %}<p class="lm-example">Judged by the shortest descriptions: {{ texts }}</p>{% endif %}</li>
<li><h4>Feelings were learned from comments</h4>
<p>They are those a model expects readers to name, and it learned them mostly from short comments on the
internet. Long or old prose, irony and quotation can fool it.</p></li>
<li><h4>A summary can be wrong</h4>
<p>Where the model wrote one, it may say what the text does not. Where it only chose a sentence, the page
says so.</p></li>
<li><h4>English only</h4>
<p>Other languages get a warning and weak results.</p></li>
</ol>
"""
)
_EXAMPLES = template(
    """
{% for href, title, said in examples %}<a href="{{ href }}">{{ title }}</a>
({{ said }}){{ ", " if not loop.last else "." }}
{% endfor %}
"""
)


_READINGS = template(
    """
<h4>A book is not its description</h4>
<div class="lm-beside"><div>
<table class="lm-bars"><caption class="lm-hidden">Share of books in which a feeling stands out, when read
whole, beside
books read from a description</caption><tbody>
{% for row in rows %}
<tr><th scope="row"><a href="{{ row.href }}">{{ row.name }}</a></th>
<td class="lm-track"><span class="lm-fill" style="width:{{ row.width }}%"></span>
<span class="lm-average" style="left:{{ row.other_at }}%"></span></td>
<td class="lm-number">{{ row.share|percent }}
<span class="lm-versus"><span class="lm-hidden">, from a description
</span>{{ row.other|percent }}</span></td></tr>
{% endfor %}
</tbody></table>
<p class="lm-key" aria-hidden="true"><span class="lm-key-fill"></span> books read whole
<span class="lm-key-average"></span> read from a description</p>
</div><div class="lm-aside">
<p>{{ whole.n_works|thousands }} books were read whole and {{ described.n_works|thousands }} by their
description. In a whole book {{ "%.1f"|format(whole.n_feelings) }} feelings stand out on average, in a
description {{ "%.1f"|format(described.n_feelings) }}; the topic is given {{ whole.sureness|percent }} and
{{ described.sureness|percent }} on average. The feelings shown differ most, so do not compare a book of
one sort with one of the other by a single feeling.</p></div></div>
"""
)


def draw_misleads(doubts: Doubts) -> Markup:
    """The warnings, with examples where the library has them."""
    return fill(
        _MISLEADS,
        topics=_list(
            [
                (doubt, f"{doubt.label} {doubt.score:.0%}, {doubt.other} {doubt.other_score:.0%}")
                for doubt in doubts.topics
            ]
        ),
        feelings=_list([(doubt, f"{doubt.label} {doubt.score:.0%}") for doubt in doubts.feelings]),
        texts=_list(
            [
                (doubt, f"{doubt.n_words:,} words{', ' + doubt.label if doubt.label else ''}")
                for doubt in doubts.texts
            ]
        ),
    )


def draw_readings(readings: Readings) -> Markup:
    """How feelings differ between books read whole and books read from a description."""
    whole, described = readings.whole, readings.described
    pairs = [(name, EMOTIONS.index(name)) for name in readings.emotions]
    most = max((max(whole.shares[n], described.shares[n]) for _, n in pairs), default=1) * 1.04 or 1
    rows = [
        {
            "name": name,
            "href": f"?kind=book&feel={name}",
            "share": whole.shares[number],
            "width": round(100 * whole.shares[number] / most, 1),
            "other": described.shares[number],
            "other_at": round(100 * described.shares[number] / most, 1),
        }
        for name, number in pairs
    ]
    return fill(_READINGS, rows=rows, whole=whole, described=described)


def _list(examples: Sequence[tuple[Doubt, str]]) -> Markup:
    return fill(
        _EXAMPLES,
        examples=[(_EVERYWHERE.link(work=doubt.work_id), doubt.title, said) for doubt, said in examples],
    ).strip()
