"""What a model must compute and read whatever the engine: multiply-adds and bytes from its shape."""

from leximind.model.config import Seq2SeqConfig, StackConfig


def count_encoder(shape: StackConfig, n_tokens: int) -> int:
    """Multiply-adds of a stack without a memory that reads so many tokens at once, attention included."""
    inner = shape.n_heads * shape.d_head
    return n_tokens * (count_weights(shape) + shape.n_layers * 2 * n_tokens * inner)


def count_weights(shape: StackConfig) -> int:
    """Weights of the linears of a stack without a memory: bytes in eight bits."""
    return shape.n_layers * (4 * shape.d_model * shape.n_heads * shape.d_head + _count_feed_forward(shape))


def _count_feed_forward(shape: StackConfig) -> int:
    is_gated = shape.feed_forward in ("gated_gelu", "swiglu")
    return (2 + is_gated) * shape.d_model * shape.d_ff


def count_memory(config: Seq2SeqConfig, n_tokens: int) -> int:
    """Multiply-adds to make the decoder's keys and values of what it reads, once a text."""
    shape = config.decoder
    keys = 2 * shape.n_layers * shape.d_model * shape.n_heads * shape.d_head
    return n_tokens * (keys + config.copy_head * shape.d_model**2)


def count_step_weights(config: Seq2SeqConfig) -> int:
    """Weights that every step of writing reads once, whatever the number of beams: bytes in eight bits."""
    shape, d = config.decoder, config.decoder.d_model
    inner = shape.n_heads * shape.d_head
    block = 6 * d * inner + _count_feed_forward(shape)  # the memory's keys and values are not made anew
    return shape.n_layers * block + d * config.vocab_size + config.copy_head * (d * d + 2 * d)
