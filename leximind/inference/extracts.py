"""What stands for a text in its own words: key sentences, extracts, and what the decoder reads of them."""

from itertools import chain

import numpy as np
from numpy.typing import NDArray

from leximind.inference.analysis import Sentence
from leximind.inference.reading import Reading
from leximind.inference.summaries import cover, rank_sentences
from leximind.text.tokenizer import Tokenizer
from leximind.text.words import WORD

# Of the key sentences that the decoder reads.
ESSENCE_TOKENS = 128


def key_sentences(text: str, reading: Reading) -> list[Sentence]:
    """The sentences that stand for a text, best first."""
    spans = [(span.start, span.end) for _, span in reading.sentences]
    return [Sentence(_flat(text, *spans[i]), *spans[i], score) for i, score in _rank(text, reading)]


def extract(text: str, reading: Reading, n_words: int) -> str:
    """Sentences of the text, in its order, of about `n_words` words together."""
    chosen = cover(reading.relevance[:, 1], reading.sentence_vectors, _words(text, reading), n_words)
    spans = [reading.sentences[i][1] for i in chosen]
    return " ".join(_flat(text, span.start, span.end) for span in spans)


def essence(text: str, reading: Reading, tokenizer: Tokenizer) -> list[int]:
    """Token ids of the key sentences, as many as the decoder can read, in the order of the text."""
    room = ESSENCE_TOKENS - len(tokenizer.prefix) - len(tokenizer.suffix)
    chosen: dict[int, list[int]] = {}
    for i, _ in _rank(text, reading):
        passage, span = reading.sentences[i]
        own = reading.passages[passage].token_ids[span.first : span.last]
        if not chosen or sum(map(len, chosen.values())) + len(own) <= room:
            chosen[i] = own[:room]
    tokens = chain.from_iterable(chosen[i] for i in sorted(chosen))
    return [*tokenizer.prefix, *tokens, *tokenizer.suffix]


def _rank(text: str, reading: Reading) -> list[tuple[int, float]]:
    return rank_sentences(reading.relevance[:, 0], reading.sentence_vectors, _words(text, reading))


def _words(text: str, reading: Reading) -> NDArray[np.int64]:
    """Words of each sentence, (S,)."""
    return np.array([len(WORD.findall(text[span.start : span.end])) for _, span in reading.sentences])


def _flat(text: str, start: int, end: int) -> str:
    return " ".join(text[start:end].split())
