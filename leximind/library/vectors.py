"""Nearest works by meaning: FAISS inner product over unit-length embeddings.

A small library is searched exactly, and so are the few works that a narrow filter leaves. A large library is
divided into cells (an inverted file, Sivic and Zisserman, 2003) with 8-bit codes: a query looks into the
closest cells only, until enough works that pass the filter were seen, and measures the best by their codes
again.
"""

import os
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from math import ceil
from pathlib import Path
from typing import Final, NamedTuple

import faiss
import numpy as np
from numpy.typing import NDArray

from leximind.errors import DataError

LARGE: Final = 20_000
"""From so many works on a library is large: an exact search over 30 MB takes as long as all else."""

LOOKED_AT: Final = 0.05
"""Such a share of the works that pass the filter is compared with a query in a large library, by codes."""

N_CELLS: Final = 128
"""But at least as many as so many cells hold without a filter."""

N_FEW: Final = 8192
"""So few are compared without codes or cells: 12 MB."""

COUNTED: Final = 4
"""One work in so many is counted to know how many of a cell pass the filter."""

N_MEASURED: Final = 64
"""So many more than were asked for are measured by their embeddings: codes err in the fourth decimal."""

N_MASKS: Final = 8
"""So many filters are remembered."""

CELLS: Final = 4.0  # times the square root of the number of works, as FAISS advises
SAMPLE: Final = 64  # works a cell that the division is learnt from

Floats = NDArray[np.float32]

# A query over a shelf is far too small to share out: with two threads it takes ten times as long.
faiss.omp_set_num_threads(1)


class VectorIndex:
    """Row numbers are those of the embeddings it was built from."""

    def __init__(self, index: faiss.Index, embeddings: Floats | None = None) -> None:
        self._index, self._embeddings = index, embeddings
        self._cells = None if isinstance(index, faiss.IndexFlat) else _Cells(index)
        self._masks: deque[tuple[NDArray[np.bool_], _Allowed]] = deque(maxlen=N_MASKS)

    def __len__(self) -> int:
        return int(self._index.ntotal)

    @property
    def is_exact(self) -> bool:
        """Whether every work is compared with every query."""
        return self._cells is None

    @classmethod
    def build(cls, embeddings: Floats) -> "VectorIndex":
        """Index (N, D) unit-length embeddings; a large index keeps them at hand."""
        if len(embeddings) < LARGE:
            index = faiss.IndexFlatIP(embeddings.shape[1])
            index.add(np.ascontiguousarray(embeddings, dtype=np.float32))
            return cls(index)
        with _all_threads():
            return cls(_divide(embeddings), embeddings)

    @classmethod
    def load(cls, path: Path, embeddings: Floats | None = None) -> "VectorIndex":
        """Read what ``save`` wrote.

        Args:
            embeddings: (N, D) what it was built from; without them the codes of a large index have to do.

        Raises:
            DataError: the file is missing, damaged, or another kind of index.
        """
        try:
            index = faiss.read_index(str(path))
        except RuntimeError as error:
            raise DataError(f"The vector index {path} cannot be read.", hint="Build it again.") from error
        if not isinstance(index, faiss.IndexFlatIP | faiss.IndexIVFScalarQuantizer):
            raise DataError(
                f"{path} is not a flat inner-product index, nor one of cells.", hint="Build it again."
            )
        return cls(index, embeddings)

    def save(self, path: Path) -> None:
        """Write the index to one file."""
        faiss.write_index(self._index, str(path))

    def search(
        self, queries: Floats, k: int, mask: NDArray[np.bool_] | None = None
    ) -> list[list[tuple[int, float]]]:
        """For each of (Q, D) queries up to ``k`` pairs (row, cosine), best first.

        Args:
            queries: unit length, so that the inner product is the cosine.
            mask: (N,) bool; only rows where it is true are looked at.
        """
        allowed = None if mask is None else self._read_mask(mask)
        n_allowed = len(self) if allowed is None else allowed.n
        if n_allowed == len(self):
            mask = allowed = None
        k = min(k, n_allowed)
        if k < 1:
            return [[] for _ in queries]
        queries = np.ascontiguousarray(queries, dtype=np.float32)
        selector = None
        if allowed is not None:
            selector = faiss.IDSelectorBitmap(len(allowed.bits), faiss.swig_ptr(allowed.bits))
        if self._cells is None:
            params = faiss.SearchParameters(sel=selector)
            scores, rows = self._index.search(queries, k, params=params)
            return [_pair(*answer) for answer in zip(rows, scores, strict=True)]
        if mask is not None and self._embeddings is not None and n_allowed <= N_FEW:
            few = np.flatnonzero(mask)
            return [_measure(self._embeddings, few, query, k) for query in queries]
        passing = None if allowed is None else allowed.passing
        n_wanted = min(n_allowed, int(max(LOOKED_AT * n_allowed, N_CELLS * self._cells.sizes.mean())))
        return [
            self._look(query, k, n_allowed, self._cells.choose(query, passing, n_wanted), selector)
            for query in queries
        ]

    def _read_mask(self, mask: NDArray[np.bool_]) -> "_Allowed":
        """One that cannot be written to is remembered: the same filter is asked for again and again."""
        for known, allowed in tuple(self._masks):
            if known is mask:
                return allowed
        passing = None if self._cells is None else self._cells.count(mask)
        allowed = _Allowed(int(np.count_nonzero(mask)), np.packbits(mask, bitorder="little"), passing)
        if not mask.flags.writeable:
            self._masks.append((mask, allowed))
        return allowed

    def _look(
        self, query: Floats, k: int, n_allowed: int, n_cells: int, selector: faiss.IDSelector | None
    ) -> list[tuple[int, float]]:
        """The closest in the closest cells; in all of them where those do not hold enough."""
        for n_probed in (n_cells, self._index.nlist):
            params = faiss.SearchParametersIVF(sel=selector, nprobe=n_probed)
            n_coded = min(k + N_MEASURED, n_allowed)
            (scores,), (rows,) = self._index.search(query[None], n_coded, params=params)
            if rows[k - 1] >= 0:
                break
        if self._embeddings is None:
            return _pair(rows[:k], scores[:k])
        return _measure(self._embeddings, np.sort(rows[rows >= 0]), query, k)


