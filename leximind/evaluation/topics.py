"""Topics: one label out of seven."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from leximind.errors import DataError
from leximind.evaluation import metrics
from leximind.evaluation.emotions import describe_classes
from leximind.evaluation.resampling import Rows
from leximind.evaluation.tables import read_texts
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
from leximind.labels import TOPICS

Numbers = NDArray[np.intp]


def evaluate_topics(frame: pd.DataFrame, model: ModelLike, setting: Setting) -> Outcome:
    """Accuracy, macro-F1, calibration and confusion of the most probable topic, from ``text`` and ``topic``.

    Raises:
        DataError: a column is missing or holds something else.
    """
    texts, names = read_texts(frame, "text"), read_texts(frame, "topic")
    for row, name in zip(frame.index, names, strict=True):
        if name not in TOPICS:
            raise DataError(f"Column 'topic', row {row}: {name!r} is none of {', '.join(TOPICS)}.")
    gold = np.array([TOPICS.index(name) for name in names])
    probabilities = np.vstack(batched(model.topic_probabilities)(texts))
    predicted = probabilities.argmax(axis=1)
    due, given = (metrics.one_hot(numbers, len(TOPICS)) for numbers in (gold, predicted))

    def score(rows: Rows) -> dict[str, float]:
        return score_topics(gold[rows], predicted[rows])

    def score_classes(rows: Rows) -> dict[str, float]:
        f1 = metrics.score_labels(due[rows], given[rows]).f1
        return score(rows) | {f"class {label}": float(value) for label, value in enumerate(f1)}

    intervals = find_intervals(score_classes, len(texts))
    of_classes = [intervals.pop(f"class {label}") for label in range(len(TOPICS))]
    is_right, highest = predicted == gold, probabilities.max(axis=1)
    error = metrics.calibration_error(highest, is_right)
    guesses = _guess_without_reading(gold, predicted) | _guess_frozen(texts, setting)
    return Outcome(
        {
            "labels": list(TOPICS),
            "metrics": score(np.arange(len(texts))) | {"calibration_error": error},
            "baselines": {name: score_topics(gold, guess) for name, guess in guesses.items()},
            "intervals": intervals,
            "per_class": describe_classes(TOPICS, due, given, probabilities, of_classes),
            "confusion": metrics.count_confusion(gold, predicted, len(TOPICS)).tolist(),
            "reliability": describe_reliability(metrics.bin_confidence(highest, is_right)),
            "domains": measure_domains(frame, score),
        },
        [
            {
                "text": text,
                "topic": name,
                "predicted": TOPICS[guess],
                "probabilities": dict(zip(TOPICS, np.round(row, 4).tolist(), strict=True)),
            }
            for text, name, guess, row in zip(texts, names, predicted, probabilities, strict=True)
        ],
    )


def score_topics(gold: Numbers, guesses: Numbers) -> dict[str, float]:
    """Accuracy and macro-F1 from label numbers, (N,) each."""
    tables = metrics.one_hot(gold, len(TOPICS)), metrics.one_hot(guesses, len(TOPICS))
    return {"accuracy": metrics.accuracy(gold, guesses), "macro_f1": metrics.macro_f1(*tables)}


def _guess_without_reading(gold: Numbers, predicted: Numbers) -> dict[str, Numbers]:
    rng = np.random.default_rng(SEED)
    counts = np.bincount(gold, minlength=len(TOPICS))
    return {
        "majority": np.full_like(gold, counts.argmax()),
        "prior_sampled": rng.choice(len(TOPICS), len(gold), p=counts / counts.sum()),
        "shuffled": predicted[rng.permutation(len(gold))],
    }


def _guess_frozen(texts: list[str], setting: Setting) -> dict[str, Numbers]:
    if setting.frozen is None or "topic" not in setting.frozen.heads:
        return {}
    known = setting.frozen.heads["topic"].probabilities(setting.frozen.embed(texts))
    return {"frozen_minilm": known.argmax(axis=1)}
