"""Works near one, near several, and far from all."""

import random
from typing import Any

import numpy as np
import pytest

from leximind.errors import InputError, NotFoundError
from leximind.library import neighbours
from leximind.library.neighbours import known_rows, recommend, surprise
from leximind.library.search import FLOOR
from leximind.library.store import Library
from leximind.service import Service


def ids(hits: Any) -> list[str]:
    return [hit.work.id for hit in hits]


def test_recommendations_are_close_to_the_set_and_not_in_it(library: Library) -> None:
    saved = ["moby-dick", "emma"]
    hits = recommend(library, saved, 12)
    assert not set(ids(hits)) & set(saved)
    assert {hit.reasons[0] for hit in hits[:4]} == {"close to Moby-Dick", "close to Emma"}
    reasons = {hit.work.id: hit.reasons for hit in hits}
    assert reasons["whale-song"][0] == "close to Moby-Dick"
    assert reasons["pride"][0] == "close to Emma"
    assert "both feel amusement and love" in reasons["pride"]
    scores = [hit.score for hit in hits]
    assert scores == sorted(scores, reverse=True)
    rows = [library.row(name) for name in saved]
    for hit in hits:
        assert (library.embeddings[library.row(hit.work.id)] @ library.embeddings[rows].T).max() >= FLOOR


def test_recommendations_take_what_a_browser_may_send(library: Library) -> None:
    plain = recommend(library, ["moby-dick", "emma"], 5)
    assert recommend(library, ["moby-dick", "gone", "emma", "moby-dick", ""], 5) == plain
    assert recommend(library, [], 5) == recommend(library, ["gone"], 5) == ()
    assert recommend(library, [None, 7, ["emma"]], 5) == ()  # type: ignore[list-item]
    assert ids(plain)[0] not in ids(recommend(library, ["moby-dick", "emma"], 5, [ids(plain)[0], "gone"]))
    everything = [work.id for work in library.works]
    assert recommend(library, everything, 5) == ()
    assert recommend(library, ["emma"], 5, everything) == ()
    for wrong in ("emma", None, 3):
        with pytest.raises(InputError, match="list of ids"):
            recommend(library, wrong, 5)  # type: ignore[arg-type]
    for limit in (0, 51, "5"):
        with pytest.raises(InputError, match="limit"):
            recommend(library, ["emma"], limit)  # type: ignore[arg-type]


def test_one_work_of_the_set_does_not_bring_in_all(library: Library) -> None:
    saved = ["emma", "origin", "turing", "republic", "crime", "attention", "art-war", "moby-dick"]
    hits = recommend(library, saved, 6)
    from_one = [hit.reasons[0] for hit in hits]
    assert max(from_one.count(reason) for reason in from_one) <= 2


def test_similar_works_leave_out_what_is_saved(service: Service) -> None:
    plain = ids(service.similar("moby-dick", 3))
    without = ids(service.similar("moby-dick", 3, without=[plain[0], "gone"]))
    assert without[: len(plain) - 1] == plain[1:]
    vector = service.library.embeddings[service.library.row("moby-dick")]
    assert ids(service.similar_to(vector, 3))[0] == "moby-dick"
    assert "moby-dick" not in ids(service.similar_to(vector, 3, without=("moby-dick",)))


def test_a_surprise_is_new_far_and_never_the_same_for_long(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(neighbours, "MIN_DESCRIPTION", 20)
    chance = random.Random(5)
    seen = ["moby-dick", "whale-song"]
    drawn = [surprise(library, seen, chance) for _ in range(60)]
    assert not {work.id for work in drawn} & set(seen)
    assert len({work.id for work in drawn}) >= 4
    assert all(work.tone for work in drawn)
    recent = library.embeddings[[library.row(name) for name in seen]]
    closeness = [float((library.embeddings[library.row(work.id)] @ recent.T).max()) for work in drawn]
    assert max(closeness) < float(np.median((library.embeddings @ recent.T).max(axis=1)))


def test_a_surprise_is_there_as_long_as_a_work_is_left(library: Library) -> None:
    everything = [work.id for work in library.works]
    assert surprise(library, everything[1:], random.Random(1)).id == everything[0]
    with pytest.raises(NotFoundError, match="no work left"):
        surprise(library, everything, random.Random(1))


def test_ids_are_found_once_in_their_order(service: Service) -> None:
    assert [work.id for work in service.find(["emma", "gone", "crime", "emma"])] == ["emma", "crime"]
    assert service.find([]) == ()
    assert known_rows(service.library, iter(["emma"])) == [service.library.row("emma")]
    with pytest.raises(InputError):
        service.find("emma")
