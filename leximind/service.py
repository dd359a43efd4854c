"""The seam: everything the UI, the REST endpoints and the command line can do goes through here."""

import threading
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, Final, get_args

import numpy as np
from numpy.typing import NDArray

from leximind.errors import InputError, ModelError
from leximind.inference.analysis import Analysis
from leximind.inference.lazy import AnalyzerLike, LazyAnalyzer
from leximind.labels import D_EMBEDDING
from leximind.library.answers import Facets, Hit, Page, check_count, compare, count_facets, paginate
from leximind.library.filters import Filters
from leximind.library.insights import Insights, describe, read_figures, read_metrics
from leximind.library.query import free_text
from leximind.library.search import Match, Mode, Search, Sort, explain, find_closest, is_doubtful, order_rows
from leximind.library.store import Library, load_library
from leximind.library.work import Work
from leximind.settings import MODEL_DIR, Settings

__all__ = ["AnalyzerLike", "Facets", "Filters", "Hit", "Insights", "Mode", "Page", "Service", "Sort", "Work"]

EVERYTHING: Final = Filters()
MAX_QUERY: Final = 1000
MAX_TEXT: Final = 5_000_000
MAX_SIMILAR: Final = 50
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
            model = LexiMind.from_pretrained(source)
            return model.with_reference(library.emotion_mean, library.emotion_std)

        folder = Path(source)
        measured, figures = read_metrics(folder), read_figures(folder)
        return cls(library, load_analyzer=load, note=note, metrics=measured, figures=figures)

    def warm_up(self) -> None:
        """Load the model in the background; a second call does nothing new."""
        threading.Thread(target=self._embed, args=("warm up",), name="warm-up", daemon=True).start()

    def browse(
        self, filters: Filters = EVERYTHING, *, sort: Sort = "relevance", page: int = 1, page_size: int = 24
    ) -> Page:
        """The works that pass. By relevance, those that feel the chosen emotions most come first; without
        such a choice it is the order of the library.

        Raises:
            InputError: the sort, page or page size is not one that exists.
        """
        _expect("sort", sort, get_args(Sort))
        order, scores = order_rows(self.library, filters.emotions, sort)
        rows = order[filters.mask(self.library)[order]]
        shown, page, n_pages = paginate(rows.tolist(), page, page_size)
        hits = tuple(Hit(self.library.works[row], float(scores[row])) for row in shown)
        facets = count_facets(self.library, filters, np.flatnonzero)
        return Page(hits, len(rows), page, n_pages, facets, filters.sentence(), "")

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

        Without a model that fits the library, only the words are searched and the page's note says so.

        Raises:
            InputError: the query is too long, or the mode, page or page size is not one that exists.
        """
        query = " ".join(_clean(query).split())
        if not query:
            return self.browse(filters, page=page, page_size=page_size)
        if len(query) > MAX_QUERY:
            raise InputError(
                f"The query has {len(query):,} characters, but at most {MAX_QUERY:,} were expected.",
                hint="Analyze a longer text as a whole to see the works closest to it.",
            )
        _expect("mode", mode, get_args(Mode))
        text = free_text(query)
        vector, note = (None, "") if mode == "keyword" or not text else self._embed(text)
        search = Search(self.library, query, vector, mode if vector is not None else "keyword")
        matches = search.run(filters.mask(self.library))
        shown, page, n_pages = paginate(matches, page, page_size)
        facets = count_facets(
            self.library, filters, lambda mask: np.array([match.row for match in search.run(mask)], np.intp)
        )
        sentence = f"{'works' if filters.is_empty else filters.sentence()} matching “{query}”"
        if not note and is_doubtful(matches):
            note = (
                "Nothing has all your words or is really close; these come nearest."
                if matches
                else "Nothing close."
            )
        suggestion = self.library.keyword.suggest(query)
        hits = self._present(query, shown)
        return Page(hits, len(matches), page, n_pages, facets, sentence, note, suggestion)

    def get(self, work_id: str) -> Work:
        """One work.

        Raises:
            NotFoundError: the library has no work with this id.
        """
        return self.library.works[self.library.row(work_id)]

    def similar(self, work_id: str, limit: int = 6) -> tuple[Hit, ...]:
        """The works closest in meaning to a work of the library, without the work itself.

        Raises:
            NotFoundError: the library has no work with this id.
            InputError: the limit is out of range.
        """
        row = self.library.row(work_id)
        others = np.arange(len(self.library)) != row
        return self._closest(self.library.embeddings[row], limit, others, self.library.works[row])

    def similar_to(self, embedding: NDArray[np.float32], limit: int = 6) -> tuple[Hit, ...]:
        """The works closest in meaning to a (384,) unit-length embedding; none when the model at hand is
        not the one that analysed the library, since their embeddings cannot be compared.

        Raises:
            InputError: the embedding has another shape or is not finite, or the limit is out of range.
        """
        vector = np.asarray(embedding, np.float32)
        if vector.shape != (D_EMBEDDING,) or not np.isfinite(vector).all():
            raise InputError(f"An embedding of {D_EMBEDDING} numbers was expected, not {vector.shape}.")
        if self._model.name not in ("", self.library.model):
            return ()
        return self._closest(vector, limit, None, None)

    def analyze(self, text: str) -> Analysis:
        """What the model has to say about a text.

        Raises:
            InputError: the text is empty or longer than a long novel.
            ModelError: there is no model, or it cannot be loaded.
        """
        text = _clean(text)
        if not text.strip():
            raise InputError("There is no text to analyze.", hint="Give a few sentences of English prose.")
        if len(text) > MAX_TEXT:
            raise InputError(
                f"The text has {len(text):,} characters, but at most {MAX_TEXT:,} were expected.",
                hint="Analyze it chapter by chapter.",
            )
        (analysis,) = self._model.get().analyze([text], max_passages=MAX_PASSAGES)
        return analysis

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

    def _present(self, query: str, matches: Sequence[Match]) -> tuple[Hit, ...]:
        works = [self.library.works[match.row] for match in matches]
        snippets = self.library.keyword.snippets(query, works)
        return tuple(
            Hit(work, match.score, snippet, explain(match))
            for work, match, snippet in zip(works, matches, snippets, strict=True)
        )

    def _closest(
        self, embedding: NDArray[np.float32], limit: int, mask: NDArray[np.bool_] | None, work: Work | None
    ) -> tuple[Hit, ...]:
        check_count("limit", limit, MAX_SIMILAR)
        hits = []
        for row, cosine in find_closest(self.library, embedding, limit, mask):
            other = self.library.works[row]
            shared = compare(work, other) if work else ()
            hits.append(Hit(other, cosine, reasons=(*shared, f"closeness {cosine:.2f}")))
        return tuple(hits)


def _clean(text: str) -> str:
    """Without what no Unicode text can hold: lone surrogates, which no index or tokenizer takes."""
    if not isinstance(text, str):
        raise InputError(f"A text was expected, not {type(text).__name__}.")
    return text.encode("utf-8", errors="ignore").decode("utf-8")


def _expect(what: str, given: str, known: tuple[str, ...]) -> None:
    if given not in known:
        raise InputError(f"The {what} is {given!r}, but one of {', '.join(known)} was expected.")
