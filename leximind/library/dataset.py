"""The files of a discovery dataset: works, manifest, indexes. Nothing else reads or writes them."""

import hashlib
import json
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from leximind.errors import DataError, LexiMindError, NotFoundError
from leximind.labels import D_EMBEDDING
from leximind.library import keyword, mapped
from leximind.library.keyword import KeywordIndex
from leximind.library.vectors import LARGE, VectorIndex
from leximind.library.work import SCHEMA, Work, read_matrix, read_works, validate

SCHEMA_VERSION: Final = 2
WORKS, MANIFEST, INDEX = "works.parquet", "manifest.json", "index"
STAMP, KEYWORD, VECTORS = f"{INDEX}/stamp.json", f"{INDEX}/keyword", f"{INDEX}/vectors.faiss"

SHARDS: Final = "works-*-of-*.parquet"
"""How the works of a dataset are called that is too large for one file on the Hub."""

ROW_GROUP: Final = 8192
"""Rows that are read and written at once; about 20 MB."""


def write_discovery(
    tables: pa.Table | Iterable[pa.Table],
    folder: Path,
    *,
    model: str,
    built_at: str = "",
    stages: Mapping[str, Any] | None = None,
) -> str:
    """Validate rows and write them with their manifest and indexes; returns the version.

    Args:
        tables: one, or many of them one after the other, of which only a few are in memory at a time.

    Raises:
        DataError: a table does not fit the schema.
    """
    folder.mkdir(parents=True, exist_ok=True)
    n_works, seen = 0, dict[str, int]()
    with pq.ParquetWriter(folder / WORKS, SCHEMA, compression="zstd") as writer:
        for table in _regroup([tables] if isinstance(tables, pa.Table) else tables):
            validate(table, seen)
            writer.write_table(table)
            n_works += len(table)
    version = hash_file(folder / WORKS)
    manifest = {
        "schema_version": SCHEMA_VERSION,
        "n_works": n_works,
        "version": version,
        "model": model,
        "built_at": built_at,
        "stages": dict(stages or {}),
    }
    (folder / MANIFEST).write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")
    write_indexes(folder)
    return version


def list_works(folder: Path) -> list[Path]:
    """The files of the works: one, or the shards in their order.

    Raises:
        NotFoundError: there is none.
    """
    files = [folder / WORKS] if (folder / WORKS).is_file() else sorted(folder.glob(SHARDS))
    if not files:
        raise NotFoundError(f"{folder / WORKS} is missing.", hint="Build the dataset, or download it again.")
    return files


def hash_works(folder: Path) -> str:
    """The version that the works have: a hash of their file, or what the manifest calls these very shards.

    Raises:
        LexiMindError: works or manifest are missing or damaged.
    """
    files = list_works(folder)
    if files[0].name == WORKS:
        return hash_file(files[0])
    manifest = read_manifest(folder)
    given = {path.name: hash_file(path) for path in files}
    return str(manifest["version"]) if given == manifest.get("shards") else "of other shards"


def read_tables(folder: Path) -> Iterator[pa.Table]:
    """The rows of the works, some thousand at a time.

    Raises:
        NotFoundError: there are none.
        DataError: a file is damaged.
    """
    for path in list_works(folder):
        with _open_table(path) as file:
            try:
                for number in range(file.num_row_groups):
                    yield file.read_row_group(number)
            except (OSError, pa.ArrowException) as error:
                raise _damaged(path) from error


def is_indexed(folder: Path) -> bool:
    """Whether a dataset has whole indexes of its version and of this code's format."""
    try:
        stamp = json.loads((folder / STAMP).read_text(encoding="utf-8"))
        manifest = read_manifest(folder)
        is_there = (folder / VECTORS).is_file() and (folder / KEYWORD / "meta.json").is_file()
        is_whole = is_there and (not is_large(manifest) or mapped.is_written(folder / INDEX))
        return is_whole and bool(stamp == _stamp(manifest["version"]))
    except (OSError, ValueError, LexiMindError):
        return False


def is_large(manifest: Mapping[str, Any]) -> bool:
    """Whether a dataset has so many works that its rows are mapped from the index, not read."""
    return isinstance(manifest["n_works"], int) and manifest["n_works"] >= LARGE


