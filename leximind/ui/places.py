"""The places of the Live page: what they look like before their parts are known, and their frames."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from markupsafe import Markup

from leximind.inference.analysis import Gist
from leximind.labels import TOPICS
from leximind.ui.cards import SURE, draw_tone
from leximind.ui.highlights import draw_plain
from leximind.ui.markup import fill, show_note, template

SLOTS: Final = ("line", "head", "words", "arc", "sentences", "topics", "feelings", "similar", "reports")
"""The places of the page that answers go to; ``line`` says how far it is."""

Drawn = dict[str, Markup]

N_SIMILAR: Final = 6
N_BARS: Final = 8
# A text of about three passages has an arc; its place is kept where the length promises one.
ARC_CHARACTERS: Final = 2_600
_LINE = template(
    """
<p class="lm-live-line" data-state="{{ state }}" data-turn="{{ turn }}"
{%- if share is not none %} style="--share:{{ share }}"{% endif %}>{{ text }}</p>
"""
)
_HEAD = template(
    """
<header class="lm-live-head" aria-busy="{{ 'false' if quote else 'true' }}">
<h2 tabindex="-1">What the model found</h2>
<p class="lm-kicker">{% if gist %}
Topic: <span class="lm-topic-name lm-topic-{{ gist.topic|lower }}">
{{- "" if sure else "perhaps " }}{{ gist.topic }}</span> · {{ gist.n_tokens|thousands }} tokens read
{% else %}<span class="lm-ghost lm-ghost-short"></span>{% endif %}</p>
<p class="lm-live-near">
{% if near %}Closest in the library:
{% for title, href in near %}<a href="{{ href }}">{{ title }}</a>{{ ", " if not loop.last }}{% endfor %}
{% elif not gist %}<span class="lm-ghost lm-ghost-short"></span>{% endif %}</p>
<div class="lm-live-tone">
{% if tone is not none %}
{{ tone }}
{% if not tone %}<p class="lm-quiet">No feeling stands out from the library’s average.</p>{% endif %}
{% else %}<span class="lm-ghost lm-ghost-short"></span>{% endif %}
</div>
<blockquote class="lm-live-quote">
{% if quote %}<p dir="auto">{{ quote }}</p><footer>{{ origin }}</footer>
{% else %}<span class="lm-ghost"></span><span class="lm-ghost lm-ghost-half"></span>{% endif %}
</blockquote>
{% for note in notes %}{{ note }}{% endfor %}
</header>
"""
)
_SECTION = template(
    """
<section class="lm-live-part" data-part="{{ part }}"{% if busy %} aria-busy="true"{% endif %}>
<h3>{{ title }}</h3>
{{ body }}
{% if busy %}<p class="lm-live-unread">You stopped before this was read.</p>{% endif %}
</section>
"""
)
_GHOSTS = template(
    """
<div class="lm-ghosts lm-ghosts-{{ kind }}" aria-hidden="true">
{% for name in names %}<div class="lm-ghost-row"><span class="lm-ghost-name">{{ name }}</span>
<span class="lm-ghost"></span></div>{% endfor %}
</div>
"""
)
_REPORTS = template(
    """
<div class="lm-reports" role="group" aria-label="Keep the result">
<span>Keep it</span>
{% for name, kind, label, body in files %}
<button type="button" class="lm-plain-button" data-download="{{ name }}" data-kind="{{ kind }}"
 {% if body %}data-body="{{ body }}"{% else %}disabled{% endif %}>{{ label }}</button>
{% endfor %}
<span class="lm-quiet">Made in this page; nothing of it stays here.</span>
</div>
"""
)
_TITLES: Final = {
    "words": "The words behind the feelings",
    "arc": "How it feels from beginning to end",
    "sentences": "Other key sentences",
    "topics": "Topic",
    "feelings": "Feelings that stand out",
    "similar": "Works close to your text",
}


@dataclass(frozen=True)
class Head:
    """What is known for the head of the page; it fills up as parts arrive.

    Attributes:
        near: title and address of the closest works.
        tone: the feelings that stand out, None before they are known.
        quote: the summary, or the key sentence that stands in for it; origin: which of them it is.
        notes: what a reader should know, full sentences.
    """

    gist: Gist | None = None
    near: tuple[tuple[str, str], ...] = ()
    tone: tuple[str, ...] | None = None
    quote: str = ""
    origin: str = ""
    notes: tuple[str, ...] = ()


def draw_head(head: Head) -> Markup:
    """Topic, tone and summary; what is not known yet has its place."""
    return fill(
        _HEAD,
        gist=head.gist,
        near=head.near,
        sure=head.gist is not None and max(head.gist.topic_scores) >= SURE,
        tone=None if head.tone is None else draw_tone(head.tone, limit=6),
        quote=head.quote,
        origin=head.origin,
        notes=[show_note(note) for note in head.notes],
    )


def draw_line(state: str, text: str, *, turn: int = 0, share: float | None = None) -> Markup:
    """Where the reading is.

    Args:
        state: ``idle``, ``busy``, ``done`` or ``stopped``.
        turn: tells two lines apart that say the same.
        share: how much of the present part is read, from 0 to 1.
    """
    return fill(_LINE, state=state, text=text, turn=turn, share=None if share is None else round(share, 2))


def draw_places(text: str, turn: int, notes: Sequence[str] = ()) -> Drawn:
    """Every part's place, in the size that it will have, before anything is known."""

    def ghosts(kind: str, names: Sequence[str]) -> Markup:
        return fill(_GHOSTS, kind=kind, names=names)

    nothing = ("",)
    has_arc = len(text) >= ARC_CHARACTERS
    return {
        "line": draw_line("busy", "Waiting for the model…", turn=turn),
        "head": draw_head(Head(notes=tuple(notes))),
        "words": draw_section("words", draw_plain(text.strip()), busy=True),
        "arc": draw_section("arc", ghosts("arc", nothing), busy=True) if has_arc else Markup(""),
        "sentences": draw_section("sentences", ghosts("lines", nothing * 2), busy=True),
        "topics": draw_section("topics", ghosts("bars", TOPICS), busy=True),
        "feelings": draw_section("feelings", ghosts("bars", nothing * N_BARS), busy=True),
        "similar": draw_section("similar", ghosts("cards", nothing * N_SIMILAR), busy=True),
        "reports": draw_reports(),
    }


def draw_section(part: str, body: Markup, *, busy: bool = False) -> Markup:
    """A part under its title; a busy one is not read yet."""
    return fill(_SECTION, part=part, title=_TITLES[part], body=body, busy=busy)


def draw_reports(markdown: str = "", json: str = "") -> Markup:
    """The buttons that save a report, which is in the page already; they wait where there is none yet."""
    files = [
        ("leximind.md", "text/markdown", "Markdown", markdown),
        ("leximind.json", "application/json", "JSON", json),
    ]
    return fill(_REPORTS, files=files)
