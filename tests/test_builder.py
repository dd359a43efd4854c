import json
import os
import re
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import huggingface_hub
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from killed_build import DATE, FakeAnalyzer

from builders import build as build_module
from builders import publish as publish_module
from builders.analyse import version_of
from builders.build import Options, Report, build, main
from builders.index import lay_out
from builders.publish import PublishError, make_card, publish
from builders.sources import read_source
from leximind.errors import DataError, InputError, ModelError, NotFoundError
from leximind.inference.tone import stand_out
from leximind.labels import EMOTIONS
from leximind.library.store import Library
from leximind.library.work import validate

ROOT = Path(__file__).resolve().parent.parent
SCRIPT = Path(__file__).with_name("killed_build.py")


def make_row(number: int, **changes: Any) -> dict[str, Any]:
    row = {
        "id": f"work-{number}",
        "kind": "paper" if number % 3 == 0 else "book",
        "title": f"Title {number}",
        "authors": ["Ann Author", "Bo Writer"],
        "year": 1800 + number,
        "url": f"https://example.org/{number}",
        "source": "Example | Press",
        "license": "CC0-1.0",
        "language": "en",
        "subjects": ["Whales"],
        "description": f"Description number {number} of a work.",
    }
    return {name: value for name, value in (row | changes).items() if value is not ...}


def write_shelf(path: Path, rows: list[Any]) -> Path:
    lines = [row if isinstance(row, str) else json.dumps(row) for row in rows]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


@pytest.fixture
def shelf(tmp_path: Path) -> Path:
    return write_shelf(tmp_path / "shelf.jsonl", [make_row(number) for number in range(18)])


def run(source: Path, tmp_path: Path, name: str = "out", **options: Any) -> tuple[Report, Path]:
    output = tmp_path / name
    given = {"batch_size": 4, "date": DATE, "work": tmp_path / "work"} | options
    return build(FakeAnalyzer(), "v1", Options(source, output, **given)), output


def read_rejections(output: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (output / "rejected.jsonl").read_text("utf-8").splitlines()]


def run_script(*arguments: object) -> int:
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    command = [sys.executable, str(SCRIPT), *map(str, arguments)]
    return subprocess.run(command, env=environment, stderr=subprocess.DEVNULL, check=False).returncode


def test_a_build_is_a_library(shelf: Path, tmp_path: Path) -> None:
    report, output = run(shelf, tmp_path)
    assert (report.n_works, report.n_rejected) == (18, 0)
    library = Library.from_folder(output)
    assert [work.id for work in library.works] == [f"work-{number}" for number in range(18)]
    assert (library.model, library.built_at, library.version) == ("fake-1", DATE, report.version)
    assert library.works[3].analysed_at == DATE
    assert library.works[3].arc == ()
    expected = FakeAnalyzer().embed(["Title 3. Description number 3 of a work."])[0]
    assert np.allclose(library.embeddings[3], expected, atol=1e-3)
    assert library.keyword.search("number 7")[0].row == 7
    assert library.vectors.search(expected[None], 1)[0][0][0] == 3
    assert not (output / "rejected.jsonl").exists()
    assert sorted(path.name for path in output.iterdir()) == ["index", "manifest.json", "works.parquet"]
    assert list((tmp_path / "work").iterdir()) == []


def test_same_input_gives_the_same_bytes(shelf: Path, tmp_path: Path) -> None:
    _, first = run(shelf, tmp_path, "one")
    _, second = run(shelf, tmp_path, "two", work=tmp_path / "elsewhere")
    for name in ("works.parquet", "manifest.json"):
        assert (first / name).read_bytes() == (second / name).read_bytes()
    _, other_day = run(shelf, tmp_path, "three", date="2026-02-01")
    assert (first / "works.parquet").read_bytes() != (other_day / "works.parquet").read_bytes()


@pytest.mark.parametrize("point", ["batch:1", "batch:3", "shard:1", "shard:4", "shard:7", "dataset"])
def test_a_killed_build_goes_on(shelf: Path, tmp_path: Path, point: str) -> None:
    _, whole = run(shelf, tmp_path, "whole")
    output, work, log = tmp_path / "out", tmp_path / "work2", tmp_path / "log"
    assert run_script(shelf, output, work, log, point) == -signal.SIGKILL
    before = Counter(log.read_text().splitlines())
    n_saved = 4 * len(list(work.rglob("*.json"))) if point != "dataset" else 18
    assert run_script(shelf, output, work, log) == 0
    assert (output / "works.parquet").read_bytes() == (whole / "works.parquet").read_bytes()
    assert Library.from_folder(output).keyword.search("number 7")[0].row == 7
    counts = Counter(log.read_text().splitlines())
    assert len(counts) == 18
    # Only what was in hand when the kill came is done again; finished batches never are.
    repeated = [text for text, n_times in counts.items() if n_times > 1]
    assert len(repeated) == max(0, len(before) - n_saved) <= 4
    assert list(work.iterdir()) == []


