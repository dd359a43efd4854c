"""The picture of a training run shows the numbers of its log, and a bad log is said in one line."""

import base64
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from PIL import Image

from builders.plot_training import draw, main
from builders.training_log import read_logs
from tests.training_run import size, trainer

TASKS = ["emotion", "topic", "summary"]


def lines(seed: int = 0) -> list[dict[str, Any]]:
    """A log as the training loop writes it: losses, validation with a missing value, and conflicts."""
    rng = np.random.default_rng(seed)
    made: list[dict[str, Any]] = []
    for step in (20, 40, 60):
        loss = {task: float(rng.uniform(1, 3)) for task in TASKS}
        speed = {"seconds": step / 10, "tokens_per_second": 900.0, "seconds_left": 1.0}
        made.append({"step": step, "rate": 1e-3 / step, "loss": loss, **speed})
        cosines = np.corrcoef(rng.normal(size=(3, 5))).tolist()
        made.append({"step": step, "conflicts": {"tasks": TASKS, "cosines": cosines}})
    made.append({"step": 40, "validation": {"f1": 0.25, "loss<b>": 3.5}})
    made.append({"step": 60, "validation": {"f1": 0.5, "loss<b>": None}})
    made.append({"step": 60, "stopped": "f1 was best at step 60: 0.5."})
    return made


def write(path: Path, content: list[dict[str, Any]]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(line) + "\n" for line in content), encoding="utf-8")
    return path


def panels(figure: Figure) -> dict[str, Axes]:
    return {axes.get_title(): axes for axes in figure.axes if axes.get_title()}


def curves(axes: Axes) -> dict[str, list[tuple[float, float]]]:
    return {str(line.get_label()): [tuple(xy) for xy in np.asarray(line.get_xydata())] for line in axes.lines}


def test_the_figure_holds_the_numbers_of_the_log(tmp_path: Path) -> None:
    content = lines()
    drawn = panels(draw(read_logs([write(tmp_path / "one" / "log.jsonl", content)])))
    reports = [line for line in content if "loss" in line]
    assert curves(drawn["loss per task (moving average)"]) == {
        task: [(line["step"], line["loss"][task]) for line in reports] for task in TASKS
    }
    assert curves(drawn["learning rate"]) == {"one": [(line["step"], line["rate"]) for line in reports]}
    assert curves(drawn["validation: f1"]) == {"one": [(40, 0.25), (60, 0.5)]}
    (known, missing) = curves(drawn["validation: loss<b>"])["one"]
    assert known == (40, 3.5) and missing[0] == 60 and np.isnan(missing[1])

    tables = np.array([line["conflicts"]["cosines"] for line in content if "conflicts" in line])
    mean, over_time = drawn["gradient cosine, mean of 3"], drawn["gradient cosine over time"]
    np.testing.assert_allclose(mean.images[0].get_array(), tables.mean(0))
    assert [text.get_text() for text in mean.texts] == [f"{value:.2f}" for value in tables.mean(0).ravel()]
    assert [label.get_text() for label in mean.get_yticklabels()] == TASKS
    pairs = {"emotion · topic": (0, 1), "emotion · summary": (0, 2), "topic · summary": (1, 2)}
    assert [label.get_text() for label in over_time.get_yticklabels()] == list(pairs)
    assert [label.get_text() for label in over_time.get_xticklabels()] == ["20", "40", "60"]
    wanted = [tables[:, i, j] for i, j in pairs.values()]
    np.testing.assert_allclose(over_time.images[0].get_array(), wanted)
    assert over_time.images[0].get_clim() == mean.images[0].get_clim() == (-1, 1)


def test_several_runs_share_panels_and_keep_their_names(tmp_path: Path) -> None:
    paths = [write(tmp_path / name / "log.jsonl", lines(i)) for i, name in enumerate(("one", "two"))]
    drawn = panels(draw(read_logs([paths[0], paths[1].parent])))
    losses = drawn["loss per task (moving average)"]
    assert set(curves(losses)) == {f"{task} · {run}" for task in TASKS for run in ("one", "two")}
    colours = {str(line.get_label()): line.get_color() for line in losses.lines}
    assert colours["topic · one"] == colours["topic · two"] != colours["emotion · one"]
    assert set(curves(drawn["validation: f1"])) == set(curves(drawn["learning rate"])) == {"one", "two"}
    assert {"gradient cosine over time · one", "gradient cosine over time · two"} <= set(drawn)
    same = [write(tmp_path / part / "run" / "log.jsonl", lines()) for part in "ab"]
    assert [run.name for run in read_logs(same)] == [str(path) for path in same]


def test_a_step_done_again_counts_as_it_was_last_and_nulls_are_left_out(tmp_path: Path) -> None:
    first, second = [[1.0, None], [None, 1.0]], [[1.0, -0.5], [-0.5, 1.0]]
    path = write(
        tmp_path / "log.jsonl",
        [
            {"step": 20, "rate": 1.0, "loss": {"topic": 9.0}},
            {"step": 10, "rate": 2.0, "loss": {"topic": 5.0}},
            {"step": 20, "rate": 3.0, "loss": {"topic": 4.0}},
            {"step": 10, "conflicts": {"tasks": ["a", "b"], "cosines": first}},
            {"step": 20, "conflicts": {"tasks": ["a", "b"], "cosines": second}},
        ],
    )
    drawn = panels(draw(read_logs([path])))
    assert curves(drawn["loss per task (moving average)"]) == {"topic": [(10, 5.0), (20, 4.0)]}
    assert curves(drawn["learning rate"])[tmp_path.name] == [(10, 2.0), (20, 3.0)]
    np.testing.assert_array_equal(drawn["gradient cosine, mean of 2"].images[0].get_array(), second)


