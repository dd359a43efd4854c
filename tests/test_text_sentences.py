import random
from itertools import pairwise

import pytest

from leximind.text.sentences import Span, split_sentences


def cut(text: str, **options: int) -> list[str]:
    return [text[start:end] for start, end in split_sentences(text, **options)]


def test_sentences_keep_abbreviations_together() -> None:
    text = "Dr. Watson met Mr. Holmes at 221B Baker St. in London. “Elementary,” he said! Was it?"
    assert cut(text) == [
        "Dr. Watson met Mr. Holmes at 221B Baker St. in London.",
        "“Elementary,” he said!",
        "Was it?",
    ]


def test_paragraphs_end_sentences_and_are_not_spans() -> None:
    assert cut("  A title\n\nIt begins. \n\n\n It ends.\n") == ["A title", "It begins.", "It ends."]


@pytest.mark.parametrize("text", ["", " ", "\n\n \n", "\u2028\xa0"])
def test_nothing_to_split(text: str) -> None:
    assert split_sentences(text) == []


def test_offsets_count_characters_not_bytes() -> None:
    text = "Ünïcödé 😀 first. Second 漢字 one."
    assert split_sentences(text) == [Span(0, 16), Span(17, 31)]


def test_long_sentence_is_cut_at_white_space() -> None:
    text = "word " * 100
    pieces = cut(text, max_chars=33)
    assert all(len(piece) <= 33 for piece in pieces)
    assert " ".join(pieces) == text.strip()


def test_long_word_is_cut_anywhere() -> None:
    assert cut("a" * 25 + " bb", max_chars=10) == ["a" * 10, "a" * 10, "aaaaa bb"]


def test_sentence_of_exactly_the_limit_is_whole() -> None:
    assert cut("aaaa bbbb", max_chars=9) == ["aaaa bbbb"]


def test_limit_below_one_is_refused() -> None:
    with pytest.raises(ValueError, match="max_chars is 0"):
        split_sentences("a", max_chars=0)


def test_no_break_space_after_an_initial_and_surrogates() -> None:
    # The first made the splitter panic, the second cannot be encoded for it.
    assert cut("a.\xa0D\xa0. b") != []
    assert cut("One \ud800. Two.") == ["One \ud800.", "Two."]


def test_random_texts_lose_nothing() -> None:
    rng = random.Random(3)
    alphabet = [
        *"abcDM .!?\n\n\"'()[]“”’ß😀漢。！\u200d\u0301\x00\u2028\xa0",
        "Dr. ",
        "U.S.",
        "1.5",
        "...",
        "É.",
    ]
    for _ in range(2000):
        text = "".join(rng.choices(alphabet, k=rng.randint(0, 60)))
        spans = split_sentences(text, max_chars=rng.choice((3, 20, 1000)))
        assert all(a.end <= b.start for a, b in pairwise(spans))
        assert all(text[start:end] == text[start:end].strip() != "" for start, end in spans)
        assert "".join("".join(text[start:end] for start, end in spans).split()) == "".join(text.split())
