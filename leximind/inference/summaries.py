"""Sentences that stand for a text: chosen from it, or written by the decoder and checked against it."""

import re
from collections.abc import Container, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray

from leximind.inference.beams import IsHopeless
from leximind.inference.continuous import Continuous, Source
from leximind.inference.encoding import finish, read_states
from leximind.inference.generation import GenerationConfig
from leximind.inference.sharing import Sharing
from leximind.model.multitask import MultiTask
from leximind.model.seq2seq import Memory
from leximind.text.tokenizer import Tokenizer, pad, shift_right
from leximind.text.words import WORD, Casing, content_words

# What can be asked for: one sentence, or an extract of so many words.
SummaryKind = Literal["sentence", "description", "abstract"]
EXTRACT_WORDS: dict[SummaryKind, int] = {"description": 200, "abstract": 200}

N_KEY_SENTENCES = 3
REDUNDANCY = 0.3
# Words of a sentence that can stand alone; how far an extract may overshoot.
SHORTEST, LONGEST, SLACK = 6, 45, 1.15
# The share of neighbouring words that must be neighbours in the source, and the least mean log-probability a
# token of a sentence that may be shown.
NEIGHBOURS = 0.5
CONFIDENCE = -0.8
# Words at the end of an unfinished sentence that what follows may still change.
UNSETTLED = 3
# Sentences whose likelihood is computed at once.
JUDGED = 16
# A sentence that ends on one of these was broken off.
DANGLING = frozenset(
    """
    a an and are as at be but by for from in is its of on or our that the their this to we which with
    """.split()  # noqa: SIM905
)


def rank_sentences(
    relevance: NDArray[np.float32],
    vectors: NDArray[np.float32],
    lengths: NDArray[np.int64],
    n: int = N_KEY_SENTENCES,
) -> list[tuple[int, float]]:
    """Choose sentences that stand for the text but do not repeat each other.

    Maximal marginal relevance (Carbonell and Goldstein, 1998) over relevance (S,) from 0 to 1 and unit
    vectors (S, D); `lengths` (S,) in words keep fragments and monsters out where there is a choice.
    Returns (sentence, relevance) pairs, best first.
    """
    fit = (lengths >= SHORTEST) & (lengths <= LONGEST)
    wanted = relevance - 1.0 * ~fit
    chosen: list[int] = []
    overlap = np.zeros(len(vectors))
    for _ in range(min(n, len(vectors))):
        score = wanted - REDUNDANCY * overlap
        score[chosen] = -np.inf
        best = int(score.argmax())
        chosen.append(best)
        overlap = np.maximum(overlap, vectors @ vectors[best])
    return [(i, float(relevance[i])) for i in chosen]


def cover(
    relevance: NDArray[np.float32], vectors: NDArray[np.float32], lengths: NDArray[np.int64], n_words: int
) -> list[int]:
    """The sentences of an extract of about `n_words` words, in the order of the text.

    The best by relevance (S,) without repetition, as in `rank_sentences`; a sentence that would overshoot the
    length by more than `SLACK` is passed over.
    """
    order = rank_sentences(relevance, vectors, lengths, len(vectors))
    chosen: list[int] = []
    total = 0
    for i, _ in order:
        if total >= n_words:
            break
        if chosen and total + lengths[i] > SLACK * n_words:
            continue
        chosen.append(i)
        total += int(lengths[i])
    return sorted(chosen)


@dataclass(frozen=True)
class Draft:
    """A sentence as the decoder wrote it, in lower case, and its mean log-probability a token."""

    text: str
    confidence: float


def share(model: MultiTask, start_id: int, forbidden: tuple[int, ...]) -> Sharing:
    """The model for several threads at once, writing one sentence of a source by beam search.

    Args:
        start_id: the decoder's start token. forbidden: tokens never to be written.
    """
    config = GenerationConfig(
        max_length=48, min_length=8, n_beams=4, no_repeat_ngram=3, length_penalty=1.0, forbidden=forbidden
    )  # fmt: skip
    return Sharing(model, Continuous(model.backbone, config, start_id))


