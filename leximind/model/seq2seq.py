"""The encoder-decoder: one embedding, two stacks, an LM head, and a copy head where wanted."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from leximind.model.attention import KVCache, padding_mask
from leximind.model.config import Seq2SeqConfig
from leximind.model.stack import Stack

# Keeps the logarithm of a probability that rounds to nothing finite.
SMALLEST = 1e-9


@dataclass(frozen=True)
class Memory:
    """What the decoder reads: encoder states (B, S, D), their mask (B, S) and token ids (B, S).

    `copy_keys` (B, S, D) are computed once a source by the copy head.
    """

    states: Tensor
    mask: Tensor
    token_ids: Tensor
    copy_keys: Tensor | None = None

    def select(self, rows: Tensor) -> "Memory":
        """The batch rows `rows` (B',), in that order."""
        keys = None if self.copy_keys is None else self.copy_keys[rows]
        return replace(
            self,
            states=self.states[rows],
            mask=self.mask[rows],
            token_ids=self.token_ids[rows],
            copy_keys=keys,
        )


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
        mixed = mixed.scatter_add(-1, source, (1 - generate) * attention)
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
        states = self.encoder(self.embedding(token_ids), attention_mask, blocks=blocks)
        return Memory(states, attention_mask, token_ids)

    def prepare(self, memory: Memory) -> Memory:
        """Compute once what every decoding step needs from the memory."""
        if not self.config.copy_head:
            return memory
        return replace(memory, copy_keys=self.copy_head.key(memory.states))

    def decode(self, decoder_ids: Tensor, memory: Memory, cache: KVCache | None = None) -> Tensor:
        """Decoder inputs (B, T) to scores (B, T, V): logits, or log-probabilities with a copy head.

        With a cache, `decoder_ids` holds only the positions not seen yet.
        """
        hidden, logits = self._logits(decoder_ids, memory, cache)
        return self.copy_head(hidden, logits, memory) if self.config.copy_head else logits

    def log_likelihood(self, decoder_ids: Tensor, targets: Tensor, memory: Memory) -> Tensor:
        """Log-probability of each target (B, T) after the decoder inputs (B, T); (B, T) in fp32."""
        hidden, logits = self._logits(decoder_ids, memory, None)
        if self.config.copy_head:
            return self.copy_head.target_log_probability(hidden, logits, memory, targets)
        loss = F.cross_entropy(logits.flatten(0, 1).float(), targets.flatten(), reduction="none")
        return -loss.view_as(targets)

    def _logits(self, decoder_ids: Tensor, memory: Memory, cache: KVCache | None) -> tuple[Tensor, Tensor]:
        hidden = self.decoder(
            self.embedding(decoder_ids), memory=memory.states, memory_mask=memory.mask, cache=cache
        )
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
