"""Choosing sentences: the oracle, the loss, the head, and extracts of a wanted length."""

from typing import Any

import numpy as np
import pytest
import torch

from leximind.errors import InputError
from leximind.evaluation.oracles import greedy_extract, sentence_gains
from leximind.inference.reading import feel_passages
from leximind.inference.summaries import cover
from leximind.model.multitask import sentence_places
from leximind.training.batches import collate
from leximind.training.examples import EncodedExample
from leximind.training.losses import contrastive_loss
from leximind.training.selection import selection_loss
from tests.models import tiny_analyzer, tiny_model

SENTENCES = [
    "The harbour was quiet that morning and nobody spoke.",
    "A storm sank three ships and changed the law of the sea.",
    "Gulls circled over the fish market as always.",
    "The new law made captains answer for their crews.",
]


def example(n: int, best: int, seed: int) -> EncodedExample:
    rng = np.random.default_rng(seed)
    gains = np.full(n, 0.1, np.float32)
    gains[best] = 0.6
    vectors = rng.normal(size=(n, 16)).astype(np.float16)
    vectors[best] += 3.0  # what is wanted can be seen
    return EncodedExample(rng.integers(5, 40, n).astype(np.int32), gains, vectors=vectors)


def test_gains_are_highest_for_the_sentence_that_says_the_summary() -> None:
    gains = sentence_gains(SENTENCES, ["Three ships sank in a storm.", "The law of the sea changed."])
    assert gains.argmax() == 1 and gains.shape == (4,)
    assert sentence_gains(["The law of the sea changed."], ["The law of the sea changed."])[0] == 1


def test_the_greedy_extract_covers_the_reference_without_what_adds_nothing() -> None:
    reference = f"{SENTENCES[3]} {SENTENCES[1]}"
    assert greedy_extract(SENTENCES, reference, 40) == [1, 3]
    assert greedy_extract(SENTENCES, "Completely unrelated words.", 40) == []
    # One sentence already passes half as much again as three words.
    assert len(greedy_extract(SENTENCES, reference, 3)) == 1


@pytest.mark.parametrize("task", ["sentence", "passage"])
def test_the_loss_teaches_which_sentence_is_wanted(task: str) -> None:
    torch.manual_seed(0)
    model = tiny_model().train()
    rows = [example(n, best, seed) for seed, (n, best) in enumerate([(4, 2), (6, 0), (3, 1), (5, 4)])]
    if task == "passage":
        rows = [
            EncodedExample(row.source, (row.target > 0.5).astype(np.float32), vectors=row.vectors)
            for row in rows
        ]
    batch = collate(rows, task, 0)
    assert batch.token_ids.shape == (4, 6) and batch.mask.sum(1).tolist() == [4, 6, 3, 5]
    optimiser = torch.optim.Adam(model.heads["selection"].parameters(), lr=1e-2)
    first = selection_loss(model, task, batch)
    for _ in range(40):
        optimiser.zero_grad()
        loss = selection_loss(model, task, batch)
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
    assert loss < 0.8 * first


def test_padding_changes_no_score() -> None:
    model = tiny_model()
    long, short = example(7, 3, 0), example(3, 1, 1)
    head = model.heads["selection"]
    both = collate([short, long], "sentence", 0)
    alone = collate([short], "sentence", 0)
    places = torch.zeros(2, 7, 4)
    places[0, :3] = sentence_places(alone.token_ids[0])
    together = head(both.vectors, both.mask, places)[0, :3]
    torch.testing.assert_close(together, head(alone.vectors, alone.mask, places[:1, :3])[0])


def test_places_say_where_a_sentence_stands() -> None:
    places = sentence_places(torch.tensor([10, 30, 60]))
    assert places[:, 1].tolist() == pytest.approx([0.0, 0.1, 0.4])
    assert (places[1:, 0] > places[:-1, 0]).all()
    assert places[0, 3] == places[2, 3]


