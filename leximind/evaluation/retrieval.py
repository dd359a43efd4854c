"""Retrieval: does a title find its own text among those of all the others?"""

from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from leximind.evaluation import metrics
from leximind.evaluation.pools import POOL_SIZE
from leximind.evaluation.resampling import Rows
from leximind.evaluation.tables import MIN_TEXT_CHARS, choose_column, read_texts
from leximind.evaluation.task import (
    SEED,
    ModelLike,
    Outcome,
    Setting,
    batched,
    find_intervals,
    measure_domains,
)

RANKS: Final = 10
DOCUMENTS: Final = ("abstract", "description", "source", "body", "text")


def evaluate_retrieval(frame: pd.DataFrame, model: ModelLike, setting: Setting) -> Outcome:
    """MRR@10 and recall@10 of ``title`` for its text, among the first 10,000 rows at most.

    Raises:
        DataError: there is no title, or no column of texts.
    """
    frame = frame.head(POOL_SIZE)
    column = choose_column(frame, DOCUMENTS, min_chars=MIN_TEXT_CHARS)
    titles, documents = read_texts(frame, "title"), read_texts(frame, column)
    embed = batched(model.embed)
    queries, found = np.vstack(embed(titles)), np.vstack(embed(documents))
    ranks = metrics.rank_matches(queries, found)
    mixed = np.random.default_rng(SEED).permutation(len(ranks))

    def score(rows: Rows) -> dict[str, float]:
        return score_ranks(ranks[rows])

    measured = score(np.arange(len(ranks)))
    baselines = {
        "shuffled": score_ranks(metrics.rank_matches(queries[mixed], found)),
        "tf_idf": score_ranks(_rank_by_words(titles, documents)),
    }
    if setting.frozen is not None:
        theirs = setting.frozen.embed(documents)
        original = metrics.rank_matches(setting.frozen.embed(titles), theirs)
        baselines["original_minilm"] = score_ranks(original)
        if theirs.shape == found.shape:
            measured["cosine_to_original"] = float((found * theirs).sum(axis=1).mean())
            baselines["shuffled"]["cosine_to_original"] = float((found * theirs[mixed]).sum(axis=1).mean())
    return Outcome(
        {
            "columns": {"query": "title", "document": column},
            "metrics": measured,
            "baselines": baselines,
            "intervals": find_intervals(score, len(ranks)),
            "domains": measure_domains(frame, score),
        },
        [{"title": title, "rank": int(rank)} for title, rank in zip(titles, ranks, strict=True)],
    )


def score_ranks(ranks: NDArray[np.int64]) -> dict[str, float]:
    """MRR@10 and recall@10 of ranks from 1, (N,)."""
    return {
        f"mrr@{RANKS}": metrics.reciprocal_rank(ranks, RANKS),
        f"recall@{RANKS}": metrics.recall(ranks, RANKS),
    }


def _rank_by_words(titles: list[str], documents: list[str]) -> NDArray[np.int64]:
    """The ranks of bag-of-words vectors, weighted by TF-IDF of the documents."""
    from sklearn.feature_extraction.text import TfidfVectorizer

    vectorizer = TfidfVectorizer(sublinear_tf=True, stop_words="english").fit(documents)
    return metrics.rank_matches(vectorizer.transform(titles), vectorizer.transform(documents))
