"""The works as points, packed for the browser: sent once, and kept there."""

import base64
from collections.abc import Sequence
from functools import cached_property, lru_cache
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from leximind.labels import TOPICS
from leximind.library.feelings import CLEAR, MARKED
from leximind.library.filters import write_list, write_year
from leximind.library.moods import MOODS
from leximind.library.regions import Region, name_regions
from leximind.library.store import Library
from leximind.library.work import Work
from leximind.service import Service
from leximind.ui.address import View
from leximind.ui.cards import draw_tone, name_authors, name_topic
from leximind.ui.markup import fill, template

MANY: Final = 5000
"""The titles of more works than this are sent only when they come into view."""

MAX_ROWS: Final = 120
"""At most so many works are told about at once."""

LEVELS: Final = ("much less", "less", "about as much", "more", "much more")
"""What a mood's colours say of a work, beside most works."""

_CARD = template(
    """
<p class="lm-kicker">{{ kind }}{% if year %} · {{ year }}{% endif %}
 · <span class="lm-map-topic lm-topic-{{ work.topic|lower }}">{{ topic }}</span></p>
<p class="lm-map-title">{{ work.title }}</p>
{% if authors %}<p class="lm-authors">{{ authors }}</p>{% endif %}
{{ tone }}
<p class="lm-map-open"><a href="{{ href }}">Open</a></p>
"""
)


class Points:
    """The works of a library as the browser draws them. Rows are those of the library.

    Everything is made when it is first asked for and then kept: about 10 bytes a work.
    """

    def __init__(self, library: Library) -> None:
        self._library = library

    @cached_property
    def positions(self) -> NDArray[np.float32]:
        """(N, 2) within -1 to 1, whatever the dataset's unit is."""
        table = self._library.table
        places = np.stack([np.asarray(table.column(name), np.float32) for name in ("x", "y")], axis=1)
        if not len(places):
            return places
        low, high = places.min(axis=0), places.max(axis=0)
        half = max(float((high - low).max()) / 2, 1e-6)
        return np.asarray((places - (low + high) / 2) / half, np.float32)

    @cached_property
    def order(self) -> NDArray[np.intp]:
        """(N,) rows: of each topic the work nearest to its middle, then the next of each, and so on."""
        library = self._library
        places = np.zeros(len(library), np.float32)
        for topic in range(len(TOPICS)):
            rows = np.flatnonzero(library.topics == topic)
            if len(rows):
                own = library.embeddings[rows]
                nearest = np.argsort(-(own @ own.mean(axis=0)), kind="stable")
                places[rows[nearest]] = np.arange(len(rows)) / len(rows)
        return np.argsort(places, kind="stable")

    @cached_property
    def regions(self) -> tuple[Region, ...]:
        """The names on the map."""
        library = self._library
        return name_regions(self.positions, library.topics, TOPICS, library.table.column("subjects"))

    @cached_property
    def payload(self) -> dict[str, Any]:
        """All points: 16 bits a coordinate, a byte for topic and kind, 16 bits for the place in ``order``."""
        n_works = len(self._library)
        ranks = np.zeros(n_works, np.uint16)
        ranks[self.order] = np.linspace(0, 65535, n_works).astype(np.uint16)
        labels = self._library.topics.astype(np.uint8) | (self._library.kinds.astype(np.uint8) << 4)
        titles = self._library.table.column("title").to_pylist() if n_works <= MANY else None
        return {
            "version": self._library.version,
            "places": encode(((self.positions + 1) * 32767.5).astype("<u2")),
            "labels": encode(labels),
            "ranks": encode(ranks.astype("<u2")),
            "regions": [[r.name, r.x, r.y, r.level, r.topic] for r in self.regions],
            "titles": titles,
        }

    def levels(self, mood: str) -> NDArray[np.uint8]:
        """(N,) positions in ``LEVELS`` for one of ``MOODS``."""
        scores = self._library.feelings.moods[:, list(MOODS).index(mood)]
        return np.digitize(scores, (-MARKED, -CLEAR, CLEAR, MARKED)).astype(np.uint8)

    def describe(self, rows: Sequence[int]) -> list[dict[str, Any]]:
        """What is said of works when they are pointed at."""
        works = [(row, self._library.works[row]) for row in rows]
        return [
            {
                "row": row,
                "title": work.title,
                "href": View().link(work=work.id),
                "card": _draw_card(work),
                "spoken": _speak(work),
            }
            for row, work in works
        ]


@lru_cache(maxsize=2)
def points_of(service: Service) -> Points:
    """The points of a service's library, the same object each time."""
    return Points(service.library)


def encode(values: NDArray[Any]) -> str:
    """An array's bytes in Base64; of yes and no, eight to a byte, the first in the lowest bit."""
    packed = np.packbits(values, bitorder="little") if values.dtype == np.bool_ else values
    return base64.b64encode(np.ascontiguousarray(packed).tobytes()).decode("ascii")


def read_rows(given: object, n_works: int) -> list[int]:
    """The rows that a browser asks for: whatever was sent, at most ``MAX_ROWS`` that exist."""
    if not isinstance(given, list):
        return []
    return [row for row in given[:MAX_ROWS] if type(row) is int and 0 <= row < n_works]


def _draw_card(work: Work) -> str:
    return fill(
        _CARD,
        work=work,
        kind=work.kind.capitalize(),
        year="" if work.year is None else write_year(work.year),
        topic=name_topic(work),
        authors=name_authors(work.authors),
        tone=draw_tone(work.tone),
        href=View().link(work=work.id),
    )


def _speak(work: Work) -> str:
    """A work in a sentence, for those who do not see the map."""
    year = "" if work.year is None else f" of {write_year(work.year)}"
    authors = f" by {name_authors(work.authors)}" if work.authors else ""
    tone = f"; feels of {write_list(work.tone[:3], 'and')}" if work.tone else ""
    return f"{work.title}: {work.kind}{authors}{year}, {name_topic(work)}{tone}."
