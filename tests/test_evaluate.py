import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pytest

from leximind.errors import DataError, InputError, NotFoundError
from leximind.evaluation import overlap, retrieval
from leximind.evaluation.evaluate import evaluate_file, evaluate_rows, read_rows
from leximind.evaluation.linear import LinearHead
from leximind.evaluation.task import Setting
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


class FakeFrozen:
    """Vectors that say which labels a text names, and heads that read them: right but for "grief"."""

    def __init__(self) -> None:
        emotion, topic = np.zeros((35, 28)), np.zeros((35, 7))
        emotion[range(28), range(28)], topic[range(28, 35), range(7)] = 8, 8
        emotion[EMOTIONS.index("grief")] = 0
        self.heads = {
            "emotion": LinearHead(emotion, np.full(28, -4.0), np.full(28, 0.5)),
            "topic": LinearHead(topic, np.zeros(7), np.full(7, 0.5), is_exclusive=True),
        }

    def embed(self, texts: Sequence[str]) -> np.ndarray:
        return np.array(
            [[float(name in text.split()) for name in (*EMOTIONS, *TOPICS)] for text in texts], np.float32
        )


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
    shares = [
        np.mean([name in row["labels"] for row in rows]) for name in ("joy", "neutral", "fear", "grief")
    ]
    assert baselines["prior_sampled"]["mean_average_precision"] == pytest.approx(np.mean(shares), abs=1e-4)
    n_neutral = sum("neutral" in row["labels"] for row in rows)
    majority = 2 * n_neutral / (200 + n_neutral) / 28
    assert baselines["majority"]["macro_f1"] == pytest.approx(majority, abs=1e-4)
    for scores in baselines.values():
        assert 0 < scores["macro_f1"] < 0.5 * found["metrics"]["macro_f1"]
    assert found["intervals"]["micro_f1"] == [1, 1]
    assert found["per_class"]["joy"]["f1"] == 1
    assert found["per_class"]["joy"]["f1_interval"] == [1, 1]
    assert found["per_class"]["joy"]["n"] == sum("joy" in row["labels"] for row in rows)
    reliability = found["reliability"]
    assert sum(row["n"] for row in reliability) == 200 * 28
    assert [(row["confidence"], row["frequency"]) for row in reliability] == [(0.1, 0), (0.9, 1)]
    json.dumps(found)


def test_intervals_hold_what_was_measured_and_narrow_with_more_texts(tmp_path: Path) -> None:
    rows = [{"text": "joy" if number % 4 else "fear", "labels": ["joy"]} for number in range(400)]
    widths = []
    for n in (40, 400):
        found = evaluate_file("emotion", save(tmp_path, rows[:n]), FakeModel())
        low, high = found["intervals"]["micro_f1"]
        assert low < found["metrics"]["micro_f1"] == 0.75 < high
        assert found["per_class"]["joy"]["f1_interval"][0] < found["per_class"]["joy"]["f1"]
        widths.append(high - low)
    assert widths[1] < 0.5 * widths[0]


def test_labels_of_another_set_are_those_it_shares(tmp_path: Path) -> None:
    rows = [
        {"text": text, "labels": ["trust", *given], "go_labels": given, "author": author}
        for text, given, author in (("joy love", ["joy"], "A"), ("fear", ["fear"], "A"), ("dull", [], "B"))
        for _ in range(20)
    ]
    found = evaluate_file("emotion", save(tmp_path, rows), FakeModel())
    assert found["labels"] == ["fear", "joy"]
    # "love" was given too, but this set cannot say whether that is right.
    assert found["metrics"]["macro_f1"] == found["metrics"]["mean_average_precision"] == 1
    assert found["metrics"]["sample_f1"] == pytest.approx(2 / 3, abs=1e-4)
    by_author = found["domains"]["author"]
    assert list(by_author) == ["A", "B"]
    assert (by_author["A"]["n"], by_author["A"]["sample_f1"], by_author["B"]["sample_f1"]) == (40, 1, 0)


def test_thresholds_are_tuned_on_other_rows_only(tmp_path: Path) -> None:
    class Timid(FakeModel):
        def emotion_probabilities(self, texts: Sequence[str]) -> np.ndarray:
            return super().emotion_probabilities(texts) / 3

    rows = [
        {"text": name, "labels": [name], "go_labels": [name]} for name in ("joy", "fear") for _ in range(20)
    ]
    path = save(tmp_path, rows)
    test = read_rows("emotion", path)
    alone = evaluate_rows("emotion", test, Timid()).report["metrics"]
    assert alone["macro_f1"] == 0
    assert "macro_f1_tuned" not in alone
    tuned = evaluate_rows("emotion", test, Timid(), Setting(tuning=test.iloc[::2])).report
    assert tuned["metrics"]["macro_f1"] == 0
    assert tuned["metrics"]["macro_f1_tuned"] == 1
    assert tuned["intervals"]["macro_f1_tuned"] == [1, 1]
    # Rows that mislead: what is tuned on them must show in the result.
    wrong = test.iloc[::2].assign(
        go_labels=[["fear"] if text == "joy" else ["joy"] for text in test["text"][::2]]
    )
    misled = evaluate_rows("emotion", test, Timid(), Setting(tuning=wrong)).report
    assert misled["metrics"]["macro_f1_tuned"] < 1


