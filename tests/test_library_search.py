"""Nearest vectors, fusion, and the three modes."""

from pathlib import Path
from typing import Any

import faiss
import numpy as np
import pytest

from leximind.errors import DataError
from leximind.library.filters import Filters
from leximind.library.moods import EVEN, Mood
from leximind.library.ordering import Orders
from leximind.library.ranking import K, Match, fuse, look_up
from leximind.library.reasons import explain
from leximind.library.search import CLOSE, FLOOR, N_NEAREST, SHARE, STRANGE, Search, find_closest
from leximind.library.store import Library
from leximind.library.vectors import VectorIndex
from tests.conftest import embed, unit


def test_vectors_are_ranked_by_cosine(library: Library) -> None:
    index = VectorIndex.build(library.embeddings)
    (answer,) = index.search(library.embeddings[4:5], 5)
    expected = library.embeddings @ library.embeddings[4]
    assert [row for row, _ in answer] == np.argsort(-expected, kind="stable")[:5].tolist()
    assert np.allclose([cosine for _, cosine in answer], np.sort(expected)[::-1][:5], atol=1e-5)


def test_a_mask_is_held_and_never_padded(library: Library) -> None:
    index = VectorIndex.build(library.embeddings)
    mask = np.zeros(len(library), np.bool_)
    mask[[0, 9, len(library) - 1]] = True
    first, second = index.search(library.embeddings[:2], 10, mask)
    assert {row for row, _ in first} == {row for row, _ in second} == {0, 9, len(library) - 1}
    assert index.search(library.embeddings[:1], 3, np.zeros(len(library), np.bool_)) == [[]]


def test_an_index_is_saved_and_loaded(library: Library, tmp_path: Path) -> None:
    index = VectorIndex.build(library.embeddings)
    index.save(tmp_path / "vectors.faiss")
    again = VectorIndex.load(tmp_path / "vectors.faiss")
    assert again.search(library.embeddings[:3], 4) == index.search(library.embeddings[:3], 4)
    with pytest.raises(DataError, match="cannot be read"):
        VectorIndex.load(tmp_path / "missing.faiss")
    faiss.write_index(faiss.IndexFlatL2(384), str(tmp_path / "other.faiss"))
    with pytest.raises(DataError, match="not a flat inner-product"):
        VectorIndex.load(tmp_path / "other.faiss")


def fused(rankings: list[list[int]], *args: Any) -> list[tuple[int, float]]:
    rows, scores = fuse([np.array(ranking, np.intp) for ranking in rankings], *args)
    return list(zip(rows.tolist(), scores.tolist(), strict=True))


def test_fusion_by_hand() -> None:
    pairs = fused([[7, 3, 5], [3, 9]], [1.0, 1.0])
    assert [row for row, _ in pairs] == [3, 7, 9, 5]
    assert dict(pairs)[3] == pytest.approx(1 / (K + 2) + 1 / (K + 1))
    equal = fused([[2], [1]], [1.0, 1.0], 60)
    assert equal == [(1, pytest.approx(1 / 61)), (2, pytest.approx(1 / 61))]  # in the order of rows
    assert [row for row, _ in fused([[2], [1]], [3.0, 1.0])] == [2, 1]
    assert fused([], []) == fused([[], []], [1.0, 1.0]) == []


def test_values_are_looked_up_by_row() -> None:
    rows, keys = np.array([4, 9, 1]), np.array([9, 4, 7])
    assert look_up(rows, keys, np.array([0.5, 0.25, 1.0]), -1).tolist() == [0.25, 0.5, -1]
    assert look_up(rows, keys[:0], np.zeros(0), -1).tolist() == [-1, -1, -1]


def test_far_works_are_no_results(library: Library) -> None:
    rows, cosines = find_closest(library, embed("guilt and conscience"), 31)
    assert len(rows) and (cosines >= FLOOR).all() and (np.diff(cosines) <= 0).all()
    assert len(find_closest(library, unit("nothing at all"), 31)[0]) == 0


def test_a_close_work_ends_the_answer(library: Library) -> None:
    vector = library.embeddings[library.row("moby-dick")] + 0.35 * library.embeddings[library.row("emma")]
    vector /= np.linalg.norm(vector)
    cosines = library.embeddings @ vector
    least = SHARE * cosines.max()
    found = Search(library, "", vector, "meaning").run()
    assert set(found.rows.tolist()) == set(np.flatnonzero(cosines >= least).tolist())
    assert (cosines[cosines < least] >= FLOOR).any()  # else this shows nothing


