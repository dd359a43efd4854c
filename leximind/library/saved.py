"""The entries of a visitor's shelf: what a browser keeps of a work, and files to take them elsewhere."""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from leximind.errors import InputError, NotFoundError
from leximind.labels import EMOTIONS, KINDS, TOPICS
from leximind.library.export import export
from leximind.library.store import Library
from leximind.library.work import YEARS, Work

FORMAT, VERSION = "leximind-shelf", 1
FORMS: Final[dict[str, tuple[str, str]]] = {
    "json": ("json", "application/json"),
    "csv": ("csv", "text/csv"),
    "bibtex": ("bib", "application/x-bibtex"),
    "ris": ("ris", "application/x-research-info-systems"),
}
"""Format of a file to its suffix and media type."""

MAX_ENTRIES: Final = 1000
MAX_TEXT: Final = 500
_MAX_AUTHORS: Final = 50
_ADDRESS: Final = re.compile(r"https?://[^\s/?#]+([/?#]\S*)?")
# Control characters, and halves of surrogate pairs, which no file can hold.
_UNPRINTABLE: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]+")
_PARTS: Final = ("arc", "x", "y")


@dataclass(frozen=True, slots=True)
class Saved:
    """One entry of a shelf; all but the id may be empty.

    Attributes:
        title, authors, year, kind, url: of the work as it was when it was saved, so that an entry still says
            what it was when the library has it no longer.
        saved: ISO time in UTC.
        note: the visitor's own line.
    """

    id: str
    title: str = ""
    authors: tuple[str, ...] = ()
    year: int | None = None
    kind: str = ""
    url: str = ""
    saved: str = ""
    note: str = ""


def read_saved(data: Any) -> tuple[Saved, ...]:
    """The entries in whatever a browser or a file holds; what is none is left out. Never raises."""
    if not isinstance(data, Sequence) or isinstance(data, str):
        return ()
    entries = (read_entry(item) for item in data[:MAX_ENTRIES])
    found: dict[str, Saved] = {}
    for entry in entries:
        if entry is not None and entry.id:
            found.setdefault(entry.id, entry)
    return tuple(found.values())


def read_entry(item: Any) -> Saved | None:
    """One entry, each value in bounds; its id may be empty. None for what is no entry."""
    if not isinstance(item, Mapping):
        return None
    authors = item.get("authors")
    authors = authors if isinstance(authors, list) else []
    year, url = item.get("year"), clean(item.get("url"), 2000)
    is_year = type(year) is int and YEARS[0] <= year <= YEARS[1]
    return Saved(
        id=clean(item.get("id"), 300),
        title=clean(item.get("title")),
        authors=tuple(name for given in authors[:_MAX_AUTHORS] if (name := clean(given, 200))),
        year=year if is_year else None,
        kind=item["kind"] if item.get("kind") in KINDS else "",
        url=url if _ADDRESS.fullmatch(url) else "",
        saved=read_time(item.get("saved")),
        note=clean(item.get("note")),
    )


def clean(given: object, most: int = MAX_TEXT) -> str:
    """One printable line of at most so many characters; "" for what is no text."""
    return " ".join(_UNPRINTABLE.sub(" ", given[: 4 * most]).split())[:most] if isinstance(given, str) else ""


def read_time(given: object) -> str:
    """An ISO time in UTC from an ISO date or time, or a date such as ``2024/03/09``; "" for anything else."""
    text = clean(given, 40).replace("/", "-")
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return ""
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    try:
        return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    except (OverflowError, ValueError):
        return ""


def write_shelf(library: Library, entries: Iterable[Saved], form: str) -> str:
    """The entries as the text of a file; those that the library has no longer with what was kept of them.

    Args:
        form: one of ``FORMS``.

    Raises:
        InputError: another format.
    """
    if form not in FORMS:
        raise InputError(f"The format is {form!r}, but one of {', '.join(FORMS)} was expected.")
    if form == "json":
        return _write_json(library, entries)
    works = [_find(library, entry.id) or _recall(entry) for entry in entries]
    return "".join(export(works, form))


def _write_json(library: Library, entries: Iterable[Saved]) -> str:
    works = []
    for entry in entries:
        work = _find(library, entry.id)
        own = {"id": entry.id, "saved": entry.saved, "note": entry.note, "in_library": work is not None}
        if work is None:
            kept = {"title": entry.title, "authors": list(entry.authors), "year": entry.year}
            works.append(own | kept | {"kind": entry.kind, "url": entry.url})
        else:
            facts = work.to_dict()
            works.append(own | {name: value for name, value in facts.items() if name not in _PARTS})
    head = {"format": FORMAT, "version": VERSION, "library": library.version, "model": library.model}
    lines = ",\n".join(json.dumps(work, ensure_ascii=False) for work in works)
    return f'{json.dumps(head, ensure_ascii=False)[:-1]},\n"works": [\n{lines}\n]}}\n'


def _find(library: Library, work_id: str) -> Work | None:
    try:
        return library.works[library.row(work_id)]
    except NotFoundError:
        return None


def _recall(entry: Saved) -> Work:
    """An entry as a work of which nothing is known but what was kept; no model has read it."""
    return Work(
        id=entry.id,
        kind="paper" if entry.kind == "paper" else "book",
        title=entry.title or entry.id,
        authors=entry.authors,
        year=entry.year,
        url=entry.url,
        source="",
        license="",
        language="",
        subjects=(),
        description="",
        summary="",
        summary_source="extracted",
        topic="",
        topic_scores=(0.0,) * len(TOPICS),
        emotions=(0.0,) * len(EMOTIONS),
        tone=(),
        arc=(),
        n_words=None,
        provenance="",
        x=0.0,
        y=0.0,
        model="",
        analysed_at="",
    )
