"""Names for the regions of the map: the subjects that a part of it has far more of than the rest."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

LEVELS: Final = 6
"""Each level names regions of half the radius of the one before."""

RADIUS: Final = 0.26
"""Of a region of the first level, on a map from -1 to 1."""

MIN_WORKS: Final = 3
MIN_LIFT: Final = 3.0
"""A subject names a region that has so many times its share of the library."""

MIN_SHARE: Final = 0.15
"""And where at least so many of the works are about it."""

_MAX_TERMS: Final = 500
_MAX_SAMPLE: Final = 128
_MIN_CROWD: Final = 4

Positions = NDArray[np.float32]
Rows = NDArray[np.int64]


@dataclass(frozen=True)
class Region:
    """A name on the map.

    Attributes:
        level: 0 for what can be read from afar; each further level is half as wide.
        topic: position in ``labels.TOPICS`` where the name is a topic, else -1.
    """

    name: str
    x: float
    y: float
    level: int
    topic: int = -1


def name_regions(
    positions: Positions, topics: NDArray[np.int8], labels: Sequence[str], subjects: pa.ChunkedArray
) -> tuple[Region, ...]:
    """Names for the map of N works, the most telling of each level first; topics before all.

    Args:
        positions: (N, 2), within -1 to 1. topics: (N,) positions in ``labels``.
        subjects: N lists of names.
    """
    if not len(positions):
        return ()
    crowd = _Crowd(positions)
    regions = []
    for number, label in enumerate(labels):
        rows = np.flatnonzero(topics == number)
        if len(rows) >= MIN_WORKS:
            x, y = crowd.middle(rows, RADIUS)
            regions.append(Region(label, x, y, 0, number))
    terms = [(name, rows) for name, rows in _list_terms(subjects) if name not in labels]
    for level in range(LEVELS):
        radius = RADIUS / 2**level
        if crowd.size(radius) < _MIN_CROWD:
            break
        known = [region for region in regions if region.topic < 0]
        regions += _choose(_rate(crowd, terms, radius), known, level, radius)
    return tuple(regions)


def _choose(
    found: Iterable[tuple[float, Region]], known: Sequence[Region], level: int, radius: float
) -> list[Region]:
    """The best that lie apart, and that no wider region nearby has said already."""
    chosen: list[Region] = []
    for _, region in sorted(found, key=lambda item: (-item[0], item[1].name)):
        near = any(_gap(region, other) < 1.2 * radius for other in chosen)
        said = any(
            other.name == region.name and _gap(region, other) < 4 * radius for other in (*known, *chosen)
        )
        if not near and not said:
            chosen.append(Region(region.name, region.x, region.y, level))
    return chosen


def _rate(crowd: "_Crowd", terms: Sequence[tuple[str, Rows]], radius: float) -> list[tuple[float, Region]]:
    """Where each subject is at home, with how telling its name is there."""
    found = []
    for name, rows in terms:
        x, y = crowd.middle(rows, radius)
        own, every = crowd.count(rows, x, y, radius)
        lift = own / every / (len(rows) / len(crowd.positions))
        if own >= MIN_WORKS and lift >= MIN_LIFT and own / every >= MIN_SHARE:
            found.append((own * float(np.log(lift)), Region(name, x, y, 0)))
    return found


class _Crowd:
    """All works of the map, to be counted around a place."""

    def __init__(self, positions: Positions) -> None:
        self.positions = positions
        self._order = np.argsort(positions[:, 0], kind="stable")
        self._sorted = positions[self._order]

    def size(self, radius: float) -> float:
        """How many works a region of this radius has on the average, around a work."""
        places = self.positions[np.linspace(0, len(self.positions) - 1, 64).astype(int)]
        return float(np.mean([len(self._near(x, y, radius)) for x, y in places]))

    def middle(self, rows: Rows, radius: float) -> tuple[float, float]:
        """The middle of where most of these works lie together."""
        step = -(-len(rows) // _MAX_SAMPLE)
        places = self.positions[rows[::step]]
        near = ((places[:, None] - places[None]) ** 2).sum(axis=2) <= radius**2
        x, y = places[near[near.sum(axis=1).argmax()]].mean(axis=0)
        return round(float(x), 4), round(float(y), 4)

    def count(self, rows: Rows, x: float, y: float, radius: float) -> tuple[int, int]:
        """Of some works and of all, how many lie around a place; the second is at least 1."""
        own = int((((self.positions[rows] - (x, y)) ** 2).sum(axis=1) <= radius**2).sum())
        return own, max(len(self._near(x, y, radius)), 1)

    def _near(self, x: float, y: float, radius: float) -> Positions:
        first, last = np.searchsorted(self._sorted[:, 0], [x - radius, x + radius])
        strip = self._sorted[first:last]
        return np.asarray(strip[((strip - (x, y)) ** 2).sum(axis=1) <= radius**2])


def _gap(one: Region, other: Region) -> float:
    return float(np.hypot(one.x - other.x, one.y - other.y))


def _list_terms(subjects: pa.ChunkedArray) -> list[tuple[str, Rows]]:
    """The most frequent subjects with the rows of their works."""
    column = subjects.combine_chunks()
    names = pc.dictionary_encode(column.flatten())
    parents = pc.list_parent_indices(column).to_numpy()
    codes = names.indices.to_numpy()
    counts = np.bincount(codes, minlength=len(names.dictionary))
    least = max(MIN_WORKS, len(subjects) // 5000)
    common = [code for code in np.argsort(-counts, kind="stable")[:_MAX_TERMS] if counts[code] >= least]
    order = np.argsort(codes, kind="stable")
    starts = np.searchsorted(codes[order], np.arange(len(counts) + 1))
    return [
        (str(names.dictionary[int(code)]), np.unique(parents[order[starts[code] : starts[code + 1]]]))
        for code in common
    ]
