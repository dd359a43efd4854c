"""The model as a build runs it: the figures of ``analyze``, in any batch and nearly in any precision."""

from typing import Any

import numpy as np
import pytest
import torch
from models import tiny_analyzer

from builders.analyse import aggregate, analyse
from builders.reader import WINDOW, ModelReader, Swift
from builders.sources import Entry
from leximind.errors import InputError
from leximind.model.precision import Int8Linear

TITLES = [f"Title {number}" for number in range(9)]
TEXTS = [
    " ".join(f"Sentence {i} of text {n} speaks of whales, grief and the sea." for i in range(1 + 3 * n))
    for n in range(9)
]


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


@pytest.mark.parametrize("summaries", ["written", "extracted"])
def test_descriptions_get_what_analyze_says(summaries: Any) -> None:
    analyzer = tiny_analyzer()
    expected = analyzer.analyze(TEXTS)
    vectors = analyzer.embed([f"{title}. {text}" for title, text in zip(TITLES, TEXTS, strict=True)])
    found = ModelReader(analyzer, summaries=summaries).describe(TITLES, TEXTS)
    for number, (ours, theirs) in enumerate(zip(found, expected, strict=True)):
        assert ours.topics == pytest.approx(theirs.topic_scores, abs=1e-5)
        assert ours.emotions == pytest.approx(theirs.emotions, abs=1e-5)
        assert ours.embedding == pytest.approx(vectors[number], abs=1e-5)
        if summaries == "written":
            assert (ours.summary, ours.summary_source) == (theirs.summary, theirs.summary_source)
        else:
            assert (ours.summary, ours.summary_source) == (theirs.key_sentences[0].text, "extracted")


def test_a_whole_text_is_read_like_a_short_one_window_by_window() -> None:
    analyzer = tiny_analyzer()
    text = " ".join(
        f"This is sentence number {i} of a novel about the sea, and it goes on." for i in range(1200)
    )
    passages = ModelReader(analyzer).read_whole(text)
    (expected,) = analyzer.analyze([text])
    assert len(passages.lengths) == expected.n_passages > WINDOW
    assert passages.lengths.sum() == expected.n_tokens
    assert np.allclose(passages.emotions, [point.emotions for point in expected.arc], atol=1e-5)
    emotions, topics = aggregate(passages)
    assert topics == pytest.approx(expected.topic_scores, abs=2e-5)
    # A passage counts by its own length here, by that of its units there: their special tokens differ.
    assert emotions == pytest.approx(expected.emotions, abs=2e-3)


@pytest.mark.parametrize("precision", ["bf16", "int8"])
def test_lower_precision_is_close_and_leaves_the_model_alone(precision: Any) -> None:
    analyzer = tiny_analyzer()
    before = {name: value.clone() for name, value in analyzer.model.state_dict().items()}
    exact = ModelReader(analyzer, summaries="extracted").describe(TITLES, TEXTS)
    reader = ModelReader(analyzer, precision=precision, summaries="extracted")
    differs = False
    for ours, theirs in zip(reader.describe(TITLES, TEXTS), exact, strict=True):
        assert np.abs(ours.topics - theirs.topics).max() < 0.15
        assert np.abs(ours.emotions - theirs.emotions).max() < 0.1
        assert float(ours.embedding @ theirs.embedding) > 0.98
        differs = differs or bool((ours.topics != theirs.topics).any())
    assert differs  # it does run in that precision
    after = analyzer.model.state_dict()
    assert after.keys() == before.keys()
    assert all(torch.equal(after[name], value) for name, value in before.items())


def test_int8_weights_are_where_they_belong() -> None:
    swift = Swift(tiny_analyzer().model, "int8", "cpu")
    assert any(isinstance(layer, Int8Linear) for layer in swift._inner[0].backbone.encoder.modules())
    assert not any(isinstance(layer, Int8Linear) for layer in swift.heads.modules())
    with pytest.raises(InputError, match="int8 is for the CPU"):
        ModelReader(tiny_analyzer(), precision="int8", device="cuda")


def test_the_same_part_gives_the_same_bits() -> None:
    entries = [
        Entry(str(n), "book", title, (), None, "https://x.org", "", "", "en", (), text)
        for n, (title, text) in enumerate(zip(TITLES, TEXTS, strict=True))
    ]

    def run() -> list[Any]:
        reader = ModelReader(tiny_analyzer())
        found = analyse(entries, reader, reader.read_whole, batch_size=4, date="2026-01-31")
        return [(one.summary, one.topic_scores, one.emotions, one.embedding.tobytes()) for one in found]

    assert run() == run()


def test_an_empty_description_costs_only_itself() -> None:
    entries = [
        Entry(str(n), "book", "T", (), None, "https://x.org", "", "", "en", (), text)
        for n, text in enumerate(["A first text.", " ", "A third text."])
    ]
    reader = ModelReader(tiny_analyzer(), summaries="extracted")
    found = analyse(entries, reader, reader.read_whole, batch_size=3, date="2026-01-31")
    assert ["nothing to read" in one.error for one in found] == [False, True, False]
    assert [len(one.summary) > 0 for one in found] == [True, False, True]
