"""What the model is worth on a data file, beside what needs no model at all."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pandas as pd

from leximind.errors import DataError, InputError
from leximind.evaluation.emotions import evaluate_emotions
from leximind.evaluation.retrieval import evaluate_retrieval
from leximind.evaluation.summaries import evaluate_summaries
from leximind.evaluation.tables import read_table
from leximind.evaluation.task import ModelLike, Outcome, Report, Setting
from leximind.evaluation.topics import evaluate_topics

EVALUATORS: Final[dict[str, Callable[[pd.DataFrame, ModelLike, Setting], Outcome]]] = {
    "emotion": evaluate_emotions,
    "topic": evaluate_topics,
    "summarization": evaluate_summaries,
    "embedding": evaluate_retrieval,
}
TASKS: Final = tuple(EVALUATORS)
ALONE: Final = Setting()

_DECIMALS: Final = 4


def evaluate_file(task: str, path: str | Path, model: ModelLike, limit: int | None = None) -> Report:
    """Measure one task of the model on a .parquet, .jsonl or .csv file.

    Columns: emotion ``text`` and ``labels`` (or ``go_labels``, or ``valence``); topic ``text, topic``;
    summarization a source and a reference (the answer names them); embedding ``title`` and the text it
    should find.

    Args:
        limit: take only so many rows.

    Returns:
        JSON-ready: ``task``, ``file``, ``n``, ``metrics`` {name: value}, ``baselines`` {name: {metric:
        value}}, ``intervals`` {metric: [low, high]} (95 %, bootstrap over texts), ``domains`` (the metrics
        of groups of texts), and what the task adds.

    Raises:
        InputError: there is no such task. NotFoundError: there is no such file.
        DataError: the file is damaged or lacks what the task needs; the message names column and row.
    """
    frame = read_rows(task, path, limit)
    return {"task": task, "file": Path(path).name} | evaluate_rows(task, frame, model).report


def read_rows(
    task: str,
    path: str | Path,
    limit: int | None = None,
    *,
    select: Callable[[pd.DataFrame], pd.DataFrame] = lambda frame: frame,
) -> pd.DataFrame:
    """The rows of a file that are to be measured.

    Args:
        select: chooses rows, before the limit.

    Raises:
        As `evaluate_file`; a DataError also when no row is left.
    """
    if task not in EVALUATORS:
        raise InputError(f"{task!r} is no task: one of {', '.join(TASKS)} was expected.")
    frame = select(read_table(Path(path))).head(limit)
    if frame.empty:
        raise DataError(f"{path} has no rows to evaluate.", hint="Choose another file, or a higher limit.")
    return frame


def evaluate_rows(task: str, frame: pd.DataFrame, model: ModelLike, setting: Setting = ALONE) -> Outcome:
    """Measure one task on rows that are at hand; numbers are rounded to four decimals.

    Raises:
        DataError: the rows lack what the task needs.
    """
    found = EVALUATORS[task](frame, model, setting)
    report = {"n": len(found.predictions)} | found.report
    rows = [
        {"task": task, "row": str(row)} | given
        for row, given in zip(frame.index, found.predictions, strict=False)  # retrieval reads 10,000 at most
    ]
    return Outcome({name: _round(value) for name, value in report.items()}, rows)


def _round(node: Any) -> Any:
    if isinstance(node, dict):
        return {name: _round(value) for name, value in node.items()}
    if isinstance(node, list):
        return [_round(value) for value in node]
    return round(node, _DECIMALS) if isinstance(node, float) else node
