"""The seam: everything the UI, the REST endpoints and the command line can do goes through here."""

import random
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from leximind.errors import InputError, ModelError
from leximind.inference.analysis import Analysis, Stage
from leximind.inference.lazy import AnalyzerLike, LazyAnalyzer
from leximind.inference.preparation import prepare
from leximind.labels import D_EMBEDDING
from leximind.library.answers import Facets, Hit, Page
from leximind.library.filters import EVERYTHING, Filters
from leximind.library.finding import Finder, read_text
from leximind.library.insights import Insights, describe, read_figures, read_metrics
from leximind.library.moods import EVEN, Mood
from leximind.library.neighbours import find_similar, known_rows, recommend, surprise
from leximind.library.ordering import Sort
from leximind.library.search import Mode
from leximind.library.store import Library, load_library
from leximind.library.work import Work
from leximind.settings import MODEL_DIR, Settings

__all__ = [
    "EVERYTHING",
    "AnalyzerLike",
    "Facets",
    "Filters",
    "Hit",
    "Insights",
    "Mode",
    "Mood",
    "Page",
    "Service",
    "Sort",
    "Work",
]

MAX_TEXT: Final = 5_000_000
# A visitor does not wait for a whole novel: so many passages, evenly spread, are read in a few seconds.
MAX_PASSAGES: Final = 48


