"""The gate between what the decoder writes and what a reader sees."""

import numpy as np
import pytest

from leximind.inference.summaries import is_faithful, rank_sentences, true_case
from leximind.text.words import content_words

SOURCE = (
    "Marie Curie measured radium in Paris. NASA later reported 42 state-of-the-art detectors. "
    "The detectors were cooled, and the team of Curie's heirs modelled their noise for 3.5 years."
)


@pytest.mark.parametrize(
    ("summary", "verdict"),
    [
        ("Curie measured radium in Paris, and the team modelled their noise.", True),
        ("The detectors were cooled and Curie's heirs model their noise.", True),
        ("The team modelled their noise for 4.5 years.", False),  # a wrong number
        ("Marie Curie measured radium in London.", False),  # a wrong name
        ("Radium.", False),  # too short
        ("Marie Curie measured measured radium in Paris.", False),  # stammers
        ("Marie Curie measured radium in the", False),  # breaks off
        ("Marie Curie measured radium (in Paris.", False),
        (
            "Paris modelled detectors, the team of radium heirs cooled.",
            False,
        ),  # the source's words, not its sense
        (",, The,, team, of,, the,, and, their,.,, noise,, for,, Paris,,.", False),  # no sentence
    ],
)
def test_the_gate(summary: str, verdict: bool) -> None:
    assert is_faithful(summary, SOURCE) is verdict


def test_true_casing_follows_the_source() -> None:
    raw = "curie's team in paris measured state - of - the - art detectors , nasa said ( 42 )"
    assert (
        true_case(raw, SOURCE) == "Curie's team in Paris measured state-of-the-art detectors, NASA said (42)."
    )
    assert true_case("it took 3. 5 years !", SOURCE).endswith("years!")
    assert true_case("", SOURCE) == ""


def test_content_words_leave_out_function_words() -> None:
    assert content_words("The team doesn't measure 42 of its 7 detectors") == [
        "team",
        "measure",
        "42",
        "7",
        "detectors",
    ]


def test_key_sentences_are_central_distinct_and_of_a_sensible_length() -> None:
    axis = np.eye(4, dtype=np.float32)
    vectors = np.stack([axis[0], axis[1], axis[1], axis[2] * 0.5 + axis[0] * 0.5])
    relevance = np.array([0.7, 0.9, 0.9, 0.2], np.float32)
    order = [i for i, _ in rank_sentences(relevance, vectors, np.array([10, 10, 10, 10]))]
    assert order[0] == 1 and order[1] != 2, "a twin of the best sentence is not the second best"
    order = [i for i, _ in rank_sentences(relevance, vectors, np.array([10, 2, 10, 10]))]
    assert order[0] == 2, "a fragment gives way to a sentence"
    assert len(rank_sentences(relevance[:1], vectors[:1], np.array([1]))) == 1
