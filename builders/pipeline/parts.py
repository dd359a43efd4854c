"""Entries in numbered Parquet files, and the model's findings in files of the same numbers."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

from builders.analyse import Finding
from builders.pipeline.files import hash_file, replacing
from builders.sources import Entry
from leximind.errors import DataError
from leximind.labels import D_EMBEDDING, EMOTIONS, TOPICS

# A part is closed early when its texts grow beyond this, so that novels do not fill the memory.
MAX_CHARS: Final = 16_000_000

_NAMES = pa.list_(pa.string())
_EMOTIONS, _TOPICS = pa.list_(pa.float32(), len(EMOTIONS)), pa.list_(pa.float32(), len(TOPICS))

PART: Final = pa.schema(
    [
        ("id", pa.string()),
        ("kind", pa.string()),
        ("title", pa.string()),
        ("authors", _NAMES),
        ("year", pa.int32()),
        ("url", pa.string()),
        ("source", pa.string()),
        ("license", pa.string()),
        ("language", pa.string()),
        ("subjects", _NAMES),
        ("description", pa.string()),
        ("text", pa.string()),
    ]
)

SHARD: Final = pa.schema(
    [
        ("id", pa.string()),
        ("error", pa.string()),
        ("summary", pa.string()),
        ("summary_source", pa.string()),
        ("topic_scores", _TOPICS),
        ("emotions", _EMOTIONS),
        ("embedding", pa.list_(pa.float16(), D_EMBEDDING)),
        ("passage_emotions", pa.list_(_EMOTIONS)),
        ("passage_topics", pa.list_(_TOPICS)),
        ("passage_lengths", pa.list_(pa.int32())),
        ("n_words", pa.int32()),
        ("analysed_at", pa.string()),
    ]
)

_ABOUT: Final = b"leximind"


def name_file(folder: Path, number: int) -> Path:
    """The place of a part or shard."""
    return folder / f"{number:05d}.parquet"


def split_entries(entries: Iterable[Entry], n_rows: int) -> Iterator[list[Entry]]:
    """Consecutive entries of at most ``n_rows`` and about ``MAX_CHARS`` together."""
    part: list[Entry] = []
    n_chars = 0
    for entry in entries:
        size = len(entry.description) + len(entry.text)
        if part and (len(part) >= n_rows or n_chars + size > MAX_CHARS):
            yield part
            part, n_chars = [], 0
        part.append(entry)
        n_chars += size
    if part:
        yield part


def write_part(path: Path, entries: Sequence[Entry]) -> str:
    """Write entries; returns the hash of the file."""
    rows = [asdict(entry) for entry in entries]
    return _write(path, pa.Table.from_pylist(rows, schema=PART))


def read_part(path: Path) -> list[Entry]:
    """The entries of a part, in their order.

    Raises:
        DataError: the file is missing or damaged.
    """
    rows = read_table(path).to_pylist()
    lists = ("authors", "subjects")
    return [Entry(**(row | {name: tuple(row[name]) for name in lists})) for row in rows]


def write_shard(path: Path, ids: Sequence[str], findings: Sequence[Finding], about: Mapping[str, str]) -> str:
    """Write findings with what they are about: the part's hash, the analysis; returns the file's hash."""
    columns: dict[str, list[Any]] = {name: [] for name in SHARD.names}
    for work_id, finding in zip(ids, findings, strict=True):
        values = asdict(finding) | {"id": work_id}
        for name, column in columns.items():
            column.append(values[name])
    table = pa.table(columns, schema=SHARD.with_metadata({_ABOUT: json.dumps(dict(about), sort_keys=True)}))
    return _write(path, table)


def describe_shard(path: Path) -> dict[str, str]:
    """What a shard is about; empty when it is missing or damaged, and is to be made anew."""
    try:
        schema = pq.read_schema(path)
        about = json.loads((schema.metadata or {}).get(_ABOUT, b"{}"))
    except (OSError, ValueError, pa.ArrowException):
        return {}
    return about if isinstance(about, dict) and schema.names == SHARD.names else {}


def read_table(path: Path, columns: Sequence[str] | None = None) -> pa.Table:
    """A part or shard, its pages checked.

    Raises:
        DataError: the file is missing or damaged.
    """
    try:
        with pq.ParquetFile(path, page_checksum_verification=True) as file:
            return file.read(columns=None if columns is None else list(columns))
    except (OSError, pa.ArrowException) as error:
        raise DataError(
            f"{path} cannot be read: {error}.", hint="Delete this file and run the same command again."
        ) from error


def _write(path: Path, table: pa.Table) -> str:
    with replacing(path) as partial:
        pq.write_table(table, partial, compression="zstd", write_page_checksum=True)
        found = hash_file(partial)
    return found
