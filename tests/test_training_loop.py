"""The loop: what a step does to the weights, and what it leaves alone."""

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from leximind.errors import InputError, ModelError
from leximind.model.multitask import MultiTask
from leximind.training import modes
from leximind.training.averages import Averages, decay_at
from leximind.training.batches import Batch, BatchPlan, collate
from leximind.training.examples import Example
from leximind.training.loop import Trainer
from tests.training_run import TASKS, config, loss, plan, plans, size, small_model, trainer


class DoubledPlan(BatchPlan):
    """Two batches of another plan at a time."""

    def numbers(self, position: int) -> Any:
        return np.concatenate([super(DoubledPlan, self).numbers(2 * position + i) for i in range(2)])


def doubled(task: str) -> DoubledPlan:
    given = plan(task)
    return DoubledPlan(given.examples, given.n_rows, given.n_tokens, given.seed)


def lines(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]


def weights(run: Trainer) -> dict[str, Tensor]:
    return {name: weight.detach().clone() for name, weight in run.model.state_dict().items()}


def differs(first: dict[str, Tensor], second: dict[str, Tensor]) -> list[str]:
    return [name for name in first if not torch.equal(first[name], second[name])]


@pytest.mark.parametrize("task", TASKS)
def test_accumulating_two_batches_is_one_of_twice_the_size(task: str, tmp_path: Path) -> None:
    options: dict[str, Any] = {"tasks": (task,), "precision": "float32", "clip": 0.0, "n_steps": 5}
    model = small_model(dropout=0.0)
    whole = trainer(tmp_path / "a", model, plans={task: doubled(task)}, **options)
    model = small_model(dropout=0.0)
    split = trainer(tmp_path / "b", model, plans={task: plan(task)}, accumulate=2, **options)
    whole.train()
    split.train()
    assert split.feed.positions == {task: 10} and whole.feed.positions == {task: 5}
    for name, gradient in ((n, w.grad) for n, w in whole.model.named_parameters()):
        other = split.model.get_parameter(name).grad
        assert (gradient is None) == (other is None)
        if gradient is not None:
            torch.testing.assert_close(gradient, other, atol=1e-6, rtol=0)
    assert split.journal.losses[task] == pytest.approx(whole.journal.losses[task], abs=1e-6)
    if task == "summarization":
        targets = [collate(plan(task).rows(i), task, 0).targets for i in range(2)]
        assert len({int((t != -100).sum()) for t in targets}) == 2, "the halves weigh differently"


def test_the_average_follows_its_formula(tmp_path: Path) -> None:
    model = small_model()
    named = dict(model.named_parameters())
    expected = {name: weight.detach().clone() for name, weight in named.items()}
    run = trainer(tmp_path, model, ema=0.6, n_steps=6)
    for step in range(6):
        run._advance()
        decay = min(0.6, (1 + step) / (10 + step))
        assert decay_at(step, 0.6) == decay
        for name, weight in named.items():
            expected[name] = decay * expected[name] + (1 - decay) * weight.detach()
    assert decay_at(5, 0.6) == 6 / 15 and decay_at(100, 0.6) == 0.6
    assert run.averages is not None
    for name, average in run.averages.tensors.items():
        torch.testing.assert_close(average, expected[name], atol=1e-6, rtol=1e-5)


def test_an_evaluation_sees_the_averages_and_training_goes_on_without_them(tmp_path: Path) -> None:
    seen: list[bool] = []

    def evaluate(model: MultiTask) -> dict[str, float]:
        assert run.averages is not None and not model.training and not torch.is_grad_enabled()
        seen.append(all(torch.equal(w, run.averages.tensors[n]) for n, w in model.named_parameters()))
        torch.rand(7)
        return {}

    run = trainer(tmp_path / "a", ema=0.9, evaluate=evaluate)
    plain = trainer(tmp_path / "b")
    run.train()
    plain.train()
    assert seen == [True] * 3
    assert not differs(weights(run), weights(plain))


def test_averages_give_the_weights_back_when_an_evaluation_fails() -> None:
    model = small_model()
    averages = Averages(model, 0.5)
    with torch.no_grad():
        model.backbone.embedding.weight.add_(1)
    before = model.backbone.embedding.weight.clone()
    with pytest.raises(ZeroDivisionError), averages.applied():
        assert not torch.equal(model.backbone.embedding.weight, before)
        raise ZeroDivisionError
    assert torch.equal(model.backbone.embedding.weight, before)