def search(library: Library, query: str, mode: str, filters: Filters = Filters()) -> list[str]:  # noqa: B008
    found = Search(library, query, embed(query), mode).run(filters)  # type: ignore[arg-type]
    return [library.works[row].id for row in found.rows.tolist()]


def test_modes(library: Library) -> None:
    query = "a murder, a conscience"
    assert search(library, query, "keyword") == ["crime"]
    assert search(library, query, "meaning")[0] == "crime"
    assert search(library, query, "hybrid")[0] == "crime"
    # Meaning finds what shares no word with the query; words alone do not.
    assert "crime" in search(library, "remorse that kills", "meaning")
    assert search(library, "obsessive hunt for a whale", "hybrid")[0] == "moby-dick"
    assert search(library, "obsessive hunt for a whale", "meaning")[0] == "moby-dick"
    assert search(library, "whale", "meaning", Filters(kind="paper")) == ["whale-song"]


QUERIES = ["whale", "a love story", "emma", "sad", "author:austen", "obsessive hunt", "mobby dick", "qqq"]


@pytest.mark.parametrize("is_exact", [True, False])
@pytest.mark.parametrize("mood", [EVEN, Mood((("fear", 2), ("joy", -1)))])
@pytest.mark.parametrize("query", QUERIES)
def test_a_filter_leaves_works_out_and_lets_none_in(
    library: Library, query: str, mood: Mood, is_exact: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(VectorIndex, "is_exact", is_exact)
    for mode in ("keyword", "meaning", "hybrid"):
        asked = Search(library, query, embed(query), mode, mood)  # type: ignore[arg-type]
        whole = asked.run()
        for filters in (Filters(kind="paper"), Filters(topics=("Fiction",), emotions=("love",))):
            passing = library.mask(filters)
            wanted = [row for row in whole.rows.tolist() if passing[row]]
            found = asked.run(filters).rows.tolist()
            assert set(found) == set(wanted)
            assert not is_exact or found == wanted  # and their order stays


def test_matches_say_how_they_were_found(library: Library) -> None:
    asked = Search(library, "emma", embed("whale hunt"), "hybrid")
    matches = asked.run().matches(asked.close)
    found = {library.works[match.row].id: match for match in matches}
    assert explain(found["emma"]) == ("is the title you named",)
    assert matches[0].row == library.row("emma")  # a title is believed before closeness
    assert explain(found["moby-dick"]) == ("very close in meaning",)
    assert found["emma"].cosine is None
    assert found["moby-dick"].coverage is None
    by_words = Search(library, "emma", None, "hybrid").run()
    assert by_words.rows.tolist() == [library.row("emma")]


@pytest.mark.parametrize(
    ("match", "words", "reasons"),
    [
        (Match(3, 0.01, "some", 0.21), [], ("matches some of your words", "related in meaning")),
        (
            Match(3, 0.01, "all", 0.3, True),
            ["white", "whale"],
            ("has “white” and “whale”", "close in meaning"),
        ),
        (Match(3, 0.01, "name", None), [], ("matches your words",)),
        (Match(3, 0.01, None, 0.7, True), [], ("very close in meaning",)),
    ],
)
def test_reasons(match: Match, words: list[str], reasons: tuple[str, ...]) -> None:
    assert explain(match, words) == reasons


def test_what_is_only_nearest_is_never_called_close(library: Library) -> None:
    assert explain(Match(3, 0.01, None, 0.7, True), is_doubtful=True) == (
        "nearest in meaning, though not close",
    )


def away_from(library: Library, row: int, cosine: float) -> Any:
    """A query vector with that cosine to a work."""
    away = unit("far away") - (unit("far away") @ library.embeddings[row]) * library.embeddings[row]
    vector = cosine * library.embeddings[row] + (1 - cosine**2) ** 0.5 * away / np.linalg.norm(away)
    return vector.astype(np.float32)


@pytest.mark.parametrize(
    ("query", "cosine", "is_doubtful"),
    [
        ("dreams of whales", 0.21, True),  # some of the words
        ("dreams of whales", 0.4, False),
        ("white whale", 0.0, False),  # all of them
        ("emma", 0.0, False),
        ("scary", 0.0, False),  # a feeling needs no words
        ("asdfgh qwertz", CLOSE + STRANGE / 2, True),
        ("whale governess", CLOSE + STRANGE / 2, False),
    ],
)
def test_doubt(library: Library, query: str, cosine: float, is_doubtful: bool) -> None:
    asked = Search(library, query, away_from(library, library.row("crime"), cosine), "hybrid")
    assert asked.is_doubtful is is_doubtful
    assert asked.is_certain(asked.run()) is not is_doubtful


def test_where_nothing_is_close_only_the_nearest_are_offered(library: Library) -> None:
    vector = library.embeddings.mean(axis=0)
    vector /= np.linalg.norm(vector) / 0.99
    asked = Search(library, "asdfgh", vector.astype(np.float32), "meaning")
    cosines = np.sort(library.embeddings @ vector)[::-1]
    assert cosines[N_NEAREST + 3] > FLOOR  # there would be more
    object.__setattr__(asked, "__dict__", asked.__dict__ | {"close": 0.995})
    assert asked.is_doubtful
    assert asked.run().cosines.tolist() == pytest.approx(cosines[:N_NEAREST].tolist(), abs=1e-5)


def test_a_mood_brings_forward_and_leaves_none_out(library: Library) -> None:
    plain = Search(library, "love", embed("love"), "hybrid").run().rows.tolist()
    places = []
    for weight in (2, 1, -1, -2):
        mood = Mood((("anger", weight),))
        moody = Search(library, "love", embed("love"), "hybrid", mood).run().rows.tolist()
        assert sorted(moody) == sorted(plain)
        places.append(moody.index(library.row("wuthering")))  # it feels love and anger
    assert places == sorted(places)
    assert places[0] < places[-1]
    named = Search(library, "emma", embed("love"), "hybrid", Mood((("anger", 2),))).run()
    assert named.rows[0] == library.row("emma")  # whatever it feels like


def test_feelings_in_a_query_find_works_that_have_them(library: Library) -> None:
    found = search(library, "something scary", "hybrid")
    fearful = {work.id for work in library.works if "fear" in work.tone}
    assert set(found) >= fearful
    assert set(found[: len(fearful)]) == fearful
    assert not set(search(library, "nothing scary", "hybrid")) & fearful


@pytest.mark.parametrize("mode", ["keyword", "meaning", "hybrid"])
def test_what_was_asked_for_in_signs_holds_in_every_mode(library: Library, mode: str) -> None:
    assert search(library, "hunting a whale -ahab", mode)
    assert "moby-dick" not in search(library, "hunting a whale -ahab", mode)
    found = search(library, "love author:bronte", mode)
    assert found and set(found) <= {"jane-eyre", "wuthering"}
    assert set(search(library, "author:austen year:1815", mode)) == {"emma"}  # nothing to understand
    assert set(search(library, "hunting a whale year:1851", mode)) == {"moby-dick"}


def test_orders(library: Library) -> None:
    orders = Orders(library)

    def ids(sort: Any, emotions: tuple[str, ...] = (), mood: Mood = EVEN) -> list[str]:
        rows = orders.browse(emotions, mood, sort)
        assert sorted(rows.tolist()) == list(range(len(library)))
        return [library.works[row].id for row in rows]

    assert ids("relevance") == [work.id for work in library.works]
    assert ids("oldest")[:2] == ["art-war", "republic"]
    assert ids("newest")[:2] == ["attention", "residual"]
    assert ids("oldest")[-1] == ids("newest")[-1] == "undated"
    titles = ids("title")
    # Articles do not count: Art of Money, Art of the Moving, Art of War, ..., Crime, ..., Republic.
    wanted = ["getting", "picture", "art-war", "crime", "republic"]
    assert sorted(wanted, key=titles.index) == wanted
    strongest = ids("relevance", ("remorse",))
    assert set(strongest[:3]) == {"frankenstein", "jane-eyre", "crime"}
    assert strongest[0] == "crime"
    assert set(ids("relevance", (), Mood((("anger", 2),)))[:3]) == {"wuthering", "revolution", "slave"}


def test_orders_by_length_put_unknown_lengths_last(library: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    n_words = np.zeros(len(library), np.int32)
    n_words[[4, 7, 2]] = 900, 50_000, 100
    monkeypatch.setattr(library, "n_words", n_words)
    orders = Orders(library)
    assert orders.browse((), EVEN, "shortest")[:4].tolist() == [2, 4, 7, 0]
    assert orders.browse((), EVEN, "longest")[:4].tolist() == [7, 4, 2, 0]
    assert orders.arrange(np.array([9, 7, 2]), "shortest").tolist() == [2, 1, 0]
    assert orders.arrange(np.array([9, 7, 2]), "relevance").tolist() == [0, 1, 2]