def test_an_extract_keeps_the_order_and_the_length() -> None:
    relevance = np.array([0.1, 0.9, 0.2, 0.8, 0.7], np.float32)
    vectors = np.eye(5, dtype=np.float32)
    lengths = np.array([10, 12, 10, 11, 30])
    assert cover(relevance, vectors, lengths, 20) == [1, 3]
    # The third best would overshoot 33 words by far, so the next that fits is taken.
    assert cover(relevance, vectors, lengths, 33) == [1, 2, 3]
    assert cover(relevance, vectors, lengths, 1) == [1], "never nothing"


def test_a_passage_feels_as_its_strongest_sentences_do() -> None:
    probabilities = np.array([[0.8, 0.2], [0.0, 0.2], [0.0, 0.2], [0.4, 0.1], [0.3, 0.3]])
    lengths, owners = np.array([10, 20, 10, 5, 30]), np.array([0, 0, 0, 1, 2])
    felt, whole = feel_passages(probabilities, lengths, owners)
    assert whole.tolist() == [40, 5, 30]
    strongest = (0.8**4 * 10 / 40) ** 0.25
    np.testing.assert_allclose(felt, [[strongest, 0.2], [0.4, 0.1], [0.3, 0.3]], rtol=1e-6)
    assert 0.2 < strongest < 0.8, "above the mean, below the maximum"


def test_a_summary_of_each_kind() -> None:
    model = tiny_analyzer()
    text = " ".join(
        f"{sentence} And then it was noted as number {i}." for i, sentence in enumerate(SENTENCES * 9)
    )
    (sentence,) = model.summarize([text])
    (description,) = model.summarize([text], "description")
    (abstract,) = model.summarize([text], "abstract")
    assert len(sentence.split()) <= 45
    assert 150 < len(description.split()) <= 1.15 * 200
    assert 150 < len(abstract.split()) <= 1.15 * 200
    with pytest.raises(InputError, match="'poem', but one of sentence, description, abstract"):
        model.summarize([text], "poem")  # type: ignore[arg-type]


def test_the_emotion_branch_starts_as_a_copy_and_leaves_the_other_tasks_alone() -> None:
    model = tiny_model()
    token_ids = torch.randint(5, 200, (2, 9))
    model.grow_branch()
    with torch.inference_mode():
        before = model.encode(token_ids).states
        torch.testing.assert_close(model.encode(token_ids, task="emotion").states, before)
        for weight in model.emotion_blocks.parameters():
            weight.add_(0.1)
        torch.testing.assert_close(model.encode(token_ids).states, before)
        torch.testing.assert_close(model.encode(token_ids, task="topic").states, before)
        assert (model.encode(token_ids, task="emotion").states - before).abs().max() > 0.01


def test_the_contrastive_loss_is_info_nce_in_both_directions_and_a_pull_to_the_identity() -> None:
    model = tiny_model()
    head: Any = model.heads["embedding"]
    vectors = np.random.default_rng(0).normal(size=(5, 2, 16)).astype(np.float16)
    batch = collate(
        [EncodedExample(np.ones(2, np.int32), np.zeros(2, np.float32), vectors=row) for row in vectors],
        "pairs",
        0,
    )
    with torch.no_grad():
        head.projection.weight.copy_(torch.eye(16) * 2)
    titles, texts = (vectors[:, i].astype(np.float64) for i in (0, 1))
    cosines = (titles / np.linalg.norm(titles, axis=1, keepdims=True)) @ (
        texts / np.linalg.norm(texts, axis=1, keepdims=True)
    ).T
    likely = np.exp(20 * cosines)
    forward, backward = np.diag(likely) / likely.sum(1), np.diag(likely) / likely.sum(0)
    expected = -(np.log(forward).mean() + np.log(backward).mean()) / 2
    with torch.no_grad():
        found = contrastive_loss(model, batch, scale=20.0, keep=0.0)
        pulled = contrastive_loss(model, batch, scale=20.0, keep=0.5)
    assert float(found) == pytest.approx(expected, rel=1e-4)
    assert float(pulled - found) == pytest.approx(0.5 * 16), "sixteen weights are one too large"
