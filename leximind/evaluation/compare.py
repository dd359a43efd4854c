"""Two systems on the same texts: prediction files, and whether one is better than the other."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from leximind.errors import DataError, NotFoundError
from leximind.evaluation.emotions import Guess, score_guess
from leximind.evaluation.resampling import Difference, Rows, paired_bootstrap
from leximind.evaluation.retrieval import score_ranks
from leximind.evaluation.summaries import average_scores, score_texts
from leximind.evaluation.task import SEED, Score
from leximind.evaluation.topics import score_topics
from leximind.evaluation.valence import score_valence
from leximind.labels import EMOTIONS, TOPICS

Row = dict[str, Any]

_HINT: Final = "Write both with --predictions, from the same data."
# What both files must agree on: which text it is, and what is right.
_SHARED: Final = ("task", "row", "labels", "topic", "references", "valence", "title")


class Comparison(NamedTuple):
    """One metric of two systems.

    Attributes:
        first, second: its values.
        difference: second minus first, with interval and p.
    """

    first: float
    second: float
    difference: Difference


def read_predictions(path: Path) -> list[Row]:
    """The rows of a prediction file, one JSON object a line.

    Raises:
        NotFoundError: there is no such file. DataError: it is damaged, empty, or of several tasks.
    """
    if not path.is_file():
        raise NotFoundError(f"There is no file {path}.", hint="Write prediction files with --predictions.")
    rows: list[Row] = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        try:
            row = json.loads(line)
        except ValueError as error:
            raise DataError(f"{path}, line {number} is no JSON.", hint=_HINT) from error
        if not isinstance(row, dict) or "task" not in row:
            raise DataError(f"{path}, line {number}: an object with a task was expected.", hint=_HINT)
        rows.append(row)
    if len(tasks := {row["task"] for row in rows}) != 1:
        given = ", ".join(sorted(map(str, tasks))) or "none"
        raise DataError(f"{path} has predictions of {given}; one task was expected.", hint=_HINT)
    return rows


def write_predictions(rows: Sequence[Row]) -> str:
    """The text of a prediction file."""
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def compare_predictions(first: Sequence[Row], second: Sequence[Row]) -> dict[str, Comparison]:
    """Each metric of two systems that answered the same texts, by the paired bootstrap.

    Raises:
        DataError: the texts are not the same, or a row lacks what its task needs.
    """
    if len(first) != len(second):
        raise DataError(
            f"The files have {len(first)} and {len(second)} rows; as many were expected.", hint=_HINT
        )
    for number, (one, other) in enumerate(zip(first, second, strict=True), start=1):
        for name in _SHARED:
            if one.get(name) != other.get(name):
                raise DataError(
                    f"Line {number}: {name!r} differs, {one.get(name)!r} and {other.get(name)!r}.", hint=_HINT
                )
    try:
        scores = [make_score(rows) for rows in (first, second)]
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(f"A row lacks what its task needs: {error}.", hint=_HINT) from error
    there = np.arange(len(first))
    values = [score(there) for score in scores]
    names = [name for name in values[0] if name in values[1]]

    def pick(score: Score) -> Callable[[Rows], NDArray[np.float64]]:
        def statistic(rows: Rows) -> NDArray[np.float64]:
            found = score(rows)
            return np.array([found[name] for name in names])

        return statistic

    found = paired_bootstrap(pick(scores[0]), pick(scores[1]), len(first), seed=SEED)
    return {
        name: Comparison(values[0][name], values[1][name], difference)
        for name, difference in zip(names, found, strict=True)
    }


def make_score(rows: Sequence[Row]) -> Score:
    """The metrics of any choice of the rows of one task, as the evaluation computes them."""
    task = rows[0]["task"]
    if task == "emotion" and "valence" in rows[0]:
        valence, values = (np.array([float(row[name]) for row in rows]) for name in ("valence", "predicted"))
        return lambda picks: score_valence(valence[picks], values[picks])
    if task == "emotion":
        return _score_emotions(rows)
    if task == "topic":
        gold, said = (np.array([TOPICS.index(row[name]) for row in rows]) for name in ("topic", "predicted"))
        return lambda picks: score_topics(gold[picks], said[picks])
    if task == "summarization":
        texts = score_texts([row["predicted"] for row in rows], [row["references"] for row in rows])
        return lambda picks: average_scores(texts[picks])
    ranks = np.array([int(row["rank"]) for row in rows])
    return lambda picks: score_ranks(ranks[picks])


def _score_emotions(rows: Sequence[Row]) -> Score:
    known = [row.get("probabilities") for row in rows]
    used = {name for row in rows for name in (*row["labels"], *row["predicted"])}
    labels = [name for name in EMOTIONS if name in (known[0] or used)]
    gold, given = (
        np.array([[name in row[column] for name in labels] for row in rows], np.bool_)
        for column in ("labels", "predicted")
    )
    table = None if None in known else np.array([[row[name] for name in labels] for row in known if row])

    def score(picks: Rows) -> dict[str, float]:
        chosen = None if table is None else table[picks]
        return score_guess(gold[picks], Guess(given[picks], chosen))

    return score
