"""One row of the discovery dataset: what is known about a work, and the schema that holds it."""

import re
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import date
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from leximind.errors import DataError
from leximind.labels import D_EMBEDDING, EMOTIONS, KINDS, TOPICS

if TYPE_CHECKING:
    from datasets import Features

SUMMARY_SOURCES: Final = ("written", "extracted")

DESCRIPTION: Final = "description"
"""Provenance of a work of which only the description was read: everything comes from it."""

FULL_TEXT: Final = "full text: topic, emotions, tone, arc; description: summary, embedding"
"""Provenance of a work that was read from its first to its last passage."""

UNIT_TOLERANCE: Final = 1e-2
YEARS: Final = (-3000, 2100)
NULLABLE: Final = ("year", "n_words")

SCHEMA: Final = pa.schema(
    [
        ("id", pa.string()),
        ("kind", pa.string()),
        ("title", pa.string()),
        ("authors", pa.list_(pa.string())),
        ("year", pa.int32()),
        ("url", pa.string()),
        ("source", pa.string()),
        ("license", pa.string()),
        ("language", pa.string()),
        ("subjects", pa.list_(pa.string())),
        ("description", pa.string()),
        ("summary", pa.string()),
        ("summary_source", pa.string()),
        ("topic", pa.string()),
        ("topic_scores", pa.list_(pa.float32(), len(TOPICS))),
        ("emotions", pa.list_(pa.float32(), len(EMOTIONS))),
        ("tone", pa.list_(pa.string())),
        ("arc", pa.list_(pa.list_(pa.float32(), len(EMOTIONS)))),
        ("n_words", pa.int32()),
        ("provenance", pa.string()),
        ("embedding", pa.list_(pa.float16(), D_EMBEDDING)),
        ("x", pa.float32()),
        ("y", pa.float32()),
        ("model", pa.string()),
        ("analysed_at", pa.string()),
    ]
)


