"""LoRA adapters: trained alone, saved alone, refused by another base, merged without a trace."""

import importlib.util
import json
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from leximind.errors import ModelError
from leximind.model.adapters import (
    CONFIG,
    WEIGHTS,
    AdapterConfig,
    add_adapters,
    load_adapters,
    merge_adapters,
    save_adapters,
)
from leximind.model.config import LMConfig, MultiTaskConfig, Seq2SeqConfig, StackConfig
from leximind.model.layers import LoRALinear
from leximind.model.lm import CausalLM
from leximind.model.low_bit import quantise_base, swap_linears
from leximind.model.multitask import MultiTask
from leximind.model.seq2seq import Seq2Seq

torch.set_num_threads(1)

T5 = StackConfig(n_layers=2, d_model=16, n_heads=2, n_kv_heads=2, d_head=8, d_ff=24, scale_attention=False)
BACKBONE = Seq2SeqConfig(50, T5, replace(T5, causal=True, cross_attention=True))
TASKS = MultiTaskConfig(BACKBONE, d_emotion=12, d_embedding=16)
ATTENTIONS = (
    "encoder.blocks.{}.self_attention",
    "decoder.blocks.{}.self_attention",
    "decoder.blocks.{}.cross_attention",
)


def scatter(model: nn.Module, seed: int) -> Any:
    """Weights large enough for differences to show; in evaluation mode."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for weight in model.parameters():
            weight.add_(torch.randn(weight.shape, generator=generator) * 0.1)
    return model.eval()


def tiny(seed: int = 0) -> MultiTask:
    torch.manual_seed(seed)
    made: MultiTask = scatter(MultiTask(TASKS), seed)
    return made


def inputs() -> tuple[Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(5)
    token_ids = torch.randint(3, 50, (6, 9), generator=generator)
    mask = torch.ones_like(token_ids)
    mask[::2, 6:] = 0
    return token_ids, mask, torch.randint(3, 50, (6, 5), generator=generator)


@torch.no_grad()
def outputs(model: MultiTask) -> Tensor:
    """Every task's answers, flat."""
    token_ids, mask, decoder_ids = inputs()
    answers = [model(task, token_ids, mask) for task in ("emotion", "topic", "embedding")]
    return torch.cat(
        [part.flatten() for part in [*answers, model("summarization", token_ids, mask, decoder_ids)]]
    )


def fine_tune(model: MultiTask, steps: int = 60) -> list[float]:
    """A plain loop over emotion, topic and summary together; the loss of each step."""
    token_ids, mask, decoder_ids = inputs()
    generator = torch.Generator().manual_seed(6)
    emotions = torch.randint(0, 2, (6, 28), generator=generator).float()
    topics = torch.randint(0, 7, (6,), generator=generator)
    optimiser = torch.optim.AdamW([w for w in model.parameters() if w.requires_grad], lr=2e-2)
    losses = []
    model.train()
    torch.manual_seed(0)
    for _ in range(steps):
        scores = model("summarization", token_ids, mask, decoder_ids[:, :-1])
        loss = F.cross_entropy(scores.flatten(0, 1), decoder_ids[:, 1:].flatten())
        loss = loss + F.binary_cross_entropy_with_logits(model("emotion", token_ids, mask), emotions)
        loss = loss + F.cross_entropy(model("topic", token_ids, mask), topics)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    model.eval()
    return losses


def trained(folder: Path, config: AdapterConfig | None = None) -> tuple[MultiTask, AdapterConfig]:
    """A fine-tuned model, and its adapters in the folder."""
    model = tiny()
    config = add_adapters(model, config or AdapterConfig(rank=4, alpha=8.0, base="tiny"))
    fine_tune(model, steps=4)
    save_adapters(model, config, folder)
    return model, config


def weigh(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.iterdir())


