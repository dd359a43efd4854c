"""The configuration of the loop, the optimiser's groups, devices and seeds."""

from typing import Any

import pytest
import torch
from torch import nn

from leximind.errors import InputError
from leximind.model.stack import Block
from leximind.training.config import LoopConfig
from leximind.training.modes import set_training
from leximind.training.optimiser import layer_factors, make_optimiser, parameter_groups
from leximind.training.precision import Precision, choose_device
from leximind.training.sampling import step_seed
from tests.training_run import config, small_model


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"n_steps": 0}, "n_steps is 0, but at least 1 was expected"),
        ({"n_steps": 2.5}, "n_steps is 2.5, but a whole number was expected"),
        ({"accumulate": True}, "accumulate is True, but a whole number"),
        ({"warmup": 13}, r"warmup is 13 steps, but the whole run has 12\. A tenth"),
        ({"warmup": -1}, "warmup is -1, but at least 0"),
        ({"rates": {}}, "rates is empty.*learning rate a prefix"),
        ({"rates": {"heads": "1e-4"}}, r"rates\['heads'\] is '1e-4'.*write 1\.0e-4"),
        ({"rates": {"": -1.0}}, r"rates\[''\] is -1.0, but at least 0"),
        ({"task_weights": {"topic": float("inf")}}, r"task_weights\['topic'\] is inf"),
        ({"layer_decay": 1.5}, "layer_decay is 1.5, but between 0 and 1"),
        ({"layer_decay": 0}, "layer_decay is 0, .* use frozen"),
        ({"floor": 2.0}, "floor is 2.0, but between 0 and 1"),
        ({"clip": float("nan")}, "clip is nan"),
        ({"ema": 1.0}, "ema is 1, .* 0.999 is usual"),
        ({"ema": 1.1}, "ema is 1.1, but between 0 and 1"),
        ({"precision": "fp16"}, "precision is 'fp16', but one of float32, bfloat16, float16"),
        ({"surgery": "gradnorm"}, "surgery is 'gradnorm', but one of none, pcgrad"),
        ({"patience": 3}, "patience is 3, but no monitor.*Set monitor"),
        ({"monitor": "-"}, "monitor is '-' with no metric"),
        ({"keep_last": 0}, "keep_last is 0, but at least 1"),
        ({"conflict_every": -5}, "conflict_every is -5, but at least 0"),
        ({"seed": -1}, "seed is -1, but at least 0"),
        ({"frozen": "backbone"}, "frozen is 'backbone', but a list of prefixes"),
        ({"resume": ""}, "resume is empty.*auto, never or the path"),
        ({"fsdp": True, "surgery": "pcgrad"}, "surgery needs the gradient of each task.*Switch off"),
        ({"fsdp": True, "conflict_every": 5}, "conflict_every needs the gradient of each task"),
        ({"fsdp": True, "precision": "float16"}, "float16 is not scaled.*precision=bfloat16"),
    ],
)
def test_a_value_that_makes_no_sense_is_refused_with_advice(options: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        config(**options)


def test_the_defaults_are_those_of_a_plain_run() -> None:
    plain = LoopConfig(100, 10, {"": 1e-4})
    assert (plain.precision, plain.device, plain.resume, plain.surgery) == (
        "bfloat16",
        "auto",
        "auto",
        "none",
    )
    assert (plain.accumulate, plain.ema, plain.patience, plain.keep_last) == (1, 0.0, 0, 1)
    with pytest.raises(TypeError, match="momentum"):
        LoopConfig(100, 10, {"": 1e-4}, momentum=0.9)  # type: ignore[call-arg]


def test_rates_fall_with_every_block_below_the_top() -> None:
    model = small_model()
    factors = layer_factors(model, 0.5)
    for stack in ("encoder", "decoder"):
        assert factors[f"backbone.{stack}.blocks.1.feed_forward.up.weight"] == 1
        assert factors[f"backbone.{stack}.blocks.0.self_norm.weight"] == 0.5
        assert factors[f"backbone.{stack}.embedding_norm.weight"] == 0.25
        position = [name for name in factors if name.startswith(f"backbone.{stack}.position")]
        assert position and all(factors[name] == 0.25 for name in position)
    assert factors["backbone.embedding.weight"] == 0.25
    assert not any(name.startswith(("heads", "backbone.copy_head")) for name in factors)
    assert layer_factors(model, 1.0) == {}


def test_a_branch_has_a_top_of_its_own() -> None:
    model = small_model()
    model.branch_of_its_own = nn.ModuleList(Block(model.config.backbone.encoder) for _ in range(2))
    factors = layer_factors(model, 0.5)
    assert factors["branch_of_its_own.1.self_norm.weight"] == 1
    assert factors["branch_of_its_own.0.self_norm.weight"] == 0.5
    model.branch_of_its_own.requires_grad_(False)
    set_training(model)
    assert model.training and not any(part.training for part in model.branch_of_its_own.modules())
    assert model.backbone.encoder.blocks[0].training


def test_groups_multiply_the_rate_of_the_prefix_by_the_factor_of_the_layer() -> None:
    model = small_model()
    groups = parameter_groups(model, {"": 1.0, "backbone.decoder": 4.0}, 0.1, 0.5)
    where = {id(w): (g["lr"], g["weight_decay"]) for g in groups for w in g["params"]}  # type: ignore[attr-defined]
    named = dict(model.named_parameters())
    assert where[id(named["backbone.decoder.blocks.0.self_attention.q.weight"])] == (2.0, 0.1)
    assert where[id(named["backbone.encoder.blocks.0.self_attention.q.bias"])] == (0.5, 0.0)
    assert where[id(named["backbone.encoder.blocks.1.self_attention.q.weight"])] == (1.0, 0.1)
    assert where[id(named["heads.topic.out.weight"])] == (1.0, 0.1)
    assert len(where) == len(named)
    optimiser = make_optimiser(model, {"": 1.0}, 0.1, 0.5)
    assert optimiser.defaults["fused"] and {g["lr"] for g in optimiser.param_groups} == {1.0, 0.5, 0.25}


def test_rates_that_fit_nothing_or_leave_something_out_are_refused() -> None:
    with pytest.raises(InputError, match=r"rates names 'head\.topic', but no weight's name begins so"):
        parameter_groups(small_model(), {"": 1.0, "head.topic": 1.0}, 0.1)
    with pytest.raises(InputError, match=r"No rate is given for 'backbone\..*everything else"):
        parameter_groups(small_model(), {"heads": 1.0}, 0.1)


def test_devices_are_checked_before_anything_is_moved() -> None:
    assert choose_device("cpu").type == "cpu"
    assert choose_device("auto").type == ("cuda" if torch.cuda.is_available() else "cpu")
    for name in ("tpu", "meta", "gpu0"):
        with pytest.raises(InputError, match=f"device is '{name}', but auto, cpu, cuda"):
            choose_device(name)
    with pytest.raises(InputError, match=r"cuda:99.*GPUs.*device=auto"):
        choose_device("cuda:99")


def test_only_float16_has_a_scaler() -> None:
    cpu = torch.device("cpu")
    enabled = {name: Precision(name, cpu).scaler.is_enabled() for name in ("float32", "bfloat16", "float16")}
    assert enabled == {"float32": False, "bfloat16": False, "float16": True}


def test_seeds_are_of_32_bits_and_of_their_own_for_every_use() -> None:
    seeds = {
        step_seed(seed, step, rank, purpose)
        for seed in range(2)
        for step in range(50)
        for rank in range(2)
        for purpose in (0, 1, 1_000_000)
    }
    assert len(seeds) == 600 and all(0 <= seed < 2**32 for seed in seeds)
    assert step_seed(1, 2, 3, 4) == step_seed(1, 2, 3, 4)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@pytest.mark.parametrize("precision", ["float32", "bfloat16", "float16"])
def test_a_gpu_trains_in_every_precision(precision: str, tmp_path: Any) -> None:
    from tests.training_run import trainer

    run = trainer(tmp_path, device="cuda", precision=precision, ema=0.9, conflict_every=4)
    run.train()
    assert all(weight.is_cuda and torch.isfinite(weight).all() for weight in run.model.parameters())
    again = trainer(tmp_path, device="cuda", precision=precision, ema=0.9, n_steps=14)
    again.train()
    assert again.step == 14