@dataclass(frozen=True, slots=True)
class Work:
    """A book or a paper with what the model found in it.

    Attributes:
        id: stable name of the work inside the dataset.
        year: year of first publication; negative before our era; None when unknown.
        license: what the source states about the described text.
        description: the text shown to readers; never invented.
        summary_source: ``"written"`` by the decoder, or ``"extracted"``: the text's own key sentence.
        topic_scores: (7,) probabilities in the order of ``labels.TOPICS``.
        emotions: (28,) calibrated probabilities in the order of ``labels.EMOTIONS``.
        tone: the emotions that stand out, strongest first; may be empty.
        arc: emotions from beginning to end, (P, 28), of passages or, in a long book, of stretches of about
            the same length; empty for works without full text.
        n_words: of the full text, for how long it takes to read; None where only the description was read.
        provenance: which text the figures come from, ``DESCRIPTION`` or ``FULL_TEXT``.
        x, y: position on the map, in no unit.
        model: name of the model that analysed it, on the day ``analysed_at`` (ISO date).
    """

    id: str
    kind: Literal["book", "paper"]
    title: str
    authors: tuple[str, ...]
    year: int | None
    url: str
    source: str
    license: str
    language: str
    subjects: tuple[str, ...]
    description: str
    summary: str
    summary_source: Literal["written", "extracted"]
    topic: str
    topic_scores: tuple[float, ...]
    emotions: tuple[float, ...]
    tone: tuple[str, ...]
    arc: tuple[tuple[float, ...], ...]
    n_words: int | None
    provenance: str
    x: float
    y: float
    model: str
    analysed_at: str

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> "Work":
        """A work from one row of a table that fits ``SCHEMA``; the embedding, when there, is left out."""
        lists = ("authors", "subjects", "topic_scores", "emotions", "tone")
        plain = {name: row[name] for name in cls.__slots__}
        plain |= {name: tuple(row[name]) for name in lists}
        plain["arc"] = tuple(tuple(passage) for passage in row["arc"])
        return cls(**plain)

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready: tuples as lists, scores rounded to four decimals."""
        plain = asdict(self)
        for name in ("authors", "subjects", "tone"):
            plain[name] = list(plain[name])
        for name in ("topic_scores", "emotions"):
            plain[name] = [round(score, 4) for score in plain[name]]
        plain["arc"] = [[round(score, 4) for score in passage] for passage in self.arc]
        plain["x"], plain["y"] = round(self.x, 4), round(self.y, 4)
        return plain


def features() -> "Features":
    """The schema as ``datasets.Features``, for publishing on the Hub."""
    from datasets import Features

    return Features.from_arrow_schema(SCHEMA)


def read_works(table: pa.Table) -> list[Work]:
    """The rows of a validated table as works, in their order."""
    rows = table.select(list(Work.__slots__)).to_pylist()
    return [Work.from_row(row) for row in rows]


def read_matrix(table: pa.Table, column: str) -> NDArray[np.float32]:
    """A fixed-size list column of a validated table as (N, size) float32."""
    size = SCHEMA.field(column).type.list_size
    flat = table.column(column).combine_chunks().flatten().to_numpy(zero_copy_only=False)
    return np.ascontiguousarray(flat.reshape(-1, size), dtype=np.float32)


def validate(table: pa.Table, seen: dict[str, int] | None = None) -> None:
    """Hold a table against the schema and against the meaning of its columns.

    Args:
        seen: where the table is one of several, the rows of the ids before it; its own are added.

    Raises:
        DataError: a column is missing, unknown or of another type, or a row holds a value that cannot be:
            an empty or repeated id, NaN, a score outside 0 to 1, an embedding that is not of unit length,
            a topic that is not the most probable one, an unknown label, an address that is not http(s),
            an arc or a length of a text that was not read.
    """
    _check_columns(table)
    for name in SCHEMA.names:
        _check_nulls(table, name)
    _check_ids(table, {} if seen is None else seen)
    for name, (is_valid, expected) in _RULES.items():
        for row, value in enumerate(table.column(name).to_pylist()):
            if not is_valid(value):
                raise _fault(table, name, row, f"{value!r} is given, but {expected} was expected")
    _check_scores(table)
    _check_lengths(table)


def _check_columns(table: pa.Table) -> None:
    hint = "Build the table with leximind.library.work.SCHEMA."
    for field in SCHEMA:
        if field.name not in table.column_names:
            raise DataError(f"Column {field.name!r} is missing; {field.type} was expected.", hint=hint)
        given = table.schema.field(field.name).type
        if given != field.type:
            raise DataError(f"Column {field.name!r} is {given}, but {field.type} was expected.", hint=hint)
    extra = sorted(set(table.column_names) - set(SCHEMA.names))
    if extra or len(table.column_names) != len(SCHEMA):
        raise DataError(f"Columns {extra or 'repeated'} are not part of the schema.", hint=hint)


def _check_nulls(table: pa.Table, name: str) -> None:
    column = table.column(name)
    if name not in NULLABLE and column.null_count:
        row = int(np.flatnonzero(column.is_null().to_numpy())[0])
        raise _fault(table, name, row, "the value is missing")
    while pa.types.is_list(column.type) or pa.types.is_fixed_size_list(column.type):
        column = pa.chunked_array([chunk.flatten() for chunk in column.chunks], type=column.type.value_type)
        if column.null_count:
            raise DataError(f"Column {name!r} holds a list with a missing value.", hint=_HINT)


def _check_ids(table: pa.Table, seen: dict[str, int]) -> None:
    for row, name in enumerate(table.column("id").to_pylist()):
        if not name.strip():
            raise _fault(table, "id", row, "the id is empty")
        if name in seen:
            raise _fault(table, "id", row, f"the id is already that of row {seen[name]}")
        seen[name] = len(seen)


def _check_lengths(table: pa.Table) -> None:
    columns = (table.column(name).to_pylist() for name in ("provenance", "n_words"))
    lengths = pc.list_value_length(table.column("arc")).to_pylist()
    for row, (provenance, n_words, n_points) in enumerate(zip(*columns, lengths, strict=True)):
        is_whole = provenance == FULL_TEXT
        if (n_words is not None) != is_whole or (n_words is not None and n_words < 1):
            raise _fault(table, "n_words", row, f"{n_words} words go with the provenance {provenance!r}")
        if is_whole != (n_points > 0):
            raise _fault(table, "arc", row, f"{n_points} points go with the provenance {provenance!r}")


def _check_scores(table: pa.Table) -> None:
    for name in ("x", "y"):
        values = table.column(name).to_numpy()
        _raise_first(table, name, ~np.isfinite(values), "the value is not a finite number")
    for name in ("topic_scores", "emotions"):
        scores = read_matrix(table, name)
        is_valid = np.asarray(((scores >= 0) & (scores <= 1)).all(axis=1))  # false for NaN too
        _raise_first(table, name, ~is_valid, "a score is not from 0 to 1")
    arcs = table.column("arc").combine_chunks()
    points = arcs.flatten().flatten().to_numpy(zero_copy_only=False).reshape(-1, len(EMOTIONS))
    is_wrong = np.zeros(len(table), np.bool_)
    is_wrong[pc.list_parent_indices(arcs).to_numpy()[~((points >= 0) & (points <= 1)).all(axis=1)]] = True
    _raise_first(table, "arc", is_wrong, "a score is not from 0 to 1")
    topics = read_matrix(table, "topic_scores")
    given = np.array([TOPICS.index(topic) for topic in table.column("topic").to_pylist()], dtype=np.intp)
    short = topics.max(axis=1, initial=0) - topics[np.arange(len(given)), given] > 1e-6
    _raise_first(table, "topic", short, "the topic is not the one with the highest score")
    lengths = np.linalg.norm(read_matrix(table, "embedding"), axis=1)
    is_unit = np.asarray(np.abs(lengths - 1) <= UNIT_TOLERANCE)
    _raise_first(table, "embedding", ~is_unit, "the embedding is not of unit length")


def _raise_first(table: pa.Table, name: str, wrong: NDArray[np.bool_], what: str) -> None:
    if wrong.any():
        raise _fault(table, name, int(np.flatnonzero(wrong)[0]), what)


_HINT: Final = "Run the builders again, or take the dataset from its source again."


def _fault(table: pa.Table, name: str, row: int, what: str) -> DataError:
    work_id = table.column("id")[row].as_py()
    return DataError(f"Column {name!r}, row {row} (id {work_id!r}): {what}.", hint=_HINT)


def _is_date(value: str) -> bool:
    try:
        date.fromisoformat(value)
    except ValueError:
        return False
    return True


_ADDRESS: Final = re.compile(r"https?://[^\s/?#]+([/?#]\S*)?")

_RULES: Final[dict[str, tuple[Callable[[Any], bool], str]]] = {
    "kind": (lambda value: value in KINDS, " or ".join(KINDS)),
    "title": (lambda value: bool(value.strip()), "a title"),
    "year": (
        lambda value: value is None or YEARS[0] <= value <= YEARS[1],
        f"a year from {YEARS[0]} to {YEARS[1]}",
    ),
    "url": (lambda value: bool(_ADDRESS.fullmatch(value)), "an http or https address"),
    "summary_source": (lambda value: value in SUMMARY_SOURCES, " or ".join(SUMMARY_SOURCES)),
    "topic": (lambda value: value in TOPICS, "one of " + ", ".join(TOPICS)),
    "tone": (
        lambda value: set(value) <= set(EMOTIONS) and len(set(value)) == len(value),
        "emotions of labels.EMOTIONS, each once",
    ),
    "provenance": (lambda value: value in (DESCRIPTION, FULL_TEXT), f"{DESCRIPTION!r} or {FULL_TEXT!r}"),
    "analysed_at": (_is_date, "an ISO date such as 2026-01-31"),
}
