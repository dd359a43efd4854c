"""Works by the century they come from: the latest ones each, the long tail before them as one."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from leximind.labels import TOPICS

if TYPE_CHECKING:
    from leximind.library.store import Library

N_CENTURIES: Final = 7


@dataclass(frozen=True)
class Era:
    """A century, or all years before the first century that is counted by itself.

    Attributes:
        first, last: its years, included; ``first`` is None for all years up to ``last``.
        topics: (7,) works of each topic, in the order of ``labels.TOPICS``.
    """

    first: int | None
    last: int
    topics: tuple[int, ...]

    @property
    def n_works(self) -> int:
        """All its works."""
        return sum(self.topics)


def count_eras(library: "Library") -> tuple[Era, ...]:
    """The latest ``N_CENTURIES`` centuries, also those without works, after all that came before; earliest
    first. Works without a year are in none."""
    dated = library.has_year
    if not dated.any():
        return ()
    numbers = library.years[dated] // 100
    oldest = max(int(numbers.min()), int(numbers.max()) - N_CENTURIES + 1)
    places = np.maximum(numbers - oldest + 1, 0)
    n_places = int(places.max()) + 1
    cells = places * len(TOPICS) + library.topics[dated]
    table = np.bincount(cells, minlength=n_places * len(TOPICS)).reshape(n_places, len(TOPICS))
    eras = [Era(None, oldest * 100 - 1, tuple(table[0].tolist()))] if table[0].any() else []
    for place in range(1, n_places):
        first = (oldest + place - 1) * 100
        eras.append(Era(first, first + 99, tuple(table[place].tolist())))
    return tuple(eras)
