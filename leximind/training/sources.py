"""Training tables from files, folders and the Hub: one typed frame a task."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, Final

import pandas as pd

from leximind.errors import DataError, InputError
from leximind.labels import EMOTIONS, TOPICS
from leximind.training.readers import HUB, Part, read_files, read_hub

# What a row of each task says. `labels` and `targets` are lists of strings, all else is a string.
FIELDS: Final[Mapping[str, tuple[str, ...]]] = {
    "emotion": ("text", "labels"),
    "topic": ("text", "topic"),
    "summarization": ("source", "targets"),
    "selection": ("source", "targets"),
    "pairs": ("title", "text"),
}
OPTIONAL: Final = ("title", "document", "kind")
KNOWN: Final = "known"


@dataclass(frozen=True)
class Source:
    """Where rows of a task come from.

    Attributes:
        path: a file or folder of Parquet, JSON Lines or CSV, or ``hub:NAME/CONFIGURATION:SPLIT``, for
            example ``hub:go_emotions/simplified:train``; the part after the last slash is the configuration,
            ``default`` for a dataset that has only one (``hub:owner/name/default:train``).
        columns: our field to the source's column, where their names differ.
        kind: what all of its rows are (for summaries, which kind of summary), unless a column says it.
        values: the source's label to ours; the first pattern (``cs.*``) that fits counts, and labels that
            fit none are left out. Empty: the labels are ours already.
        separator: what parts the labels in one text (" " in arXiv's categories); by default a comma for
            emotions and nothing for topics.
        known: the emotions that its annotators chose among; of the others a row says nothing, not that they
            are absent. Empty: all of them.
        rows: take so many rows at random; 0 is all.
        streaming: do not download a Hub dataset first; rows are then drawn from a shuffled buffer.
        revision: the commit of a Hub dataset.
    """

    path: str
    columns: Mapping[str, str] = field(default_factory=dict)
    kind: str = ""
    values: Mapping[str, str] = field(default_factory=dict)
    separator: str = ""
    known: tuple[str, ...] = ()
    rows: int = 0
    streaming: bool = False
    revision: str = ""


@dataclass(frozen=True)
class Table:
    """Rows of one task, and how many were left out.

    Attributes:
        frame: the task's `FIELDS`, then what of `OPTIONAL` is not among them ("" where unknown), then
            `origin`, the source's path, and for emotions `known`, the source's.
        n_empty: rows without a text, or without what is to be learned from it. No emotion at all, an empty
            list, is something to learn.
        n_unmapped: rows none of whose labels fits the source's `values`.
    """

    frame: pd.DataFrame
    n_empty: int = 0
    n_unmapped: int = 0


def read_task(task: str, sources: Sequence[Source], seed: int = 0) -> Table:
    """All rows of a task, source after source; see `read_source`."""
    tables = [read_source(task, source, seed) for source in sources]
    frames = [table.frame for table in tables if len(table.frame)]
    empty = pd.DataFrame({name: pd.Series(dtype=object) for name in (*_fields(task), "origin")})
    frame = pd.concat(frames, ignore_index=True) if frames else empty
    return Table(frame, sum(table.n_empty for table in tables), sum(table.n_unmapped for table in tables))


def read_source(task: str, source: Source, seed: int = 0) -> Table:
    """The rows of one source.

    Raises:
        InputError: the task, a field of `columns` or the address is unknown.
        NotFoundError: there is no such file, folder, dataset or split.
        DataError: a file is damaged, a column is missing, or a value is not what was expected.
    """
    fields = _fields(task)
    if strange := [name for name in source.known if name not in EMOTIONS]:
        raise InputError(
            f"{source.path}: known names {strange[0]!r}, which is no emotion of leximind.labels."
        )
    if unknown := sorted(set(source.columns) - set(fields)):
        raise InputError(
            f"{source.path}: columns names {unknown[0]!r}, but the fields of {task} are {', '.join(fields)}."
        )
    from_hub = source.path.startswith(HUB)
    wanted = [source.columns.get(name, name) for name in fields]
    if from_hub:
        part = read_hub(
            source.path, wanted, rows=source.rows, seed=seed, streaming=source.streaming,
            revision=source.revision,
        )  # fmt: skip
        parts = [part]
    else:
        parts = list(read_files(Path(source.path), wanted))
    rows, n_empty, n_unmapped = [], 0, 0
    for part in parts:
        for row in _rows(task, source, part):
            n_empty += row is EMPTY
            n_unmapped += row is UNMAPPED
            if row is not EMPTY and row is not UNMAPPED:
                rows.append(row)
    frame = pd.DataFrame(rows, columns=[*fields], dtype=object).assign(origin=source.path)
    if task == "emotion":
        frame[KNOWN] = [list(source.known or EMOTIONS)] * len(frame)
    if source.rows and source.rows < len(frame):
        frame = frame.sample(n=source.rows, random_state=seed).sort_index()
    return Table(frame.reset_index(drop=True), n_empty, n_unmapped)


Row = tuple[Any, ...]
EMPTY: Final[Row] = ("empty",)
UNMAPPED: Final[Row] = ("unmapped",)


def _fields(task: str) -> tuple[str, ...]:
    if task not in FIELDS:
        raise InputError(f"No task is called {task!r}; there are tables for {', '.join(FIELDS)}.")
    return tuple(dict.fromkeys((*FIELDS[task], *OPTIONAL)))


def _rows(task: str, source: Source, part: Part) -> list[Row]:
    """Each row's fields in the order of `_fields`, or `EMPTY`, or `UNMAPPED`."""
    fields, columns = _fields(task), {}
    for name in fields:
        column = source.columns.get(name, name)
        if column in part.values:
            columns[name] = part.values[column]
        elif name in FIELDS[task] or name in source.columns:
            raise DataError(
                f"{part.name} has no column {column!r}, which {task} needs as {name!r}; it has "
                f"{', '.join(map(repr, part.columns)) or 'none'}.",
                hint=f"Say which column it is: columns: {{{name}: COLUMN}}.",
            )
    given = [columns.get(name, [None] * part.n_rows) for name in fields]
    rows = []
    for number, cells in enumerate(zip(*given, strict=True), start=1):
        read = {
            name: _read(
                cell, name, source, f"{part.name}, row {number}, column {source.columns.get(name, name)!r}"
            )
            for name, cell in zip(fields, cells, strict=True)
        }
        read["kind"] = read["kind"] or source.kind
        if any(read[name] is EMPTY or (not read[name] and name != "labels") for name in FIELDS[task]):
            rows.append(EMPTY)
        elif any(read[name] is UNMAPPED for name in FIELDS[task]):
            rows.append(UNMAPPED)
        else:
            rows.append(tuple(read[name] for name in fields))
    return rows


def _read(cell: Any, name: str, source: Source, where: str) -> Any:
    """A cell as what its field holds; "" or nothing for a missing one, which `_rows` then judges."""
    missing = cell is None or (isinstance(cell, float) and math.isnan(cell))
    if name in ("labels", "topic"):
        return EMPTY if missing else _read_labels(cell, name, source, where)
    if name == "targets":
        texts = [] if missing else cell if isinstance(cell, list) else [cell]
        return [text.strip() for text in texts if _expect_text(text, where).strip()]
    if missing:
        return ""
    if name in ("document", "kind"):
        return str(cell).strip()  # ids are numbers in many files
    if isinstance(cell, list):  # sentences
        return " ".join(_expect_text(part, where).strip() for part in cell)
    return _expect_text(cell, where).strip()


def _read_labels(cell: Any, name: str, source: Source, where: str) -> Any:
    """Labels as ours: a list of emotions, or one topic ("" where there is none)."""
    # A topic's name may hold a comma, an emotion's never does.
    labels = _listed(cell, source.separator or ("," if name == "labels" else ""), where)
    if source.values:
        mapped = [_translate(str(label), source.values) for label in labels]
        # A paper of two topics has none: one label out of place makes its topic unknown.
        if labels and (not any(mapped) if name == "labels" else not all(mapped)):
            return UNMAPPED
        labels = [label for label in mapped if label is not None]
    labels = list(dict.fromkeys(labels))
    for label in labels:
        if label not in (TOPICS if name == "topic" else EMOTIONS):
            known = ", ".join(TOPICS if name == "topic" else EMOTIONS)
            raise DataError(
                f"{where} is {label!r}, but one of {known} was expected.",
                hint="Translate the source's labels with values: {THEIRS: OURS}.",
            )
    if name == "labels":
        return labels
    return UNMAPPED if len(labels) > 1 else labels[0] if labels else ""


def _listed(cell: Any, separator: str, where: str) -> list[Any]:
    """Labels in a list, in a text that holds a JSON list, or in a text, parted by `separator`."""
    if isinstance(cell, str) and cell.lstrip().startswith("["):
        try:
            cell = list(json.loads(cell))
        except ValueError as error:
            raise DataError(f"{where} is {cell[:60]!r}, but a JSON list was expected ({error}).") from error
    parts: list[Any] = []
    for entry in cell if isinstance(cell, list) else [cell]:
        parts += entry.split(separator) if isinstance(entry, str) and separator else [entry]
    stripped = [part.strip() if isinstance(part, str) else part for part in parts]
    return [part for part in stripped if part != ""]


def _translate(label: str, values: Mapping[str, str]) -> str | None:
    return next((ours for pattern, ours in values.items() if fnmatchcase(label, pattern)), None)


def _expect_text(cell: Any, where: str) -> str:
    if not isinstance(cell, str):
        raise DataError(f"{where} is {cell!r}, a {type(cell).__name__}, but text was expected.")
    return cell
