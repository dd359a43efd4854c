"""Reading a text with the encoder: passages for what it is about, units for how it feels.

Topic, embedding, key sentences and summary share one encoding of each passage. Emotions are read from units
of a sentence or a few, encoded on their own: the head learned from short comments, and pooled over a piece of
a long passage it sees states it never met (on REMAN's fiction, mean average precision 0.26 against 0.33).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain, islice
from typing import Any, TypeVar

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from leximind.inference.encoding import Encoder, Steps, finish, read_states
from leximind.model.multitask import EXTRACTS, MultiTask, sentence_places
from leximind.text.passages import Passage, TokenSpan
from leximind.text.tokenizer import pad

Row = TypeVar("Row")
# Sentences that the selection head compares at once, about 5,000 words.
WINDOW = 256
LEAD = 0.08
# Readers name what any sentence of a passage strongly has: its score is a power mean over its units.
POWER = 4


@dataclass(frozen=True)
class Reading:
    """The encoder's view of one text of P passages, U units and S sentences.

    Attributes:
        unit_states: U tensors (T, D).
        owners: (U,) the passage each unit is part of.
        unit_emotions: logits (U, 28).
        topics: logits (P, 7).
        passage_vectors: unit-length vectors (P, E).
        sentences: every sentence with its passage; sentence_vectors: unit-length vectors (S, D).
        relevance: how well each sentence stands for the text, (S, 2) from 0 to 1: alone, or among several.
    """

    passages: list[Passage]
    units: list[Passage]
    unit_states: list[Tensor]
    owners: NDArray[np.int64]
    unit_emotions: NDArray[np.float32]
    topics: NDArray[np.float32]
    passage_vectors: NDArray[np.float32]
    sentences: list[tuple[int, TokenSpan]]
    sentence_vectors: NDArray[np.float32]
    relevance: NDArray[np.float32]

    @property
    def lengths(self) -> NDArray[np.float32]:
        """Tokens of each passage, (P,)."""
        return np.array([len(passage.token_ids) for passage in self.passages], dtype=np.float32)

    @property
    def unit_lengths(self) -> NDArray[np.float32]:
        """Tokens of each unit, (U,)."""
        return np.array([len(unit.token_ids) for unit in self.units], dtype=np.float32)

    @property
    def vector(self) -> NDArray[np.float32]:
        """Unit-length vector of the whole text (E,): the passages', weighted by their lengths."""
        return _join(self.passage_vectors, self.lengths)


def _join(vectors: NDArray[np.float32], lengths: NDArray[np.float32]) -> NDArray[np.float32]:
    """The unit-length vector (E,) of a text from those of its passages (P, E), by their lengths (P,)."""
    whole = lengths @ vectors
    return (whole / max(float(np.linalg.norm(whole)), 1e-12)).astype(np.float32)


@torch.inference_mode()
def embed_texts(encoder: Encoder, passages: list[list[Passage]]) -> NDArray[np.float32]:
    """Unit-length vectors (N, E) of texts, from the passages of each; no states are kept."""
    rows = [passage.token_ids for text in passages for passage in text]
    lengths = np.array([len(row) for row in rows], np.float32)
    vectors = np.zeros((len(rows), encoder.model.config.d_embedding), np.float32)

    def take(numbers: list[int], states: Tensor, mask: Tensor, token_ids: Tensor) -> None:
        vectors[numbers] = encoder.model.heads["embedding"](states, mask, token_ids).numpy()

    for _ in encoder.read(rows, take):
        pass
    ends = np.cumsum([len(text) for text in passages])
    spans = [slice(end - len(text), end) for text, end in zip(passages, ends.tolist(), strict=True)]
    return np.stack([_join(vectors[span], lengths[span]) for span in spans])


def read_texts(
    encoder: Encoder, passages: list[list[Passage]], units: list[list[list[Passage]]] | None
) -> list[Reading]:
    """Encode and pool what is wanted of several texts.

    Args:
        passages: those of each text, at least one.
        units: those of each passage of each text, or None where feelings are not asked for.
    """
    readings = finish(grasp(encoder, passages))
    return readings if units is None else finish(feel(encoder, readings, units))


@torch.inference_mode()
def grasp(encoder: Encoder, passages: list[list[Passage]]) -> Steps[list[Reading]]:
    """What several texts are about; nothing is known of their feelings yet."""
    rows = [passage.token_ids for text in passages for passage in text]
    states = iter((yield from read_states(encoder, rows)))
    return [_pool(encoder.model, text, list(islice(states, len(text)))) for text in passages]


@torch.inference_mode()
def feel(encoder: Encoder, readings: list[Reading], units: list[list[list[Passage]]]) -> Steps[list[Reading]]:
    """The readings with the feelings of their units, which are those of each passage of each text."""
    own = [list(chain(*groups)) for groups in units]
    rows = [unit.token_ids for text in own for unit in text]
    states = iter((yield from read_states(encoder, rows, "emotion")))
    felt: list[Reading] = []
    for reading, text, groups in zip(readings, own, units, strict=True):
        unit_states = list(islice(states, len(text)))
        owners = np.array([i for i, group in enumerate(groups) for _ in group])
        emotions = emotion_logits(encoder.model, unit_states)
        felt.append(
            replace(reading, units=text, unit_states=unit_states, owners=owners, unit_emotions=emotions)
        )
    return felt


