"""A discovery dataset on disk and in memory. All file reading and writing of the library is here."""

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from leximind.errors import DataError, LexiMindError, NotFoundError
from leximind.labels import EMOTIONS, KINDS, TOPICS
from leximind.library import keyword
from leximind.library.keyword import KeywordIndex
from leximind.library.vectors import VectorIndex
from leximind.library.work import Work, read_matrix, read_works, validate
from leximind.settings import DISCOVERY_DIR

SCHEMA_VERSION: Final = 1
WORKS, MANIFEST, STAMP = "works.parquet", "manifest.json", "index/stamp.json"
KEYWORD, VECTORS = "index/keyword", "index/vectors.faiss"


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
    def _indexed(self) -> Path | None:
        """The folder when it holds indexes of this version."""
        try:
            stamp = json.loads((self.folder / STAMP).read_text(encoding="utf-8")) if self.folder else None
        except (OSError, ValueError):
            return None
        return self.folder if stamp == _stamp(self.version) else None

    @cached_property
    def keyword(self) -> KeywordIndex:
        """The index on disk when it belongs to this version, else one built in memory."""
        # The engine needs a lock file, so an index in a folder that cannot be written is not opened either.
        with suppress(DataError):
            if (folder := self._indexed) and len(index := KeywordIndex.open(folder / KEYWORD)) == len(self):
                return index
        return KeywordIndex.build(self.works)

    @cached_property
    def vectors(self) -> VectorIndex:
        """The index on disk when it belongs to this version, else one built in memory."""
        with suppress(DataError):
            if (folder := self._indexed) and len(index := VectorIndex.load(folder / VECTORS)) == len(self):
                return index
        return VectorIndex.build(self.embeddings)

    @classmethod
    def from_folder(cls, folder: str | Path) -> "Library":
        """Read and validate ``works.parquet`` and ``manifest.json``.

        Raises:
            NotFoundError: one of the files is missing.
            DataError: one of them is damaged, does not fit the schema, or they do not belong together.
        """
        folder = Path(folder)
        manifest = _read_manifest(folder)
        table = _read_table(folder / WORKS)
        version = _hash(folder / WORKS)
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


def load_library(source: str) -> tuple[Library, str]:
    """The library of a folder or a Hub dataset, or the embedded one for "".

    Returns:
        The library and a note for readers: "" normally, else why the embedded works stand in.

    Raises:
        LexiMindError: the embedded dataset itself cannot be used.
    """
    if not source:
        return Library.from_folder(DISCOVERY_DIR), ""
    try:
        folder = Path(source) if Path(source).is_dir() else _download(source)
        return Library.from_folder(folder), ""
    except LexiMindError as error:
        note = f"The dataset {source} could not be used, so these are the embedded works. {error.message}"
        return Library.from_folder(DISCOVERY_DIR), note


def write_discovery(
    table: pa.Table, folder: Path, *, model: str, built_at: str = "", stages: Mapping[str, Any] | None = None
) -> str:
    """Validate a table and write it with its manifest and indexes; returns the version.

    Raises:
        DataError: the table does not fit the schema.
    """
    validate(table)
    folder.mkdir(parents=True, exist_ok=True)
    pq.write_table(table, folder / WORKS, compression="zstd")
    version = _hash(folder / WORKS)
    manifest = {
        "schema_version": SCHEMA_VERSION,
        "n_works": len(table),
        "version": version,
        "model": model,
        "built_at": built_at,
        "stages": dict(stages or {}),
    }
    (folder / MANIFEST).write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")
    write_indexes(folder)
    return version


def write_indexes(folder: Path) -> None:
    """Build both indexes of a dataset anew and stamp them with its version."""
    library = Library.from_folder(folder)
    stamp = folder / STAMP
    stamp.unlink(missing_ok=True)
    for old in sorted((folder / KEYWORD).glob("*")):
        old.unlink()
    KeywordIndex.build(library.works, folder / KEYWORD)
    VectorIndex.build(library.embeddings).save(folder / VECTORS)
    for lock in (folder / KEYWORD).glob(".*.lock"):
        lock.unlink()
    # Last, so that indexes of which only a part was written are never taken for whole.
    stamp.write_text(json.dumps(_stamp(library.version)) + "\n", encoding="utf-8")


def _hash(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()[:16]


def _stamp(version: str) -> dict[str, Any]:
    return {"version": version, "format": keyword.FORMAT}


def _describe_emotions(emotions: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    if not len(emotions):
        return np.zeros(len(EMOTIONS), np.float32), np.ones(len(EMOTIONS), np.float32)
    return emotions.mean(axis=0), np.maximum(emotions.std(axis=0), 1e-6)


def _read_manifest(folder: Path) -> dict[str, Any]:
    path = folder / MANIFEST
    hint = "Point to a folder that the builders made: works.parquet and manifest.json."
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise NotFoundError(
            f"There is no discovery dataset in {folder}: {MANIFEST} is missing.", hint=hint
        ) from error
    except ValueError as error:
        raise DataError(f"{path} is not JSON.", hint=hint) from error
    if not isinstance(manifest, dict) or not {"n_works", "version", "model"} <= manifest.keys():
        raise DataError(f"{path} does not say n_works, version and model.", hint=hint)
    if manifest.get("schema_version") != SCHEMA_VERSION:
        given = manifest.get("schema_version")
        raise DataError(f"{path} has schema version {given}, but {SCHEMA_VERSION} was expected.", hint=hint)
    return manifest


def _read_table(path: Path) -> pa.Table:
    if not path.is_file():
        raise NotFoundError(f"{path} is missing.", hint="Build the dataset, or download it again.")
    try:
        return pq.ParquetFile(path).read()
    except (OSError, pa.ArrowException) as error:
        raise DataError(
            f"{path} is not a readable Parquet file.", hint="Download or build it again."
        ) from error


def _download(repo_id: str) -> Path:
    if not re.fullmatch(r"[\w.-]+/[\w.-]+", repo_id):
        raise NotFoundError(f"{repo_id!r} is neither a folder nor the name of a dataset on the Hub.")
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError

    try:
        # Indexes are derived data: they are built here, not taken from strangers.
        files = [WORKS, MANIFEST]
        return Path(snapshot_download(repo_id, repo_type="dataset", allow_patterns=files, etag_timeout=5))
    except (OSError, HfHubHTTPError, HFValidationError) as error:
        raise NotFoundError(
            f"The Hub did not give {repo_id}.", hint="Check the name and the network."
        ) from error
