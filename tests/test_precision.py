"""Fewer bits for inference: the same answers within what the bits allow, whatever else is in the batch."""

import copy
from pathlib import Path
from typing import Any, get_args

import pytest
import torch
from torch import Tensor, nn

from leximind.errors import ModelError
from leximind.inference.generate import GenerationConfig, LMStepper, Seq2SeqStepper, generate
from leximind.model.precision import Bfloat16Linear, Int8Linear, Precision, optimise
from leximind.model.stack import Block
from tests import peers
from tests.models import tiny_analyzer

# How far scores may be from those in fp32, as a share of their spread.
ALLOWED = {"float32": 1e-5, "bfloat16": 0.03, "int8": 0.06}


def scores_of(model: Any, family: str) -> Tensor:
    token_ids, mask = peers.ragged([9, 4, 7], seed=3)
    with torch.inference_mode():
        if family == "llama":
            return model(token_ids)  # type: ignore[no-any-return]
        return model(token_ids, token_ids[:, :5], mask)  # type: ignore[no-any-return]


@pytest.mark.parametrize("precision", get_args(Precision))
@pytest.mark.parametrize("family", ["t5", "bert", "llama"])
def test_scores_stay_close(family: str, precision: Precision) -> None:
    _, model = getattr(peers, family)(seed=1)
    with torch.no_grad():  # weights made to tell mistakes apart make much of rounding, too
        for block in (part for part in model.modules() if isinstance(part, Block)):
            for weight in block.parameters():
                weight.mul_(0.4 if weight.ndim > 1 else 1.0)
    expected = scores_of(model, family)
    given = scores_of(optimise(copy.deepcopy(model), precision), family)
    assert (given - expected).norm() <= ALLOWED[precision] * (expected - expected.mean()).norm()
    assert precision == "float32" or not torch.equal(given, expected)


@pytest.mark.parametrize("precision", ["bfloat16", "int8"])
def test_every_linear_of_the_blocks_is_swapped_and_no_other(precision: Precision) -> None:
    model = optimise(copy.deepcopy(tiny_analyzer().model), precision)
    kind = Int8Linear if precision == "int8" else Bfloat16Linear
    plain = {name for name, part in model.named_modules() if type(part) is nn.Linear}
    swapped = {name for name, part in model.named_modules() if isinstance(part, kind)}
    assert all(".blocks." not in name for name in plain)
    assert any(name.startswith("heads.emotion") for name in plain)
    assert "backbone.lm_head" in swapped
    assert "backbone.encoder.blocks.0.self_attention.joined" in swapped


def test_eight_bits_keep_a_token_apart_from_its_neighbours() -> None:
    generator = torch.Generator().manual_seed(0)
    weight, bias = torch.randn(24, 32, generator=generator), torch.randn(24, generator=generator)
    linear = Int8Linear(weight, bias)
    x = torch.randn(5, 32, generator=generator) * torch.tensor([[1.0], [1000.0], [1e-6], [0.0], [3.0]])
    together, alone = linear(x), torch.cat([linear(row[None]) for row in x])
    assert torch.equal(together, alone)
    expected = torch.nn.functional.linear(x, weight, bias)
    error = (together - expected).norm(dim=1) / (expected - bias).norm(dim=1).clamp(min=1e-9)
    assert error.max() < 0.02  # one scale for all rows would lose the small ones wholly
    assert torch.equal(together[3], bias)


@pytest.mark.parametrize("precision", ["float32", "int8"])
@pytest.mark.parametrize("n_beams", [1, 3])
def test_the_cache_changes_no_token(precision: Precision, n_beams: int) -> None:
    _, model = peers.t5(seed=2)
    optimise(model, precision)
    token_ids, mask = peers.ragged([9, 4, 7], seed=3)
    with torch.inference_mode():
        memory = model.encode(token_ids, mask)
    config = GenerationConfig(max_length=80, min_length=80, n_beams=n_beams)  # past the cache's first room
    start = torch.zeros(3, 1, dtype=torch.long)
    cached, uncached = (
        generate(Seq2SeqStepper(model, memory, cached=cached), start, config) for cached in (True, False)
    )
    assert cached == uncached
    assert len({tuple(row) for row in cached}) > 1


def test_a_language_model_writes_the_same_when_fused() -> None:
    _, model = peers.llama(seed=4)
    start = torch.tensor([[5, 6, 7]])
    config = GenerationConfig(max_length=70, min_length=70)
    expected = generate(LMStepper(model), start, config)
    assert generate(LMStepper(optimise(model)), start, config) == expected


def test_making_ready_twice_changes_nothing_more() -> None:
    _, model = peers.t5(seed=5)
    once = scores_of(optimise(model), "t5")
    assert torch.equal(scores_of(optimise(model), "t5"), once)


def test_what_is_swapped_is_not_saved(tmp_path: Path) -> None:
    model = optimise(copy.deepcopy(tiny_analyzer().model), "int8")
    with pytest.raises(ModelError, match="cannot be saved"):
        model.save_pretrained(tmp_path)


def test_an_unknown_precision_is_refused() -> None:
    with pytest.raises(ModelError, match="float32, bfloat16, int8"):
        optimise(peers.t5()[1], "int3")  # type: ignore[arg-type]