def test_damaged_shards_are_made_again(shelf: Path, tmp_path: Path) -> None:
    _, whole = run(shelf, tmp_path, "whole")
    output, work, log = tmp_path / "out", tmp_path / "work2", tmp_path / "log"
    assert run_script(shelf, output, work, log, "shard:4") == -signal.SIGKILL
    shards = sorted(work.rglob("*.json"))
    assert len(shards) == 3
    shards[0].write_text("[{}]")
    shards[1].write_bytes(shards[1].read_bytes()[:100])
    assert run_script(shelf, output, work, log) == 0
    assert (output / "works.parquet").read_bytes() == (whole / "works.parquet").read_bytes()


def test_changed_rows_and_another_model_are_analysed_again(shelf: Path, tmp_path: Path) -> None:
    output, work, log = tmp_path / "out", tmp_path / "work", tmp_path / "log"
    assert run_script(shelf, output, work, log, "shard:5") == -signal.SIGKILL
    rows = [make_row(number) for number in range(18)]
    rows[1]["description"] = "Quite another description."
    write_shelf(shelf, rows)
    options = Options(shelf, output, batch_size=4, date=DATE, work=work)
    build(FakeAnalyzer(tmp_path / "second"), "v1", options)
    redone = (tmp_path / "second").read_text().splitlines()
    assert "Quite another description." in redone
    assert len(redone) == 4 + 2  # its batch, and the one that was not finished
    assert Library.from_folder(output).works[1].description == "Quite another description."
    assert run_script(shelf, output, work, log, "shard:5") == -signal.SIGKILL
    build(FakeAnalyzer(tmp_path / "third"), "v2", options)
    assert len((tmp_path / "third").read_text().splitlines()) == 18


def test_a_smaller_rebuild_replaces_the_larger(shelf: Path, tmp_path: Path) -> None:
    run(shelf, tmp_path)
    report, output = run(shelf, tmp_path, limit=5)
    assert report.n_works == len(Library.from_folder(output)) == 5
    assert len(Library.from_folder(output).keyword) == len(Library.from_folder(output).vectors) == 5


BAD_ROWS: list[tuple[Any, str]] = [
    ("{not json", "not JSON"),
    ("[" * 100_000, "not JSON"),
    ("[1, 2]", "not an object"),
    (make_row(1, id=...), "id is missing"),
    (make_row(1, id="  "), "id is empty"),
    (make_row(0), "already that of shelf.jsonl, row 1"),
    (make_row(1, kind="film"), "book or paper"),
    (make_row(1, title=7), "title is 7, but text was expected"),
    (make_row(1, title="<p> </p>"), "title is empty"),
    (make_row(1, authors=[1]), "list of names"),
    (make_row(1, authors=None), "authors is missing"),
    (make_row(1, subjects={"a": 1}), "list of names"),
    (make_row(1, year="MDCCC"), "whole number"),
    (make_row(1, year=True), "whole number"),
    (make_row(1, year=1851.5), "whole number"),
    (make_row(1, year=9999), "-3000 to 2100"),
    (make_row(1, url="javascript:alert(1)"), "http or https"),
    (make_row(1, url="https://a b"), "http or https"),
    (make_row(1, description=""), "description is empty"),
    (make_row(1, description="x" * 20_001), "20,001 characters"),
    (make_row(1, license=None), "license is missing"),
    (make_row(1, description="REFUSE this"), "This text is refused."),
]


@pytest.mark.parametrize(("row", "reason"), BAD_ROWS)
def test_bad_rows_are_reported_and_skipped(tmp_path: Path, row: Any, reason: str) -> None:
    source = write_shelf(tmp_path / "shelf.jsonl", [make_row(0), row, make_row(2)])
    report, output = run(source, tmp_path)
    assert (report.n_works, report.n_rejected) == (2, 1)
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


def test_rows_are_cleaned(tmp_path: Path) -> None:
    row = make_row(
        0, title="A\n  &amp; B", description="<p>One</p><p>two\u200b.</p>", authors="X; Y ;", year="1851.0"
    )
    entry = read_source(write_shelf(tmp_path / "a.jsonl", [row])).entries[0]
    assert (entry.title, entry.description) == ("A & B", "One\n\ntwo.")
    assert (entry.authors, entry.year) == (("X", "Y"), 1851)


