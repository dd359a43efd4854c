"""Metrics as pure functions over arrays.

In all of them N counts texts and L labels; ``labels`` and ``predictions`` are 0/1 or boolean. Where a ratio
is 0/0 it counts as 0, as in scikit-learn with ``zero_division=0``.
"""

from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]


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
    """The mean of ``average_precision`` over the labels that occur, from (N, L) each; 0 when none does."""
    gold, values = np.asarray(labels).astype(np.bool_), np.asarray(scores)
    present = np.flatnonzero(gold.any(axis=0))
    found = [average_precision(gold[:, label], values[:, label]) for label in present]
    return float(np.mean(found)) if found else 0.0


class Bins(NamedTuple):
    """Decisions by how sure they were, in B bins of equal width; (B,) each, 0 where a bin is empty."""

    confidence: Floats
    frequency: Floats
    n: NDArray[np.int64]


def bin_confidence(probabilities: ArrayLike, outcomes: ArrayLike, n_bins: int = 15) -> Bins:
    """Mean probability and share of true outcomes in each bin, for a reliability diagram.

    Arrays of any one shape: for several labels all decisions count, for one label out of several give the
    highest probability and whether it was right. A bin holds what lies above its lower edge, up to its upper.
    """
    confidence = np.asarray(probabilities, np.float64).ravel()
    is_true = np.asarray(outcomes, np.float64).ravel()
    bins = np.clip(np.ceil(confidence * n_bins).astype(np.intp) - 1, 0, n_bins - 1)
    n = np.bincount(bins, minlength=n_bins)
    sums = (np.bincount(bins, weights=values, minlength=n_bins) for values in (confidence, is_true))
    means = [total / np.maximum(n, 1) for total in sums]
    return Bins(means[0], means[1], n)


def calibration_error(probabilities: ArrayLike, outcomes: ArrayLike, n_bins: int = 15) -> float:
    """Expected calibration error: confidence against frequency, weighted over bins of equal width.

    Guo et al., "On Calibration of Modern Neural Networks", 2017, equation 3; arrays as in `bin_confidence`.
    """
    bins = bin_confidence(probabilities, outcomes, n_bins)
    return float((np.abs(bins.confidence - bins.frequency) * bins.n).sum() / bins.n.sum())


def correlation(first: ArrayLike, second: ArrayLike) -> float:
    """Pearson's r of (N,) and (N,); 0 where one of them is constant."""
    pair = np.stack([np.asarray(first, np.float64), np.asarray(second, np.float64)])
    pair = pair - pair.mean(axis=1, keepdims=True)
    scale = float(np.prod(np.linalg.norm(pair, axis=1)))
    return float(pair[0] @ pair[1]) / scale if scale > 0 else 0.0


def rank_correlation(first: ArrayLike, second: ArrayLike) -> float:
    """Spearman's rho of (N,) and (N,): Pearson's r of the ranks, equal values sharing their mean rank."""
    return correlation(*(pd.Series(np.asarray(values)).rank() for values in (first, second)))


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


def tune_thresholds(probabilities: ArrayLike, labels: ArrayLike) -> Floats:
    """For each label the threshold with the best F1: a label is given where ``probability >= threshold``.

    Tune on one half of validation and report on the other. Thresholds lie midway between two
    probabilities that occur; of equally good ones the highest is taken; a label that never occurs keeps 0.5.

    Args:
        probabilities, labels: (N, L).
    """
    values, gold = np.asarray(probabilities, np.float64), np.asarray(labels).astype(np.bool_)
    return np.array([_tune(values[:, label], gold[:, label]) for label in range(values.shape[1])])


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
