"""Tables to tokenised examples, a task each."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from rouge_score.rouge_scorer import RougeScorer

from leximind.labels import EMOTIONS, TOPICS
from leximind.text.sentences import split_sentences
from leximind.text.tokenizer import Tokenizer

# The kinds of summary and the vocabulary entry that starts each: BERT's first unused entries.
SUMMARY_STARTS: dict[str, int] = {"title": 1, "tldr": 2, "key": 3}


@dataclass(frozen=True)
class Example:
    """A source and what is wanted of it.

    Attributes:
        source: token ids with special tokens.
        target: emotion (28,) float, NaN where nothing is known; topic () int; summarization (T,) int; empty
            for distillation alone.
        start: the decoder's start token, for summarization.
    """

    source: NDArray[np.int32]
    target: NDArray[np.generic]
    start: int = 0


@dataclass(frozen=True)
class EncodedExample(Example):
    """What a frozen encoder has read: `source` are lengths in tokens (S,), `target` what is wanted (S,).

    Attributes:
        vectors: pooled states, (S, D): of the sentences of a text, or of a title and its text.
    """

    vectors: NDArray[np.float16] = field(kw_only=True)


def encode_sources(tokenizer: Tokenizer, texts: Sequence[str], max_tokens: int) -> list[NDArray[np.int32]]:
    """Token ids of the first `max_tokens` tokens of each text, special tokens included."""
    room = max_tokens - len(tokenizer.prefix) - len(tokenizer.suffix)
    return [
        np.array([*tokenizer.prefix, *piece.ids[:room], *tokenizer.suffix], dtype=np.int32)
        for piece in tokenizer.pieces(texts)
    ]


def emotion_examples(frame: pd.DataFrame, tokenizer: Tokenizer, max_tokens: int) -> list[Example]:
    """Columns ``text``, ``labels`` (names) and, where not all emotions could be named, ``known`` (names)."""
    index = {name: i for i, name in enumerate(EMOTIONS)}
    targets = np.zeros((len(frame), len(EMOTIONS)), dtype=np.float32)
    if "known" in frame:
        targets[:] = np.nan
        for row, known in enumerate(frame["known"]):
            targets[row, [index[label] for label in known]] = 0
    for row, labels in enumerate(frame["labels"]):
        targets[row, [index[label] for label in labels]] = 1
    sources = encode_sources(tokenizer, list(frame["text"]), max_tokens)
    return [Example(source, target) for source, target in zip(sources, targets, strict=True)]


def topic_examples(frame: pd.DataFrame, tokenizer: Tokenizer, max_tokens: int) -> list[Example]:
    """Columns ``text`` and ``topic`` (a name)."""
    sources = encode_sources(tokenizer, list(frame["text"]), max_tokens)
    targets = [np.array(TOPICS.index(topic)) for topic in frame["topic"]]
    return [Example(source, target) for source, target in zip(sources, targets, strict=True)]


def summary_examples(
    pairs: Iterable[tuple[str, str, str]], tokenizer: Tokenizer, max_tokens: int, max_target: int
) -> list[Example]:  # fmt: skip
    """Triples of source, summary and kind (a key of `SUMMARY_STARTS`).

    Summaries that are too long or written in LaTeX are left out.
    """
    pairs = [pair for pair in pairs if not set(pair[1]) & set("$\\")]
    sources, targets, kinds = zip(*pairs, strict=True)
    encoded = encode_sources(tokenizer, sources, max_tokens)
    examples = []
    for source, piece, kind in zip(encoded, tokenizer.pieces(targets), kinds, strict=True):
        if 3 <= len(piece.ids) < max_target:
            target = np.array([*piece.ids, tokenizer.eos_id], dtype=np.int32)
            examples.append(Example(source, target, SUMMARY_STARTS[kind]))
    return examples


def key_sentence(text: str, title: str, scorer: RougeScorer) -> str | None:
    """The sentence closest to the title and to the rest of the text (gap sentences: Zhang et al., 2020).

    None for texts of fewer than three sentences, and when the best is too short or too long to be a summary.
    """
    sentences = [text[span.start : span.end] for span in split_sentences(text)]
    if len(sentences) < 3:
        return None

    def closeness(i: int) -> float:
        rest = " ".join(sentences[:i] + sentences[i + 1 :])
        by_title = scorer.score(title, sentences[i])["rouge1"].fmeasure if title else 0.0
        return float(by_title + scorer.score(rest, sentences[i])["rouge1"].fmeasure)

    best = sentences[max(range(len(sentences)), key=closeness)]
    return best if 6 <= len(best.split()) <= 32 else None
