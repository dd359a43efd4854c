"""The works of a library in the formats of other programs, one piece of text after another."""

import csv
import io
import json
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, Final

import pyarrow as pa

from leximind.errors import InputError
from leximind.library.bibtex import write_bibtex
from leximind.library.ris import write_ris
from leximind.library.work import SCHEMA, Work

# A spreadsheet takes a text that begins so for a formula, and runs it (OWASP, "CSV Injection").
_SIGNS, _BREAKS = frozenset("=+-@＝＋－＠"), frozenset("\t\r\n")


def export(works: Iterable[Work], form: str) -> Iterator[str]:
    """The works as text, in pieces.

    Args:
        form: one of ``FORMATS``.

    Raises:
        InputError: another format.
    """
    if form not in FORMATS:
        raise InputError(f"The format is {form!r}, but one of {', '.join(FORMATS)} was expected.")
    return FORMATS[form](works)


def write_file(path: Path, pieces: Iterable[str]) -> None:
    """Write a text in one step: whoever reads the file finds the old one or all of the new one.

    Raises:
        InputError: it cannot be written there.
    """
    partial = path.with_name(f".{path.name}.partial")
    try:
        with partial.open("w", encoding="utf-8", newline="") as file:
            file.writelines(pieces)
        partial.replace(path)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise InputError(
            f"{path} cannot be written: {error.strerror or error}.",
            hint="Name a file in a folder that exists.",
        ) from error


def write_csv(works: Iterable[Work]) -> Iterator[str]:
    """Comma-separated values (RFC 4180) with a header; the parts of a list are joined by ``; ``.

    A text that a spreadsheet would run as a formula gets an apostrophe in front.
    """
    columns = [field.name for field in SCHEMA if _fits_cell(field.type)]
    yield _write_row(columns)
    for work in works:
        yield _write_row([_disarm(_flatten(getattr(work, name))) for name in columns])


def write_jsonl(works: Iterable[Work]) -> Iterator[str]:
    """One JSON object a line: every column but the embedding."""
    for work in works:
        yield json.dumps(work.to_dict(), ensure_ascii=False) + "\n"


FORMATS: Final[dict[str, Callable[[Iterable[Work]], Iterator[str]]]] = {
    "csv": write_csv,
    "bibtex": write_bibtex,
    "jsonl": write_jsonl,
    "ris": write_ris,
}


def _fits_cell(kind: pa.DataType) -> bool:
    """Texts, whole numbers and lists of texts; the scores behind topic and tone are in the JSON."""
    texts = pa.types.is_list(kind) and pa.types.is_string(kind.value_type)
    return bool(pa.types.is_string(kind) or pa.types.is_integer(kind) or texts)


def _write_row(cells: Iterable[Any]) -> str:
    line = io.StringIO()
    csv.writer(line).writerow(cells)
    return line.getvalue()


def _flatten(value: Any) -> Any:
    return "; ".join(value) if isinstance(value, tuple) else value


def _disarm(value: Any) -> Any:
    """Numbers are left alone: a year before our era begins with a minus and is no formula."""
    is_formula = isinstance(value, str) and (value[:1] in _BREAKS or value.lstrip()[:1] in _SIGNS)
    return f"'{value}" if value and is_formula else value
