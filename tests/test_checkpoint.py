"""Saving, loading and publishing: exact, small, without pickle, and refused when something does not fit."""

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import huggingface_hub.hub_mixin
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor

from leximind.errors import ModelError
from leximind.model import checkpoint
from leximind.model.checkpoint import CONFIG, WEIGHTS, Checkpointed, fetch
from leximind.model.config import LMConfig, MultiTaskConfig, Seq2SeqConfig, StackConfig
from leximind.model.lm import CausalLM
from leximind.model.multitask import MultiTask
from leximind.model.position import alibi_slopes, sinusoids
from leximind.model.quantize import pack_int8, unpack
from leximind.settings import ROOT

torch.set_num_threads(1)

STACK = StackConfig(n_layers=2, d_model=64, n_heads=4, n_kv_heads=2, d_head=16, d_ff=128, causal=True)
TOKENS = torch.randint(0, 500, (2, 12), generator=torch.Generator().manual_seed(0))


def language_model(**options: Any) -> CausalLM:
    torch.manual_seed(0)
    model = CausalLM(LMConfig(500, replace(STACK, **options)))
    with torch.no_grad():
        for weight in model.parameters():
            weight.add_(torch.randn_like(weight) * 0.2)
    return model.eval()


def multi_task() -> MultiTask:
    torch.manual_seed(1)
    encoder = replace(STACK, causal=False, norm="layer", position="learned", bias=True, embedding_norm=True)
    decoder = replace(encoder, causal=True, cross_attention=True)
    backbone = Seq2SeqConfig(500, encoder, decoder, tie_lm_head=True, lm_head_bias=True, copy_head=True)
    return MultiTask(MultiTaskConfig(backbone, d_embedding=64, project_embedding=True)).eval()


def scores(model: Any) -> Tensor:
    with torch.inference_mode():
        if isinstance(model, MultiTask):
            return torch.cat([model(task, TOKENS) for task in ("emotion", "topic", "embedding")], dim=1)
        return model(TOKENS)


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    language_model(position="rope").save_pretrained(tmp_path)
    return tmp_path


@pytest.mark.parametrize("make", [language_model, multi_task])
def test_a_round_trip_in_float32_loses_no_bit(make: Callable[[], Any], tmp_path: Path) -> None:
    model = make()
    model.save_pretrained(tmp_path)
    loaded = type(model).from_pretrained(tmp_path)
    assert loaded.config == model.config
    assert not loaded.training
    state = loaded.state_dict()
    assert list(state) == list(model.state_dict())
    for name, value in model.state_dict().items():
        assert torch.equal(value, state[name]), name
    assert torch.equal(scores(loaded), scores(model))
    assert all(weight.requires_grad for weight in loaded.parameters()), "it can be trained further"


@pytest.mark.parametrize(
    ("storage", "limit", "tolerance"),
    [("float16", 0.51, 0.002), ("bfloat16", 0.51, 0.02), ("int8", 0.3, 0.05)],
)
@pytest.mark.parametrize("make", [language_model, multi_task])
def test_smaller_storage_stays_close(
    make: Callable[[], Any], storage: checkpoint.Storage, limit: float, tolerance: float, tmp_path: Path
) -> None:
    model = make()
    model.save_pretrained(tmp_path / "full")
    model.storage = storage
    model.save_pretrained(tmp_path / "small")
    sizes = [(tmp_path / folder / WEIGHTS).stat().st_size for folder in ("small", "full")]
    assert sizes[0] < limit * sizes[1], f"{sizes[0] / sizes[1]:.1%} of float32"
    loaded = type(model).from_pretrained(tmp_path / "small")
    assert {weight.dtype for weight in loaded.parameters()} == {torch.float32}
    expected = scores(model)
    error = float((scores(loaded) - expected).norm() / expected.norm())
    assert 0 < error < tolerance, f"{storage}: relative error {error:.4f}"
    # Saved again, it stays as it is.
    assert loaded.storage == storage
    loaded.save_pretrained(tmp_path / "again")
    again = type(model).from_pretrained(tmp_path / "again")
    torch.testing.assert_close(scores(again), scores(loaded), rtol=0, atol=1e-5)


