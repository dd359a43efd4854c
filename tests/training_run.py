"""A tiny training run, and a program that trains and kills itself at a given point.

``python -m tests.training_run FOLDER POINT``; POINT is ``loss:N`` (in the N-th forward pass), ``file:N``
(half way through the N-th file of a checkpoint), ``name:N`` (before the N-th checkpoint gets its name) or
``evaluation:N`` (in the N-th evaluation).
"""

import os
import signal
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from leximind.model.config import MultiTaskConfig, preset
from leximind.model.multitask import MultiTask
from leximind.training import checkpoints
from leximind.training.batches import IGNORE, Batch, BatchPlan
from leximind.training.examples import Example
from leximind.training.loop import LoopConfig, Trainer

TASKS = ("emotion", "topic", "summarization")
BASIC: dict[str, Any] = {
    "n_steps": 12, "warmup": 3, "rates": {"": 1e-3, "heads": 1e-2}, "save_every": 4, "log_every": 2,
    "device": "cpu",
}  # fmt: skip
# What the run that is killed uses: everything that has a state.
KILLED: dict[str, Any] = {
    "accumulate": 2, "ema": 0.9, "evaluate_every": 3, "monitor": "-size", "patience": 50, "keep_last": 2,
}  # fmt: skip


def config(**options: Any) -> LoopConfig:
    return LoopConfig(**BASIC | options)


def small_config(dropout: float = 0.1) -> MultiTaskConfig:
    """Two blocks, 16 wide, 50 words."""
    mini = preset("leximind-mini")
    assert isinstance(mini, MultiTaskConfig)
    shape: dict[str, Any] = {
        "n_layers": 2, "d_model": 16, "n_heads": 2, "n_kv_heads": 2, "d_head": 8, "d_ff": 32,
        "dropout": dropout, "n_positions": 32,
    }  # fmt: skip
    encoder, decoder = replace(mini.backbone.encoder, **shape), replace(mini.backbone.decoder, **shape)
    backbone = replace(
        mini.backbone, encoder=encoder, decoder=decoder, vocab_size=50, eos_token_id=3, start_token_id=2
    )
    return MultiTaskConfig(backbone, d_emotion=16, d_embedding=16, head_dropout=dropout)


def small_model(seed: int = 0, dropout: float = 0.1) -> MultiTask:
    torch.manual_seed(seed)
    model = MultiTask(small_config(dropout))
    for weight in model.parameters():
        if weight.ndim > 1:
            torch.nn.init.normal_(weight, std=0.3)
    return model


def plan(task: str, n: int = 40, seed: int = 0, n_rows: int = 8) -> BatchPlan:
    """Random sources whose second token decides the answer."""
    rng = np.random.default_rng([seed, TASKS.index(task)])
    made = []
    for _ in range(n):
        source = np.array([2, *rng.integers(5, 50, rng.integers(3, 12)), 3], dtype=np.int32)
        target: Any = np.array([*source[1 : rng.integers(2, 4)], 3], dtype=np.int32)
        if task == "emotion":
            target = (np.arange(28) % 9 == source[1] % 9).astype(np.float32)
        elif task == "topic":
            target = np.array(int(source[1]) % 7)
        made.append(Example(source, target, 2))
    return BatchPlan(made, n_rows, 256, seed)


def plans(tasks: tuple[str, ...] = TASKS) -> dict[str, BatchPlan]:
    return {task: plan(task) for task in tasks}


def loss(model: MultiTask, task: str, batch: Batch) -> Tensor:
    """Plain losses, a mean over rows or target tokens."""
    if task == "summarization":
        assert batch.decoder_ids is not None
        wanted = batch.targets != IGNORE
        memory = model.backbone.encode(batch.token_ids, batch.mask)
        likelihood = model.backbone.log_likelihood(
            batch.decoder_ids, batch.targets.masked_fill(~wanted, 0), memory
        )
        return -(likelihood * wanted).sum() / wanted.sum()
    logits = model(task, batch.token_ids, batch.mask).float()
    if task == "topic":
        return F.cross_entropy(logits, batch.targets)
    return F.binary_cross_entropy_with_logits(logits, batch.targets)


def size(model: MultiTask) -> dict[str, float]:
    """An evaluation that depends on every weight."""
    return {"size": float(sum(weight.double().square().sum() for weight in model.parameters()))}


def trainer(folder: Path, model: MultiTask | None = None, **options: Any) -> Trainer:
    """A trainer on the random tasks; `tasks`, `plans`, `loss`, `evaluate` and the like, or config values."""
    tasks = options.pop("tasks", TASKS)
    named = {name: options.pop(name) for name in ("evaluate", "processes", "tracker") if name in options}
    given: Mapping[str, BatchPlan] = options.pop("plans", None) or plans(tasks)
    measure: Callable[..., Tensor] = options.pop("loss", loss)
    probabilities = dict.fromkeys(tasks, 1 / len(tasks))
    return Trainer(
        model or small_model(), given, probabilities, config(**options), folder, loss=measure, **named
    )


def killed_trainer(folder: Path, **options: Any) -> Trainer:
    torch.set_num_threads(1)
    return trainer(folder, evaluate=options.pop("evaluate", size), **KILLED | options)


def kill() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def kill_on_call(
    number: int, function: Callable[..., Any], before: Callable[..., None]
) -> Callable[..., Any]:
    """The function, but the process dies in its call with this number, from 1, after `before`."""
    calls: list[int] = []

    def wrapped(*arguments: Any, **options: Any) -> Any:
        calls.append(1)
        if len(calls) == number:
            before(*arguments, **options)
            kill()
        return function(*arguments, **options)

    return wrapped


def main() -> None:
    folder, (what, _, text) = Path(sys.argv[1]), sys.argv[2].partition(":")
    number = int(text)

    def nothing(*_: Any, **__: Any) -> None: ...

    def half(tensors: Mapping[str, Tensor], path: Path, **_: Any) -> None:
        saved(tensors, path)
        data = path.read_bytes()
        path.write_bytes(data[: len(data) // 2])

    saved = checkpoints.save_file
    options: dict[str, Any] = {}
    if what == "loss":
        options["loss"] = kill_on_call(number, loss, nothing)
    elif what == "evaluation":
        options["evaluate"] = kill_on_call(number, size, nothing)
    elif what == "file":
        checkpoints.save_file = kill_on_call(number, saved, half)  # type: ignore[assignment]
    elif what == "name":
        Path.rename = kill_on_call(number, Path.rename, nothing)  # type: ignore[method-assign]
    killed_trainer(folder, **options).train()


if __name__ == "__main__":
    main()
