"""How well ways to lay out the map keep neighbours: ``python benchmarks/layout.py [--works N]``.

Lays out the shipped library, or so many made-up works between its own, by our layout, by its two principal
components and, where they are installed, by openTSNE and UMAP, in the same run on one thread. Printed are
recall (share of a work's 15 nearest that are among its 15 nearest on the map), trustworthiness and continuity
(Venna & Kaski, 2001), seconds, and whether a second run gives the same.
"""

import argparse
import importlib.util
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from contest import report
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from builders.layout import flatten, lay_out
from leximind.library.dataset import read_table
from leximind.library.work import read_matrix
from leximind.settings import DISCOVERY_DIR

N_NEAREST = 15
N_PROBES = 1000
Floats = NDArray[Any]


def read_embeddings() -> Floats:
    """(N, 384) of the shipped library, as the builder lays them out; of unit length but for rounding."""
    return read_matrix(read_table(DISCOVERY_DIR), "embedding")


def make_works(vectors: Floats, n_works: int, noise: float = 0.5) -> Floats:
    """(n_works, 384) unit vectors: each a mixture of a work, one close to it and one close to that."""
    rng = np.random.default_rng(0)
    cosines = vectors @ vectors.T
    near = np.argsort(-cosines, axis=1)[:, 1:13]
    first = rng.integers(0, len(vectors), n_works)
    second = near[first, rng.integers(0, near.shape[1], n_works)]
    third = near[second, rng.integers(0, near.shape[1], n_works)]
    shares = rng.dirichlet([1, 1, 1], n_works)
    mixed = sum(
        shares[:, i : i + 1] * vectors[rows] for i, rows in enumerate((first, second, third))
    ) + rng.normal(size=(n_works, vectors.shape[1])) * noise / np.sqrt(vectors.shape[1])
    return np.asarray(mixed / np.linalg.norm(mixed, axis=1, keepdims=True), np.float32)


def measure(vectors: Floats, positions: Floats, n_nearest: int = N_NEAREST) -> dict[str, float]:
    """Recall, trustworthiness and continuity, each 0 to 1, over at most ``N_PROBES`` even works."""
    n_works = len(vectors)
    probes = np.unique(np.linspace(0, n_works - 1, min(N_PROBES, n_works)).astype(int))
    found = np.empty((3, len(probes)))
    for i, row in enumerate(probes):
        meant = _rank(-(vectors @ vectors[row]), row)
        drawn = _rank(((positions - positions[row]) ** 2).sum(axis=1), row)
        near, shown = (meant > 0) & (meant <= n_nearest), (drawn > 0) & (drawn <= n_nearest)
        found[0, i] = (near & shown).sum() / n_nearest
        found[1, i] = (meant[shown & ~near] - n_nearest).sum()
        found[2, i] = (drawn[near & ~shown] - n_nearest).sum()
    worst = n_nearest * (2 * n_works - 3 * n_nearest - 1) / 2
    recall, intruders, missing = found.mean(axis=1)
    return {"recall": recall, "trustworthiness": 1 - intruders / worst, "continuity": 1 - missing / worst}


def _rank(distances: Floats, row: int) -> Floats:
    """(N,) the place of each work by distance: 1 for the nearest, 0 for the work itself."""
    distances[row] = -np.inf
    ranks = np.empty(len(distances), np.intp)
    ranks[np.argsort(distances, kind="stable")] = np.arange(len(distances))
    return ranks


def list_ways() -> dict[str, Callable[[Floats], Floats]]:
    """Each way by name; those of packages that are not installed are left out."""
    ways: dict[str, Callable[[Floats], Floats]] = {"principal components": flatten, "ours": lay_out}
    if importlib.util.find_spec("openTSNE"):
        from openTSNE import TSNE

        ways["openTSNE"] = lambda vectors: np.asarray(
            TSNE(perplexity=20, metric="cosine", neighbors="exact", random_state=0, n_jobs=1).fit(vectors)
        )
    if importlib.util.find_spec("umap"):
        from umap import UMAP

        ways["UMAP"] = lambda vectors: UMAP(metric="cosine", random_state=0, n_jobs=1).fit_transform(vectors)
    return ways


def main() -> int:
    parser = argparse.ArgumentParser(description="Compare layouts of the map.")
    parser.add_argument("--works", type=int, default=0, help="made-up works; 0 for the shipped library")
    parser.add_argument("--once", action="store_true", help="do not run each way again to compare")
    parser.add_argument("--output", type=Path)
    given = parser.parse_args()
    vectors = read_embeddings()
    if given.works:
        vectors = make_works(vectors, given.works)
    layouts: dict[str, dict[str, float | bool]] = {}
    for name, draw in list_ways().items():
        start = time.perf_counter()
        with threadpool_limits(1):
            positions = draw(vectors)
        seconds = time.perf_counter() - start
        found = {key: round(value, 4) for key, value in measure(vectors, positions).items()}
        layouts[name] = {**found, "seconds": round(seconds, 1)}
        if not given.once:
            layouts[name]["same"] = bool((positions == draw(vectors)).all())
    report({"works": len(vectors), "layouts": layouts}, given.output)
    return 0


if __name__ == "__main__":
    sys.exit(main())
