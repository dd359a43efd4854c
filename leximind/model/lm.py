"""The decoder-only causal language model (Lumi)."""

import math

import torch
from torch import Tensor, nn

from leximind.model.cache import KVCache
from leximind.model.checkpoint import Checkpointed
from leximind.model.config import LMConfig
from leximind.model.seq2seq import initialise
from leximind.model.stack import Stack


class CausalLM(Checkpointed, nn.Module):
    """LLaMA-shaped language model."""

    config_type = LMConfig
    lm_head: nn.Module | None

    def __init__(self, config: LMConfig) -> None:
        super().__init__()
        self.config = config
        self.embedding = nn.Embedding(config.vocab_size, config.stack.d_model)
        self.stack = Stack(config.stack)
        # A tied head is the embedding itself.
        self.lm_head = (
            None if config.tie_lm_head else nn.Linear(config.stack.d_model, config.vocab_size, bias=False)
        )
        initialise(self)
        # GPT-2's scaling of what is added to the residual stream (Radford et al., 2019).
        with torch.no_grad():
            for name, weight in self.named_parameters():
                if name.endswith(("attention.o.weight", "down.weight")):
                    weight.div_(math.sqrt(2 * config.stack.n_layers))

    def forward(
        self, token_ids: Tensor, attention_mask: Tensor | None = None, cache: KVCache | None = None
    ) -> Tensor:  # fmt: skip
        """Token ids (B, T) to logits (B, T, V). `attention_mask` (B, past + T) allows left padding."""
        hidden = self.stack(self.embedding(token_ids), attention_mask, cache=cache)
        head = self.lm_head
        logits: Tensor = hidden @ self.embedding.weight.T if head is None else head(hidden)
        return logits
