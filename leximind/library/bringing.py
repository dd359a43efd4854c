"""What becomes of somebody's list on a shelf: every row is added, there already, or told with the reason."""

from collections.abc import Collection
from dataclasses import dataclass

from leximind.library.importing import Listing, Row
from leximind.library.matching import Matcher
from leximind.library.saved import MAX_ENTRIES, Saved
from leximind.library.store import Library
from leximind.library.work import Work

FULL = f"the shelf is full: it holds {MAX_ENTRIES:,} works"


@dataclass(frozen=True)
class Outcome:
    """Each row of a list is in exactly one of these.

    Attributes:
        added: rows with the entry that each becomes, in the order of the list.
        kept: entries of our own files for works that the library has no longer; they come along unread.
        present: rows whose work is on the shelf already, or came earlier in the list.
        missing: rows without a work, and why.
    """

    added: tuple[tuple[Row, Saved], ...]
    kept: tuple[tuple[Row, Saved], ...]
    present: tuple[tuple[Row, str], ...]
    missing: tuple[tuple[Row, str], ...]

    @property
    def entries(self) -> tuple[Saved, ...]:
        """What goes on the shelf."""
        return tuple(entry for _, entry in (*self.added, *self.kept))


def bring(library: Library, matcher: Matcher, listing: Listing, shelf: Collection[str], now: str) -> Outcome:
    """Hold a list against the library and the ids on a shelf.

    Args:
        now: ISO time of rows that do not say when they were saved.
    """
    there, room = set(shelf), MAX_ENTRIES - len(shelf)
    added: list[tuple[Row, Saved]] = []
    kept: list[tuple[Row, Saved]] = []
    present: list[tuple[Row, str]] = []
    missing: list[tuple[Row, str]] = []
    for row in listing.rows:
        match = matcher.find(row)
        if match.row is None and not (listing.is_ours and row.id and row.title):
            missing.append((row, match.reason))
            continue
        work = None if match.row is None else library.works[match.row]
        entry = _enter(row, work, now)
        if entry.id in there:
            present.append((row, entry.title))
        elif len(added) + len(kept) >= room:
            missing.append((row, FULL))
        else:
            there.add(entry.id)
            (kept if work is None else added).append((row, entry))
    return Outcome(tuple(added), tuple(kept), tuple(present), tuple(missing))


def _enter(row: Row, work: Work | None, now: str) -> Saved:
    if work is None:
        return Saved(row.id, row.title, row.authors, row.year, row.kind, row.url, row.saved or now, row.note)
    facts = (work.id, work.title, work.authors, work.year, work.kind, work.url)
    return Saved(*facts, saved=row.saved or now, note=row.note)
