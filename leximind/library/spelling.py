"""Which known words a misspelt one may be."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray
from rapidfuzz import process
from rapidfuzz.distance import OSA

# From so many letters on a word may differ in 1, 2 or 3 places; a shorter one is close to too many others.
SHORTEST: Final = (3, 7, 11)
N_CANDIDATES: Final = 8


class Vocabulary:
    """Words without case and diacritics, with the number of works that have them."""

    def __init__(self, counts: Mapping[str, int]) -> None:
        self._counts = {word: count for word, count in counts.items() if word.isalpha()}
        by_length: defaultdict[int, list[str]] = defaultdict(list)
        for word in self._counts:
            by_length[len(word)].append(word)
        self._by_length = {
            length: (np.array(words, object), _letters(words)) for length, words in by_length.items()
        }
        # One query is read in several ways.
        self.correct = lru_cache(maxsize=256)(self._correct)

    def _correct(self, word: str, most: int = len(SHORTEST)) -> list[tuple[str, int]]:
        """Pairs (word, distance) of the closest known words, none farther than ``most``; the word itself is
        left out. Swapped neighbours are one difference (optimal string alignment distance).

        Words that begin alike and those of more works come first.
        """
        allowed = min(sum(len(word) >= shortest for shortest in SHORTEST), most)
        if not allowed or not word.isalpha():
            return []
        near: list[tuple[str, int]] = []
        for length in range(len(word) - allowed, len(word) + allowed + 1):
            words, letters = self._by_length.get(length, _NONE)
            # A difference takes one letter out of a word and puts one in: most words are far at a glance.
            alike = words[np.bitwise_count(letters ^ _letters([word])) <= 2 * allowed].tolist()
            found = process.extract(word, alike, scorer=OSA.distance, score_cutoff=allowed, limit=None)
            near += [(other, int(distance)) for other, distance, _ in found if distance]
        near.sort(key=lambda pair: (pair[1], pair[0][0] != word[0], -self._counts[pair[0]], pair[0]))
        return near[:N_CANDIDATES]


def _letters(words: Sequence[str]) -> NDArray[np.uint64]:
    """(N,) the letters that each of N words of one length has, as bits; letters may share one."""
    if not words:
        return np.zeros(0, np.uint64)
    signs = np.array(words, f"U{len(words[0])}").view(np.uint32).reshape(len(words), -1)
    bits = np.left_shift(np.uint64(1), signs.astype(np.uint64) % np.uint64(64))
    return np.asarray(np.bitwise_or.reduce(bits, axis=1), np.uint64)


_NONE: Final = (np.zeros(0, object), _letters([]))
