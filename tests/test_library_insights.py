"""Counts of the whole shelf, how its labels relate, and where they are weakest."""

import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from leximind.labels import D_EMBEDDING, EMOTIONS, TOPICS
from leximind.library.doubts import compare_readings, find_doubts
from leximind.library.eras import N_CENTURIES, count_eras
from leximind.library.filters import Filters
from leximind.library.insights import describe, read_metrics
from leximind.library.relations import arrange, find_pairs, relate
from leximind.library.store import Library, write_discovery
from leximind.library.work import DESCRIPTION, FULL_TEXT
from tests.conftest import MODEL_NAME


def test_counts_come_from_the_works(library: Library) -> None:
    insights = describe(library, {"emotion": {"macro_f1": 0.4}})
    assert insights.n_works == sum(insights.kinds.values()) == sum(insights.topics.values()) == 31
    assert tuple(insights.topics) == TOPICS
    assert tuple(insights.emotions) == EMOTIONS
    assert insights.emotions["remorse"] == 3
    assert insights.emotions["disgust"] == 0
    assert insights.lengths == {"short": 0, "medium": 0, "long": 21}
    assert insights.n_toneless == sum(not work.tone for work in library.works)
    assert insights.years == (-500, 2017)
    assert insights.sources == {"Project Gutenberg": 21, "arXiv": 10}
    assert sum(insights.licenses.values()) == 31
    assert (insights.model, insights.version) == ("fake-1", library.version)
    assert insights.built_at.startswith("2026-01-31")
    assert insights.metrics["emotion"]["macro_f1"] == 0.4


def test_eras_are_the_latest_centuries_after_all_before(library: Library) -> None:
    eras = count_eras(library)
    assert len(eras) == N_CENTURIES + 1
    assert (eras[0].first, eras[0].last) == (None, 1399)
    assert [era.first for era in eras[1:]] == [1400, 1500, 1600, 1700, 1800, 1900, 2000]
    assert eras[1].n_works == 0, "a century without works is not skipped"
    assert sum(era.n_works for era in eras) == int(library.has_year.sum())
    for era in eras:
        mask = Filters(year_from=era.first, year_to=era.last).mask(library)
        assert era.topics == tuple(int((library.topics[mask] == n).sum()) for n in range(len(TOPICS)))


def test_each_count_of_a_topic_and_a_feeling_is_what_the_filter_finds(library: Library) -> None:
    related = relate(library)
    assert set(related.topics) == set(TOPICS)
    assert "neutral" not in related.emotions and "disgust" not in related.emotions
    for row, emotion in enumerate(related.emotions):
        for column, topic in enumerate(related.topics):
            found = Filters(topics=(topic,), emotions=(emotion,)).mask(library)
            assert related.counts[row, column] == found.sum()
    of_fiction = library.topics == TOPICS.index("Fiction")
    expected = library.feelings.labels[of_fiction, EMOTIONS.index("love")].mean()
    place = related.emotions.index("love"), related.topics.index("Fiction")
    assert related.deviations[place] == pytest.approx(expected, abs=1e-5)


def test_rows_and_columns_that_go_together_stand_together() -> None:
    table = np.array([[9, 0, 1, 8], [0, 9, 7, 1], [8, 1, 0, 9], [1, 7, 9, 0]])
    rows, columns = arrange(table)
    blocks = table[np.ix_(rows, columns)]
    assert min(blocks[:2, :2].min(), blocks[2:, 2:].min()) > max(blocks[:2, 2:].max(), blocks[2:, :2].max())
    again = arrange(table)
    assert (rows == again[0]).all() and (columns == again[1]).all()


@pytest.mark.parametrize("shape", [(0, 0), (1, 3), (3, 1), (2, 2)])
def test_a_table_without_an_axis_keeps_its_order(shape: tuple[int, int]) -> None:
    rows, columns = arrange(np.ones(shape, np.int64))
    assert (rows.tolist(), columns.tolist()) == (list(range(shape[0])), list(range(shape[1])))


def test_pairs_are_measured_against_chance() -> None:
    tones = np.zeros((400, len(EMOTIONS)), np.bool_)
    fear, nervousness, joy, love = (EMOTIONS.index(name) for name in ("fear", "nervousness", "joy", "love"))
    tones[:60, [fear, nervousness]] = True  # always together
    tones[60:160, joy] = tones[160:260, love] = True  # never together
    tones[60:110, fear] = tones[160:210, fear] = True
    together, apart = find_pairs(tones)
    (afraid,) = [pair for pair in together if (pair.first, pair.second) == ("fear", "nervousness")]
    assert (apart[0].first, apart[0].second, apart[0].n_works) == ("joy", "love", 0)
    sizes = tones.sum(axis=1)
    chance = 160 * 60 * (sizes * (sizes - 1)).sum() / sizes.sum() ** 2
    assert (afraid.n_works, afraid.expected) == (60, pytest.approx(chance))
    assert find_pairs(np.zeros((3, len(EMOTIONS)), np.bool_)) == ((), ())


