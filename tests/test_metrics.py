import numpy as np
import pytest
from scipy import stats
from sklearn import metrics as peer
from sklearn.calibration import calibration_curve

from leximind.evaluation import metrics

SEEDS = range(5)


def multilabel(seed: int, n: int = 60, n_labels: int = 7) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    labels = rng.random((n, n_labels)) < 0.2
    predictions = labels ^ (rng.random((n, n_labels)) < 0.3)
    labels[:, 0] = False  # a label that never occurs, one that is never given, a text without labels
    predictions[:, 1] = False
    labels[3] = predictions[3] = False
    return labels, predictions


@pytest.mark.parametrize("seed", SEEDS)
def test_multilabel_scores_agree_with_scikit_learn(seed: int) -> None:
    labels, predictions = multilabel(seed)
    for ours, average in (
        (metrics.macro_f1, "macro"),
        (metrics.micro_f1, "micro"),
        (metrics.sample_f1, "samples"),
    ):
        expected = peer.f1_score(labels, predictions, average=average, zero_division=0)
        assert ours(labels, predictions) == pytest.approx(expected)
    precision, recall, f1, _ = peer.precision_recall_fscore_support(labels, predictions, zero_division=0)
    scores = metrics.score_labels(labels.astype(float), predictions.astype(int))
    np.testing.assert_allclose(scores.precision, precision)
    np.testing.assert_allclose(scores.recall, recall)
    np.testing.assert_allclose(scores.f1, f1)


@pytest.mark.parametrize("seed", SEEDS)
def test_average_precision_agrees_with_scikit_learn(seed: int) -> None:
    rng = np.random.default_rng(seed)
    labels = rng.random(80) < 0.3
    scores = rng.random(80)
    for values in (scores, scores.round(1), np.zeros(80)):
        expected = peer.average_precision_score(labels, values)
        assert metrics.average_precision(labels, values) == pytest.approx(expected)
    many = rng.random((80, 4)) < 0.3
    values = rng.random((80, 4)).round(2)
    expected = peer.average_precision_score(many, values, average="macro")
    assert metrics.mean_average_precision(many, values) == pytest.approx(expected)
    absent = np.hstack([many, np.zeros((80, 1), bool)])
    assert metrics.mean_average_precision(absent, np.hstack([values, values[:, :1]])) == pytest.approx(
        expected
    )
    assert metrics.average_precision([0, 0], [0.1, 0.2]) == 0
    assert metrics.mean_average_precision(np.zeros((3, 2)), values[:3, :2]) == 0


@pytest.mark.parametrize("seed", SEEDS)
def test_single_label_scores_agree_with_scikit_learn(seed: int) -> None:
    rng = np.random.default_rng(seed)
    gold, predicted = rng.integers(0, 5, 100), rng.integers(0, 4, 100)
    assert metrics.accuracy(gold, predicted) == pytest.approx(peer.accuracy_score(gold, predicted))
    ours = metrics.macro_f1(metrics.one_hot(gold, 6), metrics.one_hot(predicted, 6))
    expected = peer.f1_score(gold, predicted, average="macro", labels=range(6), zero_division=0)
    assert ours == pytest.approx(expected)
    confusion = metrics.count_confusion(gold, predicted, 6)
    np.testing.assert_array_equal(confusion, peer.confusion_matrix(gold, predicted, labels=range(6)))


@pytest.mark.parametrize("seed", SEEDS)
def test_calibration_error_is_that_of_its_definition(seed: int) -> None:
    rng = np.random.default_rng(seed)
    probabilities = rng.random((50, 3))
    outcomes = rng.random((50, 3)) < probabilities**2
    expected = 0.0
    for bin_ in range(15):
        inside = (probabilities > bin_ / 15) & (probabilities <= (bin_ + 1) / 15)
        if inside.any():
            gap = outcomes[inside].mean() - probabilities[inside].mean()
            expected += inside.sum() / probabilities.size * abs(gap)
    assert metrics.calibration_error(probabilities, outcomes) == pytest.approx(expected)


