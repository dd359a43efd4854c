"""Tiny `transformers` models with weights large enough to tell mistakes apart, and ours loaded from them."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch
import transformers
from torch import Tensor, nn

from leximind.model.config import Seq2SeqConfig
from leximind.model.lm import CausalLM
from leximind.model.seq2seq import Seq2Seq
from leximind.model.weights import (
    bert_stack_config,
    llama_config,
    load_bert,
    load_llama,
    load_t5,
    t5_config,
)

VOCABULARY = 40


def scatter_weights(model: nn.Module, seed: int, std: float = 0.3) -> None:
    """Normal weights of this deviation, around 1 for the norms and 0 for all else."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, weight in model.named_parameters():
            centre = 1.0 if "norm" in name.lower() and name.endswith("weight") else 0.0
            weight.copy_(centre + std * torch.randn(weight.shape, generator=generator))


def t5(seed: int = 0, **options: Any) -> tuple[Any, Seq2Seq]:
    """T5 v1.1: gated GELU, untied head, more encoder than decoder blocks; buckets end at a distance of 20."""
    described = {
        "vocab_size": VOCABULARY, "d_model": 32, "d_kv": 8, "d_ff": 48, "num_layers": 3,
        "num_decoder_layers": 2, "num_heads": 4, "relative_attention_num_buckets": 16,
        "relative_attention_max_distance": 20, "feed_forward_proj": "gated-gelu",
        "tie_word_embeddings": False, "decoder_start_token_id": 0,
    }  # fmt: skip
    theirs = transformers.T5ForConditionalGeneration(transformers.T5Config(**{**described, **options})).eval()
    # transformers 5 builds new models with a tied head, and only unties what a checkpoint holds twice.
    theirs.lm_head.weight = nn.Parameter(theirs.lm_head.weight.detach().clone())
    scatter_weights(theirs, seed)
    return theirs, load_t5(theirs.state_dict(), t5_config(theirs.config.to_dict()))


def llama(seed: int = 0, **options: Any) -> tuple[Any, CausalLM]:
    """LLaMA with two query heads to each key/value head."""
    described = {
        "vocab_size": VOCABULARY, "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 3,
        "num_attention_heads": 4, "num_key_value_heads": 2, "max_position_embeddings": 128,
        "pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2,
    }  # fmt: skip
    theirs = transformers.LlamaForCausalLM(transformers.LlamaConfig(**{**described, **options})).eval()
    scatter_weights(theirs, seed)
    return theirs, load_llama(theirs.state_dict(), llama_config(theirs.config.to_dict()))


def bert(seed: int = 0, **options: Any) -> tuple[Any, Seq2Seq]:
    """BERT, and an encoder-decoder whose encoder it is."""
    described = {
        "vocab_size": VOCABULARY, "hidden_size": 32, "num_hidden_layers": 3, "num_attention_heads": 4,
        "intermediate_size": 48, "max_position_embeddings": 80,
    }  # fmt: skip
    theirs = transformers.BertModel(transformers.BertConfig(**{**described, **options})).eval()
    scatter_weights(theirs, seed)
    return theirs, load_bert(theirs.state_dict(), bert_seq2seq_config(theirs.config.to_dict()))


def bert_seq2seq_config(published: dict[str, Any]) -> Seq2SeqConfig:
    encoder = bert_stack_config(published)
    decoder = replace(encoder, n_layers=2, causal=True, cross_attention=True)
    return Seq2SeqConfig(
        published["vocab_size"], encoder, decoder, tie_lm_head=True, lm_head_bias=True, copy_head=True
    )


def ragged(lengths: Sequence[int], seed: int, *, left: bool = False) -> tuple[Tensor, Tensor]:
    """Random token ids without special ones, padded with 0 to the longest, and their mask."""
    generator = torch.Generator().manual_seed(seed)
    width = max(lengths)
    token_ids = torch.zeros(len(lengths), width, dtype=torch.long)
    mask = torch.zeros_like(token_ids)
    for row, length in enumerate(lengths):
        place = slice(width - length, width) if left else slice(0, length)
        token_ids[row, place] = torch.randint(3, VOCABULARY, (length,), generator=generator)
        mask[row, place] = 1
    return token_ids, mask


def until(row: list[int], end: int) -> list[int]:
    """The row up to and without its first end token."""
    return row[: row.index(end)] if end in row else row
