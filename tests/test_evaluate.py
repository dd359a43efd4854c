import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from builders import evaluate as builder
from leximind.errors import DataError, InputError, NotFoundError
from leximind.evaluation.evaluate import evaluate_file
from leximind.labels import EMOTIONS, TOPICS

LONG = (
    "The ship sails far out. The white whale sinks it in the end. Everybody drowns, and one man tells of it. "
)


class FakeModel:
    """Reads the answer out of the text: a text is right as often as its words are the labels' names."""

    emotion_thresholds = np.full(28, 0.5, np.float32)

    def __init__(self) -> None:
        self.longest_call = 0

    def emotion_probabilities(self, texts: Sequence[str]) -> np.ndarray:
        self.longest_call = max(self.longest_call, len(texts))
        return np.array(
            [[0.9 if name in text.split() else 0.1 for name in EMOTIONS] for text in texts], np.float32
        )

    def topic_probabilities(self, texts: Sequence[str]) -> np.ndarray:
        scores = np.array([[0.9 if name in text.split() else 0.1 / 6 for name in TOPICS] for text in texts])
        return (scores / scores.sum(axis=1, keepdims=True)).astype(np.float32)

    def embed(self, texts: Sequence[str]) -> np.ndarray:
        rows = []
        for text in texts:
            vector = np.zeros(384)
            for word in text.split():
                if word.startswith("w"):
                    vector[int(word[1:])] += 1
            rows.append(vector / max(np.linalg.norm(vector), 1e-9))
        return np.array(rows, np.float32)

    def summarize(self, texts: Sequence[str]) -> list[str]:
        return [text.split(". ")[1] + "." for text in texts]


def save(tmp_path: Path, rows: list[dict[str, Any]], suffix: str = ".parquet") -> Path:
    path = tmp_path / f"data{suffix}"
    frame = pd.DataFrame(rows)
    writers: dict[str, Callable[[], Any]] = {
        ".parquet": lambda: frame.to_parquet(path),
        ".jsonl": lambda: frame.to_json(path, orient="records", lines=True),
        ".csv": lambda: frame.to_csv(path, index=False),
    }
    writers[suffix]()
    return path


def emotion_rows(n: int = 200) -> list[dict[str, Any]]:
    rng = np.random.default_rng(0)
    names = ["joy", "neutral", "neutral", "neutral", "fear", "grief"]
    labels = [sorted(set(rng.choice(names, rng.integers(1, 3)))) for _ in range(n)]
    return [{"text": f"so {' '.join(given)}", "labels": given} for given in labels]


@pytest.mark.parametrize("suffix", [".parquet", ".jsonl", ".csv"])
def test_emotion(tmp_path: Path, suffix: str) -> None:
    rows = emotion_rows()
    if suffix == ".csv":
        rows = [row | {"labels": ", ".join(row["labels"])} for row in rows]
    model = FakeModel()
    found = evaluate_file("emotion", save(tmp_path, rows, suffix), model)
    assert (found["task"], found["n"], found["file"]) == ("emotion", 200, f"data{suffix}")
    assert model.longest_call < 200
    assert found["metrics"]["micro_f1"] == found["metrics"]["sample_f1"] == 1
    assert found["metrics"]["macro_f1"] == pytest.approx(4 / 28, abs=1e-4)
    assert found["metrics"]["mean_average_precision"] == 1
    assert found["metrics"]["calibration_error"] == pytest.approx(0.1, abs=1e-4)
    baselines = found["baselines"]
    assert set(baselines) == {"majority", "prior_sampled", "shuffled"}
    n_neutral = sum("neutral" in row["labels"] for row in rows)
    majority = 2 * n_neutral / (200 + n_neutral) / 28
    assert baselines["majority"]["macro_f1"] == pytest.approx(majority, abs=1e-4)
    for scores in baselines.values():
        assert 0 < scores["macro_f1"] < 0.5 * found["metrics"]["macro_f1"]
    assert found["intervals"]["micro_f1"] == [1, 1]
    assert found["per_class"]["joy"]["f1"] == 1
    assert found["per_class"]["joy"]["n"] == sum("joy" in row["labels"] for row in rows)
    json.dumps(found)


