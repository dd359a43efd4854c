"""How much of a reference a text says: ROUGE, BLEU, BERTScore, and whether it stays with its source."""

from collections.abc import Sequence
from functools import cache, lru_cache
from importlib.util import find_spec
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from leximind.text.words import content_words

ROUGE_TYPES: Final = ("rouge1", "rouge2", "rougeL")
HAS_BLEU: Final = find_spec("sacrebleu") is not None

_ORDER: Final = 4

Floats = NDArray[np.float64]


class Match(NamedTuple):
    """Precision, recall and F1 of one text."""

    precision: float
    recall: float
    f1: float


def rouge(prediction: str, references: Sequence[str]) -> dict[str, float]:
    """ROUGE-1, ROUGE-2 and ROUGE-L F1 (Lin, 2004) with stemming, each against its best reference."""
    scored = _rouge_scorer().score_multi(list(references), prediction)
    return {name: float(scored[name].fmeasure) for name in ROUGE_TYPES}


def count_ngrams(prediction: str, references: Sequence[str]) -> NDArray[np.int64]:
    """What BLEU is made of, (10,): n-grams of order 1 to 4 that are right, those given, and both lengths.

    Tokens as in sacrebleu (13a, cased). Sums over texts give the corpus's statistics.
    """
    found = _bleu_scorer().sentence_score(prediction, list(references))
    return np.array([*found.counts, *found.totals, found.sys_len, found.ref_len], np.int64)


def bleu(statistics: ArrayLike) -> float:
    """BLEU-4 of a corpus (Papineni et al., 2002), 0 to 1, from `count_ngrams` of its texts, (N, 10).

    Smoothed as by sacrebleu's default.
    """
    from sacrebleu.metrics import BLEU

    sums = [int(value) for value in np.asarray(statistics).sum(axis=0)]
    right, given, lengths = sums[:_ORDER], sums[_ORDER : 2 * _ORDER], sums[2 * _ORDER :]
    return float(BLEU.compute_bleu(right, given, *lengths, smooth_method="exp").score) / 100


def match_greedily(candidate: ArrayLike, reference: ArrayLike) -> Match:
    """BERTScore from token states: every token is matched with the most similar one of the other text.

    Zhang et al., "BERTScore", 2020, section 3, without importance weights and without rescaling.

    Args:
        candidate, reference: (C, D) and (R, D) token states of any length, special tokens left out. A text
            without tokens scores 0.
    """
    first, second = (np.asarray(states, np.float64) for states in (candidate, reference))
    if not len(first) or not len(second):
        return Match(0.0, 0.0, 0.0)
    similarity = _normalize(first) @ _normalize(second).T
    precision, recall = float(similarity.max(axis=1).mean()), float(similarity.max(axis=0).mean())
    total = precision + recall
    return Match(precision, recall, 2 * precision * recall / total if total > 0 else 0.0)


def is_supported(summary: str, source: str) -> bool:
    """Whether every number of a summary stands in the source, and every content word at least by its stem."""
    known = content_words(source)
    words, stems = set(known), {_stem(word) for word in known}
    return all(
        word in words or (not any(map(str.isdigit, word)) and _stem(word) in stems)
        for word in content_words(summary)
    )


def is_copied(sentences: Sequence[str], source: str) -> bool:
    """Whether every sentence of a summary stands in the source word for word, white space aside."""
    plain = " ".join(source.split())
    return all(" ".join(sentence.split()) in plain for sentence in sentences)


def _normalize(states: Floats) -> Floats:
    return np.asarray(states / np.maximum(np.linalg.norm(states, axis=1, keepdims=True), 1e-12))


@lru_cache(maxsize=65536)
def _stem(word: str) -> str:
    return str(_stemmer().stemWord(word))


@cache
def _stemmer() -> Any:
    import snowballstemmer

    return snowballstemmer.stemmer("english")


@cache
def _bleu_scorer() -> Any:
    from sacrebleu.metrics import BLEU

    return BLEU(effective_order=True)


def rouge_words(text: str) -> list[str]:
    """The words of a text as ROUGE compares them, stemmed."""
    return _rouge_tokenizer().tokenize(text)  # type: ignore[no-any-return]


@cache
def _rouge_tokenizer() -> Any:
    from nltk.stem.porter import PorterStemmer
    from rouge_score.tokenizers import DefaultTokenizer

    # Stemming takes most of the time, and the same words and references come again and again.
    tokenizer = DefaultTokenizer(use_stemmer=False)
    stem = cache(PorterStemmer().stem)
    plain = tokenizer.tokenize

    @lru_cache(maxsize=4096)
    def tokenize(text: str) -> list[str]:
        return [stem(word) if len(word) > 3 else word for word in plain(text)]

    tokenizer.tokenize = tokenize
    return tokenizer


@cache
def _rouge_scorer() -> Any:
    from rouge_score.rouge_scorer import RougeScorer

    return RougeScorer(list(ROUGE_TYPES), tokenizer=_rouge_tokenizer())
