"""Norms, feed-forward networks and the LoRA linear."""

import math
from collections.abc import Sequence

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
        if x.dtype == torch.float32 and not (x.is_cuda or torch.is_grad_enabled()):
            scale = x.square().mean(-1, keepdim=True).add_(self.eps).rsqrt_()
            return (x * scale).mul_(self.weight)  # the same in place
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

    joined: nn.Linear | None

    def __init__(self, config: StackConfig) -> None:
        super().__init__()
        self.kind = config.feed_forward
        self.is_gated = self.kind in ("gated_gelu", "swiglu")
        if self.is_gated:
            self.gate = nn.Linear(config.d_model, config.d_ff, bias=config.bias)
        self.up = nn.Linear(config.d_model, config.d_ff, bias=config.bias)
        self.down = nn.Linear(config.d_ff, config.d_model, bias=config.bias)
        self.dropout = nn.Dropout(config.dropout)
        self.joined = None

    def fuse(self) -> None:
        """Join gate and up projection into one product, for inference; not to be undone."""
        if self.is_gated:
            self.joined = join_linears([self.gate, self.up])
            del self.gate, self.up

    def forward(self, x: Tensor) -> Tensor:
        """(B, T, D) to (B, T, D)."""
        if self.is_gated:
            gate, up = (self.gate(x), self.up(x)) if self.joined is None else self.joined(x).chunk(2, dim=-1)
            hidden = (F.silu(gate) if self.kind == "swiglu" else F.gelu(gate, approximate="tanh")) * up
        elif self.kind == "gelu":
            hidden = F.gelu(self.up(x))
        else:
            hidden = F.relu(self.up(x))
        return self.down(self.dropout(hidden))  # type: ignore[no-any-return]


def join_linears(parts: Sequence[nn.Linear]) -> nn.Linear:
    """One linear whose output is that of several over the same input, side by side."""
    has_bias = parts[0].bias is not None
    d_out = sum(part.out_features for part in parts)
    joined = nn.Linear(parts[0].in_features, d_out, bias=has_bias, device="meta")
    for name in ("weight", "bias", "scale"):  # a scale belongs to weights that are as they were stored
        if isinstance(getattr(parts[0], name, None), Tensor):
            rows = torch.cat([getattr(part, name).detach() for part in parts])
            setattr(joined, name, nn.Parameter(rows, requires_grad=False))
    return joined


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
