"""The layout of the map: works that are alike lie close together, and always in the same places."""

import importlib.util
from types import ModuleType

import numpy as np
import pytest
from numpy.typing import NDArray

from builders.layout import Layout, flatten, lay_out
from leximind.library.dataset import read_table
from leximind.settings import DISCOVERY_DIR, ROOT

Floats = NDArray[np.float64]


def load() -> ModuleType:
    spec = importlib.util.spec_from_file_location("layout_benchmark", ROOT / "benchmarks" / "layout.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


benchmark = load()
make_works, measure = benchmark.make_works, benchmark.measure


@pytest.fixture(scope="module")
def vectors() -> Floats:
    """The embeddings of the shipped library."""
    return benchmark.read_embeddings()


@pytest.fixture(scope="module")
def positions(vectors: Floats) -> Floats:
    return lay_out(vectors)


def closest(positions: Floats) -> float:
    """The least distance of two points."""
    gaps = np.linalg.norm(positions[:, None] - positions[None], axis=2)
    return float(gaps[np.triu_indices(len(positions), 1)].min())


def test_neighbours_stay_neighbours(vectors: Floats, positions: Floats) -> None:
    ours, plain = measure(vectors, positions), measure(vectors, flatten(vectors))
    # Measured: 0.48 of the 15 nearest stay so, 0.16 by two principal components.
    assert ours["recall"] > 0.42
    assert plain["recall"] < 0.2
    assert ours["trustworthiness"] > 0.91 > plain["trustworthiness"] + 0.1
    assert ours["continuity"] > 0.88 > plain["continuity"]


def test_positions_fill_the_map_and_keep_apart(positions: Floats) -> None:
    assert np.abs(positions).max() == 1
    assert (np.round(positions, 4) == positions).all()
    assert closest(positions) > 0.03


def test_the_same_works_give_the_same_map(vectors: Floats, positions: Floats) -> None:
    layout = Layout()
    for block in np.array_split(vectors, 7):
        layout.add(block)
    assert (layout.place(np.array_split(vectors, 7)) == positions).all()


def test_the_shipped_map_is_laid_out_so(vectors: Floats) -> None:
    # Not compared by place: another processor rounds in another way, which t-SNE carries far.
    table = read_table(DISCOVERY_DIR)
    shipped = np.stack([table.column(name).to_numpy() for name in ("x", "y")], axis=1)
    assert measure(vectors, shipped)["recall"] > 0.42
    assert closest(shipped) > 0.03
    assert np.abs(shipped).max() == 1


@pytest.mark.parametrize("n_works", [0, 1, 2, 3, 5, 9])
def test_a_few_works(vectors: Floats, n_works: int) -> None:
    positions = lay_out(vectors[:n_works])
    assert positions.shape == (n_works, 2)
    assert np.isfinite(positions).all()
    assert np.abs(positions).max(initial=0) == (n_works > 1)
    assert n_works < 2 or closest(positions) > 0.05


def test_nothing_added_is_an_empty_map() -> None:
    assert Layout().place([]).shape == (0, 2)


@pytest.mark.parametrize("n_works", [2, 6, 40])
def test_works_that_are_all_the_same_do_not_cover_each_other(vectors: Floats, n_works: int) -> None:
    positions = lay_out(np.repeat(vectors[:1], n_works, axis=0))
    assert np.isfinite(positions).all()
    assert closest(positions) > 0.02


def test_doubles_lie_side_by_side(vectors: Floats) -> None:
    doubled = np.concatenate([vectors[:60], vectors[:60]])
    positions = lay_out(doubled)
    pairs = np.linalg.norm(positions[:60] - positions[60:], axis=1)
    assert pairs.min() > 0.02
    assert np.median(pairs) < 0.25


def test_beyond_the_limit_works_go_to_where_their_like_are(vectors: Floats) -> None:
    works = make_works(vectors, 1500)
    layout = Layout(limit=400)
    for block in np.array_split(works, 9):
        layout.add(block)
    assert len(layout._landmarks()) == 375  # every fourth
    positions = layout.place(np.array_split(works, 4))
    assert (positions == lay_out(works, limit=400)).all()
    assert len(np.unique(positions, axis=0)) == len(works)
    assert np.abs(positions).max() == 1
    rest = np.arange(len(works)) % 4 != 0
    found = measure(works[rest], positions[rest])
    # Measured: 0.39, and 0.11 by two principal components.
    assert found["recall"] > 0.33
    assert measure(works[rest], flatten(works[rest]))["recall"] < 0.15


def test_doubles_of_a_landmark_do_not_cover_it(vectors: Floats) -> None:
    doubled = np.repeat(vectors[:30], 8, axis=0)
    positions = lay_out(doubled, limit=60)
    assert len(np.unique(positions, axis=0)) == len(doubled)


def test_principal_components_have_steady_signs() -> None:
    points = np.random.default_rng(0).normal(size=(50, 384)) * np.concatenate(([30, 10], np.ones(382)))
    plane = flatten(points)
    assert np.abs(plane).max() == 1
    assert np.corrcoef(plane[:, 0], points[:, 0])[0, 1] > 0.95
    assert np.corrcoef(plane[:, 1], points[:, 1])[0, 1] > 0.9
    assert np.allclose(flatten(points[::-1].copy()), plane[::-1])
    assert flatten(points[:1]).tolist() == [[0, 0]]
