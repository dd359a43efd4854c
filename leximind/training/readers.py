"""Raw columns out of Parquet, JSON Lines and CSV files and Hub datasets, not yet checked."""

import json
import re
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pandas as pd
import pyarrow.parquet as pq
from pyarrow import ArrowException

from leximind.errors import DataError, InputError, NotFoundError

HUB: Final = "hub:"
SHUFFLE_BUFFER: Final = 10_000


@dataclass(frozen=True)
class Part:
    """One file, or one split of a Hub dataset.

    Attributes:
        name: to be shown in errors.
        columns: all that are there.
        values: those that were asked for and are there, as lists of equal length; labels of a Hub dataset
            are names.
        n_rows: the length of each.
    """

    name: str
    columns: tuple[str, ...]
    values: dict[str, list[Any]]
    n_rows: int


def read_files(path: Path, wanted: Collection[str]) -> Iterator[Part]:
    """A file, or all files of a folder and its folders in the order of their names.

    Raises:
        NotFoundError: there is no such path, or the folder holds no file of a known kind.
        InputError: the file's kind is not known.
        DataError: a file is damaged; the message names the line where that can be said.
    """
    kinds = ", ".join(READERS)
    if path.is_dir():
        files = sorted(file for file in path.rglob("*") if file.suffix in READERS and file.is_file())
        if not files:
            raise NotFoundError(f"{path} holds no file that ends in {kinds}.")
    elif path.is_file():
        files = [path]
    else:
        raise NotFoundError(f"There is no file or folder {path}.", hint=f"Hub datasets begin with {HUB!r}.")
    for file in files:
        if file.suffix not in READERS:
            raise InputError(f"{file} ends in {file.suffix!r}, but one of {kinds} was expected.")
        yield READERS[file.suffix](file, wanted)


def read_parquet(path: Path, wanted: Collection[str]) -> Part:
    try:
        columns = tuple(pq.read_schema(path).names)
        table = pq.read_table(path, columns=[name for name in columns if name in wanted])
    except (ArrowException, OSError) as error:
        raise DataError(f"{path} is not a Parquet file that can be read: {error}.") from error
    return Part(str(path), columns, table.to_pydict(), table.num_rows)


def read_jsonl(path: Path, wanted: Collection[str]) -> Part:
    rows: list[dict[str, Any]] = []
    columns: dict[str, None] = {}
    with path.open(encoding="utf-8") as file:
        for number, line in enumerate(file, start=1):
            if not line.strip():
                continue
            try:
                row = json.loads(line)
            except ValueError as error:
                raise DataError(f"{path}, line {number}, is not JSON: {error}.") from error
            if not isinstance(row, dict):
                raise DataError(
                    f"{path}, line {number}, is {line.strip()[:40]!r}, but an object was expected."
                )
            columns.update(dict.fromkeys(row))
            rows.append({name: row[name] for name in wanted if name in row})
    values = {name: [row.get(name) for row in rows] for name in wanted if name in columns}
    return Part(str(path), tuple(columns), values, len(rows))


def read_csv(path: Path, wanted: Collection[str]) -> Part:
    try:
        frame = pd.read_csv(path, dtype=object, keep_default_na=False, encoding="utf-8")
    except (ValueError, UnicodeDecodeError) as error:  # pandas' own parser errors are ValueErrors
        raise DataError(f"{path} is not a CSV file that can be read: {error}.") from error
    columns = tuple(map(str, frame.columns))
    return Part(
        str(path), columns, {name: frame[name].tolist() for name in columns if name in wanted}, len(frame)
    )


READERS: Final[Mapping[str, Callable[[Path, Collection[str]], Part]]] = {
    ".parquet": read_parquet,
    ".jsonl": read_jsonl,
    ".csv": read_csv,
}


@dataclass(frozen=True)
class Address:
    """A Hub dataset's name, its configuration (None: the only one) and its split."""

    name: str
    configuration: str | None
    split: str

    @classmethod
    def parse(cls, given: str) -> "Address":
        """From ``hub:NAME/CONFIGURATION:SPLIT``. Raises InputError for anything else."""
        match = re.fullmatch(r"hub:((?:[\w.-]+/)?[\w.-]+)/([\w.-]+):([^:]+)", given)
        if not match:
            raise InputError(
                f"{given!r} is not an address of a Hub dataset; hub:NAME/CONFIGURATION:SPLIT was expected.",
                hint="For example hub:go_emotions/simplified:train, or hub:owner/name/default:train where "
                "there is only one configuration.",
            )
        return cls(match[1], None if match[2] == "default" else match[2], match[3])


def read_hub(
    given: str, wanted: Collection[str], *, rows: int, seed: int, streaming: bool, revision: str
) -> Part:  # fmt: skip
    """A split of a Hub dataset; label ids become the names in its features.

    Args:
        rows: take so many at random, 0 is all; out of a shuffled buffer when streaming.

    Raises:
        InputError: the address cannot be parsed.
        NotFoundError: the Hub cannot be reached or has no such dataset, configuration or split.
        DataError: a label id has no name.
    """
    import datasets  # takes a second, and only this function needs it

    address = Address.parse(given)
    try:
        dataset = datasets.load_dataset(
            address.name,
            address.configuration,
            split=address.split,
            streaming=streaming,
            revision=revision or None,
        )
        if rows and streaming:
            dataset = dataset.shuffle(seed=seed, buffer_size=SHUFFLE_BUFFER).take(rows)
        elif rows and rows < len(dataset):
            dataset = dataset.shuffle(seed=seed).select(range(rows))
        if dataset.features is None:  # a stream knows its features from its first row
            dataset = dataset._resolve_features()
        features = dict(dataset.features)
        chosen = dataset.select_columns([name for name in features if name in wanted])
        records = list(chosen)
    except Exception as error:  # the library raises a dozen unrelated types
        raise NotFoundError(
            f"{given} cannot be read: {error}.",
            hint="Check the name, the configuration, the split and the network.",
        ) from error
    values = {name: [record[name] for record in records] for name in features if name in wanted}
    for name, column in values.items():
        values[name] = _name_labels(column, features[name], f"{given}, column {name!r}")
    return Part(given, tuple(features), values, len(records))


def _name_labels(column: list[Any], feature: Any, where: str) -> list[Any]:
    """Ids of a ClassLabel, or lists of them, as names; other columns as they are."""
    names = getattr(feature, "names", None) or getattr(getattr(feature, "feature", None), "names", None)
    if not names:
        return column

    def name_of(label: object) -> object:
        if not isinstance(label, int):
            return label
        if not 0 <= label < len(names):
            raise DataError(
                f"{where}: label {label} has no name; the dataset names 0 to {len(names) - 1}.",
                hint="A split without labels has -1 everywhere; take another split.",
            )
        return names[label]

    return [list(map(name_of, cell)) if isinstance(cell, list) else name_of(cell) for cell in column]
