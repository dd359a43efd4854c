"""Frozen configurations and the named presets.

One stack, many presets: a `StackConfig` chooses norm, position, feed-forward, bias, causality and
cross-attention; the models are a vocabulary around one or two stacks.
"""

from dataclasses import dataclass, fields, replace
from typing import Any, Literal, Self, get_args

from leximind.errors import ModelError

Norm = Literal["rms", "layer"]
FeedForwardKind = Literal["gated_gelu", "swiglu", "gelu", "relu"]
Position = Literal["t5_bias", "rope", "alibi", "sinusoidal", "learned", "none"]


class _Serializable:
    """JSON round trip for frozen dataclasses; an unknown or missing field raises."""

    def to_dict(self) -> dict[str, Any]:
        return {
            f.name: value.to_dict() if isinstance(value := getattr(self, f.name), _Serializable) else value
            for f in fields(self)  # type: ignore[arg-type]
        }

    @classmethod
    def from_dict(cls, given: dict[str, Any]) -> Self:
        """Raises ModelError when a field is unknown, missing or invalid."""
        if not isinstance(given, dict):
            raise ModelError(f"{cls.__name__} is described by {given!r}, but an object was expected.")
        known = {f.name: f.type for f in fields(cls)}  # type: ignore[arg-type]
        if unknown := sorted(set(given) - set(known)):
            raise ModelError(
                f"{cls.__name__} has no field {unknown[0]!r}; it knows {', '.join(known)}.",
                hint="The configuration was written by another version; use a matching one.",
            )
        values = {
            name: kind.from_dict(value)
            if isinstance(kind := known[name], type) and issubclass(kind, _Serializable)
            else value
            for name, value in given.items()
        }
        try:
            return cls(**values)
        except TypeError as error:
            raise ModelError(f"{cls.__name__}: {error}.") from error


@dataclass(frozen=True)
class StackConfig(_Serializable):
    """A stack of identical transformer blocks.

    Attributes:
        n_kv_heads: key/value heads; fewer than `n_heads` is grouped-query attention (Ainslie et al., 2023).
        norm_first: pre-norm (T5, LLaMA) when true, post-norm (BERT) when false.
        scale_attention: divide scores by sqrt(d_head); T5 folds this into its initialisation instead.
        embedding_norm: normalise the input embeddings (BERT).
        final_norm: normalise the output (pre-norm stacks).
        n_positions: longest input for learned and sinusoidal positions; others do not limit length.
        n_buckets, max_distance: T5 relative position buckets.
    """

    n_layers: int
    d_model: int
    n_heads: int
    n_kv_heads: int
    d_head: int
    d_ff: int
    norm: Norm = "rms"
    norm_eps: float = 1e-6
    norm_first: bool = True
    feed_forward: FeedForwardKind = "gated_gelu"
    position: Position = "t5_bias"
    bias: bool = False
    causal: bool = False
    cross_attention: bool = False
    scale_attention: bool = True
    embedding_norm: bool = False
    final_norm: bool = True
    dropout: float = 0.0
    n_positions: int = 512
    n_buckets: int = 32
    max_distance: int = 128
    rope_theta: float = 10_000.0

    def __post_init__(self) -> None:
        for name, kinds in (("norm", Norm), ("feed_forward", FeedForwardKind), ("position", Position)):
            if (given := getattr(self, name)) not in (known := get_args(kinds)):
                raise ModelError(f"{name} is {given!r}, but one of {', '.join(known)} was expected.")
        if self.n_heads % self.n_kv_heads:
            raise ModelError(
                f"n_heads is {self.n_heads} and n_kv_heads is {self.n_kv_heads}, but the first must be a "
                "multiple of the second."
            )
        if self.position == "rope" and self.d_head % 2:
            raise ModelError(f"d_head is {self.d_head}, but rotary positions need an even one.")


@dataclass(frozen=True)
class Seq2SeqConfig(_Serializable):
    """An encoder and a decoder that share one embedding.

    Attributes:
        tie_lm_head: the LM head is the embedding, transposed; otherwise its own matrix (T5 v1.1).
        lm_head_bias: a bias a vocabulary entry.
        copy_head: mix generation with copying from the source (See et al., 2017).
        start_token_id: first decoder input.
    """

    vocab_size: int
    encoder: StackConfig
    decoder: StackConfig
    tie_lm_head: bool = False
    lm_head_bias: bool = False
    copy_head: bool = False
    pad_token_id: int = 0
    eos_token_id: int = 1
    start_token_id: int = 0


