"""Metrics as pure functions over arrays.

In all of them N counts texts and L labels; ``labels`` and ``predictions`` are 0/1 or boolean. Where a ratio
is 0/0 it counts as 0, as in scikit-learn with ``zero_division=0``.
"""

from collections.abc import Callable, Sequence
from functools import cache, lru_cache
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
ROUGE_TYPES: Final = ("rouge1", "rouge2", "rougeL")


class Scores(NamedTuple):
    """Precision, recall and F1 of each label, (L,) each."""

    precision: Floats
    recall: Floats
    f1: Floats


def score_labels(labels: ArrayLike, predictions: ArrayLike) -> Scores:
    """Precision, recall and F1 of each label, from (N, L) each."""
    return _score(*_count(labels, predictions, axis=0))


def macro_f1(labels: ArrayLike, predictions: ArrayLike) -> float:
    """The mean of the labels' F1: every label counts alike, however rare. From (N, L) each."""
    return float(score_labels(labels, predictions).f1.mean())


def micro_f1(labels: ArrayLike, predictions: ArrayLike) -> float:
    """F1 over all decisions together: frequent labels count more. From (N, L) each."""
    return float(_score(*_count(labels, predictions, axis=None)).f1)


def sample_f1(labels: ArrayLike, predictions: ArrayLike) -> float:
    """The mean of the texts' F1. From (N, L) each."""
    return float(_score(*_count(labels, predictions, axis=1)).f1.mean())


def average_precision(labels: ArrayLike, scores: ArrayLike) -> float:
    """Precision averaged over the recall steps of one label, from (N,) each; 0 without a positive.

    Zhu, "Recall, precision and average precision", 2004; no interpolation. Equal scores are one step.
    """
    values = np.asarray(scores, np.float64)
    order = np.argsort(-values, kind="stable")
    is_right = np.asarray(labels).astype(np.bool_)[order]
    if not is_right.any():
        return 0.0
    last = np.append(np.diff(values[order]) != 0, True)
    hits = np.cumsum(is_right)[last]
    precision = hits / (np.flatnonzero(last) + 1)
    return float(np.sum(precision * np.diff(hits, prepend=0)) / hits[-1])


def mean_average_precision(labels: ArrayLike, scores: ArrayLike) -> float:
    """The mean of ``average_precision`` over the labels that occur, from (N, L) each."""
    gold, values = np.asarray(labels).astype(np.bool_), np.asarray(scores)
    present = np.flatnonzero(gold.any(axis=0))
    return float(np.mean([average_precision(gold[:, label], values[:, label]) for label in present]))


def calibration_error(probabilities: ArrayLike, outcomes: ArrayLike, n_bins: int = 15) -> float:
    """Expected calibration error: confidence against frequency, weighted over bins of equal width.

    Guo et al., "On Calibration of Modern Neural Networks", 2017, equation 3. Arrays of any one shape: for
    several labels all decisions count, for one label out of several give the highest probability and
    whether it was right.
    """
    confidence = np.asarray(probabilities, np.float64).ravel()
    is_true = np.asarray(outcomes, np.float64).ravel()
    bins = np.clip(np.ceil(confidence * n_bins).astype(np.intp) - 1, 0, n_bins - 1)
    gap = np.bincount(bins, weights=confidence - is_true, minlength=n_bins)
    return float(np.abs(gap).sum() / len(confidence))


def accuracy(gold: ArrayLike, predicted: ArrayLike) -> float:
    """The share of equal entries, from (N,) each."""
    return float(np.mean(np.asarray(gold) == np.asarray(predicted)))


def count_confusion(gold: ArrayLike, predicted: ArrayLike, n_labels: int) -> NDArray[np.int64]:
    """(L, L) counts; row: the true label, column: the predicted one. From label numbers, (N,) each."""
    pairs = np.asarray(gold, np.int64) * n_labels + np.asarray(predicted, np.int64)
    return np.bincount(pairs, minlength=n_labels * n_labels).reshape(n_labels, n_labels)


def one_hot(numbers: ArrayLike, n_labels: int) -> NDArray[np.bool_]:
    """Label numbers (N,) as (N, L), so that the scores of several labels fit one label out of several too."""
    return np.asarray(np.eye(n_labels, dtype=np.bool_)[np.asarray(numbers)])


