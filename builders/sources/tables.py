"""Reading tables row by row, whatever state the rows are in: JSON Lines, CSV and Parquet, also compressed."""

import csv
import gzip
import io
import json
import zlib
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import Any, BinaryIO, Final, cast

import pyarrow as pa
import pyarrow.parquet as pq

from builders.sources.entry import RowError
from builders.sources.found import Found

MAX_LINE_BYTES: Final = 64 * 1024 * 1024
BATCH_BYTES: Final = 16 * 1024 * 1024

# A row number, and either what stands there or why nothing can be read there.
Numbered = tuple[int, Any | RowError]

_MAX_CELL_CHARS: Final = 50_000_000
_BROKEN: Final = (OSError, EOFError, zlib.error, pa.ArrowException)


def is_table(path: Path) -> bool:
    """Whether a file is one that `read_table` reads, by its name."""
    return _kind(path) in _READERS


def read_table(path: Path, name: str, wanted: Collection[str] | None = None) -> Iterator[Found]:
    """The rows of a table, in order; what cannot be read becomes a row error and the rest is read.

    A file of another name (``.json``, as JSON Lines are called too) is taken for JSON Lines.

    Args:
        name: of the file, for messages.
        wanted: the columns needed, None for all; where columns lie apart, others are not read.
    """
    for number, row in _READERS.get(_kind(path), _read_jsonl)(path, wanted):
        yield Found(name, number, row)


def _kind(path: Path) -> str:
    suffixes = [suffix.lower() for suffix in path.suffixes[-2:]]
    if suffixes and suffixes[-1] in (".gz", ".zst"):
        suffixes.pop()
        return suffixes[-1] if suffixes and suffixes[-1] != ".parquet" else ""
    return suffixes[-1] if suffixes else ""


def _open(path: Path) -> BinaryIO:
    suffix = path.suffix.lower()
    if suffix == ".gz":
        return cast(BinaryIO, gzip.open(path, "rb"))
    if suffix == ".zst":
        return io.BufferedReader(pa.input_stream(str(path), compression="zstd"))
    return path.open("rb")


def _read_jsonl(path: Path, _: Collection[str] | None) -> Iterator[Numbered]:
    number = 0
    try:
        with _open(path) as file:
            while line := file.readline(MAX_LINE_BYTES):
                number += 1
                if len(line) == MAX_LINE_BYTES and not line.endswith(b"\n"):
                    _skip_line(file)
                    yield number, RowError(f"The line has more than {MAX_LINE_BYTES / 2**20:.0f} MiB.")
                elif line.strip():
                    yield number, _parse(line)
    except _BROKEN as error:
        yield number + 1, RowError(f"The file cannot be read from here on: {_say(error)}.")


def _skip_line(file: BinaryIO) -> None:
    while (part := file.readline(MAX_LINE_BYTES)) and not part.endswith(b"\n"):
        pass


def _parse(line: bytes) -> Any | RowError:
    try:
        return json.loads(line.decode("utf-8-sig"))
    except UnicodeDecodeError:
        return RowError("The line is not UTF-8.")
    except (ValueError, RecursionError):
        return RowError("The line is not JSON.")


def _read_csv(path: Path, _: Collection[str] | None) -> Iterator[Numbered]:
    csv.field_size_limit(_MAX_CELL_CHARS)
    number = 0
    try:
        # Undecodable bytes become lone surrogates, so that one bad row does not end the reading.
        with io.TextIOWrapper(_open(path), "utf-8-sig", "surrogateescape", newline="") as file:
            reader = csv.DictReader(file)
            while True:
                try:
                    row = next(reader)
                except StopIteration:
                    return
                except csv.Error as error:
                    yield reader.line_num, RowError(f"The line is not CSV: {error}.")
                    continue
                number = reader.line_num
                yield number, _check_cells(row)
    except _BROKEN as error:
        yield number + 1, RowError(f"The file cannot be read from here on: {_say(error)}.")


def _check_cells(row: dict[str | Any, str | Any]) -> dict[str, str] | RowError:
    if None in row:
        return RowError(f"The row has {len(row[None])} more cells than the header.")
    missing = [column for column, cell in row.items() if cell is None]
    if missing:
        return RowError(f"The row ends before the column {missing[0]!r}.")
    if any("\ud800" <= character <= "\udfff" for cell in row.values() for character in cell):
        return RowError("The row is not UTF-8.")
    return row


def _read_parquet(path: Path, wanted: Collection[str] | None) -> Iterator[Numbered]:
    try:
        # With buffers and without read-ahead, a batch is in memory and not its whole row group.
        file = pq.ParquetFile(path, buffer_size=1 << 20, pre_buffer=False)
    except _BROKEN as error:
        yield 0, RowError(f"{path.name} is not a readable Parquet file: {_say(error)}.")
        return
    with file:
        names = [name for name in file.schema_arrow.names if wanted is None or name in wanted]
        start = 0
        for group in range(file.num_row_groups):
            yield from _read_group(file, group, names, start)
            start += file.metadata.row_group(group).num_rows


def _read_group(file: pq.ParquetFile, group: int, names: list[str], start: int) -> Iterator[Numbered]:
    """The rows of a row group, numbered on from `start`; for all that is damaged there is one error."""
    metadata = file.metadata.row_group(group)
    bytes_a_row = max(1, metadata.total_byte_size // max(1, metadata.num_rows))
    batch_size = min(1000, max(1, BATCH_BYTES // bytes_a_row))
    number = start
    try:
        for batch in file.iter_batches(batch_size, row_groups=[group], columns=names, use_threads=False):
            for row in batch.to_pylist():
                number += 1
                yield number, row
    except (*_BROKEN, UnicodeDecodeError) as error:
        yield (
            number + 1,
            RowError(
                f"Rows {number + 1:,} to {start + metadata.num_rows:,} cannot be read, "
                f"for their row group is damaged: {_say(error)}."
            ),
        )


def _say(error: BaseException) -> str:
    return " ".join(str(error).split())[:200].rstrip(".") or type(error).__name__


_READERS: Final[dict[str, Callable[[Path, Collection[str] | None], Iterator[Numbered]]]] = {
    ".jsonl": _read_jsonl,
    ".csv": _read_csv,
    ".parquet": _read_parquet,
    ".ndjson": _read_jsonl,
}
TABLES: Final = (*_READERS, ".jsonl.gz", ".csv.gz", ".jsonl.zst", ".csv.zst")
