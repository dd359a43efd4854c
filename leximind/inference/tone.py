"""Which emotions of a text are its tone."""

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from leximind.labels import EMOTIONS, NEUTRAL

MIN_DEVIATIONS: Final = 1.0
MIN_SCORE: Final = 0.05
MAX_EMOTIONS: Final = 4


def stand_out(emotions: ArrayLike, mean: ArrayLike, std: ArrayLike) -> tuple[str, ...]:
    """The emotions at least one standard deviation above the mean, strongest deviation first.

    A mere deviation is not enough: a score below 0.05 stands out against nothing. Neutral is no tone, and
    at most four are named.

    Args:
        emotions: (28,) calibrated scores of one text.
        mean, std: (28,) over the library.
    """
    scores = np.asarray(emotions, np.float64)
    deviations = (scores - np.asarray(mean, np.float64)) / np.maximum(np.asarray(std, np.float64), 1e-6)
    return _name((deviations >= MIN_DEVIATIONS) & (scores >= MIN_SCORE), deviations)


def above_thresholds(emotions: Sequence[float], thresholds: Sequence[float]) -> tuple[str, ...]:
    """The emotions whose score reaches their threshold, highest score first: the tone without a library.

    Args:
        emotions: (28,) calibrated scores of one text.
        thresholds: (28,) tuned on validation data.
    """
    scores = np.asarray(emotions, np.float64)
    return _name(scores >= np.asarray(thresholds, np.float64), scores)


def _name(is_out: NDArray[np.bool_], order: NDArray[np.float64]) -> tuple[str, ...]:
    # A stable sort: of two alike, the one that comes first among the labels.
    ranked = [
        index for index in np.argsort(-order, kind="stable").tolist() if is_out[index] and index != NEUTRAL
    ]
    return tuple(EMOTIONS[index] for index in ranked[:MAX_EMOTIONS])
