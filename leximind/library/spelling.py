"""Which known words a misspelt one may be."""

from collections.abc import Mapping
from typing import Final

from rapidfuzz import process
from rapidfuzz.distance import OSA

# From so many letters on a word may differ in 1, 2 or 3 places; a shorter one is close to too many others.
SHORTEST: Final = (3, 7, 11)
N_CANDIDATES: Final = 8


class Vocabulary:
    """Words without case and diacritics, with the number of works that have them."""

    def __init__(self, counts: Mapping[str, int]) -> None:
        self._counts = {word: count for word, count in counts.items() if word.isalpha()}
        self._words = list(self._counts)

    def correct(self, word: str, most: int = len(SHORTEST)) -> list[tuple[str, int]]:
        """Pairs (word, distance) of the closest known words, none farther than ``most``; the word itself is
        left out. Swapped neighbours are one difference (optimal string alignment distance).

        Words that begin alike and those of more works come first.
        """
        allowed = min(sum(len(word) >= shortest for shortest in SHORTEST), most)
        if not allowed or not word.isalpha():
            return []
        found = process.extract(word, self._words, scorer=OSA.distance, score_cutoff=allowed, limit=None)
        near = [(other, int(distance)) for other, distance, _ in found if distance]
        near.sort(key=lambda pair: (pair[1], pair[0][0] != word[0], -self._counts[pair[0]], pair[0]))
        return near[:N_CANDIDATES]
