"""Prediction files, and two systems held against each other."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from leximind.errors import DataError, NotFoundError
from leximind.evaluation.compare import compare_predictions, make_score, read_predictions, write_predictions
from leximind.evaluation.evaluate import evaluate_rows
from leximind.labels import TOPICS
from tests.test_evaluate import LONG, FakeModel, emotion_rows

FRAMES: dict[str, list[dict[str, Any]]] = {
    "emotion": emotion_rows(60),
    "topic": [{"text": TOPICS[number % 4], "topic": TOPICS[number % 3]} for number in range(60)],
    "summarization": [
        {"source": f"{LONG * 3} {number}", "targets": ["A white whale", "It sinks"]} for number in range(10)
    ],
    "embedding": [
        {"title": f"w{number % 8} w{number}", "abstract": f"w{number // 2} {'x' * 200}"}
        for number in range(30)
    ],
    "valence": [
        {"text": text, "valence": number % 5} for number, text in enumerate(["joy", "fear", "so"] * 20)
    ],
}


@pytest.mark.parametrize("name", FRAMES)
def test_a_prediction_file_gives_the_metrics_back(name: str, tmp_path: Path) -> None:
    task = "emotion" if name == "valence" else name
    outcome = evaluate_rows(task, pd.DataFrame(FRAMES[name]), FakeModel())
    path = tmp_path / "a.jsonl"
    path.write_text(write_predictions(outcome.predictions), encoding="utf-8")
    rows = read_predictions(path)
    assert len(rows) == outcome.report["n"]
    found = make_score(rows)(np.arange(len(rows)))
    for metric, value in found.items():
        assert outcome.report["metrics"][metric] == pytest.approx(value, abs=1e-3), metric
    same = compare_predictions(rows, rows)
    assert set(same) == set(found)
    assert all(one.difference == (0, 0, 0, 1) for one in same.values())


def topic_rows(n_wrong: int) -> list[dict[str, Any]]:
    return [
        {
            "task": "topic",
            "row": str(number),
            "topic": TOPICS[number % 7],
            "predicted": TOPICS[(number + (number < n_wrong)) % 7],
        }
        for number in range(100)
    ]


def test_the_better_system_is_told_from_the_worse() -> None:
    found = compare_predictions(topic_rows(30), topic_rows(10))["accuracy"]
    assert (found.first, found.second) == (0.7, 0.9)
    assert found.difference.value == pytest.approx(0.2)
    assert 0.1 < found.difference.low < 0.2 < found.difference.high < 0.3
    assert found.difference.p < 0.01
    back = compare_predictions(topic_rows(10), topic_rows(30))["accuracy"].difference
    assert (back.value, back.low) == pytest.approx((-0.2, -found.difference.high))


def test_answers_without_probabilities_are_compared_by_their_labels() -> None:
    rows = [
        {"task": "emotion", "row": str(number), "labels": ["joy"], "predicted": ["joy"] if number % 2 else []}
        for number in range(20)
    ]
    found = compare_predictions(rows, [row | {"predicted": ["joy"]} for row in rows])
    assert "mean_average_precision" not in found
    assert found["micro_f1"].first == pytest.approx(2 / 3)
    assert found["micro_f1"].second == 1


def test_different_texts_are_not_compared() -> None:
    rows = topic_rows(0)
    with pytest.raises(DataError, match="100 and 99 rows"):
        compare_predictions(rows, rows[1:])
    with pytest.raises(DataError, match="Line 3: 'topic' differs"):
        compare_predictions(rows, [row | {"topic": "Arts"} if row["row"] == "2" else row for row in rows])
    with pytest.raises(DataError, match="lacks what its task needs"):
        compare_predictions([{"task": "topic", "row": "0"}], [{"task": "topic", "row": "0"}])
    with pytest.raises(DataError, match="lacks what its task needs"):
        strange = [rows[0] | {"predicted": "Cooking"}]
        compare_predictions(strange, strange)


def test_files_that_are_none(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    with pytest.raises(NotFoundError, match="--predictions"):
        read_predictions(path)
    for text, message in (
        ("", "predictions of none"),
        ("{", "line 1 is no JSON"),
        ("[]", "an object with a task"),
        ('{"row": 1}', "an object with a task"),
        ("".join(json.dumps({"task": task}) + "\n" for task in ("topic", "emotion")), "emotion, topic"),
    ):
        path.write_text(text, encoding="utf-8")
        with pytest.raises(DataError, match=message):
            read_predictions(path)
