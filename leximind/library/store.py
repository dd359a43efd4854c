"""A discovery dataset in memory, from a folder or from the Hub."""

import re
from collections.abc import Callable, Mapping
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any, Final, TypeVar

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from leximind.errors import DataError, LexiMindError, NotFoundError
from leximind.labels import EMOTIONS, KINDS, TOPICS
from leximind.library.columns import order_titles, read_integers, read_label_sets, read_labels, read_presence
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
    is_large,
    open_rows,
    read_embeddings,
    read_manifest,
    read_table,
    write_discovery,
    write_indexes,
)
from leximind.library.feelings import Feelings
from leximind.library.filters import Filters
from leximind.library.keyword import KeywordIndex
from leximind.library.vectors import VectorIndex
from leximind.library.work import read_matrix, validate
from leximind.library.works import Works
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

N_MASKS: Final = 64
"""Of so many filters it is kept which works pass; a byte a work each."""

Index = TypeVar("Index", KeywordIndex, VectorIndex)


class Library:
    """Works with what search needs of them, row by row in the order of the dataset.

    Attributes:
        works: N works, each made when it is looked at. table: their rows.
        embeddings: (N, 384) float32, unit length. emotions: (N, 28) float32.
        emotion_mean, emotion_std: (28,) over the works; a deviation is never 0.
        kinds, topics: (N,) int8, positions in ``labels.KINDS`` and ``labels.TOPICS``.
        tones: (N, 28) bool, the emotions that stand out.
        years: (N,) int32, 0 where ``has_year`` (N,) is false.
        n_words: (N,) int32, of the full texts; 0 where only the description was read.
        version: content hash of the dataset. model: what analysed it. built_at: ISO time, may be empty.
        folder: where it was read from, None when made in memory.
        mask: (N,) bool, read-only, for ``Filters``: the works that pass.
    """

    def __init__(
        self,
        table: pa.Table,
        embeddings: NDArray[np.float32],
        *,
        version: str,
        model: str,
        built_at: str = "",
        folder: Path | None = None,
    ) -> None:
        self.table, self.works, self.embeddings = table, Works(table), embeddings
        self.version, self.model, self.built_at, self.folder = version, model, built_at, folder
        self.emotions = np.asfortranarray(read_matrix(table, "emotions"))  # one emotion is read at a time
        self.emotion_mean, self.emotion_std = _describe_emotions(self.emotions)
        self.kinds, self.topics = read_labels(table, "kind", KINDS), read_labels(table, "topic", TOPICS)
        self.tones = read_label_sets(table, "tone", EMOTIONS)
        self.has_year, self.years = read_presence(table, "year"), read_integers(table, "year")
        self.n_words = read_integers(table, "n_words")
        self.mask = lru_cache(maxsize=N_MASKS)(self._mask)

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

    def _mask(self, filters: Filters) -> NDArray[np.bool_]:
        """(N,) bool, read-only: the works that pass."""
        mask = filters.mask(self)
        mask.flags.writeable = False
        return mask

    @cached_property
    def _rows(self) -> dict[str, int]:
        return {name: row for row, name in enumerate(self.table.column("id").to_pylist())}

    def warm_up(self) -> None:
        """Open and work out what the first search or list would wait for."""
        self.keyword.warm_up()
        for name in ("vectors", "feelings", "title_order"):
            getattr(self, name)

    @cached_property
    def title_order(self) -> NDArray[np.intp]:
        """(N,) all rows, as a librarian files their titles."""
        return order_titles(self.table.column("title"))

    @cached_property
    def feelings(self) -> Feelings:
        """How the works feel beside one another."""
        return Feelings(self.emotions, self.n_words > 0)

    @cached_property
    def keyword(self) -> KeywordIndex:
        """The index on disk, or where that cannot be, one in memory."""
        # The engine needs a lock file, so an index in a folder that cannot be written is not opened either.
        found = self._open(lambda folder: KeywordIndex.open(folder / KEYWORD))
        return KeywordIndex.build(self.works) if found is None else found

    @cached_property
    def vectors(self) -> VectorIndex:
        """The index on disk, or where that cannot be, one in memory."""
        found = self._open(lambda folder: VectorIndex.load(folder / VECTORS, self.embeddings))
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
        rows = open_rows(folder) if is_large(manifest) else None
        table, embeddings = rows or _read_rows(folder, manifest)
        return cls(
            table,
            embeddings,
            version=str(manifest["version"]),
            model=str(manifest["model"]),
            built_at=str(manifest.get("built_at", "")),
            folder=folder,
        )


def _read_rows(folder: Path, manifest: Mapping[str, Any]) -> tuple[pa.Table, NDArray[np.float32]]:
    """The rows without their embeddings, and these: all in memory."""
    table, version = read_table(folder), hash_works(folder)
    if (len(table), version) != (manifest["n_works"], manifest["version"]):
        raise DataError(
            f"{folder / WORKS} has {len(table)} works and version {version}, but the manifest is that "
            f"of {manifest['n_works']} works and version {manifest['version']}.",
            hint="Build the dataset again, or take both files from one build.",
        )
    validate(table)
    return table.drop_columns(["embedding"]), read_embeddings(table)


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