def open_rows(folder: Path) -> tuple[pa.Table, NDArray[np.float32]] | None:
    """The rows of a large dataset without their embeddings, and these; None where the index has them not.

    Raises:
        NotFoundError: the works themselves are missing.
    """
    version = hash_works(folder)
    try:
        is_of_these = is_indexed(folder) and version == read_manifest(folder)["version"]
        return mapped.map_rows(folder / INDEX) if is_of_these else None
    except DataError:
        return None


def write_indexes(folder: Path) -> None:
    """Build all indexes of a dataset anew and stamp them with its version.

    They are built beside the old ones and take their place when they are whole. Works are read a few thousand
    at a time; the embeddings, 1.5 kB a work, are in memory, or where the dataset is large in a file.

    Raises:
        LexiMindError: the dataset cannot be read.
        OSError: the folder cannot be written to.
    """
    manifest = read_manifest(folder)
    place = folder / INDEX
    building = Path(tempfile.mkdtemp(prefix=f".{INDEX}.", suffix=".partial", dir=folder))
    try:
        (building / INDEX).mkdir()
        KeywordIndex.build(_read_works(folder), building / KEYWORD)
        rows = building / INDEX if is_large(manifest) else None
        VectorIndex.build(_fill_embeddings(folder, manifest["n_works"], rows)).save(building / VECTORS)
        if rows:
            mapped.write_rows(_read_valid(folder), SCHEMA, rows)
        for lock in (building / KEYWORD).glob(".*.lock"):
            lock.unlink()
        stamp = json.dumps(_stamp(manifest["version"])) + "\n"
        (building / STAMP).write_text(stamp, encoding="utf-8")
        if place.exists():
            place.rename(building / "old")
        (building / INDEX).rename(place)
    finally:
        shutil.rmtree(building, ignore_errors=True)


def hash_file(path: Path) -> str:
    """The version of a dataset: a hash of its works, 16 hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:16]


def _regroup(tables: Iterable[pa.Table]) -> Iterator[pa.Table]:
    """The same rows in tables of ``ROW_GROUP``, so that the file does not depend on how they came."""
    held: list[pa.Table] = []
    for table in tables:
        held.append(table)
        while sum(map(len, held)) >= ROW_GROUP:
            whole = pa.concat_tables(held)
            yield whole.slice(0, ROW_GROUP)
            held = [whole.slice(ROW_GROUP)]
    if any(map(len, held)):
        yield pa.concat_tables(held)


def _read_works(folder: Path) -> Iterator[Work]:
    for table in read_tables(folder):
        yield from read_works(table)


def read_embeddings(table: pa.Table) -> NDArray[np.float32]:
    """(N, 384) embeddings of a validated table, of unit length again, which 16 bits are not quite."""
    embeddings = read_matrix(table, "embedding")
    embeddings /= np.linalg.norm(embeddings, axis=1, keepdims=True)
    return embeddings


def _fill_embeddings(folder: Path, n_works: int, place: Path | None) -> NDArray[np.float32]:
    embeddings = mapped.make_embeddings((n_works, D_EMBEDDING), place)
    start = 0
    for table in read_tables(folder):
        embeddings[start : start + len(table)] = read_embeddings(table)
        start += len(table)
    return embeddings


def _read_valid(folder: Path) -> Iterator[pa.Table]:
    """What is mapped later is not looked at again."""
    seen = dict[str, int]()
    for table in read_tables(folder):
        validate(table, seen)
        yield table


def _stamp(version: str) -> dict[str, Any]:
    return {"version": version, "format": keyword.FORMAT}


def read_manifest(folder: Path) -> dict[str, Any]:
    """What a dataset says of itself.

    Raises:
        NotFoundError: there is none.
        DataError: it is damaged, or of another version of the schema.
    """
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


def read_table(folder: Path) -> pa.Table:
    """All rows of the works; errors as in ``read_tables``."""
    tables = list(read_tables(folder))
    return pa.concat_tables(tables) if tables else _open_table(list_works(folder)[0]).read()


def _open_table(path: Path) -> pq.ParquetFile:
    try:
        return pq.ParquetFile(path)
    except (OSError, pa.ArrowException) as error:
        raise _damaged(path) from error


def _damaged(path: Path) -> DataError:
    return DataError(f"{path} is not a readable Parquet file.", hint="Download or build it again.")