def test_eight_bits_are_off_by_at_most_half_a_step() -> None:
    matrix = (
        torch.randn(30, 40, generator=torch.Generator().manual_seed(2)) * torch.logspace(-3, 2, 30)[:, None]
    )
    matrix[7] = 0
    packed = pack_int8({"w": matrix, "bias": torch.ones(40), "count": torch.tensor(3)})
    assert packed["w"].dtype == torch.int8
    assert packed["count"].dtype == torch.int64
    restored = unpack(packed)
    step = matrix.abs().amax(1, keepdim=True) / 127
    assert ((restored["w"] - matrix).abs() <= step * 0.501).all()
    assert torch.equal(restored["bias"], torch.ones(40))
    assert set(restored) == {"w", "bias", "count"}


@pytest.mark.parametrize("position", ["alibi", "sinusoidal"])
def test_constants_are_right_after_loading(position: Any, tmp_path: Path) -> None:
    model = language_model(position=position, n_positions=40)
    model.save_pretrained(tmp_path)
    names = set(load_file(tmp_path / WEIGHTS))
    assert not any("slopes" in name or "table" in name for name in names)
    loaded = CausalLM.from_pretrained(tmp_path)
    if position == "alibi":
        assert torch.equal(loaded.stack.bias.slopes, alibi_slopes(4))
    else:
        assert torch.equal(loaded.stack.position.table, sinusoids(torch.arange(40), 64))
    assert not any(buffer.is_meta for buffer in loaded.buffers())
    assert torch.equal(scores(loaded), scores(model))


@pytest.mark.parametrize("make", [language_model, multi_task])
def test_nothing_is_pickled(make: Callable[[], Any], tmp_path: Path) -> None:
    make().save_pretrained(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {"model.safetensors", "config.json", "README.md"}
    with safe_open(tmp_path / WEIGHTS, "pt") as file:
        assert file.metadata() == {"format": "pt"}
    described = json.loads((tmp_path / CONFIG).read_text())
    assert set(described) == {"architecture", "storage", "config"}


@pytest.mark.parametrize("make", [language_model, multi_task])
def test_loading_does_not_import_the_compiler(make: Callable[[], Any], tmp_path: Path) -> None:
    model = make()
    model.save_pretrained(tmp_path)
    kind = type(model)
    code = (
        f"import sys\nfrom {kind.__module__} import {kind.__name__} as kind\n"
        f"kind.from_pretrained({str(tmp_path)!r})\n"
        "assert 'torch._dynamo' not in sys.modules\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_another_architecture_is_refused(saved: Path) -> None:
    with pytest.raises(ModelError, match="holds a 'CausalLM', but a 'MultiTask' was asked for"):
        MultiTask.from_pretrained(saved)


@pytest.mark.parametrize("kept", [0, 4, 100, 0.5, -1])
def test_a_file_that_is_cut_off_is_refused(saved: Path, kept: float) -> None:
    whole = (saved / WEIGHTS).read_bytes()
    end = int(kept * len(whole)) if isinstance(kept, float) else kept
    (saved / WEIGHTS).write_bytes(whole[:end])
    with pytest.raises(ModelError, match=r"model\.safetensors cannot be read"):
        CausalLM.from_pretrained(saved)


@pytest.mark.parametrize("name", [WEIGHTS, CONFIG])
def test_a_file_that_is_not_there_is_named(saved: Path, name: str) -> None:
    (saved / name).unlink()
    with pytest.raises(ModelError, match=f"{name} cannot be read"):
        CausalLM.from_pretrained(saved)


KEY = "stack.blocks.1.feed_forward.up.weight"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda state: state.pop(KEY), rf"1 weights are missing, the first is '{KEY}'"),
        (lambda state: state.update(surplus=torch.ones(2)), "1 weights have no place.*'surplus'"),
        (lambda state: state.update({KEY: torch.ones(3, 4)}), rf"'{KEY}' has shape \(3, 4\)"),
        (lambda state: state.update({KEY: torch.ones(128, 64, dtype=torch.int8)}), rf"no '{KEY}\.scale'"),
        (lambda state: state.update({f"{KEY}.scale": torch.ones(128, 1)}), rf"no place.*'{KEY}\.scale'"),
        (
            lambda state: state.update(
                {KEY: torch.ones(128, 64, dtype=torch.int8), f"{KEY}.scale": torch.ones(64, 1)}
            ),
            rf"a \(64, 1\) '{KEY}\.scale'; \(128, 1\) was expected",
        ),
    ],
    ids=["missing", "extra", "shape", "no scale", "idle scale", "others' scale"],
)
def test_weights_that_do_not_fit_are_named(
    saved: Path, change: Callable[[dict[str, Tensor]], object], message: str
) -> None:
    state = load_file(saved / WEIGHTS)
    change(state)
    save_file(state, saved / WEIGHTS)
    with pytest.raises(ModelError, match=message):
        CausalLM.from_pretrained(saved)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda d: d["config"].update(n_experts=4), "LMConfig has no field 'n_experts'"),
        (lambda d: d["config"]["stack"].update(depth=4), "StackConfig has no field 'depth'"),
        (lambda d: d["config"]["stack"].pop("d_ff"), "StackConfig: .*'d_ff'"),
        (lambda d: d["config"].update(stack="deep"), "StackConfig is described by 'deep'"),
        (lambda d: d["config"]["stack"].update(norm="batch"), "norm is 'batch'"),
        (lambda d: d["config"]["stack"].update(n_layers=3), r"weights are missing.*stack\.blocks\.2"),
        (lambda d: d["config"].update(vocab_size=499), r"'embedding\.weight' has shape \(500, 64\)"),
        (lambda d: d.pop("config"), "is not a configuration of this project"),
    ],
)
def test_configurations_that_do_not_fit_are_refused(
    saved: Path, change: Callable[[dict[str, Any]], object], message: str
) -> None:
    described = json.loads((saved / CONFIG).read_text())
    change(described)
    (saved / CONFIG).write_text(json.dumps(described))
    with pytest.raises(ModelError, match=message):
        CausalLM.from_pretrained(saved)


