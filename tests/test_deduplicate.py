"""The same text only once: equal and nearly equal texts go, all others stay."""

import itertools
import random

import numpy as np
import pytest

from leximind.errors import InputError
from leximind.training.deduplicate import (
    Policy,
    deduplicate,
    fingerprint,
    jaccard,
    normalise,
    shingles,
    split_by_document,
)

WORDS = ["".join(parts) for parts in itertools.product("bdfgm", "aeiou", "kl", "ou")]


def random_text(rng: random.Random, n_words: int) -> str:
    return " ".join(rng.choice(WORDS) for _ in range(n_words))


def change(text: str, n: int, rng: random.Random) -> str:
    """The text with `n` of its words replaced."""
    words = text.split()
    for place in rng.sample(range(len(words)), n):
        words[place] = f"new{rng.randrange(10**6)}"
    return " ".join(words)


def similarity(left: str, right: str, policy: Policy) -> float:
    return jaccard(*(shingles(text, policy.n_words, policy.max_words) for text in (left, right)))


def test_normalising_folds_case_form_space_and_punctuation_but_keeps_symbols() -> None:
    assert normalise("  The  WHALE,\n(a ﬁsh)!") == normalise("the whale a fish") == "the whale a fish"
    assert normalise("great 😂") != normalise("great 😡")
    assert normalise("?!") == "?!" != normalise("..."), "two texts of punctuation are not the same text"
    assert normalise("C++") != normalise("C")


def test_a_fingerprint_sees_the_beginning_alone() -> None:
    text = "word " * 60
    assert fingerprint(text + "one end") == fingerprint(text.upper() + "another, end")
    assert fingerprint(text, 20_000) != fingerprint(text + "end", 20_000)


def test_a_row_goes_when_it_repeats_a_held_out_row_or_an_earlier_set() -> None:
    rng = random.Random(0)
    abstract, other, passage = (random_text(rng, 80) for _ in range(3))
    found = deduplicate(
        {"topic": [abstract, passage], "summaries": [other, passage.upper(), "a text of its own"]},
        {"validation": [other + "!", "unseen"]},
    )
    assert found.kept["topic"].tolist() == [True, True]
    assert found.kept["summaries"].tolist() == [False, False, True]
    assert [(drop.name, drop.row, drop.reason, drop.of, drop.of_row) for drop in found.drops] == [
        ("summaries", 0, "prefix", "validation", 0),
        ("summaries", 1, "prefix", "topic", 1),
    ]
    assert found.counts() == {
        "topic": {},
        "summaries": {"prefix of topic": 1, "prefix of validation": 1},
    }


def test_a_near_duplicate_is_found_behind_another_beginning() -> None:
    rng = random.Random(1)
    abstract = random_text(rng, 150)
    titled = f"A title that only one of them has. {abstract}"
    found = deduplicate({"train": [titled]}, {"test": [abstract]})
    (drop,) = found.drops
    assert drop.reason == "near" and drop.similarity == pytest.approx(similarity(titled, abstract, Policy()))
    assert not deduplicate({"train": [titled]}, {"test": [abstract]}, Policy(threshold=1)).drops


def test_nearly_equal_texts_are_found_and_others_never_dropped() -> None:
    """What a brute-force search over all pairs says, for texts on both sides of the threshold."""
    rng, policy = random.Random(2), Policy(prefix=0)
    base = [random_text(rng, rng.randrange(30, 200)) for _ in range(60)]
    # One changed word in 30 to 200 breaks three shingles.
    near = [change(text, rng.randrange(1, 12), rng) for text in base]
    found = deduplicate({"train": near}, {"test": base}, policy)
    exact = [max(similarity(text, other, policy) for other in base) for text in near]
    for row, highest in enumerate(exact):
        if highest < policy.threshold:
            assert found.kept["train"][row], "an estimate never drops a row"
        elif highest > policy.threshold + 0.08:
            assert not found.kept["train"][row], f"{highest} is well above the threshold"
    assert 10 < found.kept["train"].sum() < 50, "there is something of both kinds"


