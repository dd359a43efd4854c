"""What is decoded: a sequence-to-sequence model from its memory, or a language model from a prompt."""

from collections.abc import Sequence
from typing import Protocol

import torch
from torch import Tensor

from leximind.model.cache import KVCache
from leximind.model.lm import CausalLM
from leximind.model.seq2seq import Memory, Seq2Seq


class Stepper(Protocol):
    """Something that is decoded token by token."""

    eos_id: int
    pad_id: int
    mask: Tensor | None  # (B, T) of ones and zeros over the tokens seen, None when all of them count

    def __call__(self, tokens: Tensor) -> Tensor:
        """Tokens not seen yet (B, T) to scores of the next one (B, V), in fp32, the caller's to change."""

    def reorder(self, rows: Tensor) -> None:
        """Continue with the batch rows `rows` (B',)."""


class Seq2SeqStepper:
    """Decodes a sequence-to-sequence model from its memory. Beams of one source share what was read of it.

    Rows that join late have their own past in the last places of a common cache: a mask hides the others, and
    their positions count from their first token.
    """

    def __init__(self, model: Seq2Seq, memory: Memory | None = None, *, cached: bool = True) -> None:
        self.model, self.is_cached = model, cached
        self.eos_id, self.pad_id = model.config.eos_token_id, model.config.pad_token_id
        self.memory: Memory | None = None
        if memory is not None:
            self._begin(memory, 1)

    def _begin(self, memory: Memory, n_rows: int) -> None:
        self.memory, self.device = self.model.prepare(memory), memory.states.device
        self.mask: Tensor | None = None
        self.cache = KVCache.empty(self.model.config.decoder.n_layers) if self.is_cached else None
        self.history: Tensor | None = None
        self.owners = self._number(memory.states.size(0), n_rows)  # the source (B,) of each row
        self.first: Tensor | None = None  # the place (B,) of each row's first token, where they differ

    def __call__(self, tokens: Tensor) -> Tensor:
        assert self.memory is not None, "nothing was given to decode from"
        if self.cache is None:
            self.history = tokens if self.history is None else torch.cat((self.history, tokens), dim=1)
            tokens = self.history
        positions = None
        if self.first is not None and self.cache is not None:
            n = self.cache.length + 1
            self.mask = (self._number(n) >= self.first[:, None]).long()
            # Rows that are done and wait to be replaced go on, and may not leave the table of positions.
            positions = (n - 1 - self.first[:, None]).clamp(max=self.model.config.decoder.n_positions - 1)
        scores = self.model.decode(tokens, self.memory, self.cache, mask=self.mask, positions=positions)
        return scores[:, -1].float()

    def reorder(self, rows: Tensor) -> None:
        if self.cache is not None:
            self.cache.reorder(rows)
        if self.history is not None:
            self.history = self.history[rows]
        owners = self.owners[rows]
        # Beams change places among those of one source: what was read of the source stays where it is.
        if not torch.equal(owners, self.owners):
            self._move_sources(owners)
            self.first = None if self.first is None else self.first[rows]

    def join(self, memory: Memory, places: Sequence[int], n_rows: int) -> None:
        """Read further sources, to decode each in `n_rows` rows from its first token on.

        Args:
            places: of sources that are done and are replaced, or new ones behind the last.
        """
        assert self.cache is not None and self.memory is not None
        memory, at = self.model.prepare(memory), torch.tensor(places, device=self.device)
        self.cache.put_memory(self.model.read(memory), at)
        self.memory = self.memory.put(memory, at)
        n_sources, n_before = self.memory.mask.size(0), len(self.owners)
        self.owners = self._number(n_sources, n_rows)
        self.cache.widen(len(self.owners) - n_before)
        first = torch.zeros_like(self.owners)
        if self.first is not None:
            first[:n_before] = self.first
        first.view(n_sources, n_rows)[at] = self.cache.length
        self.first = first

    def restart(self, memory: Memory, n_rows: int) -> None:
        """Forget all rows and read these sources, to decode each in `n_rows` rows."""
        # A copy, because `join` writes into it.
        self._begin(memory.select(torch.arange(memory.mask.size(0), device=memory.mask.device)), n_rows)

    def drop(self, n: int) -> None:
        """Forget the first `n` places, which no row that is not done has a past in."""
        assert self.cache is not None and self.first is not None
        self.cache.drop(n)
        self.first = (self.first - n).clamp(min=0)
        if not self.first.any():
            self.first = self.mask = None

    def _number(self, n: int, each: int = 1) -> Tensor:
        return torch.arange(n, device=self.device).repeat_interleave(each)

    def _move_sources(self, owners: Tensor) -> None:
        kept, counts = torch.unique_consecutive(owners, return_counts=True)
        if not (counts == counts[0]).all():  # uneven shares: a memory for each row
            kept, counts = owners, torch.ones_like(owners)
        self.owners = self._number(len(kept), int(counts[0]))
        assert self.memory is not None
        if torch.equal(kept, self._number(self.memory.mask.size(0))):
            return
        self.memory = self.memory.select(kept)
        if self.cache is not None:
            self.cache.select_memory(kept)


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
