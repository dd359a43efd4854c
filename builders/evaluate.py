"""Measure the model on validation data: ``python builders/evaluate.py --help``.

What is not reported because something was tuned on it: the even rows of the GoEmotions validation file
(calibration and thresholds), and half of each set of fiction and books, by a hash (``evaluation/pools.py``).
On topics the trainer tunes one temperature, which cannot change which topic comes first: all rows are
reported, and their calibration error is half in-sample. How passages are weighed for the topic was chosen on
this file too, so its accuracy is validation, not test.
"""

import argparse
import json
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final, get_args

from builders.charts import draw_charts
from builders.measurements import choose_measurements
from builders.pipeline.files import write_atomically
from builders.report import FIGURES, condense, draw_comparison, draw_table, write_report
from builders.svg import Chart
from leximind.errors import LexiMindError, NotFoundError
from leximind.evaluation.compare import compare_predictions, read_predictions, write_predictions
from leximind.evaluation.evaluate import evaluate_rows
from leximind.evaluation.frozen import Frozen, load_minilm
from leximind.evaluation.task import ModelLike, Outcome, Setting
from leximind.inference.analyzer import LexiMind
from leximind.settings import MODEL_DIR, ROOT, Precision

DATA_DIR: Final = ROOT.parent / "shared" / "data"
REPORT_DIR: Final = ROOT / "runs" / "evaluation"

# A quick look fits the frozen baseline on so many rows for each row that it measures.
_QUICK_ROWS: Final = 5


def say(line: str) -> None:
    """Print a line at once, also into a file: a measurement takes minutes."""
    print(line, flush=True)


def evaluate(
    model: ModelLike,
    data: Path,
    limit: int | None = None,
    *,
    only: str = "",
    setting: Setting = Setting(),  # noqa: B008 (frozen)
    report: Callable[[str], object] = say,
) -> dict[str, Outcome]:
    """The measurements of ``choose_measurements``, by name.

    Args:
        limit: take only so many rows of each file.
        report: called with a line for each measurement that is done.
    """
    found: dict[str, Outcome] = {}
    for wanted in choose_measurements(data, only):
        start = time.perf_counter()
        rows, tuning = wanted.read(data, limit)
        its_setting = Setting(setting.frozen, tuning, setting.token_states)
        outcome = evaluate_rows(wanted.task, rows, model, its_setting)
        found[wanted.name] = Outcome(
            {"task": wanted.task, "file": Path(wanted.file).name} | outcome.report, outcome.predictions
        )
        report(f"{wanted.name}: {len(rows):,} texts in {time.perf_counter() - start:.0f} s")
    return found


def fit_frozen(cache: Path, data: Path, limit: int | None) -> Frozen | None:
    """The frozen baseline with the heads for which there is data; None where its package is missing."""
    frozen = load_minilm(cache, say)
    if frozen is not None:
        try:
            frozen.fit(data, None if limit is None else max(_QUICK_ROWS * limit, 200))
        except NotFoundError as error:
            say(f"A frozen baseline is left out: {error.message}")
    return frozen


def write_results(folder: Path, model: str, outcomes: dict[str, Outcome]) -> dict[str, Any]:
    """Write evaluation.json, REPORT.md and the figures; returns the reports by name."""
    results = {name: outcome.report for name, outcome in outcomes.items()}
    folder.mkdir(parents=True, exist_ok=True)
    write_atomically(folder / "evaluation.json", json.dumps(results, indent=1) + "\n")
    _write_shown(folder, model, results, draw_charts(results))
    return results


def embed_results(folder: Path, model: str, results: dict[str, Any]) -> None:
    """Write what the app shows beside the model: metrics.json, REPORT.md and the figures."""
    write_atomically(folder / "metrics.json", json.dumps(condense(results), indent=1) + "\n")
    _write_shown(folder, model, results, draw_charts(results))


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure or compare from the command line; returns the exit status."""
    given = _read_arguments(arguments)
    try:
        if given.compare:
            first, second = given.compare
            found = compare_predictions(read_predictions(first), read_predictions(second))
            print(draw_comparison(first.stem, second.stem, found))
        else:
            _measure(given)
    except LexiMindError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"error: {error}. Check the path and the space on the disk.", file=sys.stderr)
        return 1
    return 0


def _measure(given: argparse.Namespace) -> None:
    choose_measurements(given.data, given.only)
    model = LexiMind.from_pretrained(given.model, given.precision)
    frozen = None if given.no_frozen else fit_frozen(given.report / "cache", given.data, given.limit)
    states = None
    if given.bert_score:
        from leximind.evaluation.states import read_states

        def states(texts: Sequence[str]) -> Any:
            return read_states(model, texts)

    outcomes = evaluate(
        model, given.data, given.limit, only=given.only, setting=Setting(frozen, token_states=states)
    )
    name = getattr(model, "name", given.model.name)
    results = write_results(given.report, name, outcomes)
    if given.predictions is not None:
        given.predictions.mkdir(parents=True, exist_ok=True)
        for title, outcome in outcomes.items():
            path = given.predictions / f"{_slug(title)}.jsonl"
            write_atomically(path, write_predictions(outcome.predictions))
    if given.limit is None and not given.only and given.precision is None:
        embed_results(given.model, name, results)
    else:
        say(f"This was no measurement of the whole: {given.model / 'metrics.json'} stays as it is.")
    print(draw_table(results))


def _read_arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Measure the model on validation data.")
    parser.add_argument("--data", type=Path, default=DATA_DIR, help="folder of the validation files")
    parser.add_argument("--model", type=Path, default=MODEL_DIR, help="folder of the model")
    parser.add_argument("--precision", choices=get_args(Precision), help="as it would be served")
    parser.add_argument(
        "--report", type=Path, default=REPORT_DIR, help="folder for results, report and cache"
    )
    parser.add_argument("--limit", type=int, metavar="N", help="a quick look at N rows of each file")
    parser.add_argument("--only", default="", metavar="NAME", help="measurements whose name contains this")
    parser.add_argument("--predictions", type=Path, metavar="FOLDER", help="write the answers as JSONL files")
    parser.add_argument("--bert-score", action="store_true", help="add BERTScore by the model's own encoder")
    parser.add_argument("--no-frozen", action="store_true", help="leave the frozen MiniLM out")
    parser.add_argument(
        "--compare",
        type=Path,
        nargs=2,
        metavar=("A", "B"),
        help="compare two prediction files and do no more",
    )
    given = parser.parse_args(arguments)
    if given.limit is not None and given.limit < 1:
        parser.error(f"--limit is {given.limit}, but 1 or more was expected")
    return given


def _write_shown(folder: Path, model: str, results: dict[str, Any], charts: Sequence[Chart]) -> None:
    for old in (folder / FIGURES).glob("*.svg"):
        old.unlink()  # a figure of an earlier run would stand beside other numbers
    (folder / FIGURES).mkdir(exist_ok=True)
    for chart in charts:
        write_atomically(folder / FIGURES / f"{chart.name}.svg", chart.svg)
    write_atomically(folder / "REPORT.md", write_report(model, results, charts))


def _slug(name: str) -> str:
    return "_".join("".join(sign if sign.isalnum() else " " for sign in name.lower()).split())


if __name__ == "__main__":
    sys.exit(main())
