"""What is held out is held out by its name alone."""

import numpy as np
import pandas as pd
import pytest

from leximind.evaluation.pools import HALVES, choose_pool, is_held_out, is_test_half, split_halves
from leximind.settings import ROOT

DATA = ROOT.parent / "shared" / "data"


def test_held_out_papers_are_these_for_good() -> None:
    # Models were trained without these: the rule must never change.
    ids = [f"{year}.{number:05}" for year in ("0704", "1503", "1910", "2501") for number in range(1, 2000)]
    held = [name for name in ids if is_held_out(name)]
    assert len(held) == pytest.approx(len(ids) / 18, rel=0.15)
    assert held[:4] == ["0704.00047", "0704.00064", "0704.00073", "0704.00100"]


def test_the_pool_is_the_first_held_out_papers_in_order() -> None:
    ids = [f"1503.{number:05}" for number in range(900)]
    frame = pd.DataFrame({"arxiv_id": ids})
    held = [name for name in ids if is_held_out(name)]
    assert list(choose_pool(frame)["arxiv_id"]) == held
    assert list(choose_pool(frame, 5)["arxiv_id"]) == held[:5]
    assert set(choose_pool(frame.iloc[::-1])["arxiv_id"]) == set(held)


def test_halves_keep_what_belongs_together() -> None:
    authors = [f"Author {number % 40}" for number in range(200)]
    tuning, test = split_halves(pd.DataFrame({"author": authors}), "author")
    assert len(tuning) + len(test) == 200
    assert not set(tuning["author"]) & set(test["author"])
    assert 0.3 < len(test) / 200 < 0.7
    assert all(map(is_test_half, test["author"]))


@pytest.mark.skipif(not DATA.is_dir(), reason="../shared/data is not here")
def test_real_sets_fall_into_nearly_equal_halves() -> None:
    for name, key in HALVES.items():
        (path,) = DATA.glob(f"*/{name}.parquet")
        frame = pd.read_parquet(path, columns=[key])
        tuning, test = split_halves(frame, key)
        assert 0.4 < len(test) / len(frame) < 0.6, name
        assert not set(tuning[key]) & set(test[key])


@pytest.mark.skipif(not DATA.is_dir(), reason="../shared/data is not here")
def test_there_are_enough_papers_for_the_pool() -> None:
    frame = pd.read_parquet(DATA / "papers" / "arxiv_papers.parquet", columns=["arxiv_id"])
    pool = choose_pool(frame)
    assert len(pool) == 10_000
    assert np.all(pool.index[:-1] < pool.index[1:])
