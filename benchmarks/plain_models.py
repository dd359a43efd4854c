"""The embedded model's stacks as models of ``transformers``, with the same weights; see ``plain.py``."""

import re
from typing import Any

import torch
import transformers
from torch import Tensor, nn
from transformers.modeling_outputs import CausalLMOutputWithCrossAttentions

from leximind.model.config import StackConfig
from leximind.model.multitask import MultiTask
from leximind.model.seq2seq import CopyHead, Memory

transformers.utils.logging.disable_progress_bar()

# Ours to theirs: the reverse of leximind.model.weights.BERT_KEYS, and a decoder's second attention.
KEYS = (
    (r"^position\.table$", "embeddings.position_embeddings.weight"),
    (r"^embedding_norm\.", "embeddings.LayerNorm."),
    (r"^blocks\.(\d+)\.self_attention\.q\.", r"encoder.layer.\1.attention.self.query."),
    (r"^blocks\.(\d+)\.self_attention\.k\.", r"encoder.layer.\1.attention.self.key."),
    (r"^blocks\.(\d+)\.self_attention\.v\.", r"encoder.layer.\1.attention.self.value."),
    (r"^blocks\.(\d+)\.self_attention\.o\.", r"encoder.layer.\1.attention.output.dense."),
    (r"^blocks\.(\d+)\.self_norm\.", r"encoder.layer.\1.attention.output.LayerNorm."),
    (r"^blocks\.(\d+)\.cross_attention\.q\.", r"encoder.layer.\1.crossattention.self.query."),
    (r"^blocks\.(\d+)\.cross_attention\.k\.", r"encoder.layer.\1.crossattention.self.key."),
    (r"^blocks\.(\d+)\.cross_attention\.v\.", r"encoder.layer.\1.crossattention.self.value."),
    (r"^blocks\.(\d+)\.cross_attention\.o\.", r"encoder.layer.\1.crossattention.output.dense."),
    (r"^blocks\.(\d+)\.cross_norm\.", r"encoder.layer.\1.crossattention.output.LayerNorm."),
    (r"^blocks\.(\d+)\.feed_forward\.up\.", r"encoder.layer.\1.intermediate.dense."),
    (r"^blocks\.(\d+)\.feed_forward\.down\.", r"encoder.layer.\1.output.dense."),
    (r"^blocks\.(\d+)\.feed_norm\.", r"encoder.layer.\1.output.LayerNorm."),
)


class CopyingBert(transformers.BertLMHeadModel):
    """BERT as a decoder whose head is the embedding alone, mixed with a copy of the source as ours is."""

    def __init__(self, config: Any) -> None:
        super().__init__(config)
        self.cls.predictions.transform = nn.Identity()
        self.copy_head = CopyHead(config.hidden_size)

    def forward(  # noqa: PLR0917 - generate passes them by name
        self,
        input_ids: Tensor,
        encoder_hidden_states: Tensor,
        encoder_attention_mask: Tensor,
        source_ids: Tensor,
        copy_keys: Tensor,
        logits_to_keep: int = 0,
        **options: Any,
    ) -> CausalLMOutputWithCrossAttentions:
        """Decoder inputs (B, T) to log-probabilities (B, T, V) as ``logits``."""
        seen = {
            "encoder_hidden_states": encoder_hidden_states,
            "encoder_attention_mask": encoder_attention_mask,
        }
        out = self.bert(input_ids, **seen, **options)
        hidden = out.last_hidden_state[:, -logits_to_keep:]
        memory = Memory(encoder_hidden_states, encoder_attention_mask, source_ids, copy_keys)
        logits = self.copy_head(hidden, self.cls(hidden), memory)
        return CausalLMOutputWithCrossAttentions(logits=logits, past_key_values=out.past_key_values)


class CopyingEncoderDecoder(transformers.EncoderDecoderModel):
    """The shared encoder with that decoder."""

    def __init__(self, config: Any = None, encoder: Any = None, decoder: Any = None) -> None:
        super().__init__(
            config,
            transformers.BertModel(config.encoder, add_pooling_layer=False) if encoder is None else encoder,
            CopyingBert(config.decoder) if decoder is None else decoder,
        )


def bert_config(shape: StackConfig, vocab_size: int) -> Any:
    """Our stack as theirs."""
    return transformers.BertConfig(
        vocab_size=vocab_size,
        hidden_size=shape.d_model,
        num_hidden_layers=shape.n_layers,
        num_attention_heads=shape.n_heads,
        intermediate_size=shape.d_ff,
        max_position_embeddings=shape.n_positions,
        layer_norm_eps=shape.norm_eps,
        is_decoder=shape.causal,
        add_cross_attention=shape.cross_attention,
        pad_token_id=0,
    )


def export_bert(model: MultiTask, *, branch: bool) -> Any:
    """The encoder as a ``transformers.BertModel``, or with ``branch`` the one that emotions are read with."""
    encoder = model.backbone.encoder
    config = bert_config(encoder.config, model.config.backbone.vocab_size)
    theirs = transformers.BertModel(config, add_pooling_layer=False).eval()
    state = dict(encoder.state_dict())
    if branch:
        first = encoder.config.n_layers - len(model.emotion_blocks)
        for name, value in model.emotion_blocks.state_dict().items():
            number, _, rest = name.partition(".")
            state[f"blocks.{first + int(number)}.{rest}"] = value
    _fill(theirs, state, model)
    return theirs


def export_writer(model: MultiTask) -> Any:
    """The shared encoder with the decoder as a ``transformers.EncoderDecoderModel``."""
    backbone = model.backbone
    decoder = CopyingBert(bert_config(backbone.decoder.config, model.config.backbone.vocab_size))
    writer = CopyingEncoderDecoder(encoder=export_bert(model, branch=False), decoder=decoder).eval()
    # Only now: a new model of transformers begins with fresh weights in all parts that it does not know.
    _fill(decoder.bert, backbone.decoder.state_dict(), model)
    decoder.copy_head.load_state_dict(backbone.copy_head.state_dict())
    head = decoder.cls.predictions
    with torch.no_grad():
        head.bias.copy_(backbone.lm_bias)
    head.decoder.weight, head.decoder.bias = decoder.bert.embeddings.word_embeddings.weight, head.bias
    return writer


def _fill(theirs: Any, state: dict[str, Tensor], model: MultiTask) -> None:
    """Give a ``BertModel`` the weights of a stack; all are found, and none is left over."""
    renamed = {"embeddings.word_embeddings.weight": model.backbone.embedding.weight}
    # Ours holds the vector of token type 0 in its positions.
    renamed["embeddings.token_type_embeddings.weight"] = torch.zeros(2, theirs.config.hidden_size)
    for name, value in state.items():
        for pattern, replacement in KEYS:
            if re.match(pattern, name):
                renamed[re.sub(pattern, replacement, name)] = value
    missing, unexpected = theirs.load_state_dict(renamed, strict=False)
    assert not unexpected and set(missing) <= {"embeddings.position_ids", "embeddings.token_type_ids"}, (
        missing
    )
