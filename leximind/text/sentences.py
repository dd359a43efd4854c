"""Sentences as spans of the text they come from."""

import re
from typing import Final, NamedTuple

import sentencex

MAX_CHARS: Final = 1000

# The splitter slices at byte offsets that assume one-byte white space: a no-break space after an initial
# makes it panic. Lone surrogates cannot be handed to it at all. Both are replaced one for one, so that
# offsets stay true.
_WIDE_SPACE = re.compile(r"[^\S\n ]")
_SURROGATE = re.compile(r"[\ud800-\udfff]")


class Span(NamedTuple):
    """The characters ``text[start:end]``."""

    start: int
    end: int


def split_sentences(text: str, max_chars: int = MAX_CHARS) -> list[Span]:
    """Split ``text`` into sentences, in order, without overlap.

    A span never begins or ends with white space and is never empty. A sentence longer than ``max_chars``
    (text without punctuation, mostly) is cut at white space, or in mid-word when there is none.

    Raises:
        ValueError: ``max_chars`` is below 1.
    """
    if max_chars < 1:
        raise ValueError(f"max_chars is {max_chars}, but at least 1 was expected.")
    plain = _SURROGATE.sub("\ufffd", _WIDE_SPACE.sub(" ", text))
    spans: list[Span] = []
    for boundary in sentencex.get_sentence_boundaries("en", plain):
        span = _strip(plain, boundary["start_index"], boundary["end_index"])
        spans.extend(_cut(plain, span, max_chars))
    return spans


def _strip(text: str, start: int, end: int) -> Span:
    while start < end and text[start].isspace():
        start += 1
    while end > start and text[end - 1].isspace():
        end -= 1
    return Span(start, end)


def _cut(text: str, span: Span, max_chars: int) -> list[Span]:
    pieces: list[Span] = []
    start, end = span
    while end - start > max_chars:
        stop = start + max_chars
        while stop > start and not text[stop].isspace():
            stop -= 1
        if stop == start:
            stop = start + max_chars
        pieces.append(_strip(text, start, stop))
        start = _strip(text, stop, end).start
    if start < end:
        pieces.append(Span(start, end))
    return pieces
