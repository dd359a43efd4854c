"""The files under a folder, in one order on every machine, without listing them all first."""

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

_SKIPPED: Final = ("__MACOSX", "node_modules")
_NUMBER = re.compile(r"(\d+)")


def walk(folder: Path) -> Iterator[list[Path]]:
    """The files of each folder, by name with numbers in their order; its own come before its folders'.

    Hidden files, links to folders and folders that cannot be opened are left out.
    """
    try:
        with os.scandir(folder) as scan:
            entries = [entry for entry in scan if not entry.name.startswith((".", "~$"))]
    except OSError:
        return
    files = [Path(entry.path) for entry in entries if entry.is_file()]
    if files:
        yield sorted(files, key=_order)
    folders = [
        Path(entry.path)
        for entry in entries
        if entry.is_dir(follow_symlinks=False) and entry.name not in _SKIPPED
    ]
    for inner in sorted(folders, key=_order):
        yield from walk(inner)


def _order(path: Path) -> tuple[list[tuple[int, str]], str]:
    parts = [part for part in _NUMBER.split(path.name) if part]
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in parts], path.name
