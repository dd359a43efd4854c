"""From a source to a library: what a build writes, leaves out, and says on the command line."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from killed_build import DATE, FakeReader, describe, make_row, rng, write_shelf

from builders import reader as reader_module
from builders.analyse import version_of
from builders.build import Report, build, main
from builders.index import ARC_POINTS, draw_arc
from builders.pipeline import options as options_module
from builders.pipeline.options import Options
from leximind.errors import DataError, ModelError, NotFoundError
from leximind.inference.tone import name_tones
from leximind.labels import EMOTIONS
from leximind.library.store import Library
from leximind.library.work import DESCRIPTION, FULL_TEXT, validate

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture
def shelf(tmp_path: Path) -> Path:
    return write_shelf(tmp_path / "shelf.jsonl", [make_row(number) for number in range(18)])


def run(source: Path, tmp_path: Path, name: str = "out", **given: Any) -> tuple[Report, Path]:
    output = tmp_path / name
    fixed = {"work": tmp_path / f"work of {name}", "date": DATE, "shard_rows": 5, "batch_size": 4}
    return build(FakeReader, "v1", Options(str(source), output, **(fixed | given))), output


def read_rejections(output: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (output / "rejected.jsonl").read_text("utf-8").splitlines()]


def test_a_build_is_a_library(shelf: Path, tmp_path: Path) -> None:
    report, output = run(shelf, tmp_path)
    assert report.manifests["index"].counts == {"n_works": 18, "n_rejected": 0}
    assert report.manifests["validate"].counts["n_books"] == 12
    library = Library.from_folder(output)
    assert [work.id for work in library.works] == [f"work-{number}" for number in range(18)]
    assert (library.model, library.built_at) == ("fake-1", DATE)
    assert library.version == report.manifests["index"].output
    work = library.works[3]
    assert (work.analysed_at, work.arc, work.n_words, work.provenance) == (DATE, (), None, DESCRIPTION)
    (expected,) = FakeReader().describe(["Title 3"], [describe(3)])
    assert np.allclose(library.embeddings[3], expected.embedding, atol=1e-3)
    assert np.allclose(work.emotions, expected.emotions, atol=1e-5)
    assert np.allclose(work.topic_scores, expected.topics, atol=1e-5)
    assert library.keyword.search("number 7")[0].row == 7
    assert library.vectors.search(expected.embedding[None], 1)[0][0][0] == 3
    names = ["croissant.json", "dataset_infos.json", "index", "manifest.json", "works.parquet"]
    assert sorted(path.name for path in output.iterdir()) == names


def test_same_input_gives_the_same_bytes(shelf: Path, tmp_path: Path) -> None:
    _, first = run(shelf, tmp_path, "one")
    _, second = run(shelf, tmp_path, "two")
    for name in ("works.parquet", "manifest.json", "index/vectors.faiss", "index/stamp.json"):
        assert (first / name).read_bytes() == (second / name).read_bytes()
    _, other_day = run(shelf, tmp_path, "three", date="2026-02-01")
    assert (first / "works.parquet").read_bytes() != (other_day / "works.parquet").read_bytes()


def test_parts_do_not_show_in_the_dataset(shelf: Path, tmp_path: Path) -> None:
    tables = [
        pq.read_table(run(shelf, tmp_path, f"of {n}", shard_rows=n)[1] / "works.parquet") for n in (1, 7, 100)
    ]
    assert tables[0] == tables[1] == tables[2]


def test_a_smaller_rebuild_replaces_the_larger(shelf: Path, tmp_path: Path) -> None:
    run(shelf, tmp_path)
    write_shelf(shelf, [make_row(number) for number in range(4)])
    _, output = run(shelf, tmp_path)
    library = Library.from_folder(output)
    assert len(library) == len(library.keyword) == len(library.vectors) == 4
    assert [path.name for path in (tmp_path / "work of out").rglob("0*.parquet")] == ["00000.parquet"] * 2


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("{not json", "not JSON"),
        (make_row(1, id=...), "id is missing"),
        (make_row(0), "work-0"),
        (make_row(1, kind="film"), "book or paper"),
        (make_row(1, description="REFUSE this one, it is not like the others."), "This text is refused."),
        (make_row(1, text="REFUSE this book. " * 9), "This text is refused."),
    ],
)
def test_bad_rows_are_reported_and_skipped(tmp_path: Path, row: Any, reason: str) -> None:
    source = write_shelf(tmp_path / "shelf.jsonl", [make_row(0), row, make_row(2)])
    report, output = run(source, tmp_path)
    assert report.manifests["index"].counts == {"n_works": 2, "n_rejected": 1}
    assert [work.id for work in Library.from_folder(output).works] == ["work-0", "work-2"]
    (rejection,) = read_rejections(output)
    assert rejection["row"] == 2
    assert reason in rejection["reason"]


def test_a_clean_rebuild_removes_the_old_report(tmp_path: Path) -> None:
    source = write_shelf(tmp_path / "shelf.jsonl", [make_row(0), "{", make_row(2)])
    run(source, tmp_path)
    write_shelf(source, [make_row(0), make_row(2)])
    _, output = run(source, tmp_path)
    assert not (output / "rejected.jsonl").exists()


def test_sources_without_a_work(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError):
        run(tmp_path / "gone.jsonl", tmp_path)
    with pytest.raises(DataError, match="The first of 1 rows: kind is missing"):
        run(write_shelf(tmp_path / "a.jsonl", [{"id": "x"}]), tmp_path)
    with pytest.raises(DataError, match="refused every work"):
        run(write_shelf(tmp_path / "a.jsonl", [make_row(0, description="REFUSE")]), tmp_path)


def test_a_full_text_gives_emotions_topic_arc_and_length(tmp_path: Path) -> None:
    text = f"Once upon a time {describe(0)} " * 200
    rows = [make_row(0, text=text), make_row(1), make_row(2, text="Short, but whole.")]
    _, output = run(write_shelf(tmp_path / "a.jsonl", rows), tmp_path)
    long, none, short = Library.from_folder(output).works
    passages = FakeReader().read_whole(text.strip())
    assert len(passages.lengths) > ARC_POINTS == len(long.arc)
    weights = passages.lengths / passages.lengths.sum()
    assert np.allclose(long.emotions, weights @ passages.emotions, atol=1e-5)
    assert np.allclose(long.topic_scores, weights @ passages.topics, atol=1e-5)
    assert (long.provenance, long.n_words) == (FULL_TEXT, len(text.split()))
    assert (none.provenance, none.n_words, none.arc) == (DESCRIPTION, None, ())
    assert (short.provenance, short.n_words, len(short.arc)) == (FULL_TEXT, 3, 1)
    # Summary and embedding are still those of the description.
    (expected,) = FakeReader().describe(["Title 0"], [describe(0)])
    assert long.summary == expected.summary
    halves = pq.read_table(tmp_path / "work of out" / "halves.parquet").to_pylist()
    assert [row["id"] for row in halves] == ["work-0"]  # one passage has no halves
    odd = np.average(passages.emotions[::2], axis=0, weights=passages.lengths[::2])
    even = np.average(passages.emotions[1::2], axis=0, weights=passages.lengths[1::2])
    assert np.allclose(halves[0]["odd"], odd, atol=1e-5)
    assert np.allclose(halves[0]["even"], even, atol=1e-5)


def test_an_arc_keeps_its_shape() -> None:
    lengths = rng("lengths").integers(20, 256, 500)
    rise = np.linspace(0, 1, 500)[:, None] * np.ones(28)
    arc = np.array(draw_arc(rise.tolist(), lengths.tolist()))
    assert arc.shape == (ARC_POINTS, 28)
    assert (np.diff(arc[:, 0]) > 0).all()
    assert np.isclose(arc[:, 0].mean(), np.average(rise[:, 0], weights=lengths), atol=0.01)
    assert draw_arc(rise[:3].tolist(), [5, 5, 5]) == rise[:3].tolist()
    # One passage longer than several stretches leaves some of them without any; none is made up.
    assert len(draw_arc(rise[:70].tolist(), [10_000] + [1] * 69)) < ARC_POINTS


def test_tone_is_what_stands_out_in_this_library(shelf: Path, tmp_path: Path) -> None:
    _, output = run(shelf, tmp_path)
    library = Library.from_folder(output)
    assert any(work.tone for work in library.works)
    assert [work.tone for work in library.works] == name_tones(library.emotions, [False] * 18)
    for row, work in enumerate(library.works):
        for name in work.tone:
            column = library.emotions[:, EMOTIONS.index(name)]
            assert library.emotions[row, EMOTIONS.index(name)] >= column.mean() + column.std() - 1e-6


@pytest.mark.parametrize(
    ("column", "damage", "message"),
    [
        ("id", lambda values: [values[0], *values[:-1]], "already that of row 0"),
        ("emotions", lambda values: [[2.0] * 28, *values[1:]], "not from 0 to 1"),
        ("emotions", lambda values: [[float("nan")] * 28, *values[1:]], "not from 0 to 1"),
        ("embedding", lambda values: [np.ones(384, np.float16), *values[1:]], "unit length"),
        ("topic", lambda values: ["Cooking", *values[1:]], "'Cooking'"),
        ("url", lambda values: ["ftp://x", *values[1:]], "http or https"),
        ("tone", lambda values: [["glee"], *values[1:]], "glee"),
        ("provenance", lambda values: ["hearsay", *values[1:]], "'hearsay'"),
        ("provenance", lambda values: [FULL_TEXT, *values[1:]], "None words go with"),
        ("n_words", lambda values: [7, *values[1:]], "7 words go with"),
        ("arc", lambda values: [[[0.5] * 28], *values[1:]], "1 points go with"),
    ],
)
def test_damage_is_caught(shelf: Path, tmp_path: Path, column: str, damage: Any, message: str) -> None:
    _, output = run(shelf, tmp_path)
    table = pq.read_table(output / "works.parquet")
    validate(table)
    index = table.schema.get_field_index(column)
    field = table.schema.field(column)
    values = pa.array(damage(table.column(column).to_pylist()), field.type)
    with pytest.raises(DataError, match=message):
        validate(table.set_column(index, field, values))


def test_model_version_follows_the_files(tmp_path: Path) -> None:
    model = tmp_path / "model"
    with pytest.raises(ModelError, match="no model"):
        version_of(model)
    model.mkdir()
    (model / "config.json").write_text("{}")
    first = version_of(model)
    (model / "report").mkdir()
    for name in ("metrics.json", "REPORT.md", "report/figure.svg"):
        (model / name).write_text("{}")
    assert version_of(model) == first
    (model / "config.json").write_text("{ }")
    assert version_of(model) != first


def test_command_line(
    shelf: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    loads: list[dict[str, Any]] = []

    def load(_: Path, **options: Any) -> FakeReader:
        loads.append(options)
        return FakeReader()

    monkeypatch.setattr(reader_module, "load_reader", load)
    monkeypatch.setattr(options_module, "WORK_DIR", tmp_path / "work")
    (tmp_path / "model").mkdir()
    output = tmp_path / "out"
    common = ["--source", str(shelf), "--output", str(output), "--model", str(tmp_path / "model")]
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "86400")
    assert main([*common, "--limit", "3", "--batch-size", "2", "--precision", "bf16"]) == 0
    out = capsys.readouterr().out
    assert "analyse: 3 works through the model" in out
    assert "docs/s)" in out
    assert loads == [{"precision": "bf16", "summaries": "written", "threads": 0, "device": "cpu"}]
    assert Library.from_folder(output).built_at == "1970-01-02"
    assert main([*common, "--date", "2026-01-31"]) == 0
    assert Library.from_folder(output).built_at == "2026-01-31"
    # Nothing has changed, whatever day it is: nothing is done.
    before = (output / "works.parquet").stat().st_mtime_ns
    assert main(common) == 0
    assert len(loads) == 2
    assert (output / "works.parquet").stat().st_mtime_ns == before
    assert Library.from_folder(output).built_at == "2026-01-31"
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "tomorrow")
    assert main([*common, "--limit", "5"]) == 1
    assert "SOURCE_DATE_EPOCH is 'tomorrow'" in capsys.readouterr().err
    assert main([*common, "--date", "2026-01-31", "--source", str(tmp_path / "no.jsonl")]) == 1
    assert main([*common, "--column", "name=title"]) == 1
    assert "no column of a work" in capsys.readouterr().err
    (tmp_path / "file").write_text("")
    blocked = [*common, "--date", "2026-01-31", "--output", str(tmp_path / "file" / "out")]
    assert main(blocked) == 1
    assert "Check the path" in capsys.readouterr().err


@pytest.mark.parametrize(
    "wrong",
    [
        ["--date", "31.1.2026"],
        ["--batch-size", "0"],
        ["--limit", "-1"],
        ["--shard", "3/2"],
        ["--shard", "1"],
        ["--column", "title"],
        ["analyze"],
        ["publish"],
    ],
)
def test_wrong_options_end_the_program(wrong: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(wrong)
    assert "expected" in (err := capsys.readouterr().err) or "is not" in err or "needs" in err


def test_script_runs_from_the_root() -> None:
    command = [sys.executable, "builders/build.py", "--help"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0
    assert "--push-to-hub OWNER/NAME" in done.stdout
