"""In which order works are listed."""

from functools import lru_cache
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from leximind.labels import EMOTIONS
from leximind.library.moods import Mood
from leximind.library.store import Library

Sort = Literal["relevance", "title", "newest", "oldest", "shortest", "longest"]
Rows = NDArray[np.intp]

N_ORDERS: Final = 16
"""So many orders of all works are kept, eight bytes a work each; a page is asked for again and again."""


class Orders:
    """The orders of a library. Equal works stay in the order of rows; those without a year, or of unknown
    length, come last in both orders by it."""

    def __init__(self, library: Library) -> None:
        self._library = library
        self._places = lru_cache(maxsize=N_ORDERS)(self._place)
        self.browse = lru_cache(maxsize=N_ORDERS)(self._browse)

    def arrange(self, rows: Rows, sort: Sort) -> Rows:
        """Places in ``rows``, best first already, by which they are in another order."""
        if sort == "relevance":
            return np.arange(len(rows))
        return np.argsort(self._places(sort)[rows], kind="stable")

    def _browse(self, emotions: tuple[str, ...], mood: Mood, sort: Sort) -> Rows:
        """All rows: sorted, else those that suit the mood or feel the given emotions most first, else in the
        order of the library."""
        rows = np.arange(len(self._library))
        if sort != "relevance":
            rows = rows[self.arrange(rows, sort)]
        elif emotions or not mood.is_even:
            rows = np.argsort(-self.score(emotions, mood, rows), kind="stable")
        rows.flags.writeable = False
        return rows

    def score(self, emotions: tuple[str, ...], mood: Mood, rows: Rows) -> NDArray[np.float32]:
        """(M,) how well works suit: the mood where there is one, else the sum of the emotions' deviations."""
        feelings = self._library.feelings
        if mood.is_even:
            chosen = [EMOTIONS.index(emotion) for emotion in emotions]
            return np.asarray(feelings.labels[:, chosen][rows].sum(axis=1), np.float32)
        return feelings.weigh(mood, rows)

    def _place(self, sort: Sort) -> Rows:
        """(N,) the place of each row among all, in ``sort``'s order."""
        library = self._library
        if sort == "title":
            order = library.title_order
        elif sort in ("newest", "oldest"):
            years = library.years if sort == "oldest" else -library.years
            order = np.lexsort((years, ~library.has_year))
        else:
            n_words = library.n_words if sort == "shortest" else -library.n_words
            order = np.lexsort((n_words, library.n_words == 0))
        places = np.empty(len(order), np.intp)
        places[order] = np.arange(len(order))
        return places