class _Allowed(NamedTuple):
    """The works that pass: how many, as bits, and about how many in each cell (C,) where there are cells."""

    n: int
    bits: NDArray[np.uint8]  # FAISS holds no reference to them: they have to outlive the search
    passing: NDArray[np.intp] | None


class _Cells:
    """Where the cells of an index lie, and which of its works are in them."""

    def __init__(self, index: faiss.IndexIVF) -> None:
        lists = index.invlists
        self.sizes = np.array([lists.list_size(cell) for cell in range(index.nlist)])
        self._centres: Floats = index.quantizer.reconstruct_n(0, index.nlist)
        held = [
            faiss.rev_swig_ptr(lists.get_ids(cell), int(size)) for cell, size in enumerate(self.sizes) if size
        ]
        self._rows = np.concatenate([np.zeros(0, np.int64), *held])[::COUNTED].copy()
        self._cells = np.repeat(np.arange(index.nlist), self.sizes)[::COUNTED]

    def count(self, mask: NDArray[np.bool_]) -> NDArray[np.intp]:
        """About how many works of each cell pass."""
        return COUNTED * np.bincount(self._cells[mask[self._rows]], minlength=len(self.sizes))

    def choose(self, query: Floats, passing: NDArray[np.intp] | None, n_wanted: int) -> int:
        """How many of the closest cells hold so many works that pass, where not all do."""
        if passing is None:
            return ceil(n_wanted / float(self.sizes.mean()))
        closest = np.argsort(-(self._centres @ query))
        n_cells = int(np.searchsorted(np.cumsum(passing[closest]), n_wanted)) + 1
        return min(n_cells, len(closest))


def _divide(embeddings: Floats) -> faiss.IndexIVFScalarQuantizer:
    n_works, width = embeddings.shape
    n_cells = int(CELLS * n_works**0.5)
    quantizer = faiss.IndexFlatIP(width)
    index = faiss.IndexIVFScalarQuantizer(
        quantizer, width, n_cells, faiss.ScalarQuantizer.QT_8bit, faiss.METRIC_INNER_PRODUCT, False
    )
    quantizer.this.disown()  # the index owns it now
    index.own_fields = True
    index.cp.spherical, index.cp.niter, index.cp.max_points_per_centroid = True, 10, SAMPLE
    index.train(_read(embeddings, slice(None, None, max(1, n_works // (SAMPLE * n_cells)))))
    for start in range(0, n_works, LARGE):
        index.add(_read(embeddings, slice(start, start + LARGE)))
    return index


def _read(embeddings: Floats, rows: slice) -> Floats:
    return np.ascontiguousarray(embeddings[rows], dtype=np.float32)


@contextmanager
def _all_threads() -> Iterator[None]:
    """Building is large enough to share out."""
    faiss.omp_set_num_threads(os.cpu_count() or 1)
    try:
        yield
    finally:
        faiss.omp_set_num_threads(1)


def _measure(embeddings: Floats, rows: NDArray[np.intp], query: Floats, k: int) -> list[tuple[int, float]]:
    """The best of some rows, which are in the order of the file."""
    cosines = embeddings[rows] @ query
    best = np.argsort(-cosines, kind="stable")[:k]
    return _pair(rows[best].tolist(), cosines[best].tolist())


def _pair(rows: Sequence[int], scores: Sequence[float]) -> list[tuple[int, float]]:
    return [(int(row), float(score)) for row, score in zip(rows, scores, strict=True) if row >= 0]
