"""Examples to padded batches of similar lengths."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from leximind.text.tokenizer import pad, shift_right
from leximind.training.examples import EncodedExample, Example

IGNORE = -100


@dataclass(frozen=True)
class Batch:
    """Token ids and mask (B, S), targets as in `Example`, and decoder inputs (B, T) for summarization.

    Of what is encoded already, `token_ids` are the lengths of S parts and `vectors` (B, S, D) stand for them.
    """

    token_ids: Tensor
    mask: Tensor
    targets: Tensor
    decoder_ids: Tensor | None = None
    vectors: Tensor | None = None


def bucket(
    lengths: NDArray[np.int64], n_rows: int, n_tokens: int, rng: np.random.Generator
) -> list[NDArray[np.int64]]:  # fmt: skip
    """Shuffle rows into batches of at most `n_rows` rows and `n_tokens` padded tokens, of similar length.

    Rows are shuffled, cut into pools of 64 batches and sorted in each, so that batches differ every epoch.
    """
    order = rng.permutation(len(lengths))
    batches: list[NDArray[np.int64]] = []
    for pool in np.array_split(order, max(1, len(order) // (64 * n_rows))):
        row: list[int] = []
        for i in pool[np.argsort(lengths[pool], kind="stable")]:
            if row and (len(row) == n_rows or (len(row) + 1) * lengths[i] > n_tokens):
                batches.append(np.array(row))
                row = []
            row.append(int(i))
        batches.append(np.array(row))
    return [batches[i] for i in rng.permutation(len(batches))]


class BatchPlan:
    """Every batch of a task over endless epochs, a function of the seed alone: resuming needs no state."""

    def __init__(self, examples: Sequence[Example], n_rows: int, n_tokens: int, seed: int) -> None:
        self.examples, self.n_rows, self.n_tokens, self.seed = examples, n_rows, n_tokens, seed
        self.lengths = np.array([len(example.source) + np.size(example.target) for example in examples])
        self._epochs: dict[int, list[NDArray[np.int64]]] = {}
        self._starts = [0]

    def rows(self, position: int) -> list[Example]:
        """The examples of the task's batch number `position`, from 0."""
        return [self.examples[i] for i in self.numbers(position)]

    def numbers(self, position: int) -> NDArray[np.int64]:
        """Which examples those are: their places in `examples`, (B,)."""
        while position >= self._starts[-1]:
            epoch = len(self._starts) - 1
            rng = np.random.default_rng([self.seed, epoch])
            self._epochs[epoch] = bucket(self.lengths, self.n_rows, self.n_tokens, rng)
            self._starts.append(self._starts[-1] + len(self._epochs[epoch]))
        epoch = int(np.searchsorted(self._starts, position, side="right")) - 1
        return self._epochs[epoch][position - self._starts[epoch]]


def collate(examples: Sequence[Example], task: str, pad_id: int) -> Batch:
    """Examples of one task to a batch; those that are encoded already bring their vectors."""
    if isinstance(examples[0], EncodedExample):
        return _collate_encoded([example for example in examples if isinstance(example, EncodedExample)])
    token_ids, mask = pad([example.source.tolist() for example in examples], pad_id)
    if task != "summarization":
        return Batch(token_ids, mask, torch.as_tensor(np.stack([example.target for example in examples])))
    targets, target_mask = pad([example.target.tolist() for example in examples], pad_id)
    starts = torch.tensor([example.start for example in examples])
    return Batch(
        token_ids, mask, targets.masked_fill(target_mask == 0, IGNORE), shift_right(targets, starts)
    )  # fmt: skip


def _collate_encoded(examples: Sequence[EncodedExample]) -> Batch:
    """Texts of up to S sentences to a batch: lengths and mask (B, S), gains (B, S), vectors (B, S, D)."""
    size = max(len(example.source) for example in examples), examples[0].vectors.shape[1]
    lengths = torch.zeros(len(examples), size[0], dtype=torch.long)
    gains, vectors = torch.zeros(len(examples), size[0]), torch.zeros(len(examples), *size)
    for row, example in enumerate(examples):
        n = len(example.source)
        lengths[row, :n] = torch.from_numpy(example.source.astype(np.int64))
        gains[row, :n] = torch.from_numpy(example.target.astype(np.float32))
        vectors[row, :n] = torch.from_numpy(example.vectors.astype(np.float32))
    return Batch(lengths, (lengths > 0).long(), gains, vectors=vectors)
