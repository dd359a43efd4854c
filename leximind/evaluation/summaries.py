"""Summaries against references, beside the sentences a text already has."""

import inspect
from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from leximind.errors import DataError
from leximind.evaluation import overlap
from leximind.evaluation.baselines import Kind, list_baselines
from leximind.evaluation.resampling import Rows
from leximind.evaluation.tables import MIN_TEXT_CHARS, choose_column, choose_pair, read_lists, read_texts
from leximind.evaluation.task import (
    Floats,
    ModelLike,
    Outcome,
    Setting,
    batched,
    find_intervals,
    measure_domains,
)
from leximind.text.sentences import split_sentences

# The pairs of the project's own files; then any source with any reference.
PAIRS: Final = (
    ("source", "targets"),
    ("body", "abstract"),
    ("text", "description"),
    ("description", "short_description"),
)
SOURCES: Final = ("source", "body", "abstract", "text", "description")
REFERENCES: Final = ("targets", "summary", "short_description", "abstract", "title")

_N_ROUGE: Final = len(overlap.ROUGE_TYPES)


class Summaries(NamedTuple):
    """What a model wrote of N texts, and for each whether it was "written" or "extracted", if it said so."""

    texts: list[str]
    sources: list[str] | None


def choose_columns(frame: pd.DataFrame) -> tuple[str, str]:
    """The columns of texts and of references.

    Raises:
        DataError: there is no column of texts (200 characters or more on average) or of references.
    """
    if pair := choose_pair(frame, PAIRS, min_chars=MIN_TEXT_CHARS):
        return pair
    source = choose_column(frame, SOURCES, min_chars=MIN_TEXT_CHARS)
    return source, choose_column(frame, [name for name in REFERENCES if name != source])


def choose_kind(reference: str) -> Kind:
    """How long a summary is wanted, by the name of the column of references."""
    kinds: dict[str, Kind] = {"abstract": "abstract", "description": "description"}
    return kinds.get(reference, "sentence")


def evaluate_summaries(frame: pd.DataFrame, model: ModelLike, setting: Setting) -> Outcome:
    """ROUGE, BLEU and faithfulness of the model's summaries; with several references the best one counts.

    ``best_sentence`` is for each metric the best that any one sentence of the text reaches: a bound for
    taking a sentence, not a method. BLEU is left out, and said to be, where sacrebleu is not installed.

    Raises:
        DataError: there is no column of texts or of references, or a row of one is empty.
    """
    source, reference = choose_columns(frame)
    texts, references = read_texts(frame, source), read_references(frame, reference)
    kind = choose_kind(reference)
    summaries = summarize(model, texts, kind)
    sentences = [[text[start:end] for start, end in split_sentences(text)] for text in texts]
    values = score_texts(summaries.texts, references)
    checks = check_faithfulness(summaries, texts)
    if setting.token_states is not None:
        checks["bert_score"] = _score_states(setting.token_states, summaries.texts, references)

    def score(rows: Rows) -> dict[str, float]:
        return average_scores(values[rows]) | {name: float(of[rows].mean()) for name, of in checks.items()}

    baselines = _score_baselines(texts, sentences, references, kind)
    found: dict[str, Any] = {
        "columns": {"source": source, "reference": reference},
        "kind": kind,
        "metrics": score(np.arange(len(texts))),
        "baselines": baselines,
        "intervals": find_intervals(score, len(texts)),
        "domains": measure_domains(frame, score),
    }
    if not overlap.HAS_BLEU:
        found["note"] = (
            "BLEU is left out: sacrebleu is not installed (pip install -r requirements-train.txt)."
        )
    predictions = [
        {"text": text, "references": due, "predicted": summary}
        for text, due, summary in zip(texts, references, summaries.texts, strict=True)
    ]
    return Outcome(found, predictions)


def summarize(model: ModelLike, texts: Sequence[str], kind: Kind) -> Summaries:
    """The summaries that the app would show; those of one sentence with where they come from."""
    analyze = getattr(model, "analyze", None)
    if kind == "sentence" and analyze is not None:
        found = batched(analyze)(texts)
        return Summaries([one.summary for one in found], [one.summary_source for one in found])
    write: Callable[..., list[str]] = model.summarize
    if "kind" in inspect.signature(write).parameters:
        return Summaries(batched(lambda part: write(part, kind=kind))(texts), None)
    return Summaries(batched(write)(texts), None)


