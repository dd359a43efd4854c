"""What a reader of the reference would choose from a text: bounds for choosing sentences, and its lessons."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from leximind.evaluation.overlap import rouge, rouge_words

SHORTEST = 4


def sentence_gains(sentences: Sequence[str], references: Sequence[str]) -> NDArray[np.float32]:
    """How well each sentence alone would summarise, (S,): its mean ROUGE with the nearest reference."""
    return np.array(
        [
            max(np.mean(list(rouge(sentence, [reference]).values())) for reference in references)
            for sentence in sentences
        ],
        dtype=np.float32,
    )


def greedy_extract(sentences: Sequence[str], reference: str, n_words: int) -> list[int]:
    """The sentences that, added one at a time, raise ROUGE-1 plus ROUGE-2 most (Nallapati et al., 2017).

    Stops when nothing is gained, or the extract is half as long again as `n_words`.
    """
    wanted, parts = _Grams.of(reference), [_Grams.of(sentence) for sentence in sentences]
    chosen: list[int] = []
    taken, best = _Grams(Counter(), Counter()), 0.0
    while taken.words.total() <= 1.5 * n_words:
        left = [i for i, part in enumerate(parts) if i not in chosen and part.words.total() >= SHORTEST]
        if not left:
            break
        score, pick = max((wanted.overlap(taken.plus(parts[i])), -i) for i in left)
        if score <= best + 1e-4:
            break
        best, taken = score, taken.plus(parts[-pick])
        chosen.append(-pick)
    return sorted(chosen)


@dataclass(frozen=True)
class _Grams:
    words: Counter[str]
    pairs: Counter[tuple[str, str]]

    @classmethod
    def of(cls, text: str) -> "_Grams":
        words = rouge_words(text)
        return cls(Counter(words), Counter(pairwise(words)))

    def plus(self, other: "_Grams") -> "_Grams":
        return _Grams(self.words + other.words, self.pairs + other.pairs)

    def overlap(self, other: "_Grams") -> float:
        """F1 of the words plus F1 of the pairs."""
        words, pairs = self.words & other.words, self.pairs & other.pairs
        n_words = self.words.total() + other.words.total()
        n_pairs = self.pairs.total() + other.pairs.total()
        return 2 * words.total() / max(1, n_words) + 2 * pairs.total() / max(1, n_pairs)
