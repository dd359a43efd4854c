"""Nearest vectors, fusion, and the three modes."""

from pathlib import Path

import faiss
import numpy as np
import pytest

from leximind.errors import DataError
from leximind.library.filters import Filters
from leximind.library.keyword import Coverage
from leximind.library.search import (
    CLOSE,
    FLOOR,
    SHARE,
    STRANGE,
    TOP_K,
    K,
    Match,
    Search,
    explain,
    find_closest,
    fuse,
    is_doubtful,
    order_rows,
)
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


def test_fusion_by_hand() -> None:
    fused = fuse([[7, 3, 5], [3, 9]])
    assert [row for row, _ in fused] == [3, 7, 9, 5]
    assert dict(fused)[3] == pytest.approx(1 / (K + 2) + 1 / (K + 1))
    assert fuse([[2], [1]], k=60) == [(1, 1 / 61), (2, 1 / 61)]  # equal scores in the order of rows
    assert fuse([[2], [1]], [3, 1], k=60) == [(2, 3 / 61), (1, 1 / 61)]
    assert fuse([]) == fuse([[], []]) == []


def test_far_works_are_no_results(library: Library) -> None:
    assert all(cosine >= FLOOR for _, cosine in find_closest(library, embed("guilt and conscience"), 31))
    assert find_closest(library, unit("nothing at all"), 31) == []


def test_a_close_work_ends_the_answer_and_a_filter_does_not_reopen_it(library: Library) -> None:
    everything = Filters().mask(library)
    vector = library.embeddings[library.row("moby-dick")] + 0.35 * library.embeddings[library.row("emma")]
    vector /= np.linalg.norm(vector)
    cosines = library.embeddings @ vector
    least = SHARE * cosines.max()
    matches = Search(library, "", vector, "meaning").run(everything)
    assert {match.row for match in matches} == set(np.flatnonzero(cosines >= least).tolist())
    far = cosines < least
    assert (cosines[far] >= FLOOR).any()  # else this shows nothing
    assert Search(library, "", vector, "meaning").run(far) == []


def search(library: Library, query: str, mode: str, filters: Filters = Filters()) -> list[str]:  # noqa: B008
    matches = Search(library, query, embed(query), mode).run(filters.mask(library))  # type: ignore[arg-type]
    return [library.works[match.row].id for match in matches]


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


def test_matches_say_how_they_were_found(library: Library) -> None:
    everything = Filters().mask(library)
    matches = Search(library, "emma", embed("whale hunt"), "hybrid").run(everything)
    found = {library.works[match.row].id: match for match in matches}
    assert explain(found["emma"]) == ("matches your words",)
    assert explain(Match(3, 0.01, "some", 0.21)) == ("has some of your words", "related in meaning")
    assert matches[0].row == library.row("emma")  # a title is believed before closeness
    assert explain(found["moby-dick"]) == ("very close in meaning",)
    assert found["emma"].cosine is None
    assert found["moby-dick"].coverage is None
    assert len(matches) <= TOP_K
    by_words = Search(library, "emma", None, "hybrid").run(everything)
    assert [match.row for match in by_words] == [library.row("emma")]


@pytest.mark.parametrize(
    ("coverage", "is_close", "expected"),
    [
        (None, False, True),
        ("some", False, True),
        (None, True, False),
        ("some", True, False),
        ("all", False, False),
        ("name", False, False),
        ("title", False, False),
    ],
)
def test_doubt(coverage: Coverage | None, is_close: bool, expected: bool) -> None:
    assert is_doubtful([Match(3, 0.01, coverage, 0.21, is_close)]) is expected
    assert is_doubtful([])


def test_words_that_nobody_knows_need_more_closeness(library: Library) -> None:
    everything = Filters().mask(library)
    row = library.row("crime")
    away = unit("far away") - (unit("far away") @ library.embeddings[row]) * library.embeddings[row]
    cosine = CLOSE + STRANGE / 2
    vector = cosine * library.embeddings[row] + (1 - cosine**2) ** 0.5 * away / np.linalg.norm(away)
    vector = vector.astype(np.float32)
    assert is_doubtful(Search(library, "asdfgh qwertz", vector, "hybrid").run(everything))
    assert not is_doubtful(Search(library, "whale governess", vector, "hybrid").run(everything))


@pytest.mark.parametrize("mode", ["keyword", "meaning", "hybrid"])
def test_what_was_asked_for_in_signs_holds_in_every_mode(library: Library, mode: str) -> None:
    assert search(library, "hunting a whale -ahab", mode)
    assert "moby-dick" not in search(library, "hunting a whale -ahab", mode)
    found = search(library, "love author:bronte", mode)
    assert found and set(found) <= {"jane-eyre", "wuthering"}
    assert set(search(library, "author:austen year:1815", mode)) == {"emma"}  # nothing to understand
    assert set(search(library, "hunting a whale year:1851", mode)) == {"moby-dick"}


def test_orders_for_browsing(library: Library) -> None:
    def ids(sort: str, emotions: tuple[str, ...] = ()) -> list[str]:
        rows, _ = order_rows(library, emotions, sort)  # type: ignore[arg-type]
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
