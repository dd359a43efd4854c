"""Files that are there whole or not at all."""

import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

PARTIAL: Final = ".partial"
_CHUNK: Final = 1 << 20


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A file to write to, which takes the place of ``path`` in one step when the block ends well.

    Its name is its own: two workers that make the same file do not write into each other's.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=PARTIAL, dir=path.parent)
    os.close(handle)
    partial = Path(name)
    try:
        yield partial
        with partial.open("rb") as file:
            os.fsync(file.fileno())
        partial.chmod(0o666 & ~_umask())
        os.replace(partial, path)  # noqa: PTH105 - the call whose atomicity is meant
    except BaseException:
        partial.unlink(missing_ok=True)
        raise


def write_atomically(path: Path, text: str) -> None:
    """Write a file so that a reader, or a build after a kill, finds all of it or none of it."""
    with replacing(path) as partial:
        partial.write_text(text, encoding="utf-8")


def sweep(folder: Path) -> None:
    """Remove what killed writers left in a folder; nobody else may be writing there."""
    for partial in sorted(folder.rglob(f".*{PARTIAL}"), reverse=True):
        if partial.is_dir():
            shutil.rmtree(partial)
        else:
            partial.unlink(missing_ok=True)


def hash_file(path: Path) -> str:
    """A hash of a file's bytes, 16 hexadecimal digits; memory does not grow with the file."""
    total = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            total.update(chunk)
    return total.hexdigest()[:16]


def hash_text(parts: Iterable[str]) -> str:
    """A hash of some strings in their order, 16 hexadecimal digits."""
    return hashlib.sha256("\n".join(parts).encode("utf-8", "surrogatepass")).hexdigest()[:16]


def _umask() -> int:
    # The only way to ask for it is to set it.
    current = os.umask(0)
    os.umask(current)
    return current
