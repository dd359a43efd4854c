"""Splitting text into passages and units: nothing lost, nothing twice, nothing too long."""

from itertools import pairwise

import pytest

from leximind.text.passages import UNIT_TOKENS, split_passages, split_units
from tests.models import tokenizer

TEXTS = [
    "One short sentence.",
    "A first sentence here. " * 200,
    "word " * 3000,
    "x" * 5000,
    "😀" * 700,
    "Dr. Smith said: «Wait!» Then, at 3.15 p.m., he left.\n\nA new paragraph. " * 60,
]


@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize("max_tokens", [16, 256])
def test_every_token_is_in_exactly_one_passage(text: str, max_tokens: int) -> None:
    pieces = tokenizer().pieces([text])[0]
    passages = split_passages(text, tokenizer(), max_tokens)
    assert [i for passage in passages for i in passage.token_ids[1:-1]] == pieces.ids
    assert [o for passage in passages for o in passage.offsets[1:-1]] == pieces.offsets
    assert max(len(passage.token_ids) for passage in passages) <= max_tokens


@pytest.mark.parametrize("text", TEXTS)
def test_sentences_and_units_tile_their_passage(text: str) -> None:
    for passage in split_passages(text, tokenizer()):
        places = [(s.first, s.last) for s in passage.sentences]
        assert places[0][0] == 1 and places[-1][1] == len(passage.token_ids) - 1
        assert all(before[1] == after[0] for before, after in pairwise(places))
        units = split_units(passage, tokenizer())
        assert [t for unit in units for t in unit.token_ids[1:-1]] == passage.token_ids[1:-1]
        assert [o for unit in units for o in unit.offsets[1:-1]] == passage.offsets[1:-1]
        assert max(len(unit.token_ids) for unit in units) <= UNIT_TOKENS


def test_short_sentences_share_a_unit_and_offsets_point_at_their_words() -> None:
    text = "He ran. She hid. " * 30
    (passage,) = split_passages(text, tokenizer())
    assert 1 < len(split_units(passage, tokenizer())) < len(passage.sentences)
    for sentence in passage.sentences:
        assert text[sentence.start : sentence.end] in ("He ran.", "She hid.")


def test_nothing_to_read_gives_no_passage_and_no_room_raises() -> None:
    assert split_passages("  \n ", tokenizer()) == []
    with pytest.raises(ValueError, match="max_tokens is 2"):
        split_passages("text", tokenizer(), 2)
