"""The legend of the map: what its colours and shapes mean, with how many works of each are found."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from leximind.labels import KINDS, TOPICS
from leximind.library.moods import MOODS
from leximind.service import Filters, Service
from leximind.ui.address import View
from leximind.ui.points import LEVELS, points_of


@dataclass(frozen=True)
class Key:
    """An entry of the legend. Without an address it is the browser's own business."""

    text: str
    number: int
    count: int
    look: str
    href: str = ""
    chosen: bool = False


def list_paints(view: View) -> list[tuple[str, str, bool]]:
    """What the map can be coloured by: text, address, and whether it is."""
    paints = [("Topic", view.link(paint=""), not view.paint)]
    return paints + [(name.capitalize(), view.link(paint=name), view.paint == name) for name in MOODS]


def _without(service: Service, view: View, found: NDArray[np.bool_], filters: Filters) -> NDArray[np.bool_]:
    """What is found with other filters, for the counts of a choice that is itself in force."""
    return found if filters == view.filters else service.locate(view.query, filters, view.mood)


def list_topics(service: Service, view: View, found: NDArray[np.bool_]) -> list[Key]:
    """The topics with what each would show; choosing one more adds it, choosing it again takes it off."""
    every = _without(service, view, found, view.filters.drop("topic"))
    counts = np.bincount(service.library.topics[every], minlength=len(TOPICS))
    chosen = view.filters.topics
    keys = []
    for number, name in enumerate(TOPICS):
        rest = tuple(other for other in chosen if other != name)
        topics = rest if name in chosen else (*chosen, name)
        href = view.filtered(topics=() if len(topics) == len(TOPICS) else topics)
        keys.append(Key(name, number, int(counts[number]), f"lm-dot-{name.lower()}", href, name in chosen))
    return keys


def list_levels(service: Service, view: View, found: NDArray[np.bool_]) -> list[Key]:
    """The steps of a mood's scale; a mood filters nothing, so choosing one is left to the browser."""
    levels = points_of(service).levels(view.paint)
    counts = np.bincount(levels[found], minlength=len(LEVELS))
    return [
        Key(name, number, int(counts[number]), f"lm-dot-level-{number}") for number, name in enumerate(LEVELS)
    ]


def list_kinds(service: Service, view: View, found: NDArray[np.bool_]) -> list[Key]:
    """Books and papers with what each would show; choosing one again shows both."""
    every = _without(service, view, found, view.filters.drop("kind"))
    counts = np.bincount(service.library.kinds[every], minlength=len(KINDS))
    keys = []
    for number, (kind, plural) in enumerate(zip(KINDS, ("Books", "Papers"), strict=True)):
        is_chosen = view.filters.kind == kind
        href = view.filtered(kind="" if is_chosen else kind)
        keys.append(Key(plural, number, int(counts[number]), f"lm-dot-{kind}", href, is_chosen))
    return keys
