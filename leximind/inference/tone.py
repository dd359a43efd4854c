"""Which emotions of a text are its tone: those that stand out from the library's average.

The rule, for every work: an emotion is named only when its score

1. lies above the average of all works of the library,
2. lies at least one standard deviation above the average of the works that were read from the same kind of
   text, a description or a whole text. Novels are full of approving and caring talk that no description
   repeats, so that against all works alike they would share one tone; and descriptions vary far more than
   the means of whole texts, so that no novel would be fearful beside them.
3. reaches a floor: 0.1 for a description, 0.05 for a whole text, of which most passages are calm. Without it
   a rare emotion would stand out by next to nothing.

Neutral is no tone. At most four are named, the one that stands out furthest first.
"""

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from leximind.labels import EMOTIONS, NEUTRAL

MIN_DEVIATIONS: Final = 1.0
MIN_SCORE: Final = 0.1
MIN_SHARE: Final = 0.05
"""The floor for a whole text: one passage in ten has a sentence that clearly feels so."""

MIN_GROUP: Final = 20
"""Fewer works have no average worth comparing with: theirs is that of the whole library."""

MAX_EMOTIONS: Final = 4

Floats = NDArray[np.float64]


class Average(NamedTuple):
    """Mean and standard deviation of each emotion over some works, both (28,)."""

    mean: Floats
    std: Floats


def average(emotions: ArrayLike) -> Average:
    """The average of (N, 28) scores; of no works it is 0 with a deviation of 1."""
    scores = np.asarray(emotions, np.float64).reshape(-1, len(EMOTIONS))
    if not len(scores):
        return Average(np.zeros(len(EMOTIONS)), np.ones(len(EMOTIONS)))
    return Average(scores.mean(axis=0), scores.std(axis=0))


def stand_out(
    emotions: ArrayLike, mean: ArrayLike, std: ArrayLike, *, floor: float = MIN_SCORE
) -> tuple[str, ...]:
    """The emotions of one text that stand out from the average, the furthest first; see the module.

    Args:
        emotions: (28,) calibrated scores.
        mean, std: (28,), or (R, 28) for R averages from the widest to that of the texts most alike: from the
            last a score must stand out, and above the others it must lie.
        floor: no score below it stands out.
    """
    scores = np.asarray(emotions, np.float64)
    means, stds = (np.asarray(given, np.float64).reshape(-1, len(EMOTIONS)) for given in (mean, std))
    deviations = (scores - means[-1]) / np.maximum(stds[-1], 1e-6)
    is_out = (deviations >= MIN_DEVIATIONS) & (scores >= floor) & (scores > means).all(axis=0)
    return _name(is_out, deviations)


def name_tones(emotions: ArrayLike, is_whole: ArrayLike) -> list[tuple[str, ...]]:
    """The tone of each work of a library.

    Args:
        emotions: (N, 28) calibrated scores.
        is_whole: (N,) bool, true where the scores come from the whole text and not from a description.
    """
    scores = np.asarray(emotions, np.float64).reshape(-1, len(EMOTIONS))
    whole = np.asarray(is_whole, np.bool_)
    averages = {kind: averages_for(scores, whole, is_whole_text=kind) for kind in (False, True)}
    floors = {False: MIN_SCORE, True: MIN_SHARE}
    return [
        stand_out(row, *averages[kind], floor=floors[kind])
        for row, kind in zip(scores, whole.tolist(), strict=True)
    ]


def averages_for(emotions: ArrayLike, is_whole: ArrayLike, *, is_whole_text: bool) -> Average:
    """What a text is held against, (R, 28) each: all works, and those read from the same kind of text."""
    scores = np.asarray(emotions, np.float64).reshape(-1, len(EMOTIONS))
    alike = scores[np.asarray(is_whole, np.bool_) == is_whole_text]
    parts = [average(scores), *([average(alike)] if len(alike) >= MIN_GROUP else [])]
    return Average(np.stack([part.mean for part in parts]), np.stack([part.std for part in parts]))


def above_thresholds(emotions: Sequence[float], thresholds: Sequence[float]) -> tuple[str, ...]:
    """The emotions whose score reaches their threshold, highest score first: the tone without a library.

    Args:
        emotions: (28,) calibrated scores of one text.
        thresholds: (28,) tuned on validation data.
    """
    scores = np.asarray(emotions, np.float64)
    return _name(scores >= np.asarray(thresholds, np.float64), scores)


def _name(is_out: NDArray[np.bool_], order: Floats) -> tuple[str, ...]:
    # A stable sort: of two alike, the one that comes first among the labels.
    ranked = [
        index for index in np.argsort(-order, kind="stable").tolist() if is_out[index] and index != NEUTRAL
    ]
    return tuple(EMOTIONS[index] for index in ranked[:MAX_EMOTIONS])
