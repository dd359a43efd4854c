"""Columns of a validated table as arrays, without a Python object for each row."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray


def read_labels(table: pa.Table, column: str, labels: Sequence[str]) -> NDArray[np.int8]:
    """(N,) positions in ``labels`` of a column of which each value is one of them."""
    numbers = pc.index_in(table.column(column), value_set=pa.array(labels))
    return np.asarray(numbers.to_numpy(), np.int8)


def read_label_sets(table: pa.Table, column: str, labels: Sequence[str]) -> NDArray[np.bool_]:
    """(N, L) where a label is in a row's list; each label's column lies together in memory."""
    found = np.zeros((len(table), len(labels)), np.bool_, order="F")
    start = 0
    for chunk in table.column(column).chunks:
        rows = pc.list_parent_indices(chunk).to_numpy()
        numbers = pc.index_in(chunk.flatten(), value_set=pa.array(labels)).to_numpy()
        found[start + rows, numbers] = True
        start += len(chunk)
    return found


def read_integers(table: pa.Table, column: str) -> NDArray[np.int32]:
    """(N,) with 0 for a missing value."""
    return np.asarray(pc.fill_null(table.column(column), 0).to_numpy(), np.int32)


def read_presence(table: pa.Table, column: str) -> NDArray[np.bool_]:
    """(N,) where there is a value."""
    return np.asarray(pc.is_valid(table.column(column)).to_numpy(), np.bool_)


def order_titles(titles: pa.ChunkedArray) -> NDArray[np.intp]:
    """All rows as a librarian files titles: without case, accents, leading article and marks.

    Equal titles stay in the order of rows.
    """
    plain = pc.utf8_lower(pc.utf8_normalize(titles, "NFKD"))
    filed = pc.replace_substring_regex(plain, r"^[^\pL\pN]*(?:(?:the|an?)\s+)?", "", max_replacements=1)
    return np.asarray(pc.sort_indices(filed).to_numpy(), np.intp)
