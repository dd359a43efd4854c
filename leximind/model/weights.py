"""Published weights into our modules: T5/FLAN-T5, BERT/MiniLM, LLaMA.

Each family is a dozen patterns. Every key of the source must match one and every weight of ours must be
filled, or loading raises with the key's name.
"""

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, TypeVar

import torch
from torch import Tensor

from leximind.errors import ModelError
from leximind.model.checkpoint import check_keys
from leximind.model.config import LMConfig, Seq2SeqConfig, StackConfig
from leximind.model.lm import CausalLM
from leximind.model.seq2seq import Seq2Seq

M = TypeVar("M", bound=torch.nn.Module)

# Pattern of the source's key -> our key, or None for a key that holds nothing we need.
KeyMap = Mapping[str, str | None]

T5_KEYS: KeyMap = {
    r"shared\.weight": "embedding.weight",
    r"(encoder|decoder)\.embed_tokens\.weight": None,  # the same tensor as shared.weight
    r"lm_head\.weight": "lm_head.weight",
    r"(encoder|decoder)\.block\.0\.layer\.0\.SelfAttention\.relative_attention_bias\.weight": (
        r"\1.bias.bias.weight"
    ),
    r"(encoder|decoder)\.block\.(\d+)\.layer\.0\.SelfAttention\.([qkvo])\.weight": (
        r"\1.blocks.\2.self_attention.\3.weight"
    ),
    r"(encoder|decoder)\.block\.(\d+)\.layer\.0\.layer_norm\.weight": r"\1.blocks.\2.self_norm.weight",
    r"decoder\.block\.(\d+)\.layer\.1\.EncDecAttention\.([qkvo])\.weight": (
        r"decoder.blocks.\1.cross_attention.\2.weight"
    ),
    r"decoder\.block\.(\d+)\.layer\.1\.layer_norm\.weight": r"decoder.blocks.\1.cross_norm.weight",
    r"encoder\.block\.(\d+)\.layer\.1\.layer_norm\.weight": r"encoder.blocks.\1.feed_norm.weight",
    r"decoder\.block\.(\d+)\.layer\.2\.layer_norm\.weight": r"decoder.blocks.\1.feed_norm.weight",
    r"(encoder|decoder)\.block\.(\d+)\.layer\.\d\.DenseReluDense\.wi_0\.weight": (
        r"\1.blocks.\2.feed_forward.gate.weight"
    ),
    r"(encoder|decoder)\.block\.(\d+)\.layer\.\d\.DenseReluDense\.wi_1\.weight": (
        r"\1.blocks.\2.feed_forward.up.weight"
    ),
    r"(encoder|decoder)\.block\.(\d+)\.layer\.\d\.DenseReluDense\.wo\.weight": (
        r"\1.blocks.\2.feed_forward.down.weight"
    ),
    r"(encoder|decoder)\.final_layer_norm\.weight": r"\1.final_norm.weight",
}

BERT_KEYS: KeyMap = {
    r"embeddings\.word_embeddings\.weight": "embedding.weight",
    r"embeddings\.position_embeddings\.weight": "encoder.position.table",
    r"embeddings\.token_type_embeddings\.weight": "token_types",  # folded into the positions below
    r"embeddings\.LayerNorm\.(weight|bias)": r"encoder.embedding_norm.\1",
    r"embeddings\.position_ids": None,
    r"pooler\..*": None,  # mean pooling is used instead
    r"encoder\.layer\.(\d+)\.attention\.self\.(q|k|v)\w+\.(weight|bias)": (
        r"encoder.blocks.\1.self_attention.\2.\3"
    ),
    r"encoder\.layer\.(\d+)\.attention\.output\.dense\.(weight|bias)": (
        r"encoder.blocks.\1.self_attention.o.\2"
    ),
    r"encoder\.layer\.(\d+)\.attention\.output\.LayerNorm\.(weight|bias)": r"encoder.blocks.\1.self_norm.\2",
    r"encoder\.layer\.(\d+)\.intermediate\.dense\.(weight|bias)": r"encoder.blocks.\1.feed_forward.up.\2",
    r"encoder\.layer\.(\d+)\.output\.dense\.(weight|bias)": r"encoder.blocks.\1.feed_forward.down.\2",
    r"encoder\.layer\.(\d+)\.output\.LayerNorm\.(weight|bias)": r"encoder.blocks.\1.feed_norm.\2",
}