@pytest.mark.parametrize("seed", range(4))
def test_what_stays_repeats_nothing(seed: int) -> None:
    rng, policy = random.Random(seed), Policy(n_permutations=64)
    pool = [random_text(rng, rng.randrange(1, 60)) for _ in range(30)]
    pool += [change(text, 1, rng) for text in pool if len(text.split()) > 40]
    sets = {name: [rng.choice(pool) for _ in range(25)] for name in ("a", "b", "held")}
    training = {name: sets[name] for name in ("a", "b")}
    found = deduplicate(training, {"held": sets["held"]}, policy)
    assert found.drops and found.drops == deduplicate(training, {"held": sets["held"]}, policy).drops
    kept = [
        text for name in training for text, stays in zip(sets[name], found.kept[name], strict=True) if stays
    ]
    prints = [fingerprint(text) for text in kept]
    assert len(set(prints)) == len(prints) and not set(prints) & {fingerprint(t) for t in sets["held"]}
    again = deduplicate({"kept": kept}, {"held": sets["held"]}, policy)
    assert not again.drops, "a second pass finds nothing"
    for drop in found.drops:
        text, of = sets[drop.name][drop.row], sets[drop.of][drop.of_row]
        assert fingerprint(text) == fingerprint(of) or similarity(text, of, policy) >= policy.threshold
        order = ("held", "a", "b")
        assert (order.index(drop.of), drop.of_row) < (order.index(drop.name), drop.row)
        assert drop.of == "held" or found.kept[drop.of][drop.of_row], "the row that it repeats is still there"


def test_short_and_empty_texts_are_compared_whole() -> None:
    found = deduplicate({"train": ["thanks", "Thanks!", "thank you", "", "", "thanks a lot for it"]})
    assert found.kept["train"].tolist() == [True, False, True, True, False, True]


def test_settings_that_make_no_sense_are_refused() -> None:
    for wrong in (
        {"threshold": 0.0},
        {"threshold": 1.5},
        {"prefix": -1},
        {"n_words": 0},
        {"n_permutations": 2},
    ):
        with pytest.raises(InputError):
            Policy(**wrong)
    with pytest.raises(InputError, match="same name"):
        deduplicate({"a": []}, {"a": []})


@pytest.mark.parametrize("seed", range(3))
def test_a_document_is_in_one_split_wherever_its_rows_stand(seed: int) -> None:
    rng = np.random.default_rng(seed)
    documents = [f"doc{i}" for i in rng.integers(0, 2000, 6000)]
    shares = {"train": 0.8, "validation": 0.15, "test": 0.05}
    splits = split_by_document(documents, shares)
    places: dict[str, set[str]] = {}
    for document, split in zip(documents, splits, strict=True):
        places.setdefault(document, set()).add(str(split))
    assert all(len(found) == 1 for found in places.values())
    for split, share in shares.items():
        assert sum(found == {split} for found in places.values()) / len(places) == pytest.approx(
            share, abs=0.03
        )
    order = rng.permutation(len(documents))[:3000]
    moved = split_by_document([documents[i] for i in order], shares)
    assert (moved == splits[order]).all(), "neither order nor company changes a document's split"
    assert (split_by_document(documents, shares, salt="other") != splits).any()


def test_a_split_is_the_same_on_every_machine() -> None:
    shares = {"train": 0.5, "test": 0.5}
    assert split_by_document(["moby-dick", "emma", "1706.03762", "persuasion"], shares).tolist() == [
        "train", "test", "train", "train",
    ]  # fmt: skip


def test_shares_must_add_up_and_ids_be_there() -> None:
    with pytest.raises(InputError, match="add up to 1"):
        split_by_document(["a"], {"train": 0.5, "test": 0.4})
    with pytest.raises(InputError, match="add up to 1"):
        split_by_document(["a"], {"train": 1.5, "test": -0.5})
    with pytest.raises(InputError, match="no document id"):
        split_by_document(["a", ""], {"train": 1.0})
    assert set(split_by_document([f"d{i}" for i in range(500)], {"train": 1.0, "test": 0.0})) == {"train"}
