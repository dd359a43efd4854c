"""More of one feeling, less of another: addresses, English, and the order they give."""

from typing import Any

import numpy as np
import pytest

from leximind.errors import InputError
from leximind.labels import EMOTIONS, NEUTRAL
from leximind.library.feeling_words import FEELING_WORDS, read_feelings
from leximind.library.feelings import MIN_GROUP, Feelings
from leximind.library.moods import EVEN, MOODS, Mood
from leximind.library.store import Library


def test_moods_are_made_of_labels_each_of_one() -> None:
    labels = [label for names in MOODS.values() for label in names]
    assert len(labels) == len(set(labels))
    assert set(labels) <= set(EMOTIONS) - {EMOTIONS[NEUTRAL]}
    assert 6 <= len(MOODS) <= 8


@pytest.mark.parametrize(
    ("params", "weights", "phrase"),
    [
        ("", (), ""),
        (" , ", (), ""),
        ("wonder:2,fear:-1", (("wonder", 2), ("fear", -1)), "with much more wonder and less fear"),
        ("fear:-1,Wonder:2", (("wonder", 2), ("fear", -1)), "with much more wonder and less fear"),
        ("humour", (("humour", 1),), "with more humour"),
        ("hope:0, joy:-2", (("joy", -2),), "with much less joy"),
        (
            "joy:1,hope:1,anger:-1",
            (("joy", 1), ("hope", 1), ("anger", -1)),
            "with more joy, more hope and less anger",
        ),
    ],
)
def test_addresses_and_english(params: str, weights: Any, phrase: str) -> None:
    mood = Mood.from_params({"mood": params, "q": "whale"})
    assert mood.weights == weights
    assert mood.phrase() == phrase
    assert mood.is_even == (mood == EVEN) == (not weights)
    assert Mood.from_params(mood.to_params()) == mood
    assert EVEN.to_params() == {}


@pytest.mark.parametrize(
    "params", ["boredom:1", "joy:3", "joy:-3", "joy:much", "joy:1.5", "joy:", ":2", "joy:1,JOY:2", "joy:1:2"]
)
def test_what_is_no_mood_is_told(params: str) -> None:
    with pytest.raises(InputError) as told:
        Mood.from_params({"mood": params})
    assert "joy" in str(told.value)  # the names that are known, or the one that was meant


@pytest.mark.parametrize("weights", [(("joy", True),), (("joy", 1.0),), ((None, 1),), (("joy", None),)])
def test_only_whole_numbers_and_names_make_a_mood(weights: Any) -> None:
    with pytest.raises(InputError):
        Mood(weights)


def test_a_mood_is_adjusted() -> None:
    mood = Mood((("wonder", 2),)).adjust("fear", -1)
    assert mood.to_params() == {"mood": "wonder:2,fear:-1"}
    assert (mood.weight("wonder"), mood.weight("joy")) == (2, 0)
    assert (
        mood.adjust("wonder", 0).adjust("fear", 0) is not mood
        and mood.adjust("wonder", 0).adjust("fear", 0) == EVEN
    )
    with pytest.raises(InputError, match="boredom"):
        mood.adjust("boredom", 1)


def scores(n: int, level: float, spread: float, seed: int) -> Any:
    return (level + spread * np.random.default_rng(seed).standard_normal((n, len(EMOTIONS)))).astype(
        np.float32
    )


def test_works_are_compared_with_those_read_alike() -> None:
    n = 2 * MIN_GROUP
    whole, described = scores(n, 0.3, 0.01, 1), scores(n, 0.1, 0.1, 2)
    feelings = Feelings(np.vstack([whole, described]), np.arange(2 * n) < n)
    for part in (slice(0, n), slice(n, None)):
        assert np.allclose(feelings.labels[part].mean(axis=0), 0, atol=1e-3)
        assert np.allclose(feelings.labels[part].std(axis=0), 1, atol=1e-3)
        assert np.allclose(feelings.moods[part].std(axis=0), 1, atol=1e-3)


def test_few_of_a_kind_are_compared_with_all() -> None:
    few = MIN_GROUP - 1
    emotions = np.vstack([scores(few, 0.5, 0.01, 1), scores(100, 0.1, 0.01, 2)])
    feelings = Feelings(emotions, np.arange(len(emotions)) < few)
    assert (feelings.labels[:few] > 1).all()


def test_of_no_works_there_are_no_feelings() -> None:
    feelings = Feelings(np.zeros((0, len(EMOTIONS)), np.float32), np.zeros(0, np.bool_))
    assert feelings.weigh(Mood((("joy", 2),)), np.zeros(0, np.intp)).shape == (0,)


def test_weights_add_up_and_reasons_tell_the_most_marked_first(library: Library) -> None:
    feelings, rows = library.feelings, np.arange(len(library))
    both = feelings.weigh(Mood.from_params({"mood": "anger:2,sorrow:-1"}), rows)
    anger, sorrow = (feelings.weigh(Mood(((name, 1),)), rows) for name in ("anger", "sorrow"))
    assert np.allclose(both, 2 * anger - sorrow, atol=1e-5)
    row = library.row("slave")  # sadness and anger
    assert set(feelings.explain(row, Mood.from_params({"mood": "anger,sorrow,joy"}))) >= {
        "much more anger than most"
    }
    assert feelings.explain(row, Mood.from_params({"mood": "anger:-1"})) == ()
    assert feelings.explain(row, EVEN) == ()


def felt(text: str) -> dict[str, float]:
    found = read_feelings(text)
    if found is None:
        return {}
    assert np.linalg.norm(found.profile) == pytest.approx(1)
    return {EMOTIONS[number]: float(found.profile[number]) for number in np.flatnonzero(found.profile)}


@pytest.mark.parametrize(
    ("text", "wanted", "unwanted"),
    [
        ("a funny book about dogs", {"amusement"}, set()),
        ("FRIGHTENINGLY good", {"fear", "nervousness"}, set()),
        ("sadder", {"sadness"}, set()),
        ("hopeful but not sad", {"optimism", "relief"}, {"sadness", "grief", "remorse"}),
        ("don't make me cry", set(), {"sadness", "grief", "remorse"}),
        ("nothing too scary, please, make me laugh", {"amusement"}, {"fear", "nervousness"}),
        ("warm-hearted", {"love", "caring", "gratitude"}, set()),
        ("whales and governesses", set(), set()),
        ("", set(), set()),
        ("not", set(), set()),
    ],
)
def test_feeling_words(text: str, wanted: set[str], unwanted: set[str]) -> None:
    found = felt(text)
    assert {label for label, weight in found.items() if weight > 0} >= wanted
    assert {label for label, weight in found.items() if weight < 0} == unwanted
    assert bool(found) == bool(wanted or unwanted)


@pytest.mark.parametrize(
    ("text", "is_all"), [("something sad", True), ("I want a funny book", True), ("sad dogs", False)]
)
def test_whether_feelings_are_all(text: str, is_all: bool) -> None:
    found = read_feelings(text)
    assert found is not None
    assert found.is_all is is_all


def test_opposite_feelings_cancel_out() -> None:
    assert read_feelings("sad and not sad") is None


def test_every_word_for_a_feeling_is_known() -> None:
    for labels, words in FEELING_WORDS.items():
        assert set(labels) <= set(EMOTIONS)
        for word in words.split():
            assert felt(word), word