def test_fine_tuning_learns_and_leaves_the_base_as_it_was(tmp_path: Path) -> None:
    model = tiny()
    base = {name: value.clone() for name, value in model.state_dict().items()}
    before = outputs(model)
    config = add_adapters(model, AdapterConfig(rank=4, alpha=8.0, dropout=0.05, base="tiny"))
    assert torch.equal(outputs(model), before), "an adapter starts as nothing"
    losses = fine_tune(model)
    assert losses[-1] < 0.6 * losses[0]
    assert (outputs(model) - before).abs().max() > 0.1
    for name, value in model.state_dict().items():
        original = base.get(name.replace(".base.", "."))
        if original is not None and not name.startswith("heads."):
            assert torch.equal(value, original), name
    merged_from = outputs(model)
    save_adapters(model, config, tmp_path / "adapters")
    full = tiny()
    full.save_pretrained(tmp_path / "full")
    assert {path.name for path in (tmp_path / "adapters").iterdir()} == {CONFIG, WEIGHTS}
    assert weigh(tmp_path / "adapters") < weigh(tmp_path / "full") / 2
    merge_adapters(model)
    torch.testing.assert_close(outputs(model), merged_from, rtol=0, atol=1e-5)
    assert set(model.state_dict()) == set(base)
    model.save_pretrained(tmp_path / "merged")
    again = MultiTask.from_pretrained(tmp_path / "merged")
    torch.testing.assert_close(outputs(again), merged_from, rtol=0, atol=1e-5)


def test_what_is_saved_is_adapters_and_heads_only(tmp_path: Path) -> None:
    trained(tmp_path)
    names = set(load_file(tmp_path / WEIGHTS))
    places = [form.format(i) for form in ATTENTIONS for i in range(2)]
    adapters = {f"backbone.{place}.{p}.{part}" for place in places for p in "qv" for part in "ab"}
    heads = {name for name in tiny().state_dict() if name.startswith("heads.")}
    assert names == adapters | heads
    described = json.loads((tmp_path / CONFIG).read_text())
    assert described["rank"] == 4 and described["alpha"] == 8.0 and described["base"] == "tiny"
    assert described["targets"] == ["q", "v"] and len(described["fingerprint"]) == 64


def test_loading_gives_what_was_trained_and_merging_keeps_it(tmp_path: Path) -> None:
    model, config = trained(tmp_path)
    other = tiny()
    with torch.no_grad():
        for weight in other.heads.parameters():  # fresh heads of another seed: not part of the base
            weight.normal_()
    assert load_adapters(other, tmp_path) == config
    assert torch.equal(outputs(other), outputs(model))
    merge_adapters(other)
    torch.testing.assert_close(outputs(other), outputs(model), rtol=0, atol=1e-5)


@pytest.mark.parametrize(
    ("targets", "expected"),
    [
        (("q", "v"), {f"{form.format(i)}.{p}" for form in ATTENTIONS for i in range(2) for p in "qv"}),
        (("down",), {f"{s}.blocks.{i}.feed_forward.down" for s in ("encoder", "decoder") for i in range(2)}),
        (
            ("*.decoder.*.cross_attention.[qv]", "*encoder.blocks.1.*.o"),
            {f"decoder.blocks.{i}.cross_attention.{p}" for i in range(2) for p in "qv"}
            | {"encoder.blocks.1.self_attention.o"},
        ),
        (
            ("*",),
            {f"{form.format(i)}.{p}" for form in ATTENTIONS for i in range(2) for p in "qkvo"}
            | {
                f"{s}.blocks.{i}.feed_forward.{p}"
                for s in ("encoder", "decoder")
                for i in range(2)
                for p in ("gate", "up", "down")
            },
        ),
    ],
)
def test_targets_are_chosen_by_name(targets: tuple[str, ...], expected: set[str]) -> None:
    model = tiny()
    add_adapters(model, AdapterConfig(rank=2, targets=targets))
    adapted = {name for name, part in model.named_modules() if isinstance(part, LoRALinear)}
    assert adapted == {f"backbone.{name}" for name in expected}
    asking = {name for name, weight in model.named_parameters() if weight.requires_grad}
    heads = {name for name, _ in model.named_parameters() if name.startswith("heads.")}
    assert asking == heads | {f"{name}.{part}" for name in adapted for part in "ab"}


