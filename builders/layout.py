"""Where each work lies on the map: works that are alike lie close together."""

from collections.abc import Iterable
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from leximind.labels import D_EMBEDDING

MAX_LANDMARKS: Final = 20_000
"""Of more works than this an even sample is laid out, and each of the others goes to where its like are."""

PERPLEXITY: Final = 20.0
N_NEAREST: Final = 10
"""So many landmarks say where a work belongs."""

SHARPNESS: Final = 30.0
"""A landmark less close by a cosine of 0.1 has a twentieth of the weight."""

REACH: Final = 3.0
"""Landmarks count that lie within so many times the distance of neighbours around the closest one."""

SPACING: Final = 0.5
"""Least distance of two landmarks, as a share of what it would be if all stood evenly spread."""

_SPREADING_ROUNDS: Final = 60
_MIN_WORKS: Final = 8
_DECIMALS: Final = 4
_GOLDEN_ANGLE: Final = np.pi * (3 - 5**0.5)

Floats = NDArray[np.float64]
Vectors = NDArray[np.float32]


class Layout:
    """Positions within -1 to 1 that keep neighbours: t-SNE (van der Maaten, 2014) on cosine distance.

    Two readings of the embeddings, in the same order: ``add`` every block, then ``place`` every block. At
    most ``limit`` embeddings are held. The same works in the same order give the same positions.
    """

    def __init__(self, width: int = D_EMBEDDING, *, limit: int = MAX_LANDMARKS) -> None:
        self._width, self._limit = width, limit
        self._n, self._step = 0, 1
        self._kept: list[Vectors] = []
        self._n_kept = 0

    def add(self, embeddings: NDArray[Any]) -> None:
        """Take (n, width) works into account; all of them before ``place`` is called."""
        first = -self._n % self._step
        kept = np.array(embeddings[first :: self._step], np.float32)
        self._n += len(embeddings)
        self._kept.append(kept)
        self._n_kept += len(kept)
        # Every second one goes, so that those kept stay evenly spread over all works so far.
        while self._n_kept > self._limit:
            self._kept = [self._landmarks()[::2].copy()]
            self._n_kept, self._step = len(self._kept[0]), 2 * self._step

    def place(self, blocks: Iterable[NDArray[Any]]) -> Floats:
        """Positions of all works in their order, (N, 2)."""
        landmarks = self._landmarks()
        anchors = spread(embed(landmarks))
        if self._step == 1:
            return _scale(anchors)
        positions, row = np.empty((self._n, 2)), 0
        placing = _Placing(landmarks, anchors)
        for block in blocks:
            rows = np.arange(row, row + len(block))
            positions[rows] = placing.place(np.asarray(block, np.float32), rows)
            row += len(block)
        positions[:: self._step] = anchors
        return _scale(positions)

    def _landmarks(self) -> Vectors:
        return np.concatenate(self._kept) if self._kept else np.zeros((0, self._width), np.float32)


def lay_out(embeddings: NDArray[Any], *, limit: int = MAX_LANDMARKS) -> Floats:
    """Positions on a map, (N, 2); see ``Layout``."""
    layout = Layout(embeddings.shape[1], limit=limit)
    layout.add(embeddings)
    return layout.place([embeddings])


def flatten(embeddings: NDArray[Any]) -> Floats:
    """The first two principal components of (N, width), (N, 2), within -1 to 1.

    The sign of a component is arbitrary; here its largest weight is positive, so that the same works always
    give the same positions.
    """
    return _scale(_project(np.asarray(embeddings, np.float64)))


def embed(vectors: Vectors) -> Floats:
    """(N, width) to (N, 2) by t-SNE from the principal components on; of a few works those alone."""
    start = _project(vectors.astype(np.float64))
    if len(vectors) < _MIN_WORKS or (span := float(start[:, 0].std())) < 1e-9:
        return start
    from sklearn import config_context
    from sklearn.manifold import TSNE

    method = TSNE(
        perplexity=min(PERPLEXITY, (len(vectors) - 1) / 3),
        metric="cosine",
        init=(start / span * 1e-4).astype(np.float32),
        random_state=0,
        n_jobs=1,
    )
    # More threads add in another order, and the map would come out differently. Distances of all pairs are
    # taken in strips of so many MB.
    with threadpool_limits(1), config_context(working_memory=64):
        return np.asarray(method.fit_transform(vectors), np.float64)