@pytest.mark.parametrize("surgery", ["none", "pcgrad"])
def test_measuring_conflicts_changes_nothing(surgery: str, tmp_path: Path) -> None:
    measured = trainer(tmp_path / "a", conflict_every=5, surgery=surgery)
    plain = trainer(tmp_path / "b", surgery=surgery)
    measured.train()
    plain.train()
    assert not differs(weights(measured), weights(plain))
    for file, tensors in measured.snapshot.files().items():
        assert not differs(tensors, plain.snapshot.files()[file])
    assert measured.feed.positions == plain.feed.positions
    tables = [line for line in lines(tmp_path / "a") if "conflicts" in line]
    assert [line["step"] for line in tables] == [5, 10]
    table = np.array(tables[0]["conflicts"]["cosines"])
    assert tables[0]["conflicts"]["tasks"] == list(TASKS) and np.allclose(np.diag(table), 1)
    assert np.allclose(table, table.T) and 0 < abs(table[0, 1]) < 1
    assert [line for line in lines(tmp_path / "b") if "conflicts" in line] == []


def test_pcgrad_takes_a_batch_of_every_task_and_projects(tmp_path: Path) -> None:
    options: dict[str, Any] = {"precision": "float32", "clip": 0.0, "tasks": ("emotion", "topic")}
    run = trainer(tmp_path, small_model(dropout=0.0), surgery="pcgrad", accumulate=2, **options)
    before = small_model(dropout=0.0)
    run._advance()
    assert run.feed.positions == {"emotion": 2, "topic": 2} and set(run.journal.losses) == {
        "emotion",
        "topic",
    }
    alone = {}
    for task in options["tasks"]:
        batch = collate(doubled(task).rows(0), task, 0)
        found = torch.autograd.grad(loss(before, task, batch), list(before.parameters()), allow_unused=True)
        alone[task] = found
    names = [name for name, _ in before.named_parameters()]
    shared = [i for i in range(len(names)) if all(grads[i] is not None for grads in alone.values())]
    flat = [torch.cat([alone[task][i].flatten() for i in shared]) for task in alone]
    dot = flat[0] @ flat[1]
    expected = sum(
        g - min(0.0, float(dot)) / (o @ o) * o for g, o in ((flat[0], flat[1]), (flat[1], flat[0]))
    )
    actual = torch.cat([run.model.get_parameter(names[i]).grad.flatten() for i in shared])  # type: ignore[union-attr]
    torch.testing.assert_close(actual, expected, atol=1e-6, rtol=1e-4)
    head = run.model.heads["topic"].out.weight.grad
    torch.testing.assert_close(
        head, alone["topic"][names.index("heads.topic.out.weight")], atol=1e-6, rtol=1e-4
    )


def test_pcgrad_batches_of_a_step_drop_out_differently(tmp_path: Path) -> None:
    seen: list[Tensor] = []

    def noisy(model: MultiTask, task: str, batch: Batch) -> Tensor:
        seen.append(torch.rand(4))
        return loss(model, task, batch)

    run = trainer(tmp_path, loss=noisy, surgery="pcgrad", accumulate=2)
    run._advance()
    assert len({tuple(numbers.tolist()) for numbers in seen}) == 6


def test_task_weights_scale_the_gradient_and_not_the_log(tmp_path: Path) -> None:
    options: dict[str, Any] = {"tasks": ("topic",), "clip": 0.0, "precision": "float32"}
    plain, heavy = trainer(tmp_path, **options), trainer(tmp_path, task_weights={"topic": 4.0}, **options)
    plain._advance()
    heavy._advance()
    gradient, other = (run.model.heads["topic"].out.weight.grad for run in (plain, heavy))
    torch.testing.assert_close(4 * gradient, other)
    assert plain.journal.losses == heavy.journal.losses


def test_a_loss_that_is_no_number_stops_the_run_with_step_and_examples(tmp_path: Path) -> None:
    bad = plans()["topic"].numbers(2).tolist()
    calls: list[int] = []

    def broken(model: MultiTask, task: str, batch: Batch) -> Tensor:
        calls.append(1)
        return loss(model, task, batch) * (float("nan") if len(calls) == 3 else 1.0)

    run = trainer(tmp_path, tasks=("topic",), loss=broken)
    with pytest.raises(ModelError) as caught:
        run.train()
    listed = ", ".join(map(str, bad))
    assert caught.value.message == f"The topic loss is nan at step 2, on its examples {listed}."
    assert "lower the learning rate" in caught.value.hint
    assert lines(tmp_path)[-1] == {"step": 2, "stopped": caught.value.message}
    assert all(torch.isfinite(weight).all() for weight in run.model.parameters())