@pytest.mark.parametrize(
    "make", [lambda: Seq2Seq(BACKBONE), lambda: CausalLM(LMConfig(50, replace(T5, causal=True)))]
)
def test_other_models_take_adapters_too(make: Callable[[], nn.Module], tmp_path: Path) -> None:
    torch.manual_seed(0)
    model = scatter(make(), 1)
    fresh = make()
    fresh.load_state_dict(model.state_dict())
    token_ids, _, decoder_ids = inputs()
    given = (token_ids, decoder_ids) if isinstance(model, Seq2Seq) else (token_ids,)
    config = add_adapters(model, AdapterConfig(rank=2, targets=("*",)))
    for _, part in model.named_modules():
        if isinstance(part, LoRALinear):
            nn.init.normal_(part.b, std=0.05)
    save_adapters(model, config, tmp_path)
    with torch.no_grad():
        expected = model(*given)
        plain = fresh.eval()(*given)
        load_adapters(fresh, tmp_path)
        assert torch.equal(fresh(*given), expected) and not torch.allclose(plain, expected, atol=1e-2)
        torch.testing.assert_close(merge_adapters(fresh)(*given), expected, rtol=0, atol=1e-5)


def test_more_may_be_trained_whole(tmp_path: Path) -> None:
    config = AdapterConfig(rank=2, trained=("backbone.lm_head", "backbone.decoder.blocks.1"))
    model, _ = trained(tmp_path, config)
    names = set(load_file(tmp_path / WEIGHTS))
    assert {"backbone.lm_head.weight", "backbone.decoder.blocks.1.self_attention.q.weight"} <= names
    assert "backbone.decoder.blocks.1.self_attention.q.a" not in names
    assert not torch.equal(model.backbone.lm_head.weight, tiny().backbone.lm_head.weight)
    other = tiny()
    load_adapters(other, tmp_path)
    assert torch.equal(outputs(other), outputs(model))


def test_another_base_is_refused_and_left_alone(tmp_path: Path) -> None:
    trained(tmp_path)
    other = tiny()
    with torch.no_grad():
        other.backbone.embedding.weight[7, 3] += 1e-6
    before = {name: value.clone() for name, value in other.state_dict().items()}
    with pytest.raises(ModelError, match="trained on tiny with the fingerprint") as raised:
        load_adapters(other, tmp_path)
    assert "the very weights they were trained on" in raised.value.hint
    assert all(torch.equal(value, before[name]) for name, value in other.state_dict().items())
    assert set(other.state_dict()) == set(before)
    assert all(weight.requires_grad for weight in other.parameters())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda s: s.pop("heads.topic.out.bias"),
            r"1 adapter weights are missing, .*'heads\.topic\.out\.bias'",
        ),
        (lambda s: s.update(extra=torch.ones(1)), "1 adapter weights have no place in the model, .*'extra'"),
        (
            lambda s: s.update({"heads.topic.out.bias": torch.ones(9)}),
            r"has shape \(9,\), but \(7,\) was expected",
        ),
    ],
)
def test_weights_that_do_not_fit_are_refused(
    change: Callable[[dict[str, Tensor]], object], message: str, tmp_path: Path
) -> None:
    trained(tmp_path)
    state = load_file(tmp_path / WEIGHTS)
    change(state)
    save_file(state, tmp_path / WEIGHTS)
    model = tiny()
    with pytest.raises(ModelError, match=message) as raised:
        load_adapters(model, tmp_path)
    assert "do not belong together" in raised.value.hint
    assert not any(isinstance(part, LoRALinear) for part in model.modules())


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "cannot be used"),
        ('{"rank": 4, "colour": 1}', "colour"),
        ('{"rank": 4, "targets": "qv", "fingerprint": "x"}', "targets is 'qv', but a list"),
        ('{"rank": 4}', "does not say what"),
    ],
)
def test_a_damaged_description_is_refused(text: str, message: str, tmp_path: Path) -> None:
    trained(tmp_path)
    (tmp_path / CONFIG).write_text(text)
    with pytest.raises(ModelError, match=message):
        load_adapters(tiny(), tmp_path)


