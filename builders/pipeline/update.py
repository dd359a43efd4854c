"""What a dataset already says: works that did not change are taken over as they are."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from builders.analyse import Finding, Passages, aggregate, count_words, list_passages
from builders.pipeline.files import hash_text
from builders.pipeline.options import Options
from builders.pipeline.parts import read_table
from builders.pipeline.texts import TEXTS, TextCache
from builders.sources import Entry
from leximind.library.dataset import MANIFEST, WORKS, read_manifest
from leximind.library.work import SCHEMA


@dataclass(frozen=True)
class Changes:
    """How a source differs from the dataset that was made from it before."""

    n_kept: int = 0
    n_changed: int = 0
    n_added: int = 0
    n_removed: int = 0


_PLAIN: Final = ("id", "title", "description", "summary", "summary_source", "n_words", "analysed_at")
_FIGURES: Final = ("topic_scores", "emotions", "embedding")


class Known:
    """The rows of a dataset by their ids; in memory about two kilobytes a work.

    Args:
        table: the columns that an analysis reads and gives; None where there is no dataset.
        is_current: whether the same analysis gave them.
        texts: full texts that were read before.
    """

    def __init__(self, table: pa.Table | None, is_current: bool, texts: TextCache) -> None:
        self._is_current, self._texts = is_current, texts
        self._plain: pa.Table = None if table is None else table.select(_PLAIN)
        names = [] if table is None else table.column("id").to_pylist()
        self._rows: dict[str, int] = {name: row for row, name in enumerate(names)}
        self._figures = {} if table is None else {name: _read_matrix(table, name) for name in _FIGURES}

    def take(self, entries: Sequence[Entry]) -> dict[int, Finding]:
        """The findings of those entries that are known and unchanged, by their place among ``entries``."""
        if not self._is_current:
            return {}
        places = [place for place, entry in enumerate(entries) if entry.id in self._rows]
        rows = [self._rows[entries[place].id] for place in places]
        plain = self._plain.take(pa.array(rows, pa.int64())).to_pylist()
        found = {
            place: self._compare(entries[place], values, row)
            for place, row, values in zip(places, rows, plain, strict=True)
        }
        return {place: finding for place, finding in found.items() if finding is not None}

    def count(self, parts: Iterable[Sequence[Entry]]) -> Changes:
        """How a source, part by part, differs from the dataset."""
        n_kept = n_changed = n_added = 0
        seen: set[str] = set()
        for part in parts:
            known = [entry.id for entry in part if entry.id in self._rows]
            seen.update(known)
            n_same = len(self.take(part))
            n_kept += n_same
            n_changed += len(known) - n_same
            n_added += len(part) - len(known)
        return Changes(n_kept, n_changed, n_added, len(self._rows) - len(seen))

    def _compare(self, entry: Entry, plain: dict[str, Any], row: int) -> Finding | None:
        """The finding of a row if it is what this very entry would get."""
        if (entry.title, entry.description) != (plain["title"], plain["description"]):
            return None
        if bool(entry.text) != (plain["n_words"] is not None):
            return None
        figures = Finding(
            summary=plain["summary"],
            summary_source=plain["summary_source"],
            topic_scores=self._figures["topic_scores"][row].tolist(),
            emotions=self._figures["emotions"][row].tolist(),
            embedding=self._figures["embedding"][row],
            n_words=plain["n_words"],
            analysed_at=plain["analysed_at"],
        )
        return figures if not entry.text else self._compare_text(entry.text, figures)

    def _compare_text(self, text: str, figures: Finding) -> Finding | None:
        """A dataset does not hold its texts: what was read of this one must give the same figures."""
        passages = self._texts.find(text)
        if passages is None or count_words(text) != figures.n_words or not _agree(passages, figures):
            return None
        return replace(figures, **list_passages(passages))


def find_known(options: Options, version: str) -> Known:
    """The dataset of ``options.output``; empty where there is none.

    Raises:
        DataError: there is one, and it is damaged.
    """
    folder = options.output
    texts = TextCache(options.folder / TEXTS, hash_text([version, options.precision]))
    if not (folder / MANIFEST).is_file():
        return Known(None, False, texts)
    stage = read_manifest(folder).get("stages", {}).get("analyse", {})
    ours = {"precision": options.precision, "summaries": options.summaries}
    is_current = stage.get("version") == version and ours.items() <= stage.get("config", {}).items()
    return Known(read_table(folder / WORKS, (*_PLAIN, *_FIGURES)), is_current, texts)


def _read_matrix(table: pa.Table, name: str) -> NDArray[Any]:
    column = table.column(name).combine_chunks()
    size = SCHEMA.field(name).type.list_size
    return np.asarray(column.flatten().to_numpy(zero_copy_only=False)).reshape(-1, size)


def _agree(passages: Passages, figures: Finding) -> bool:
    found = aggregate(passages)
    given = (figures.emotions, figures.topic_scores)
    return all(np.allclose(ours, theirs, atol=1e-6) for ours, theirs in zip(found, given, strict=True))