def spread(positions: Floats) -> Floats:
    """(N, 2) with room between all points: those too close push each other away, half the way each."""
    if len(positions) < 2:
        return positions
    from scipy.spatial import KDTree

    room = SPACING * _space(positions)
    # Points on the same spot have no direction to go in; a nudge by the golden angle gives them one.
    placed = positions + 0.01 * room * _spiral(np.arange(len(positions)))
    for _ in range(_SPREADING_ROUNDS):
        pairs = KDTree(placed).query_pairs(room, output_type="ndarray")
        if not len(pairs):
            break
        pairs = pairs[np.lexsort((pairs[:, 1], pairs[:, 0]))]
        apart = placed[pairs[:, 0]] - placed[pairs[:, 1]]
        distance = np.maximum(np.linalg.norm(apart, axis=1, keepdims=True), 1e-12)
        push = apart / distance * (1.001 * room - distance) / 2
        np.add.at(placed, pairs[:, 0], push)
        np.add.at(placed, pairs[:, 1], -push)
    return placed


class _Placing:
    """Puts further works beside the landmarks that they are closest to."""

    def __init__(self, vectors: Vectors, positions: Floats) -> None:
        import faiss

        self._index = faiss.IndexFlatIP(vectors.shape[1])
        self._index.add(_normalize(vectors))
        self._positions = positions
        self._room = _space(positions)

    def place(self, vectors: Vectors, rows: NDArray[np.intp]) -> Floats:
        """(n, 2) for (n, width) works of these rows: the mean of the closest landmarks' positions.

        The landmarks closest in meaning may lie in several places. Of them only those around the closest one
        count, as nobody is served by a work that lies in the middle of nowhere.
        """
        with threadpool_limits(1):
            cosines, nearest = self._index.search(_normalize(vectors), min(N_NEAREST, self._index.ntotal))
        places = self._positions[nearest]
        weights = np.exp(SHARPNESS * (cosines.astype(np.float64) - cosines[:, :1]))
        gaps = np.linalg.norm(places - places[:, :1], axis=2)
        weights[gaps > REACH * self._room] = 0
        means = (places * weights[:, :, None]).sum(axis=1) / weights.sum(axis=1, keepdims=True)
        return np.asarray(means + 0.5 * self._room * _spiral(rows))


def _project(vectors: Floats) -> Floats:
    """The first two principal components, (N, 2)."""
    if len(vectors) < 2:
        return np.zeros((len(vectors), 2))
    centred = vectors - vectors.mean(axis=0)
    axes = np.linalg.eigh(centred.T @ centred)[1][:, :-3:-1]
    largest = np.abs(axes).argmax(axis=0)
    return np.asarray(centred @ (axes * np.sign(axes[largest, [0, 1]])))


def _normalize(vectors: Vectors) -> Vectors:
    lengths = np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
    return np.ascontiguousarray(vectors / lengths, np.float32)


def _space(positions: Floats) -> float:
    """The distance of neighbours if the points stood evenly spread where they are; 1 where all are one.

    Far-off points say little about that, so it is the middle of each axis that is measured: in an even disc
    80% of the points lie within 1.37 radii of each axis.
    """
    low, high = np.quantile(positions, [0.1, 0.9], axis=0)
    area = np.pi * (float((high - low).max()) / 1.37) ** 2
    return float(np.sqrt(area / len(positions))) or 1.0


def _spiral(rows: NDArray[np.intp]) -> Floats:
    """(n, 2) within a disc of radius 1: each row's own offset, unlike those of the rows near it."""
    angles = rows * _GOLDEN_ANGLE
    radius = np.sqrt(rows * 0.754877666 % 1)
    return np.asarray(np.stack([np.cos(angles), np.sin(angles)], axis=1) * radius[:, None])


def _scale(positions: Floats) -> Floats:
    """Around 0, the longer side from -1 to 1, rounded."""
    if len(positions) < 2:
        return np.zeros((len(positions), 2))
    low, high = positions.min(axis=0), positions.max(axis=0)
    scaled = (positions - (low + high) / 2) / max(float((high - low).max()) / 2, 1e-9)
    return np.asarray(np.round(scaled, _DECIMALS) + 0.0)  # + 0.0 turns -0.0 into 0.0