@torch.inference_mode()
def write_summaries(
    sharing: Sharing, rows: Sequence[list[int]], texts: Sequence[str], tokenizer: Tokenizer
) -> list[Draft]:
    """One sentence for each row of token ids.

    Args:
        texts: what each row is the essence of. A sentence that is sure not to be faithful to it is left
            unfinished: `is_faithful` refuses the part as it would have refused the whole.
    """
    states = finish(read_states(sharing, rows))
    memories = []
    for row, state in zip(rows, states, strict=True):
        token_ids = torch.tensor([row], device=state.device)
        memories.append(Memory(state[None], torch.ones_like(token_ids), token_ids))

    def judge(text: str) -> IsHopeless:
        refuses = _Judge(text).refuses
        return lambda tokens: refuses(tokenizer.decode(tokens))

    # The longest first: a place that becomes free is then long enough for the next.
    order = sorted(range(len(rows)), key=lambda number: -len(rows[number]))
    found = sharing.write([Source(memories[number], judge(texts[number])) for number in order])
    drafts: dict[int, Draft] = {}
    for start in range(0, len(order), JUDGED):
        part = slice(start, start + JUDGED)
        memory = Memory.join([memories[number] for number in order[part]])
        scores = _measure(sharing, memory, [[*tokens, tokenizer.eos_id] for tokens in found[part]])
        for number, tokens, score in zip(order[part], found[part], scores, strict=True):
            drafts[number] = Draft(tokenizer.decode([*tokens, tokenizer.eos_id]), score)
    return [drafts[number] for number in range(len(rows))]


def _measure(sharing: Sharing, memory: Memory, rows: list[list[int]]) -> list[float]:
    """The mean log-probability a token of what was written of each row of the memory."""
    backbone = sharing.model.backbone
    targets, mask = pad(rows, backbone.config.pad_token_id)
    inputs = shift_right(targets, sharing.start_id)
    likelihood = backbone.log_likelihood(inputs, targets, memory) * mask
    scores: list[float] = (likelihood.sum(1) / mask.sum(1)).tolist()
    return scores


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
    content = content_words(summary)
    if not all(_is_known(word, known, stems) for word in content):
        return False
    sense = len(content) >= max(3, len(words) // 4) and not re.search(r"[,.;:!?]\s*[,.;:!?]", summary)
    stammers = any(first == second for first, second in pairwise(words))
    repeats = len(content) - len(set(content)) > max(1, len(content) // 4)
    dangling = words[-1] in DANGLING or re.search(r"[,(:;–-]\.?$", summary) is not None
    unbalanced = summary.count("(") != summary.count(")")
    return sense and kept >= NEIGHBOURS and not (stammers or repeats or dangling or unbalanced)


def true_case(summary: str, source: str) -> str:
    """The decoder's lower-case output in the source's own capitals."""
    return Casing(source).restore(summary)


class _Judge:
    """Tells of the beginning of a sentence whether `is_faithful` must refuse whatever it becomes."""

    def __init__(self, source: str) -> None:
        self.known = {match[0].lower() for match in WORD.finditer(source)}
        self.stems = {_stemmer().stemWord(word) for word in self.known}
        self.casing = Casing(source)

    def refuses(self, beginning: str) -> bool:
        """Whether a word is not the source's, or stands twice in a row. The last ones do not count: they may
        yet be part of others."""
        settled = " ".join(self.casing.restore(beginning).split()[:-UNSETTLED])
        if any(not _is_known(word, self.known, self.stems) for word in content_words(settled)):
            return True
        return any(first == second for first, second in pairwise(WORD.findall(settled.lower())))


def _is_known(word: str, known: Container[str], stems: Container[str]) -> bool:
    """Whether a content word stands in a source; numbers must stand there as they are."""
    if word in known:
        return True
    return not any(map(str.isdigit, word)) and _stemmer().stemWord(word) in stems


@cache
def _stemmer() -> Any:
    import snowballstemmer

    return snowballstemmer.stemmer("english")
