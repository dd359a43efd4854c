"""What a library of one size costs to build, to open and to ask; see ``growth.py``."""

import multiprocessing
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from machine import measure_memory
from numpy.typing import NDArray
from synthetic import CACHE, make_library

from leximind.labels import TOPICS
from leximind.library.dataset import MANIFEST, WORKS, write_indexes
from leximind.library.filters import EVERYTHING, Filters
from leximind.library.finding import Finder
from leximind.library.moods import EVEN
from leximind.library.store import Library

YEARS = range(1950, 2025, 5)
Question = tuple[str, NDArray[np.float32]]


def measure_library(n_works: int, papers: Path | None, questions: Sequence[Question]) -> dict[str, float]:
    """Costs of a library of so many works; building and asking each in a process of its own."""
    folder = make_library(n_works, papers)
    built = _apart(build_index, folder)
    asked = _apart(open_and_ask, folder, questions)
    size = sum(path.stat().st_size for path in (folder / "index").rglob("*") if path.is_file())
    return {**built, **asked, "index_megabytes": size / 2**20}


def _apart(work: Callable[..., dict[str, float]], *arguments: Any) -> dict[str, float]:
    """The answer of a fresh process: its peak memory is that of this work alone."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, context) as pool:
        return pool.submit(work, *arguments).result()


def build_index(folder: Path) -> dict[str, float]:
    """Build all indexes of a library anew, beside it."""
    with tempfile.TemporaryDirectory(dir=CACHE) as place:
        os.link(folder / WORKS, Path(place) / WORKS)
        shutil.copy(folder / MANIFEST, Path(place) / MANIFEST)
        before = measure_memory().get("now", 0.0)
        start = time.perf_counter()
        write_indexes(Path(place))
        seconds = time.perf_counter() - start
    peak = measure_memory().get("peak", 0.0)
    return {"build_seconds": seconds, "build_peak_megabytes": peak, "build_idle_megabytes": before}


def open_and_ask(folder: Path, questions: Sequence[Question]) -> dict[str, float]:
    """Open a library, list what passes filters, and search by words and meaning under a filter.

    What is asked for was not asked before; the works of the first page are made, the HTML is not.
    """
    vectors = dict(questions)
    start = time.perf_counter()
    library = Library.from_folder(folder)
    finder = Finder(library, lambda query: (vectors[query], ""))
    finder.browse(EVERYTHING, EVEN, "relevance", 1, 24)
    found = {"open_seconds": time.perf_counter() - start}
    found["opened_megabytes"] = measure_memory().get("now", 0.0)
    filters = [Filters(topics=(topic,), year_from=year) for topic in TOPICS for year in YEARS]
    order = np.random.default_rng(0).permutation(len(filters))
    listing = [_time(finder.browse, filters[i], EVEN, "relevance", 1, 24) for i in order]
    finder.search(questions[0][0], filters[0], "hybrid", EVEN, "relevance", 1, 24)
    pairs = zip(questions[1:], np.resize(order, len(questions) - 1), strict=True)
    searching = [
        _time(finder.search, query, filters[i], "hybrid", EVEN, "relevance", 1, 24) for (query, _), i in pairs
    ]
    for name, seconds in (("filter", listing), ("hybrid", searching)):
        found[f"{name}_p50_ms"], found[f"{name}_p95_ms"] = (1000 * np.quantile(seconds, (0.5, 0.95))).tolist()
    memory = measure_memory()
    # Of the whole, what is not pages of files that the system can take back.
    found |= {"asked_megabytes": memory.get("now", 0.0), "asked_own_megabytes": memory.get("own", 0.0)}
    return found


def _time(work: Callable[..., object], *arguments: Any) -> float:
    start = time.perf_counter()
    work(*arguments)
    return time.perf_counter() - start