LLAMA_KEYS: KeyMap = {
    r"model\.embed_tokens\.weight": "embedding.weight",
    r"lm_head\.weight": "lm_head.weight",
    r"model\.norm\.weight": "stack.final_norm.weight",
    r"model\.layers\.(\d+)\.self_attn\.([qkvo])_proj\.weight": r"stack.blocks.\1.self_attention.\2.weight",
    r"model\.layers\.(\d+)\.mlp\.(gate|up|down)_proj\.weight": r"stack.blocks.\1.feed_forward.\2.weight",
    r"model\.layers\.(\d+)\.input_layernorm\.weight": r"stack.blocks.\1.self_norm.weight",
    r"model\.layers\.(\d+)\.post_attention_layernorm\.weight": r"stack.blocks.\1.feed_norm.weight",
    r"model\.layers\.(\d+)\.self_attn\.rotary_emb\.inv_freq": None,  # a constant, computed here
}


def rename(state: Mapping[str, Tensor], keys: KeyMap) -> dict[str, Tensor]:
    """Translate a published state's keys into ours.

    Raises:
        ModelError: a key matches no pattern.
    """
    renamed: dict[str, Tensor] = {}
    for name, value in state.items():
        for pattern, target in keys.items():
            if match := re.fullmatch(pattern, name):
                if target is not None:
                    renamed[match.expand(target)] = value
                break
        else:
            raise ModelError(
                f"The checkpoint's weight {name!r} is not known to this architecture.",
                hint="Check that the checkpoint is of this family (T5 v1.1, BERT or LLaMA), and its version.",
            )
    return renamed


def pad_vocabulary(state: dict[str, Tensor], names: tuple[str, ...], vocab_size: int) -> None:
    """Append zero rows up to `vocab_size`, in place: T5's 32,100 pieces to its 32,128 embeddings.

    Raises:
        ModelError: a matrix already has more rows.
    """
    for name in names:
        if name not in state:
            continue
        matrix = state[name]
        if matrix.size(0) > vocab_size:
            raise ModelError(
                f"{name!r} has {matrix.size(0)} rows, but the configuration's vocab_size is {vocab_size}.",
                hint=f"Set vocab_size to {matrix.size(0)} or more.",
            )
        state[name] = torch.cat((matrix, matrix.new_zeros(vocab_size - matrix.size(0), matrix.size(1))))


def load_t5(state: Mapping[str, Tensor], config: Seq2SeqConfig) -> Seq2Seq:
    """A T5 v1.1 or FLAN-T5 state dict as our encoder-decoder, in evaluation mode."""
    renamed = rename(state, T5_KEYS)
    pad_vocabulary(renamed, ("embedding.weight", "lm_head.weight"), config.vocab_size)
    return _fill(Seq2Seq(config), renamed)


def load_llama(state: Mapping[str, Tensor], config: LMConfig) -> CausalLM:
    """A LLaMA state dict as our causal language model, in evaluation mode."""
    renamed = rename(state, LLAMA_KEYS)
    if config.tie_lm_head:
        renamed.pop("lm_head.weight", None)
    return _fill(CausalLM(config), renamed)