def test_frozen_baselines_stand_beside(tmp_path: Path) -> None:
    rows = [
        {"text": name, "labels": [name], "go_labels": [name]} for name in ("joy", "grief") for _ in range(30)
    ]
    frame = read_rows("emotion", save(tmp_path, rows))
    setting = Setting(FakeFrozen(), tuning=frame)
    baselines = evaluate_rows("emotion", frame, FakeModel(), setting).report["baselines"]
    assert baselines["frozen_minilm"]["macro_f1"] == 0.5  # the head that does not know grief
    assert baselines["frozen_minilm_in_domain"]["macro_f1"] == 1  # fitted on this set
    rows = [{"text": name, "topic": name} for name in TOPICS]
    frame = read_rows("topic", save(tmp_path, rows))
    baselines = evaluate_rows("topic", frame, FakeModel(), Setting(FakeFrozen())).report["baselines"]
    assert baselines["frozen_minilm"] == {"accuracy": 1, "macro_f1": 1}


def test_valence(tmp_path: Path) -> None:
    texts = ["joy love", "joy", "nothing", "fear", "fear grief"] * 10
    rows = [
        {"text": text, "valence": 5 - number % 5, "document": "AB"[number // 25]}
        for number, text in enumerate(texts)
    ]
    found = evaluate_file("emotion", save(tmp_path, rows), FakeModel())
    assert found["metrics"] == {"pearson": 1, "spearman": 1}
    assert found["intervals"]["pearson"] == [1, 1]
    assert abs(found["baselines"]["shuffled"]["pearson"]) < 0.5
    assert found["domains"]["document"]["A"] == {"n": 25, "pearson": 1, "spearman": 1}
    frame = read_rows("emotion", save(tmp_path, rows))
    frozen = evaluate_rows("emotion", frame, FakeModel(), Setting(FakeFrozen())).report["baselines"]
    assert 0.8 < frozen["frozen_minilm"]["pearson"] < 1


def test_rows_and_limit(tmp_path: Path) -> None:
    rows = [{"text": "joy" if number % 2 else "fear", "labels": ["joy"]} for number in range(20)]
    path = save(tmp_path, rows)
    assert evaluate_file("emotion", path, FakeModel())["metrics"]["micro_f1"] == 0.5
    odd = read_rows("emotion", path, 4, select=lambda frame: frame.iloc[1::2])
    assert evaluate_rows("emotion", odd, FakeModel()).report["metrics"]["micro_f1"] == 1
    assert list(odd.index) == [1, 3, 5, 7]
    assert evaluate_file("emotion", path, FakeModel(), 2)["n"] == 2


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
    assert found["domains"] == {}  # ten papers are too few for a row of their own
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
    assert found["kind"] == "sentence"
    measured = found["metrics"]
    assert {name: measured[name] for name in overlap.ROUGE_TYPES} == {"rouge1": 1, "rouge2": 1, "rougeL": 1}
    assert (measured["words"], measured["copied"], measured["supported"]) == (8, 1, 1)
    assert "written" not in measured  # this model does not say where its summaries come from
    assert set(found["baselines"]) == {"lead_1", "lead_3", "textrank", "best_sentence"}
    assert found["baselines"]["best_sentence"]["rougeL"] == 1
    assert 0 < found["baselines"]["lead_1"]["rouge1"] < found["baselines"]["lead_3"]["rouge1"] < 1
    assert found["intervals"]["rouge1"] == [1, 1]


PAPER = {"source": "some/repository", "title": "T", "body": LONG * 3, "abstract": LONG}
BOOK = {"title": "T", "text": LONG * 3, "description": LONG * 3, "short_description": LONG}


@pytest.mark.parametrize(
    ("row", "columns", "kind"),
    [
        (PAPER, ("body", "abstract"), "abstract"),
        ({"title": "A title", "abstract": LONG * 3}, ("abstract", "title"), "sentence"),
        (BOOK, ("text", "description"), "description"),
        (BOOK | {"text": None}, ("description", "short_description"), "sentence"),
        ({"description": LONG * 3, "summary": "Short."}, ("description", "summary"), "sentence"),
        ({"source": LONG * 3, "targets": ["A"], "title": "T"}, ("source", "targets"), "sentence"),
    ],
)
def test_summary_columns_and_kinds(
    tmp_path: Path, row: dict[str, Any], columns: tuple[str, str], kind: str
) -> None:
    class Asked(FakeModel):
        def __init__(self) -> None:
            super().__init__()
            self.kinds: list[str] = []

        def summarize(self, texts: Sequence[str], kind: str = "sentence") -> list[str]:
            self.kinds.append(kind)
            return super().summarize(texts)

    model = Asked()
    found = evaluate_file("summarization", save(tmp_path, [row]), model)
    assert found["columns"] == {"source": columns[0], "reference": columns[1]}
    assert found["kind"] == kind
    assert set(model.kinds) == {kind}
    openings = {"description": {80, 200}, "abstract": {200}}.get(kind, set())
    assert {f"first_{n}_words" for n in openings} == {name for name in found["baselines"] if "first" in name}


def test_where_a_summary_comes_from_is_reported(tmp_path: Path) -> None:
    class Shown(NamedTuple):
        summary: str
        summary_source: str

    class Analyzing(FakeModel):
        def analyze(self, texts: Sequence[str]) -> list[Shown]:
            return [
                Shown("A man tells of the whale.", "written")
                if text.startswith("1")
                else Shown("It cost 7 ships.", "extracted")
                for text in texts
            ]

    rows = [{"source": f"{number % 4} {LONG * 3}", "targets": ["whale"]} for number in range(8)]
    found = evaluate_file("summarization", save(tmp_path, rows), Analyzing())["metrics"]
    assert found["written"] == 0.25
    assert found["supported"] == 0.25
    assert found["copied"] == 0


def test_bleu_is_left_out_without_its_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = save(tmp_path, [{"source": LONG * 3, "targets": ["The white whale sinks it in the end."]}] * 2)
    with_it = evaluate_file("summarization", path, FakeModel())
    monkeypatch.setattr(overlap, "HAS_BLEU", False)
    without = evaluate_file("summarization", path, FakeModel())
    assert with_it["metrics"].pop("bleu4") == 1
    assert "sacrebleu" in without["note"]
    assert without["metrics"] == with_it["metrics"]


def test_bert_score_takes_the_best_reference(tmp_path: Path) -> None:
    def states(texts: Sequence[str]) -> list[np.ndarray]:
        return [np.array([[float("white" in text), 1.0]]) for text in texts]

    rows = [{"source": LONG * 3, "targets": ["Nothing alike", "A white one"]}] * 3
    frame = read_rows("summarization", save(tmp_path, rows))
    found = evaluate_rows("summarization", frame, FakeModel(), Setting(token_states=states)).report
    assert found["metrics"]["bert_score"] == 1
    only = frame.assign(targets=[["Nothing alike"]] * 3)
    found = evaluate_rows("summarization", only, FakeModel(), Setting(token_states=states)).report
    assert found["metrics"]["bert_score"] == pytest.approx(0.7071, abs=1e-4)


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


def test_embedding_beside_the_original(tmp_path: Path) -> None:
    class Halfway(FakeFrozen):
        def embed(self, texts: Sequence[str]) -> np.ndarray:
            mixed = FakeModel().embed(texts) + 1 / np.sqrt(384)
            return mixed / np.linalg.norm(mixed, axis=1, keepdims=True)

    rows = [{"title": f"w{number}", "abstract": f"w{number} {'x' * 200}"} for number in range(30)]
    frame = read_rows("embedding", save(tmp_path, rows))
    found = evaluate_rows("embedding", frame, FakeModel(), Setting(Halfway())).report
    assert found["baselines"]["original_minilm"] == {"mrr@10": 1, "recall@10": 1}
    assert found["metrics"]["cosine_to_original"] == pytest.approx(0.725, abs=1e-3)
    assert found["baselines"]["shuffled"]["cosine_to_original"] < 0.1


def test_the_pool_has_an_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retrieval, "POOL_SIZE", 20)
    rows = [{"title": f"w{number}", "abstract": f"w{number} {'x' * 200}"} for number in range(30)]
    outcome = evaluate_rows("embedding", read_rows("embedding", save(tmp_path, rows)), FakeModel())
    assert outcome.report["n"] == len(outcome.predictions) == 20


@pytest.mark.parametrize(
    ("task", "row", "message"),
    [
        ("emotion", {"labels": ["joy"]}, "Column 'text' is missing; there are labels"),
        ("emotion", {"text": "a"}, "Column 'labels' is missing"),
        ("emotion", {"text": "a", "labels": []}, "names no emotion"),
        ("emotion", {"text": "a", "valence": "high"}, "Column 'valence', row 0: 'high' is no number"),
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
        read_rows("emotion", save(tmp_path, emotion_rows()[:1]), select=lambda frame: frame.iloc[1::2])
