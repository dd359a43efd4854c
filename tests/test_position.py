"""Positions against their definitions and `transformers`."""

import math
from dataclasses import replace

import pytest
import torch
from torch import Tensor
from transformers.models.llama.configuration_llama import LlamaConfig
from transformers.models.llama.modeling_llama import LlamaRotaryEmbedding, apply_rotary_pos_emb
from transformers.models.t5.modeling_t5 import T5Attention

from leximind.model.config import StackConfig
from leximind.model.position import (
    ALiBi,
    PositionEmbedding,
    T5RelativeBias,
    alibi_slopes,
    rotary_angles,
    rotate,
    sinusoids,
)

torch.set_num_threads(1)

SMALL = StackConfig(n_layers=1, d_model=32, n_heads=4, n_kv_heads=4, d_head=8, d_ff=48)


def noise(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize(("n_buckets", "max_distance"), [(32, 128), (16, 20), (8, 64)])
def test_t5_buckets(causal: bool, n_buckets: int, max_distance: int) -> None:
    bias = T5RelativeBias(replace(SMALL, causal=causal, n_buckets=n_buckets, max_distance=max_distance))
    distance = torch.arange(-700, 701)
    expected = T5Attention._relative_position_bucket(distance, not causal, n_buckets, max_distance)
    assert torch.equal(bias.bucket(distance), expected)


def test_t5_bias_of_one_query_is_a_row_of_the_whole() -> None:
    bias = T5RelativeBias(replace(SMALL, causal=True))
    whole = bias(torch.arange(40), 40)
    assert whole.shape == (1, 4, 40, 40)
    assert torch.equal(bias(torch.tensor([39]), 40), whole[:, :, 39:])


@pytest.mark.parametrize(
    ("n_heads", "exponents"),
    [
        (1, [8]),
        (8, [1, 2, 3, 4, 5, 6, 7, 8]),
        (16, [i / 2 for i in range(1, 17)]),
        (12, [1, 2, 3, 4, 5, 6, 7, 8, 0.5, 1.5, 2.5, 3.5]),
    ],
)
def test_alibi_slopes(n_heads: int, exponents: list[float]) -> None:
    expected = torch.tensor([2.0**-exponent for exponent in exponents])
    torch.testing.assert_close(alibi_slopes(n_heads), expected)


def test_alibi_grows_with_distance() -> None:
    bias = ALiBi(replace(SMALL, position="alibi", n_heads=2, n_kv_heads=2))(torch.arange(3), 3)
    distance = torch.tensor([[0.0, 1, 2], [1, 0, 1], [2, 1, 0]])
    torch.testing.assert_close(bias, torch.stack((-distance / 16, -distance / 256))[None])


@pytest.mark.parametrize("theta", [10_000.0, 500.0])
def test_rotary(theta: float) -> None:
    config = LlamaConfig(
        hidden_size=32, num_attention_heads=4, head_dim=8,
        rope_parameters={"rope_type": "default", "rope_theta": theta},
    )  # fmt: skip
    queries, keys, positions = noise(2, 4, 9, 8), noise(2, 4, 9, 8, seed=1), torch.arange(3, 12)
    cos, sin = LlamaRotaryEmbedding(config)(queries, positions[None])
    expected = apply_rotary_pos_emb(queries, keys, cos, sin)
    angles = rotary_angles(positions, 8, theta)
    for ours, theirs in zip((rotate(queries, angles), rotate(keys, angles)), expected, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-5)


@pytest.mark.parametrize("d_model", [8, 7])
def test_sinusoids(d_model: int) -> None:
    table = sinusoids(torch.tensor([0, 1, 50]), d_model)
    for row, position in enumerate((0, 1, 50)):
        for place in range(d_model):
            angle = position / 10_000 ** (2 * (place // 2) / d_model)
            wanted = math.cos(angle) if place % 2 else math.sin(angle)
            assert float(table[row, place]) == pytest.approx(wanted, abs=1e-5)


def test_learned_positions_are_looked_up() -> None:
    part = PositionEmbedding(replace(SMALL, position="learned"))
    assert torch.equal(part(torch.tensor([5, 6])), part.table[5:7])