class Service:
    """A library and, when there is one, the model that analysed it. Safe to share between threads."""

    def __init__(
        self,
        library: Library,
        *,
        load_analyzer: Callable[[], AnalyzerLike] | None = None,
        note: str = "",
        metrics: Mapping[str, Any] | None = None,
        figures: Mapping[str, str] | None = None,
    ) -> None:
        self.library = library
        self.note = note
        self._model = LazyAnalyzer(load_analyzer)
        self._metrics, self._figures = dict(metrics or {}), dict(figures or {})
        self._embed = lru_cache(maxsize=256)(self._embed_query)
        self._finder, self._chance = Finder(library, self._embed), random.Random()

    @classmethod
    def from_settings(cls, settings: Settings) -> "Service":
        """The library and model that the settings name; the model is loaded when first needed.

        Raises:
            LexiMindError: neither the named dataset nor the embedded one can be used.
        """
        library, note = load_library(settings.dataset)
        source = settings.model or str(MODEL_DIR)

        def load() -> AnalyzerLike:
            import torch

            from leximind.inference.analyzer import LexiMind

            if settings.threads:
                torch.set_num_threads(settings.threads)
            model = LexiMind.ready_to_serve(source, settings.precision)
            return model.with_reference(library.emotion_mean, library.emotion_std)

        folder = Path(source)
        measured, figures = read_metrics(folder), read_figures(folder)
        return cls(library, load_analyzer=load, note=note, metrics=measured, figures=figures)

    def warm_up(self) -> None:
        """Load the model and open the indexes in the background; a second call does nothing new."""

        def load() -> None:
            self._embed("warm up")

        def open_files() -> None:
            prepare()
            self.library.warm_up()

        # Unpacking needs no interpreter, so that torch can be imported at the same time.
        for work in (load, open_files):
            threading.Thread(target=work, name="warm-up", daemon=True).start()

    def browse(
        self,
        filters: Filters = EVERYTHING,
        *,
        mood: Mood = EVEN,
        sort: Sort = "relevance",
        page: int = 1,
        page_size: int = 24,
    ) -> Page:
        """The works that pass. By relevance, those that suit the mood come first, or without one those that
        feel the chosen emotions most; without either it is the order of the library.

        Raises:
            InputError: the sort, page or page size is not one that exists.
        """
        return self._finder.browse(filters, mood, sort, page, page_size)

    def search(
        self,
        query: str,
        filters: Filters = EVERYTHING,
        *,
        mode: Mode = "hybrid",
        mood: Mood = EVEN,
        sort: Sort = "relevance",
        page: int = 1,
        page_size: int = 24,
    ) -> Page:
        """The works that match a query, best first; an empty query browses. A mood brings those that suit it
        forward and leaves none out.

        Without a model that fits the library, only the words are searched and the page's note says so.

        Raises:
            InputError: the query is too long, or the mode, sort, page or page size is not one that exists.
        """
        return self._finder.search(query, filters, mode, mood, sort, page, page_size)

    def around(
        self,
        work_id: str,
        query: str = "",
        filters: Filters = EVERYTHING,
        *,
        mood: Mood = EVEN,
        sort: Sort = "relevance",
    ) -> tuple[Work | None, Work | None]:
        """The works before and after a work in the list that ``search`` gives; None at its ends, and twice
        where the work is not in it.

        Raises:
            NotFoundError: the library has no work with this id.
            InputError: the query is too long, or the sort is not one that exists.
        """
        return self._finder.around(work_id, query, filters, mood, sort)

    def locate(self, query: str = "", filters: Filters = EVERYTHING, mood: Mood = EVEN) -> NDArray[np.bool_]:
        """(N,) the works that ``search`` finds, wherever they stand in the list: a mood changes nothing.

        Raises:
            InputError: the query is too long.
        """
        return self._finder.locate(query, filters)

    def get(self, work_id: str) -> Work:
        """One work.

        Raises:
            NotFoundError: the library has no work with this id.
        """
        return self.library.works[self.library.row(work_id)]

    def find(self, work_ids: Iterable[str]) -> tuple[Work, ...]:
        """Those works that exist, each once, in the order given.

        Raises:
            InputError: not several ids were given.
        """
        return tuple(self.library.works[row] for row in known_rows(self.library, work_ids))

    def similar(self, work_id: str, limit: int = 6, *, without: Iterable[str] = ()) -> tuple[Hit, ...]:
        """The works closest in meaning to a work of the library, without the work itself and some others.

        Raises:
            NotFoundError: the library has no work with this id.
            InputError: the limit is out of range.
        """
        row = self.library.row(work_id)
        vector = np.asarray(self.library.embeddings[row], np.float32)
        return find_similar(self.library, vector, limit, [work_id, *without], self.library.works[row])

    def similar_to(
        self, embedding: NDArray[np.float32], limit: int = 6, *, without: Iterable[str] = ()
    ) -> tuple[Hit, ...]:
        """The works closest in meaning to a (384,) unit-length embedding, without some; none when the model
        at hand is not the one that analysed the library, since their embeddings cannot be compared.

        Raises:
            InputError: the embedding has another shape or is not finite, or the limit is out of range.
        """
        vector = np.asarray(embedding, np.float32)
        if vector.shape != (D_EMBEDDING,) or not np.isfinite(vector).all():
            raise InputError(f"An embedding of {D_EMBEDDING} numbers was expected, not {vector.shape}.")
        if self._model.name not in ("", self.library.model):
            return ()
        return find_similar(self.library, vector, limit, without, None)

    def recommend(
        self, work_ids: Iterable[str], limit: int = 12, *, without: Iterable[str] = ()
    ) -> tuple[Hit, ...]:
        """Works close to a set, newest first, such as a shelf; none of these and of some others. A reason
        names the work of the set that each is closest to. Ids that the library does not have are left out.

        Raises:
            InputError: not several ids were given, or the limit is out of range.
        """
        return recommend(self.library, work_ids, limit, without)

    def surprise(self, seen: Iterable[str] = ()) -> Work:
        """A work far from those seen lately, newest first, and none of them; another one with each call.

        Raises:
            NotFoundError: all works of the library were seen.
        """
        return surprise(self.library, seen, self._chance)

    def analyze(self, text: str) -> Analysis:
        """What the model has to say about a text.

        Raises:
            InputError: the text is empty or longer than a long novel.
            ModelError: there is no model, or it cannot be loaded.
        """
        text = _expect_text(text)
        (analysis,) = self._model.get().analyze([text], max_passages=MAX_PASSAGES)
        return analysis

    def analyze_stages(self, text: str) -> Iterator[Stage]:
        """The parts of ``analyze``, each as soon as it is known; left at any of them, no more is computed.

        Raises:
            InputError: the text is empty or longer than a long novel.
            ModelError: there is no model, or it cannot be loaded.
        """
        text = _expect_text(text)
        yield from self._model.get().analyze_stages(text, max_passages=MAX_PASSAGES)

    def insights(self) -> Insights:
        """What the whole library looks like, and how well its model was measured to work."""
        return describe(self.library, self._metrics, self._figures)

    def _embed_query(self, query: str) -> tuple[NDArray[np.float32] | None, str]:
        """The query's (384,) embedding, or None and the reason as a note."""
        try:
            analyzer = self._model.get()
        except ModelError:
            return None, "Only the words were searched, because the model is not available."
        if analyzer.name != self.library.model:
            return None, (
                f"Only the words were searched: the works were analysed by {self.library.model}, "
                f"but the model at hand is {analyzer.name}."
            )
        return analyzer.embed([query])[0], ""


def _expect_text(text: str) -> str:
    text = read_text(text)
    if not text.strip():
        raise InputError("There is no text to analyze.", hint="Give a few sentences of English prose.")
    if len(text) > MAX_TEXT:
        raise InputError(
            f"The text has {len(text):,} characters, but at most {MAX_TEXT:,} were expected.",
            hint="Analyze it chapter by chapter.",
        )
    return text