def test_all_kinds_of_source_agree(tmp_path: Path) -> None:
    rows = [make_row(number, year=None if number == 2 else number) for number in range(5)]
    expected = read_source(write_shelf(tmp_path / "a.jsonl", rows)).entries
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "a.parquet")
    assert read_source(tmp_path / "a.parquet").entries == expected
    flat = [row | {"authors": "; ".join(row["authors"]), "subjects": "Whales"} for row in rows]
    lines = [",".join(flat[0])] + [
        ",".join("" if v is None else f'"{v}"' for v in row.values()) for row in flat
    ]
    (tmp_path / "a.csv").write_text("\n".join(lines), encoding="utf-8")
    assert read_source(tmp_path / "a.csv").entries == expected
    folder = tmp_path / "folder"
    folder.mkdir()
    write_shelf(folder / "b.jsonl", rows[3:])
    write_shelf(folder / "a.jsonl", rows[:3])
    assert read_source(folder).entries == expected
    assert read_source(folder, limit=2).entries == expected[:2]


def test_bad_csv_rows(tmp_path: Path) -> None:
    flat = make_row(0) | {"authors": "A", "subjects": "S"}
    good = ",".join(map(str, flat.values()))
    data = "\n".join([",".join(flat), good, good.replace("work-0", "w1") + ",x", "w2,book", ""]).encode()
    data += good.replace("work-0", "w3").encode().replace(b"Title", b"T\xe9tle")
    (tmp_path / "a.csv").write_bytes(data)
    source = read_source(tmp_path / "a.csv")
    assert [entry.id for entry in source.entries] == ["work-0"]
    assert [(rejection.row, rejection.reason) for rejection in source.rejections] == [
        (3, "The row has 1 more cells than the header."),
        (4, "The row ends before the column 'title'."),
        (5, "The row is not UTF-8."),
    ]


def test_sources_that_cannot_be_used(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="no file or folder"):
        read_source(tmp_path / "gone.jsonl")
    with pytest.raises(NotFoundError, match=r"no \.jsonl file"):
        read_source(tmp_path)
    (tmp_path / "a.xlsx").write_text("x")
    with pytest.raises(InputError, match=r"one of \.jsonl, \.csv, \.parquet"):
        read_source(tmp_path / "a.xlsx")
    (tmp_path / "a.parquet").write_text("x")
    with pytest.raises(DataError, match="not a readable Parquet"):
        read_source(tmp_path / "a.parquet")
    with pytest.raises(DataError, match="The first of 1 rows: kind is missing"):
        read_source(write_shelf(tmp_path / "a.jsonl", [{"id": "x"}]))
    with pytest.raises(DataError, match="refused every work"):
        run(write_shelf(tmp_path / "a.jsonl", [make_row(0, description="REFUSE")]), tmp_path)


def test_books_with_text_get_an_arc(tmp_path: Path) -> None:
    rows = [make_row(0, text="The whole book."), make_row(1)]
    _, output = run(write_shelf(tmp_path / "a.jsonl", rows), tmp_path)
    works = Library.from_folder(output).works
    assert [len(work.arc) for work in works] == [2, 0]
    point = FakeAnalyzer().analyze(["The whole book."])[0].arc[0]
    assert works[0].arc[0] == pytest.approx(point.emotions, abs=1e-5)


def test_tone_is_what_stands_out_in_this_library(shelf: Path, tmp_path: Path) -> None:
    _, output = run(shelf, tmp_path)
    library = Library.from_folder(output)
    assert any(work.tone for work in library.works)
    for row, work in enumerate(library.works):
        deviation = (library.emotions[row] - library.emotions.mean(0)) / library.emotions.std(0)
        out = [i for i in np.argsort(-deviation) if deviation[i] >= 1 and library.emotions[row, i] >= 0.05]
        assert work.tone == tuple(EMOTIONS[i] for i in out if EMOTIONS[i] != "neutral")[:4]


def test_tone_rule_at_its_edges() -> None:
    mean, std = np.full(28, 0.01), np.full(28, 0.01)
    scores = np.full(28, 0.01)
    scores[[2, 17, 20]] = 0.049, 0.06, 0.9  # far out but faint; far out and clear; neutral
    assert stand_out(scores, mean, std) == ("joy",)
    scores[:8] = np.linspace(0.1, 0.8, 8)
    assert stand_out(scores, mean, std) == tuple(EMOTIONS[i] for i in (7, 6, 5, 4))
    assert stand_out(np.full(28, 0.5), np.full(28, 0.5), np.zeros(28)) == ()


