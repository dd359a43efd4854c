"""Full texts that are kept apart from the works they belong to."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from builders.sources.columns import is_empty
from builders.sources.entry import RowError
from builders.sources.found import Found
from builders.sources.lookup import Lookup
from builders.sources.tables import TABLES, is_table, read_table
from leximind.errors import InputError, NotFoundError

_NUMBER = re.compile(r"gutenberg\.org/(?:ebooks|etext|files|cache/epub)/(\d+)", re.IGNORECASE)
_KEYS = ("gutenberg_id", "id")


class Texts:
    """The texts of a table, by Gutenberg number and by id.

    Attributes:
        path: the table, or None for no texts.
    """

    def __init__(self, path: Path | None) -> None:
        if path is not None and not path.is_file():
            raise NotFoundError(f"There is no file {path} with full texts.", hint="Check the path.")
        if path is not None and not is_table(path):
            raise InputError(f"{path.name} holds no full texts: one of {', '.join(TABLES)} was expected.")
        self.path = path
        self._lookup = Lookup() if path is not None else None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._lookup is not None:
            self._lookup.__exit__(kind, error, trace)

    def load(self) -> Iterator[Found]:
        """Read the table; what cannot be read of it is handed back.

        Raises:
            InputError: it has no ``text``, or neither ``gutenberg_id`` nor ``id``.
        """
        if self.path is None or self._lookup is None:
            return
        for found in read_table(self.path, self.path.name, {*_KEYS, "text"}):
            row = found.content
            if isinstance(row, RowError):
                yield found
                continue
            if not isinstance(row, Mapping) or "text" not in row or not any(key in row for key in _KEYS):
                raise InputError(
                    f"{self.path} gives no full texts: row {found.row} lacks text, or gutenberg_id and id.",
                    hint="Give the table these columns.",
                )
            keys = [f"{key} {_plain(row[key])}" for key in _KEYS if not is_empty(row.get(key))]
            if keys and isinstance(row["text"], str) and row["text"].strip():
                self._lookup.add(keys, {"text": row["text"]})

    def join(self, row: dict[str, Any]) -> dict[str, Any]:
        """A row with its text, when it has none of its own and the table has one."""
        if self._lookup is None or not is_empty(row.get("text")):
            return row
        number = _NUMBER.search(str(row.get("url")))
        numbers = [row.get("gutenberg_id"), number[1] if number else None]
        keys = [("gutenberg_id", value) for value in numbers] + [("id", row.get("id"))]
        for name, value in keys:
            if not is_empty(value) and (found := self._lookup.get(f"{name} {_plain(value)}")):
                return row | found
        return row


def _plain(key: Any) -> str:
    """A number as text, also out of a column of floats, which a table with gaps has."""
    return str(int(key)) if isinstance(key, float) and key.is_integer() else str(key).strip()