@dataclass(frozen=True)
class MultiTaskConfig(_Serializable):
    """A sequence-to-sequence backbone and the heads on its encoder.

    Attributes:
        n_emotion_blocks: how many of the encoder's upper blocks emotions have copies of, their own branch
            (Vandenhende et al., 2020); with 0 they read what the other tasks read.
        project_embedding: a linear map on the pooled states, also where the widths agree.
        weigh_tokens: whether rare tokens count for more in the embedding.
        topic_words: whether the topic's logits also count the text's words.
        n_selection_layers, d_selection: blocks and width of the head that chooses sentences; 0 for none.
    """

    backbone: Seq2SeqConfig
    n_emotions: int = 28
    n_topics: int = 7
    d_emotion: int = 384
    d_embedding: int = 384
    n_token_labels: int = 0
    d_projection: int = 0
    head_dropout: float = 0.1
    n_emotion_blocks: int = 0
    project_embedding: bool = False
    weigh_tokens: bool = False
    topic_words: bool = False
    n_selection_layers: int = 0
    d_selection: int = 192

    def __post_init__(self) -> None:
        n_layers = self.backbone.encoder.n_layers
        if not 0 <= self.n_emotion_blocks <= n_layers:
            raise ModelError(
                f"n_emotion_blocks is {self.n_emotion_blocks}, but 0 to {n_layers}, the encoder's blocks, "
                "was expected."
            )


@dataclass(frozen=True)
class LMConfig(_Serializable):
    """A decoder-only language model."""

    vocab_size: int
    stack: StackConfig
    tie_lm_head: bool = False
    pad_token_id: int = 0
    eos_token_id: int = 2


AnyConfig = Seq2SeqConfig | MultiTaskConfig | LMConfig


def _t5(n_layers: int, d_model: int, n_heads: int, d_ff: int) -> Seq2SeqConfig:
    """T5 v1.1 (Shazeer, 2020): gated GELU, RMSNorm, relative position bias, untied LM head."""
    encoder = StackConfig(
        n_layers, d_model, n_heads, n_heads, 64, d_ff, scale_attention=False, dropout=0.1
    )  # fmt: skip
    return Seq2SeqConfig(32_128, encoder, replace(encoder, causal=True, cross_attention=True))


def _minilm(n_encoder: int, n_decoder: int, n_emotion_blocks: int) -> MultiTaskConfig:
    """MiniLM-shaped encoder (Wang et al., 2020) and a decoder of the same shape."""
    encoder = StackConfig(
        n_encoder, 384, 12, 12, 32, 1536, norm="layer", norm_eps=1e-12, norm_first=False, feed_forward="gelu",
        position="learned", bias=True, embedding_norm=True, final_norm=False, dropout=0.1,
    )  # fmt: skip
    decoder = replace(encoder, n_layers=n_decoder, causal=True, cross_attention=True)
    # [PAD] 0, [CLS] 101, [SEP] 102 of the WordPiece vocabulary.
    backbone = Seq2SeqConfig(
        30_522, encoder, decoder, tie_lm_head=True, lm_head_bias=True, copy_head=True, eos_token_id=102,
        start_token_id=101,
    )  # fmt: skip
    return MultiTaskConfig(
        backbone, n_emotion_blocks=n_emotion_blocks, project_embedding=True, weigh_tokens=True,
        topic_words=True, n_selection_layers=2,
    )  # fmt: skip


def _lumi(n_layers: int, d_model: int, n_heads: int, n_positions: int) -> LMConfig:
    """LLaMA-shaped (Touvron et al., 2023) with 64-wide heads."""
    stack = StackConfig(
        n_layers, d_model, n_heads, n_heads, 64, 4 * d_model, norm_eps=1e-5, feed_forward="swiglu",
        position="rope", causal=True, dropout=0.1, n_positions=n_positions,
    )  # fmt: skip
    return LMConfig(32_768, stack)


PRESETS: dict[str, AnyConfig] = {
    "flan-t5-small": _t5(8, 512, 6, 1024),
    "flan-t5-base": _t5(12, 768, 12, 2048),
    "flan-t5-large": _t5(24, 1024, 16, 2816),
    "leximind-base": MultiTaskConfig(_t5(12, 768, 12, 2048), d_embedding=768),
    "leximind-large": MultiTaskConfig(_t5(24, 1024, 16, 2816), d_embedding=1024),
    "leximind-mini": _minilm(6, 4, 4),
    "leximind-small": _minilm(12, 6, 6),
    "lumi-tiny": _lumi(6, 256, 4, 1024),
    "lumi-small": _lumi(12, 512, 8, 1024),
    "lumi-base": _lumi(24, 768, 12, 2048),
}


def preset(name: str) -> AnyConfig:
    """The configuration of this name. Raises ModelError for a name there is none of."""
    try:
        return PRESETS[name]
    except KeyError:
        raise ModelError(f"No preset is called {name!r}; there are {', '.join(PRESETS)}.") from None
