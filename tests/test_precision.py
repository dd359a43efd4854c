"""Fewer bits for inference: the same answers within what the bits allow, whatever else is in the batch."""

import copy
from pathlib import Path
from typing import Any, get_args

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor, nn

import leximind.model.precision as precisions
from leximind.errors import ModelError
from leximind.inference.analyzer import LexiMind
from leximind.inference.generate import GenerationConfig, LMStepper, Seq2SeqStepper, generate
from leximind.model.checkpoint import WEIGHTS, Storage
from leximind.model.lm import CausalLM
from leximind.model.multitask import MultiTask
from leximind.model.precision import Bfloat16Linear, Int8Embedding, Int8Linear, choose, load, optimise
from leximind.model.stack import Block
from leximind.service import Service
from leximind.settings import DEFAULT_PRECISION, Precision, Settings
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


def stored(folder: Path, storage: Storage, kind: str) -> MultiTask | CausalLM:
    """A small model as it is loaded from such a file: joined, tied, branched, or gated and untied."""
    if kind == "analyzer":
        model: MultiTask | CausalLM = copy.deepcopy(tiny_analyzer().model)
    else:
        model = peers.llama(seed=6)[1]
    model.storage = storage
    model.save_pretrained(folder)
    return type(model).from_pretrained(folder)


def unpacked(model: nn.Module) -> dict[str, Tensor]:
    """The bytes and scales of each eight-bit linear, and of each embedding what is looked up."""
    found: dict[str, Tensor] = {}
    for name, part in model.named_modules():
        if isinstance(part, Int8Linear):
            rows, _ = torch.ops.quantized.linear_unpack(part.packed)
            found |= {f"{name} codes": rows.int_repr(), f"{name} scale": rows.q_per_channel_scales()}
        elif isinstance(part, Int8Embedding):
            found[name] = part(torch.arange(len(part.weight)))
        elif isinstance(part, nn.Embedding):
            found[name] = part.weight
    return found


@pytest.mark.parametrize("kind", ["analyzer", "llama"])
@pytest.mark.parametrize("storage", ["int8", "float32"])
@pytest.mark.parametrize("precision", get_args(Precision))
def test_loading_at_once_gives_the_same_bits(
    kind: str, storage: Storage, precision: Precision, tmp_path: Path
) -> None:
    plain = stored(tmp_path, storage, kind)
    long, direct = optimise(plain, precision), load(type(plain), tmp_path, precision)
    assert not direct.training
    assert not any(weight.requires_grad for weight in direct.parameters())
    expected, given = unpacked(long), unpacked(direct)
    assert list(given) == list(expected)
    for name in expected:
        assert torch.equal(given[name], expected[name]), name
    state, loaded = long.named_buffers(), dict(direct.named_buffers())
    for name, value in state:
        assert torch.equal(loaded[name], value), name
    token_ids, mask = peers.ragged([9, 4, 7], seed=3)
    with torch.inference_mode():
        if isinstance(direct, MultiTask):
            first, second = (m("summarization", token_ids, mask, token_ids[:, :5]) for m in (long, direct))
        else:
            first, second = long(token_ids), direct(token_ids)
    assert torch.equal(first, second)


def test_bytes_are_joined_and_multiplied_as_they_are_stored(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stored(tmp_path, "int8", "analyzer")
    state = load_file(tmp_path / WEIGHTS)

    def refuse(*_: object) -> None:
        raise AssertionError("weights were restored to be quantised again")

    monkeypatch.setattr(precisions, "quantise", refuse)
    model = load(MultiTask, tmp_path, "int8")
    attention = "backbone.decoder.blocks.0.self_attention"
    rows, _ = torch.ops.quantized.linear_unpack(model.get_submodule(f"{attention}.joined").packed)
    parts = [state[f"{attention}.{name}.weight"] for name in "qkv"]
    scales = [state[f"{attention}.{name}.weight.scale"][:, 0] for name in "qkv"]
    assert torch.equal(rows.int_repr(), torch.cat(parts))
    assert torch.equal(rows.q_per_channel_scales(), torch.cat(scales).double())
    assert isinstance(model.backbone.embedding, Int8Embedding)


def test_without_such_products_the_default_gives_way_and_a_name_does_not(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(*_: object) -> None:
        raise RuntimeError("Didn't find engine")

    monkeypatch.setattr(precisions, "DEFAULT_PRECISION", "int8")
    assert choose(None) == "int8"
    monkeypatch.setattr(torch.ops.quantized, "linear_prepack", refuse)
    assert choose("bfloat16") == "bfloat16"
    assert not caplog.records
    assert choose(None) == "float32"
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    with pytest.raises(ModelError, match="no eight-bit products") as caught:
        optimise(peers.t5()[1], choose("int8"))
    assert "LEXIMIND_PRECISION" in caught.value.hint


@pytest.mark.parametrize("named", [None, "int8"])
def test_the_service_serves_in_the_precision_of_the_settings(
    named: Precision | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Precision] = []

    def load_nothing(_: object, precision: Precision) -> None:
        asked.append(precision)
        raise ModelError("enough")

    monkeypatch.setattr(LexiMind, "from_pretrained", load_nothing)
    with pytest.raises(ModelError, match="enough"):
        Service.from_settings(Settings(precision=named, threads=0)).analyze("A text.")
    assert asked == [named or DEFAULT_PRECISION]
