"""Whether a dataset is whole: its files, its rows, its indexes, and what describes it to other tools."""

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from leximind.library.croissant import CROISSANT, INFOS, digest
from leximind.library.dataset import MANIFEST, is_indexed, list_works
from leximind.library.store import open_library
from leximind.settings import DISCOVERY_DIR


@dataclass(frozen=True)
class Report:
    """What was found; a fault would have been raised.

    Attributes:
        notes: what is missing or out of date without making the dataset unusable.
    """

    folder: str
    n_works: int
    version: str
    model: str
    passed: tuple[str, ...]
    notes: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return asdict(self)


def check(source: str) -> Report:
    """Go through a dataset.

    Raises:
        LexiMindError: a file is missing or damaged, or a row does not fit; the first such fault.
    """
    library = open_library(source)
    passed = [
        f"{MANIFEST} and works belong together",
        f"{len(library):,} works fit the schema and the meaning of its columns",
    ]
    notes: list[str] = []
    folder = library.folder or DISCOVERY_DIR
    parts: tuple[tuple[str, Callable[[], str]], ...] = (
        (
            "index",
            lambda: "" if is_indexed(folder) else "is missing or stale; the app builds it",
        ),
        (CROISSANT, lambda: _check_croissant(folder)),
        (INFOS, lambda: _check_infos(folder, len(library))),
    )
    for name, find_fault in parts:
        fault = find_fault()
        (notes if fault else passed).append(f"{name} {fault or 'is up to date'}")
    return Report(str(folder), len(library), library.version, library.model, tuple(passed), tuple(notes))


def draw_report(report: Report) -> str:
    """The report as text for a terminal."""
    lines = [f"{report.folder}: version {report.version}, analysed by {report.model}"]
    lines += [f"  ok    {line}" for line in report.passed]
    lines += [f"  note  {line}" for line in report.notes]
    return "\n".join(lines) + "\n"


def _check_croissant(folder: Path) -> str:
    try:
        described = json.loads((folder / CROISSANT).read_text(encoding="utf-8"))
        hashes = {part["name"]: part["sha256"] for part in described["distribution"]}
    except OSError:
        return "is missing"
    except (ValueError, KeyError, TypeError):
        return "is damaged"
    files = list_works(folder)
    fits = len(files) > 1 or hashes.get(files[0].name) == digest(files[0])
    return "" if fits else "describes other works"


def _check_infos(folder: Path, n_works: int) -> str:
    try:
        infos = json.loads((folder / INFOS).read_text(encoding="utf-8"))
        given = infos["default"]["splits"]["train"]["num_examples"]
    except OSError:
        return "is missing"
    except (ValueError, KeyError, TypeError):
        return "is damaged"
    return "" if given == n_works else f"says {given} works"
