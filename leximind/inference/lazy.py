"""A model that is loaded once, when first needed. Importing this does not load torch."""

import logging
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from leximind.errors import ModelError
from leximind.inference.analysis import Analysis, Stage


class AnalyzerLike(Protocol):
    """What the service needs of a model."""

    @property
    def name(self) -> str:
        """The name that works analysed by it carry."""

    def analyze(self, texts: Sequence[str], *, max_passages: int | None = None) -> list[Analysis]:
        """One analysis for each text, read whole or in so many passages."""

    def analyze_stages(self, text: str, *, max_passages: int | None = None) -> Iterator[Stage]:
        """The parts of one text's analysis, each as soon as it is known."""

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """(N, 384) float32, unit length."""


class LazyAnalyzer:
    """Loads on the first call, for all threads; a model that could not be loaded is not tried again."""

    def __init__(self, load: Callable[[], AnalyzerLike] | None) -> None:
        self._load = load
        self._lock = threading.Lock()
        self._outcome: AnalyzerLike | ModelError | None = None

    @property
    def name(self) -> str:
        """The name of the model once it is loaded, before that ""."""
        outcome = self._outcome
        return "" if outcome is None or isinstance(outcome, ModelError) else outcome.name

    def get(self) -> AnalyzerLike:
        """The model.

        Raises:
            ModelError: there is none, or it cannot be loaded.
        """
        with self._lock:
            if self._outcome is None:
                self._outcome = self._try()
        if isinstance(self._outcome, ModelError):
            raise self._outcome
        return self._outcome

    def _try(self) -> AnalyzerLike | ModelError:
        if self._load is None:
            return ModelError("There is no model here.", hint="Browsing and keyword search work without one.")
        try:
            return self._load()
        except ModelError as error:
            logging.getLogger(__name__).warning("%s", error)
            return error
        except Exception as error:  # whatever is wrong with a model, the library can still be read
            logging.getLogger(__name__).exception("the model could not be loaded")
            return ModelError(
                f"The model could not be loaded: {type(error).__name__}.",
                hint="Browsing and keyword search work without it; the log says more.",
            )
