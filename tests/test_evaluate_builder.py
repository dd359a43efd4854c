"""The evaluation as a whole: from data files to the report that the app shows."""

import json
import re
from pathlib import Path
from xml.etree import ElementTree as Tree

import numpy as np
import pandas as pd
import pytest

from builders import evaluate as builder
from builders.charts import draw_charts
from builders.measurements import MEASUREMENTS
from builders.report import condense, write_report
from leximind.evaluation import pools
from leximind.labels import TOPICS
from leximind.ui.figures import read_figure
from tests.test_evaluate import LONG, FakeFrozen, FakeModel, emotion_rows

FIGURES = {"emotion_classes", "fiction", "reliability", "topic_confusion", "summaries", "retrieval"}


class Fitted(FakeFrozen):
    """A frozen baseline that needs no data, without the one for which there is none."""

    def fit(self, data: Path, max_rows: int | None = None) -> None:
        self.max_rows = max_rows

    def embed(self, texts: list[str]) -> np.ndarray:
        if texts[0].startswith("w"):
            return FakeModel().embed(texts)
        return super().embed(texts)


def save_data(data: Path) -> None:
    fiction = [row | {"go_labels": row["labels"], "author": row["text"]} for row in emotion_rows(120)]
    keyed = [{"book_id": f"pg{number}", "source": "a/b"} for number in range(20)]
    book = {"text": LONG * 3, "description": LONG * 3, "short_description": "The white whale."}
    ids = [f"0704.{number:05}" for number in range(1500)]
    valence = [
        {"text": name, "valence": float(name == "joy"), "document": name} for name in ("joy", "fear", "dull")
    ]
    tables = {
        "emotion/goemotions_validation": emotion_rows(),
        "emotion/fiction_reman": fiction,
        "emotion/fiction_xed_en": fiction,
        "emotion/fiction_emobank": valence * 9,
        "topic/topic_validation": [
            {"text": TOPICS[number % 6], "topic": TOPICS[number % 7], "kind": "ab"[number % 2]}
            for number in range(98)
        ],
        "summarization/scitldr_validation": [{"source": LONG * 3, "targets": ["A whale."]}] * 4,
        "summarization/body_abstract_validation": [{"body": LONG * 3, "abstract": LONG, "field": "x | y"}]
        * 4,
        "summarization/book_pairs": [key | book for key in keyed],
        "books/book_descriptions": [key | book | {"text": None} for key in keyed],
        "papers/arxiv_papers": [
            {"arxiv_id": name, "title": f"w{number % 384}", "abstract": f"w{number % 384} {'x' * 200}"}
            for number, name in enumerate(ids)
        ],
    }
    for name, rows in tables.items():
        path = data / f"{name}.parquet"
        path.parent.mkdir(parents=True, exist_ok=True)
        pd.DataFrame(rows).to_parquet(path)


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, Path]:
    """Data, model and report folder after one whole run."""
    data, model, report = (tmp_path_factory.mktemp(name) for name in ("data", "model", "report"))
    save_data(data)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(builder.LexiMind, "from_pretrained", lambda *_: FakeModel())
        patch.setattr(builder, "load_minilm", lambda *_: Fitted())
        (model / "report").mkdir()
        (model / "report" / "old.svg").write_text("<svg/>")
        assert builder.main(call(data, model, report, "--predictions", str(report / "answers"))) == 0
    return data, model, report


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(builder.LexiMind, "from_pretrained", lambda *_: FakeModel())
    monkeypatch.setattr(builder, "load_minilm", lambda *_: None)


def call(data: Path, model: Path, report: Path, *more: str) -> list[str]:
    return ["--data", str(data), "--model", str(model), "--report", str(report), *more]


def read_results(report: Path) -> dict:
    return json.loads((report / "evaluation.json").read_text())