def bootstrap_interval(
    statistic: Callable[[NDArray[np.intp]], float],
    n: int,
    *,
    n_resamples: int = 1000,
    level: float = 0.95,
    seed: int = 0,
) -> tuple[float, float]:
    """The percentile interval of a statistic under resampling of texts (Efron, 1979).

    Args:
        statistic: called with (n,) row numbers, drawn with replacement.
    """
    rng = np.random.default_rng(seed)
    values = [statistic(rng.integers(0, n, n)) for _ in range(n_resamples)]
    low, high = np.quantile(values, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def tune_thresholds(probabilities: ArrayLike, labels: ArrayLike) -> Floats:
    """For each label the threshold with the best F1: a label is given where ``probability >= threshold``.

    Tune on one half of validation and report on the other. Thresholds lie midway between two
    probabilities that occur; of equally good ones the highest is taken; a label that never occurs keeps 0.5.

    Args:
        probabilities, labels: (N, L).
    """
    values, gold = np.asarray(probabilities, np.float64), np.asarray(labels).astype(np.bool_)
    return np.array([_tune(values[:, label], gold[:, label]) for label in range(values.shape[1])])


def rouge(prediction: str, references: Sequence[str]) -> dict[str, float]:
    """ROUGE-1, ROUGE-2 and ROUGE-L F1 (Lin, 2004) with stemming, each against its best reference."""
    scored = _rouge_scorer().score_multi(list(references), prediction)
    return {name: float(scored[name].fmeasure) for name in ROUGE_TYPES}


def rank_matches(queries: Any, documents: Any, *, chunk: int = 256) -> NDArray[np.int64]:
    """The rank, from 1, of document i for query i among all documents by inner product, (N,).

    A document that scores as high as the right one counts as before it, so that constant scores earn
    nothing.

    Args:
        queries, documents: (N, D), arrays or sparse matrices of scipy.
        chunk: queries compared at a time.
    """
    n = queries.shape[0]
    ranks = np.empty(n, np.int64)
    for start in range(0, n, chunk):
        rows = np.arange(start, min(start + chunk, n))
        product = queries[rows] @ documents.T
        scores = product.toarray() if hasattr(product, "toarray") else product
        ranks[rows] = (scores >= scores[np.arange(len(rows)), rows][:, None]).sum(axis=1)
    return ranks


def reciprocal_rank(ranks: ArrayLike, k: int) -> float:
    """MRR@k: the mean of 1/rank, 0 beyond rank k. From (N,)."""
    given = np.asarray(ranks, np.float64)
    return float(np.mean(np.where(given <= k, 1 / given, 0)))


def recall(ranks: ArrayLike, k: int) -> float:
    """Recall@k with one right document a query: the share of ranks up to k. From (N,)."""
    return float(np.mean(np.asarray(ranks) <= k))


def _count(labels: ArrayLike, predictions: ArrayLike, axis: int | None) -> tuple[Any, Any, Any]:
    """Right decisions, labels given and labels due, along an axis."""
    gold, given = np.asarray(labels).astype(np.bool_), np.asarray(predictions).astype(np.bool_)
    return (gold & given).sum(axis), given.sum(axis), gold.sum(axis)


def _score(n_right: Any, n_given: Any, n_due: Any) -> Scores:
    right = np.asarray(n_right, np.float64)
    precision = right / np.maximum(n_given, 1)
    recall_ = right / np.maximum(n_due, 1)
    return Scores(precision, recall_, 2 * right / np.maximum(np.asarray(n_given) + n_due, 1))


def _tune(values: Floats, gold: NDArray[np.bool_]) -> float:
    if not gold.any():
        return 0.5
    order = np.argsort(-values, kind="stable")
    ranked = values[order]
    last = np.append(np.diff(ranked) != 0, True)
    n_given = np.flatnonzero(last) + 1
    f1 = 2 * np.cumsum(gold[order])[last] / (n_given + gold.sum())
    best = int(f1.argmax())
    lowest = float(ranked[n_given[best] - 1])
    if best + 1 == len(n_given):
        return lowest
    below = float(ranked[n_given[best]])
    middle = (lowest + below) / 2
    return middle if middle > below else lowest


@cache
def _rouge_scorer() -> Any:
    from nltk.stem.porter import PorterStemmer
    from rouge_score.rouge_scorer import RougeScorer
    from rouge_score.tokenizers import DefaultTokenizer

    # Stemming takes most of the time, and the same words and references come again and again.
    tokenizer = DefaultTokenizer(use_stemmer=False)
    stem = cache(PorterStemmer().stem)
    plain = tokenizer.tokenize

    @lru_cache(maxsize=4096)
    def tokenize(text: str) -> list[str]:
        return [stem(word) if len(word) > 3 else word for word in plain(text)]

    tokenizer.tokenize = tokenize
    return RougeScorer(list(ROUGE_TYPES), tokenizer=tokenizer)
