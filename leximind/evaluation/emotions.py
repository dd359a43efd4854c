"""Emotions against readers' labels."""

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from leximind.errors import DataError
from leximind.evaluation import metrics
from leximind.evaluation.linear import fit_in_domain
from leximind.evaluation.resampling import Rows
from leximind.evaluation.tables import read_lists, read_texts
from leximind.evaluation.task import (
    SEED,
    ModelLike,
    Outcome,
    Setting,
    batched,
    describe_reliability,
    find_intervals,
    measure_domains,
)
from leximind.evaluation.valence import VALENCE, evaluate_valence
from leximind.labels import EMOTIONS

# Labels of another set that bear a GoEmotions name, as the file's own mapping gives them.
MAPPED: Final = "go_labels"

Bools = NDArray[np.bool_]
Floats = NDArray[np.floating[Any]]


class Gold(NamedTuple):
    """What readers named: L labels out of the 28 and an (N, L) table."""

    labels: tuple[str, ...]
    table: Bools

    @property
    def columns(self) -> list[int]:
        """Where the labels stand among the 28."""
        return [EMOTIONS.index(name) for name in self.labels]


class Guess(NamedTuple):
    """A system's answers, (N, L): labels given and, where it has any, probabilities."""

    given: Bools
    probabilities: Floats | None = None


def read_gold(frame: pd.DataFrame) -> Gold:
    """The labels of a table: all 28 from ``labels``, or from ``go_labels`` those that the table uses.

    Raises:
        DataError: there is no column of labels, or it names what is no emotion.
    """
    column = MAPPED if MAPPED in frame else "labels"
    names = read_lists(frame, column)
    for row, given in zip(frame.index, names, strict=True):
        if unknown := set(given) - set(EMOTIONS):
            raise DataError(
                f"Column {column!r}, row {row}: {sorted(unknown)} are no emotions.",
                hint="See leximind/labels.py.",
            )
    used = {name for given in names for name in given}
    labels = tuple(name for name in EMOTIONS if name in used) if column == MAPPED else EMOTIONS
    if not used:
        raise DataError(f"Column {column!r} names no emotion in any row.", hint="Choose another file.")
    return Gold(labels, np.array([[name in given for name in labels] for given in names], np.bool_))


def evaluate_emotions(frame: pd.DataFrame, model: ModelLike, setting: Setting) -> Outcome:
    """F1 with the model's own thresholds, average precision and calibration, on the labels that the file has.

    A file with ``valence`` in place of labels is measured by `evaluate_valence`. With tuning rows,
    ``macro_f1_tuned`` has the thresholds that are best on those.

    Raises:
        DataError: columns are missing or hold something else.
    """
    if VALENCE in frame and not {"labels", MAPPED} & set(frame):
        return evaluate_valence(frame, model, setting)
    texts, gold = read_texts(frame, "text"), read_gold(frame)
    probabilities = _probabilities(model, texts)[:, gold.columns]
    guess = Guess(probabilities >= model.emotion_thresholds[gold.columns], probabilities)
    tuned = _tune(frame, model, setting, gold, probabilities)
    n_labels = len(gold.labels)

    def score(rows: Rows) -> dict[str, float]:
        found = score_guess(gold.table[rows], Guess(guess.given[rows], probabilities[rows]))
        if tuned is not None:
            found["macro_f1_tuned"] = metrics.macro_f1(gold.table[rows], tuned[rows])
        return found

    def score_classes(rows: Rows) -> dict[str, float]:
        f1 = metrics.score_labels(gold.table[rows], guess.given[rows]).f1
        return score(rows) | {f"class {i}": float(f1[i]) for i in range(n_labels)}

    intervals = find_intervals(score_classes, len(texts))
    of_classes = [intervals.pop(f"class {i}") for i in range(n_labels)]
    error = metrics.calibration_error(probabilities, gold.table)
    baselines = guess_without_reading(gold.table, guess) | _guess_frozen(texts, setting, gold)
    return Outcome(
        {
            "labels": list(gold.labels),
            "metrics": score(np.arange(len(texts))) | {"calibration_error": error},
            "baselines": {name: score_guess(gold.table, other) for name, other in baselines.items()},
            "intervals": intervals,
            "per_class": describe_classes(gold.labels, gold.table, guess.given, probabilities, of_classes),
            "reliability": describe_reliability(metrics.bin_confidence(probabilities, gold.table)),
            "domains": measure_domains(frame, score),
        },
        [
            {
                "text": text,
                "labels": _names(gold.labels, due),
                "predicted": _names(gold.labels, given),
                "probabilities": dict(zip(gold.labels, np.round(row, 4).tolist(), strict=True)),
            }
            for text, due, given, row in zip(texts, gold.table, guess.given, probabilities, strict=True)
        ],
    )