def test_every_measurement_is_there_with_its_baselines(folders: tuple[Path, Path, Path]) -> None:
    results = read_results(folders[2])
    assert list(results) == [measurement.name for measurement in MEASUREMENTS]
    assert results["Emotion, GoEmotions"]["n"] == 100  # the odd rows: the others are for tuning
    fiction = results["Emotion in fiction, REMAN"]
    frame = pd.read_parquet(folders[0] / "emotion" / "fiction_reman.parquet")
    assert fiction["n"] == len(pools.split_halves(frame, "author")[1]) < 120
    assert {"frozen_minilm", "frozen_minilm_in_domain", "prior_sampled"} <= set(fiction["baselines"])
    assert "macro_f1_tuned" in fiction["metrics"]
    assert results["Summary, book passages"]["columns"]["reference"] == "description"
    assert results["Summary, descriptions"]["columns"]["reference"] == "short_description"
    assert results["Summary, book passages"]["n"] == sum(pools.is_test_half(f"pg{n}") for n in range(20))
    search = results["Search, title to abstract"]
    assert search["n"] == sum(pools.is_held_out(f"0704.{number:05}") for number in range(1500))
    assert search["baselines"]["original_minilm"]["mrr@10"] == search["metrics"]["mrr@10"]


def test_the_model_gets_what_the_app_shows(folders: tuple[Path, Path, Path]) -> None:
    _, model, report = folders
    metrics = json.loads((model / "metrics.json").read_text())
    assert metrics == condense(read_results(report))
    emotion = metrics["Emotion, GoEmotions"]
    assert emotion["micro_f1"]["model"] == emotion["micro_f1"]["low"] == 1
    assert 0 < emotion["macro_f1"]["shuffled"] < emotion["macro_f1"]["model"]
    assert {path.stem for path in (model / "report").iterdir()} == FIGURES  # the old one is gone
    text = (model / "REPORT.md").read_text()
    assert text == (report / "REPORT.md").read_text()
    assert "| Emotion, GoEmotions | 100 | micro f1 | 1.000 | 1.000 to 1.000 | majority 0." in text
    for name in FIGURES:
        assert f"(report/{name}.svg)" in text
    assert "## Topic, books and papers: by kind" in text
    assert "| grief |" in text


def test_figures_are_small_and_the_same_each_time(folders: tuple[Path, Path, Path]) -> None:
    _, model, report = folders
    charts = {chart.name: chart for chart in draw_charts(read_results(report))}
    assert set(charts) == FIGURES
    ids: list[str] = []
    for name, chart in charts.items():
        path = model / "report" / f"{name}.svg"
        assert path.read_text() == chart.svg
        assert path.stat().st_size < 60_000
        root = Tree.fromstring(chart.svg)
        ids += [node.get("id") for node in root.iter() if node.get("id")]
        assert root.get("role") == "img"
        assert chart.description == root.get("aria-label")
        # Only the page's colours, so that both light and dark fit; and the page's font.
        plain = re.sub(r"var\(--lm-[\w-]+, #\w{6}\)|--lm-[\w-]+:#\w{6}", "", chart.svg)
        assert not re.search(r"#[0-9a-f]{6}\b(?![^<]*[\"']\s*/?>)", plain)
        assert "DejaVu" not in chart.svg
        assert "var(--lm-sans" in chart.svg
    assert len(ids) == len(set(ids))


def test_figures_say_what_was_measured(folders: tuple[Path, Path, Path]) -> None:
    results = read_results(folders[2])
    charts = {chart.name: chart for chart in draw_charts(results)}
    words = {name: " ".join(Tree.fromstring(chart.svg).itertext()) for name, chart in charts.items()}
    assert "joy (" in words["emotion_classes"]
    for topic in TOPICS:
        assert topic in words["topic_confusion"]
    confusion = np.array(results["Topic, books and papers"]["confusion"])
    assert all(str(count) in words["topic_confusion"] for count in confusion[confusion > 0])
    assert "original minilm" in words["retrieval"]
    assert "best sentence (bound)" in words["summaries"]
    assert "first 200 words" in words["summaries"]
    assert "frozen minilm in domain" in words["fiction"]
    assert charts["retrieval"].title.endswith(f"{results['Search, title to abstract']['n']:,}")


