"""Works near others: to one, to several, to a text; and one far from all that was just seen."""

import random
from collections.abc import Iterable, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from leximind.errors import InputError, NotFoundError
from leximind.library.answers import Hit, check_count
from leximind.library.reasons import compare, name_closest
from leximind.library.search import FLOOR, find_closest
from leximind.library.store import Library
from leximind.library.work import Work

MAX_SIMILAR: Final = 50
MAX_ANCHORS: Final = 32
"""A shelf's newest works say what a reader likes now."""

CANDIDATES: Final = 64
"""So many works next to each saved one, and to all of them, are looked at for a recommendation."""

N_DRAWN: Final = 64
N_RECENT: Final = 16
FAREST: Final = 4
"""A surprise is one of the farthest quarter of the works drawn."""

MIN_DESCRIPTION: Final = 160
"""Characters; with less there is too little to be surprised by."""

Mask = NDArray[np.bool_]


def known_rows(library: Library, ids: Iterable[str]) -> list[int]:
    """The rows of those ids that exist, each once, in their order.

    Raises:
        InputError: a single text was given instead of several ids.
    """
    if isinstance(ids, str) or not isinstance(ids, Iterable):
        raise InputError(f"A list of ids was expected, not {ids!r:.60}.")
    rows = []
    for work_id in ids:
        try:
            rows.append(library.row(work_id))
        except NotFoundError:
            continue
    return list(dict.fromkeys(rows))


def find_similar(
    library: Library, embedding: NDArray[np.float32], limit: int, without: Iterable[str], work: Work | None
) -> tuple[Hit, ...]:
    """The works closest to a (384,) unit-length embedding, less some; and what they share with ``work``.

    Raises:
        InputError: the limit is out of range.
    """
    check_count("limit", limit, MAX_SIMILAR)
    rows, cosines = find_closest(library, embedding, limit, _leave_out(library, known_rows(library, without)))
    hits = []
    for row, cosine in zip(rows.tolist(), cosines.tolist(), strict=True):
        other = library.works[row]
        shared = compare(work, other) if work else ()
        hits.append(Hit(other, cosine, reasons=(*shared, f"closeness {cosine:.2f}")))
    return tuple(hits)


def recommend(
    library: Library, work_ids: Iterable[str], limit: int, without: Iterable[str] = ()
) -> tuple[Hit, ...]:
    """Works close to a set, none of them in it: best first by the mean of the cosines to the closest work of
    the set and to its middle. No work of the set brings in more than its share while others have any.

    Raises:
        InputError: the limit is out of range.
    """
    check_count("limit", limit, MAX_SIMILAR)
    saved = known_rows(library, work_ids)
    anchors = saved[:MAX_ANCHORS]
    if not anchors:
        return ()
    mask = _leave_out(library, [*saved, *known_rows(library, without)])
    near = np.asarray(library.embeddings[anchors], np.float32)
    middle = near.mean(axis=0)
    middle /= max(float(np.linalg.norm(middle)), 1e-6)
    found = library.vectors.search(np.vstack([near, middle]), CANDIDATES, mask)
    rows = np.unique(np.array([row for pairs in found for row, _ in pairs], np.intp))
    vectors = np.asarray(library.embeddings[rows], np.float32)
    cosines = vectors @ near.T
    closest, best = cosines.argmax(axis=1), cosines.max(axis=1, initial=-1)
    scores = (best + vectors @ middle) / 2
    order = [place for place in np.argsort(-scores, kind="stable").tolist() if best[place] >= FLOOR]
    hits = []
    for place in _share_out(order, closest.tolist(), limit, len(anchors)):
        work, liked = library.works[rows[place]], library.works[anchors[closest[place]]]
        reasons = (name_closest(liked), *compare(liked, work))
        hits.append(Hit(work, float(scores[place]), reasons=reasons))
    return tuple(hits)


def _share_out(order: Sequence[int], anchor: Sequence[int], limit: int, n_anchors: int) -> list[int]:
    """The first ``limit`` of an order; twice its even share is the most that comes from one anchor, as long
    as others have enough."""
    share = max(2, -(-2 * limit // n_anchors))
    taken: dict[int, int] = {}
    chosen: list[int] = []
    spare: list[int] = []
    for place in order:
        taken[anchor[place]] = taken.get(anchor[place], 0) + 1
        (chosen if taken[anchor[place]] <= share else spare).append(place)
    kept = set([*chosen, *spare][:limit])
    return [place for place in order if place in kept]


def surprise(library: Library, seen: Iterable[str], chance: random.Random) -> Work:
    """A work far from those seen, newest first, and none of them: described well enough and with a tone,
    where there is one.

    Raises:
        NotFoundError: the library has no other work.
    """
    rows = known_rows(library, seen)
    unseen = np.flatnonzero(_leave_out(library, rows))
    if not len(unseen):
        raise NotFoundError("There is no work left to be surprised by.", hint="Clear what was seen.")
    places = chance.sample(range(len(unseen)), min(N_DRAWN, len(unseen)))
    drawn: list[int] = unseen[places].tolist()
    good = [row for row in drawn if _is_good(library.works[row])] or drawn
    if rows:
        recent = np.asarray(library.embeddings[rows[:N_RECENT]], np.float32)
        closeness = (np.asarray(library.embeddings[good], np.float32) @ recent.T).max(axis=1)
        good = [good[place] for place in np.argsort(closeness)[: -(-len(good) // FAREST)]]
    return library.works[chance.choice(good)]


def _is_good(work: Work) -> bool:
    return bool(work.tone) and len(work.description) >= MIN_DESCRIPTION


def _leave_out(library: Library, rows: Sequence[int]) -> Mask:
    mask = np.ones(len(library), np.bool_)
    mask[list(rows)] = False
    return mask
