"""Nearest works by meaning: FAISS inner product over unit-length embeddings."""

from collections.abc import Sequence
from pathlib import Path

import faiss
import numpy as np
from numpy.typing import NDArray

from leximind.errors import DataError

# A query over a shelf is far too small to share out: with two threads it takes ten times as long.
faiss.omp_set_num_threads(1)


class VectorIndex:
    """Exact search; row numbers are those of the embeddings it was built from."""

    def __init__(self, index: faiss.IndexFlatIP) -> None:
        self._index = index

    def __len__(self) -> int:
        return int(self._index.ntotal)

    @classmethod
    def build(cls, embeddings: NDArray[np.float32]) -> "VectorIndex":
        """Index (N, D) unit-length embeddings."""
        index = faiss.IndexFlatIP(embeddings.shape[1])
        index.add(np.ascontiguousarray(embeddings, dtype=np.float32))
        return cls(index)

    @classmethod
    def load(cls, path: Path) -> "VectorIndex":
        """Read what ``save`` wrote.

        Raises:
            DataError: the file is missing, damaged, or another kind of index.
        """
        try:
            index = faiss.read_index(str(path))
        except RuntimeError as error:
            raise DataError(f"The vector index {path} cannot be read.", hint="Build it again.") from error
        if not isinstance(index, faiss.IndexFlatIP):
            raise DataError(f"{path} is not a flat inner-product index.", hint="Build it again.")
        return cls(index)

    def save(self, path: Path) -> None:
        """Write the index to one file."""
        faiss.write_index(self._index, str(path))

    def search(
        self, queries: NDArray[np.float32], k: int, mask: NDArray[np.bool_] | None = None
    ) -> list[list[tuple[int, float]]]:
        """For each of (Q, D) queries up to ``k`` pairs (row, cosine), best first.

        Args:
            queries: unit length, so that the inner product is the cosine.
            mask: (N,) bool; only rows where it is true are looked at.
        """
        n_allowed = len(self) if mask is None else int(mask.sum())
        k = min(k, n_allowed)
        if k < 1:
            return [[] for _ in queries]
        params = faiss.SearchParameters()
        if mask is not None:
            bits = np.packbits(mask, bitorder="little")
            selector = faiss.IDSelectorBitmap(len(bits), faiss.swig_ptr(bits))
            params.sel = selector
        scores, rows = self._index.search(np.ascontiguousarray(queries, dtype=np.float32), k, params=params)
        return [_pair(*answer) for answer in zip(rows, scores, strict=True)]


def _pair(rows: Sequence[int], scores: Sequence[float]) -> list[tuple[int, float]]:
    return [(int(row), float(score)) for row, score in zip(rows, scores, strict=True) if row >= 0]