def test_bars_are_as_long_as_their_values(folders: tuple[Path, Path, Path]) -> None:
    results = read_results(folders[2])
    lengths = []
    for mrr in (0.25, 0.75):
        search = results["Search, title to abstract"]
        search["metrics"]["mrr@10"], search["intervals"]["mrr@10"] = mrr, [mrr, mrr]
        (svg,) = (chart.svg for chart in draw_charts({"Search": search}))
        first = re.search(
            r'id="retrieval-patch_3">\s*<path d="M [\d.]+ ([\d.]+)\s+L [\d.]+ [\d.]+\s+L [\d.]+ ([\d.]+)', svg
        )
        assert first
        lengths.append(float(first[1]) - float(first[2]))
    assert lengths[1] == pytest.approx(3 * lengths[0], rel=0.01)


def test_the_page_can_show_every_figure(folders: tuple[Path, Path, Path]) -> None:
    for path in (folders[1] / "report").iterdir():
        figure = read_figure(path.read_text())
        assert figure is not None
        drawn = Tree.fromstring(figure.svg)
        original = Tree.fromstring(path.read_text())
        for kind in ("path", "text", "use"):
            assert len(list(drawn.iter(kind))) == len(
                list(original.iter(f"{{http://www.w3.org/2000/svg}}{kind}"))
            )
        # Nothing was lost to the allow list but what says nothing here.
        kept = {name.split("}")[-1] for node in drawn.iter() for name in node.attrib}
        given = {name.split("}")[-1] for node in original.iter() for name in node.attrib}
        assert given - kept <= {"version", "type", "height"}
        styles = [node.get("style") for node in original.iter() if node.get("style")]
        assert [node.get("style") for node in drawn.iter() if node.get("style")] == styles


@pytest.mark.usefixtures("quick")
def test_a_quick_look_leaves_the_model_as_it_is(
    folders: tuple[Path, Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data, model, _ = folders
    before = (model / "metrics.json").read_bytes()
    assert builder.main(call(data, model, tmp_path, "--limit", "6", "--only", "emotion")) == 0
    results = read_results(tmp_path)
    assert {result["task"] for result in results.values()} == {"emotion"}
    assert {result["n"] for result in results.values()} == {6}
    assert "frozen_minilm" not in results["Emotion, GoEmotions"]["baselines"]
    assert (model / "metrics.json").read_bytes() == before
    out = capsys.readouterr().out
    assert "stays as it is" in out
    assert "| Emotion, GoEmotions | 6 |" in out


def test_two_prediction_files_are_compared(
    folders: tuple[Path, Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    answers = folders[2] / "answers"
    assert len(list(answers.glob("*.jsonl"))) == len(MEASUREMENTS)
    first = answers / "topic_books_and_papers.jsonl"
    rows = [json.loads(line) for line in first.read_text().splitlines()]
    second = tmp_path / "better.jsonl"
    second.write_text("".join(json.dumps(row | {"predicted": row["topic"]}) + "\n" for row in rows))
    assert builder.main(["--compare", str(first), str(second)]) == 0
    out = capsys.readouterr().out
    assert "| metric | topic_books_and_papers | better | difference | 95 % interval | p |" in out
    assert re.search(
        r"\| accuracy \| 0\.\d+ \| 1\.0000 \| \+0\.\d+ \| \+0\.\d+ to \+0\.\d+ \| 0\.002 \|", out
    )
    assert builder.main(["--compare", str(first), str(tmp_path / "gone.jsonl")]) == 1
    assert "There is no file" in capsys.readouterr().err


@pytest.mark.usefixtures("quick")
def test_what_cannot_be_measured_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert builder.main(call(tmp_path, tmp_path, tmp_path / "report")) == 1
    assert "no validation file" in capsys.readouterr().err
    assert builder.main(call(tmp_path, tmp_path, tmp_path / "report", "--only", "cooking")) == 1
    assert "No measurement is called 'cooking'" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        builder.main(call(tmp_path, tmp_path, tmp_path, "--limit", "0"))


def test_a_report_of_little_has_no_empty_parts() -> None:
    result = {
        "n": 3,
        "metrics": {"pearson": 0.5},
        "baselines": {"shuffled": {"pearson": 0.0}},
        "intervals": {},
    }
    results = {"Emotion in fiction, EmoBank": result}
    assert draw_charts(results) == []
    text = write_report("a model", results, [])
    assert text.startswith("# a model: what was measured")
    assert "| Emotion in fiction, EmoBank | 3 | pearson | 0.500 |  | shuffled 0.000 |" in text
    assert "##" not in text
