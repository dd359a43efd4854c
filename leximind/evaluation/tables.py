"""Data files for evaluation: rows, and columns held against what a task needs."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from leximind.errors import DataError, InputError, NotFoundError

# A column of repository names may be called "source" too; a text to summarise is longer than a name.
MIN_TEXT_CHARS: Final = 200

_HINT: Final = "Rename the columns, or choose another file."


def read_table(path: Path) -> pd.DataFrame:
    """The rows of a .parquet, .jsonl or .csv file.

    Raises:
        NotFoundError: there is no such file.
        InputError: another kind of file.
        DataError: it is damaged.
    """
    if not path.is_file():
        raise NotFoundError(f"There is no file {path}.", hint="Check the path.")
    try:
        return _read(path)
    except InputError:
        raise
    except (OSError, ValueError) as error:  # pyarrow's and pandas's errors on damaged files are of these
        raise DataError(
            f"{path} cannot be read as {path.suffix}.", hint="Make or download it again."
        ) from error


def read_texts(frame: pd.DataFrame, column: str) -> list[str]:
    """A column of texts that are not empty.

    Raises:
        DataError: the column is missing, or a row holds no text.
    """
    if column not in frame:
        raise DataError(f"Column {column!r} is missing; there are {', '.join(frame.columns)}.", hint=_HINT)
    texts = list(frame[column])
    for row, text in zip(frame.index, texts, strict=True):
        if not isinstance(text, str) or not text.strip():
            raise DataError(f"Column {column!r}, row {row}: {text!r} is no text.", hint="Take the row out.")
    return texts


def read_lists(frame: pd.DataFrame, column: str) -> list[list[str]]:
    """A column of lists of strings; a string is a list too, with commas between its parts.

    Raises:
        DataError: the column is missing, or a row holds something else.
    """
    if column not in frame:
        raise DataError(f"Column {column!r} is missing; there are {', '.join(frame.columns)}.", hint=_HINT)
    return [_read_list(value, column, row) for row, value in frame[column].items()]


def read_numbers(frame: pd.DataFrame, column: str) -> NDArray[np.float64]:
    """A column of finite numbers, (N,).

    Raises:
        DataError: the column is missing, or a row holds no number.
    """
    if column not in frame:
        raise DataError(f"Column {column!r} is missing; there are {', '.join(frame.columns)}.", hint=_HINT)
    values = np.asarray(pd.to_numeric(frame[column], errors="coerce"), np.float64)
    if not np.isfinite(values).all():
        row = int(np.flatnonzero(~np.isfinite(values))[0])
        raise DataError(
            f"Column {column!r}, row {frame.index[row]}: {frame[column].iloc[row]!r} is no number.",
            hint="Take the row out.",
        )
    return values


def choose_column(frame: pd.DataFrame, candidates: Sequence[str], *, min_chars: int = 0) -> str:
    """The first candidate that is there and holds texts (or lists of texts), long enough on average.

    Raises:
        DataError: none is.
    """
    for column in candidates:
        if column in frame and _mean_chars(frame[column]) >= max(min_chars, 1):
            return column
    wanted = ", ".join(candidates) + (f" ({min_chars} characters or more)" if min_chars else "")
    raise DataError(
        f"One of the columns {wanted} was expected; there are {', '.join(frame.columns)}.",
        hint=_HINT,
    )


def choose_pair(
    frame: pd.DataFrame, pairs: Sequence[tuple[str, str]], *, min_chars: int
) -> tuple[str, str] | None:
    """The first pair whose columns both hold texts, those of the first long enough on average; or None."""
    for source, reference in pairs:
        if source in frame and reference in frame:
            is_long = _mean_chars(frame[source]) >= min_chars
            if is_long and _mean_chars(frame[reference]) >= 1:
                return source, reference
    return None


def _read(path: Path) -> pd.DataFrame:
    match path.suffix.lower():
        case ".parquet":
            return pd.read_parquet(path)
        case ".jsonl":
            return pd.read_json(path, lines=True, dtype=False)
        case ".csv":
            return pd.read_csv(path, dtype=str, keep_default_na=False)
    raise InputError(f"{path.name} is no .parquet, .jsonl or .csv file.", hint="Convert it to one of these.")


def _read_list(value: Any, column: str, row: Any) -> list[str]:
    if isinstance(value, str):
        return [part.strip() for part in value.split(",") if part.strip()]
    if hasattr(value, "__iter__") and all(isinstance(part, str) for part in value):
        return list(value)
    raise DataError(
        f"Column {column!r}, row {row}: {value!r} is no list of strings.", hint="Take the row out."
    )


def _mean_chars(values: "pd.Series[Any]") -> float:
    def count(value: Any) -> int:
        parts = [value] if isinstance(value, str) else value if hasattr(value, "__iter__") else []
        return max((len(part) for part in parts if isinstance(part, str)), default=0)

    return float(values.map(count).mean())
