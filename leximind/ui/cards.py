"""Works as cards: a typographic cover drawn from the title, and what one needs to choose."""

import zlib
from collections.abc import Callable, Iterable

from markupsafe import Markup

from leximind.labels import EMOTION_FAMILIES
from leximind.library.filters import write_year
from leximind.library.work import Work
from leximind.service import Hit
from leximind.ui.markup import fill, join, keep_marks, template

# Below this share the model was in two minds, and the page says so.
SURE = 0.5
_N_MOTIFS, _N_SHADES = 6, 3
_FAMILY = {name: family for family, names in EMOTION_FAMILIES.items() for name in names}

_COVER = template(
    """
<span class="lm-cover lm-cover-{{ work.kind }} lm-topic-{{ work.topic|lower }}
 lm-motif-{{ motif }} lm-shade-{{ shade }}{% if long %} lm-cover-long{% endif %}" aria-hidden="true">
<span class="lm-cover-title">{{ title }}</span>
<span class="lm-cover-author">{{ author }}</span></span>
"""
)
_CARD = template(
    """
<li class="lm-card">
{{ cover }}
<div class="lm-card-text">
  <p class="lm-kicker">{{ kind }}{% if work.year is not none %} · {{ year }}{% endif %}
  · <span class="lm-topic-name lm-topic-{{ work.topic|lower }}">{{ topic }}</span></p>
  <h3><a class="lm-title" href="{{ href }}" data-work="{{ work.id }}">{{ work.title }}</a></h3>
  {% if authors %}<p class="lm-authors">{{ authors }}</p>{% endif %}
  <p class="lm-summary">{{ summary }}</p>
  {{ tone }}
  {% if reasons %}<p class="lm-reasons">{{ reasons|join(" · ") }}</p>{% endif %}
</div>
</li>
"""
)
_TONE = template(
    """
{% if tone %}
<ul class="lm-tone" aria-label="Feels of">
{% for name, family in tone %}<li class="lm-{{ family }}">{{ name }}</li>{% endfor %}
</ul>
{% endif %}
"""
)


def draw_cover(work: Work) -> Markup:
    """A cover in the topic's colour; motif and shade follow from the id, so a work keeps its cover."""
    number = zlib.crc32(work.id.encode())
    title = work.title.split(":")[0] if len(work.title) > 60 else work.title
    surname = work.authors[0].split()[-1] if work.authors and work.authors[0].split() else ""
    others = " et al." if len(work.authors) > 2 else ""
    return fill(
        _COVER,
        work=work,
        motif=number % _N_MOTIFS,
        shade=number // _N_MOTIFS % _N_SHADES,
        title=title,
        long=len(title) > 38 or max(map(len, title.split()), default=0) > 9,
        author=surname + others,
    )


def draw_tone(tone: Iterable[str], limit: int = 3) -> Markup:
    """The feelings that stand out as words, each with its family's mark."""
    return fill(_TONE, tone=[(name, _FAMILY.get(name, "neutral")) for name in list(tone)[:limit]])


def name_authors(authors: tuple[str, ...], limit: int = 3) -> str:
    """Authors in a line: ``("A", "B", "C", "D") -> "A, B, C and 1 other"``."""
    if len(authors) > limit:
        rest = len(authors) - limit
        return f"{', '.join(authors[:limit])} and {rest} other{'s' if rest > 1 else ''}"
    return ", ".join(authors)


def name_topic(work: Work) -> str:
    """The topic as sure as the model is: ``"History"``, or ``"perhaps History"`` below one half."""
    return work.topic if max(work.topic_scores) >= SURE else f"perhaps {work.topic}"


def draw_card(hit: Hit, href: str, *, reasons: bool = False) -> Markup:
    """One work of a list; where the search found its words, they replace the summary, marked."""
    work = hit.work
    return fill(
        _CARD,
        work=work,
        href=href,
        cover=draw_cover(work),
        kind=work.kind.capitalize(),
        year=None if work.year is None else write_year(work.year),
        topic=name_topic(work),
        authors=name_authors(work.authors),
        summary=keep_marks(hit.snippet) if "<mark>" in hit.snippet else work.summary,
        tone=draw_tone(work.tone),
        reasons=hit.reasons if reasons else (),
    )


def draw_cards(hits: Iterable[Hit], link: Callable[[str], str], *, reasons: bool = False) -> Markup:
    """A list of cards; ``link`` turns a work's id into an address."""
    cards = join([draw_card(hit, link(hit.work.id), reasons=reasons) for hit in hits])
    return Markup('<ol class="lm-grid">{}</ol>').format(cards)
