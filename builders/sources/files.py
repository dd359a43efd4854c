"""Reading .jsonl, .csv and .parquet files row by row, whatever state the rows are in."""

import csv
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

from builders.sources.entry import Entry, Rejection, RowError, read_entry
from leximind.errors import DataError, InputError, NotFoundError

# A row number, and either what stands there or why nothing can be read there.
Rows = Iterator[tuple[int, Any | RowError]]

_MAX_CELL_CHARS: Final = 50_000_000


@dataclass(frozen=True)
class Source:
    """What was read: entries in the order of the files, and the rows left out."""

    entries: tuple[Entry, ...]
    rejections: tuple[Rejection, ...]


def read_source(path: Path, limit: int | None = None) -> Source:
    """Read a folder of .jsonl files (by name), or one .jsonl, .csv or .parquet file.

    Args:
        limit: stop after so many entries.

    Raises:
        NotFoundError: there is no such file or folder, or the folder holds no .jsonl file.
        InputError: a file of another kind.
        DataError: a .parquet file is damaged, or not one row describes a work.
    """
    entries: dict[str, Entry] = {}
    rejections: list[Rejection] = []
    places: dict[str, str] = {}
    for file, number, row in _read_rows(_list_files(path)):
        if limit is not None and len(entries) >= limit:
            break
        try:
            if isinstance(row, RowError):
                raise row
            entry = read_entry(row)
            if entry.id in entries:
                raise RowError(f"The id {entry.id!r} is already that of {places[entry.id]}.")
        except RowError as error:
            rejections.append(Rejection(file.name, number, _name(row), str(error)))
            continue
        entries[entry.id] = entry
        places[entry.id] = f"{file.name}, row {number}"
    if not entries:
        first = f" The first of {len(rejections)} rows: {rejections[0].reason}" if rejections else ""
        raise DataError(f"There is no work in {path}.{first}", hint="Compare with assets/shelf/books.jsonl.")
    return Source(tuple(entries.values()), tuple(rejections))


def _list_files(path: Path) -> list[Path]:
    if path.is_dir():
        files = sorted(path.glob("*.jsonl"))
        if not files:
            raise NotFoundError(f"There is no .jsonl file in {path}.", hint="Name the file itself.")
        return files
    if not path.is_file():
        raise NotFoundError(f"There is no file or folder {path}.", hint="Check the path.")
    if path.suffix.lower() not in _READERS:
        raise InputError(
            f"{path.name} is not a source: a folder, or one of {', '.join(_READERS)} was expected.",
            hint="Convert it to one of these.",
        )
    return [path]


def _read_rows(files: list[Path]) -> Iterator[tuple[Path, int, Any | RowError]]:
    for file in files:
        for number, row in _READERS[file.suffix.lower()](file):
            yield file, number, row


def _read_jsonl(path: Path) -> Rows:
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            if not line.strip():
                continue
            try:
                yield number, json.loads(line.decode("utf-8-sig"))
            except UnicodeDecodeError:
                yield number, RowError("The line is not UTF-8.")
            except (ValueError, RecursionError):
                yield number, RowError("The line is not JSON.")


def _read_csv(path: Path) -> Rows:
    csv.field_size_limit(_MAX_CELL_CHARS)
    # Undecodable bytes become lone surrogates, so that one bad row does not end the reading.
    with path.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as file:
        reader = csv.DictReader(file)
        while True:
            try:
                row = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                yield reader.line_num, RowError(f"The line is not CSV: {error}.")
                continue
            yield reader.line_num, _check_cells(row)


def _check_cells(row: dict[str | Any, str | Any]) -> dict[str, str] | RowError:
    if None in row:
        return RowError(f"The row has {len(row[None])} more cells than the header.")
    missing = [column for column, cell in row.items() if cell is None]
    if missing:
        return RowError(f"The row ends before the column {missing[0]!r}.")
    if any("\ud800" <= character <= "\udfff" for cell in row.values() for character in cell):
        return RowError("The row is not UTF-8.")
    return row


def _read_parquet(path: Path) -> Rows:
    try:
        number = 0
        for batch in pq.ParquetFile(path).iter_batches(batch_size=1000):
            for row in batch.to_pylist():
                number += 1
                yield number, row
    except (OSError, pa.ArrowException, UnicodeDecodeError) as error:
        raise DataError(
            f"{path} is not a readable Parquet file.", hint="Make or download it again."
        ) from error


def _name(row: Any) -> str:
    name = row.get("id") if isinstance(row, dict) else None
    return name if isinstance(name, str) else ""


_READERS: Final[dict[str, Callable[[Path], Rows]]] = {
    ".jsonl": _read_jsonl,
    ".csv": _read_csv,
    ".parquet": _read_parquet,
}
