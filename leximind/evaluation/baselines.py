"""Summaries that need no model: what a text's own sentences already give."""

from collections.abc import Sequence
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

Kind = Literal["sentence", "description", "abstract"]

# About as many words as a reference of the kind has; one sentence is counted in sentences.
N_WORDS: Final[dict[Kind, int]] = {"description": 200, "abstract": 200}
# Openings of so many words; the shorter one of a description is what a blurb would hold.
OPENINGS: Final[dict[Kind, tuple[int, ...]]] = {"description": (80, 200), "abstract": (200,)}
DAMPING: Final = 0.85

Floats = NDArray[np.float64]


def list_baselines(text: str, sentences: Sequence[str], kind: Kind) -> dict[str, str]:
    """The baselines of a text by name: its opening, and the sentences that stand in its centre."""
    found = {"lead_1": " ".join(sentences[:1]), "lead_3": " ".join(sentences[:3])}
    for n_words in OPENINGS.get(kind, ()):
        found[f"first_{n_words}_words"] = " ".join(text.split()[:n_words])
    return found | {"textrank": pick_central(sentences, N_WORDS.get(kind))}


def pick_central(sentences: Sequence[str], n_words: int | None = None) -> str:
    """The most central sentence; or the most central ones, in the order of the text, up to ``n_words``.

    The first is always taken, and the one that crosses the limit is the last.
    """
    if not sentences:
        return ""
    order = np.argsort(-rank_centrality(compare_sentences(sentences)), kind="stable")
    chosen: list[int] = []
    n_taken = 0
    for index in order:
        chosen.append(int(index))
        n_taken += len(sentences[index].split())
        if n_words is None or n_taken >= n_words:
            break
    return " ".join(sentences[index] for index in sorted(chosen))


def compare_sentences(sentences: Sequence[str]) -> Floats:
    """Cosines (S, S) of TF-IDF vectors over the sentences; zeros where no sentence has a content word."""
    from sklearn.feature_extraction.text import TfidfVectorizer

    try:
        vectors: Any = TfidfVectorizer(stop_words="english").fit_transform(sentences)
    except ValueError:  # an empty vocabulary
        return np.zeros((len(sentences), len(sentences)))
    return np.asarray((vectors @ vectors.T).toarray(), np.float64)


def rank_centrality(similarity: Floats, *, n_steps: int = 100) -> Floats:
    """The centrality of each node of a graph of similarities, (S, S) to (S,), summing to 1.

    TextRank (Mihalcea and Tarau, 2004) with the cosines of LexRank (Erkan and Radev, 2004): PageRank with
    damping 0.85 over the weights; a node without neighbours passes its weight to all alike.
    """
    n = len(similarity)
    weights = np.where(np.eye(n, dtype=np.bool_), 0.0, similarity)
    total = weights.sum(axis=1, keepdims=True)
    passes = np.where(total > 0, weights / np.where(total > 0, total, 1), 1 / n)
    rank = np.full(n, 1 / n)
    for _ in range(n_steps):
        following = (1 - DAMPING) / n + DAMPING * (rank @ passes)
        if np.abs(following - rank).sum() < 1e-10:
            return np.asarray(following)
        rank = following
    return rank