def score_guess(gold: Bools, guess: Guess) -> dict[str, float]:
    """All metrics of a guess against an (N, L) table."""
    found = {
        "macro_f1": metrics.macro_f1(gold, guess.given),
        "micro_f1": metrics.micro_f1(gold, guess.given),
        "sample_f1": metrics.sample_f1(gold, guess.given),
    }
    if guess.probabilities is not None:
        found["mean_average_precision"] = metrics.mean_average_precision(gold, guess.probabilities)
    return found


def guess_without_reading(gold: Bools, guess: Guess) -> dict[str, Guess]:
    """The most frequent label; each label as often as it occurs; the model's answers to other texts."""
    rng = np.random.default_rng(SEED)
    mixed = rng.permutation(len(gold))
    majority = np.zeros_like(gold)
    majority[:, gold.sum(axis=0).argmax()] = True
    prior = np.broadcast_to(gold.mean(axis=0), gold.shape)
    shuffled = None if guess.probabilities is None else guess.probabilities[mixed]
    return {
        "majority": Guess(majority),
        "prior_sampled": Guess(rng.random(gold.shape) < prior, prior),
        "shuffled": Guess(guess.given[mixed], shuffled),
    }


def describe_classes(
    names: Sequence[str],
    gold: Bools,
    given: Bools,
    probabilities: Floats,
    intervals: Sequence[Sequence[float]],
) -> dict[str, dict[str, Any]]:
    """Precision, recall, F1 with its interval, average precision and number of texts of each label."""
    scores = metrics.score_labels(gold, given)
    return {
        name: {
            "precision": float(scores.precision[label]),
            "recall": float(scores.recall[label]),
            "f1": float(scores.f1[label]),
            "f1_interval": list(intervals[label]),
            "average_precision": metrics.average_precision(gold[:, label], probabilities[:, label]),
            "n": int(gold[:, label].sum()),
        }
        for label, name in enumerate(names)
    }


def _probabilities(model: ModelLike, texts: Sequence[str]) -> Floats:
    return np.vstack(batched(model.emotion_probabilities)(texts))


def _tune(
    frame: pd.DataFrame, model: ModelLike, setting: Setting, gold: Gold, probabilities: Floats
) -> Bools | None:
    """The labels given with thresholds from the tuning rows, None without such rows."""
    if setting.tuning is None:
        return None
    others, known = _table_of(setting.tuning, gold.labels), read_texts(setting.tuning, "text")
    thresholds = metrics.tune_thresholds(_probabilities(model, known)[:, gold.columns], others)
    return np.asarray(probabilities >= thresholds)


def _table_of(frame: pd.DataFrame, labels: Sequence[str]) -> Bools:
    column = MAPPED if MAPPED in frame else "labels"
    return np.array([[name in given for name in labels] for given in read_lists(frame, column)], np.bool_)


def _guess_frozen(texts: Sequence[str], setting: Setting, gold: Gold) -> dict[str, Guess]:
    """Linear classifiers on frozen vectors: fitted on GoEmotions, and on the tuning rows of this very set."""
    if setting.frozen is None:
        return {}
    found: dict[str, Guess] = {}
    vectors = setting.frozen.embed(texts)
    if "emotion" in setting.frozen.heads:
        head = setting.frozen.heads["emotion"]
        known = head.probabilities(vectors)[:, gold.columns]
        found["frozen_minilm"] = Guess(known >= head.thresholds[gold.columns], known)
    if setting.tuning is not None:
        near = fit_in_domain(
            setting.frozen.embed(read_texts(setting.tuning, "text")), _table_of(setting.tuning, gold.labels)
        )
        known = near.probabilities(vectors)
        found["frozen_minilm_in_domain"] = Guess(known >= near.thresholds, known)
    return found


def _names(labels: Sequence[str], row: Bools) -> list[str]:
    return [name for name, is_given in zip(labels, row, strict=True) if is_given]
