"""What a reader of a source hands on, before anything in it is judged."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from builders.sources.entry import RowError


@dataclass(frozen=True, slots=True)
class Found:
    """A row of a file, as it stands or by the names of an entry's columns, or why it cannot be read.

    Attributes:
        row: its number from 1; 0 means the whole file.
    """

    file: str
    row: int
    content: Any | RowError


@dataclass(frozen=True, slots=True)
class Opened:
    """A source that was opened and not read yet.

    Attributes:
        fallbacks: what to put into a column that neither the source nor its user's defaults fill;
            ``{column}`` in it stands for another column.
    """

    rows: Iterator[Found]
    fallbacks: Mapping[str, str] = field(default_factory=dict)
