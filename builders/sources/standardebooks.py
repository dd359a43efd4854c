"""Books of Standard Ebooks: repositories and unpacked EPUBs (folders with a content.opf), or EPUB files."""

import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from builders.sources.entry import RowError
from builders.sources.found import Found, Opened
from builders.sources.package import (
    DAMAGE,
    Read,
    find_package,
    open_folder,
    open_zip,
    read_body,
    read_package,
)
from builders.sources.walk import walk
from leximind.errors import NotFoundError

PACKAGE: Final = "content.opf"
_EBOOKS: Final = "https://standardebooks.org/ebooks/"
_GUTENBERG: Final = "https://www.gutenberg.org/ebooks/"
# Of the texts it makes; those of the authors are out of copyright in the USA.
_LICENSE: Final = "CC0-1.0"


def open_standard_ebooks(folder: Path) -> Opened:
    """The books under a folder.

    Raises:
        NotFoundError: there is no such folder, or no book in it.
    """
    if not folder.is_dir():
        raise NotFoundError(f"There is no folder {folder}.", hint="Check the path.")
    if not any(_is_book(path) for files in walk(folder) for path in files):
        raise NotFoundError(
            f"There is no book of Standard Ebooks in {folder}.",
            hint=f"Folders with a {PACKAGE}, or .epub files were expected.",
        )
    fallbacks = {"kind": "book", "source": "Standard Ebooks", "license": _LICENSE, "subjects": ""}
    return Opened(_read_books(folder), fallbacks)


def _is_book(path: Path) -> bool:
    return path.name == PACKAGE or path.suffix.lower() == ".epub"


def _read_books(folder: Path) -> Iterator[Found]:
    for files in walk(folder):
        for path in filter(_is_book, files):
            yield Found(path.relative_to(folder).as_posix(), 0, _read_book(path))


def _read_book(path: Path) -> dict[str, Any] | RowError:
    try:
        if path.name == PACKAGE:
            return _describe(open_folder(path.parent), PACKAGE)
        with zipfile.ZipFile(path) as archive:
            read = open_zip(archive)
            return _describe(read, find_package(read))
    except DAMAGE as error:
        said = " ".join(str(error).split()) or type(error).__name__
        return RowError(f"The book is damaged: {said}.")


def _describe(read: Read, name: str) -> dict[str, Any]:
    package = read_package(read, name)
    url = next((address for address in package.addresses if address.startswith(_EBOOKS)), "")
    gutenberg = next((address for address in package.addresses if address.startswith(_GUTENBERG)), "")
    return {
        "id": url.removeprefix(_EBOOKS).strip("/").replace("/", "_"),
        "title": package.title,
        "authors": list(package.authors),
        "url": url,
        "language": package.language,
        "subjects": list(package.subjects),
        "description": package.description,
        "text": read_body(read, package.chapters),
        "gutenberg_id": gutenberg.removeprefix(_GUTENBERG).strip("/"),
    }