def test_independent_feelings_make_no_pairs() -> None:
    tones = np.random.default_rng(7).random((5000, len(EMOTIONS))) < 0.1
    together, apart = find_pairs(tones)
    # 351 pairs beyond two deviations by chance alone: some, and none far from what is expected.
    assert all(0.6 < pair.n_works / pair.expected < 1.5 for pair in together + apart)


def test_doubts_are_the_weakest_labels(library: Library) -> None:
    doubts = find_doubts(library)
    assert len(doubts.topics) == len(doubts.feelings) == len(doubts.texts) == 3
    for doubt in doubts.topics:
        work = library.works[library.row(doubt.work_id)]
        assert (doubt.title, doubt.label) == (work.title, work.topic)
        assert doubt.score == pytest.approx(max(work.topic_scores))
        assert doubt.other != doubt.label and doubt.other_score <= doubt.score
    faintest = min(work.emotions[EMOTIONS.index(name)] for work in library.works for name in work.tone)
    assert doubts.feelings[0].score == pytest.approx(faintest)
    assert doubts.feelings[0].label in library.works[library.row(doubts.feelings[0].work_id)].tone
    shortest = min(len(work.description) for work in library.works if not work.n_words)
    read = library.works[library.row(doubts.texts[0].work_id)]
    assert (len(read.description), len(read.description.split())) == (shortest, doubts.texts[0].n_words)


def test_books_read_whole_stand_beside_those_read_from_a_description(library: Library) -> None:
    assert compare_readings(library) is None, "no book of this shelf was read from a description"


@pytest.fixture(scope="module")
def many(table: pa.Table, tmp_path_factory: pytest.TempPathFactory) -> Library:
    """20,000 works made of the rows of the shelf, half of the books read from their descriptions."""
    rng = np.random.default_rng(3)
    n_works = 20_000
    picked = table.take(pa.array(rng.integers(0, len(table), n_works)))
    columns = {name: picked.column(name) for name in picked.column_names}
    columns["id"] = pa.array([f"work-{number}" for number in range(n_works)])
    is_whole = rng.random(n_works) < 0.5
    words = [
        n if whole else None for n, whole in zip(picked.column("n_words").to_pylist(), is_whole, strict=True)
    ]
    columns["n_words"] = pa.array(words, pa.int32())
    columns["provenance"] = pa.array([FULL_TEXT if n else DESCRIPTION for n in words])
    arcs = picked.column("arc").to_pylist()
    columns["arc"] = pa.array(
        [arc if n else [] for arc, n in zip(arcs, words, strict=True)], picked.schema.field("arc").type
    )
    vectors = rng.standard_normal((n_works, D_EMBEDDING), np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    flat = pa.array(vectors.astype(np.float16).ravel())
    columns["embedding"] = pa.FixedSizeListArray.from_arrays(flat, D_EMBEDDING)
    folder = tmp_path_factory.mktemp("many")
    write_discovery(pa.table(columns, schema=picked.schema), folder, model=MODEL_NAME, built_at="")
    return Library.from_folder(folder)


def test_readings_are_shares_of_books(many: Library) -> None:
    readings = compare_readings(many)
    assert readings is not None
    books = many.kinds == 0
    whole = books & (many.n_words > 0)
    assert readings.whole.n_works == whole.sum()
    assert readings.described.n_works == (books & (many.n_words == 0)).sum()
    assert readings.whole.shares == pytest.approx(many.tones[whole].mean(axis=0).tolist())
    assert readings.whole.n_feelings == pytest.approx(many.tones[whole].sum(axis=1).mean())
    assert len(readings.emotions) == 8


def test_a_large_library_is_counted_without_looking_at_each_work(many: Library) -> None:
    describe(many, {})  # standard scores are computed once and shared with the search by mood
    start = time.perf_counter()
    insights = describe(many, {})
    seconds = time.perf_counter() - start
    assert insights.n_works == sum(insights.sources.values()) == 20_000
    assert seconds < 0.5, f"{seconds:.3f} s; about 0.01 s on one idle core"


def test_metrics_are_read_when_there(tmp_path: Path) -> None:
    assert read_metrics(tmp_path) == {}
    (tmp_path / "metrics.json").write_text("[")
    assert read_metrics(tmp_path) == {}
    (tmp_path / "metrics.json").write_text('{"topic": {"accuracy": 0.9}}')
    assert read_metrics(tmp_path) == {"topic": {"accuracy": 0.9}}
