"""Two real processes take the steps that one process takes with the whole batch."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.distributed as dist
from safetensors.torch import load_file
from torch import Tensor, nn

from leximind.errors import InputError
from leximind.training.checkpoints import AVERAGE, Checkpoints
from leximind.training.distributed import SINGLE, Processes, join, leave
from tests.training_processes import SCENARIOS, plain_run, small_model, train, trainer_for

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder in which two gloo processes left everything `training_processes` does."""
    folder = tmp_path_factory.mktemp("two")
    command = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node=2", "--rdzv-backend=c10d"]
    command += ["--rdzv-endpoint=127.0.0.1:0", "-m", "tests.training_processes", str(folder)]
    env = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=900, check=False
    )
    assert done.returncode == 0, done.stderr[-5000:]
    return folder


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Path, dict[str, Tensor]]]:
    """Folder and weights of every scenario, run in this process with the whole batches."""
    folder = tmp_path_factory.mktemp("alone")
    return {name: (folder / name, train(name, SINGLE, folder / name)) for name in SCENARIOS}


def facts(folder: Path, rank: int) -> dict[str, Any]:
    return json.loads((folder / f"{rank}.json").read_text())


def assert_same_weights(found: dict[str, Tensor], wanted: dict[str, Tensor], tolerance: float) -> None:
    assert set(found) == set(wanted)
    for name, weight in wanted.items():
        # What is added to all keys alike leaves attention as it is: the gradient of a key's bias is zero but
        # for rounding, and Adam scales rounding up to whole steps.
        if not name.endswith("_attention.k.bias"):
            torch.testing.assert_close(found[name], weight, atol=tolerance, rtol=0, msg=name)


def written(folder: Path, name: str) -> list[dict[str, Tensor]]:
    """The weights that the two processes wrote."""
    return [load_file(folder / f"{name}-{rank}.safetensors") for rank in (0, 1)]


@pytest.mark.parametrize("mode", ["ddp", "fsdp"])
def test_a_plain_loop_in_two_processes_equals_one_with_the_whole_batch(mode: str, two: Path) -> None:
    losses, weights, _ = plain_run(SINGLE)
    for rank in (0, 1):
        assert facts(two, rank)["losses"][mode] == pytest.approx(losses, abs=1e-5, rel=0)
    for found in written(two, f"plain-{mode}"):
        assert_same_weights(found, weights, 1e-5)
    before = dict(small_model(0).named_parameters())
    moved = [float((weight - before[name].detach()).abs().max()) for name, weight in weights.items()]
    assert np.mean(np.array(moved) > 1e-3) > 0.8, "training moves what is compared"


def log(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]


@pytest.mark.parametrize("name", SCENARIOS)
def test_the_trainer_in_two_processes_equals_one_with_the_whole_batch(
    name: str, two: Path, alone: dict[str, tuple[Path, dict[str, Tensor]]]
) -> None:
    folder, weights = alone[name]
    for found in written(two, f"trainer-{name}"):
        assert_same_weights(found, weights, 1e-5)
    ours, theirs = log(two / name), log(folder)
    kept = ("step", "rate", "loss", "validation", "conflicts")
    assert [set(line) for line in ours] == [set(line) for line in theirs]
    assert len(ours) >= 15
    for one, other in zip(ours, theirs, strict=True):
        for key in set(one) & set(kept) - {"conflicts"}:
            assert one[key] == pytest.approx(other[key], abs=1e-5, rel=1e-6), (one["step"], key)
        if "conflicts" in one:
            assert one["conflicts"]["tasks"] == other["conflicts"]["tasks"]
            cosines = [np.array(line["conflicts"]["cosines"]) for line in (one, other)]
            np.testing.assert_allclose(*cosines, atol=1e-4)
    assert any("conflicts" in line for line in ours) == ("conflict_every" in SCENARIOS[name])


def test_a_run_that_shares_weights_out_resumes_to_the_same_weights(two: Path) -> None:
    for resumed, uninterrupted in zip(
        written(two, "resumed-fsdp"), written(two, "trainer-fsdp"), strict=True
    ):
        assert all(torch.equal(resumed[name], weight) for name, weight in uninterrupted.items())


def test_its_checkpoint_is_whole_and_resumes_in_one_process(
    two: Path, alone: dict[str, tuple[Path, dict[str, Tensor]]]
) -> None:
    run = trainer_for("fsdp", SINGLE, two / "fsdp")
    run.train()
    assert run.step == 12
    found = {name: weight.detach() for name, weight in run.model.named_parameters()}
    assert_same_weights(found, alone["fsdp"][1], 1e-5)
    ours, theirs = (
        load_file(Checkpoints(path, 9).path(12) / AVERAGE) for path in (two / "fsdp", alone["fsdp"][0])
    )
    assert_same_weights(ours, theirs, 1e-5)


def test_each_process_knows_its_place_and_holds_half_of_what_is_shared_out(two: Path) -> None:
    first, second = facts(two, 0), facts(two, 1)
    assert (first["rank"], second["rank"]) == (0, 1)
    assert (first["share"], second["share"]) == ([0, 2, 4, 6], [1, 3, 5])
    assert first["mean"] == second["mean"] == 0.5
    assert first["sharded"] == second["sharded"] == 1.0
    assert first["held"] + second["held"] == first["whole"] and first["held"] < 0.6 * first["whole"]
    assert first["scattered"] and second["scattered"]


def test_one_process_is_left_alone() -> None:
    module, tensor = nn.Linear(2, 2), torch.tensor([1.0, 2.0])
    assert SINGLE.is_first and SINGLE.share([3, 4, 5]) == [3, 4, 5]
    assert SINGLE.wrap(module) is module and SINGLE.wrap(module, fsdp=True) is module
    assert torch.equal(SINGLE.mean(tensor), tensor) and SINGLE.mean(tensor) is not tensor
    SINGLE.barrier()
    leave()


def test_shares_hold_every_row_once_and_the_idle_help_out() -> None:
    places = [Processes(rank, 3, torch.device("cpu")) for rank in range(3)]
    rows = list(range(8))
    assert sorted(row for place in places for row in place.share(rows)) == rows
    assert [place.share([7, 8]) for place in places] == [[7], [8], [7]]
    assert [place.is_first for place in places] == [True, False, False]


def test_without_torchrun_a_process_is_alone() -> None:
    assert join("cpu") == SINGLE and not dist.is_initialized()
    assert join().device.type == ("cuda" if torch.cuda.is_available() else "cpu")


def test_a_missing_gpu_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(InputError, match=r"device=cuda.*no GPU.*device=cpu"):
        join("cuda")


def test_more_processes_than_gpus_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(dist, "is_torchelastic_launched", lambda: True)
    monkeypatch.setenv("LOCAL_RANK", "2")
    with pytest.raises(InputError, match=r"process 2 of its machine, which has 2 GPUs.*--nproc-per-node"):
        join()