def test_a_folder_without_adapters_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"adapters\.json cannot be used"):
        load_adapters(tiny(), tmp_path)
    trained(tmp_path)
    (tmp_path / WEIGHTS).write_bytes(b"nothing")
    with pytest.raises(ModelError, match="cannot be read"):
        load_adapters(tiny(), tmp_path)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"targets": ("query",)}, "No linear layer of a block is called 'query'"),
        ({"targets": ("lm_head",)}, "No linear layer of a block is called 'lm_head'"),
        ({"targets": ()}, "targets is empty"),
        ({"trained": ("backbone.lm",)}, "trained names 'backbone.lm'"),
        ({"rank": 0}, "rank is 0"),
        ({"dropout": 1.0}, "dropout is 1.0"),
    ],
)
def test_configurations_that_fit_nothing(given: dict[str, Any], message: str) -> None:
    with pytest.raises(ModelError, match=message):
        add_adapters(tiny(), AdapterConfig(**given))


def test_steps_in_the_wrong_order_are_refused(tmp_path: Path) -> None:
    model = tiny()
    with pytest.raises(ModelError, match="no adapters to merge"):
        merge_adapters(model)
    with pytest.raises(ModelError, match="has no fingerprint"):
        save_adapters(model, AdapterConfig(), tmp_path)
    config = add_adapters(model, AdapterConfig())
    with pytest.raises(ModelError, match="has adapters already"):
        add_adapters(model, AdapterConfig())
    with pytest.raises(ModelError, match="has adapters already"):
        save_adapters(model, config, tmp_path)
        load_adapters(model, tmp_path)
    with pytest.raises(ModelError, match="The model has no adapters"):
        save_adapters(merge_adapters(model), config, tmp_path)


def test_the_update_is_scaled_by_alpha_over_rank() -> None:
    x = torch.randn(4, 6, generator=torch.Generator().manual_seed(0))
    layer = LoRALinear(nn.Linear(6, 5), rank=2, alpha=3.0)
    assert torch.equal(layer(x), layer.base(x))
    nn.init.normal_(layer.b)
    torch.testing.assert_close(layer(x) - layer.base(x), 1.5 * x @ layer.a.T @ layer.b.T)


def test_a_base_in_half_precision_keeps_its_type() -> None:
    layer = LoRALinear(nn.Linear(6, 5).bfloat16(), rank=2, alpha=3.0)
    assert layer.a.dtype == torch.float32
    assert layer(torch.ones(2, 6, dtype=torch.bfloat16)).dtype == torch.bfloat16


def test_dropout_is_on_the_update_and_only_in_training() -> None:
    layer = LoRALinear(nn.Linear(6, 5), rank=2, alpha=3.0, dropout=0.5).eval()
    nn.init.normal_(layer.b)
    x = torch.ones(3, 6)
    assert torch.equal(layer(x), layer(x))
    layer.train()
    assert not torch.equal(layer(x), layer(x))
    assert not LoRALinear(nn.Linear(6, 5).eval(), rank=2, alpha=3.0, dropout=0.5).training


class FakeLinear(nn.Linear):
    """Stands in for bitsandbytes' linears: remembers how it was made, and computes in full precision."""

    def __init__(self, n_in: int, n_out: int, bias: bool, **options: Any) -> None:
        super().__init__(n_in, n_out, bias)
        self.options = options


FAKE = SimpleNamespace(nn=SimpleNamespace(Linear8bitLt=FakeLinear, Linear4bit=FakeLinear))