def test_a_run_without_validation_or_conflicts_has_no_such_panel(tmp_path: Path) -> None:
    path = write(tmp_path / "log.jsonl", [{"step": 1, "rate": 1.0, "loss": {"topic": 2.0}}])
    figure = draw(read_logs([path]))
    assert list(panels(figure)) == ["loss per task (moving average)", "learning rate"]
    assert len(figure.axes) == 2
    assert figure.axes[0].lines[0].get_marker() == "o", "a single point is seen"


def test_files_are_a_picture_and_a_page_that_asks_for_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log = write(tmp_path / "<i>run" / "log.jsonl", lines())
    assert main([str(log.parent)]) == 0
    assert "training.html" in capsys.readouterr().out
    with Image.open(log.parent / "training.png") as image:
        image.load()
        assert image.width > 1000 and image.height > 500
        assert len(image.convert("RGB").getcolors(image.width * image.height) or []) > 50
    page = (log.parent / "training.html").read_text(encoding="utf-8")
    (address,) = re.findall(r'(?:src|href)="([^"]*)"', page)
    kind, _, data = address.partition(",")
    assert kind == "data:image/svg+xml;base64"
    picture = base64.b64decode(data).decode()
    assert picture.rstrip().endswith("</svg>") and "<script" not in picture
    assert not [
        link for link in re.findall(r'href="([^"]*)"', picture) if not link.startswith(("#", "data:"))
    ]
    assert "default-src 'none'" in page and "url(" not in page and "<script" not in page
    assert "&lt;i&gt;run" in page and "<i>run" not in page and "loss<b>" not in page
    rows = dict(re.findall(r"<tr><th>(.*?)</th>(<td>.*)</tr>", page))
    f1 = rows["validation: f1"]
    assert re.findall(r"<td>(.*?)</td>", f1) == ["0.5 (step 60)", "0.25 (step 40)", "0.5 (step 60)"]

    out = tmp_path / "new" / "folder"
    assert main([str(log), "--out", str(out)]) == 0
    assert (out / "training.html").read_text(encoding="utf-8") == page, "the same every time"


BAD = {
    "empty": ("", r"holds no loss.*nothing to draw"),
    "only a stop": ('{"step": 3, "stopped": "x"}\n', r"nothing to draw"),
    "not JSON": ('{"step": 1, "rate": 1.0}\n{"step": 2, "ra\n', r"Line 2 of .* \(it is not JSON\)"),
    "not text": ("\udcff\udcfe\n", r"Line 1 .* \(it is not JSON\)"),
    "a list": ("[1, 2]\n", r"Line 1 "),
    "no step": ('{"rate": 1.0}\n', r"Line 1 .* \(it has no 'step'\)"),
    "a word for a step": ('{"step": "1", "rate": 1.0}\n', r"the step is '1'"),
    "a word for a number": ('{"step": 1, "rate": "fast"}\n', r"'fast' is not a number"),
    "an older log": ('{"step": 1, "loss": 2.5}\n', r"Line 1 "),
    "a ragged table": (
        '{"step": 1, "conflicts": {"tasks": ["a", "b"], "cosines": [[1.0, 0.0]]}}\n',
        r"2 tasks have a table of shape \(1, 2\)",
    ),
    "other tasks": (
        '{"step": 1, "conflicts": {"tasks": ["a"], "cosines": [[1.0]]}}\n'
        '{"step": 2, "conflicts": {"tasks": ["b"], "cosines": [[1.0]]}}\n',
        r"Line 2 .*the tasks are \['b'\], but were \['a'\]",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_log_is_one_line_on_stderr(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    content, wanted = BAD[name]
    path = tmp_path / "log.jsonl"
    path.write_text(content, encoding="utf-8", errors="surrogateescape")
    assert main([str(path)]) == 1
    shown = capsys.readouterr()
    assert shown.out == "" and shown.err.count("\n") == 1 and shown.err.startswith("error: ")
    assert re.search(wanted, shown.err), shown.err
    assert [file.name for file in tmp_path.iterdir()] == ["log.jsonl"], "nothing is written"


def test_a_missing_log_is_one_line_on_stderr(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(tmp_path)]) == 1
    shown = capsys.readouterr().err
    assert shown.count("\n") == 1 and f"no log at {tmp_path / 'log.jsonl'}" in shown


def test_the_log_that_training_writes_is_drawn(tmp_path: Path) -> None:
    trainer(tmp_path, evaluate=size, n_steps=4, save_every=2, log_every=2, conflict_every=2).train()
    drawn = panels(draw(read_logs([tmp_path])))
    losses = drawn["loss per task (moving average)"]
    assert {x for points in curves(losses).values() for x, _ in points} == {2, 4}
    assert [x for x, _ in curves(drawn["validation: size"])[tmp_path.name]] == [2, 4]
    np.testing.assert_allclose(np.diag(drawn["gradient cosine, mean of 2"].images[0].get_array()), 1)
    assert len(drawn) == 5
