"""Published weights and configurations: every key has its place, or loading says which has none."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import peers
import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from leximind.errors import ModelError
from leximind.model.weights import (
    bert_stack_config,
    llama_config,
    load_bert,
    load_llama,
    load_t5,
    t5_config,
)

torch.set_num_threads(1)


def test_vocabulary_is_padded_with_rows_that_change_nothing() -> None:
    theirs, ours = peers.t5(8, vocab_size=100)
    state = theirs.state_dict()
    padded = load_t5(state, replace(t5_config(theirs.config.to_dict()), vocab_size=128))
    for name in ("embedding", "lm_head"):
        matrix = padded.get_submodule(name).weight
        assert matrix.shape == (128, 32)
        assert torch.equal(matrix[:100], ours.get_submodule(name).weight)
        assert torch.count_nonzero(matrix[100:]) == 0
    assert state["shared.weight"].shape == (100, 32), "the source is left as it was"
    inputs = peers.ragged([9, 4], seed=12)[0], peers.ragged([5, 5], seed=13)[0]
    with torch.inference_mode():
        torch.testing.assert_close(padded(*inputs)[..., :100], ours(*inputs), rtol=0, atol=1e-5)
    with pytest.raises(ModelError, match=r"'embedding.weight' has 100 rows.*vocab_size is 99"):
        load_t5(state, replace(t5_config(theirs.config.to_dict()), vocab_size=99))


def t5_case() -> tuple[dict[str, Tensor], Callable[[dict[str, Tensor]], Any], str, str]:
    theirs, ours = peers.t5()
    wanted = "decoder.block.1.layer.1.EncDecAttention.q.weight", "decoder.blocks.1.cross_attention.q.weight"
    return theirs.state_dict(), lambda state: load_t5(state, ours.config), *wanted


def llama_case() -> tuple[dict[str, Tensor], Callable[[dict[str, Tensor]], Any], str, str]:
    theirs, ours = peers.llama()
    wanted = "model.layers.2.mlp.gate_proj.weight", "stack.blocks.2.feed_forward.gate.weight"
    return theirs.state_dict(), lambda state: load_llama(state, ours.config), *wanted


def bert_case() -> tuple[dict[str, Tensor], Callable[[dict[str, Tensor]], Any], str, str]:
    theirs, ours = peers.bert()
    wanted = "encoder.layer.1.attention.self.query.weight", "encoder.blocks.1.self_attention.q.weight"
    return theirs.state_dict(), lambda state: load_bert(state, ours.config), *wanted


CASES = pytest.mark.parametrize("case", [t5_case, llama_case, bert_case])


@CASES
def test_a_missing_weight_is_named(case: Callable[[], Any]) -> None:
    state, load, theirs, ours = case()
    del state[theirs]
    with pytest.raises(ModelError, match=f"1 weights are missing.*{ours}"):
        load(state)


@CASES
def test_an_unexpected_weight_is_named(case: Callable[[], Any]) -> None:
    state, load, theirs, _ = case()
    with pytest.raises(ModelError, match=r"'surplus.weight' is not known"):
        load({**state, "surplus.weight": state[theirs]})
    deep = theirs.replace(".1.", ".7.", 1).replace(".2.", ".7.", 1)
    with pytest.raises(ModelError, match=r"no place in the model.*blocks\.7\."):
        load({**state, deep: state[theirs]})


@CASES
def test_a_misshapen_weight_is_named(case: Callable[[], Any]) -> None:
    state, load, theirs, ours = case()
    with pytest.raises(ModelError, match=rf"'{ours}' has shape \(31, 32\), but \((32|48), 32\) was expected"):
        load({**state, theirs: state[theirs][:31]})


@pytest.mark.parametrize("part", ["position_embeddings", "token_type_embeddings"])
def test_bert_without_its_embeddings_is_refused(part: str) -> None:
    state, load, _, _ = bert_case()
    del state[f"embeddings.{part}.weight"]
    with pytest.raises(ModelError, match=part):
        load(state)


def test_the_decoder_starts_from_the_encoder_and_only_the_rest_is_fresh() -> None:
    _, ours = peers.bert(9)
    state = ours.state_dict()
    copied = {"decoder.blocks.0.": "encoder.blocks.0.", "decoder.blocks.1.": "encoder.blocks.2."}
    for name, value in state.items():
        for decoder, encoder in copied.items():
            if name.startswith(decoder) and "cross" not in name:
                assert torch.equal(value, state[name.replace(decoder, encoder)]), name
    assert torch.equal(state["decoder.position.table"], state["encoder.position.table"])
    assert state["decoder.blocks.0.cross_attention.q.weight"].std() < 0.03


@pytest.mark.parametrize(
    ("convert", "published", "message"),
    [
        (t5_config, {"feed_forward_proj": "relu"}, "feed_forward_proj is 'relu'"),
        (t5_config, {"feed_forward_proj": "gated-gelu"}, "scale_decoder_outputs is True"),
        (t5_config, {"feed_forward_proj": "gated-gelu", "tie_word_embeddings": False}, "has no 'num_layers'"),
        (llama_config, {"hidden_act": "gelu"}, "hidden_act is 'gelu'"),
        (llama_config, {}, "has no 'num_attention_heads'"),
        (bert_stack_config, {"hidden_act": "gelu_new"}, "hidden_act is 'gelu_new'"),
        (bert_stack_config, {}, "has no 'num_attention_heads'"),
    ],
)
def test_published_configurations_that_we_cannot_follow(
    convert: Callable[[dict[str, Any]], Any], published: dict[str, Any], message: str
) -> None:
    with pytest.raises(ModelError, match=message):
        convert(published)


def test_scaled_rotary_positions_are_refused() -> None:
    published = peers.llama()[0].config.to_dict()
    published["rope_parameters"] = {"rope_type": "llama3", "rope_theta": 5e5}
    with pytest.raises(ModelError, match="rope_type is 'llama3'"):
        llama_config(published)


def test_weights_in_half_precision_are_read(tmp_path: Path) -> None:
    theirs, ours = peers.llama(12)
    save_file({k: v.bfloat16() for k, v in theirs.state_dict().items()}, tmp_path / "half.safetensors")
    read = load_llama(load_file(tmp_path / "half.safetensors"), ours.config)
    assert read.embedding.weight.dtype == torch.float32
    assert torch.equal(read.embedding.weight, ours.embedding.weight.bfloat16().float())
