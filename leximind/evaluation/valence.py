"""Emotions against how pleasant readers found a text."""

from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from leximind.evaluation import metrics
from leximind.evaluation.resampling import Rows
from leximind.evaluation.tables import read_numbers, read_texts
from leximind.evaluation.task import (
    SEED,
    ModelLike,
    Outcome,
    Setting,
    batched,
    find_intervals,
    measure_domains,
)
from leximind.labels import EMOTION_FAMILIES, EMOTIONS

VALENCE: Final = "valence"

Floats = NDArray[np.floating[Any]]


def evaluate_valence(frame: pd.DataFrame, model: ModelLike, setting: Setting) -> Outcome:
    """How the pleasant emotions less the unpleasant ones go with the readers' ``valence``."""
    texts, valence = read_texts(frame, "text"), read_numbers(frame, VALENCE)
    predicted = weigh_valence(np.vstack(batched(model.emotion_probabilities)(texts)))

    def score(rows: Rows, values: Floats = predicted) -> dict[str, float]:
        return score_valence(valence[rows], values[rows])

    there = np.arange(len(texts))
    mixed = np.random.default_rng(SEED).permutation(len(texts))
    baselines = {"shuffled": score(there, predicted[mixed])}
    if setting.frozen is not None and "emotion" in setting.frozen.heads:
        head = setting.frozen.heads["emotion"]
        theirs = weigh_valence(head.probabilities(setting.frozen.embed(texts)))
        baselines["frozen_minilm"] = score(there, theirs)
    return Outcome(
        {
            "metrics": score(there),
            "baselines": baselines,
            "intervals": find_intervals(score, len(texts)),
            "domains": measure_domains(frame, score),
        },
        [
            {"text": text, "valence": float(due), "predicted": round(float(value), 4)}
            for text, due, value in zip(texts, valence, predicted, strict=True)
        ],
    )


def weigh_valence(probabilities: Floats) -> NDArray[np.float64]:
    """The sum of the positive emotions less that of the negative ones, from (N, 28) to (N,).

    The groups are those of the GoEmotions paper; see ``labels.EMOTION_FAMILIES``.
    """
    weights = np.array(
        [
            float(name in EMOTION_FAMILIES["positive"]) - (name in EMOTION_FAMILIES["negative"])
            for name in EMOTIONS
        ]
    )
    return np.asarray(probabilities @ weights, np.float64)


def score_valence(valence: Floats, predicted: Floats) -> dict[str, float]:
    """Both correlations of (N,) and (N,)."""
    return {
        "pearson": metrics.correlation(predicted, valence),
        "spearman": metrics.rank_correlation(predicted, valence),
    }
