"""How sure a measured value is: the bootstrap over texts."""

from collections.abc import Callable
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from leximind.errors import InputError

N_RESAMPLES: Final = 1000
LEVEL: Final = 0.95

Floats = NDArray[np.float64]
Rows = NDArray[np.intp]
Statistic = Callable[[Rows], Floats]


class Difference(NamedTuple):
    """What a second system adds to a first.

    Attributes:
        value: second minus first.
        low, high: the 95 % interval.
        p: the two-sided achieved level of the hypothesis that there is no difference.
    """

    value: float
    low: float
    high: float
    p: float


def resample(statistic: Statistic, n: int, *, n_resamples: int = N_RESAMPLES, seed: int = 0) -> Floats:
    """The K values of a statistic on each of R resamples of n texts, (R, K) (Efron, 1979).

    Args:
        statistic: called with (n,) row numbers, drawn with replacement; returns (K,).
    """
    rng = np.random.default_rng(seed)
    return np.stack([np.asarray(statistic(rng.integers(0, n, n)), np.float64) for _ in range(n_resamples)])


def bootstrap_intervals(
    statistic: Statistic, n: int, *, n_resamples: int = N_RESAMPLES, level: float = LEVEL, seed: int = 0
) -> Floats:
    """The percentile interval, low and high, of each of the K values of a statistic, (K, 2)."""
    values = resample(statistic, n, n_resamples=n_resamples, seed=seed)
    return np.asarray(np.quantile(values, [(1 - level) / 2, (1 + level) / 2], axis=0).T)


def paired_bootstrap(
    first: Statistic,
    second: Statistic,
    n: int,
    *,
    n_resamples: int = N_RESAMPLES,
    level: float = LEVEL,
    seed: int = 0,
) -> list[Difference]:
    """Whether a second system is better than a first on the same n texts, for each of their K values.

    Both are measured on the same resamples (Koehn, "Statistical Significance Tests for Machine Translation
    Evaluation", 2004). p is twice the smaller share of resamples on one side of no difference, with one
    added to count and number, so that it is never 0 (Davison and Hinkley, 1997).

    Raises:
        InputError: there are no texts.
    """
    if n < 1:
        raise InputError("There is nothing to compare: 1 text or more was expected.")
    there = np.arange(n)
    value = np.asarray(second(there)) - np.asarray(first(there))
    differences = resample(
        lambda rows: np.asarray(second(rows)) - np.asarray(first(rows)), n, n_resamples=n_resamples, seed=seed
    )
    low, high = np.quantile(differences, [(1 - level) / 2, (1 + level) / 2], axis=0)
    below, above = ((side(differences, 0)).sum(axis=0) for side in (np.less_equal, np.greater_equal))
    p = np.minimum(1, 2 * (np.minimum(below, above) + 1) / (n_resamples + 1))
    return [Difference(*map(float, row)) for row in zip(value, low, high, p, strict=True)]
