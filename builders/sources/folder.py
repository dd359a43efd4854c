"""A folder of documents: each file is a work."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Any, Final

from builders.sources.columns import is_empty
from builders.sources.entry import RowError
from builders.sources.found import Found, Opened
from builders.sources.lookup import Lookup
from builders.sources.metadata import read_metadata
from builders.sources.names import make_id, read_file_name
from builders.sources.tables import read_table
from builders.sources.walk import walk
from leximind.errors import LexiMindError
from leximind.text.documents import SUFFIXES, read_document

SIDECARS: Final = ("metadata.csv", "metadata.jsonl")

# Of one work in several formats the one that says most and is read best comes first.
_PREFERENCE: Final = (".epub", ".html", ".htm", ".md", ".txt", ".pdf")
_UNREAD: Final = (".doc", ".docx", ".rtf", ".odt", ".mobi", ".azw", ".azw3", ".djvu", ".fb2", ".tex", ".ps")
_NO_WORK = re.compile(r"(?:readme|licen[cs]e|copying|changelog|contributing|notice)$", re.IGNORECASE)
_FILE_COLUMNS: Final = ("file", "file_name", "filename", "path")
_SEARCH: Final = "https://openlibrary.org/search?q={title}%20{authors}"


def is_document(path: Path) -> bool:
    """Whether a file is one that may be read as a work, by its name."""
    return path.suffix.lower() in SUFFIXES


def open_documents(place: Path) -> Opened:
    """The documents of a folder and its folders, or one document.

    What a document lacks is filled so: kind ``book``, source the folder's name, license ``Not stated``, and
    for an address a search for title and authors at Open Library, which claims nothing.
    """
    root = place if place.is_dir() else place.parent
    rows = _read_folder(place) if place.is_dir() else _read_group(root, [place], None)
    name = root.resolve().name or "Files"
    fallbacks = {"kind": "book", "source": name, "license": "Not stated", "authors": "", "subjects": ""}
    return Opened(rows, {**fallbacks, "url": _SEARCH})


def _read_folder(root: Path) -> Iterator[Found]:
    with Lookup() as sidecar:
        known = [root / name for name in SIDECARS if (root / name).is_file()]
        for path in known:
            yield from _load(path, sidecar)
        for files in walk(root):
            groups: dict[str, list[Path]] = {}
            for path in files:
                if path.name not in SIDECARS and (is_document(path) or path.suffix.lower() in _UNREAD):
                    groups.setdefault(path.stem, []).append(path)
            for group in groups.values():
                yield from _read_group(root, group, sidecar if known else None)


def _load(path: Path, sidecar: Lookup) -> Iterator[Found]:
    """Keep the rows of a sidecar by the files they name; hand back what cannot be used."""
    for found in read_table(path, path.name):
        row = found.content
        if isinstance(row, RowError):
            yield found
            continue
        given = row if isinstance(row, Mapping) else {}
        name = next((given[column] for column in _FILE_COLUMNS if given.get(column)), None)
        if not isinstance(name, str):
            reason = f"No file is named; a column {' or '.join(_FILE_COLUMNS)} was expected."
            yield Found(path.name, found.row, RowError(reason))
            continue
        sidecar.add([name.removeprefix("./")], given)


def _read_group(root: Path, files: list[Path], sidecar: Lookup | None) -> Iterator[Found]:
    """One work out of the files that have its name; when the best of them is damaged, out of the next."""
    taken = ""
    for path in sorted(files, key=_rank):
        name = path.relative_to(root).as_posix()
        if taken:
            yield Found(name, 0, RowError(f"It is the same work as {taken} in another format."))
            continue
        content = _read(root, path, sidecar)
        yield Found(name, 0, content)
        if not isinstance(content, RowError):
            taken = name


def _rank(path: Path) -> tuple[int, str]:
    suffix = path.suffix.lower()
    return (_PREFERENCE.index(suffix) if suffix in _PREFERENCE else len(_PREFERENCE)), path.name


def _read(root: Path, path: Path, sidecar: Lookup | None) -> Mapping[str, Any] | RowError:
    if _NO_WORK.match(path.stem):
        return RowError("It is a note about the folder, and no work.")
    name = PurePosixPath(path.relative_to(root).as_posix())
    try:
        text = read_document(path)
    except LexiMindError as error:
        return RowError(str(error))
    # A parser may fail in ways its author did not foresee; that costs this file, not those after it.
    except Exception as error:
        return RowError(f"The file cannot be read ({type(error).__name__}). Open it and save it anew.")
    title, authors = read_file_name(name)
    row: dict[str, Any] = {"id": make_id(name), "title": title, "authors": authors, "text": text}
    found = read_metadata(path, text)
    # A name of a file names a person only in its own title: one title with the authors of another is wrong.
    if "title" in found:
        row["authors"] = authors if _is_same(found["title"], title) else []
    row |= found
    for key in dict.fromkeys((str(name), name.name, name.stem)) if sidecar is not None else ():
        if given := sidecar.get(key) if sidecar is not None else None:
            return row | {column: value for column, value in given.items() if not is_empty(value)}
    return row


def _is_same(left: str, right: str) -> bool:
    folded = [re.sub(r"\W+", "", title).casefold() for title in (left, right)]
    return bool(folded[1]) and folded[0].startswith(folded[1])
