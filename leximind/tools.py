"""Tools around a whole dataset rather than a reader's question: count it, check it, take it elsewhere."""

from collections.abc import Iterator, Mapping
from pathlib import Path

from leximind.library.checks import check, draw_report
from leximind.library.export import export, write_file
from leximind.library.filters import Filters
from leximind.library.statistics import Statistics, count, draw_statistics
from leximind.library.store import open_library
from leximind.library.work import Work

__all__ = ["check", "count_works", "draw_report", "draw_statistics", "export_works", "save_works"]


def count_works(dataset: str, params: Mapping[str, str]) -> Statistics:
    """What a dataset holds.

    Args:
        dataset: a folder or a Hub dataset; "" is the embedded one. Nothing stands in for what cannot be used.
        params: filters as in an address.

    Raises:
        LexiMindError: the dataset or a filter cannot be used.
    """
    return count(_select(dataset, params))


def export_works(dataset: str, params: Mapping[str, str], form: str) -> Iterator[str]:
    """The works as text in another format, in pieces; arguments and errors as in ``count_works``."""
    return export(_select(dataset, params), form)


def save_works(dataset: str, params: Mapping[str, str], form: str, path: Path) -> int:
    """Write the works to a file, all or nothing; returns how many. Errors as in ``count_works``."""
    works = _select(dataset, params)
    write_file(path, export(works, form))
    return len(works)


def _select(dataset: str, params: Mapping[str, str]) -> list[Work]:
    filters = Filters.from_params(params)
    library = open_library(dataset)
    return [library.works[row] for row in filters.mask(library).nonzero()[0]]
