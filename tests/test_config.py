"""Presets and the configurations they are made of."""

import pytest
import torch

from leximind.errors import ModelError
from leximind.model.config import PRESETS, LMConfig, MultiTaskConfig, StackConfig, preset
from leximind.model.lm import CausalLM
from leximind.model.multitask import MultiTask
from leximind.model.seq2seq import Seq2Seq

torch.set_num_threads(1)

SMALL = StackConfig(n_layers=3, d_model=32, n_heads=4, n_kv_heads=4, d_head=8, d_ff=48)

# Millions of parameters, at least and at most.
MILLIONS = {
    "flan-t5-small": (76.5, 77.5),
    "flan-t5-base": (247, 248.5),
    "flan-t5-large": (782, 785),
    "leximind-base": (247.6, 249),
    "leximind-large": (783, 785),
    "leximind-mini": (39, 42),
    "leximind-small": (58, 61),
    "lumi-tiny": (20, 26),
    "lumi-small": (75, 90),
    "lumi-base": (240, 300),
}


@pytest.mark.parametrize("name", PRESETS)
def test_presets_have_their_size(name: str) -> None:
    config = preset(name)
    kind = {LMConfig: CausalLM, MultiTaskConfig: MultiTask}.get(type(config), Seq2Seq)
    with torch.device("meta"):
        model = kind(config)
    count = sum(weight.numel() for weight in model.parameters()) / 1e6
    low, high = MILLIONS[name]
    assert low < count < high, f"{count:.1f} million"
    assert type(config).from_dict(config.to_dict()) == config


def test_unknown_preset() -> None:
    with pytest.raises(ModelError, match="No preset is called 'gpt-9'; there are flan-t5-small"):
        preset("gpt-9")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"n_kv_heads": 3}, "n_heads is 4 and n_kv_heads is 3"),
        ({"position": "rope", "d_head": 7}, "d_head is 7"),
        ({"position": "rotary"}, "position is 'rotary', but one of t5_bias, rope"),
        ({"norm": "batch"}, "norm is 'batch'"),
        ({"feed_forward": "mish"}, "feed_forward is 'mish'"),
        ({"n_experts": 8}, "StackConfig has no field 'n_experts'"),
    ],
)
def test_configurations_that_make_no_sense(change: dict[str, object], message: str) -> None:
    with pytest.raises(ModelError, match=message):
        StackConfig.from_dict({**SMALL.to_dict(), **change})


def test_configurations_that_are_incomplete() -> None:
    given = SMALL.to_dict()
    del given["d_model"]
    with pytest.raises(ModelError, match=r"StackConfig: .*d_model"):
        StackConfig.from_dict(given)
    with pytest.raises(ModelError, match="StackConfig is described by 7"):
        LMConfig.from_dict({"vocab_size": 9, "stack": 7})
