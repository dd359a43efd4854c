"""The encoder-decoder: one embedding, two stacks, an LM head, and a copy head where wanted."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from leximind.model.attention import padding_mask
from leximind.model.cache import KVCache, Pair, put
from leximind.model.config import Seq2SeqConfig
from leximind.model.stack import Stack

# Keeps the logarithm of a probability that rounds to nothing finite.
SMALLEST = 1e-9
# Numbers in the states that a CPU works on at once: what larger batches save in calls they lose in caches.
AT_ONCE = 400_000


@dataclass(frozen=True)
class Memory:
    """What the decoder reads: encoder states (B, S, D), their mask (B, S) and token ids (B, S).

    `copy_keys` (B, S, D) are computed once a source by the copy head.
    """

    states: Tensor
    mask: Tensor
    token_ids: Tensor
    copy_keys: Tensor | None = None

    @classmethod
    def join(cls, parts: Sequence["Memory"]) -> "Memory":
        """Memories that nothing was computed from yet as one, padded to the longest."""
        first, *others = parts
        for part in others:
            places = torch.arange(part.mask.size(0)) + first.mask.size(0)
            first = first.put(part, places)
        return first

    def select(self, rows: Tensor) -> "Memory":
        """The batch rows `rows` (B',), in that order."""
        return Memory(*(None if part is None else part[rows] for part in self._parts()))  # type: ignore[arg-type]

    def put(self, other: "Memory", places: Tensor) -> "Memory":
        """With the rows of another one at `places`; see `leximind.model.cache.put`."""
        pairs = zip(self._parts(), other._parts(), strict=True)
        parts = [None if old is None or new is None else put(old, new, places, dim=1) for old, new in pairs]
        return Memory(*parts)  # type: ignore[arg-type]

    def _parts(self) -> tuple[Tensor | None, ...]:
        return self.states, self.mask, self.token_ids, self.copy_keys


class CopyHead(nn.Module):
    """Pointer-generator mixture (See et al., 2017): generate from the vocabulary or copy a source token."""

    def __init__(self, d_model: int) -> None:
        super().__init__()
        self.query = nn.Linear(d_model, d_model, bias=False)
        self.key = nn.Linear(d_model, d_model, bias=False)
        self.gate = nn.Linear(2 * d_model, 1)
        self.scale = d_model**-0.5

    def forward(self, hidden: Tensor, logits: Tensor, memory: Memory) -> Tensor:
        """Hidden states (B, T, D) and logits (B, T, V) to log-probabilities (B, T, V), in fp32."""
        attention, generate = self.attend(hidden, memory)
        source = memory.token_ids[:, None, :].expand_as(attention)
        mixed = generate * logits.float().softmax(-1)
        mixed = mixed.scatter_add_(-1, source, (1 - generate) * attention)
        return mixed.clamp(min=SMALLEST).log()

    def target_log_probability(
        self, hidden: Tensor, logits: Tensor, memory: Memory, targets: Tensor
    ) -> Tensor:  # fmt: skip
        """What `forward` gives the targets (B, T), without mixing the whole vocabulary; (B, T) in fp32."""
        attention, generate = self.attend(hidden, memory)
        written = -F.cross_entropy(logits.flatten(0, 1).float(), targets.flatten(), reduction="none")
        copied = (attention * (memory.token_ids[:, None, :] == targets[:, :, None])).sum(-1)
        generate = generate[..., 0]
        mixed = generate * written.view_as(targets).exp() + (1 - generate) * copied
        return mixed.clamp(min=SMALLEST).log()

    def attend(self, hidden: Tensor, memory: Memory) -> tuple[Tensor, Tensor]:
        """Where in the source to copy from (B, T, S), and the probability of not copying (B, T, 1)."""
        keys = self.key(memory.states) if memory.copy_keys is None else memory.copy_keys
        scores = (self.query(hidden) @ keys.transpose(1, 2) * self.scale).float()
        attention = (scores + padding_mask(memory.mask, torch.float32)[:, 0]).softmax(-1)
        context = attention.to(memory.states.dtype) @ memory.states
        return attention, torch.sigmoid(self.gate(torch.cat((hidden, context), dim=-1)).float())


class Seq2Seq(nn.Module):
    """T5-style or BERT-to-BERT-style sequence to sequence model."""

    lm_head: nn.Module | None

    def __init__(self, config: Seq2SeqConfig) -> None:
        super().__init__()
        self.config = config
        d_model = config.encoder.d_model
        self.embedding = nn.Embedding(config.vocab_size, d_model)
        self.encoder, self.decoder = Stack(config.encoder), Stack(config.decoder)
        # A tied head is the embedding itself.
        self.lm_head = None if config.tie_lm_head else nn.Linear(d_model, config.vocab_size, bias=False)
        if config.lm_head_bias:
            self.lm_bias = nn.Parameter(torch.zeros(config.vocab_size))
        if config.copy_head:
            self.copy_head = CopyHead(d_model)
        initialise(self)

    def encode(
        self,
        token_ids: Tensor,
        attention_mask: Tensor | None = None,
        blocks: Sequence[nn.Module] | None = None,
    ) -> Memory:
        """Token ids (B, S) to what the decoder, or with a branch's `blocks` a head, reads."""
        if attention_mask is None:
            attention_mask = torch.ones_like(token_ids)
        n_rows = len(token_ids)
        if not (token_ids.is_cuda or torch.is_grad_enabled()):
            n_rows = max(1, AT_ONCE // (token_ids.size(1) * self.config.encoder.d_model))
        parts = zip(torch.split(token_ids, n_rows), torch.split(attention_mask, n_rows), strict=True)
        states = [self.encoder(self.embedding(ids), mask, blocks=blocks) for ids, mask in parts]
        return Memory(states[0] if len(states) == 1 else torch.cat(states), attention_mask, token_ids)

    def prepare(self, memory: Memory) -> Memory:
        """Compute once what every decoding step needs from the memory."""
        if not self.config.copy_head:
            return memory
        return replace(memory, copy_keys=self.copy_head.key(memory.states))

    def read(self, memory: Memory) -> list[Pair]:
        """The keys and values (B, Hkv, S, d_head) that every block of the decoder has of a memory."""
        return [block.cross_attention.read(memory.states) for block in self.decoder.blocks]  # type: ignore[union-attr,operator]

    def decode(
        self,
        decoder_ids: Tensor,
        memory: Memory,
        cache: KVCache | None = None,
        *,
        mask: Tensor | None = None,
        positions: Tensor | None = None,
    ) -> Tensor:
        """Decoder inputs (B, T) to scores (B, T, V): logits, or log-probabilities with a copy head.

        Args:
            memory: a row for each of the inputs, or (B / n) rows that n inputs in turn share.
            cache: with one, `decoder_ids` holds only the positions not seen yet.
            mask: (B, Tk) of ones where a row has a past, for rows that did not begin together.
            positions: (B, T), for those too.
        """
        hidden, logits = self._logits(decoder_ids, memory, cache, mask, positions)
        if not self.config.copy_head:
            return logits
        n_sources, shape = memory.mask.size(0), logits.shape
        if n_sources == shape[0]:
            return self.copy_head(hidden, logits, memory)  # type: ignore[no-any-return]
        hidden, logits = (part.view(n_sources, -1, part.size(-1)) for part in (hidden, logits))
        return self.copy_head(hidden, logits, memory).view(shape)  # type: ignore[no-any-return]

    def log_likelihood(self, decoder_ids: Tensor, targets: Tensor, memory: Memory) -> Tensor:
        """Log-probability of each target (B, T) after the decoder inputs (B, T); (B, T) in fp32."""
        hidden, logits = self._logits(decoder_ids, memory, None)
        if self.config.copy_head:
            return self.copy_head.target_log_probability(hidden, logits, memory, targets)
        loss = F.cross_entropy(logits.flatten(0, 1).float(), targets.flatten(), reduction="none")
        return -loss.view_as(targets)

    def _logits(
        self,
        decoder_ids: Tensor,
        memory: Memory,
        cache: KVCache | None,
        mask: Tensor | None = None,
        positions: Tensor | None = None,
    ) -> tuple[Tensor, Tensor]:
        hidden = self.decoder(
            self.embedding(decoder_ids), mask, memory=memory.states, memory_mask=memory.mask, cache=cache,
            positions=positions,
        )  # fmt: skip
        head = self.lm_head
        logits = F.linear(hidden, self.embedding.weight) if head is None else head(hidden)
        return hidden, logits + self.lm_bias if self.config.lm_head_bias else logits

    def forward(
        self, token_ids: Tensor, decoder_ids: Tensor, attention_mask: Tensor | None = None
    ) -> Tensor:  # fmt: skip
        """Teacher forcing: token ids (B, S) and decoder inputs (B, T) to scores (B, T, V)."""
        return self.decode(decoder_ids, self.encode(token_ids, attention_mask))


def initialise(module: nn.Module) -> None:
    """Normal(0, 0.02) weights, zero biases; norms keep their ones."""
    for part in module.modules():
        if isinstance(part, nn.Linear | nn.Embedding):
            nn.init.normal_(part.weight, std=0.02)
            if isinstance(part, nn.Linear) and part.bias is not None:
                nn.init.zeros_(part.bias)
