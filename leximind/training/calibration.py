"""From logits to probabilities that mean what they say, on validation data."""

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss

TEMPERATURES = np.geomspace(0.25, 4.0, 49)


def fit_platt(
    logits: NDArray[np.float32], labels: NDArray[np.float32]
) -> tuple[tuple[float, ...], tuple[float, ...]]:  # fmt: skip
    """Scale and shift for each label, p = sigmoid(scale * logit + shift) (Platt, 1999).

    `logits` and `labels` are (N, L). A label that never or always occurs keeps scale 1 and shift 0; where
    positives are few, a mild L2 penalty keeps the scale from running away.
    """
    scales, shifts = [], []
    for label in range(logits.shape[1]):
        column, gold = logits[:, label], labels[:, label]
        if not 0 < gold.sum() < len(gold):
            scales.append(1.0)
            shifts.append(0.0)
            continue
        fit = LogisticRegression(C=1.0).fit(column[:, None], gold)
        scales.append(float(fit.coef_[0, 0]))
        shifts.append(float(fit.intercept_[0]))
    return tuple(scales), tuple(shifts)


def expected_f1_thresholds(probabilities: NDArray[np.float32]) -> NDArray[np.float32]:
    """The threshold of each label with the best F1 that calibrated probabilities (N, L) expect, (L,).

    With k texts above it, the expected F1 is about 2 * (sum of their p) / (k + sum of all p) (Lipton et al.,
    2014). It needs no labels beyond calibration, so a rare label's threshold does not hang on a handful of
    positives.
    """
    falling = -np.sort(-probabilities.astype(np.float64), axis=0)
    numbers = np.arange(1, len(falling) + 1)[:, None]
    expected = 2 * falling.cumsum(axis=0) / (numbers + falling.sum(axis=0))
    best = falling[expected.argmax(axis=0), np.arange(falling.shape[1])]
    return np.asarray(best, dtype=np.float32)


def fit_temperature(logits: NDArray[np.float32], labels: NDArray[np.int64]) -> float:
    """The temperature under which softmax(logits / t) has the least log loss (Guo et al., 2017)."""

    def loss(temperature: float) -> float:
        scaled = logits / temperature
        exponent = np.exp(scaled - scaled.max(axis=1, keepdims=True))
        shares = exponent / exponent.sum(axis=1, keepdims=True)
        return float(log_loss(labels, shares, labels=np.arange(logits.shape[1])))

    return float(min(TEMPERATURES, key=loss))
