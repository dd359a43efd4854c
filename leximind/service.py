"""The seam: everything the UI, the REST endpoints and the command line can do goes through here."""

import json
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Final, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from leximind.errors import InputError, LexiMindError, ModelError
from leximind.inference.analysis import Analysis
from leximind.labels import EMOTIONS, KINDS, TOPICS
from leximind.library.filters import Filters
from leximind.library.insights import Insights, describe
from leximind.library.search import Match, Mode, Search, find_closest
from leximind.library.store import Library, load_library
from leximind.library.work import Work
from leximind.settings import MODEL_DIR, Settings

Sort = Literal["relevance", "title", "newest", "oldest"]

EVERYTHING: Final = Filters()
MAX_QUERY: Final = 1000
MAX_TEXT: Final = 2_000_000
MAX_PAGE_SIZE: Final = 100
N_SHARED: Final = 3


class AnalyzerLike(Protocol):
    """What the service needs of a model."""

    @property
    def name(self) -> str: ...

    def analyze(self, texts: Sequence[str]) -> list[Analysis]: ...

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """(N, 384) float32, unit length."""
        ...


@dataclass(frozen=True)
class Hit:
    """A work that was found.

    Attributes:
        score: for ordering inside one answer; not comparable between answers.
        snippet: escaped HTML with ``<mark>`` around the words found and no other tag; "" when none.
        reasons: why it is here, short English phrases, strongest first.
    """

    work: Work
    score: float
    snippet: str = ""
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True)
class Facets:
    """How many works each choice would give; labels without works are left out.

    A kind, topic or year is counted as if its own group were not filtered yet. Emotions add up (a work must
    feel all of them), so an emotion is counted among the works that already pass.
    """

    kinds: dict[str, int]
    topics: dict[str, int]
    emotions: dict[str, int]
    years: tuple[int, int] | None


@dataclass(frozen=True)
class Page:
    """One page of an answer. ``page`` counts from 1 and is at most ``n_pages``, which is at least 1.

    Attributes:
        total: works in the whole answer.
        sentence: what was asked for, in English.
        note: what a reader should know about this answer, "" when nothing.
    """

    hits: tuple[Hit, ...]
    total: int
    page: int
    n_pages: int
    facets: Facets
    sentence: str
    note: str


class Service:
    """A library and, when there is one, the model that analysed it. Safe to share between threads."""

    def __init__(
        self,
        library: Library,
        *,
        load_analyzer: Callable[[], AnalyzerLike] | None = None,
        note: str = "",
        metrics: Mapping[str, Any] | None = None,
    ) -> None:
        self.library = library
        self.note = note
        self._load = load_analyzer
        self._metrics = dict(metrics or {})
        self._lock = threading.Lock()
        self._analyzer: AnalyzerLike | ModelError | None = None
        self._embed = lru_cache(maxsize=256)(self._embed_query)

    @classmethod
    def from_settings(cls, settings: Settings) -> "Service":
        """The library and model that the settings name; the model is loaded when first needed.

        Raises:
            LexiMindError: neither the named dataset nor the embedded one can be used.
        """
        library, note = load_library(settings.dataset)
        source = settings.model or str(MODEL_DIR)

        def load() -> AnalyzerLike:
            from leximind.inference.analyzer import LexiMind

            model = LexiMind.from_pretrained(source)
            return model.with_reference(library.emotion_mean, library.emotion_std)

        return cls(library, load_analyzer=load, note=note, metrics=_read_metrics(Path(source)))

    def warm_up(self) -> None:
        """Load the model in the background; a second call does nothing new."""
        threading.Thread(target=self._try_analyzer, name="warm-up", daemon=True).start()

    def browse(
        self, filters: Filters = EVERYTHING, *, sort: Sort = "relevance", page: int = 1, page_size: int = 24
    ) -> Page:
        """The works that pass. By relevance: those that feel the chosen emotions most come first, and
        without such a choice the order of the library.

        Raises:
            InputError: the sort or the page size is not one that exists.
        """
        rows = np.flatnonzero(filters.mask(self.library))
        scores = self._browse_scores(filters)
        matches = [Match(int(row), float(scores[row]), False, None) for row in self._sort(rows, scores, sort)]
        shown, page, n_pages = _cut(matches, page, page_size)
        hits = tuple(Hit(self.library.works[match.row], match.score) for match in shown)
        facets = self._count(filters, lambda mask: np.flatnonzero(mask))
        return Page(hits, len(matches), page, n_pages, facets, filters.sentence(), "")

    def search(
        self,
        query: str,
        filters: Filters = EVERYTHING,
        *,
        mode: Mode = "hybrid",
        page: int = 1,
        page_size: int = 24,
    ) -> Page:
        """The works that match a query, best first; an empty query browses.

        Without a model that fits the library, the words alone are searched and the page's note says so.

        Raises:
            InputError: the query is too long, or the mode or the page size is not one that exists.
        """
        query = _clean(query)
        if not query:
            return self.browse(filters, page=page, page_size=page_size)
        if len(query) > MAX_QUERY:
            raise InputError(
                f"The query has {len(query):,} characters, but at most {MAX_QUERY:,} were expected.",
                hint="Analyze a longer text as a whole and see the works closest to it.",
            )
        _expect("mode", mode, ("hybrid", "keyword", "meaning"))
        vector, note = (None, "") if mode == "keyword" else self._embed(query)
        search = Search(self.library, query, vector, mode if vector is not None else "keyword")
        matches = search.run(filters.mask(self.library))
        shown, page, n_pages = _cut(matches, page, page_size)
        works = [self.library.works[match.row] for match in shown]
        snippets = self.library.keyword.snippets(query, works)
        hits = tuple(
            Hit(work, match.score, snippet, _explain(match))
            for work, match, snippet in zip(works, shown, snippets, strict=True)
        )
        facets = self._count(filters, lambda mask: np.array([match.row for match in search.run(mask)], np.intp))
        if not matches and not note:
            note = "Nothing close."
        sentence = f"{filters.sentence()} matching “{query}”"
        return Page(hits, len(matches), page, n_pages, facets, sentence, note)