def test_the_map_is_two_principal_components() -> None:
    points = np.random.default_rng(0).normal(size=(50, 384)) * np.concatenate(([30, 10], np.ones(382)))
    positions = lay_out(points)
    assert positions.shape == (50, 2)
    assert np.abs(positions).max() == 1
    assert abs(np.corrcoef(positions[:, 0], points[:, 0])[0, 1]) > 0.95
    assert abs(np.corrcoef(positions[:, 1], points[:, 1])[0, 1]) > 0.9
    assert (positions == lay_out(points.copy())).all()
    assert lay_out(points[:1]).tolist() == [[0, 0]]


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


def test_card_says_what_is_in_the_dataset(shelf: Path, tmp_path: Path) -> None:
    _, output = run(shelf, tmp_path)
    card = make_card(Library.from_folder(output), "someone/discovery")
    _, front, body = card.split("---\n", 2)
    data = yaml.safe_load(front)
    assert data["language"] == ["en"]
    assert data["size_categories"] == "n<1K"
    assert data["configs"] == [{"config_name": "default", "data_files": "works.parquet"}]
    assert 'load_dataset("someone/discovery", split="train")' in body
    assert "| book | 12 |" in body
    assert "| paper | 6 |" in body
    assert "`fake-1`" in body
    assert "| Example \\| Press | CC0-1.0 | 18 |" in body
    assert re.search(r"\| `embedding` \| fixed_size_list<\w+: halffloat>\[384\] \|", body)
    assert ", ".join(EMOTIONS) in body


def test_publishing_needs_a_name_and_a_token(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(publish_module, "get_token", lambda: None)
    assert main(["--push-to-hub", "someone/discovery"]) == 1
    assert "There is no Hugging Face token" in capsys.readouterr().err
    assert main(["--push-to-hub", "discovery"]) == 1
    assert "OWNER/NAME was expected" in capsys.readouterr().err


def test_publishing_is_one_commit(shelf: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _, output = run(shelf, tmp_path)
    calls: list[tuple[str, Any]] = []

    class Api:
        endpoint = "https://hub.test"

        def create_repo(self, repo_id: str, **options: Any) -> None:
            calls.append((repo_id, options))

        def create_commit(self, repo_id: str, operations: list[Any], **options: Any) -> None:
            calls.append((repo_id, [operation.path_in_repo for operation in operations]))
            assert options["repo_type"] == "dataset"

    monkeypatch.setattr(publish_module, "get_token", lambda: "hf_x")
    monkeypatch.setattr(publish_module, "HfApi", Api)
    assert publish(output, "someone/discovery") == "https://hub.test/datasets/someone/discovery"
    assert calls[0] == ("someone/discovery", {"repo_type": "dataset", "exist_ok": True})
    assert calls[1] == ("someone/discovery", ["README.md", "works.parquet", "manifest.json"])

    def fail(*_: object, **__: object) -> None:
        raise huggingface_hub.errors.OfflineModeIsEnabled("no way out")

    monkeypatch.setattr(Api, "create_commit", fail)
    with pytest.raises(PublishError, match="no way out"):
        publish(output, "someone/discovery")


def test_command_line(
    shelf: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    analyzer = pytest.importorskip("leximind.inference.analyzer")
    monkeypatch.setattr(analyzer.LexiMind, "from_pretrained", lambda _: FakeAnalyzer())
    monkeypatch.setattr(build_module, "WORK_DIR", tmp_path / "work")
    (tmp_path / "model").mkdir()
    output = tmp_path / "out"
    common = ["--source", str(shelf), "--output", str(output), "--model", str(tmp_path / "model")]
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "86400")
    assert main([*common, "--limit", "3", "--batch-size", "2"]) == 0
    assert capsys.readouterr().out.startswith("3 works in ")
    assert Library.from_folder(output).built_at == "1970-01-02"
    assert main([*common, "--date", "2026-01-31"]) == 0
    assert Library.from_folder(output).built_at == "2026-01-31"
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "tomorrow")
    assert main(common) == 1
    assert "SOURCE_DATE_EPOCH is 'tomorrow'" in capsys.readouterr().err
    assert main([*common, "--date", "2026-01-31", "--source", str(tmp_path / "no.jsonl")]) == 1
    for wrong in (["--date", "31.1.2026"], ["--batch-size", "0"], ["--limit", "-1"]):
        with pytest.raises(SystemExit):
            main([*common, *wrong])
    (tmp_path / "file").write_text("")
    blocked = [*common, "--date", "2026-01-31", "--output", str(tmp_path / "file" / "out")]
    assert main(blocked) == 1
    assert "Check the path" in capsys.readouterr().err


def test_script_runs_from_the_root() -> None:
    command = [sys.executable, "builders/build.py", "--help"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0
    assert "--push-to-hub OWNER/NAME" in done.stdout
