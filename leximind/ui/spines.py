"""A shelf as it looks from the front: one spine a work, as wide as the work is long."""

import zlib
from collections.abc import Callable, Sequence
from typing import Final

from markupsafe import Markup

from leximind.library.work import Work
from leximind.ui.markup import fill, template

MAX_SPINES: Final = 48
_HEIGHTS: Final = (100, 94, 88, 97, 82, 91)
_N_SHADES: Final = 3
# Heights and widths of a shelf on which nothing stands yet, in per cent and pixels.
_OUTLINES: Final = ((92, 30), (84, 22), (97, 36), (88, 26), (94, 20), (80, 32))

# The titles stand below as links, so this picture is left out of what is read aloud and out of the tab order.
_SPINES: Final = template(
    """
<div class="lm-volumes" aria-hidden="true">
{% for spine in spines %}
<a class="lm-volume lm-volume-{{ spine.work.kind }} lm-topic-{{ spine.work.topic|lower }}
 lm-shade-{{ spine.shade }}" href="{{ spine.href }}" tabindex="-1" title="{{ spine.work.title }}"
 style="width:{{ spine.width }}px;height:{{ spine.height }}%"><span>{{ spine.title }}</span></a>
{% endfor %}
{% for height, width in outlines %}
<span class="lm-volume lm-volume-none" style="width:{{ width }}px;height:{{ height }}%"></span>
{% endfor %}
</div>
"""
)


def draw_spines(works: Sequence[Work], link: Callable[[str], str]) -> Markup:
    """The first works as spines; outlines where there is none. Height and shade follow from the id."""
    spines = []
    for work in works[:MAX_SPINES]:
        number = zlib.crc32(work.id.encode())
        spines.append(
            {
                "work": work,
                "href": link(work.id),
                "title": work.title.split(":")[0].split(";")[0],
                "shade": number // 6 % _N_SHADES,
                "height": _HEIGHTS[number % len(_HEIGHTS)],
                "width": _measure(work),
            }
        )
    return fill(_SPINES, spines=spines, outlines=() if works else _OUTLINES)


def _measure(work: Work) -> int:
    """Pixels: a paper is thin, a book of unknown length is as most are, a novel of 200,000 words is thick."""
    if work.kind == "paper":
        return 20
    return 30 if work.n_words is None else 24 + round(22 * min(1.0, work.n_words / 200_000))
