"""Long text as passages that a model reads at once: whole sentences, packed up to a number of tokens."""

from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass

from leximind.text.sentences import Span, split_sentences
from leximind.text.tokenizer import MAX_TOKENS, Pieces, Tokenizer

PASSAGE_TOKENS = 256
# About the length of the comments that emotions are learned from.
UNIT_TOKENS = 50


@dataclass(frozen=True)
class TokenSpan:
    """Characters ``text[start:end]`` and the places ``first:last`` they take among a passage's token ids."""

    start: int
    end: int
    first: int
    last: int


@dataclass(frozen=True)
class Passage:
    """Some consecutive sentences, tokenised with special tokens around them.

    Attributes:
        offsets: characters of each token id, relative to the whole text; empty spans for special tokens.
    """

    start: int
    end: int
    token_ids: list[int]
    offsets: list[tuple[int, int]]
    sentences: list[TokenSpan]


def split_passages(text: str, tokenizer: Tokenizer, max_tokens: int = PASSAGE_TOKENS) -> list[Passage]:
    """Split `text` into passages of at most `max_tokens` tokens, special ones included.

    Every token of the text is in exactly one passage. A sentence that is too long alone is cut between
    tokens. Text without a single token (spaces, say) gives no passage.

    Raises:
        ValueError: `max_tokens` leaves no room, or is more than the model reads.
    """
    return _pack(tokenizer.pieces([text])[0], split_sentences(text), tokenizer, max_tokens)


def split_units(passage: Passage, tokenizer: Tokenizer, max_tokens: int = UNIT_TOKENS) -> list[Passage]:
    """Split a passage again, into units of a sentence or a few."""
    inner = slice(len(tokenizer.prefix), len(passage.token_ids) - len(tokenizer.suffix))
    pieces = Pieces(passage.token_ids[inner], passage.offsets[inner])
    sentences = [Span(sentence.start, sentence.end) for sentence in passage.sentences]
    return _pack(pieces, sentences, tokenizer, max_tokens)


def _pack(pieces: Pieces, sentences: list[Span], tokenizer: Tokenizer, max_tokens: int) -> list[Passage]:
    room = max_tokens - len(tokenizer.prefix) - len(tokenizer.suffix)
    if not (room >= 1 and max_tokens <= MAX_TOKENS):
        raise ValueError(f"max_tokens is {max_tokens}, but 3 to {MAX_TOKENS} were expected.")
    passages: list[Passage] = []
    taken: list[TokenSpan] = []
    for sentence in _token_spans(pieces, sentences, room):
        if taken and sentence.last - taken[0].first > room:
            passages.append(_passage(pieces, taken, tokenizer))
            taken = []
        taken.append(sentence)
    if taken:
        passages.append(_passage(pieces, taken, tokenizer))
    return passages


def _token_spans(pieces: Pieces, sentences: list[Span], room: int) -> Iterator[TokenSpan]:
    """The sentences in tokens of the whole text, cut where longer than `room`."""
    starts = [start for start, _ in pieces.offsets]
    for i, sentence in enumerate(sentences):
        first = bisect_left(starts, sentence.start)
        last = bisect_left(starts, sentences[i + 1].start) if i + 1 < len(sentences) else len(starts)
        for begin in range(first, last, room):
            stop = min(begin + room, last)
            start = sentence.start if begin == first else starts[begin]
            end = sentence.end if stop == last else pieces.offsets[stop - 1][1]
            yield TokenSpan(start, end, begin, stop)


def _passage(pieces: Pieces, sentences: list[TokenSpan], tokenizer: Tokenizer) -> Passage:
    first, last = sentences[0].first, sentences[-1].last
    shift = len(tokenizer.prefix) - first
    start, end = sentences[0].start, sentences[-1].end
    return Passage(
        start,
        end,
        [*tokenizer.prefix, *pieces.ids[first:last], *tokenizer.suffix],
        [(start, start)] * len(tokenizer.prefix)
        + pieces.offsets[first:last]
        + [(end, end)] * len(tokenizer.suffix),
        [TokenSpan(s.start, s.end, s.first + shift, s.last + shift) for s in sentences],
    )
