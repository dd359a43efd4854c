"""Texts to analyses: every kind of input, and answers that agree with each other."""

import json

import numpy as np
import pytest
import torch

from leximind.errors import InputError, ModelError
from leximind.inference.analysis import Analysis, Feelings, Gist, KeySentences, Progress, Summary
from leximind.inference.analyzer import LexiMind
from leximind.inference.generate import Seq2SeqStepper
from leximind.inference.profile import Profile
from leximind.inference.reading import contributions
from leximind.inference.summaries import _Judge
from leximind.inference.tone import above_thresholds, stand_out
from leximind.labels import EMOTIONS, TOPICS
from leximind.settings import MODEL_DIR
from leximind.ui.examples import EXAMPLES
from tests.models import tiny_analyzer, tokenizer

STORY = (
    "The house at the end of the lane had been empty for years, and nobody dared to go near it. "
    "One night Anna heard a scream from the cellar and ran, trembling with fear, into the dark. "
    "Her brother found her at dawn. They laughed and wept, and he held her until the shaking stopped. "
)
PAPER = "We study graphs of 128 nodes. A new bound on their diameter is proved, and it is tight. "


@pytest.fixture(scope="module")
def embedded() -> LexiMind:
    return LexiMind.from_pretrained(MODEL_DIR)


def test_batch_equals_single() -> None:
    texts = [STORY, PAPER * 20, "x", STORY * 9]
    together = tiny_analyzer().analyze(texts)
    for text, analysis in zip(texts, together, strict=True):
        (alone,) = tiny_analyzer().analyze([text])
        np.testing.assert_allclose(analysis.emotions, alone.emotions, atol=1e-5)
        np.testing.assert_allclose(analysis.topic_scores, alone.topic_scores, atol=1e-5)
        np.testing.assert_allclose(analysis.embedding, alone.embedding, atol=1e-5)
        assert (analysis.summary, analysis.tone) == (alone.summary, alone.tone)


def test_parts_of_an_analysis_agree() -> None:
    (analysis,) = tiny_analyzer().analyze([STORY * 12])
    assert analysis.n_passages == len(analysis.arc) > 1
    assert analysis.topic == TOPICS[int(np.argmax(analysis.topic_scores))]
    assert sum(analysis.topic_scores) == pytest.approx(1, abs=1e-5)
    assert np.linalg.norm(analysis.embedding) == pytest.approx(1, abs=1e-5)
    assert len(analysis.emotions) == len(EMOTIONS) and all(0 <= score <= 1 for score in analysis.emotions)
    assert set(analysis.cues) == set(analysis.tone)
    for cues in analysis.cues.values():
        assert all(analysis.text[cue.start : cue.end] == cue.word for cue in cues)
        assert sum(cue.weight for cue in cues) == pytest.approx(1) or not cues
    for sentence in analysis.key_sentences:
        assert " ".join(analysis.text[sentence.start : sentence.end].split()) == sentence.text
    if analysis.summary_source == "extracted":
        assert analysis.summary == analysis.key_sentences[0].text
    assert json.loads(json.dumps(analysis.to_dict()))["topic"] == analysis.topic


def test_emotions_of_a_text_are_the_mean_of_its_arc_weighted_by_length() -> None:
    (analysis,) = tiny_analyzer().analyze([STORY * 12])
    arc = np.array([point.emotions for point in analysis.arc])
    alone = tiny_analyzer().emotion_probabilities([STORY * 12])[0]
    np.testing.assert_allclose(alone, analysis.emotions, atol=1e-5, err_msg="both ways of reading agree")
    assert arc.min(axis=0) == pytest.approx(np.minimum(arc.min(axis=0), analysis.emotions), abs=1e-6)
    assert (np.array(analysis.emotions) <= arc.max(axis=0) + 1e-6).all()


@pytest.mark.parametrize("text", ["", "   ", "\n\t", "\x00\x01\x02", "<p></p>"])
def test_nothing_to_read_is_a_clear_error(text: str) -> None:
    with pytest.raises(InputError, match="nothing to read"):
        tiny_analyzer().analyze([text])


def test_a_bare_string_is_a_clear_error() -> None:
    with pytest.raises(InputError, match="a list of texts"):
        tiny_analyzer().analyze("one string")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "text",
    [
        "a",
        ".",
        "😀😀😀",
        "\u202eabc",
        "中文文本。",
        "a\x00b c\x07d",
        "w" * 3000,
        "1 2 3 4 5",
        "\ud800 lone",
        "[CLS] [SEP]",
    ],
)
def test_odd_texts_get_an_answer(text: str) -> None:
    (analysis,) = tiny_analyzer().analyze([text])
    assert analysis.summary and np.isfinite(analysis.emotions).all() and np.isfinite(analysis.embedding).all()


