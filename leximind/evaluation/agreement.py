"""Whether labels of two halves of one text agree more than those of different texts.

The matrices here are (N, N): the odd half of each text by the even half of each; NaN where a pair of halves
says nothing. The diagonal holds the halves of one text.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from leximind.evaluation.resampling import bootstrap_intervals
from leximind.labels import EMOTIONS

N_PERMUTATIONS: Final = 10_000
N_DRAWS: Final = 200

Floats = NDArray[np.float64]
Tones = Sequence[tuple[str, ...]]


@dataclass(frozen=True)
class Agreement:
    """How far halves agree by one measure; pairs of halves that say nothing are left out.

    Attributes:
        same, same_interval: the two halves of one book, and the 95 % interval over books.
        different, different_interval: halves of two books.
        same_topic: halves of two books of one topic; None without such books.
        random: as many labels drawn by their frequency, for the halves of one book.
        p: of so high an agreement when halves are paired at random.
    """

    same: float
    same_interval: tuple[float, float]
    different: float
    different_interval: tuple[float, float]
    same_topic: float | None
    random: float
    p: float


def compare_labels(odd: Tones, even: Tones) -> Floats:
    """Jaccard index of each odd with each even half, (N, N); NaN where neither has a label."""
    one, other = _mark(odd), _mark(even)
    shared = one @ other.T
    union = one.sum(axis=1)[:, None] + other.sum(axis=1)[None] - shared
    return np.where(union > 0, shared / np.maximum(union, 1), np.nan)


def compare_firsts(odd: Tones, even: Tones) -> Floats:
    """Whether the strongest label is the same, (N, N) 0 or 1; NaN where neither has one."""
    one, other = (np.array([tone[0] if tone else "" for tone in tones], object) for tones in (odd, even))
    silent = (one == "")[:, None] & (other == "")[None]
    return np.where(silent, np.nan, (one[:, None] == other[None]).astype(np.float64))


def correlate(odd: Floats, even: Floats) -> Floats:
    """Spearman's correlation of each odd with each even profile, (N, N), from (N, K) each."""
    ranks = [pd.DataFrame(half).rank(axis=1).to_numpy() for half in (odd, even)]
    centred = [half - half.mean(axis=1, keepdims=True) for half in ranks]
    unit = [half / np.maximum(np.linalg.norm(half, axis=1, keepdims=True), 1e-12) for half in centred]
    return np.asarray(unit[0] @ unit[1].T)


def redraw(tones: Tones, rng: np.random.Generator) -> list[tuple[str, ...]]:
    """As many labels for each half, drawn without looking at the half: each by its frequency."""
    shares = _mark(tones).sum(axis=0)
    shares = (shares + 1e-9) / (shares + 1e-9).sum()
    return [
        tuple(EMOTIONS[i] for i in rng.choice(len(EMOTIONS), len(tone), replace=False, p=shares))
        for tone in tones
    ]


def measure(
    matrix: Floats, topics: Sequence[str], draw: Callable[[np.random.Generator], Floats], *, seed: int = 0
) -> Agreement:
    """Same book against different books in an (N, N) matrix of agreements, odd halves by even halves.

    Args:
        draw: a matrix of the same kind for random labels.
    """
    n, rng = len(matrix), np.random.default_rng(seed)
    other = ~np.eye(n, dtype=np.bool_)
    alike = other & (np.array(topics, object)[:, None] == np.array(topics, object)[None])

    def both(rows: NDArray[np.intp]) -> Floats:
        part = matrix[np.ix_(rows, rows)]
        return np.array([_mean(np.diagonal(part)), _mean(part[rows[:, None] != rows[None]])])

    same, different = both(np.arange(n))
    intervals = bootstrap_intervals(both, n, seed=seed)
    random = [_mean(np.diagonal(draw(rng))) for _ in range(N_DRAWS)]
    return Agreement(
        same=float(same),
        same_interval=(float(intervals[0, 0]), float(intervals[0, 1])),
        different=float(different),
        different_interval=(float(intervals[1, 0]), float(intervals[1, 1])),
        same_topic=_mean(matrix[alike]) if alike.any() else None,
        random=float(np.mean(random)),
        p=permute(matrix, rng),
    )


def permute(matrix: Floats, rng: np.random.Generator) -> float:
    """The share of random pairings of odd with even halves that agree as much as those of one book.

    One is added to count and number, so that it is never 0 (Davison and Hinkley, 1997).
    """
    rows = np.arange(len(matrix))
    paired = np.array([_mean(matrix[rows, rng.permutation(rows)]) for _ in range(N_PERMUTATIONS)])
    return float((1 + np.sum(paired >= _mean(np.diagonal(matrix)) - 1e-12)) / (1 + N_PERMUTATIONS))


def _mark(tones: Tones) -> Floats:
    """(N, 28) 0 or 1."""
    return np.array([[name in tone for name in EMOTIONS] for tone in tones], np.float64)


def _mean(values: Floats) -> float:
    """Without NaN; 0 when nothing is left: halves without any label agree in none."""
    known = values[~np.isnan(values)]
    return float(known.mean()) if len(known) else 0.0
