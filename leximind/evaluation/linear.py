"""A linear classifier on frozen vectors: what a sentence encoder knows of a task that it never learned."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from leximind.evaluation.metrics import accuracy, mean_average_precision, tune_thresholds

# Inverse strengths of the L2 penalty to choose from: few rows want a strong one, many rows a weak one.
INVERSE_PENALTIES: Final = (1.0, 10.0)

_N_FOLDS: Final = 5

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class LinearHead:
    """Logistic regression from D dimensions to L labels.

    Attributes:
        weights: (D, L); bias: (L,).
        thresholds: (L,) a label is given from this probability on.
        is_exclusive: one label out of L (softmax), or any number of them (a sigmoid each).
    """

    weights: Floats
    bias: Floats
    thresholds: Floats
    is_exclusive: bool = False

    def probabilities(self, vectors: ArrayLike) -> Floats:
        """(N, D) -> (N, L)"""
        logits = np.asarray(vectors, np.float64) @ self.weights + self.bias
        if not self.is_exclusive:
            return np.asarray(1 / (1 + np.exp(-logits)))
        raised = np.exp(logits - logits.max(axis=1, keepdims=True))
        return np.asarray(raised / raised.sum(axis=1, keepdims=True))


def fit_many(vectors: ArrayLike, labels: ArrayLike, inverse_penalty: float) -> LinearHead:
    """A classifier for each label on its own, from (N, D) and a 0/1 table (N, L); thresholds are 0.5.

    A label that none or all of the rows have is never or always given.
    """
    x, gold = np.asarray(vectors, np.float64), np.asarray(labels).astype(np.bool_)
    fitted = [_fit_one(x, gold[:, label], inverse_penalty) for label in range(gold.shape[1])]
    weights, bias = zip(*fitted, strict=True)
    return LinearHead(np.stack(weights, axis=1), np.array(bias), np.full(len(bias), 0.5))


def fit_tuned(
    vectors: ArrayLike, labels: ArrayLike, other_vectors: ArrayLike, other_labels: ArrayLike
) -> LinearHead:
    """`fit_many` with penalty and thresholds chosen on other rows, (M, D) and (M, L)."""
    heads = [fit_many(vectors, labels, penalty) for penalty in INVERSE_PENALTIES]
    found = [head.probabilities(other_vectors) for head in heads]
    best = _find_best(found, other_labels)
    return replace(heads[best], thresholds=tune_thresholds(found[best], other_labels))


def fit_in_domain(vectors: ArrayLike, labels: ArrayLike) -> LinearHead:
    """`fit_many` on all rows, with penalty and thresholds chosen on each fold by those of the other folds."""
    x, gold = np.asarray(vectors, np.float64), np.asarray(labels).astype(np.bool_)
    fold = np.random.default_rng(0).permutation(len(x)) % _N_FOLDS
    found = []
    for penalty in INVERSE_PENALTIES:
        unseen = np.zeros(gold.shape)
        for number in range(_N_FOLDS):
            inside = fold == number
            if inside.any() and not inside.all():
                unseen[inside] = fit_many(x[~inside], gold[~inside], penalty).probabilities(x[inside])
        found.append(unseen)
    best = _find_best(found, gold)
    whole = fit_many(x, gold, INVERSE_PENALTIES[best])
    return replace(whole, thresholds=tune_thresholds(found[best], gold))


def fit_exclusive(vectors: ArrayLike, numbers: ArrayLike, n_labels: int) -> LinearHead:
    """A classifier for one label out of several, from (N, D) and label numbers (N,).

    The penalty is chosen on a fifth of the rows. A label that no row has is never given.
    """
    x, gold = np.asarray(vectors, np.float64), np.asarray(numbers)
    inside = np.random.default_rng(0).permutation(len(x)) % _N_FOLDS == 0
    best = INVERSE_PENALTIES[0]
    if inside.any() and len(np.unique(gold[~inside])) > 1:
        tried = {
            penalty: accuracy(
                gold[inside], _regression(penalty).fit(x[~inside], gold[~inside]).predict(x[inside])
            )
            for penalty in INVERSE_PENALTIES
        }
        best = max(tried, key=lambda penalty: tried[penalty])
    present = np.unique(gold)
    weights, bias = np.zeros((x.shape[1], n_labels)), np.full(n_labels, -np.inf)
    if len(present) == 1:
        bias[present] = 0.0
    else:
        model = _regression(best).fit(x, gold)
        rows, shift = model.coef_, model.intercept_
        if len(present) == 2:  # one row of weights, for the second
            rows, shift = np.vstack([-rows / 2, rows / 2]), np.array([-shift[0] / 2, shift[0] / 2])
        weights[:, present], bias[present] = rows.T, shift
    return LinearHead(weights, bias, np.full(n_labels, 0.5), is_exclusive=True)


def _find_best(found: Sequence[Floats], labels: ArrayLike) -> int:
    return int(np.argmax([mean_average_precision(labels, probabilities) for probabilities in found]))


def _fit_one(x: Floats, gold: NDArray[np.bool_], inverse_penalty: float) -> tuple[Floats, float]:
    share = float(gold.mean())
    if share in (0.0, 1.0):
        return np.zeros(x.shape[1]), 20.0 if share else -20.0
    model = _regression(inverse_penalty).fit(x, gold)
    return model.coef_[0], float(model.intercept_[0])


def _regression(inverse_penalty: float) -> Any:
    from sklearn.linear_model import LogisticRegression

    return LogisticRegression(C=inverse_penalty, max_iter=500)