def swapped(model: nn.Module) -> set[str]:
    return {name for name, part in model.named_modules() if isinstance(part, FakeLinear)}


@pytest.mark.parametrize("bits", ["8bit", "4bit"])
def test_the_frozen_linears_of_blocks_are_swapped(bits: Any, tmp_path: Path) -> None:
    model = tiny()
    config = add_adapters(model, AdapterConfig(rank=2, targets=("q", "down")))
    before = outputs(model)
    names = {
        name
        for name, part in model.named_modules()
        if type(part) is nn.Linear
        and ".blocks." in name
        # T5's `down` overflows the fp16 products of eight bits
        and not (bits == "8bit" and ".down" in name)
    }
    swap_linears(model, bits, FAKE)
    assert swapped(model) == names and len(names) == (36 if bits == "4bit" else 32)
    assert torch.equal(outputs(model), before)
    options = model.get_submodule("backbone.encoder.blocks.0.self_attention.q.base").options
    assert options == (
        {"has_fp16_weights": False, "threshold": 6.0}
        if bits == "8bit"
        else {"compute_dtype": torch.bfloat16, "compress_statistics": True, "quant_type": "nf4"}
    )
    asking = {name for name, weight in model.named_parameters() if weight.requires_grad}
    assert asking and all(name.startswith("heads.") or name[-2:] in (".a", ".b") for name in asking)
    fine_tune(model, steps=2)
    save_adapters(model, config, tmp_path)  # the fingerprint is the full-precision base's
    with pytest.raises(ModelError, match="is a FakeLinear, into which nothing can be merged"):
        merge_adapters(model)
    full = tiny()
    load_adapters(full, tmp_path)
    torch.testing.assert_close(outputs(merge_adapters(full)), outputs(model), rtol=0, atol=1e-5)


def test_quantising_comes_last_and_needs_a_frozen_base() -> None:
    model = tiny()
    with pytest.raises(ModelError, match="No linear of the model is frozen"):
        swap_linears(model, "4bit", FAKE)
    swap_linears(model.requires_grad_(False), "4bit", FAKE)
    assert swapped(model) and not any(
        name.startswith(("heads", "backbone.lm_head")) for name in swapped(model)
    )
    with pytest.raises(ModelError, match="is quantised already") as raised:
        add_adapters(model, AdapterConfig())
    assert "quantise last" in raised.value.hint


@pytest.mark.parametrize("bits", ["8bit", "4bit"])
def test_without_a_gpu_or_the_package_it_is_said(bits: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(ModelError, match=f"A {bits} base needs an NVIDIA GPU") as raised:
        quantise_base(tiny(), bits)
    assert "full-precision base" in raised.value.hint
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setitem(sys.modules, "bitsandbytes", None)
    with pytest.raises(ModelError, match="needs bitsandbytes") as raised:
        quantise_base(tiny(), bits)
    assert "pip install bitsandbytes" in raised.value.hint
    with pytest.raises(ModelError, match="bits is '2bit', but one of 8bit, 4bit"):
        quantise_base(tiny(), "2bit")  # type: ignore[arg-type]


@pytest.mark.skipif(
    not torch.cuda.is_available() or importlib.util.find_spec("bitsandbytes") is None,
    reason="needs an NVIDIA GPU and bitsandbytes",
)
@pytest.mark.parametrize("bits", ["8bit", "4bit"])
def test_on_a_gpu_the_base_is_small_and_adapters_learn(bits: Any) -> None:
    model = tiny()
    add_adapters(model, AdapterConfig(rank=4, targets=("q", "v")))
    quantise_base(model, bits)
    q = model.get_submodule("backbone.encoder.blocks.0.self_attention.q.base")
    assert q.weight.element_size() == 1 and q.weight.is_cuda
    token_ids = inputs()[0].cuda()
    model("emotion", token_ids).square().mean().backward()
    update = model.get_submodule("backbone.encoder.blocks.0.self_attention.q")
    assert update.b.grad is not None and update.b.grad.abs().sum() > 0
