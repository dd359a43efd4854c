"""Where works come from: a place, as a user names it, opened by the reader for it."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from builders.sources.admission import admit
from builders.sources.arxiv import open_arxiv
from builders.sources.columns import find_placeholders
from builders.sources.entry import Entry, Rejection
from builders.sources.folder import SIDECARS, is_document, open_documents
from builders.sources.found import Found, Opened
from builders.sources.gutenberg import open_gutenberg
from builders.sources.hub import open_hub
from builders.sources.options import MAPPED, SourceOptions
from builders.sources.standardebooks import open_standard_ebooks
from builders.sources.tables import TABLES, is_table, read_table
from builders.sources.texts import Texts
from builders.sources.walk import walk
from leximind.errors import InputError, NotFoundError
from leximind.text.documents import SUFFIXES

HUB: Final = "hub:"


def open_source(place: str | Path, options: SourceOptions | None = None) -> Iterator[Entry | Rejection]:
    """Read works from a place, one by one and in the same order every time.

    Memory does not grow with the number of works. Damage costs the file or row it is in, never the rest.

    Args:
        place: a folder of tables (.jsonl, .csv, .parquet) or of documents (.txt, .epub, .pdf, .html, .md),
            one such file, ``hub:OWNER/NAME[/CONFIGURATION][:SPLIT]``, ``arxiv:FILE``, ``gutenberg:FOLDER`` or
            ``standardebooks:FOLDER``.

    Raises:
        NotFoundError: there is no such place, or nothing to read in it. Raised at once, as all of these are.
        InputError: a file of another kind, or options that do not fit.
        DataError: while reading: the network failed.
    """
    options = options or SourceOptions()
    texts = Texts(options.texts)
    return admit(_open(str(place), options), options, texts)


def _open(place: str, options: SourceOptions) -> Opened:
    if place.startswith(HUB):
        return open_hub(place.removeprefix(HUB), streaming=options.streaming)
    prefix, _, rest = place.partition(":")
    if prefix in _READERS:
        if not rest:
            raise InputError(f"{place!r} names no place after {prefix}:, but a path was expected.")
        return _READERS[prefix](Path(rest))
    path = Path(place)
    if path.is_dir():
        return _open_folder(path, options)
    if not path.is_file():
        raise NotFoundError(f"There is no file or folder {path}.", hint="Check the path.")
    if is_table(path):
        return Opened(read_table(path, path.name, _wanted(options)))
    if is_document(path):
        return open_documents(path)
    raise InputError(
        f"{path.name} is not a source: a folder, or one of {', '.join((*TABLES, *SUFFIXES))} was expected.",
        hint="Convert it to one of these.",
    )


def _open_folder(folder: Path, options: SourceOptions) -> Opened:
    """Tables where there are any: documents beside them are about them. Sidecars alone are tables too."""
    has_documents = has_sidecar = False
    for files in walk(folder):
        for path in files:
            if is_table(path) and path.name not in SIDECARS:
                return Opened(_read_tables(folder, options))
            has_sidecar = has_sidecar or is_table(path)
            has_documents = has_documents or is_document(path)
    if has_documents:
        return open_documents(folder)
    if has_sidecar:
        return Opened(_read_tables(folder, options))
    raise NotFoundError(
        f"There is no .jsonl file, other table or document in {folder}.",
        hint=f"One of {', '.join((*TABLES, *SUFFIXES))} was expected.",
    )


def _read_tables(folder: Path, options: SourceOptions) -> Iterator[Found]:
    for files in walk(folder):
        for path in filter(is_table, files):
            yield from read_table(path, path.relative_to(folder).as_posix(), _wanted(options))


def _wanted(options: SourceOptions) -> set[str]:
    """The columns that are needed."""
    return {*MAPPED, *options.columns.values(), *find_placeholders(options.defaults.values())}


_READERS: Final[dict[str, Callable[[Path], Opened]]] = {
    "arxiv": open_arxiv,
    "gutenberg": open_gutenberg,
    "standardebooks": open_standard_ebooks,
}
