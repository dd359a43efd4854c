"""What the model is worth on a data file, beside what needs no model at all."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final, Protocol

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from leximind.errors import DataError, InputError
from leximind.evaluation import metrics
from leximind.evaluation.summaries import evaluate_summaries
from leximind.evaluation.tables import MIN_TEXT_CHARS, choose_column, read_lists, read_table, read_texts
from leximind.labels import EMOTIONS, TOPICS

TASKS: Final = ("emotion", "topic", "summarization", "embedding")
SEED: Final = 0

_N_AT_A_TIME: Final = 64
_RANKS: Final = 10
_DECIMALS: Final = 4
_DOCUMENTS: Final = ("abstract", "description", "source", "body", "text")

Floats = NDArray[np.float32]


class ModelLike(Protocol):
    """What evaluation asks of a model; N counts texts."""

    @property
    def emotion_thresholds(self) -> Floats:
        """(28,)"""

    def embed(self, texts: Sequence[str]) -> Floats:
        """(N, 384), unit length."""

    def emotion_probabilities(self, texts: Sequence[str]) -> Floats:
        """(N, 28), calibrated."""

    def topic_probabilities(self, texts: Sequence[str]) -> Floats:
        """(N, 7)"""

    def summarize(self, texts: Sequence[str]) -> list[str]: ...


def evaluate_file(
    task: str,
    path: str | Path,
    model: ModelLike,
    limit: int | None = None,
    *,
    rows: slice = slice(None),
) -> dict[str, Any]:
    """Measure one task of the model on a .parquet, .jsonl or .csv file.

    Columns: emotion ``text, labels``; topic ``text, topic``; summarization a source and a reference (the
    answer names them); embedding ``title`` and the text it should find.

    Args:
        limit: take only so many rows.
        rows: which rows of the file, before the limit; ``slice(1, None, 2)`` are the odd ones.

    Returns:
        JSON-ready: ``task``, ``file``, ``n``, ``metrics`` {name: value}, ``baselines`` {name: {metric:
        value}}, ``intervals`` {metric: [low, high]} (95 %, bootstrap over texts), and what the task adds.

    Raises:
        InputError: there is no such task. NotFoundError: there is no such file.
        DataError: the file is damaged or lacks what the task needs; the message names column and row.
    """
    evaluators: dict[str, Callable[[pd.DataFrame, ModelLike], dict[str, Any]]] = {
        "emotion": _evaluate_emotion,
        "topic": _evaluate_topic,
        "summarization": lambda frame, model: evaluate_summaries(frame, _batched(model.summarize)),
        "embedding": _evaluate_embedding,
    }
    if task not in evaluators:
        raise InputError(f"{task!r} is no task: one of {', '.join(TASKS)} was expected.")
    path = Path(path)
    frame = read_table(path, rows, limit)
    found = {"task": task, "file": path.name, "n": len(frame)} | evaluators[task](frame, model)
    return {name: _round(value) for name, value in found.items()}


def _evaluate_emotion(frame: pd.DataFrame, model: ModelLike) -> dict[str, Any]:
    texts, names = read_texts(frame, "text"), read_lists(frame, "labels")
    for row, given in zip(frame.index, names, strict=True):
        if unknown := set(given) - set(EMOTIONS):
            raise DataError(
                f"Column 'labels', row {row}: {sorted(unknown)} are no emotions.",
                hint="See leximind/labels.py.",
            )
    gold = np.array([[name in given for name in EMOTIONS] for given in names], np.bool_)
    probabilities = np.vstack(_batched(model.emotion_probabilities)(texts))
    predicted = probabilities >= model.emotion_thresholds
    rng = np.random.default_rng(SEED)
    mixed = rng.permutation(len(texts))
    majority = np.zeros_like(gold)
    majority[:, gold.sum(axis=0).argmax()] = True
    sampled = rng.random(gold.shape) < gold.mean(axis=0)

    def score(rows: NDArray[np.bool_], guesses: NDArray[np.bool_]) -> dict[str, float]:
        return {
            "macro_f1": metrics.macro_f1(rows, guesses),
            "micro_f1": metrics.micro_f1(rows, guesses),
            "sample_f1": metrics.sample_f1(rows, guesses),
        }

    ranking = {
        "mean_average_precision": metrics.mean_average_precision(gold, probabilities),
        "calibration_error": metrics.calibration_error(probabilities, gold),
    }
    return {
        "metrics": score(gold, predicted) | ranking,
        "baselines": {
            "majority": score(gold, majority),
            "prior_sampled": score(gold, sampled),
            "shuffled": score(gold, predicted[mixed])
            | {"mean_average_precision": metrics.mean_average_precision(gold, probabilities[mixed])},
        },
        "intervals": _intervals(lambda pick: score(gold[pick], predicted[pick]), len(gold)),
        "per_class": _describe_classes(EMOTIONS, gold, predicted, probabilities),
    }


def _evaluate_topic(frame: pd.DataFrame, model: ModelLike) -> dict[str, Any]:
    texts, names = read_texts(frame, "text"), read_texts(frame, "topic")
    for row, name in zip(frame.index, names, strict=True):
        if name not in TOPICS:
            raise DataError(f"Column 'topic', row {row}: {name!r} is none of {', '.join(TOPICS)}.")
    gold = np.array([TOPICS.index(name) for name in names])
    probabilities = np.vstack(_batched(model.topic_probabilities)(texts))
    predicted = probabilities.argmax(axis=1)
    n_labels = len(TOPICS)
    rng = np.random.default_rng(SEED)
    counts = np.bincount(gold, minlength=n_labels)

    def score(right: NDArray[np.intp], guesses: NDArray[np.intp]) -> dict[str, float]:
        pair = metrics.one_hot(right, n_labels), metrics.one_hot(guesses, n_labels)
        return {"accuracy": metrics.accuracy(right, guesses), "macro_f1": metrics.macro_f1(*pair)}

    error = metrics.calibration_error(probabilities.max(axis=1), predicted == gold)
    found = {
        "metrics": score(gold, predicted) | {"calibration_error": error},
        "baselines": {
            "majority": score(gold, np.full_like(gold, counts.argmax())),
            "prior_sampled": score(gold, rng.choice(n_labels, len(gold), p=counts / counts.sum())),
        },
        "intervals": _intervals(lambda pick: score(gold[pick], predicted[pick]), len(gold)),
        "per_class": _describe_classes(
            TOPICS, metrics.one_hot(gold, n_labels), metrics.one_hot(predicted, n_labels), probabilities
        ),
        "confusion": metrics.count_confusion(gold, predicted, n_labels).tolist(),
    }
    if "kind" in frame:
        kinds = np.array([str(kind) for kind in frame["kind"]])
        found["accuracy_by_kind"] = {
            str(kind): metrics.accuracy(gold[kinds == kind], predicted[kinds == kind])
            for kind in np.unique(kinds)
        }
    return found


def _evaluate_embedding(frame: pd.DataFrame, model: ModelLike) -> dict[str, Any]:
    column = choose_column(frame, _DOCUMENTS, min_chars=MIN_TEXT_CHARS)
    titles, documents = read_texts(frame, "title"), read_texts(frame, column)
    embed = _batched(model.embed)
    queries, found = np.vstack(embed(titles)), np.vstack(embed(documents))
    ranks = metrics.rank_matches(queries, found)
    mixed = np.random.default_rng(SEED).permutation(len(ranks))

    def score(given: NDArray[np.int64]) -> dict[str, float]:
        return {
            f"mrr@{_RANKS}": metrics.reciprocal_rank(given, _RANKS),
            f"recall@{_RANKS}": metrics.recall(given, _RANKS),
        }

    return {
        "columns": {"query": "title", "document": column},
        "metrics": score(ranks),
        "baselines": {
            "shuffled": score(metrics.rank_matches(queries[mixed], found)),
            "tf_idf": score(_rank_by_words(titles, documents)),
        },
        "intervals": _intervals(lambda pick: score(ranks[pick]), len(ranks)),
    }


def _rank_by_words(titles: list[str], documents: list[str]) -> NDArray[np.int64]:
    """The ranks of bag-of-words vectors, weighted by TF-IDF of the documents."""
    from sklearn.feature_extraction.text import TfidfVectorizer

    vectorizer = TfidfVectorizer(sublinear_tf=True, stop_words="english").fit(documents)
    return metrics.rank_matches(vectorizer.transform(titles), vectorizer.transform(documents))


def _describe_classes(
    names: Sequence[str], gold: NDArray[np.bool_], predicted: NDArray[np.bool_], probabilities: Floats
) -> dict[str, dict[str, float]]:
    scores = metrics.score_labels(gold, predicted)
    return {
        name: {
            "precision": float(scores.precision[label]),
            "recall": float(scores.recall[label]),
            "f1": float(scores.f1[label]),
            "average_precision": metrics.average_precision(gold[:, label], probabilities[:, label]),
            "n": int(gold[:, label].sum()),
        }
        for label, name in enumerate(names)
    }


def _intervals(score: Callable[[NDArray[np.intp]], dict[str, float]], n: int) -> dict[str, list[float]]:
    names = list(score(np.arange(n)))
    return {
        name: list(metrics.bootstrap_interval(lambda pick, name=name: score(pick)[name], n, seed=SEED))  # type: ignore[misc]
        for name in names
    }


def _batched(function: Callable[[Sequence[str]], Any]) -> Callable[[Sequence[str]], list[Any]]:
    """The function on a few texts at a time; the answers are joined row by row."""

    def run(texts: Sequence[str]) -> list[Any]:
        starts = range(0, len(texts), _N_AT_A_TIME)
        return [row for start in starts for row in function(texts[start : start + _N_AT_A_TIME])]

    return run


def _round(node: Any) -> Any:
    if isinstance(node, dict):
        return {name: _round(value) for name, value in node.items()}
    if isinstance(node, list):
        return [_round(value) for value in node]
    return round(node, _DECIMALS) if isinstance(node, float) else node
