"""A discovery dataset in memory, from a folder or from the Hub."""

import re
from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from leximind.errors import DataError, LexiMindError, NotFoundError
from leximind.labels import EMOTIONS, KINDS, TOPICS
from leximind.library.dataset import (
    KEYWORD,
    MANIFEST,
    SCHEMA_VERSION,
    SHARDS,
    STAMP,
    VECTORS,
    WORKS,
    hash_works,
    is_indexed,
    read_manifest,
    read_table,
    write_discovery,
    write_indexes,
)
from leximind.library.keyword import KeywordIndex
from leximind.library.vectors import VectorIndex
from leximind.library.work import Work, read_matrix, read_works, validate
from leximind.settings import DISCOVERY_DIR

__all__ = [
    "KEYWORD",
    "MANIFEST",
    "SCHEMA_VERSION",
    "STAMP",
    "VECTORS",
    "WORKS",
    "Library",
    "load_library",
    "open_library",
    "read_manifest",
    "write_discovery",
    "write_indexes",
]

Index = TypeVar("Index", KeywordIndex, VectorIndex)


class Library:
    """Works with what search needs of them, row by row in the order of the dataset.

    Attributes:
        works: N works. embeddings: (N, 384) float32, unit length. emotions: (N, 28) float32.
        emotion_mean, emotion_std: (28,) over the works; a deviation is never 0.
        kinds, topics: (N,) int8, positions in ``labels.KINDS`` and ``labels.TOPICS``.
        tones: (N, 28) bool, the emotions that stand out.
        years: (N,) int32, 0 where ``has_year`` (N,) is false.
        version: content hash of the dataset. model: what analysed it. built_at: ISO time, may be empty.
        folder: where it was read from, None when made in memory.
    """

    def __init__(
        self,
        works: Sequence[Work],
        embeddings: NDArray[np.float32],
        *,
        version: str,
        model: str,
        built_at: str = "",
        folder: Path | None = None,
    ) -> None:
        self.works = list(works)
        self.embeddings = embeddings / np.linalg.norm(embeddings, axis=1, keepdims=True)
        self.version, self.model, self.built_at, self.folder = version, model, built_at, folder
        self.emotions = np.array([work.emotions for work in works], np.float32).reshape(-1, len(EMOTIONS))
        self.emotion_mean, self.emotion_std = _describe_emotions(self.emotions)
        self.kinds = np.array([KINDS.index(work.kind) for work in works], np.int8)
        self.topics = np.array([TOPICS.index(work.topic) for work in works], np.int8)
        self.tones = np.array([[name in work.tone for name in EMOTIONS] for work in works], np.bool_)
        self.tones = self.tones.reshape(-1, len(EMOTIONS))
        self.has_year = np.array([work.year is not None for work in works], np.bool_)
        self.years = np.array([work.year or 0 for work in works], np.int32)
        self._rows = {work.id: row for row, work in enumerate(self.works)}

    def __len__(self) -> int:
        return len(self.works)

    def row(self, work_id: str) -> int:
        """The row of a work.

        Raises:
            NotFoundError: the library has no work with this id.
        """
        if not isinstance(work_id, str) or work_id not in self._rows:
            raise NotFoundError(f"There is no work {work_id!r}.", hint="Search for it by title or author.")
        return self._rows[work_id]

    @cached_property
    def keyword(self) -> KeywordIndex:
        """The index on disk, or where that cannot be, one in memory."""
        # The engine needs a lock file, so an index in a folder that cannot be written is not opened either.
        found = self._open(lambda folder: KeywordIndex.open(folder / KEYWORD))
        return KeywordIndex.build(self.works) if found is None else found

    @cached_property
    def vectors(self) -> VectorIndex:
        """The index on disk, or where that cannot be, one in memory."""
        found = self._open(lambda folder: VectorIndex.load(folder / VECTORS))
        return VectorIndex.build(self.embeddings) if found is None else found

    def _open(self, read: Callable[[Path], Index]) -> Index | None:
        """An index from disk; what is missing, stale or damaged is built there again where it can be."""
        if self.folder is None:
            return None
        for is_damaged in (False, True):
            try:
                if is_damaged or not is_indexed(self.folder):
                    write_indexes(self.folder)
                index = read(self.folder)
            except DataError:
                continue
            except OSError:
                return None  # a folder that cannot be written to
            if len(index) == len(self):
                return index
        return None

    @classmethod
    def from_folder(cls, folder: str | Path) -> "Library":
        """Read and validate ``works.parquet`` and ``manifest.json``.

        Raises:
            NotFoundError: one of the files is missing.
            DataError: one of them is damaged, does not fit the schema, or they do not belong together.
        """
        folder = Path(folder)
        manifest = read_manifest(folder)
        table = read_table(folder)
        version = hash_works(folder)
        if (len(table), version) != (manifest["n_works"], manifest["version"]):
            raise DataError(
                f"{folder / WORKS} has {len(table)} works and version {version}, but the manifest is that "
                f"of {manifest['n_works']} works and version {manifest['version']}.",
                hint="Build the dataset again, or take both files from one build.",
            )
        validate(table)
        return cls(
            read_works(table),
            read_matrix(table, "embedding"),
            version=version,
            model=str(manifest["model"]),
            built_at=str(manifest.get("built_at", "")),
            folder=folder,
        )


def open_library(source: str) -> Library:
    """The library of a folder or a Hub dataset, or the embedded one for "".

    Raises:
        LexiMindError: it cannot be used.
    """
    if not source:
        return Library.from_folder(DISCOVERY_DIR)
    return Library.from_folder(Path(source) if Path(source).is_dir() else _download(source))


def load_library(source: str) -> tuple[Library, str]:
    """The library as ``open_library`` gives it, or the embedded one in its stead.

    Returns:
        The library and a note for readers: "" normally, else why the embedded works stand in.

    Raises:
        LexiMindError: the embedded dataset itself cannot be used.
    """
    if not source:
        return open_library(""), ""
    try:
        return open_library(source), ""
    except LexiMindError as error:
        note = f"The dataset {source} could not be used, so these are the embedded works. {error.message}"
        return Library.from_folder(DISCOVERY_DIR), note


def _describe_emotions(emotions: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    if not len(emotions):
        return np.zeros(len(EMOTIONS), np.float32), np.ones(len(EMOTIONS), np.float32)
    return emotions.mean(axis=0), np.maximum(emotions.std(axis=0), 1e-6)


def _download(repo_id: str) -> Path:
    if not re.fullmatch(r"[\w.-]+/[\w.-]+", repo_id):
        raise NotFoundError(f"{repo_id!r} is neither a folder nor the name of a dataset on the Hub.")
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError

    try:
        # Indexes are derived data: they are built here, not taken from strangers.
        files = [WORKS, SHARDS, MANIFEST]
        return Path(snapshot_download(repo_id, repo_type="dataset", allow_patterns=files, etag_timeout=5))
    except (OSError, HfHubHTTPError, HFValidationError) as error:
        raise NotFoundError(
            f"The Hub did not give {repo_id}.", hint="Check the name and the network."
        ) from error
