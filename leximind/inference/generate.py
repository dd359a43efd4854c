"""Decoding a batch for both kinds of model: greedy, sampling, beam search, streaming."""

from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from leximind.errors import InputError
from leximind.inference.decoding import Decoding
from leximind.inference.generation import GenerationConfig
from leximind.inference.steppers import LMStepper, Seq2SeqStepper, Stepper

__all__ = ["GenerationConfig", "LMStepper", "Seq2SeqStepper", "Stepper", "generate", "stream"]


@torch.inference_mode()
def generate(
    stepper: Stepper,
    start: Tensor,
    config: GenerationConfig | None = None,
    is_hopeless: Callable[[int, list[int]], bool] | None = None,
) -> list[list[int]]:
    """Continue `start` (B, T): the generated ids of each row, up to and without the end token.

    Args:
        is_hopeless: for beam search: whether nothing that begins with these ids can be of use for this row.
            Where that is so of all its sequences, the row is given up as it is.
    """
    decoding = Decoding(stepper, GenerationConfig() if config is None else config)
    tracks = decoding.begin(start, is_hopeless)
    while decoding.is_running:
        decoding.step()
    return [track.result for track in tracks]


@torch.inference_mode()
def stream(stepper: Stepper, start: Tensor, config: GenerationConfig | None = None) -> Iterator[int]:
    """Continue one row, `start` (1, T), yielding each token as it is chosen.

    Raises:
        InputError: more than one row, or beam search, whose tokens are not known until its end.
    """
    config = GenerationConfig() if config is None else config
    if start.size(0) != 1 or config.n_beams > 1:
        raise InputError(
            f"Streaming was asked for {start.size(0)} rows and {config.n_beams} beams; it takes one of each."
        )
    decoding = Decoding(stepper, config)
    (track,) = decoding.begin(start)
    n_told = 0
    while decoding.is_running:
        decoding.step()
        yield from track.result[n_told:]
        n_told = len(track.result)
