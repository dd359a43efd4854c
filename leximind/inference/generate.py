"""One decoding loop for both kinds of model: greedy, sampling, beam search, streaming.

A *stepper* hides what is decoded: it maps the tokens not seen yet to the next scores and can reorder its
rows. Finished rows are filled with padding, so nothing ever follows an end token.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Protocol

import torch
from torch import Tensor

from leximind.errors import InputError
from leximind.inference import processors
from leximind.inference.beams import Hypotheses
from leximind.model.attention import KVCache
from leximind.model.lm import CausalLM
from leximind.model.seq2seq import Memory, Seq2Seq


@dataclass(frozen=True)
class GenerationConfig:
    """How to decode. Lengths count generated tokens, the end token included.

    Attributes:
        n_beams: 1 is greedy or sampling; more is beam search (not with `temperature`).
        temperature: 0 takes the best token, otherwise tokens are drawn.
        top_k, top_p: 0 and 1 switch them off.
        repetition_penalty: 1 switches it off.
        no_repeat_ngram: 0 switches it off.
        length_penalty: beams are ranked by log-probability / length^penalty.
        early_stopping: stop a row once it has `n_beams` finished hypotheses.
        forbidden: tokens never to be written.
    """

    max_length: int = 64
    min_length: int = 0
    n_beams: int = 1
    temperature: float = 0.0
    top_k: int = 0
    top_p: float = 1.0
    repetition_penalty: float = 1.0
    no_repeat_ngram: int = 0
    length_penalty: float = 1.0
    early_stopping: bool = False
    forbidden: tuple[int, ...] = ()
    seed: int | None = None

    def __post_init__(self) -> None:
        limits = {
            "max_length": self.max_length >= 1,
            "min_length": 0 <= self.min_length <= self.max_length,
            "n_beams": self.n_beams >= 1,
            "temperature": self.temperature >= 0 and not (self.temperature > 0 and self.n_beams > 1),
            "top_k": self.top_k >= 0,
            "top_p": 0 < self.top_p <= 1,
            "repetition_penalty": self.repetition_penalty > 0,
            "no_repeat_ngram": self.no_repeat_ngram >= 0,
        }
        for name, holds in limits.items():
            if not holds:
                raise InputError(
                    f"{name} is {getattr(self, name)!r}, which is out of range.",
                    hint="See GenerationConfig; beam search does not go together with a temperature.",
                )


class Stepper(Protocol):
    """Something that is decoded token by token."""

    eos_id: int
    pad_id: int
    mask: Tensor | None  # (B, T) of ones and zeros over the tokens seen, None when all of them count

    def __call__(self, tokens: Tensor) -> Tensor:
        """Tokens not seen yet (B, T) to scores of the next one (B, V), in fp32."""

    def reorder(self, rows: Tensor) -> None:
        """Continue with the batch rows `rows` (B',)."""


class Seq2SeqStepper:
    """Decodes a sequence-to-sequence model from its memory."""

    def __init__(self, model: Seq2Seq, memory: Memory, *, cached: bool = True) -> None:
        self.model, self.memory = model, model.prepare(memory)
        self.mask: Tensor | None = None
        self.eos_id, self.pad_id = model.config.eos_token_id, model.config.pad_token_id
        self.cache = KVCache.empty(model.config.decoder.n_layers) if cached else None
        self.history: Tensor | None = None
        self.sources = torch.arange(memory.states.size(0))

    def __call__(self, tokens: Tensor) -> Tensor:
        if self.cache is None:
            self.history = tokens if self.history is None else torch.cat((self.history, tokens), dim=1)
            tokens = self.history
        return self.model.decode(tokens, self.memory, self.cache)[:, -1].float()

    def reorder(self, rows: Tensor) -> None:
        # Beams change places among those of one source: what was read of the source can stay where it is.
        moved = not torch.equal(self.sources[rows], self.sources)
        if moved:
            self.memory, self.sources = self.memory.select(rows), self.sources[rows]
        if self.cache is not None:
            self.cache.reorder(rows, memory=moved)
        if self.history is not None:
            self.history = self.history[rows]


class LMStepper:
    """Continues a prompt with a causal language model; prompts of a batch are padded on the left."""

    def __init__(self, model: CausalLM, attention_mask: Tensor | None = None) -> None:
        self.model, self.mask = model, attention_mask
        self.eos_id, self.pad_id = model.config.eos_token_id, model.config.pad_token_id
        self.cache = KVCache.empty(model.config.stack.n_layers)

    def __call__(self, tokens: Tensor) -> Tensor:
        if self.mask is not None and self.cache.length:
            self.mask = torch.cat((self.mask, torch.ones_like(tokens)), dim=1)
        return self.model(tokens, self.mask, self.cache)[:, -1].float()  # type: ignore[no-any-return]

    def reorder(self, rows: Tensor) -> None:
        self.cache.reorder(rows)
        if self.mask is not None:
            self.mask = self.mask[rows]


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
    config = GenerationConfig() if config is None else config
    if config.n_beams > 1:
        return _beam_search(stepper, start, config, is_hopeless)
    columns = list(_step(stepper, start, config))
    rows = torch.stack(columns, dim=1).tolist() if columns else [[] for _ in start]
    return [_until(row, stepper.eos_id) for row in rows]


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
    for column in _step(stepper, start, config):
        token = int(column[0])
        if token == stepper.eos_id:
            return
        yield token


@torch.inference_mode()
def _step(stepper: Stepper, start: Tensor, config: GenerationConfig) -> Iterator[Tensor]:
    """Columns (B,) of chosen tokens; padding after a row's end.

    Finished rows leave the batch. Moving the others costs as much as a step or two, so it is done only when
    a quarter of them has finished.
    """
    generator = torch.Generator().manual_seed(config.seed) if config.seed is not None else None
    history, tokens = start, start
    rows = torch.arange(start.size(0))  # which rows of `start` are still decoded
    finished = torch.zeros(start.size(0), dtype=torch.bool)
    for length in range(config.max_length):
        scores = _process(stepper(tokens), history, length, stepper, config)
        if config.temperature == 0:
            chosen = scores.argmax(-1)
        else:
            chosen = torch.multinomial(_warp(scores, config).softmax(-1), 1, generator=generator)[:, 0]
        chosen = chosen.masked_fill(finished, stepper.pad_id)
        finished = finished | (chosen == stepper.eos_id)
        yield torch.full((start.size(0),), stepper.pad_id).scatter_(0, rows, chosen)
        if finished.all():
            return
        tokens = chosen[:, None]
        history = torch.cat((history, tokens), dim=1)
        if finished.sum() * 4 >= len(rows):
            kept = (~finished).nonzero()[:, 0]
            stepper.reorder(kept)
            rows, finished, tokens, history = rows[kept], finished[kept], tokens[kept], history[kept]


def _process(
    scores: Tensor, history: Tensor, length: int, stepper: Stepper, config: GenerationConfig
) -> Tensor:  # fmt: skip
    if config.repetition_penalty != 1.0:
        scores = processors.penalise_repetition(scores, history, config.repetition_penalty, stepper.mask)
    if config.no_repeat_ngram:
        scores = processors.forbid_repeated_ngrams(scores, history, config.no_repeat_ngram)
    if config.forbidden:
        scores = processors.forbid(scores, config.forbidden)
    if length + 1 < config.min_length:
        scores = processors.forbid(scores, [stepper.eos_id])
    return scores


def _warp(scores: Tensor, config: GenerationConfig) -> Tensor:
    scores = scores / config.temperature
    if config.top_k:
        scores = processors.keep_top_k(scores, config.top_k)
    if config.top_p < 1.0:
        scores = processors.keep_top_p(scores, config.top_p)
    return scores


def _until(row: Sequence[int], eos_id: int) -> list[int]:
    return list(row[: row.index(eos_id)]) if eos_id in row else list(row)


def _beam_search(
    stepper: Stepper,
    start: Tensor,
    config: GenerationConfig,
    is_hopeless: Callable[[int, list[int]], bool] | None,
) -> list[list[int]]:
    """Beam search (Sutskever et al., 2014) over B x n_beams rows; twice n_beams candidates a step."""
    n_rows, n_beams, prompt = start.size(0), config.n_beams, start.size(1)
    stepper.reorder(torch.arange(n_rows).repeat_interleave(n_beams))
    history = tokens = start.repeat_interleave(n_beams, dim=0)
    running = torch.full((n_rows, n_beams), -1e9)
    running[:, 0] = 0.0  # all beams begin alike: only one may count
    hypotheses = [Hypotheses(n_beams, config.length_penalty, config.early_stopping) for _ in range(n_rows)]
    for length in range(1, config.max_length + 1):
        scores = stepper(tokens).log_softmax(-1)
        scores = _process(scores, history, length - 1, stepper, config)
        n_tokens = scores.size(-1)
        totals = (running.view(-1, 1) + scores).view(n_rows, n_beams * n_tokens)
        best, flat = totals.topk(2 * n_beams, dim=1)
        beams = flat // n_tokens + torch.arange(n_rows)[:, None] * n_beams
        chosen = flat % n_tokens
        finished = chosen == stepper.eos_id
        for row, found in enumerate(hypotheses):
            for rank in range(n_beams):  # the other candidates only stand in for the finished ones
                ends = bool(finished[row, rank])
                if ends or length == config.max_length:
                    written = history[beams[row, rank], prompt:].tolist()
                    written += [] if ends else [int(chosen[row, rank])]
                    found.add(float(best[row, rank]), written, length)
        # At most one candidate a beam is an end token, so n_beams others are left; a stable sort keeps ranks.
        places = finished.int().argsort(dim=1, stable=True)[:, :n_beams]
        running = best.gather(1, places)
        rows = beams.gather(1, places).flatten()
        tokens = chosen.gather(1, places).view(-1, 1)
        history = torch.cat((history[rows], tokens), dim=1)
        for row, found in enumerate(hypotheses):
            found.close(float(running[row, 0]), length)
            if is_hopeless is not None and not found.done:
                written = history[row * n_beams : (row + 1) * n_beams, prompt:].tolist()
                if all(is_hopeless(row, ids) for ids in chain(written, (ids for _, ids in found.found))):
                    found.give_up(written[0])
        if all(found.done for found in hypotheses):
            break
        stepper.reorder(rows)
    return [entry.found[0][1] for entry in hypotheses]