@pytest.mark.parametrize("seed", SEEDS)
def test_bins_of_confidence_agree_with_scikit_learn(seed: int) -> None:
    rng = np.random.default_rng(seed)
    probabilities = rng.random(300)
    outcomes = rng.random(300) < probabilities
    bins = metrics.bin_confidence(probabilities, outcomes, 10)
    frequency, confidence = calibration_curve(outcomes, probabilities, n_bins=10)
    np.testing.assert_allclose(bins.frequency[bins.n > 0], frequency)
    np.testing.assert_allclose(bins.confidence[bins.n > 0], confidence)
    assert bins.n.sum() == 300


@pytest.mark.parametrize("seed", SEEDS)
def test_correlations_agree_with_scipy(seed: int) -> None:
    rng = np.random.default_rng(seed)
    first = rng.normal(size=50)
    second = (first + rng.normal(size=50)).round()  # with ties
    assert metrics.correlation(first, second) == pytest.approx(stats.pearsonr(first, second).statistic)
    assert metrics.rank_correlation(first, second) == pytest.approx(stats.spearmanr(first, second).statistic)
    assert metrics.correlation(first, np.ones(50)) == 0


def test_calibration_error_at_its_ends() -> None:
    assert metrics.calibration_error([0, 1, 1], [0, 1, 1]) == 0
    assert metrics.calibration_error([0, 1], [1, 0]) == 1
    assert metrics.calibration_error([0.5] * 4, [1, 0, 1, 0]) == 0


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("decimals", [1, 8])
def test_tuned_thresholds_are_the_best_there_are(seed: int, decimals: int) -> None:
    rng = np.random.default_rng(seed)
    labels = rng.random((40, 3)) < [0.05, 0.3, 0.9]
    labels[0] = True
    probabilities = np.clip(labels * 0.2 + rng.random((40, 3)) * 0.8, 0, 1).round(decimals)
    thresholds = metrics.tune_thresholds(probabilities, labels)
    for label in range(3):
        candidates = [*np.unique(probabilities[:, label]), 1.1]
        best = max(
            peer.f1_score(labels[:, label], probabilities[:, label] >= threshold, zero_division=0)
            for threshold in candidates
        )
        given = probabilities[:, label] >= thresholds[label]
        assert peer.f1_score(labels[:, label], given) == pytest.approx(best)


def test_thresholds_lie_between_probabilities_and_a_missing_label_keeps_a_half() -> None:
    probabilities = np.array([[0.9, 0.3], [0.7, 0.2], [0.1, 0.9]])
    thresholds = metrics.tune_thresholds(probabilities, np.array([[1.0, 0], [1, 0], [0, 0]]))
    np.testing.assert_allclose(thresholds, [0.4, 0.5])
    assert metrics.tune_thresholds(np.zeros((2, 1)), np.ones((2, 1))).tolist() == [0.0]


@pytest.mark.parametrize("chunk", [7, 1000])
def test_ranks_and_what_is_made_of_them(chunk: int) -> None:
    rng = np.random.default_rng(0)
    queries, documents = rng.normal(size=(40, 8)), rng.normal(size=(40, 8))
    ranks = metrics.rank_matches(queries, documents, chunk=chunk)
    scores = queries @ documents.T
    expected = [1 + sum(scores[i] > scores[i, i]) for i in range(40)]
    assert ranks.tolist() == expected
    assert metrics.reciprocal_rank(ranks, 10) == pytest.approx(
        np.mean([1 / rank if rank <= 10 else 0 for rank in expected])
    )
    assert metrics.reciprocal_rank(ranks, 40) == pytest.approx(
        peer.label_ranking_average_precision_score(np.eye(40), scores)
    )
    assert metrics.recall(ranks, 10) == pytest.approx(peer.top_k_accuracy_score(range(40), scores, k=10))


def test_equal_scores_earn_nothing() -> None:
    assert metrics.rank_matches(np.ones((5, 2)), np.ones((5, 2))).tolist() == [5] * 5
