"""ROUGE, BLEU, BERTScore's matching and faithfulness, each against its peer or its definition."""

from itertools import product

import numpy as np
import pytest
from rouge_score.rouge_scorer import RougeScorer

from leximind.evaluation import overlap
from leximind.evaluation.states import read_states
from tests.models import tiny_analyzer

WORDS = np.array(["whale", "whales", "ship", "sea", "Captain", "hunts", "hunted", "the", "a", "white"])


def texts(rng: np.random.Generator, n: int, longest: int = 12) -> list[str]:
    return [" ".join(rng.choice(WORDS, rng.integers(1, longest))) for _ in range(n)]


def test_rouge_takes_the_best_reference_of_each_kind() -> None:
    rng = np.random.default_rng(0)
    scorer = RougeScorer(["rouge1", "rouge2", "rougeL"], use_stemmer=True)
    for _ in range(30):
        prediction, *references = texts(rng, 4)
        ours = overlap.rouge(prediction, references)
        for name in overlap.ROUGE_TYPES:
            expected = max(scorer.score(reference, prediction)[name].fmeasure for reference in references)
            assert ours[name] == pytest.approx(expected)
    assert overlap.rouge("", ["a"]) == {"rouge1": 0, "rouge2": 0, "rougeL": 0}


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("longest", [4, 30])
def test_bleu_agrees_with_sacrebleu(seed: int, longest: int) -> None:
    sacrebleu = pytest.importorskip("sacrebleu")
    rng = np.random.default_rng(seed)
    predictions = texts(rng, 8, longest)
    references = [texts(rng, 2, longest) for _ in predictions]
    counts = np.stack([overlap.count_ngrams(*pair) for pair in zip(predictions, references, strict=True)])
    expected = sacrebleu.corpus_bleu(predictions, [list(group) for group in zip(*references, strict=True)])
    assert overlap.bleu(counts) == pytest.approx(expected.score / 100)


def test_bleu_at_its_ends() -> None:
    pytest.importorskip("sacrebleu")
    same = "the white whale hunts a ship"
    assert overlap.bleu([overlap.count_ngrams(same, ["other", same])]) == pytest.approx(1)
    assert overlap.bleu([overlap.count_ngrams("nothing alike", [same])]) == 0
    assert overlap.bleu([overlap.count_ngrams("", [same])]) == 0


@pytest.mark.parametrize("seed", range(5))
def test_greedy_matching_is_that_of_its_definition(seed: int) -> None:
    rng = np.random.default_rng(seed)
    candidate, reference = rng.normal(size=(5, 7)), rng.normal(size=(8, 7))
    table = {
        (i, j): candidate[i] @ reference[j] / np.linalg.norm(candidate[i]) / np.linalg.norm(reference[j])
        for i, j in product(range(5), range(8))
    }
    precision = sum(max(table[i, j] for j in range(8)) for i in range(5)) / 5
    recall = sum(max(table[i, j] for i in range(5)) for j in range(8)) / 8
    found = overlap.match_greedily(candidate, reference)
    expected = (precision, recall, 2 * precision * recall / (precision + recall))
    assert found == pytest.approx(expected)
    assert overlap.match_greedily(reference, candidate).recall == pytest.approx(precision)


def test_greedy_matching_at_its_ends() -> None:
    states = np.random.default_rng(0).normal(size=(4, 3))
    assert overlap.match_greedily(states, 3 * states[::-1]) == pytest.approx((1, 1, 1))
    assert overlap.match_greedily(np.eye(2), [[0, 1]]) == pytest.approx((0.5, 1, 2 / 3))
    assert overlap.match_greedily(np.zeros((0, 3)), states) == (0, 0, 0)


@pytest.mark.parametrize(
    ("summary", "expected"),
    [
        ("The hunted ship was sunk.", False),
        ("Whale ships were hunting.", True),
        ("It took 12 whales.", True),
        ("It took 13 whales.", False),
        ("It took 1 whale.", False),
        ("", True),
    ],
)
def test_supported_means_that_words_and_numbers_stand_in_the_source(summary: str, expected: bool) -> None:
    assert overlap.is_supported(summary, "The whaling ship took part and hunted 12 whales.") is expected


def test_copied_means_word_for_word() -> None:
    source = "A ship sails.\nThe white  whale sinks it. All drown."
    assert overlap.is_copied(["The white whale sinks it.", "A ship sails."], source)
    assert not overlap.is_copied(["The white whale sinks it.", "A ship sinks."], source)


def test_token_states_of_the_model_leave_out_markers_and_padding() -> None:
    analyzer = tiny_analyzer()
    texts = ["The whale sinks the ship.", "A ship."]
    states = read_states(analyzer, texts)
    lengths = [len(piece.ids) for piece in analyzer.tokenizer.pieces(texts)]
    assert [len(rows) for rows in states] == lengths
    (alone,) = read_states(analyzer, texts[1:])
    np.testing.assert_allclose(states[1], alone, atol=1e-5)
    assert overlap.match_greedily(states[0], states[0]).f1 == pytest.approx(1, abs=1e-6)
    assert overlap.match_greedily(states[0], states[1]).f1 < 0.999
