"""Where a token stands: T5 relative bias, ALiBi, rotary, sinusoidal, learned.

Biases are added to attention scores, rotations act on queries and keys, embeddings are added to the input.
"""

import math

import torch
from torch import Tensor, nn

from leximind.errors import InputError
from leximind.model.config import StackConfig


class T5RelativeBias(nn.Module):
    """One learned scalar a head and distance bucket, shared by all blocks (Raffel et al., 2020).

    Half of the buckets are exact distances, the other half grow logarithmically up to `max_distance`.
    """

    def __init__(self, config: StackConfig) -> None:
        super().__init__()
        self.bidirectional = not config.causal
        self.n_buckets, self.max_distance = config.n_buckets, config.max_distance
        self.bias = nn.Embedding(config.n_buckets, config.n_heads)

    def bucket(self, distance: Tensor) -> Tensor:
        """Bucket of ``key position - query position``, any shape."""
        n_buckets, offset = self.n_buckets, torch.zeros_like(distance)
        if self.bidirectional:
            n_buckets //= 2
            offset = (distance > 0).long() * n_buckets
            distance = distance.abs()
        else:
            distance = (-distance).clamp(min=0)
        n_exact = n_buckets // 2
        growth = torch.log(distance.clamp(min=1).float() / n_exact) / math.log(self.max_distance / n_exact)
        large = n_exact + (growth * (n_buckets - n_exact)).long()
        return offset + torch.where(distance < n_exact, distance, large.clamp(max=n_buckets - 1))

    def forward(self, queries: Tensor, n_keys: int) -> Tensor:
        """Query positions (Tq,) and a number of keys to a bias (1, H, Tq, Tk)."""
        distance = torch.arange(n_keys, device=queries.device)[None, :] - queries[:, None]
        return self.bias(self.bucket(distance)).permute(2, 0, 1)[None]  # type: ignore[no-any-return]


class ALiBi(nn.Module):
    """A linear penalty on distance with a fixed slope a head (Press et al., 2022)."""

    slopes: Tensor

    def __init__(self, config: StackConfig) -> None:
        super().__init__()
        self.n_heads = config.n_heads
        self.reset_constants()

    def reset_constants(self) -> None:
        self.register_buffer("slopes", alibi_slopes(self.n_heads), persistent=False)

    def forward(self, queries: Tensor, n_keys: int) -> Tensor:
        """Query positions (Tq,) and a number of keys to a bias (1, H, Tq, Tk)."""
        distance = torch.arange(n_keys, device=queries.device)[None, :] - queries[:, None]
        return -(self.slopes[:, None, None] * distance.abs())[None]


def alibi_slopes(n_heads: int) -> Tensor:
    """The geometric slopes of the paper, interleaved from the next power of two where needed; (H,)."""

    def power_of_two(n: int) -> list[float]:
        return [2.0 ** (-8.0 * (i + 1) / n) for i in range(n)]

    closest = 2 ** math.floor(math.log2(n_heads))
    extra = power_of_two(2 * closest)[0::2][: n_heads - closest]
    return torch.tensor(power_of_two(closest) + extra)


def rotary_angles(positions: Tensor, d_head: int, theta: float) -> tuple[Tensor, Tensor]:
    """Cosines and sines (T, d_head) of rotary positions (Su et al., 2021), in LLaMA's half-split order."""
    frequency = theta ** (-torch.arange(0, d_head, 2, device=positions.device).float() / d_head)
    angle = positions.float()[:, None] * frequency
    angle = torch.cat((angle, angle), dim=-1)
    return angle.cos(), angle.sin()


def rotate(x: Tensor, angles: tuple[Tensor, Tensor]) -> Tensor:
    """Turn queries or keys (B, H, T, d_head) by their positions' angles."""
    cos, sin = (part.to(x.dtype) for part in angles)
    first, second = x.chunk(2, dim=-1)
    return x * cos + torch.cat((-second, first), dim=-1) * sin


class PositionEmbedding(nn.Module):
    """Learned (Gehring et al., 2017) or sinusoidal (Vaswani et al., 2017) vectors added to the input."""

    table: Tensor

    def __init__(self, config: StackConfig) -> None:
        super().__init__()
        self.n_positions, self.d_model = config.n_positions, config.d_model
        self.learned = config.position == "learned"
        if self.learned:
            self.table = nn.Parameter(torch.empty(config.n_positions, config.d_model))
            nn.init.normal_(self.table, std=0.02)
        else:
            self.reset_constants()

    def reset_constants(self) -> None:
        if not self.learned:
            table = sinusoids(torch.arange(self.n_positions), self.d_model)
            self.register_buffer("table", table, persistent=False)

    def forward(self, positions: Tensor) -> Tensor:
        """Positions, any shape, to vectors (..., D). Raises InputError beyond `n_positions`."""
        if positions.numel() and int(positions.max()) >= self.n_positions:
            n_tokens = int(positions.max()) + 1
            raise InputError(
                f"The input has {n_tokens} tokens, but this model reads {self.n_positions} at once.",
                hint="Split the text into passages first.",
            )
        return self.table[positions]


def sinusoids(positions: Tensor, d_model: int) -> Tensor:
    """(T,) to (T, D): sines in the even places, cosines in the odd ones."""
    frequency = torch.exp(torch.arange(0, d_model, 2).float() * (-math.log(10_000.0) / d_model))
    angle = positions.float()[:, None] * frequency
    return torch.stack((angle.sin(), angle.cos()), dim=-1).flatten(1)[:, :d_model]