def score_texts(predictions: Sequence[str], references: Sequence[Sequence[str]]) -> NDArray[np.float64]:
    """What the metrics of each text are made of, (N, 3 or 13): ROUGE-1, -2 and -L, then BLEU's counts."""
    rows = []
    for prediction, due in zip(predictions, references, strict=True):
        scores: list[float] = list(overlap.rouge(prediction, due).values())
        if overlap.HAS_BLEU:
            scores += overlap.count_ngrams(prediction, due).tolist()
        rows.append(scores)
    return np.array(rows, np.float64)


def average_scores(values: NDArray[np.float64]) -> dict[str, float]:
    """ROUGE, and BLEU-4 where it was counted, from rows of `score_texts`."""
    found = dict(zip(overlap.ROUGE_TYPES, values[:, :_N_ROUGE].mean(axis=0).tolist(), strict=True))
    return found | ({"bleu4": overlap.bleu(values[:, _N_ROUGE:])} if values.shape[1] > _N_ROUGE else {})


def check_faithfulness(summaries: Summaries, texts: Sequence[str]) -> dict[str, Floats]:
    """Shares by text, (N,) each: copied word for word, supported by the source, written; and the words."""
    copied, supported = [], []
    for summary, text in zip(summaries.texts, texts, strict=True):
        parts = [summary[start:end] for start, end in split_sentences(summary)]
        copied.append(overlap.is_copied(parts, text))
        supported.append(overlap.is_supported(summary, text))
    lists: dict[str, Sequence[float]] = {
        "words": [len(summary.split()) for summary in summaries.texts],
        "copied": copied,
        "supported": supported,
    }
    if summaries.sources is not None:
        lists["written"] = [source == "written" for source in summaries.sources]
    return {name: np.array(values, np.float32) for name, values in lists.items()}


def read_references(frame: pd.DataFrame, column: str) -> list[list[str]]:
    """The references of each row, at least one; a text alone is one reference.

    Raises:
        DataError: a row has none.
    """
    is_text = frame[column].map(lambda value: isinstance(value, str)).all()
    lists = [[text] for text in read_texts(frame, column)] if is_text else read_lists(frame, column)
    for row, given in zip(frame.index, lists, strict=True):
        if not any(text.strip() for text in given):
            raise DataError(f"Column {column!r}, row {row}: there is no reference.", hint="Take the row out.")
    return lists


def _score_baselines(
    texts: Sequence[str], sentences: Sequence[Sequence[str]], references: Sequence[Sequence[str]], kind: Kind
) -> dict[str, dict[str, float]]:
    rows = [list_baselines(text, group, kind) for text, group in zip(texts, sentences, strict=True)]
    found = {name: average_scores(score_texts([row[name] for row in rows], references)) for name in rows[0]}
    best = [_bound(group, due) for group, due in zip(sentences, references, strict=True)]
    return found | {
        "best_sentence": dict(zip(overlap.ROUGE_TYPES, np.mean(best, axis=0).tolist(), strict=True))
    }


def _bound(sentences: Sequence[str], references: Sequence[str]) -> NDArray[np.float64]:
    scores = [list(overlap.rouge(sentence, references).values()) for sentence in sentences]
    return np.max(scores, axis=0) if scores else np.zeros(_N_ROUGE)


def _score_states(
    token_states: Callable[[Sequence[str]], Sequence[Floats]],
    summaries: Sequence[str],
    references: Sequence[Sequence[str]],
) -> Floats:
    """BERTScore's F1 of each summary, (N,), against its best reference."""
    flat = [text for due in references for text in due]
    due_states = iter(batched(token_states)(flat))
    scores = []
    for states, due in zip(batched(token_states)(summaries), references, strict=True):
        scores.append(max(overlap.match_greedily(states, next(due_states)).f1 for _ in due))
    return np.array(scores, np.float32)