def test_rows_and_limit(tmp_path: Path) -> None:
    rows = [{"text": "joy" if number % 2 else "fear", "labels": ["joy"]} for number in range(20)]
    path = save(tmp_path, rows)
    assert evaluate_file("emotion", path, FakeModel())["metrics"]["micro_f1"] == 0.5
    odd = evaluate_file("emotion", path, FakeModel(), 4, rows=slice(1, None, 2))
    assert (odd["n"], odd["metrics"]["micro_f1"]) == (4, 1)


def test_evaluation_is_repeatable(tmp_path: Path) -> None:
    path = save(tmp_path, emotion_rows())
    assert evaluate_file("emotion", path, FakeModel()) == evaluate_file("emotion", path, FakeModel())


def test_topic(tmp_path: Path) -> None:
    names = [TOPICS[number % 3] for number in range(90)] + ["Arts"] * 30
    said = ["Science" if number < 10 else name for number, name in enumerate(names)]
    rows = [
        {"text": f"of {text}", "topic": name, "kind": "paper" if number < 10 else "book"}
        for number, (text, name) in enumerate(zip(said, names, strict=True))
    ]
    found = evaluate_file("topic", save(tmp_path, rows), FakeModel())
    assert found["metrics"]["accuracy"] == pytest.approx(110 / 120, abs=1e-4)
    assert found["baselines"]["majority"]["accuracy"] == 0.5
    assert 0.2 < found["baselines"]["prior_sampled"]["accuracy"] < 0.55
    low, high = found["intervals"]["accuracy"]
    assert low < 110 / 120 < high
    assert found["accuracy_by_kind"] == {"book": 1, "paper": 0}
    assert np.sum(found["confusion"]) == 120
    assert found["confusion"][TOPICS.index("Arts")][TOPICS.index("Science")] == 4
    assert found["per_class"]["Science"]["precision"] == 0


def test_summarization(tmp_path: Path) -> None:
    rows = [
        {
            "source": LONG * 3,
            "title": "No",
            "targets": ["Nothing alike", "The white whale sinks it in the end"],
        }
    ]
    found = evaluate_file("summarization", save(tmp_path, rows * 3), FakeModel())
    assert found["columns"] == {"source": "source", "reference": "targets"}
    assert found["metrics"] == {"rouge1": 1, "rouge2": 1, "rougeL": 1, "words": 8}
    assert set(found["baselines"]) == {"lead_1", "lead_3", "best_sentence"}
    assert found["baselines"]["best_sentence"]["rougeL"] == 1
    assert 0 < found["baselines"]["lead_1"]["rouge1"] < found["baselines"]["lead_3"]["rouge1"] < 1
    assert found["intervals"]["rouge1"] == [1, 1]


@pytest.mark.parametrize(
    ("row", "source", "reference"),
    [
        ({"source": "some/repository", "title": "T", "body": LONG * 3, "abstract": LONG}, "body", "abstract"),
        ({"title": "A title", "abstract": LONG * 3}, "abstract", "title"),
        (
            {"title": "T", "text": LONG * 3, "description": LONG, "short_description": LONG},
            "text",
            "short_description",
        ),
        ({"description": LONG * 3, "summary": "Short."}, "description", "summary"),
    ],
)
def test_summary_columns(tmp_path: Path, row: dict[str, Any], source: str, reference: str) -> None:
    found = evaluate_file("summarization", save(tmp_path, [row]), FakeModel())
    assert found["columns"] == {"source": source, "reference": reference}


