"""Other ways to search a library by words and meaning under a filter, as one would put them together.

Each gets the same words, the same query vectors and the same filters, makes its index once beside the
library, and answers with the first ten rows. All fuse both rankings by reciprocal ranks.
"""

import importlib.util
import os
import re
import sqlite3
from collections.abc import Callable, Iterator
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

import faiss
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from leximind.labels import EMOTIONS, KINDS, TOPICS
from leximind.library.filters import Filters
from leximind.library.store import Library

DEPTH, TOP = 200, 10
K = 60
N_PROBES, REFINE = 64, 4
"""How LanceDB looks: into so many cells, and so many times the works asked for by their embeddings again."""

BLOCK = 8192
Floats = NDArray[np.float32]


class Peer(Protocol):
    """Something to ask."""

    name: str

    def ask(self, query: str, vector: Floats, filters: Filters) -> list[int]: ...


class MissingPeerError(Exception):
    """A peer cannot take part; the reason is for readers."""


def fuse(rankings: list[list[int]]) -> list[int]:
    """The first rows by reciprocal ranks."""
    scores: dict[int, float] = {}
    for ranking in rankings:
        for rank, row in enumerate(ranking, start=1):
            scores[row] = scores.get(row, 0.0) + 1 / (K + rank)
    return sorted(scores, key=lambda row: -scores[row])[:TOP]


class Flat:
    """FAISS without any cells: every work is compared with every query."""

    def __init__(self, library: Library) -> None:
        self._library = library
        self.index = faiss.IndexFlatIP(library.embeddings.shape[1])
        for start in range(0, len(library), BLOCK):
            self.index.add(np.ascontiguousarray(library.embeddings[start : start + BLOCK]))

    def closest(self, vector: Floats, filters: Filters, k: int = DEPTH) -> list[int]:
        bits = np.packbits(filters.mask(self._library), bitorder="little")
        selector = faiss.IDSelectorBitmap(len(bits), faiss.swig_ptr(bits))
        _, rows = self.index.search(vector[None], k, params=faiss.SearchParameters(sel=selector))
        return [int(row) for row in rows[0] if row >= 0]


class Bm25sAndFlat:
    """bm25s over all rows with the filter as a mask, beside FAISS flat."""

    name = "bm25s + FAISS flat"

    def __init__(self, library: Library, flat: Flat, folder: Path) -> None:
        if importlib.util.find_spec("bm25s") is None:
            raise MissingPeerError("bm25s is not installed (requirements-bench.txt)")
        import bm25s  # type: ignore[import-untyped]

        self._bm25s, self._library, self._flat = bm25s, library, flat
        place = folder / "bm25s"
        if not place.exists():
            texts = [text for block in read_texts(library) for text in block]
            made = bm25s.BM25()
            made.index(bm25s.tokenize(texts, stopwords="en", show_progress=False), show_progress=False)
            made.save(place)
        self._index = bm25s.BM25.load(place, mmap=True)

    def ask(self, query: str, vector: Floats, filters: Filters) -> list[int]:
        words = self._bm25s.tokenize(query, stopwords="en", return_ids=False, show_progress=False)
        found: list[int] = []
        if words[0]:
            mask = filters.mask(self._library).astype(np.float32)
            rows, scores = self._index.retrieve(words, k=DEPTH, weight_mask=mask, show_progress=False)
            found = [int(row) for row, score in zip(rows[0], scores[0], strict=True) if score > 0]
        return fuse([self._flat.closest(vector, filters), found])


class SqliteAndFlat:
    """SQLite's FTS5 with the filter in SQL, beside FAISS flat."""

    name = "SQLite FTS5 + FAISS flat"

    def __init__(self, library: Library, flat: Flat, folder: Path) -> None:
        self._flat = flat
        place = folder / "works.sqlite"
        if not place.exists():
            building = place.with_suffix(".partial")
            building.unlink(missing_ok=True)
            self._build(library, sqlite3.connect(building))
            building.rename(place)
        self._base = sqlite3.connect(place)

    @staticmethod
    def _build(library: Library, base: sqlite3.Connection) -> None:
        base.execute("CREATE TABLE works (id INTEGER PRIMARY KEY, kind, topic, year, bits)")
        base.execute("CREATE VIRTUAL TABLE texts USING fts5(text, content='', tokenize='porter')")
        row = 0
        columns = list(read_columns(library))
        for block in read_texts(library):
            rows = range(row, row + len(block))
            base.executemany("INSERT INTO texts (rowid, text) VALUES (?, ?)", zip(rows, block, strict=True))
            base.executemany("INSERT INTO works VALUES (?, ?, ?, ?, ?)", [(i, *columns[i]) for i in rows])
            row += len(block)
        base.execute("INSERT INTO texts (texts) VALUES ('optimize')")
        base.commit()
        base.close()

    def ask(self, query: str, vector: Floats, filters: Filters) -> list[int]:
        words = [f'"{word}"' for word in re.findall(r"\w+", query)]
        found: list[int] = []
        for joint in (" ", " OR "):  # all words, else some
            if words and not found:
                rows = self._base.execute(
                    "SELECT works.id FROM texts JOIN works ON works.id = texts.rowid WHERE texts MATCH ? AND "
                    f"{write_sql(filters, _has_bit)} ORDER BY bm25(texts) LIMIT {DEPTH}",
                    (joint.join(words),),
                )
                found = [row for (row,) in rows]
        return fuse([self._flat.closest(vector, filters), found])


