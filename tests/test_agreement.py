"""Halves of one book against halves of different books, where the answer is known."""

import json
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from conftest import SHELF
from numpy.typing import NDArray

from builders.agreement import Halves, compare_halves, main, name_halves
from leximind.evaluation import agreement as module
from leximind.evaluation.agreement import compare_firsts, compare_labels, correlate, permute, redraw
from leximind.evaluation.resampling import bootstrap_intervals
from leximind.inference.tone import averages_for
from leximind.labels import EMOTIONS

N = 60


@pytest.fixture(autouse=True)
def few_permutations(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "N_PERMUTATIONS", 499)
    monkeypatch.setattr(module, "N_DRAWS", 10)
    monkeypatch.setattr(module, "bootstrap_intervals", partial(bootstrap_intervals, n_resamples=200))


def make_books(noise: float, seed: int = 0, *, n_kinds: int = 0) -> Halves:
    """Books with a character of their own, or of one of so many kinds, read twice with some noise."""
    rng = np.random.default_rng(seed)
    characters = rng.gamma(0.5, 0.05, (n_kinds or N, 28))
    own = characters[np.arange(N) % len(characters)]
    odd, even = (np.clip(own * rng.lognormal(0, noise, own.shape), 0, 1) for _ in range(2))
    return Halves([f"b{i}" for i in range(N)], odd, even, [f"T{i % 3}" for i in range(N)])


def compare(halves: Halves) -> dict[str, Any]:
    averages = averages_for((halves.odd + halves.even) / 2, np.ones(N, bool), is_whole_text=True)
    return compare_halves(halves, averages)


def test_halves_that_are_equal_agree_wholly() -> None:
    for found in compare(make_books(0.0)).values():
        assert found.same == pytest.approx(1)
        assert found.same_interval == pytest.approx((1, 1))
        assert found.different < 0.3
        assert found.p == pytest.approx(1 / 500)


def test_noise_lowers_agreement_but_not_to_that_of_different_books() -> None:
    found = [compare(make_books(noise))["jaccard"] for noise in (0.1, 0.5, 1.0)]
    assert found[0].same > found[1].same > found[2].same > 2 * found[2].different
    for one in found:
        assert one.same_interval[0] < one.same < one.same_interval[1]
        assert one.different_interval[0] < one.different < one.different_interval[1]
        assert one.p == pytest.approx(1 / 500)


def test_labels_that_say_nothing_of_the_book_agree_no_more_than_those_of_others() -> None:
    rng = np.random.default_rng(3)
    drawn = rng.gamma(0.5, 0.05, (2, N, 28)).clip(0, 1)  # as the first upstream version had them
    for found in compare(Halves([f"b{i}" for i in range(N)], *drawn, ["T"] * N)).values():
        assert abs(found.same - found.different) < 0.06
        assert found.p > 0.05
        assert found.same_interval[0] <= found.different <= found.same_interval[1]


def test_p_values_are_uniform_when_there_is_nothing_to_find() -> None:
    rng = np.random.default_rng(0)
    ps = [permute(rng.random((20, 20)), rng) for _ in range(100)]
    assert 0.4 < np.mean(ps) < 0.6
    assert min(ps) < 0.1 and max(ps) > 0.9


def test_books_of_one_kind_show_in_the_column_of_one_topic() -> None:
    books = make_books(0.2, n_kinds=3)  # topic and character go together
    found = compare(books)["jaccard"]
    assert found.same_topic is not None
    assert found.same_topic == pytest.approx(found.same, abs=0.1)
    assert found.different < found.same_topic / 2
    alone = compare_halves(
        Halves(books.ids, books.odd, books.even, books.ids),
        averages_for(books.odd, np.ones(N, bool), is_whole_text=True),
    )
    assert alone["jaccard"].same_topic is None


def test_measures_by_hand() -> None:
    odd = [("joy", "love"), ("fear",), ()]
    even = [("joy",), ("grief", "fear"), ()]
    nan = np.nan
    expected = [[1 / 2, 0, 0], [0, 1 / 2, 0], [0, 0, nan]]
    np.testing.assert_allclose(compare_labels(odd, even), expected)
    np.testing.assert_allclose(compare_firsts(odd, even), [[1, 0, 0], [0, 0, 0], [0, 0, nan]])
    one, other = np.random.default_rng(0).normal(size=(2, 4, 27)).round(1)
    matrix = correlate(one, other)
    assert matrix[1, 2] == pytest.approx(pd.Series(one[1]).corr(pd.Series(other[2]), method="spearman"))


