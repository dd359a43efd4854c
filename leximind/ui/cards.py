"""Works as cards: a cover, and what one needs to choose."""

from collections.abc import Callable, Iterable

from markupsafe import Markup

from leximind.labels import EMOTION_FAMILIES
from leximind.library.filters import write_year
from leximind.library.work import Work
from leximind.service import Hit
from leximind.ui.covers import draw_cover
from leximind.ui.markup import fill, join, keep_marks, template

__all__ = ["SURE", "draw_card", "draw_cards", "draw_cover", "draw_save", "draw_tone"]
__all__ += ["name_authors", "name_topic"]

# Below this share the model was in two minds, and the page says so.
SURE = 0.5
_FAMILY = {name: family for family, names in EMOTION_FAMILIES.items() for name in names}

_CARD = template(
    """
<li class="lm-card">
{{ cover }}
<div class="lm-card-text">
<p class="lm-kicker">{{ kind }}{% if year %} · {{ year }}{% endif %}
 · <span class="lm-topic-name lm-topic-{{ work.topic|lower }}">{{ topic }}</span></p>
<h3><a class="lm-title" href="{{ href }}" data-work="{{ work.id }}">{{ work.title }}</a></h3>
{% if authors %}<p class="lm-authors">{{ authors }}</p>{% endif %}
<p class="lm-summary">{{ summary }}</p>
{{ tone }}
{% if reasons %}
<p class="lm-reasons"><span class="lm-hidden">Why: </span>{{ reasons|join(" · ") }}</p>
{% endif %}
{{ save }}
</div>
</li>
"""
)
_SAVE = template(
    """
<button type="button" class="lm-save" data-save="{{ work.id }}" aria-pressed="false">
<svg viewBox="0 0 12 16" aria-hidden="true"><path d="M1 1h10v14l-5-4-5 4z"/></svg>
<span class="lm-save-word">Save</span><span class="lm-hidden"> {{ work.title }}</span></button>
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


def draw_save(work: Work) -> Markup:
    """The button that puts a work on the visitor's shelf or takes it off; ``shelf.js`` brings it to life."""
    return fill(_SAVE, work=work)


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
        year="" if work.year is None else write_year(work.year),
        topic=name_topic(work),
        authors=name_authors(work.authors),
        summary=keep_marks(hit.snippet) if "<mark>" in hit.snippet else work.summary,
        tone=draw_tone(work.tone),
        reasons=hit.reasons if reasons else (),
        save=draw_save(work),
    )


def draw_cards(hits: Iterable[Hit], link: Callable[[str], str], *, reasons: bool = False) -> Markup:
    """A list of cards; ``link`` turns a work's id into an address."""
    cards = join([draw_card(hit, link(hit.work.id), reasons=reasons) for hit in hits])
    return Markup('<ol class="lm-grid">{}</ol>').format(cards)
