"""Positions, attention, blocks and stacks, each against its definition or `transformers`."""

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from leximind.errors import InputError, ModelError
from leximind.model.attention import Attention, causal_mask, padding_mask
from leximind.model.cache import KVCache
from leximind.model.config import Position, StackConfig
from leximind.model.layers import RMSNorm
from leximind.model.stack import Stack

torch.set_num_threads(1)

SMALL = StackConfig(n_layers=3, d_model=32, n_heads=4, n_kv_heads=4, d_head=8, d_ff=48)
POSITIONS: tuple[Position, ...] = ("t5_bias", "rope", "alibi", "sinusoidal", "learned", "none")


def noise(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def stack(config: StackConfig, seed: int = 0) -> Stack:
    """With weights large enough for differences to show."""
    torch.manual_seed(seed)
    made = Stack(config)
    with torch.no_grad():
        for weight in made.parameters():
            weight.add_(torch.randn_like(weight) * 0.1)
    return made.eval()


@pytest.mark.parametrize("kind", ["learned", "sinusoidal"])
def test_too_long_an_input_is_refused(kind: Position) -> None:
    model = stack(replace(SMALL, position=kind, causal=True, n_positions=10))
    assert model(noise(1, 10, 32)).shape == (1, 10, 32)
    with pytest.raises(InputError, match="has 11 tokens, but this model reads 10 at once"):
        model(noise(1, 11, 32))
    cache = KVCache.empty(3)
    model(noise(1, 10, 32), cache=cache)
    with pytest.raises(InputError, match="has 11 tokens"):
        model(noise(1, 1, 32), cache=cache)


@pytest.mark.parametrize("kind", ["t5_bias", "rope", "alibi", "none"])
def test_other_positions_limit_no_length(kind: Position) -> None:
    model = stack(replace(SMALL, position=kind, n_positions=10))
    assert torch.isfinite(model(noise(1, 300, 32))).all()


def test_rms_norm_is_computed_in_fp32() -> None:
    norm = RMSNorm(16, 1e-6)
    x = noise(2, 3, 16) * 300  # the squares overflow fp16
    expected = x.half().float() / x.half().float().square().mean(-1, keepdim=True).sqrt()
    torch.testing.assert_close(norm.half()(x.half()).float(), expected, rtol=0, atol=2e-3)


@pytest.mark.parametrize("causal", [False, True])
def test_grouped_query_equals_repeated_heads(causal: bool) -> None:
    torch.manual_seed(0)
    grouped, full = Attention(replace(SMALL, n_kv_heads=2)), Attention(SMALL)
    state = grouped.state_dict()
    for name in ("k", "v"):
        heads = state[f"{name}.weight"].view(2, 8, 32)
        state[f"{name}.weight"] = heads.repeat_interleave(2, dim=0).reshape(32, 32)
    full.load_state_dict(state)
    x = noise(2, 7, 32)
    mask = causal_mask(7, 7, torch.float32, x.device) if causal else None
    torch.testing.assert_close(grouped(x, mask=mask), full(x, mask=mask), rtol=0, atol=1e-6)


def test_attention_against_its_formula() -> None:
    torch.manual_seed(0)
    part = Attention(SMALL)
    x, mask = noise(2, 5, 32), padding_mask(torch.tensor([[1] * 5, [1, 1, 1, 0, 0]]), torch.float32)
    queries, keys, values = (f(x).view(2, 5, 4, 8).transpose(1, 2) for f in (part.q, part.k, part.v))
    weights = (queries @ keys.transpose(2, 3) / 8**0.5 + mask).softmax(-1)
    assert float(weights[1, :, :, 3:].detach().abs().max()) == 0
    expected = part.o((weights @ values).transpose(1, 2).reshape(2, 5, 32))
    torch.testing.assert_close(part(x, mask=mask), expected, rtol=0, atol=1e-6)
    unscaled = Attention(replace(SMALL, scale_attention=False))
    unscaled.load_state_dict(part.state_dict())
    assert unscaled.scale == 1 and not torch.allclose(unscaled(x, mask=mask), expected, atol=1e-3)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
def test_a_row_with_nothing_to_attend_to_stays_finite(dtype: torch.dtype) -> None:
    mask = padding_mask(torch.zeros(1, 4), dtype) + causal_mask(4, 4, dtype, torch.device("cpu"))
    assert torch.isfinite(mask).all()
    assert torch.isfinite(stack(replace(SMALL, causal=True))(noise(1, 4, 32), torch.zeros(1, 4))).all()


@pytest.mark.parametrize("kind", POSITIONS)
def test_the_future_does_not_matter(kind: Position) -> None:
    model = stack(replace(SMALL, position=kind, causal=True))
    x = noise(1, 9, 32)
    changed = torch.cat((x[:, :5], noise(1, 4, 32, seed=1)), dim=1)
    first, second = model(x), model(changed)
    torch.testing.assert_close(first[:, :5], second[:, :5], rtol=0, atol=1e-6)
    assert not torch.allclose(first[:, 5:], second[:, 5:], atol=1e-2)
    seeing = stack(replace(SMALL, position=kind))
    assert not torch.allclose(seeing(x)[:, :5], seeing(changed)[:, :5], atol=1e-2)


@pytest.mark.parametrize("norm_first", [True, False])
@pytest.mark.parametrize("kind", POSITIONS)
def test_cached_equals_uncached_for_every_position(kind: Position, norm_first: bool) -> None:
    model = stack(replace(SMALL, position=kind, causal=True, norm_first=norm_first, n_kv_heads=2))
    x, cache = noise(2, 9, 32), KVCache.empty(3)
    steps = [model(part, cache=cache) for part in x.split([4, 1, 1, 3], dim=1)]
    torch.testing.assert_close(torch.cat(steps, dim=1), model(x), rtol=0, atol=1e-5)


def test_a_stack_and_its_memory_must_fit() -> None:
    with pytest.raises(ModelError, match="needs an encoder output"):
        stack(replace(SMALL, cross_attention=True))(noise(1, 2, 32))
    with pytest.raises(ModelError, match="takes no encoder output"):
        stack(SMALL)(noise(1, 2, 32), memory=noise(1, 3, 32))


def test_gradient_checkpointing_changes_no_gradient() -> None:
    model = stack(replace(SMALL, causal=True, cross_attention=True, dropout=0.2)).train()
    gradients = []
    for model.gradient_checkpointing in (False, True):
        torch.manual_seed(3)
        model.zero_grad()
        model(noise(2, 6, 32), memory=noise(2, 4, 32, seed=1)).square().sum().backward()
        gradients.append({name: weight.grad.clone() for name, weight in model.named_parameters()})
    assert set(gradients[0]) == set(dict(model.named_parameters()))
    for name, gradient in gradients[0].items():
        assert gradient.abs().sum() > 0, name
        assert torch.equal(gradient, gradients[1][name]), name


@pytest.mark.parametrize("n_layers", [0, 1, 3])
def test_freeze(n_layers: int) -> None:
    config = replace(SMALL, norm="layer", position="learned", embedding_norm=True, bias=True)
    model = stack(config)
    model.freeze(n_layers)
    frozen = {name for name, weight in model.named_parameters() if not weight.requires_grad}
    wanted = tuple(f"blocks.{i}." for i in range(n_layers))
    wanted += ("position.", "embedding_norm.") if n_layers else ()
    assert frozen == {name for name, _ in model.named_parameters() if wanted and name.startswith(wanted)}


@pytest.mark.parametrize("n_layers", [-1, 4])
def test_freezing_blocks_that_are_not_there(n_layers: int) -> None:
    with pytest.raises(ModelError, match=f"{n_layers} layers were to be frozen, but the stack has 3"):
        stack(SMALL).freeze(n_layers)
