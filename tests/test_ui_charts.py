"""Bars and curves say what the numbers say."""

import re

import numpy as np
import pytest

from leximind.labels import EMOTIONS, NEUTRAL
from leximind.ui.charts import draw_arc, draw_emotions, draw_topics, rank_emotions


def test_topic_bars_are_ordered_and_as_long_as_their_scores() -> None:
    chart = draw_topics((0.1, 0.05, 0.5, 0.2, 0.05, 0.05, 0.05))
    assert re.findall(r'scope="row">(\w+)', chart)[:3] == ["Fiction", "History", "Arts"]
    assert "width:50.0%" in chart
    assert "50%" in chart


def test_emotions_that_stand_out_are_those_above_the_average() -> None:
    mean = np.full(28, 0.2, np.float32)
    std = np.full(28, 0.1, np.float32)
    scores = [0.1] * 28
    scores[EMOTIONS.index("remorse")] = 0.5
    scores[EMOTIONS.index("fear")] = 0.3
    scores[NEUTRAL] = 0.99
    assert [EMOTIONS[index] for index in rank_emotions(scores, mean, std, 8)] == ["remorse", "fear"]
    chart = draw_emotions(scores, mean, std)
    strong, folded = (re.findall(r'scope="row">(\w+)', part) for part in chart.split("<details"))
    assert strong == ["remorse", "fear"]
    assert len(folded) == 25 and "neutral" not in folded
    named = draw_emotions(scores, mean, std, tone=("fear",), limit=1)
    assert re.findall(r'scope="row">(\w+)', named)[:2] == ["fear", "remorse"]
    assert "20%" in chart
    widths = [float(width) for width in re.findall(r'class="lm-fill" style="width:([\d.]+)%', chart)]
    assert widths[1] / widths[0] == pytest.approx(0.3 / 0.5, abs=0.01), "one scale for all"
    assert "No feeling" in draw_emotions([0.1] * 28, mean, std)


def test_an_arc_shows_the_tone_and_says_where_it_is_highest() -> None:
    arc = [[0.1] * 28 for _ in range(9)]
    arc[8][EMOTIONS.index("joy")] = 0.9
    arc[0][EMOTIONS.index("grief")] = 0.9
    chart = draw_arc(arc, ("joy", "grief"))
    assert "joy is highest at the end; grief is highest at the beginning" in chart
    assert chart.count("<polyline") == 3


def test_no_arc_from_two_passages() -> None:
    assert draw_arc([[0.1] * 28] * 2, ("joy",)) == ""
