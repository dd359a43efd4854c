"""Training in one process or several: ``torchrun -m tests.training_processes FOLDER`` runs all of it."""

import json
import shutil
import sys
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor
from torch.distributed.tensor import DTensor

from leximind.model.multitask import MultiTask
from leximind.training.batches import collate
from leximind.training.checkpoints import Checkpoints
from leximind.training.distributed import Objective, Processes, join, leave, units
from leximind.training.loop import Trainer
from tests.training_run import TASKS, loss, plan, size, small_model, trainer

# Shares are uneven, and now and then a batch has a single row for two processes.
N_ROWS = {"topic": [8, 1], "emotion": [7, 3], "summarization": [5, 1]}
# What the Trainer is run with, by name.
SCENARIOS: dict[str, dict[str, Any]] = {
    "ddp": {"accumulate": 2, "ema": 0.9, "conflict_every": 3},
    "pcgrad": {"accumulate": 2, "surgery": "pcgrad"},
    "fsdp": {"accumulate": 2, "ema": 0.9, "fsdp": True},
}

Weights = dict[str, Tensor]


def plain_run(processes: Processes, fsdp: bool = False) -> tuple[list[float], Weights, MultiTask]:
    """Twelve steps of a plain loop: the loss of each, the whole weights, and the model as it was wrapped."""
    model = small_model(processes.rank, dropout=0)  # in several processes the first one's weights count
    objective = processes.wrap(Objective(model, loss), fsdp)
    # Not Adam: it scales rounding errors up to whole steps where the true gradient is zero (biases of keys).
    optimiser = torch.optim.SGD(model.parameters(), lr=0.02, momentum=0.9)
    losses = []
    for step in range(12):
        task = TASKS[step % 3]
        rows = plan(task, seed=step).examples[: N_ROWS[task][step // 3 % 2]]
        batch = collate(processes.share(rows), task, 0)
        count = torch.tensor(float(units(batch) if processes.rank < len(rows) else 0))
        mean_loss = objective(task, batch) * (count / processes.mean(count))
        optimiser.zero_grad(set_to_none=True)
        mean_loss.backward()
        optimiser.step()
        losses.append(float(processes.mean(mean_loss)))
    return losses, whole(processes, model), model


def trainer_for(name: str, processes: Processes, folder: Path) -> Trainer:
    """The Trainer of a scenario; 41 examples in batches of 8 leave a batch of one at the end of an epoch."""
    batch = collate(plan("topic", seed=9).examples[:6], "topic", 0)

    def evaluate(model: MultiTask) -> dict[str, float]:
        with torch.no_grad():  # twice, because FSDP shares weights out again after they were used
            values = [float(model("topic", batch.token_ids, batch.mask).square().mean()) for _ in range(2)]
        assert values[0] == values[1]
        return {"topic": values[0], **size(model)}

    plans = {task: plan(task, 41, n_rows=8) for task in TASKS}
    options = {"log_every": 1, "precision": "float32", "keep_last": 9, "weight_decay": 0.1, "clip": 5.0}
    return trainer(
        folder, small_model(processes.rank, dropout=0), plans=plans, evaluate=evaluate, processes=processes,
        **options | SCENARIOS[name],
    )  # fmt: skip


def whole(processes: Processes, model: MultiTask) -> Weights:
    return processes.gather({name: w.detach() for name, w in model.named_parameters()})


def train(name: str, processes: Processes, folder: Path) -> Weights:
    run = trainer_for(name, processes, folder)
    run.train()
    return whole(processes, run.model)


def facts(processes: Processes, model: MultiTask, weights: Weights) -> dict[str, object]:
    """What only several processes can show, on a model that FSDP shares out."""
    own = dict(model.named_parameters())
    again = processes.scatter(weights, own)
    sharded = {name: w for name, w in own.items() if isinstance(w, DTensor)}
    return {
        "rank": processes.rank,
        "share": processes.share(list(range(7))),
        "mean": float(processes.mean(torch.tensor(float(processes.rank)))),
        "sharded": len(sharded) / len(own),
        "held": sum(w.to_local().numel() for w in sharded.values()),
        "whole": sum(w.numel() for w in sharded.values()),
        "scattered": all(torch.equal(again[name].to_local(), w.to_local()) for name, w in sharded.items()),
    }


def main(folder: Path) -> None:
    processes = join("cpu")
    results: dict[str, Weights] = {}
    losses: dict[str, list[float]] = {}
    for mode in ("ddp", "fsdp"):
        losses[mode], results[f"plain-{mode}"], model = plain_run(processes, mode == "fsdp")
    found = facts(processes, model, results["plain-fsdp"])
    for name in SCENARIOS:
        results[f"trainer-{name}"] = train(name, processes, folder / name)
    if processes.is_first:  # as a kill after step 4 leaves it
        for step in (8, 12):
            shutil.rmtree(Checkpoints(folder / "fsdp", 9).path(step))
    processes.barrier()
    results["resumed-fsdp"] = train("fsdp", processes, folder / "fsdp")
    for name, weights in results.items():
        tensors = {key: weight.contiguous() for key, weight in weights.items()}
        save_file(tensors, folder / f"{name}-{processes.rank}.safetensors")
    (folder / f"{processes.rank}.json").write_text(json.dumps({"losses": losses, **found}))
    processes.barrier()
    if processes.is_first:
        assert (folder / "1.json").exists(), "the barrier waits for the others"
    leave()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