def test_redrawn_labels_keep_number_and_frequency() -> None:
    rng = np.random.default_rng(0)
    tones = [("joy", "love"), ("joy",), ()] * 200
    drawn = redraw(tones, rng)
    assert [len(tone) for tone in drawn] == [len(tone) for tone in tones]
    assert {name for tone in drawn for name in tone} == {"joy", "love"}
    single = [tone[0] for tone in drawn if len(tone) == 1]
    assert 0.5 < single.count("joy") / len(single) < 0.85  # two joys to one love


def test_halves_without_any_label() -> None:
    flat = np.full((N, 28), 0.001)
    halves = Halves([f"b{i}" for i in range(N)], flat, flat, ["T"] * N)
    averages = averages_for(flat, np.ones(N, bool), is_whole_text=True)
    assert name_halves(flat, averages) == [()] * N
    found = compare_halves(halves, averages)["jaccard"]
    assert (found.same, found.different, found.p) == (0, 0, 1)


def test_topics_are_compared_where_they_were_kept() -> None:
    books = make_books(0.2)
    odd = np.eye(7)[np.arange(N) % 7]
    even = np.where((np.arange(N) < N // 2)[:, None], odd, np.roll(odd, 1, axis=1))
    averages = averages_for(books.odd, np.ones(N, bool), is_whole_text=True)
    assert "topic" not in compare_halves(books, averages)
    found = compare_halves(replace(books, odd_topics=odd, even_topics=even), averages)["topic"]
    assert found.same == pytest.approx(0.5)
    assert found.different == pytest.approx(1 / 7, abs=0.03)
    assert found.random == pytest.approx(1 / 7, abs=0.06)
    assert found.p < 0.01


def write_halves(path: Path, ids: list[str], odd: NDArray[Any], even: NDArray[Any]) -> Path:
    pd.DataFrame({"id": ids, "odd": list(odd), "even": list(even)}).to_parquet(path)
    return path


def test_command_line(tmp_path: Path, library_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    books = [entry for entry in SHELF if entry[1] == "book"]
    scores = np.full((len(books), 28), 0.05)
    for row, entry in enumerate(books):
        scores[row, [EMOTIONS.index(name) for name in entry[6].split()]] = 0.6
    path = write_halves(tmp_path / "halves.parquet", [entry[0] for entry in books], scores, scores)
    output = tmp_path / "agreement.json"
    assert main([str(path), "--library", str(library_folder), "--json", str(output)]) == 0
    out = capsys.readouterr().out
    assert out.startswith(f"{len(books)} books, ")
    assert "| jaccard | **1.000** | 1.000 to 1.000 |" in out
    written = json.loads(output.read_text())
    assert written["n_books"] == len(books)
    assert written["jaccard"]["same"] == 1 > 4 * written["jaccard"]["different"] > 0
    assert main([str(path), "--library", str(library_folder), "--json", str(output)]) == 0
    assert json.loads(output.read_text()) == written, "the same figures each time"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda frame: frame.drop(columns="odd"), "lacks the columns odd"),
        (lambda frame: frame[:2], "has 2 books"),
        (lambda frame: frame.assign(id=["moby-dick", "emma", "gone"]), "gone is not in it"),
        (lambda frame: frame.assign(id=["moby-dick", "emma", "emma"]), "there twice"),
        (lambda frame: frame.assign(odd=[[0.1] * 27] * 3), "28 scores"),
        (lambda frame: frame.assign(odd=[[0.1] * 28, [0.1] * 28, [0.1] * 3]), "28 scores"),
        (lambda frame: frame.assign(even=[[float("nan")] * 28] * 3), "from 0 to 1"),
    ],
)
def test_a_table_that_does_not_fit(
    tmp_path: Path, library_folder: Path, capsys: pytest.CaptureFixture[str], change: Any, message: str
) -> None:
    fine = pd.DataFrame({"id": ["moby-dick", "emma", "crime"], "odd": [[0.1] * 28] * 3})
    path = tmp_path / "halves.parquet"
    change(fine.assign(even=fine["odd"])).to_parquet(path)
    assert main([str(path), "--library", str(library_folder)]) == 1
    assert message in capsys.readouterr().err
    assert main([str(tmp_path / "gone.parquet"), "--library", str(library_folder)]) == 1
    assert "no file" in capsys.readouterr().err
