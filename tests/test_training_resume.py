"""Checkpoints: a killed run ends as if nothing had happened, and no half-written file is ever read."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from leximind.errors import InputError, ModelError
from leximind.training.checkpoints import (
    MODEL,
    STATE,
    Checkpoints,
    State,
    best_checkpoint,
    load_weights,
    read_state,
)
from leximind.training.loop import Trainer
from tests.training_run import killed_trainer, plan, plans, size, small_model, trainer

ROOT = Path(__file__).resolve().parent.parent
RNG = np.random.default_rng(3)
# Two forward passes a step, twelve steps, two files of tensors a checkpoint and a third with the averages.
POINTS = (
    f"loss:{RNG.integers(9, 24)}",
    f"file:{RNG.integers(4, 9)}",
    f"name:{RNG.integers(2, 4)}",
    f"evaluation:{RNG.integers(2, 5)}",
)


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Trainer:
    """The run that nobody interrupts."""
    run = killed_trainer(tmp_path_factory.mktemp("whole"))
    run.train()
    return run


def assert_same(run: Trainer, other: Trainer) -> None:
    """Weights, averages, moments and what is logged are equal to the last bit."""
    for file, tensors in run.snapshot.files().items():
        others = other.snapshot.files()[file]
        assert set(tensors) == set(others)
        for name, tensor in tensors.items():
            assert torch.equal(tensor, others[name]), (file, name)
    assert timeless(run.folder) == timeless(other.folder)
    assert replace(run._full_state(), seconds=0.0) == replace(other._full_state(), seconds=0.0)


def timeless(folder: Path) -> list[dict[str, Any]]:
    """The log without what the clock says."""
    lines = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    return [
        {name: value for name, value in line.items() if "second" not in name} for line in lines
    ]  # fmt: skip


@pytest.mark.parametrize("point", POINTS)
def test_a_killed_process_goes_on_to_the_same_weights(point: str, whole: Trainer, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.training_run", str(tmp_path), point]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    child = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert child.returncode == -signal.SIGKILL, child.stderr
    resumed = killed_trainer(tmp_path)
    assert resumed.checkpoints.newest() is not None, "the kill came after a checkpoint"
    resumed.train()
    assert resumed.step == 12
    assert_same(whole, resumed)
    assert not list(tmp_path.rglob("*.partial"))


def test_a_finished_run_is_not_run_again(whole: Trainer, tmp_path: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in whole.folder.rglob("*.safetensors")}
    again = killed_trainer(whole.folder, loss=None)
    again.train()
    assert again.step == 12 and before == {
        p: p.stat().st_mtime_ns for p in whole.folder.rglob("*.safetensors")
    }


def test_resuming_from_a_path_takes_that_checkpoint_and_keeps_the_later_ones_aside(
    whole: Trainer, tmp_path: Path
) -> None:  # fmt: skip
    own = killed_trainer(tmp_path, keep_last=10)
    own.train()
    third = tmp_path / "checkpoints/step-00000003"
    again = killed_trainer(tmp_path, keep_last=10, resume=str(third))
    again.train()
    assert_same(whole, again)
    assert [p.name for p in sorted((tmp_path / "checkpoints.1").iterdir())] == [
        f"step-{step:08d}" for step in (4, 6, 8, 9, 12)
    ]
    with pytest.raises(ModelError, match=r"nowhere is no checkpoint.*resume=auto"):
        killed_trainer(tmp_path, resume=str(tmp_path / "nowhere")).train()


def test_never_begins_anew_beside_what_was_there(tmp_path: Path) -> None:
    trainer(tmp_path, seed=1).train()
    run = trainer(tmp_path, resume="never")
    run.train()
    fresh = trainer(tmp_path / "fresh")
    fresh.train()
    assert_same(run, fresh)
    assert (tmp_path / "checkpoints.1/step-00000012").is_dir() and (tmp_path / "log.1.jsonl").exists()


@pytest.mark.parametrize("damage", ["cut", "missing", "state", "unfinished"])
def test_a_half_written_checkpoint_is_never_loaded(damage: str, tmp_path: Path) -> None:
    trainer(tmp_path, keep_last=3).train()
    newest = tmp_path / "checkpoints/step-00000012"
    if damage == "cut":
        data = (newest / MODEL).read_bytes()
        (newest / MODEL).write_bytes(data[:-1])
    elif damage == "missing":
        (newest / MODEL).unlink()
    elif damage == "state":
        (newest / STATE).write_text((newest / STATE).read_text()[:40])
    else:
        newest.rename(newest.with_name(newest.name + ".partial"))
    run = trainer(tmp_path, keep_last=3)
    run._resume()
    assert run.step == 8
    if damage != "unfinished":
        with pytest.raises(ModelError, match="is no checkpoint"):
            load_weights(
                small_model(), newest if newest.exists() else tmp_path / "checkpoints.1" / newest.name
            )
    run.train()
    assert run.checkpoints.newest() == newest


def test_when_no_checkpoint_can_be_read_the_run_does_not_begin_anew_in_silence(tmp_path: Path) -> None:
    trainer(tmp_path).train()
    (tmp_path / "checkpoints/step-00000012" / MODEL).unlink()
    with pytest.raises(ModelError, match=r"None of the 1 checkpoints.*resume=never"):
        trainer(tmp_path).train()


def test_a_checkpoint_of_another_run_is_refused(tmp_path: Path) -> None:
    trainer(tmp_path).train()
    with pytest.raises(InputError, match=r"seed is 5, but the checkpoint's is 0.*resume=never"):
        trainer(tmp_path, seed=5).train()
    with pytest.raises(InputError, match="The tasks are topic, but the checkpoint's are emotion"):
        trainer(tmp_path, tasks=("topic",)).train()


def test_the_last_ones_and_the_best_are_kept_and_the_others_deleted(tmp_path: Path) -> None:
    values = iter([0.1, 0.9, 0.3, 0.2, 0.1, 0.4])
    weights: dict[int, torch.Tensor] = {}

    def evaluate(model: Any) -> dict[str, float]:
        weights[run.step] = model.heads["topic"].out.weight.clone()
        return {"score": next(values)}

    run = trainer(tmp_path, evaluate=evaluate, monitor="score", keep_last=2, save_every=2)
    run.train()
    names = [path.name for path in sorted((tmp_path / "checkpoints").iterdir())]
    assert names == ["step-00000004", "step-00000010", "step-00000012"]
    assert best_checkpoint(tmp_path).name == "step-00000004"
    model = small_model(9)
    assert load_weights(model, tmp_path).name == "step-00000004"
    assert torch.equal(model.heads["topic"].out.weight, weights[4])
    assert not torch.equal(weights[4], weights[12])


def test_lower_is_better_after_a_minus(tmp_path: Path) -> None:
    values = iter([0.5, 0.2, 0.9])
    run = trainer(tmp_path, evaluate=lambda _: {"loss": next(values)}, monitor="-loss")
    run.train()
    assert best_checkpoint(tmp_path).name == "step-00000008" and run.state.best_value == 0.2


def test_early_stopping_saves_the_best_and_the_end_before_it_stops(tmp_path: Path) -> None:
    values = iter([0.1, 0.5, 0.4, float("nan"), 0.9])
    run = trainer(
        tmp_path, evaluate=lambda _: {"score": next(values)}, monitor="score", patience=2, n_steps=100,
        evaluate_every=3, save_every=50,
    )  # fmt: skip
    run.train()
    assert run.step == 12
    names = [path.name for path in sorted((tmp_path / "checkpoints").iterdir())]
    assert names == ["step-00000006", "step-00000012"] and best_checkpoint(tmp_path).name == names[0]
    last = json.loads((tmp_path / "log.jsonl").read_text().splitlines()[-1])
    assert last == {"step": 12, "stopped": "The best score was 0.5 at step 6."}
    again = trainer(
        tmp_path, evaluate=lambda _: {"score": next(values)}, monitor="score", patience=2, n_steps=100,
        evaluate_every=3, save_every=50,
    )  # fmt: skip
    again.train()
    assert again.step == 12, "a run that stopped stays stopped"


def test_a_monitor_that_is_not_measured_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="monitor is 'f1', but the evaluation gives size"):
        trainer(tmp_path, evaluate=size, monitor="f1").train()


def test_an_interrupted_save_leaves_the_checkpoint_before_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:  # fmt: skip
    kept = Checkpoints(tmp_path, 1)
    kept.save(State(step=3, positions={"a": 1}), {MODEL: {"w": torch.ones(3)}})

    def fail(*_: object, **__: object) -> None:
        raise OSError("No space left on device")

    monkeypatch.setattr("leximind.training.checkpoints.save_file", fail)
    with pytest.raises(OSError, match="No space"):
        kept.save(State(step=4), {MODEL: {"w": torch.zeros(3)}})
    newest = kept.newest()
    assert newest == kept.path(3) and read_state(newest) == State(step=3, positions={"a": 1})
    kept.amend(State(step=3, stale=2))
    assert read_state(newest).stale == 2
    kept.prune(-1)
    assert [path.name for path in kept.folder.iterdir()] == ["step-00000003"]


def test_weights_come_from_the_averages_where_there_are_some(tmp_path: Path) -> None:
    run = trainer(tmp_path, ema=0.5)
    run.train()
    assert run.averages is not None
    model = small_model(3)
    load_weights(model, tmp_path)
    for name, weight in model.named_parameters():
        assert torch.equal(weight, run.averages.tensors[name])
    assert not torch.equal(model.backbone.embedding.weight, run.model.backbone.embedding.weight)
    with pytest.raises(ModelError, match="holds no checkpoint yet"):
        load_weights(model, tmp_path / "empty")


def test_moments_of_weights_frozen_since_are_left_behind(tmp_path: Path) -> None:
    trainer(tmp_path).train()
    first = small_model(1)
    load_weights(first, tmp_path)
    run = trainer(tmp_path, n_steps=20, frozen=("backbone.encoder",), ema=0.9)
    run.train()
    assert run.step == 20
    second = small_model(2)
    load_weights(second, tmp_path)
    before, after = first.state_dict(), second.state_dict()
    for name, weight in after.items():
        assert torch.equal(weight, before[name]) == name.startswith("backbone.encoder"), name


def test_positions_outlive_a_change_of_the_schedule(tmp_path: Path) -> None:
    first = trainer(tmp_path, tasks=("emotion", "topic"))
    first.train()
    taken = dict(first.feed.positions)
    assert sum(taken.values()) == 12
    longer = trainer(tmp_path, tasks=("emotion", "topic"), n_steps=20)
    longer.schedule[:] = 0
    longer.train()
    assert longer.feed.positions == {"emotion": taken["emotion"] + 8, "topic": taken["topic"]}


def test_the_log_forgets_what_will_be_done_again(tmp_path: Path) -> None:
    run = trainer(tmp_path, evaluate=size)
    run.train()
    log = tmp_path / "log.jsonl"
    whole = log.read_text()
    state = read_state(tmp_path / "checkpoints/step-00000012")
    run.checkpoints.amend(replace(state, evaluated=8))  # killed in the middle of the last evaluation
    log.write_text(whole + '{"step": 14, "loss": {}}\n{"step": 15, "lo')
    again = trainer(tmp_path, evaluate=size)
    again.train()
    assert log.read_text() == whole


def test_plans_say_which_examples_a_batch_holds() -> None:
    given = plan("topic")
    for position in (0, 3, 7):
        assert given.rows(position) == [given.examples[i] for i in given.numbers(position)]
    assert set(plans()) == {"emotion", "topic", "summarization"}