def test_notes_say_what_was_done() -> None:
    french = "Bonjour, je suis très content de vous voir aujourd'hui, et demain nous irons ensemble à Paris."
    markup, foreign = tiny_analyzer().analyze(["<p>Some <b>bold</b> words.</p>", french])
    assert markup.text == "Some bold words." and any("markup" in note for note in markup.notes)
    assert foreign.language == "fr" and any("not to be in English" in note for note in foreign.notes)


def test_a_long_text_can_be_sampled_and_says_so() -> None:
    text = STORY * 60
    (sampled,) = tiny_analyzer().analyze([text], max_passages=4)
    assert sampled.n_passages == 4 == len(sampled.arc)
    assert any("4 of its" in note for note in sampled.notes)
    assert sampled.arc[-1].end == len(sampled.text), "the samples reach from the first passage to the last"


@pytest.mark.parametrize("text", [STORY, STORY * 30, "x", "😀", f"<p>{PAPER}</p>"])
def test_an_analysis_in_stages_is_the_whole_one(text: str) -> None:
    """Bit for bit, and each part as it will stay."""
    model = tiny_analyzer()
    (whole,) = model.analyze([text], max_passages=6)
    stages = list(model.analyze_stages(text, max_passages=6))
    parts = [stage for stage in stages if not isinstance(stage, Progress)]
    assert [type(part) for part in parts] == [Gist, Feelings, KeySentences, Summary]
    staged = Analysis.of(*parts)
    assert np.array_equal(staged.embedding, whole.embedding)
    assert staged.to_dict() == whole.to_dict()


def test_a_hopeless_summary_is_left_unfinished_and_nothing_else_changes(
    embedded: LexiMind, monkeypatch: pytest.MonkeyPatch
) -> None:
    texts = [STORY, EXAMPLES["Good news from the harbour"]]
    n_steps = [0]
    step = Seq2SeqStepper.__call__
    monkeypatch.setattr(Seq2SeqStepper, "__call__", lambda *given: (n_steps.append(1), step(*given))[1])

    def summarize() -> tuple[list[tuple[str, str]], int]:
        n_steps.clear()
        found = [embedded.analyze([text])[0] for text in texts]
        return [(analysis.summary, analysis.summary_source) for analysis in found], len(n_steps)

    found, n_short = summarize()
    monkeypatch.setattr("leximind.inference.summaries._Judge.refuses", lambda *_: False)
    finished, n_long = summarize()
    assert found == finished and n_short < n_long


def test_no_beginning_of_a_faithful_sentence_is_hopeless() -> None:
    """Whatever stands in the source, token by token: joined words, numbers, abbreviations."""
    source = (
        "At ten o'clock Mrs. O'Neill re-read the U.S. report (of 1,204 pages) aloud; it wasn't dull. "
        "The boys’ boat cost $3.50, and/or nothing: nobody's sure. Bake–off winners (both) wept…"
    )
    judge, tokens = _Judge(source), tokenizer()
    for sentence in [source.lower(), *source.lower().split(". ")]:
        (pieces,) = tokens.pieces([sentence])
        assert not any(judge.refuses(tokens.decode(pieces.ids[:end])) for end in range(len(pieces.ids) + 1))
    assert judge.refuses("the whale re-read the report of 1,204 pages")
    assert judge.refuses("the report report of 1,204 pages wasn't dull")
    assert not judge.refuses("the boys’ boat cost a whale")


def test_an_analysis_in_stages_tells_how_far_it_is_and_can_be_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("leximind.inference.encoding.BATCH_TOKENS", 600)
    model = tiny_analyzer()
    stages = model.analyze_stages(STORY * 30)
    read = []
    while isinstance(stage := next(stages), Progress):
        read.append((stage.n_read, stage.n_all))
    assert len(read) > 2 and read == sorted(read) and read[-1][0] == read[-1][1] == stage.n_passages
    stages.close()
    monkeypatch.setattr(model.model, "encode", lambda *_: pytest.fail("the model still works"))
    assert list(stages) == []


def test_tone_is_relative_to_the_reference() -> None:
    (plain,) = tiny_analyzer().analyze([STORY])
    emotions = np.array(plain.emotions)
    low, high = emotions - 0.2, emotions + 0.2
    some = tiny_analyzer().with_reference(low, np.full(28, 0.05)).analyze([STORY])[0]
    none = tiny_analyzer().with_reference(high, np.full(28, 0.05)).analyze([STORY])[0]
    assert len(some.tone) == 4 and none.tone == ()
    assert tiny_analyzer().reference is None, "with_reference leaves the original alone"