def test_a_gradient_that_is_no_number_never_reaches_the_weights(tmp_path: Path) -> None:
    def steep(model: MultiTask, task: str, batch: Batch) -> Tensor:
        return loss(model, task, batch) + (model.heads["topic"].out.bias.sum() * 0).sqrt()

    run = trainer(tmp_path, tasks=("topic",), loss=steep)
    numbers = ", ".join(map(str, plan("topic").numbers(0).tolist()))
    with pytest.raises(ModelError, match=f"norm is nan at step 0, on the examples of topic {numbers}"):
        run.train()
    assert all(torch.isfinite(weight).all() for weight in run.model.parameters())


def test_float16_skips_a_gradient_that_is_infinite_and_gives_up_when_all_are(tmp_path: Path) -> None:
    def huge(model: MultiTask, task: str, batch: Batch) -> Tensor:
        return loss(model, task, batch) * (1e35 if run.step == 1 or run.step > 3 else 1.0)

    run = trainer(tmp_path, tasks=("topic",), loss=huge, precision="float16", n_steps=100)
    run._advance()
    before = weights(run)
    run._advance()
    assert not differs(before, weights(run)) and run.precision.scaler.get_scale() == 2.0**15
    run._advance()
    assert differs(before, weights(run))
    with pytest.raises(ModelError, match=r"float16 gradient is still infinite.*precision=bfloat16"):
        run.train()


@pytest.mark.parametrize("precision", ["float32", "bfloat16", "float16"])
def test_the_forward_pass_computes_in_the_chosen_numbers(precision: str, tmp_path: Path) -> None:
    seen: set[torch.dtype] = set()
    run = trainer(tmp_path, precision=precision)
    run.model.backbone.encoder.blocks[0].self_attention.q.register_forward_hook(
        lambda _, __, output: seen.add(output.dtype)
    )
    run.train()
    assert seen == {getattr(torch, precision)}
    assert all(weight.dtype == torch.float32 for weight in run.model.parameters())
    assert run.precision.scaler.is_enabled() == (precision == "float16")
    saved = json.loads((tmp_path / "checkpoints/step-00000012/state.json").read_text())["state"]["scaler"]
    assert bool(saved) == (precision == "float16")
    again = trainer(tmp_path, precision=precision, n_steps=13)
    again._resume()
    assert again.precision.scaler.state_dict() == saved


def test_frozen_weights_stay_and_a_frozen_stack_does_not_drop_out(tmp_path: Path) -> None:
    run = trainer(tmp_path, frozen=("backbone.encoder", "backbone.embedding"))
    before = weights(run)
    run.train()
    changed = differs(before, weights(run))
    assert changed and not any(name.startswith(run.config.frozen) for name in changed)
    modes.set_training(run.model)
    assert not run.model.backbone.encoder.training and run.model.backbone.decoder.training
    assert not run.model.backbone.encoder.blocks[0].dropout.training
    part = small_model()
    part.backbone.decoder.requires_grad_(False)
    part.backbone.encoder.freeze(1)
    modes.set_training(part)
    assert part.backbone.encoder.training and not part.backbone.decoder.training


def test_freezing_says_what_it_does_not_find() -> None:
    with pytest.raises(InputError, match=r"frozen names 'encoder', but .*backbone\."):
        modes.freeze(small_model(), ["encoder"])
    with pytest.raises(InputError, match="Every weight is frozen"):
        modes.freeze(small_model(), [""])


def test_a_task_of_which_everything_is_frozen_is_named(tmp_path: Path) -> None:
    run = trainer(
        tmp_path, tasks=("topic",), frozen=("backbone.encoder", "backbone.embedding", "heads.topic")
    )
    with pytest.raises(InputError, match="No weight that is trained takes part in the topic loss"):
        run.train()


def test_gradient_checkpointing_gives_the_same_weights(tmp_path: Path) -> None:
    plain, frugal = trainer(tmp_path / "a"), trainer(tmp_path / "b", gradient_checkpointing=True)
    assert all(stack.gradient_checkpointing for stack in modes.stacks(frugal.model).values())
    plain.train()
    frugal.train()
    for name, weight in plain.model.state_dict().items():
        torch.testing.assert_close(weight, frugal.model.state_dict()[name], atol=1e-6, rtol=0, msg=name)


def test_compiled_blocks_train_to_the_same_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    compiled: list[nn.Module] = []

    def with_eager_backend(block: nn.Module, **options: Any) -> None:
        compiled.append(block)
        compile_block(block, **options | {"backend": "eager"})  # no C++ compiler needed

    compile_block = nn.Module.compile
    monkeypatch.setattr(nn.Module, "compile", with_eager_backend)
    options: dict[str, Any] = {"n_steps": 3, "warmup": 0, "precision": "float32"}
    fast = trainer(tmp_path / "a", small_model(dropout=0.0), compile=True, evaluate=size, **options)
    plain = trainer(tmp_path / "b", small_model(dropout=0.0), **options)
    fast.train()
    plain.train()
    assert len(compiled) == 4 and all(block._compiled_call_impl is not None for block in compiled)
    for name, weight in plain.model.state_dict().items():
        torch.testing.assert_close(weight, fast.model.state_dict()[name], atol=1e-4, rtol=1e-4, msg=name)


