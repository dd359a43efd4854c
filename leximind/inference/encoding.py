"""Rows of token ids to the states of the encoder, in batches."""

from collections.abc import Generator, Iterator, Sequence
from contextlib import closing
from functools import partial
from typing import Protocol, TypeVar

import torch
from torch import Tensor

from leximind.inference.analysis import Progress
from leximind.inference.lines import ReadingLine, Request, Take
from leximind.model.multitask import MultiTask
from leximind.text.passages import Passage
from leximind.text.tokenizer import pad

Result = TypeVar("Result")
Steps = Generator[Progress, None, Result]
"""Work that can be left between two of its steps, or taken to its end by ``finish``."""

# What larger batches save in calls they lose in the caches of the processor (benchmarks/encode.py).
BATCH_TOKENS = 1024


class Encoder(Protocol):
    """Who encodes for a thread: see ``leximind.inference.sharing``."""

    model: MultiTask

    def read(self, rows: Sequence[Sequence[int]], take: Take, task: str = "") -> Iterator[int]:
        """Have rows of token ids encoded; yields how many were taken."""


def read_batch(
    model: MultiTask, rows: Sequence[Sequence[int]], task: str = ""
) -> tuple[Tensor, Tensor, Tensor]:
    """States (B, T, D) of rows of token ids as `task` reads them, with their mask and ids (B, T)."""
    token_ids, mask = pad(rows, model.config.backbone.pad_token_id)
    device = next(model.parameters()).device
    memory = model.encode(token_ids.to(device), mask.to(device), task)
    return memory.states, memory.mask, memory.token_ids


def finish(steps: Steps[Result]) -> Result:
    """The result of work, without a stop."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return end.value  # type: ignore[no-any-return]


@torch.inference_mode()
def encode(model: MultiTask, passages: Sequence[Passage]) -> list[Tensor]:
    """States (T_p, D) of each passage, for one that has the model to itself, such as a stage of training."""
    rows = [passage.token_ids for passage in passages]
    states: list[Tensor] = [torch.empty(0)] * len(rows)
    line, request = ReadingLine(), Request(rows, partial(_keep, states))
    line.add(request)
    while line.has_work:
        ((_, numbers),) = line.next_batch(BATCH_TOKENS)
        request.take(numbers, *read_batch(model, [rows[number] for number in numbers]))
    return states


@torch.inference_mode()
def read_states(encoder: Encoder, rows: Sequence[Sequence[int]], task: str = "") -> Steps[list[Tensor]]:
    """States (T, D) of rows of token ids as `task` reads them, each encoded once."""
    states: list[Tensor] = [torch.empty(0)] * len(rows)
    with closing(encoder.read(rows, partial(_keep, states), task)) as counts:  # type: ignore[type-var]
        for n_read in counts:
            yield Progress(n_read, len(rows))
    return states


def _keep(states: list[Tensor], numbers: list[int], encoded: Tensor, mask: Tensor, _: Tensor) -> None:
    for number, row, length in zip(numbers, encoded, mask.sum(1).tolist(), strict=True):
        states[number] = row[:length]
