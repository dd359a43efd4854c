"""What the model has to say about one text, whole or in parts. Plain data: importing this loads no torch."""

from dataclasses import asdict, dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

SummarySource = Literal["written", "extracted"]


@dataclass(frozen=True)
class Sentence:
    """A sentence of the text: its characters are ``text[start:end]`` of the analysed text."""

    text: str
    start: int
    end: int
    score: float


@dataclass(frozen=True)
class Cue:
    """A word that drove an emotion, with its share (0 to 1) of what the listed words contribute."""

    word: str
    start: int
    end: int
    weight: float


@dataclass(frozen=True)
class ArcPoint:
    """The emotions (28 calibrated scores) of one passage, ``text[start:end]``."""

    start: int
    end: int
    emotions: tuple[float, ...]


@dataclass(frozen=True)
class Analysis:
    """All outputs for one text.

    Attributes:
        text: the cleaned text that was analysed; all offsets point into it.
        language: ISO 639-1 code found by language identification, ``"und"`` when undecided.
        notes: what a reader should know (truncated, not English, markup removed), full sentences.
        summary: one or two sentences.
        summary_source: ``"written"`` by the decoder, or ``"extracted"``: the text's own key sentence.
        key_sentences: the sentences that stand for the text, best first.
        topic: the most probable topic.
        topic_scores: (7,) probabilities in the order of ``labels.TOPICS``.
        emotions: (28,) calibrated probabilities in the order of ``labels.EMOTIONS``.
        tone: the emotions that stand out, strongest first; may be empty.
        cues: for each emotion of ``tone``, the words that drove it, strongest first.
        arc: the emotions passage by passage, in reading order.
        embedding: (384,) float32, unit length.
        n_tokens: tokens read. n_passages: passages they were split into.
        model: name of the model that did it.
    """

    text: str
    language: str
    notes: tuple[str, ...]
    summary: str
    summary_source: SummarySource
    key_sentences: tuple[Sentence, ...]
    topic: str
    topic_scores: tuple[float, ...]
    emotions: tuple[float, ...]
    tone: tuple[str, ...]
    cues: dict[str, tuple[Cue, ...]]
    arc: tuple[ArcPoint, ...]
    embedding: NDArray[np.float32] = field(repr=False)
    n_tokens: int
    n_passages: int
    model: str

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready: tuples as lists, the embedding as a list of floats."""
        plain = asdict(self)
        plain["embedding"] = [round(float(value), 6) for value in self.embedding]
        return plain

    @classmethod
    def of(cls, *parts: "Part") -> "Analysis":
        """The parts put together: one of each kind."""
        values: dict[str, Any] = {}
        for part in parts:
            values |= vars(part)
        return cls(**values)


@dataclass(frozen=True)
class Gist:
    """What a text is about. The fields are those of ``Analysis``, as in the parts below."""

    text: str
    language: str
    notes: tuple[str, ...]
    topic: str
    topic_scores: tuple[float, ...]
    embedding: NDArray[np.float32] = field(repr=False)
    n_tokens: int
    n_passages: int
    model: str


@dataclass(frozen=True)
class Feelings:
    """How a text feels, and which of its words say so."""

    emotions: tuple[float, ...]
    tone: tuple[str, ...]
    cues: dict[str, tuple[Cue, ...]]
    arc: tuple[ArcPoint, ...]


@dataclass(frozen=True)
class KeySentences:
    """The sentences that stand for a text."""

    key_sentences: tuple[Sentence, ...]


@dataclass(frozen=True)
class Summary:
    """A text in one sentence."""

    summary: str
    summary_source: SummarySource


Part = Gist | Feelings | KeySentences | Summary


@dataclass(frozen=True)
class Progress:
    """How far the reading for the next part is, ``n_read`` of ``n_all`` pieces of text."""

    n_read: int
    n_all: int


Stage = Part | Progress
"""What an analysis in stages gives: the parts in the order above, and between them how far it is."""
