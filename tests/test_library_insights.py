"""Counts of the whole shelf."""

from leximind.labels import EMOTIONS, TOPICS
from leximind.library.insights import describe, read_metrics
from leximind.library.store import Library


def test_counts_come_from_the_works(library: Library) -> None:
    insights = describe(library, {"emotion": {"macro_f1": 0.4}})
    assert insights.n_works == sum(insights.kinds.values()) == sum(insights.topics.values()) == 31
    assert tuple(insights.topics) == TOPICS
    assert tuple(insights.emotions) == EMOTIONS
    assert insights.emotions["remorse"] == 3
    assert insights.emotions["disgust"] == 0
    assert insights.centuries[1800] == sum(1800 <= (work.year or 0) < 1900 for work in library.works)
    assert list(insights.centuries)[:2] == [-500, -400]
    assert sum(insights.centuries.values()) + insights.n_undated == 31
    assert insights.sources == {"Project Gutenberg": 21, "arXiv": 10}
    assert sum(insights.licenses.values()) == 31
    assert (insights.model, insights.version) == ("fake-1", library.version)
    assert insights.built_at.startswith("2026-01-31")
    assert len(insights.topic_emotions["Arts"]) == len(EMOTIONS)
    assert insights.metrics["emotion"]["macro_f1"] == 0.4


def test_metrics_are_read_when_there(tmp_path) -> None:  # type: ignore[no-untyped-def]
    assert read_metrics(tmp_path) == {}
    (tmp_path / "metrics.json").write_text("[")
    assert read_metrics(tmp_path) == {}
    (tmp_path / "metrics.json").write_text('{"topic": {"accuracy": 0.9}}')
    assert read_metrics(tmp_path) == {"topic": {"accuracy": 0.9}}
