"""Covers drawn from what is known of a work: its title, its topic and its tone; the same each time.

Books look like one paperback series: cloth in the topic's colour, a shape for the feeling that leads, three
ways to set the title. Papers look like a preprint: a printed page with a figure. Sizes are in units of a
cover 120 wide and 180 high. Colours are left to ``style.css``.
"""

import re
import zlib
from functools import lru_cache
from typing import Final, NamedTuple

from markupsafe import Markup

from leximind.library.filters import write_year
from leximind.library.work import Work
from leximind.ui.lettering import LEADING, cut, fit, measure
from leximind.ui.markup import fill, template
from leximind.ui.motifs import draw_motif, name_motif

_BOOK_SIZES: Final = (21, 18.5, 16.5, 14.5, 13, 11.5, 10)
_LABEL_SIZES: Final = (17, 15, 13.5, 12, 10.8, 9.6, 8.8)
_PAPER_SIZES: Final = (12.5, 11.2, 10, 9, 8.2)
_STYLES: Final = ("plain", "label", "band")
_N_SHADES: Final = 3
_SUBTITLE = re.compile(r"\s*(?:[:;]\s|,? or,? the |\s[(\[—–]).*", re.IGNORECASE | re.DOTALL)
_LONG_TITLE: Final = 24
_BODY = re.compile(
    r"\b(?:association|collaboration|committee|company|consortium|group|institute|project|society)$"
)

_COVER = template(
    """
<svg class="lm-cover lm-cover-{{ kind }} lm-cover-{{ style }} lm-topic-{{ topic|lower }} lm-shade-{{ shade }}"
 viewBox="0 0 120 180" aria-hidden="true"><rect class="lm-ground" width="120" height="180"/>{{ inside }}</svg>
"""
)
_WINDOW = template(
    """
<svg x="{{ x }}" y="{{ y }}" width="{{ w }}" height="{{ h }}" viewBox="0 0 {{ w }} {{ h }}">{{ motif }}</svg>
"""
)
_SPINE = Markup('<path class="lm-spine" d="M0 0h5v180H0z"/>')
_COLUMNS = "".join(f"M12 {y}h45m6 0h45" for y in range(142, 171, 5))


class Facts(NamedTuple):
    """What a cover is drawn from."""

    id: str
    kind: str
    title: str
    authors: tuple[str, ...]
    year: int | None
    topic: str
    tone: tuple[str, ...]


def draw_cover(work: Work) -> Markup:
    """A cover as inline SVG, hidden from screen readers, which have the card beside it."""
    return _draw(Facts(*(getattr(work, name) for name in Facts._fields)))


