"""How a source is to be read."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from builders.sources.entry import FIELDS
from leximind.errors import InputError

MAPPED = (*FIELDS, "gutenberg_id")


@dataclass(frozen=True)
class SourceOptions:
    """How to read a source.

    Attributes:
        columns: a column of an entry (or ``gutenberg_id``) to the source's column that holds it; columns of
            the same name need no mention.
        defaults: what to put into a column that the source leaves empty or does not have. ``{name}`` in it
            stands for another column of the row, as in ``https://arxiv.org/abs/{arxiv_id}``, and
            ``{digest}`` for a hash of the row.
        limit: stop after so many entries.
        languages: codes of those to take; empty for all.
        deduplicate: leave out what nearly repeats an earlier work.
        streaming: read a Hub dataset over the network row by row, instead of downloading it first.
        texts: a table with ``text`` and ``gutenberg_id`` or ``id``: full texts for entries without one.

    Raises:
        InputError: a column that no entry has, or a limit below 0.
    """

    columns: Mapping[str, str] = field(default_factory=dict)
    defaults: Mapping[str, str] = field(default_factory=dict)
    limit: int | None = None
    languages: tuple[str, ...] = ("en",)
    deduplicate: bool = True
    streaming: bool = True
    texts: Path | None = None

    def __post_init__(self) -> None:
        for name in (*self.columns, *self.defaults):
            if name not in MAPPED:
                raise InputError(
                    f"{name!r} is no column of a work; one of {', '.join(MAPPED)} was expected.",
                    hint="A mapping goes from the work's column to the source's: authors=creator.",
                )
        if self.limit is not None and self.limit < 0:
            raise InputError(f"limit is {self.limit}, but 0 or more was expected.")
