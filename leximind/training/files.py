"""Files that are whole or not there."""

import os
import shutil
from itertools import count
from pathlib import Path

PARTIAL = ".partial"


def flush(path: Path) -> None:
    """Wait until a file, or the names in a folder, are on the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def remove(folder: Path) -> None:
    """Delete a folder so that no half of it is ever taken for the whole."""
    doomed = folder.with_name(f"{folder.name}.old{PARTIAL}")
    shutil.rmtree(doomed, ignore_errors=True)
    folder.rename(doomed)
    shutil.rmtree(doomed)


def free_name(path: Path) -> Path:
    """The path with the first number after its stem that is not taken: log.1.jsonl, log.2.jsonl, ..."""
    numbered = (path.with_name(f"{path.stem}.{number}{path.suffix}") for number in count(1))
    return next(new for new in numbered if not new.exists())
