"""The command line as people and programs use it."""

import io
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any, get_args

import pytest

from leximind import cli
from leximind.cli import main
from leximind.library import filters as library_filters
from leximind.service import Service, Sort
from leximind.settings import MODEL_DIR


@pytest.fixture(autouse=True)
def shelf(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Service, "from_settings", classmethod(lambda cls, settings: service))


def type_in(monkeypatch: pytest.MonkeyPatch, data: bytes) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(data)))


def read_json(capsys: pytest.CaptureFixture[str]) -> Any:
    return json.loads(capsys.readouterr().out)


def test_search_for_people(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["search", "mobby", "dick"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("1 work: works matching “mobby dick”\n")
    assert " 1. Moby-Dick; or, The Whale. Herman Melville. 1851\n" in out
    assert "book · Fiction · fear, admiration · moby-dick" in out
    assert "→ has “dick”" in out


def test_output_fits_and_shows_text_not_markup(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["search", "--limit", "100"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("31 works: all works")
    assert max(map(len, out.splitlines())) <= 100
    assert main(["search", "whale"]) == 0
    out = capsys.readouterr().out
    assert "<script>alert(1)</script>" in out
    assert "<mark>" not in out
    assert main(["search", "--limit", "3"]) == 0
    assert "28 more; give --limit" in capsys.readouterr().out


def test_control_characters_do_not_reach_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["search", "whale\x1b[31m\x07"]) == 0
    out = capsys.readouterr().out
    assert "\x1b" not in out
    assert "\x07" not in out


@pytest.mark.parametrize(
    ("options", "found"),
    [
        (["--kind", "paper", "--topic", "business"], {"prospect"}),
        (["--emotion", "love", "--emotion", "remorse"], {"jane-eyre"}),
        (["--emotion", "remorse", "--without", "love,grief"], {"crime"}),
        (["--topic", "Fiction", "--year", "1850-1900"], {"moby-dick", "time-machine", "crime"}),
        (["--year", "2003-"], {"yang-mills", "attention", "residual"}),
        (["--year", "..200"], {"republic", "meditations", "art-war"}),
        (["--year=-500..-400"], {"art-war"}),
        (["--year", "1859"], {"origin"}),
        (["--mode", "keyword", "whale", "--kind", "paper"], {"whale-song"}),
        (["--length", "long", "--topic", "Philosophy"], {"republic", "meditations"}),
    ],
)
def test_search_for_programs(capsys: pytest.CaptureFixture[str], options: list[str], found: set[str]) -> None:
    assert main(["search", *options, "--json"]) == 0
    answer = read_json(capsys)
    assert {hit["work"]["id"] for hit in answer["hits"]} == found
    assert answer["total"] == len(found)


def test_search_in_another_order(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["search", "--sort", "oldest", "--limit", "2", "--json"]) == 0
    assert [hit["work"]["id"] for hit in read_json(capsys)["hits"]] == ["art-war", "republic"]
    assert main(["search", "--mood", "humour:2,fear:-2", "--limit", "3", "--json"]) == 0
    answer = read_json(capsys)
    assert {hit["work"]["id"] for hit in answer["hits"]} == {"emma", "pride", "getting"}
    assert answer["total"] == 31, "a mood leaves nothing out"


def test_choices_are_those_of_the_library() -> None:
    assert tuple(library_filters.LENGTHS) == cli.LENGTHS
    assert get_args(Sort) == cli.SORTS


def test_similar_to_several(capsys: pytest.CaptureFixture[str], service: Service) -> None:
    assert main(["similar", "moby-dick", "emma", "--limit", "4", "--json"]) == 0
    found = [hit["work"]["id"] for hit in read_json(capsys)["hits"]]
    assert found == [hit.work.id for hit in service.recommend(("moby-dick", "emma"), 4)]
    assert main(["similar", "moby-dick", "emma"]) == 0
    assert capsys.readouterr().out.startswith("Closest to Moby-Dick; or, The Whale and Emma:")


def test_similar(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["similar", "moby-dick"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("Closest to Moby-Dick; or, The Whale:")
    assert "both feel admiration" in out
    assert main(["similar", "moby-dick", "--limit", "1", "--json"]) == 0
    assert [hit["work"]["id"] for hit in read_json(capsys)["hits"]] == ["whale-song"]


def test_analyze_a_file(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = tmp_path / "letter.txt"
    path.write_text("A murder, then remorse and a conscience. Nothing else follows here.")
    assert main(["analyze", str(path)]) == 0
    out = capsys.readouterr().out
    assert "Topic     Fiction 70%" in out
    assert "Feels     remorse\n" in out
    assert "remorse: remorse" in out
    assert "Summary   A murder, then remorse and a conscience. (extracted)" in out
    assert "Crime and Punishment" in out
    assert max(map(len, out.splitlines())) <= 100


def test_analyze_standard_input(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    type_in(monkeypatch, "\ufeffRemorse, said Zoë. \U0001f600".encode() + b"\xff")
    assert main(["analyze", "--json"]) == 0
    answer = read_json(capsys)
    assert answer["text"].startswith("Remorse, said Zoë")
    assert answer["tone"] == ["remorse"]
    assert answer["similar"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "required"),
        (["dance"], "invalid choice"),
        (["search", "--topic", "Cooking"], "no topic 'Cooking'"),
        (["search", "--year", "soon"], "1850-1900"),
        (["search", "--year", "1900-1850"], "backwards"),
        (["search", "--limit", "many"], "invalid int"),
        (["search", "--limit", "0"], "page size"),
        (["search", "--mode", "magic", "x"], "hybrid, keyword, meaning"),
        (["search", "--mood", "gloom:2"], "no mood 'gloom'"),
        (["search", "--mood", "joy:9"], "from -2 to 2"),
        (["search", "--sort", "random"], "relevance, title"),
        (["search", "--length", "endless"], "no length 'endless'"),
        (["similar", "nope"], "no work 'nope'"),
        (["similar", "emma", "nope"], "no work 'nope'"),
        (["similar"], "required"),
        (["analyze", "missing.txt"], "no file 'missing.txt'"),
        (["analyze", "-"], "no text"),
        (["serve", "--port", "0"], "1 to 65535"),
        (["evaluate", "emotion", "missing.parquet"], "no file 'missing.parquet'"),
        (["evaluate", "poetry", "x.parquet"], "invalid choice"),
        (["library"], "required"),
        (["library", "export"], "--format"),
        (["library", "export", "--format", "xlsx"], "invalid choice"),
        (["library", "stats", "no such place"], "neither a folder nor the name"),
        (["library", "stats", "--topic", "Cooking"], "no topic 'Cooking'"),
        (["library", "validate", "no/such/place"], "neither a folder nor the name"),
    ],
)
def test_errors_are_explained(
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    message: str,
) -> None:
    type_in(monkeypatch, b"  \n")
    assert main(arguments) == 2
    captured = capsys.readouterr()
    assert captured.err.startswith("error: ")
    assert message in captured.err
    assert captured.out == ""
    has_json = arguments[:1] in (["search"], ["similar"], ["analyze"], ["evaluate"])
    if has_json or arguments[1:2] in (["stats"], ["validate"]):
        assert main([*arguments, "--json"]) == 2
        captured = capsys.readouterr()
        error = json.loads(captured.out)["error"]
        assert set(error) == {"code", "message", "hint"}
        assert message in error["message"]
        assert captured.err == ""


def test_the_unexpected_and_ctrl_c_show_no_stack_trace(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(error: BaseException) -> None:
        def from_settings(cls: type[Service], settings: Any) -> Service:
            raise error

        monkeypatch.setattr(Service, "from_settings", classmethod(from_settings))

    fail(RuntimeError("boom"))
    assert main(["search", "x"]) == 1
    assert "RuntimeError: boom" in (err := capsys.readouterr().err)
    assert "Traceback" not in err
    fail(KeyboardInterrupt())
    assert main(["search", "x"]) == 130
    assert capsys.readouterr().err == "\nInterrupted.\n"


def test_help_and_version(capsys: pytest.CaptureFixture[str]) -> None:
    for option, expected in (("--help", "evaluate"), ("--version", "leximind ")):
        with pytest.raises(SystemExit) as caught:
            main([option])
        assert caught.value.code == 0
        assert expected in capsys.readouterr().out


def test_evaluate_shows_the_model_beside_its_baselines(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    asked: list[tuple[Any, ...]] = []

    def evaluate_file(task: str, path: Path, model: Any, limit: int | None) -> dict[str, Any]:
        asked.append((task, path, model, limit))
        metrics = {"macro_f1": 0.41234, "accuracy": 0.5}
        return {
            "task": task,
            "n_rows": 20,
            "metrics": metrics,
            "intervals": {"macro_f1": [0.39, 0.43]},
            "per_class": {"joy": {"f1": 0.7}},
            "baselines": {"majority": {"macro_f1": 0.02}, "shuffled": {"macro_f1": 0.05, "accuracy": 0.1}},
        }

    evaluation, analyzer = ModuleType("evaluate"), ModuleType("analyzer")
    evaluation.evaluate_file = evaluate_file  # type: ignore[attr-defined]
    load = staticmethod(lambda folder, precision: (folder, precision))
    analyzer.LexiMind = type("LexiMind", (), {"from_pretrained": load})  # type: ignore[attr-defined]
    monkeypatch.setenv("LEXIMIND_PRECISION", "bfloat16")
    monkeypatch.setitem(sys.modules, "leximind.evaluation.evaluate", evaluation)
    monkeypatch.setitem(sys.modules, "leximind.inference.analyzer", analyzer)
    path = tmp_path / "test.parquet"
    path.touch()
    assert main(["evaluate", "emotion", str(path), "--limit", "20"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[:2] == ["task      emotion", "n rows    20"]
    assert [line.split() for line in lines[3:]] == [
        ["metric", "model", "95", "%", "majority", "shuffled"],
        ["macro_f1", "0.4123", "0.3900-0.4300", "0.0200", "0.0500"],
        ["accuracy", "0.5000", "-", "-", "0.1000"],
    ]
    assert asked[0][0] == "emotion"
    assert asked[0][1] == path
    assert asked[0][2] == (MODEL_DIR, "bfloat16")
    assert asked[0][3] == 20
    assert main(["evaluate", "emotion", str(path), "--json"]) == 0
    assert read_json(capsys)["metrics"]["macro_f1"] == 0.41234


def test_serve_passes_its_address_on(monkeypatch: pytest.MonkeyPatch) -> None:
    launched: list[Any] = []
    app = ModuleType("app")
    app.launch = launched.append  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "leximind.ui.app", app)
    assert main(["serve", "--host", "0.0.0.0", "--port", "8123"]) == 0
    assert (launched[0].host, launched[0].port) == ("0.0.0.0", 8123)


def start(arguments: list[str], folder: Path, **options: Any) -> subprocess.Popen[bytes]:
    env = os.environ | {"LEXIMIND_DATASET": str(folder)}
    command = [sys.executable, "-m", "leximind", *arguments]
    return subprocess.Popen(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options)


def test_a_reader_that_leaves_is_no_error(library_folder: Path) -> None:
    process = start(["search", "--mode", "keyword", "--limit", "100", "--json"], library_folder)
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()  # long before there is anything to read
    assert process.stderr.read() == b""
    assert process.wait(120) == 141


def test_a_terminal_without_unicode_gets_question_marks(library_folder: Path) -> None:
    env = os.environ | {"LEXIMIND_DATASET": str(library_folder), "PYTHONIOENCODING": "ascii"}
    command = [sys.executable, "-m", "leximind", "search", "--mode", "keyword", "author:bronte"]
    done = subprocess.run(command, env=env, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    assert b"Charlotte Bront?" in done.stdout


def test_library_stats(library_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["library", "stats", str(library_folder)]) == 0
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert lines[0] == ["31", "works"]
    for expected in (
        ["book", "21"],
        ["Fiction", "8"],
        ["1800-1899", "13"],
        ["admiration", "5"],
        ["en", "31"],
    ):
        assert any(line[: len(expected)] == expected for line in lines), expected
    options = ["--kind", "paper", "--topic", "Science", "--year", "..1999", "--json"]
    assert main(["library", "stats", str(library_folder), *options]) == 0
    found = read_json(capsys)
    assert found["n_works"] == 2
    assert found["kinds"] == {"book": 0, "paper": 2}
    assert found["centuries"] == {"1900": 2}
    assert main(["library", "stats", str(library_folder), "--emotion", "relief"]) == 0
    assert capsys.readouterr().out.startswith("0 works")


def test_library_validate(library_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = Path(shutil.copytree(library_folder, tmp_path / "dataset"))
    assert main(["library", "validate", str(folder)]) == 0
    out = capsys.readouterr().out
    assert "31 works fit the schema" in out and "index is up to date" in out
    assert "note  croissant.json is missing" in out
    assert main(["library", "validate", str(folder), "--json"]) == 0
    assert read_json(capsys)["n_works"] == 31
    (folder / "works.parquet").write_bytes(b"no table")
    assert main(["library", "validate", str(folder)]) == 2
    captured = capsys.readouterr()
    assert captured.out == "" and captured.err.startswith("error: ")
    assert main(["library", "validate", str(folder), "--json"]) == 2
    assert set(read_json(capsys)["error"]) == {"code", "message", "hint"}


@pytest.mark.parametrize("form", ["csv", "bibtex", "jsonl"])
def test_library_export(
    library_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], form: str
) -> None:
    command = ["library", "export", str(library_folder), "--format", form, "--year", "1847"]
    assert main(command) == 0
    printed = capsys.readouterr().out
    assert "Charlotte Brontë" in printed and "wuthering" in printed and "moby-dick" not in printed
    path = tmp_path / f"works.{form}"
    assert main([*command, "--output", str(path)]) == 0
    captured = capsys.readouterr()
    assert captured.out == "" and captured.err == f"2 works in {path}\n"
    assert path.read_bytes().decode() == printed
    assert main([*command, "--output", str(tmp_path / "no" / "where")]) == 2
    assert "cannot be written" in capsys.readouterr().err


def test_an_export_keeps_its_letters_whatever_the_terminal(library_folder: Path) -> None:
    env = os.environ | {"LEXIMIND_DATASET": str(library_folder), "PYTHONIOENCODING": "ascii"}
    command = [sys.executable, "-X", "importtime", "-m", "leximind", "library", "export", "--format", "csv"]
    done = subprocess.run(command, env=env, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    assert "Charlotte Brontë".encode() in done.stdout and b"\r\n" in done.stdout
    loaded = {line.rsplit(b"|", 1)[-1].strip() for line in done.stderr.splitlines()}
    assert loaded.isdisjoint({b"torch", b"gradio", b"datasets", b"transformers"}), "only what it needs"
