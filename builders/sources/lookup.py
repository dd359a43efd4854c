"""Rows to be found by a key, more of them than memory holds."""

import json
import sqlite3
import zlib
from collections.abc import Iterable, Mapping
from types import TracebackType
from typing import Any, Final, Self

CACHE_MIB: Final = 64


def open_scratch(*tables: str) -> sqlite3.Connection:
    """A database of this process alone: in memory up to 64 MiB, then in a file that goes with it.

    Args:
        tables: ``name (columns)`` of each.

    See https://www.sqlite.org/inmemorydb.html#temp_db.
    """
    # A reader may be handed from one thread to another, as worker pools do; it is used by one at a time.
    connection = sqlite3.connect("", isolation_level=None, check_same_thread=False)
    for setting in (f"cache_size = -{CACHE_MIB * 1024}", "journal_mode = OFF", "synchronous = OFF"):
        connection.execute(f"PRAGMA {setting}")
    connection.execute("BEGIN")  # and never the end of it: one row a transaction is a hundred times slower
    for table in tables:
        connection.execute(f"CREATE TABLE {table}")
    return connection


class Lookup:
    """Rows by key; of two rows with a key the first stays."""

    def __init__(self) -> None:
        self._scratch = open_scratch(
            "rows (key TEXT PRIMARY KEY, number INTEGER)",
            "contents (number INTEGER PRIMARY KEY, content BLOB)",
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._scratch.close()

    def add(self, keys: Iterable[str], row: Mapping[str, Any]) -> None:
        """Keep a row under each of its keys."""
        content = zlib.compress(json.dumps(row, default=str).encode(), 1)
        number = self._scratch.execute("INSERT INTO contents (content) VALUES (?)", (content,)).lastrowid
        self._scratch.executemany("INSERT OR IGNORE INTO rows VALUES (?, ?)", [(key, number) for key in keys])

    def get(self, key: str) -> dict[str, Any] | None:
        """The row under a key, or None."""
        query = "SELECT content FROM contents JOIN rows USING (number) WHERE key = ?"
        found = self._scratch.execute(query, (key,)).fetchone()
        return None if found is None else json.loads(zlib.decompress(found[0]))
