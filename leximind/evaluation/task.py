"""What the measurements of all tasks share: what they need, what they answer, and how they are cut up."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from tqdm import tqdm

from leximind.evaluation.resampling import Rows, bootstrap_intervals

SEED: Final = 0
# Columns that say where a text comes from, and the least number of texts that make a row of a table.
DOMAINS: Final = ("kind", "field", "source", "author", "document", "domain", "genre")
MIN_DOMAIN: Final = 20

_N_AT_A_TIME: Final = 64
_MAX_DOMAINS: Final = 12

Floats = NDArray[np.float32]
Report = dict[str, Any]
Score = Callable[[Rows], dict[str, float]]


class ModelLike(Protocol):
    """What evaluation asks of a model; N counts texts. `summarize` may also take a `kind`, and a model that
    has `analyze` is asked by it whether a summary was written or chosen."""

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


class HeadLike(Protocol):
    """A classifier on frozen vectors; L counts labels."""

    @property
    def thresholds(self) -> NDArray[np.float64]:
        """(L,)"""

    def probabilities(self, vectors: Floats) -> NDArray[np.float64]:
        """(N, D) -> (N, L)"""


class FrozenLike(Protocol):
    """The encoder that the model started from, left as it was, and linear classifiers on its vectors."""

    @property
    def heads(self) -> Mapping[str, HeadLike]:
        """ "emotion" (28) and "topic" (7), those that could be fitted."""

    def embed(self, texts: Sequence[str]) -> Floats:
        """(N, D), unit length."""


@dataclass(frozen=True)
class Setting:
    """What a measurement may lean on besides the model and the rows.

    Attributes:
        frozen: the frozen encoder, as a baseline.
        tuning: rows of the same table that are not reported; thresholds are tuned on them.
        token_states: token states (T, D) of each text, for BERTScore; None leaves it out.
    """

    frozen: FrozenLike | None = None
    tuning: pd.DataFrame | None = None
    token_states: Callable[[Sequence[str]], Sequence[Floats]] | None = None


@dataclass(frozen=True)
class Outcome:
    """What a measurement found.

    Attributes:
        report: JSON-ready: ``metrics``, ``baselines``, ``intervals``, and what the task adds.
        predictions: a JSON-ready row for each text, from which ``compare`` can measure again.
    """

    report: Report
    predictions: list[dict[str, Any]] = field(default_factory=list)


def batched(function: Callable[[Sequence[str]], Any], n: int = _N_AT_A_TIME) -> Callable[..., list[Any]]:
    """The function on a few texts at a time; the answers are joined row by row."""

    def run(texts: Sequence[str]) -> list[Any]:
        starts = tqdm(range(0, len(texts), n), unit_scale=n, unit="text", leave=False, disable=None)
        return [row for start in starts for row in function(texts[start : start + n])]

    return run


def find_intervals(score: Score, n: int) -> dict[str, list[float]]:
    """The 95 % interval of each metric: {metric: [low, high]}, by the bootstrap over n texts."""
    names = list(score(np.arange(n)))
    intervals = bootstrap_intervals(lambda rows: np.array(list(score(rows).values())), n, seed=SEED)
    return dict(zip(names, intervals.tolist(), strict=True))


def measure_domains(frame: pd.DataFrame, score: Score) -> dict[str, dict[str, dict[str, float]]]:
    """The metrics of each group of texts: {column: {group: {"n", metric: value}}}, largest groups first.

    Columns are those of ``DOMAINS`` that part the rows into at least two groups of ``MIN_DOMAIN`` texts;
    smaller groups, and what comes after the twelve largest, are left out.
    """
    found: dict[str, dict[str, dict[str, float]]] = {}
    for column in DOMAINS:
        if column not in frame:
            continue
        groups = np.array([str(value) for value in frame[column]])
        names, counts = np.unique(groups, return_counts=True)
        order = [i for i in np.argsort(-counts, kind="stable") if counts[i] >= MIN_DOMAIN][:_MAX_DOMAINS]
        if len(order) > 1:
            found[column] = {
                str(names[i]): {"n": int(counts[i])} | score(np.flatnonzero(groups == names[i]))
                for i in order
            }
    return found


def describe_reliability(bins: Any) -> list[dict[str, float]]:
    """The bins of ``metrics.bin_confidence`` that hold something, as rows."""
    return [
        {"confidence": float(confidence), "frequency": float(frequency), "n": int(n)}
        for confidence, frequency, n in zip(*bins, strict=True)
        if n
    ]
