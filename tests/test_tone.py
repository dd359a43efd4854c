"""The rule for tone: only what stands out from the library's average is named."""

import numpy as np
import pytest
from numpy.typing import NDArray

from leximind.inference.tone import (
    MAX_EMOTIONS,
    MIN_DEVIATIONS,
    MIN_GROUP,
    MIN_SCORE,
    MIN_SHARE,
    average,
    averages_for,
    name_tones,
    stand_out,
)
from leximind.labels import EMOTIONS, NEUTRAL

JOY, FEAR, APPROVAL = (EMOTIONS.index(name) for name in ("joy", "fear", "approval"))


def make_scores(n: int, seed: int = 0) -> NDArray[np.float64]:
    """(n, 28) scores as a model gives them: mostly small, a few large, neutral above all."""
    rng = np.random.default_rng(seed)
    scores = rng.beta(0.4, 12, (n, len(EMOTIONS))) * rng.uniform(0.05, 1, len(EMOTIONS))
    scores[:, NEUTRAL] = rng.uniform(0.4, 0.95, n)
    return scores


def jaccard(one: tuple[str, ...], other: tuple[str, ...]) -> float:
    return len({*one} & {*other}) / len({*one} | {*other}) if one or other else 1.0


@pytest.mark.parametrize("seed", range(5))
def test_nothing_is_named_that_does_not_stand_out_from_the_library(seed: int) -> None:
    scores = make_scores(200, seed)
    whole = np.arange(200) < 60
    mean = scores.mean(axis=0)
    tones = name_tones(scores, whole)
    assert sum(map(bool, tones)) > 50
    for row, tone in enumerate(tones):
        assert len(tone) == len(set(tone)) <= MAX_EMOTIONS
        assert "neutral" not in tone
        alike = scores[whole == whole[row]]
        for name in tone:
            emotion = EMOTIONS.index(name)
            score = scores[row, emotion]
            assert score > mean[emotion]
            assert score >= alike[:, emotion].mean() + MIN_DEVIATIONS * alike[:, emotion].std() - 1e-9
            assert score >= (MIN_SHARE if whole[row] else MIN_SCORE)


def test_all_that_stands_out_is_named_up_to_four() -> None:
    scores = np.full((100, 28), 0.01)
    scores[0, [JOY, FEAR]] = 0.3, 0.2
    scores[1, :6] = 0.5, 0.4, 0.3, 0.2, 0.1, 0.06
    tones = name_tones(scores, np.zeros(100, bool))
    assert set(tones[0]) == {"joy", "fear"}
    assert len(tones[1]) == MAX_EMOTIONS and set(tones[1]) < set(EMOTIONS[:6])
    assert tones[2:] == [()] * 98


def test_strongest_deviation_comes_first_not_the_highest_score() -> None:
    mean, std = np.full(28, 0.01), np.full(28, 0.02)
    mean[JOY], std[JOY] = 0.2, 0.15
    scores = mean.copy()
    scores[[JOY, FEAR]] = 0.5, 0.2
    assert stand_out(scores, mean, std) == ("fear", "joy")


def test_a_rare_emotion_needs_more_than_a_deviation() -> None:
    scores = np.full((100, 28), 0.001)
    scores[0, FEAR] = 0.07  # seventy times the average, and yet faint
    scores[1, FEAR] = 0.12
    assert name_tones(scores, np.zeros(100, bool))[:2] == [(), ("fear",)]
    assert name_tones(scores, np.ones(100, bool))[:2] == [("fear",), ("fear",)], "the floor of whole texts"


def test_an_emotion_that_all_share_is_the_tone_of_none() -> None:
    scores = np.full((50, 28), 0.01)
    scores[:, JOY] = 0.9
    assert name_tones(scores, np.zeros(50, bool)) == [()] * 50


def test_whole_texts_are_held_against_whole_texts_too() -> None:
    rng = np.random.default_rng(0)
    scores = rng.normal(0.01, 0.002, (120, 28)).clip(0)  # below every floor
    whole = np.arange(120) < 40
    scores[whole, APPROVAL] = rng.normal(0.09, 0.003, 40)  # the talk of novels
    scores[0, APPROVAL] = 0.12
    against_all = [stand_out(row, *average(scores), floor=MIN_SHARE) for row in scores[:40]]
    assert sum("approval" in tone for tone in against_all) > 35
    tones = name_tones(scores, whole)
    assert "approval" in tones[0]
    assert sum("approval" in tone for tone in tones[:40]) < 12
    assert not any("approval" in tone for tone in tones[40:])


def test_whole_texts_are_not_hidden_by_what_varies_in_descriptions() -> None:
    rng = np.random.default_rng(0)
    scores = rng.normal(0.01, 0.002, (220, 28)).clip(0)
    whole = np.arange(220) < 40
    scores[~whole, FEAR] = rng.beta(0.2, 4, 180)  # a word of horror fills a description, not a novel
    scores[0, FEAR] = 0.06
    assert scores[0, FEAR] < scores[:, FEAR].mean() + scores[:, FEAR].std()
    assert "fear" in name_tones(scores, whole)[0]
    scores[0, FEAR] = 0.03  # more than in the other novels, and yet below the average of the library
    assert "fear" not in name_tones(scores, whole)[0]


def test_a_few_whole_texts_are_held_against_the_library_alone() -> None:
    scores = make_scores(80)
    for n_whole, n_averages in ((MIN_GROUP - 1, 1), (MIN_GROUP, 2)):
        averages = averages_for(scores, np.arange(80) < n_whole, is_whole_text=True)
        assert averages.mean.shape == averages.std.shape == (n_averages, 28)
        assert averages.mean[0] == pytest.approx(scores.mean(axis=0))


@pytest.mark.parametrize("seed", range(3))
def test_tones_are_stable_when_works_are_added(seed: int) -> None:
    scores = make_scores(500, seed)
    whole = np.arange(500) % 4 == 0
    before = name_tones(scores, whole)
    extreme = scores[:1].copy()
    extreme[0, JOY] = 0.95
    for added, least in ((make_scores(50, seed + 100), 0.9), (extreme, 0.9), (scores, 0.999)):
        both = np.concatenate((scores, added))
        more = whole if added is scores else np.zeros(len(added), bool)
        after = name_tones(both, np.concatenate((whole, more)))[:500]
        assert np.mean([jaccard(*pair) for pair in zip(before, after, strict=True)]) > least
        # A label comes or goes only near the line, and when others near it take one of the four places.
        deviations = (scores - scores.mean(axis=0)) / scores.std(axis=0)
        for row in np.flatnonzero(~whole):
            clear = {name for name in before[row][:1] if deviations[row, EMOTIONS.index(name)] > 3}
            assert clear <= set(after[row])


def test_the_order_of_the_works_does_not_matter() -> None:
    scores, order = make_scores(60), np.random.default_rng(1).permutation(60)
    whole = np.arange(60) < 30
    tones = name_tones(scores, whole)
    assert name_tones(scores[order], whole[order]) == [tones[row] for row in order]


def test_edges() -> None:
    assert name_tones(np.zeros((0, 28)), np.zeros(0, bool)) == []
    assert name_tones(make_scores(1), [False]) == [()]
    nothing = average(np.zeros((0, 28)))
    assert (nothing.mean == 0).all() and (nothing.std == 1).all()
    assert stand_out(np.full(28, 0.5), np.full(28, 0.5), np.zeros(28)) == ()
