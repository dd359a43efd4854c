"""A mirror of Project Gutenberg: plain texts by their numbers, in any of the layouts its mirrors have.

``1/2/3/1234/1234-0.txt`` of the main tree, ``cache/epub/1234/pg1234.txt`` of the generated one, or all in one
folder. With the project's own ``pg_catalog.csv`` in the folder, titles, authors and subjects come from there,
see https://www.gutenberg.org/ebooks/offline_catalogs.html.
"""

import re
import tempfile
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from builders.sources.boilerplate import read_header
from builders.sources.entry import RowError
from builders.sources.found import Found, Opened
from builders.sources.language import short_code
from builders.sources.lookup import Lookup
from builders.sources.metadata import gutenberg_license
from builders.sources.names import read_catalogue_authors
from builders.sources.tables import read_table
from builders.sources.walk import walk
from leximind.errors import LexiMindError, NotFoundError
from leximind.text.documents import MAX_FILE_BYTES, read_document

CATALOGUES: Final = ("pg_catalog.csv", "pg_catalog.csv.gz")

# The best first: UTF-8, the generated UTF-8, ASCII, Latin-1; packed ones last.
_NAMES: Final = (
    r"(\d+)-0\.txt", r"pg(\d+)(?:\.txt\.utf8|\.txt\.utf-8|\.txt)", r"(\d+)\.txt(?:\.utf-8)?", r"(\d+)-8\.txt",
    r"(\d+)-0\.zip", r"(\d+)\.zip", r"(\d+)-8\.zip",
)  # fmt: skip
_NAME = [re.compile(name) for name in _NAMES]


def open_gutenberg(folder: Path) -> Opened:
    """The books of a mirror.

    Raises:
        NotFoundError: there is no such folder, or no text with a number in it.
    """
    if not folder.is_dir():
        raise NotFoundError(f"There is no folder {folder}.", hint="Check the path.")
    if not any(_name(path) for files in walk(folder) for path in files):
        raise NotFoundError(
            f"There is no text of Project Gutenberg in {folder}.",
            hint="Names such as 1342.txt, 1342-0.txt or pg1342.txt were expected.",
        )
    fallbacks = {"kind": "book", "source": "Project Gutenberg", "authors": "", "subjects": ""}
    return Opened(_read_mirror(folder), fallbacks)


def _name(path: Path) -> tuple[int, str] | None:
    """How good a file's format is, 0 the best, and the number in its name; None for other files."""
    for rank, pattern in enumerate(_NAME):
        if found := pattern.fullmatch(path.name):
            return rank, str(int(found[1]))
    return None


def _read_mirror(folder: Path) -> Iterator[Found]:
    with Lookup() as catalogue:
        for path in (folder / name for name in CATALOGUES):
            if path.is_file():
                yield from _load(path, catalogue)
        for files in walk(folder):
            books: dict[str, list[tuple[int, Path]]] = {}
            for path in files:
                if named := _name(path):
                    books.setdefault(named[1], []).append((named[0], path))
            for number, versions in books.items():
                yield _read_book(folder, number, [path for _, path in sorted(versions)], catalogue)


def _load(path: Path, catalogue: Lookup) -> Iterator[Found]:
    for found in read_table(path, path.name):
        row = found.content
        if isinstance(row, RowError):
            yield found
        elif str(row.get("Text#", "")).isdecimal():
            catalogue.add([str(int(row["Text#"]))], row)


def _read_book(root: Path, number: str, versions: list[Path], catalogue: Lookup) -> Found:
    """A book from the first of its versions that can be read."""
    listed = catalogue.get(number) or {}
    name = versions[0].relative_to(root).as_posix()
    if listed.get("Type", "Text") != "Text":
        return Found(name, 0, RowError(f"It is of the type {listed['Type']!r}, and no text."))
    fault: RowError | None = None
    for path in versions:
        try:
            text = _read_packed(path) if path.suffix == ".zip" else read_document(path)
        except LexiMindError as error:
            fault = fault or RowError(str(error))
            continue
        return Found(path.relative_to(root).as_posix(), 0, _describe(number, text, listed))
    return Found(name, 0, fault)


def _read_packed(path: Path) -> str:
    """The text of a ZIP file: its first member that ends in .txt."""
    try:
        with zipfile.ZipFile(path) as archive, tempfile.TemporaryDirectory() as scratch:
            member = next(name for name in sorted(archive.namelist()) if name.lower().endswith(".txt"))
            with archive.open(member) as file:
                data = file.read(MAX_FILE_BYTES + 1)  # one byte too many is refused where it is read
            unpacked = Path(scratch) / f"{path.stem}.txt"
            unpacked.write_bytes(data)
            return read_document(unpacked)
    except (
        zipfile.BadZipFile, zlib.error, StopIteration, EOFError, OSError, RuntimeError, NotImplementedError,
    ) as error:  # fmt: skip
        raise NotFoundError(f"There is no readable text in {path.name!r}.", hint="Get it anew.") from error


def _describe(number: str, text: str, listed: Mapping[str, Any]) -> dict[str, Any]:
    header = read_header(text)
    row: dict[str, Any] = {
        "id": f"gutenberg-{number}",
        "gutenberg_id": number,
        "url": f"https://www.gutenberg.org/ebooks/{number}",
        "license": gutenberg_license(header is not None and header.is_copyrighted),
        "text": text,
    }
    if header is not None:
        row |= {"title": header.title, "authors": list(header.authors), "year": header.year}
        row["language"] = short_code(header.language)
    if listed:
        row["title"] = " ".join(str(listed.get("Title") or row.get("title", "")).split())
        row["authors"] = read_catalogue_authors(listed.get("Authors") or "") or row.get("authors", [])
        row["subjects"] = [part.strip() for part in (listed.get("Subjects") or "").split(";") if part.strip()]
        # A book in two languages has both, "en; fr".
        row["language"] = (listed.get("Language") or row.get("language", "")).partition(";")[0].strip()
    return row
