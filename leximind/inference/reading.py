"""Reading a text with the encoder: passages for what it is about, units for how it feels.

Topic, embedding, key sentences and summary share one encoding of each passage. Emotions are read from units
of a sentence or a few, encoded on their own: the head learned from short comments, and pooled over a piece of
a long passage it sees states it never met (on REMAN's fiction, mean average precision 0.26 against 0.33).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from leximind.model.multitask import MultiTask
from leximind.text.passages import Passage, TokenSpan
from leximind.text.tokenizer import pad

BATCH_TOKENS = 4096


@dataclass(frozen=True)
class Reading:
    """The encoder's view of one text of P passages, U units and S sentences.

    Attributes:
        states, unit_states: P and U tensors (T, D).
        owners: (U,) the passage each unit is part of.
        unit_emotions: logits (U, 28).
        topics: logits (P, 7).
        passage_vectors: unit-length vectors (P, E).
        sentences: every sentence with its passage; sentence_vectors: unit-length vectors (S, E).
    """

    passages: list[Passage]
    states: list[Tensor]
    units: list[Passage]
    unit_states: list[Tensor]
    owners: NDArray[np.int64]
    unit_emotions: NDArray[np.float32]
    topics: NDArray[np.float32]
    passage_vectors: NDArray[np.float32]
    sentences: list[tuple[int, TokenSpan]]
    sentence_vectors: NDArray[np.float32]

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
        whole = self.lengths @ self.passage_vectors
        return (whole / max(float(np.linalg.norm(whole)), 1e-12)).astype(np.float32)


@torch.inference_mode()
def encode(model: MultiTask, passages: Sequence[Passage]) -> list[Tensor]:
    """States (T_p, D) of each passage, encoded once in batches of similar lengths."""
    states: list[Tensor] = [torch.empty(0)] * len(passages)
    for batch in _length_batches([len(passage.token_ids) for passage in passages]):
        token_ids, mask = pad([passages[i].token_ids for i in batch], model.config.backbone.pad_token_id)
        encoded = model.backbone.encode(token_ids, mask).states
        for row, i in enumerate(batch):
            states[i] = encoded[row, : len(passages[i].token_ids)]
    return states


@torch.inference_mode()
def read(
    model: MultiTask, passages: list[Passage], units: list[list[Passage]], states: list[Tensor]
) -> Reading:
    """Pool everything that is wanted of one text.

    Args:
        passages: at least one; units: those of each passage.
        states: of the passages, then of the units, in order.
    """
    flat = [unit for group in units for unit in group]
    owners = np.array([i for i, group in enumerate(units) for _ in group])
    states, unit_states = states[: len(passages)], states[len(passages) :]
    sentences = [(i, sentence) for i, passage in enumerate(passages) for sentence in passage.sentences]
    emotions = [model.heads["emotion"](*_padded(rows))[0] for rows in _parts(unit_states)]
    topics = [model.heads["topic"](*_padded(rows)) for rows in _parts(states)]
    vectors = [model.heads["embedding"](*_padded(rows)) for rows in _parts(states)]
    spans = [states[i][sentence.first : sentence.last].mean(0) for i, sentence in sentences]
    return Reading(
        passages,
        states,
        flat,
        unit_states,
        owners,
        torch.cat(emotions).numpy(),
        torch.cat(topics).numpy(),
        torch.cat(vectors).numpy(),
        sentences,
        F.normalize(torch.stack(spans).float(), dim=-1).numpy(),
    )


@torch.inference_mode()
def contributions(model: MultiTask, reading: Reading, label: int) -> Iterator[tuple[tuple[int, int], float]]:
    """What each token adds to one emotion, with its characters: weighted by the unit's share of the text."""
    head: Any = model.heads["emotion"]
    shares = reading.unit_lengths / reading.unit_lengths.sum()
    weights = shares / (1 + np.exp(-reading.unit_emotions[:, label]))
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


def _parts(rows: Sequence[Tensor]) -> list[Sequence[Tensor]]:
    """The rows in order, in parts small enough to pad."""
    return [rows[i : i + 64] for i in range(0, len(rows), 64)]


def _length_batches(lengths: Sequence[int]) -> list[list[int]]:
    batches: list[list[int]] = []
    for i in sorted(range(len(lengths)), key=lengths.__getitem__):
        if not batches or (len(batches[-1]) + 1) * lengths[i] > BATCH_TOKENS:
            batches.append([])
        batches[-1].append(i)
    return batches