def bert_encoder_state(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """A BERT or MiniLM state dict as ``embedding.*`` and ``encoder.*`` of a `Seq2Seq`.

    Our inputs are single texts, so the vector of token type 0 is added to every position.
    """
    prefixed = {name.removeprefix("bert."): value for name, value in state.items()}
    for name in ("embeddings.position_embeddings.weight", "embeddings.token_type_embeddings.weight"):
        if name not in prefixed:
            raise ModelError(f"The checkpoint has no {name!r}; a BERT-shaped encoder was expected.")
    renamed = rename(prefixed, BERT_KEYS)
    renamed["encoder.position.table"] = renamed["encoder.position.table"] + renamed.pop("token_types")[0]
    return renamed


def load_bert(state: Mapping[str, Tensor], config: Seq2SeqConfig) -> Seq2Seq:
    """Warm-start an encoder-decoder from one BERT-shaped encoder (Rothe et al., 2020).

    The decoder takes its self-attention, feed-forward and positions from evenly spread encoder blocks;
    its cross-attention and the copy head stay fresh.
    """
    source = bert_encoder_state(state)
    model = Seq2Seq(config)
    blocks = torch.linspace(0, config.encoder.n_layers - 1, config.decoder.n_layers).round().long().tolist()
    filled = dict(source)
    for name in model.state_dict():
        if name in source or not name.startswith(("decoder.", "copy_head.", "lm_")):
            continue  # what the encoder lacks is not made up here, but found missing below
        twin = re.sub(r"^decoder\.blocks\.(\d+)", lambda m: f"encoder.blocks.{blocks[int(m[1])]}", name)
        twin = re.sub(r"^decoder\.", "encoder.", twin)
        filled[name] = source.get(twin, model.state_dict()[name]).clone()
    return _fill(model, filled)


def _fill(model: M, state: dict[str, Tensor]) -> M:
    check_keys(model, state)
    model.load_state_dict(state)
    return model.eval()


class _Published(dict[str, Any]):
    """A published ``config.json``; a field that is missing or that we cannot follow raises."""

    def __missing__(self, name: str) -> Any:
        raise ModelError(f"The published configuration has no {name!r}.")

    def expect(self, name: str, default: object, wanted: object) -> None:
        if (given := self.get(name, default)) != wanted:
            raise ModelError(f"{name} is {given!r}, but only {wanted!r} is supported.")


def t5_config(published: Mapping[str, Any]) -> Seq2SeqConfig:
    """Our configuration for a published T5 v1.1 or FLAN-T5 ``config.json``.

    Raises:
        ModelError: a field is missing, or it is a T5 1.0 (plain ReLU, or an LM head that is scaled).
    """
    published = _Published(published)
    published.expect("feed_forward_proj", "relu", "gated-gelu")
    # Written by transformers 5; before, a tied head was the sign of one that is scaled.
    published.expect("scale_decoder_outputs", published.get("tie_word_embeddings", True), False)
    encoder = StackConfig(
        n_layers=published["num_layers"], d_model=published["d_model"], n_heads=published["num_heads"],
        n_kv_heads=published["num_heads"], d_head=published["d_kv"], d_ff=published["d_ff"],
        norm_eps=published["layer_norm_epsilon"], scale_attention=False, dropout=published["dropout_rate"],
        n_buckets=published["relative_attention_num_buckets"],
        max_distance=published.get("relative_attention_max_distance", 128),
    )  # fmt: skip
    n_decoder_layers = published.get("num_decoder_layers") or published["num_layers"]
    decoder = replace(encoder, n_layers=n_decoder_layers, causal=True, cross_attention=True)
    return Seq2SeqConfig(published["vocab_size"], encoder, decoder)


def llama_config(published: Mapping[str, Any]) -> LMConfig:
    """Our configuration for a published LLaMA ``config.json``. Raises ModelError where we differ."""
    published = _Published(published)
    published.expect("hidden_act", "silu", "silu")
    n_heads = published["num_attention_heads"]
    rope = published.get("rope_parameters") or published.get("rope_scaling") or {}
    if rope.get("rope_type", "default") != "default":
        raise ModelError(f"rope_type is {rope['rope_type']!r}, but only 'default' is supported.")
    stack = StackConfig(
        n_layers=published["num_hidden_layers"], d_model=published["hidden_size"], n_heads=n_heads,
        n_kv_heads=published.get("num_key_value_heads") or n_heads,
        d_head=published.get("head_dim") or published["hidden_size"] // n_heads,
        d_ff=published["intermediate_size"], norm_eps=published["rms_norm_eps"], feed_forward="swiglu",
        position="rope", causal=True, n_positions=published["max_position_embeddings"],
        rope_theta=rope.get("rope_theta") or published.get("rope_theta", 10_000.0),
    )  # fmt: skip
    return LMConfig(
        published["vocab_size"], stack, tie_lm_head=published.get("tie_word_embeddings", False),
        pad_token_id=published.get("pad_token_id") or 0, eos_token_id=published["eos_token_id"],
    )  # fmt: skip


def bert_stack_config(published: Mapping[str, Any]) -> StackConfig:
    """Our encoder stack for a published BERT ``config.json``. Raises ModelError where we differ."""
    published = _Published(published)
    published.expect("hidden_act", "gelu", "gelu")
    n_heads, d_model = published["num_attention_heads"], published["hidden_size"]
    return StackConfig(
        n_layers=published["num_hidden_layers"], d_model=d_model, n_heads=n_heads, n_kv_heads=n_heads,
        d_head=d_model // n_heads, d_ff=published["intermediate_size"], norm="layer",
        norm_eps=published["layer_norm_eps"], norm_first=False, feed_forward="gelu", position="learned",
        bias=True, embedding_norm=True, final_norm=False, dropout=published["hidden_dropout_prob"],
        n_positions=published["max_position_embeddings"],
    )  # fmt: skip
