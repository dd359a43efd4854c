"""Large vector indexes: cells, codes, masks, and how much of an exact answer they find."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from leximind.labels import D_EMBEDDING
from leximind.library import vectors
from leximind.library.vectors import VectorIndex

N, N_TOPICS = 3000, 30


@pytest.fixture(scope="module")
def embeddings() -> NDArray[np.float32]:
    """(N, 384) unit length, in bundles as those of real texts are."""
    rng = np.random.default_rng(0)
    centres = rng.standard_normal((N_TOPICS, D_EMBEDDING))[rng.integers(0, N_TOPICS, N)]
    found = centres + rng.standard_normal((N, D_EMBEDDING))
    return np.asarray(found / np.linalg.norm(found, axis=1, keepdims=True), np.float32)


@pytest.fixture(scope="module")
def index(embeddings: NDArray[np.float32]) -> VectorIndex:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(vectors, "LARGE", 1000)
        return VectorIndex.build(embeddings)


def best(embeddings: NDArray[np.float32], row: int, mask: NDArray[np.bool_], k: int) -> list[int]:
    rows = np.flatnonzero(mask)
    return list(rows[np.argsort(-(embeddings[rows] @ embeddings[row]), kind="stable")[:k]])


@pytest.mark.parametrize(("share", "few"), [(1.0, 0), (0.3, 0), (0.02, 0), (0.02, 100)])
def test_a_large_index_finds_what_an_exact_one_does(
    embeddings: NDArray[np.float32],
    index: VectorIndex,
    share: float,
    few: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(vectors, "N_CELLS", 40)
    monkeypatch.setattr(vectors, "N_FEW", few)
    assert not index.is_exact
    mask = np.random.default_rng(1).random(N) < share
    found = n_found = 0
    for row in range(0, N, 100):
        (answer,) = index.search(embeddings[row : row + 1], 10, None if share == 1 else mask)
        rows = [place for place, _ in answer]
        assert mask[rows].all()
        cosines = [cosine for _, cosine in answer]
        assert cosines == sorted(cosines, reverse=True)
        assert np.allclose(cosines, embeddings[rows] @ embeddings[row], atol=1e-6)  # not those of the codes
        found += len(set(rows) & set(best(embeddings, row, mask, 10)))
        n_found += len(rows)
    assert n_found == N // 100 * 10
    assert found >= 0.98 * n_found


def test_a_filter_far_from_the_query_still_fills_the_answer(
    embeddings: NDArray[np.float32], index: VectorIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(vectors, "N_CELLS", 1)
    monkeypatch.setattr(vectors, "N_FEW", 0)
    cosines = embeddings @ embeddings[0]
    mask = cosines < np.quantile(cosines, 0.4)
    (answer,) = index.search(embeddings[:1], 10, mask)
    assert len(answer) == 10
    assert mask[[row for row, _ in answer]].all()
    (everything,) = index.search(embeddings[:1], int(mask.sum()), mask)  # more than those cells hold
    assert [row for row, _ in everything] == best(embeddings, 0, mask, int(mask.sum()))
    assert index.search(embeddings[:2], 10, np.zeros(N, np.bool_)) == [[], []]


def test_only_a_mask_that_cannot_change_is_remembered(
    embeddings: NDArray[np.float32], index: VectorIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    mask = np.arange(N) % 2 == 0
    fixed = mask.copy()
    fixed.flags.writeable = False
    answers = [index.search(embeddings[:1], 10, given) for given in (mask, fixed, fixed)]
    assert answers[0] == answers[1] == answers[2]
    mask[:] = ~mask
    rows = [row for row, _ in index.search(embeddings[:1], 10, mask)[0]]
    assert len(rows) == 10 and all(row % 2 for row in rows)
    counted: list[int] = []
    monkeypatch.setattr(index._cells, "count", lambda given: counted.append(1))
    assert index.search(embeddings[:1], 10, fixed) == answers[1]
    assert not counted


def test_a_large_index_is_saved_and_loaded(
    embeddings: NDArray[np.float32], index: VectorIndex, tmp_path: Path
) -> None:
    index.save(tmp_path / "vectors.faiss")
    assert (tmp_path / "vectors.faiss").stat().st_size < 0.4 * embeddings.nbytes
    again = VectorIndex.load(tmp_path / "vectors.faiss", embeddings)
    assert again.search(embeddings[:3], 4) == index.search(embeddings[:3], 4)
    (by_codes,) = VectorIndex.load(tmp_path / "vectors.faiss").search(embeddings[:1], 4)
    assert by_codes[0][0] == 0
    assert by_codes[0][1] == pytest.approx(1, abs=0.01)
