"""The topic head's word weights: tf-idf as scikit-learn has it, and the regression that they are."""

import numpy as np
import pytest
import torch
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression

from builders.stages.words import Options, fit_words
from leximind.model.multitask import TopicHead, WordWeights
from leximind.text.tokenizer import pad


def make_rows(n: int = 60, n_topics: int = 3) -> tuple[list[list[int]], np.ndarray]:
    """Texts of 12 words out of 40; a topic has six of its own."""
    rng = np.random.default_rng(0)
    topics = np.arange(n) % n_topics
    common = rng.integers(20, 40, (n, 6))
    own = rng.integers(0, 6, (n, 6)) + 1 + 6 * topics[:, None]
    return np.concatenate((common, own), axis=1).tolist(), topics


def fitted(rows: list[list[int]], topics: np.ndarray, n_labels: int = 7, min_texts: int = 1) -> WordWeights:
    words = WordWeights(41, n_labels)
    fit_words(words, rows, topics, Options(min_texts=min_texts))
    return words


def test_features_and_logits_are_those_of_scikit_learn() -> None:
    rows, topics = make_rows()
    words = fitted(rows, topics)
    vectorizer = TfidfVectorizer(tokenizer=str.split, token_pattern=None, sublinear_tf=True)
    texts = [" ".join(f"w{token}" for token in row) for row in rows]
    due = vectorizer.fit_transform(texts).toarray()
    order = [int(name[1:]) for name in vectorizer.get_feature_names_out()]
    found = words.features(*pad(rows, 0)).numpy()
    np.testing.assert_allclose(found[:, order], due, atol=1e-6)

    regression = LogisticRegression(C=1.0, max_iter=300).fit(due, topics)
    logits = words(*pad(rows, 0)).detach().numpy()
    np.testing.assert_allclose(logits[:, :3], regression.decision_function(due), atol=2e-2)
    assert (logits[:, 3:] < logits[:, :3].max(axis=1, keepdims=True)).all(), "a topic never seen never wins"
    assert (logits.argmax(1) == topics).all()


def test_two_topics_give_the_same_choice_as_the_regression() -> None:
    rows, topics = make_rows(n_topics=2)
    assert (fitted(rows, topics)(*pad(rows, 0)).argmax(1).numpy() == topics).all()


def test_padding_and_rare_words_say_nothing() -> None:
    rows, topics = make_rows()
    words = fitted([*rows, [40, 21]], np.append(topics, 0), min_texts=2)
    alone = words(*pad([[22, 1]], 0))
    assert torch.allclose(words(*pad([[22, 1], rows[0]], 0))[0], alone[0])
    assert torch.allclose(words(*pad([[22, 1, 40]], 0)), alone), "a word of one text has no weight"
    assert torch.isfinite(words(*pad([[40]], 0))).all(), "a text without a known word"


def test_the_head_adds_the_words_to_what_the_states_say() -> None:
    torch.manual_seed(0)
    plain, counting = TopicHead(8, 7, 0.0, 0), TopicHead(8, 7, 0.0, 41)
    counting.out.load_state_dict(plain.out.state_dict())
    rows, topics = make_rows()
    token_ids, mask = pad(rows[:4], 0)
    states = torch.randn(4, token_ids.size(1), 8)
    assert torch.equal(counting(states, mask, token_ids), plain(states, mask, token_ids)), "silent at first"
    assert counting.words is not None
    fit_words(counting.words, rows, topics, Options(min_texts=1))
    added = counting(states, mask, token_ids) - plain(states, mask, token_ids)
    assert torch.allclose(added, counting.words(token_ids, mask), atol=1e-6)
    assert added.abs().max() > 0.1


@pytest.mark.parametrize("strength", [0.01, 10.0])
def test_a_weaker_penalty_lets_words_say_more(strength: float) -> None:
    rows, topics = make_rows()
    words, usual = WordWeights(41, 3), fitted(rows, topics, n_labels=3)
    fit_words(words, rows, topics, Options(strength=strength, min_texts=1))
    assert (words.weight.norm() > usual.weight.norm()) == (strength > 1)