@pytest.mark.parametrize("text", ["", "{", "[]", "\ufffd"])
def test_a_configuration_that_is_no_json_object(saved: Path, text: str) -> None:
    (saved / CONFIG).write_text(text, encoding="utf-8")
    with pytest.raises(ModelError, match=r"config\.json"):
        CausalLM.from_pretrained(saved)


def test_neither_folder_nor_repository(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> str:
        raise ConnectionError("no network here")

    monkeypatch.setattr(checkpoint, "snapshot_download", refuse)
    with pytest.raises(ModelError, match=r"'someone/model' is neither a folder nor a Hub repo.*no network"):
        CausalLM.from_pretrained("someone/model")


def test_a_repository_is_downloaded_without_pickles(saved: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: dict[str, Any] = {}

    def download(repo_id: str, *, revision: str | None, allow_patterns: list[str]) -> str:
        asked.update(repo_id=repo_id, revision=revision, patterns=allow_patterns)
        return str(saved)

    monkeypatch.setattr(checkpoint, "snapshot_download", download)
    assert fetch("someone/model", "v2") == saved
    assert (asked["repo_id"], asked["revision"]) == ("someone/model", "v2")
    assert not {"*", "*.bin", "*.pt", "*.pkl"} & set(asked["patterns"])


def test_publishing_is_the_hub_clients_own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    mixin = huggingface_hub.hub_mixin.ModelHubMixin
    assert Checkpointed.push_to_hub is mixin.push_to_hub
    assert CausalLM.save_pretrained is mixin.save_pretrained
    published: dict[str, bytes] = {}

    class Hub:
        def __init__(self, token: str | None = None) -> None:
            self.token = token

        def create_repo(self, repo_id: str, **_: object) -> SimpleNamespace:
            return SimpleNamespace(repo_id=repo_id)

        def upload_folder(self, *, repo_id: str, folder_path: Path, **_: object) -> str:
            published.update({path.name: path.read_bytes() for path in Path(folder_path).iterdir()})
            return f"https://hub.example/{repo_id}/commit/1"

    monkeypatch.setattr(huggingface_hub.hub_mixin, "HfApi", Hub)
    model = language_model()
    assert model.push_to_hub("someone/model") == "https://hub.example/someone/model/commit/1"
    assert set(published) == {"model.safetensors", "config.json", "README.md"}
    for name, content in published.items():
        (tmp_path / name).write_bytes(content)
    assert torch.equal(scores(CausalLM.from_pretrained(tmp_path)), scores(model))