def test_tone_rules() -> None:
    scores = np.zeros(28)
    scores[[2, 17, 20, 25]] = 0.04, 0.5, 0.9, 0.3
    assert stand_out(scores, np.zeros(28), np.full(28, 0.01)) == ("joy", "remorse")
    assert above_thresholds(scores, np.full(28, 0.3)) == ("joy", "remorse")
    assert above_thresholds(scores, np.zeros(28))[0] == "joy"


def test_contributions_are_the_derivative_along_each_token() -> None:
    """The analytic gradient of the emotion head against autograd."""
    model = tiny_analyzer().model
    head = model.heads["emotion"]
    states, mask = torch.randn(2, 7, 16), torch.tensor([[1] * 7, [1] * 4 + [0] * 3])
    with torch.no_grad():
        ours = head.contributions(states, mask, 14)
        pooled, weights = head.pooling(states, mask)
    pooled.requires_grad_()
    logit = head.out(torch.nn.functional.gelu(head.hidden(pooled)))[:, 14].sum()
    (gradient,) = torch.autograd.grad(logit, pooled)
    expected = weights * ((states - pooled[:, None]) * gradient[:, None]).sum(-1) * mask
    torch.testing.assert_close(ours, expected.detach(), atol=1e-5, rtol=1e-4)


def test_contributions_cover_every_word() -> None:
    model = tiny_analyzer()
    (reading,) = model._read([model._passages(STORY, 0, [], None)])
    characters = {offsets for offsets, _ in contributions(tiny_analyzer().model, reading, 14)}
    assert all(any(s <= STORY.index(word) < e for s, e in characters) for word in ("house", "scream", "dawn"))


def test_probabilities_and_embeddings_equal_the_analysis() -> None:
    model = tiny_analyzer()
    (analysis,) = model.analyze([STORY])
    np.testing.assert_allclose(model.emotion_probabilities([STORY])[0], analysis.emotions, atol=1e-6)
    np.testing.assert_allclose(model.topic_probabilities([STORY])[0], analysis.topic_scores, atol=1e-6)
    np.testing.assert_allclose(model.embed([STORY])[0], analysis.embedding, atol=1e-6)
    assert model.summarize([STORY]) == [analysis.summary]
    assert model.embed([]).shape == (0, 16)


def test_profile_round_trip_and_damage(tmp_path) -> None:
    profile = tiny_analyzer().profile
    profile.save(tmp_path)
    assert Profile.load(tmp_path) == profile
    (tmp_path / "profile.json").write_text("{")
    with pytest.raises(ModelError, match=r"profile\.json"):
        Profile.load(tmp_path)
    with pytest.raises(ModelError, match="emotion_scale has 1"):
        Profile("x", (1.0,), (0.0,) * 28, (0.5,) * 28, 1.0, 2)


def test_the_embedded_model_reads_feelings_and_topics(embedded: LexiMind) -> None:
    texts = [
        "I am so scared, I heard footsteps in the dark and I am trembling with fear.",
        "Thank you so much, I am deeply grateful for your help!",
        "I love you with all my heart, my darling.",
        "My beloved mother died last week and I cannot stop crying.",
    ]
    scores = embedded.emotion_probabilities(texts)
    for row, emotion in enumerate(["fear", "gratitude", "love", "sadness"]):
        assert scores[row].argmax() == EMOTIONS.index(emotion), texts[row]
    (analysis,) = embedded.analyze([texts[0]])
    assert "fear" in analysis.tone
    assert {cue.word.lower() for cue in analysis.cues["fear"][:3]} & {"scared", "trembling", "fear"}
    topics = embedded.topic_probabilities(
        [
            "We present a neural network architecture for image segmentation and train it on GPUs with "
            "stochastic gradient descent, improving accuracy on standard benchmarks.",
            "We observe the decay of the Higgs boson in proton-proton collisions and measure the spin of the "
            "particle and the mass of dark matter halos around galaxies.",
        ]
    )
    assert [TOPICS[i] for i in topics.argmax(axis=1)] == ["Technology", "Science"]


def test_the_embedded_model_finds_meaning(embedded: LexiMind) -> None:
    query, whale, tax = embedded.embed(
        [
            "obsessive hunt for a whale",
            "A sea captain pursues the white sperm whale that took his leg.",
            "Income tax rates in the United States are progressive.",
        ]
    )
    assert query @ whale > 0.25 and query @ tax < 0.1