@torch.inference_mode()
def emotion_logits(model: MultiTask, unit_states: Sequence[Tensor]) -> NDArray[np.float32]:
    """Logits (U, 28) of units from their states."""
    logits = [model.heads["emotion"](*_padded(rows))[0] for rows in _parts(unit_states)]
    return torch.cat(logits).float().numpy() if logits else np.zeros((0, model.config.n_emotions), np.float32)


def feel_passages(
    probabilities: ArrayLike, lengths: ArrayLike, owners: ArrayLike
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """What each passage feels like, (P, L), and its length in tokens, (P,), from units.

    The power mean of its units by length: near the mean where all feel alike, and above it where one sentence
    stands out. A text then feels as its passages do on average, by length.

    Args:
        probabilities: (U, L). lengths: (U,) in tokens. owners: (U,) the passage of each, from 0, rising.
    """
    shares, owner = np.asarray(lengths, np.float64), np.asarray(owners)
    starts = np.searchsorted(owner, np.unique(owner))
    whole = np.add.reduceat(shares, starts)
    powers = np.asarray(probabilities, np.float64) ** POWER * shares[:, None]
    felt = (np.add.reduceat(powers, starts, axis=0) / whole[:, None]) ** (1 / POWER)
    return felt.astype(np.float32), whole.astype(np.float32)


def _pool(model: MultiTask, passages: list[Passage], states: list[Tensor]) -> Reading:
    pad_id = model.config.backbone.pad_token_id
    token_ids = [pad([passage.token_ids for passage in part], pad_id)[0] for part in _parts(passages)]
    parts = [(*_padded(rows), ids) for rows, ids in zip(_parts(states), token_ids, strict=True)]
    topics = [model.heads["topic"](*part) for part in parts]
    vectors = torch.cat([model.heads["embedding"](*part) for part in parts])
    sentences = [(i, sentence) for i, passage in enumerate(passages) for sentence in passage.sentences]
    spans = torch.stack([states[i][sentence.first : sentence.last].mean(0) for i, sentence in sentences])
    sentence_vectors = F.normalize(spans.float(), dim=-1)
    lengths = torch.tensor([sentence.last - sentence.first for _, sentence in sentences])
    return Reading(
        passages,
        [],
        [],
        np.array([]),
        emotion_logits(model, []),
        torch.cat(topics).float().numpy(),
        vectors.numpy(),
        sentences,
        sentence_vectors.numpy(),
        _relevance(model, sentence_vectors, lengths).numpy(),
    )


def _relevance(model: MultiTask, vectors: Tensor, lengths: Tensor) -> Tensor:
    """How well sentences (S, D) of so many tokens (S,) stand for their text, (S, 2) from 0 to 1.

    Without a selection head, how close each is to the text's centre, with a small bonus for the opening.
    """
    if "selection" not in model.heads:
        centre = F.normalize(vectors.mean(0), dim=0)
        closeness = (vectors @ centre + LEAD / torch.arange(1, len(vectors) + 1)).clamp(0, 1)
        return closeness[:, None].expand(-1, len(EXTRACTS))
    head, parts = model.heads["selection"], []
    for start in range(0, len(vectors), WINDOW):
        part = slice(start, start + WINDOW)
        places = sentence_places(lengths[part])[None]
        mask = torch.ones(1, len(lengths[part]), dtype=torch.long)
        parts.append(head(vectors[None, part], mask, places)[0].float())
    scores = torch.cat(parts)
    # A sentence alone competes with the others; one of several is in or out.
    alone = (scores[:, 0] - scores[:, 0].max()).exp()
    return torch.stack((alone, scores[:, 1].sigmoid()), dim=-1)


@torch.inference_mode()
def contributions(model: MultiTask, reading: Reading, label: int) -> Iterator[tuple[tuple[int, int], float]]:
    """What each token adds to one emotion, with its characters: weighted by what its unit adds."""
    head: Any = model.heads["emotion"]
    shares = reading.unit_lengths / reading.unit_lengths.sum()
    weights = shares / (1 + np.exp(-reading.unit_emotions[:, label])) ** POWER
    units = iter(zip(reading.units, weights, strict=True))
    for rows in _parts(reading.unit_states):
        for added in head.contributions(*_padded(rows), label).tolist():
            unit, weight = next(units)
            for characters, value in zip(unit.offsets, added, strict=False):
                yield characters, value * float(weight)


def _padded(rows: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
    """Rows (T, D) to (B, T, D) and a mask (B, T)."""
    padded = torch.nn.utils.rnn.pad_sequence(list(rows), batch_first=True)
    lengths = torch.tensor([len(row) for row in rows])
    return padded, (torch.arange(padded.size(1)) < lengths[:, None]).long()


def _parts(rows: Sequence[Row]) -> list[Sequence[Row]]:
    """The rows in order, in parts small enough to pad."""
    return [rows[i : i + 64] for i in range(0, len(rows), 64)]
