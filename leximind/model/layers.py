"""Norms, feed-forward networks and the LoRA linear."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from leximind.model.config import StackConfig


class RMSNorm(nn.Module):
    """x / sqrt(mean(x^2) + eps) * weight, computed in fp32 (Zhang and Sennrich, 2019)."""

    def __init__(self, d_model: int, eps: float) -> None:
        super().__init__()
        self.eps = eps
        self.weight = nn.Parameter(torch.ones(d_model))

    def forward(self, x: Tensor) -> Tensor:
        wide = x.float()
        scale = torch.rsqrt(wide.square().mean(-1, keepdim=True) + self.eps)
        return (wide * scale).to(x.dtype) * self.weight


def make_norm(config: StackConfig) -> nn.Module:
    if config.norm == "rms":
        return RMSNorm(config.d_model, config.norm_eps)
    return nn.LayerNorm(config.d_model, config.norm_eps)


class FeedForward(nn.Module):
    """One hidden layer, gated (GEGLU, SwiGLU: Shazeer, 2020) or plain.

    ``gated_gelu`` uses the tanh approximation, as T5 v1.1 does; ``gelu`` is exact, as in BERT.
    """

    def __init__(self, config: StackConfig) -> None:
        super().__init__()
        self.kind = config.feed_forward
        if self.kind in ("gated_gelu", "swiglu"):
            self.gate = nn.Linear(config.d_model, config.d_ff, bias=config.bias)
        self.up = nn.Linear(config.d_model, config.d_ff, bias=config.bias)
        self.down = nn.Linear(config.d_ff, config.d_model, bias=config.bias)
        self.dropout = nn.Dropout(config.dropout)

    def forward(self, x: Tensor) -> Tensor:
        """(B, T, D) to (B, T, D)."""
        if self.kind == "gated_gelu":
            hidden = F.gelu(self.gate(x), approximate="tanh") * self.up(x)
        elif self.kind == "swiglu":
            hidden = F.silu(self.gate(x)) * self.up(x)
        elif self.kind == "gelu":
            hidden = F.gelu(self.up(x))
        else:
            hidden = F.relu(self.up(x))
        return self.down(self.dropout(hidden))  # type: ignore[no-any-return]


class LoRALinear(nn.Module):
    """A frozen linear plus a trainable low-rank update, ``x W + (alpha / r) x A B`` (Hu et al., 2021).

    A and B are fp32 whatever the base is stored in, and start so that the update is zero.
    """

    def __init__(self, base: nn.Linear, rank: int, alpha: float, dropout: float = 0.0) -> None:
        super().__init__()
        device = base.weight.device
        self.base = base.requires_grad_(False)
        self.a = nn.Parameter(torch.empty(rank, base.in_features, device=device))
        self.b = nn.Parameter(torch.zeros(base.out_features, rank, device=device))
        self.scale = alpha / rank
        self.dropout = nn.Dropout(dropout)
        nn.init.kaiming_uniform_(self.a, a=math.sqrt(5))
        self.train(base.training)

    def forward(self, x: Tensor) -> Tensor:
        """(B, T, D) to (B, T, D_out), in the base's type."""
        out: Tensor = self.base(x)
        update = F.linear(F.linear(self.dropout(x).to(self.a.dtype), self.a), self.b)
        return out + (update * self.scale).to(out.dtype)

    def merge(self) -> nn.Linear:
        """The base with the update added into its weight, which must be in full precision."""
        with torch.no_grad():
            self.base.weight += ((self.b @ self.a) * self.scale).to(self.base.weight.dtype)
        return self.base