class Lance:
    """LanceDB's own hybrid search, its vectors in cells with 8-bit codes, measured again, filtered before."""

    name = "LanceDB hybrid"

    def __init__(self, library: Library, flat: Flat, folder: Path) -> None:
        if importlib.util.find_spec("lancedb") is None:
            raise MissingPeerError("lancedb is not installed (requirements-bench.txt)")
        os.environ.setdefault("LANCE_LOG", "error")  # it warns of each question
        import lancedb
        from lancedb.rerankers import RRFReranker

        self._library = library
        base = lancedb.connect(str(folder / "lance"))
        done = folder / "lance.done"
        if not done.exists():
            table = base.create_table("works", self._batches, schema=self._schema, mode="overwrite")
            table.create_index(metric="dot", index_type="IVF_SQ", vector_column_name="vector")
            table.create_fts_index("text", replace=True)
            for name in ("kind", "topic", "year"):
                table.create_scalar_index(name)
            table.create_scalar_index("tone", index_type="LABEL_LIST")
            done.touch()
        self._table, self._reranker = base.open_table("works"), RRFReranker()

    @cached_property
    def _schema(self) -> pa.Schema:
        width = self._library.embeddings.shape[1]
        numbers = [(name, pa.int64()) for name in ("row", "kind", "topic", "year", "bits")]
        texts = [("text", pa.string()), ("tone", pa.list_(pa.string()))]
        return pa.schema([*numbers, *texts, ("vector", pa.list_(pa.float32(), width))])

    @property
    def _batches(self) -> Iterator[pa.RecordBatch]:
        columns, start = list(read_columns(self._library)), 0
        for block in read_texts(self._library):
            rows = range(start, start + len(block))
            flat = pa.array(np.asarray(self._library.embeddings[start : start + len(block)]).ravel())
            vectors = pa.FixedSizeListArray.from_arrays(flat, self._library.embeddings.shape[1])
            numbers = zip(*((i, *columns[i]) for i in rows), strict=True)
            arrays = [pa.array(values, pa.int64()) for values in numbers]
            tones = self._library.table.column("tone").slice(start, len(block)).combine_chunks()
            yield pa.record_batch([*arrays, pa.array(block), tones, vectors], self._schema)
            start += len(block)

    def ask(self, query: str, vector: Floats, filters: Filters) -> list[int]:
        words = " ".join(re.findall(r"\w+", query))
        asked: Any = self._table.search(query_type="hybrid").vector(vector).text(words)
        asked = asked.nprobes(N_PROBES).refine_factor(REFINE)
        asked = asked.where(write_sql(filters, _has_tone), prefilter=True).rerank(self._reranker)
        return [int(row) for row in asked.limit(TOP).select(["row"]).to_arrow().column("row").to_pylist()]

    def closest(self, vector: Floats, filters: Filters, k: int = TOP) -> list[int]:
        """By meaning alone, for its recall."""
        asked: Any = self._table.search(vector, vector_column_name="vector")
        asked = asked.nprobes(N_PROBES).refine_factor(REFINE)
        asked = asked.where(write_sql(filters, _has_tone), prefilter=True)
        return [int(row) for row in asked.limit(k).select(["row"]).to_arrow().column("row").to_pylist()]


PEERS: dict[str, Any] = {"bm25s": Bm25sAndFlat, "sqlite": SqliteAndFlat, "lancedb": Lance}


def read_texts(library: Library) -> Iterator[list[str]]:
    """What a reader may search in of each work, as one text."""
    names = ["title", "authors", "subjects", "description", "summary"]
    for batch in library.table.select(names).to_batches():
        columns = [column.to_pylist() for column in batch.columns]
        yield [" ".join([t, *a, *s, d, m]) for t, a, s, d, m in zip(*columns, strict=True)]


def read_columns(library: Library) -> Iterator[tuple[int | None, ...]]:
    """kind, topic, year, tone (a bit a label) of each work."""
    tones = library.tones @ (1 << np.arange(len(EMOTIONS), dtype=np.int64))
    years = [int(y) if has else None for y, has in zip(library.years, library.has_year, strict=True)]
    kinds, topics = library.kinds.tolist(), library.topics.tolist()
    return zip(kinds, topics, years, tones.tolist(), strict=True)


def _has_bit(emotion: str) -> str:
    return f"(bits & {1 << EMOTIONS.index(emotion)}) != 0"


def _has_tone(emotion: str) -> str:
    return f"array_has(tone, '{emotion}')"


def write_sql(filters: Filters, feels: Callable[[str], str]) -> str:
    """The filters of the benchmark as a condition; lengths are not among them."""
    held = []
    if filters.kind:
        held.append(f"kind = {KINDS.index(filters.kind)}")
    if filters.topics:
        held.append(f"topic IN ({', '.join(str(TOPICS.index(topic)) for topic in filters.topics)})")
    held += [feels(name) for name in filters.emotions]
    held += [f"NOT {feels(name)}" for name in filters.exclude_emotions]
    if filters.year_from is not None:
        held.append(f"year >= {filters.year_from}")
    if filters.year_to is not None:
        held.append(f"year <= {filters.year_to}")
    return " AND ".join(held) or "1 = 1"
