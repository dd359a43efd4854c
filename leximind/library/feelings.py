"""How the works of a library feel beside one another: standard scores, and the order that a mood gives."""

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from leximind.labels import EMOTIONS
from leximind.library.moods import MOODS, Mood

MIN_GROUP: Final = 20
"""Fewer works read from the same kind of text have no average worth comparing with: theirs is that of all."""

CLEAR: Final = 0.5
"""From so many deviations on a work has more of a feeling than most: about the highest third."""

MARKED: Final = 1.5
"""And from here on much more: about one work in fifteen."""

N_NAMED: Final = 2

Floats = NDArray[np.float32]


class Feelings:
    """The emotions of N works in deviations from their like.

    The scores of a whole text are means over passages: higher for some labels than those of a description,
    and far less spread. So each work is compared with those that were read from the same kind of text, where
    there are enough.

    Attributes:
        labels: (N, 28) standard scores, in the order of ``labels.EMOTIONS``.
        moods: (N, 8) standard scores of the mean of each mood's labels, in the order of ``MOODS``.
    """

    def __init__(self, emotions: Floats, is_whole: NDArray[np.bool_]) -> None:
        """Of (N, 28) calibrated scores, and (N,) whether they come from the whole text."""
        means = [
            emotions[:, [EMOTIONS.index(label) for label in names]].mean(axis=1) for names in MOODS.values()
        ]
        self.labels = _standardize(emotions, is_whole)
        self.moods = _standardize(np.stack(means, axis=1), is_whole)

    def weigh(self, mood: Mood, rows: NDArray[np.intp]) -> Floats:
        """(M,) how well works suit a mood: the weighted sum of their standard scores."""
        weights = np.array([mood.weight(name) for name in MOODS], np.float32)
        return np.asarray(self.moods[rows] @ weights, np.float32)

    def explain(self, row: int, mood: Mood) -> tuple[str, ...]:
        """What a work has of what a mood asks for: ``much more wonder than most``, the most marked first."""
        weights = [mood.weight(name) for name in MOODS]
        return _compare_with_most(list(MOODS), self.moods[row], weights)

    def explain_profile(self, row: int, profile: Floats) -> tuple[str, ...]:
        """As ``explain``, for a (28,) profile of labels."""
        return _compare_with_most(EMOTIONS, self.labels[row], profile.tolist())[:N_NAMED]


def _compare_with_most(names: Sequence[str], deviations: Floats, weights: Sequence[float]) -> tuple[str, ...]:
    found: list[tuple[float, str]] = []
    for name, deviation, weight in zip(names, deviations.tolist(), weights, strict=True):
        if deviation * weight > 0 and abs(deviation) >= CLEAR:
            words = "more" if deviation > 0 else "less"
            words = f"much {words}" if abs(deviation) >= MARKED else words
            found.append((-abs(deviation), f"{words} {name} than most"))
    return tuple(phrase for _, phrase in sorted(found))


def _standardize(scores: Floats, is_whole: NDArray[np.bool_]) -> Floats:
    """(N, D) deviations from the average of the works of the same kind, or of all where those are few."""
    standard = np.zeros_like(scores)
    for kind in (False, True):
        alike = is_whole == kind
        if alike.any():
            measure = scores[alike] if alike.sum() >= MIN_GROUP else scores
            spread = np.maximum(measure.std(axis=0), 1e-6)
            standard[alike] = (scores[alike] - measure.mean(axis=0)) / spread
    return standard