def test_embedding(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    words = rng.permutation(384)[:160].reshape(80, 2)
    rows = [
        {"title": f"w{a}", "abstract": f"w{a} w{b} xx{b} " + "common phrases of all abstracts " * 10}
        for a, b in words
    ]
    found = evaluate_file("embedding", save(tmp_path, rows), FakeModel())
    assert found["columns"] == {"query": "title", "document": "abstract"}
    assert found["metrics"] == {"mrr@10": 1, "recall@10": 1}
    assert found["baselines"]["tf_idf"] == {"mrr@10": 1, "recall@10": 1}
    assert found["baselines"]["shuffled"]["recall@10"] < 0.5
    assert found["intervals"]["mrr@10"] == [1, 1]


@pytest.mark.parametrize(
    ("task", "row", "message"),
    [
        ("emotion", {"labels": ["joy"]}, "Column 'text' is missing; there are labels"),
        ("emotion", {"text": "a"}, "Column 'labels' is missing"),
        ("emotion", {"text": " ", "labels": ["joy"]}, "Column 'text', row 0"),
        ("emotion", {"text": "a", "labels": ["glee"]}, r"row 0: \['glee'\] are no emotions"),
        ("emotion", {"text": "a", "labels": [3]}, "no list of strings"),
        ("topic", {"text": "a", "topic": "Cooking"}, "'Cooking' is none of"),
        ("summarization", {"text": "too short", "title": "a"}, "200 characters or more"),
        ("summarization", {"text": LONG * 3}, "One of the columns targets"),
        ("embedding", {"abstract": LONG * 3}, "Column 'title' is missing"),
    ],
)
def test_files_that_do_not_fit(tmp_path: Path, task: str, row: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError, match=message):
        evaluate_file(task, save(tmp_path, [row]), FakeModel())


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="no file"):
        evaluate_file("emotion", tmp_path / "gone.parquet", FakeModel())
    for name in ("a.parquet", "a.jsonl"):
        (tmp_path / name).write_text("{nothing")
        with pytest.raises(DataError, match="cannot be read"):
            evaluate_file("emotion", tmp_path / name, FakeModel())
    (tmp_path / "a.csv").write_text("")
    with pytest.raises(DataError, match="cannot be read"):
        evaluate_file("emotion", tmp_path / "a.csv", FakeModel())
    (tmp_path / "a.txt").write_text("x")
    with pytest.raises(InputError, match=r"no \.parquet"):
        evaluate_file("emotion", tmp_path / "a.txt", FakeModel())
    with pytest.raises(InputError, match="'mood' is no task"):
        evaluate_file("mood", save(tmp_path, emotion_rows()), FakeModel())
    with pytest.raises(DataError, match="no rows"):
        evaluate_file("emotion", save(tmp_path, emotion_rows()[:1]), FakeModel(), rows=slice(1, None, 2))


def test_builder_measures_what_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    analyzer = pytest.importorskip("leximind.inference.analyzer")
    monkeypatch.setattr(analyzer.LexiMind, "from_pretrained", lambda _: FakeModel())
    data, model = tmp_path / "data", tmp_path / "model"
    model.mkdir()
    common = ["--data", str(data), "--model", str(model), "--report", str(tmp_path / "report")]
    assert builder.main(common) == 1
    assert "no validation file" in capsys.readouterr().err
    (data / "emotion").mkdir(parents=True)
    pd.DataFrame(emotion_rows()).to_parquet(data / "emotion" / "goemotions_validation.parquet")
    assert builder.main(common) == 0
    results = json.loads((tmp_path / "report" / "evaluation.json").read_text())
    assert results["Emotion, GoEmotions"]["n"] == 100  # the odd rows: the others are for tuning
    metrics = json.loads((model / "metrics.json").read_text())["Emotion, GoEmotions"]
    assert metrics["micro_f1"]["model"] == metrics["micro_f1"]["low"] == 1
    assert 0 < metrics["macro_f1"]["shuffled"] < metrics["macro_f1"]["model"]
    table = (tmp_path / "report" / "evaluation.md").read_text()
    assert "| Emotion, GoEmotions | 100 | micro f1 | 1.000 | 1.000 to 1.000 | majority 0." in table
    assert table.strip() in capsys.readouterr().out
    with pytest.raises(SystemExit):
        builder.main([*common, "--limit", "0"])
