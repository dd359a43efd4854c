"""Summaries against references, beside the sentences a text already has."""

from collections.abc import Callable, Sequence
from typing import Any, Final

import numpy as np
import pandas as pd

from leximind.errors import DataError
from leximind.evaluation import metrics
from leximind.evaluation.tables import MIN_TEXT_CHARS, choose_column, read_lists, read_texts
from leximind.text.sentences import split_sentences

SOURCES: Final = ("source", "body", "abstract", "text", "description")
REFERENCES: Final = ("targets", "summary", "short_description", "abstract", "title")


def evaluate_summaries(
    frame: pd.DataFrame, summarize: Callable[[Sequence[str]], list[str]]
) -> dict[str, Any]:
    """ROUGE of the model's summaries; with several references the best one counts.

    Baselines: the first sentence, the first three, and ``best_sentence``, the one sentence that a reader
    of the references would pick. The last is a bound for taking one sentence, not a method.

    Raises:
        DataError: there is no column of texts or of references, or a row of one is empty.
    """
    source = choose_column(frame, SOURCES, min_chars=MIN_TEXT_CHARS)
    reference = choose_column(frame, [name for name in REFERENCES if name != source])
    texts = read_texts(frame, source)
    references = _read_references(frame, reference)
    summaries = summarize(texts)
    sentences = [[text[start:end] for start, end in split_sentences(text)] for text in texts]
    scored = [metrics.rouge(summary, due) for summary, due in zip(summaries, references, strict=True)]
    lead_1 = [" ".join(group[:1]) for group in sentences]
    lead_3 = [" ".join(group[:3]) for group in sentences]
    best = [_best_sentence(group, due) for group, due in zip(sentences, references, strict=True)]
    words = np.array([len(summary.split()) for summary in summaries])
    return {
        "columns": {"source": source, "reference": reference},
        "metrics": _average(scored) | {"words": float(words.mean())},
        "baselines": {
            name: _average([metrics.rouge(text, due) for text, due in zip(given, references, strict=True)])
            for name, given in (("lead_1", lead_1), ("lead_3", lead_3), ("best_sentence", best))
        },
        "intervals": _find_intervals(scored),
    }


def _read_references(frame: pd.DataFrame, column: str) -> list[list[str]]:
    is_text = frame[column].map(lambda value: isinstance(value, str)).all()
    lists = [[text] for text in read_texts(frame, column)] if is_text else read_lists(frame, column)
    for row, given in zip(frame.index, lists, strict=True):
        if not any(text.strip() for text in given):
            raise DataError(f"Column {column!r}, row {row}: there is no reference.", hint="Take the row out.")
    return lists


def _best_sentence(sentences: Sequence[str], references: Sequence[str]) -> str:
    return max(sentences, key=lambda sentence: sum(metrics.rouge(sentence, references).values()), default="")


def _average(scores: Sequence[dict[str, float]]) -> dict[str, float]:
    return {name: float(np.mean([score[name] for score in scores])) for name in metrics.ROUGE_TYPES}


def _find_intervals(scores: Sequence[dict[str, float]]) -> dict[str, list[float]]:
    columns = {name: np.array([score[name] for score in scores]) for name in metrics.ROUGE_TYPES}
    return {
        name: list(metrics.bootstrap_interval(lambda pick, values=values: values[pick].mean(), len(values)))  # type: ignore[misc]
        for name, values in columns.items()
    }
