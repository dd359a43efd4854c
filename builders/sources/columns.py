"""The columns of a source under the names of an entry's columns."""

import hashlib
import json
import math
import re
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import quote

from builders.sources.entry import RowError
from builders.sources.options import MAPPED

_PLACEHOLDER = re.compile(r"\{(\w+)\}")
# What `{digest}` is made from: what a work is, and not where it was found or how it is licensed.
_DIGESTED = ("title", "authors", "year", "description", "text")


def arrange(
    row: Any, columns: Mapping[str, str], defaults: Mapping[str, str], fallbacks: Mapping[str, str]
) -> dict[str, Any]:
    """A row with the columns of an entry; the source's own come first, then defaults, then fallbacks.

    Raises:
        RowError: not an object, or a column is named that the row does not have.
    """
    if not isinstance(row, Mapping):
        raise RowError("The row is not an object with the columns of a work.")
    arranged = {name: row[name] for name in MAPPED if name in row and name not in columns}
    for name, column in columns.items():
        if column not in row and name not in defaults:
            raise RowError(f"There is no column {column!r}, which was named for {name}.")
        arranged[name] = row.get(column)
    if isinstance(arranged.get("id"), int) and not isinstance(arranged["id"], bool):
        arranged["id"] = str(arranged["id"])
    # Names first: an address or an id may be made of them.
    for constants in (defaults, fallbacks):
        for name in sorted(constants, key=lambda name: name in ("url", "id")):
            if is_empty(arranged.get(name)):
                made = _fill(constants[name], {**row, **arranged}, in_address=name == "url")
                if made is not None:
                    arranged[name] = made
    return arranged


def find_placeholders(defaults: Iterable[str]) -> set[str]:
    """The columns that defaults are filled from."""
    return {name for default in defaults for name in _PLACEHOLDER.findall(default)}


def is_empty(value: Any) -> bool:
    """Whether a cell says nothing: None, NaN, blanks, an empty list."""
    if isinstance(value, str | list | tuple):
        return len(value) == 0 or (isinstance(value, str) and value.isspace())
    return value is None or (isinstance(value, float) and math.isnan(value))


def _fill(pattern: str, row: Mapping[str, Any], *, in_address: bool) -> str | None:
    """A default with its placeholders filled; None when one of them has nothing to fill it."""
    parts: dict[str, str] = {}
    for name in _PLACEHOLDER.findall(pattern):
        value = _digest(row) if name == "digest" else row.get(name)
        if is_empty(value) and name not in ("authors", "title"):
            return None
        parts[name] = _show(value)
    filled = _PLACEHOLDER.sub(
        lambda found: quote(parts[found[1]], safe="/:@") if in_address else parts[found[1]], pattern
    )
    return filled.strip().removesuffix("%20") if in_address else filled.strip()


def _show(value: Any) -> str:
    if isinstance(value, list | tuple):
        return " ".join(str(part) for part in value)
    if isinstance(value, float) and value.is_integer():
        return str(int(value))  # a whole number in a column that has gaps
    return "" if value is None else " ".join(str(value).split())


def _digest(row: Mapping[str, Any]) -> str:
    plain = json.dumps([row.get(name) for name in _DIGESTED], ensure_ascii=True, default=str)
    return hashlib.sha256(plain.encode("ascii")).hexdigest()[:16]