def test_the_log_says_what_happened(tmp_path: Path) -> None:
    run = trainer(tmp_path, evaluate=lambda _: {"f1": 0.5, "odd": math.inf}, evaluate_every=6)
    run.train()
    steps = [line for line in lines(tmp_path) if "loss" in line]
    assert [line["step"] for line in steps] == [2, 4, 6, 8, 10, 12]
    assert set(steps[-1]) == {"step", "seconds", "rate", "loss", "tokens_per_second", "seconds_left"}
    assert set(steps[-1]["loss"]) == set(TASKS) and steps[-1]["tokens_per_second"] > 0
    assert steps[0]["seconds_left"] > steps[-1]["seconds_left"] == 0
    assert steps[1]["rate"] == pytest.approx(1e-2) and steps[-1]["rate"] < 1e-3
    found = [line for line in lines(tmp_path) if "validation" in line]
    assert found == [{"step": step, "validation": {"f1": 0.5, "odd": None}} for step in (6, 12)]


def test_a_tracker_gets_what_the_log_gets(tmp_path: Path) -> None:
    class Listener:
        def __init__(self) -> None:
            self.heard: list[tuple[int, dict[str, float]]] = []

        def log(self, step: int, values: Any) -> None:
            self.heard.append((step, dict(values)))

        def close(self) -> None: ...

    listener = Listener()
    trainer(tmp_path, tracker=listener, evaluate=lambda _: {"f1": 0.5}, tasks=("topic",)).train()
    steps = [values for _, values in listener.heard if "rate" in values]
    logged = [line for line in lines(tmp_path) if "rate" in line]
    assert [values["loss/topic"] for values in steps] == [line["loss"]["topic"] for line in logged]
    assert (12, {"validation/f1": 0.5}) in listener.heard


def test_the_bar_shows_loss_speed_and_time_left(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    trainer(tmp_path, tasks=("topic",)).train()
    bar = capsys.readouterr().err
    assert "12/12" in bar and "topic=" in bar and "tok/s=" in bar and "<00:00" in bar


def test_a_profile_is_a_trace_of_so_many_steps(tmp_path: Path) -> None:
    run = trainer(tmp_path, profile_steps=2)
    run.train()
    trace = json.loads((tmp_path / "trace.json").read_text())
    names = {event.get("name") for event in trace["traceEvents"]}
    assert {"ProfilerStep#1", "ProfilerStep#2"} <= names and "ProfilerStep#3" not in names
    assert any("scaled_dot_product_attention" in str(name) for name in names)
    plain = trainer(tmp_path / "plain")
    plain.train()
    assert not differs(weights(run), weights(plain)) and not (tmp_path / "plain/trace.json").exists()


def test_a_small_model_learns(tmp_path: Path) -> None:
    def losses() -> dict[str, float]:
        run.model.eval()
        with torch.no_grad():
            return {
                task: float(loss(run.model, task, collate(plan(task).examples, task, 0))) for task in TASKS
            }

    run = trainer(tmp_path, n_steps=80, save_every=1000, rates={"": 1e-2}, precision="float32")
    before = losses()
    run.train()
    after = losses()
    assert all(after[task] < 0.8 * before[task] for task in TASKS), (before, after)


def test_a_config_must_fit_the_tasks(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="task_weights names the task 'titles', but there are emotion"):
        trainer(tmp_path, task_weights={"titles": 1.0})
    with pytest.raises(InputError, match=r"monitor is 'f1', but nothing is evaluated.*evaluate function"):
        trainer(tmp_path, monitor="f1")
    with pytest.raises(InputError, match="probabilities names the task 'tags'"):
        Trainer(small_model(), plans(), {"tags": 1.0}, config(), tmp_path, loss=loss)


def test_tokens_are_counted_without_padding(tmp_path: Path) -> None:
    rows = [
        Example(np.array([2, 7, 3]), np.array([7, 3]), 2),
        Example(np.array([2, 7, 8, 9, 3]), np.array([3]), 2),
    ]
    run = trainer(tmp_path, tasks=("summarization",), plans={"summarization": BatchPlan(rows, 2, 64, 0)})
    (portion,) = run.feed.peek("summarization")
    assert (portion.n_tokens, portion.n_units) == (8 + 3, 3) and sorted(portion.numbers) == [0, 1]
    assert replace(portion.batch).token_ids.shape == (2, 5)
