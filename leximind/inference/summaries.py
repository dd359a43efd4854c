"""Sentences that stand for a text: chosen from it, or written by the decoder and checked against it."""

import re
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from leximind.inference.generate import GenerationConfig, Seq2SeqStepper, generate
from leximind.model.seq2seq import Memory, Seq2Seq
from leximind.text.tokenizer import Tokenizer, pad, shift_right
from leximind.text.words import WORD, Casing, content_words

N_KEY_SENTENCES = 3
REDUNDANCY = 0.5
LEAD = 0.08
# The share of neighbouring words that must be neighbours in the source, and the least mean log-probability a
# token of a sentence that may be shown.
NEIGHBOURS = 0.5
CONFIDENCE = -0.8
# A sentence that ends on one of these was broken off.
DANGLING = frozenset(
    """
    a an and are as at be but by for from in is its of on or our that the their this to we which with
    """.split()  # noqa: SIM905
)


def rank_sentences(
    vectors: NDArray[np.float32],
    whole: NDArray[np.float32],
    lengths: NDArray[np.int64],
    n: int = N_KEY_SENTENCES,
) -> list[tuple[int, float]]:
    """Choose sentences that are close to the whole text but not to each other.

    Maximal marginal relevance (Carbonell and Goldstein, 1998) over unit vectors (S, D) against the text's
    (D,), with a small bonus for the opening; `lengths` (S,) in words keep fragments and monsters out where
    there is a choice. Returns (sentence, score) pairs, best first.
    """
    closeness = vectors @ whole + LEAD / np.arange(1, len(vectors) + 1)
    fit = (lengths >= 6) & (lengths <= 45)
    closeness = closeness - 0.3 * ~fit
    chosen: list[tuple[int, float]] = []
    overlap = np.zeros(len(vectors))
    for _ in range(min(n, len(vectors))):
        score = closeness - REDUNDANCY * overlap if chosen else closeness.copy()
        score[[i for i, _ in chosen]] = -np.inf
        best = int(score.argmax())
        chosen.append((best, float(closeness[best])))
        overlap = np.maximum(overlap, vectors @ vectors[best])
    return chosen


@dataclass(frozen=True)
class Draft:
    """A sentence as the decoder wrote it, in lower case, and its mean log-probability a token."""

    text: str
    confidence: float


def write_summaries(
    model: Seq2Seq, memory: Memory, tokenizer: Tokenizer, start_id: int, forbidden: tuple[int, ...]
) -> list[Draft]:
    """One sentence for each row of the memory, by beam search."""
    config = GenerationConfig(
        max_length=48, min_length=8, n_beams=4, no_repeat_ngram=3, length_penalty=1.0, forbidden=forbidden
    )  # fmt: skip
    starts = torch.full((memory.states.size(0), 1), start_id)
    rows = [[*row, tokenizer.eos_id] for row in generate(Seq2SeqStepper(model, memory), starts, config)]
    targets, mask = pad(rows, tokenizer.pad_id)
    likelihood = model.log_likelihood(shift_right(targets, start_id), targets, memory) * mask
    confidence = (likelihood.sum(1) / mask.sum(1)).tolist()
    return [Draft(tokenizer.decode(row), score) for row, score in zip(rows, confidence, strict=True)]


def is_faithful(summary: str, source: str) -> bool:
    """Whether a written sentence may be shown as a summary of `source`.

    Every number must stand in the source, and every content word, at least by its stem, and most neighbouring
    words must be neighbours there too; the sentence must be of a sensible length, must not stammer and must
    not stop in mid-phrase.
    """
    words = [match[0].lower() for match in WORD.finditer(summary)]
    source_words = [match[0].lower() for match in WORD.finditer(source)]
    if not 8 <= len(words) <= 45:
        return False
    known, neighbours = set(source_words), set(pairwise(source_words))
    kept = sum(pair in neighbours for pair in pairwise(words)) / (len(words) - 1)
    stem = _stemmer().stemWord
    stems = {stem(word) for word in known}
    for word in content_words(summary):
        if any(character.isdigit() for character in word):
            if word not in known:
                return False
        elif word not in known and stem(word) not in stems:
            return False
    content = content_words(summary)
    sense = len(content) >= max(3, len(words) // 4) and not re.search(r"[,.;:!?]\s*[,.;:!?]", summary)
    stammers = any(first == second for first, second in pairwise(words))
    repeats = len(content) - len(set(content)) > max(1, len(content) // 4)
    dangling = words[-1] in DANGLING or re.search(r"[,(:;–-]\.?$", summary) is not None
    unbalanced = summary.count("(") != summary.count(")")
    return sense and kept >= NEIGHBOURS and not (stammers or repeats or dangling or unbalanced)


def true_case(summary: str, source: str) -> str:
    """The decoder's lower-case output in the source's own capitals."""
    return Casing(source).restore(summary)


@cache
def _stemmer() -> Any:
    import snowballstemmer

    return snowballstemmer.stemmer("english")