@lru_cache(maxsize=2048)
def _draw(facts: Facts) -> Markup:
    number = zlib.crc32(facts.id.encode())
    style = "page" if facts.kind == "paper" else _STYLES[number % len(_STYLES)]
    return fill(
        _COVER,
        kind=facts.kind,
        style=style,
        topic=facts.topic,
        shade=number // len(_STYLES) % _N_SHADES,
        inside=_DRAWN[style](facts, name_motif(facts.tone), number // (len(_STYLES) * _N_SHADES)),
    )


def shorten(title: str) -> str:
    """A long title without its subtitle: ``Frankenstein`` for ``Frankenstein; or, The Modern Prometheus``."""
    if len(title) <= _LONG_TITLE:
        return title
    return _SUBTITLE.sub("", title, count=1) or title


def name_author(authors: tuple[str, ...], width: float) -> str:
    """The authors within ``width`` ems: the full name, two surnames, or the first with ``et al.``"""
    names = [author.strip() for author in authors if author.strip()]
    if not names:
        return ""
    surnames = [name.split()[-1] for name in names]
    if len(names) == 1 and not _BODY.search(names[0].lower()):
        given = [names[0], surnames[0]]
    elif len(names) == 1:
        given = [names[0]]
    elif len(names) == 2:
        given = [" & ".join(surnames), f"{surnames[0]} et al."]
    else:
        given = [f"{names[0]} et al.", f"{surnames[0]} et al."]
    return next((text for text in given if measure(text) <= width), cut(given[-1], width))


def _plain(facts: Facts, motif: str, seed: int) -> Markup:
    """The title on the cloth, the shape below it."""
    size, lines = fit(shorten(facts.title), 98, 68, _BOOK_SIZES)
    end = 16 + len(lines) * size * LEADING
    author = _text([name_author(facts.authors, 98 / 8.5)], 14, end + 12, 8.5, "lm-by")
    return _window(motif, seed, y=104, height=76) + _text(lines, 14, 16 + size * 0.82, size) + author + _SPINE


def _label(facts: Facts, motif: str, seed: int) -> Markup:
    """Paper in the shape's pattern, with a label pasted on it."""
    size, lines = fit(shorten(facts.title), 78, 70, _LABEL_SIZES)
    author = name_author(facts.authors, 78 / 7.6)
    height = len(lines) * size * LEADING + (27 if author else 16)
    top = 24
    path = f"M16 {top}h92v{height:.0f}H16z"
    inner = f"M18.5 {top + 2.5}h87v{height - 5:.0f}h-87z"
    parts = [
        _window(motif, seed, y=0, height=180),
        Markup('<path class="lm-label" d="{}"/><path class="lm-edge" d="{}"/>').format(path, inner),
        _text(lines, 62, top + 8 + size * 0.82, size, "lm-mid"),
        _text([author], 62, top + height - 8, 7.6, "lm-mid lm-by"),
    ]
    return Markup("").join(parts) + _SPINE


def _band(facts: Facts, motif: str, seed: int) -> Markup:
    """The shape above, the title on a pale band below it."""
    size, lines = fit(shorten(facts.title), 98, 58, _BOOK_SIZES[1:])
    parts = [
        _window(motif, seed, y=0, height=92),
        Markup('<path class="lm-label" d="M0 92h120v88H0z"/>'),
        _text(lines, 14, 102 + size * 0.82, size),
        _text([name_author(facts.authors, 98 / 8.5)], 14, 171, 8.5, "lm-by"),
    ]
    return Markup("").join(parts) + _SPINE


def _page(facts: Facts, motif: str, seed: int) -> Markup:
    """A first page: head, title, authors, a figure and two columns."""
    size, lines = fit(facts.title, 98, 52, _PAPER_SIZES)
    end = 24 + len(lines) * size * LEADING
    top = round(end) + (17 if facts.authors else 7)
    year = "" if facts.year is None else write_year(facts.year)
    parts = [
        Markup('<path class="lm-head" d="M0 0h120v5H0z"/>'),
        _text([facts.topic], 11, 16, 6.4, "lm-topic-word"),
        _text([year], 109, 16, 6.4, "lm-end"),
        _text(lines, 60, 24 + size * 0.82, size, "lm-mid"),
        _text([name_author(facts.authors, 98 / 7.4)], 60, end + 9, 7.4, "lm-mid lm-by"),
        _window(motif, seed, x=11, y=top, width=98, height=134 - top) if top < 112 else Markup(""),
        Markup('<path class="lm-print" d="{}"/>').format(_COLUMNS),
    ]
    return Markup("").join(parts)


_DRAWN: Final = {"plain": _plain, "label": _label, "band": _band, "page": _page}


def _window(motif: str, seed: int, *, x: int = 0, y: int, width: int = 120, height: int) -> Markup:
    """The shape, clipped to a box."""
    return fill(_WINDOW, x=x, y=y, w=width, h=height, motif=draw_motif(motif, height, seed))


def _text(lines: list[str], x: float, y: float, size: float, name: str = "lm-word") -> Markup:
    """Lines of text from a first baseline on; nothing for no text."""
    if not any(lines):
        return Markup("")
    first, *rest = lines
    more = Markup("").join(
        Markup('<tspan x="{}" dy="{}">{}</tspan>').format(f"{x:g}", f"{size * LEADING:.1f}", line)
        for line in rest
    )
    return Markup('<text class="{}" x="{}" y="{}" font-size="{}">{}{}</text>').format(
        name, f"{x:g}", f"{y:.1f}", f"{size:g}", first, more
    )
