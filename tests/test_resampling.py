"""Bootstrap intervals and paired comparisons."""

import numpy as np
import pytest
from scipy import stats

from leximind.errors import InputError
from leximind.evaluation.resampling import bootstrap_intervals, paired_bootstrap


def test_intervals_are_those_of_scipy() -> None:
    values = np.random.default_rng(1).normal(3, 2, (400, 2))
    found = bootstrap_intervals(lambda rows: values[rows].mean(axis=0), 400)
    assert found.shape == (2, 2)
    for column, (low, high) in zip(values.T, found, strict=True):
        peer = stats.bootstrap(
            (column,), np.mean, n_resamples=4000, method="percentile", rng=np.random.default_rng(0)
        ).confidence_interval
        assert low == pytest.approx(peer.low, abs=0.04)
        assert high == pytest.approx(peer.high, abs=0.04)


def test_intervals_can_be_repeated_and_narrow_with_the_level() -> None:
    values = np.random.default_rng(0).normal(size=(60, 1))

    def statistic(rows: np.ndarray) -> np.ndarray:
        return values[rows].mean(axis=0)

    wide, again = (bootstrap_intervals(statistic, 60) for _ in range(2))
    narrow = bootstrap_intervals(statistic, 60, level=0.5)
    np.testing.assert_array_equal(wide, again)
    assert wide[0, 0] < narrow[0, 0] < narrow[0, 1] < wide[0, 1]
    assert not np.array_equal(wide, bootstrap_intervals(statistic, 60, seed=1))


def test_a_small_gain_on_every_text_is_certain_only_when_paired() -> None:
    rng = np.random.default_rng(0)
    first = rng.normal(0, 1, 200)
    second = first + 0.1 + rng.normal(0, 0.1, 200)
    (gain,) = paired_bootstrap(
        lambda rows: first[rows].mean(keepdims=True), lambda rows: second[rows].mean(keepdims=True), 200
    )
    assert gain.value == pytest.approx((second - first).mean())
    assert 0 < gain.low < gain.value < gain.high
    assert gain.p == pytest.approx(2 / 1001)
    alone = bootstrap_intervals(lambda rows: second[rows].mean(keepdims=True), 200)
    assert alone[0, 0] < first.mean() < alone[0, 1]


def test_false_alarms_are_as_rare_as_p_says() -> None:
    values = np.random.default_rng(0).normal(size=(60, 100, 2))
    ps = [
        paired_bootstrap(
            lambda rows, pair=pair: pair[rows, :1].mean(axis=0),
            lambda rows, pair=pair: pair[rows, 1:].mean(axis=0),
            100,
            n_resamples=200,
        )[0].p
        for pair in values
    ]
    assert np.mean(np.array(ps) < 0.05) < 0.15
    assert np.mean(np.array(ps) < 0.5) == pytest.approx(0.5, abs=0.2)


def test_the_same_system_does_not_differ_from_itself() -> None:
    values = np.random.default_rng(0).normal(size=(50, 1))
    (same,) = paired_bootstrap(lambda rows: values[rows].mean(0), lambda rows: values[rows].mean(0), 50)
    assert same == (0, 0, 0, 1)


def test_nothing_cannot_be_compared() -> None:
    with pytest.raises(InputError, match="nothing to compare"):
        paired_bootstrap(lambda rows: rows, lambda rows: rows, 0)
