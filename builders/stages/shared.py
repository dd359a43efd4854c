"""What the stages that train have in common: a loop that is run, and numbers about its model."""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from builders.pipeline.files import write_atomically
from builders.schema import Config
from leximind.errors import InputError
from leximind.model.multitask import MultiTask
from leximind.model.seq2seq import Seq2Seq
from leximind.training.batches import Batch, BatchPlan, collate
from leximind.training.checkpoints import load_weights
from leximind.training.config import LoopConfig
from leximind.training.distributed import Processes
from leximind.training.examples import Example
from leximind.training.feed import to_device
from leximind.training.loop import Trainer
from leximind.training.losses import distillation_loss, task_loss
from leximind.training.tracking import Tracker

Loss = Callable[[MultiTask, str, Batch], Tensor]
Evaluate = Callable[[MultiTask], dict[str, float]]

PROFILE_STEPS: Final = 20
STARTED: Final = "started.json"
# These change how long a stage takes or what it leaves behind, not what is learned.
HARMLESS: Final = frozenset(
    {"save_every", "evaluate_every", "log_every", "keep_last", "conflict_every", "compile", "fsdp"}
)


def stage_folder(config: Config, stage: str) -> Path:
    """Where a stage keeps its log and its checkpoints."""
    return Path(config.output) / stage


def train(
    config: Config,
    stage: str,
    model: MultiTask,
    processes: Processes,
    *,
    plans: Mapping[str, BatchPlan],
    probabilities: Mapping[str, float],
    loss: Loss,
    evaluate: Evaluate,
    frozen: Sequence[str] = (),
) -> None:
    """Run a stage's loop to its end; its weights are then in the checkpoints of `stage_folder`.

    Args:
        frozen: prefixes of weights that this stage never trains, besides those of its options.

    Raises:
        InputError: what is in the folder is of a run with other settings or other weights to begin with.
    """
    folder, options = stage_folder(config, stage), getattr(config.training, stage)
    loop = loop_config(config, options.loop, frozen)
    if processes.is_first:
        check_start(folder, model, options, config)
    processes.barrier()
    tracker = make_tracker(config, stage) if processes.is_first else None
    trainer = Trainer(
        model, plans, probabilities, loop, folder, loss=loss, evaluate=evaluate, processes=processes,
        tracker=tracker,
    )  # fmt: skip
    trainer.train()
    if tracker is not None:
        tracker.close()


def finish(config: Config, stage: str, model: MultiTask) -> MultiTask:
    """A plain model with a stage's best weights, for the next one to start from."""
    finished = MultiTask(model.config)
    load_weights(finished, stage_folder(config, stage))
    return finished.eval()


def loop_config(config: Config, loop: Any, frozen: Sequence[str] = ()) -> LoopConfig:
    """The loop's settings, with those that are said once for the whole run."""
    settings = asdict(loop)
    settings["frozen"] = (*settings["frozen"], *frozen)
    return LoopConfig(
        **settings,
        seed=config.seed,
        device=config.device,
        resume=config.resume,
        profile_steps=PROFILE_STEPS if config.profile else 0,
    )


def all_but(model: nn.Module, prefixes: tuple[str, ...]) -> tuple[str, ...]:
    """The names of all weights that begin with none of `prefixes`, to be frozen."""
    return tuple(name for name, _ in model.named_parameters() if not name.startswith(prefixes))


def check_start(folder: Path, model: nn.Module, options: Any, config: Config) -> None:
    """Refuse to go on with a run that began with other weights or settings; otherwise say what this one has.

    A checkpoint holds the whole model, so going on after an earlier stage was trained again would silently
    bring back what that stage had learned before.
    """
    path = folder / STARTED
    settings = _flatten(asdict(options))
    described = {"weights": fingerprint(model), **{k: v for k, v in settings.items() if k not in HARMLESS}}
    described = json.loads(json.dumps(described))
    if config.resume != "never" and path.exists() and any(folder.glob("checkpoints/step-*")):
        before = json.loads(path.read_text(encoding="utf-8"))
        for name in described.keys() & before.keys():
            if described[name] != before[name]:
                was, now = (str(given[name])[:60] for given in (before, described))
                raise InputError(
                    f"{folder} holds a run that began with {name} {was}, but this one has {now}.",
                    hint="Use the same, another output=FOLDER, or resume=never to begin this stage anew.",
                )
    folder.mkdir(parents=True, exist_ok=True)
    write_atomically(path, json.dumps(described, indent=1) + "\n")


def fingerprint(model: nn.Module) -> str:
    """SHA-256 of all weights."""
    total = hashlib.sha256()
    for name, value in sorted(model.state_dict().items()):
        total.update(f"{name} {value.dtype} {tuple(value.shape)}\n".encode())
        total.update(value.detach().cpu().contiguous().flatten().view(torch.uint8).numpy())
    return total.hexdigest()


def make_tracker(config: Config, stage: str) -> Tracker | None:
    """What `tracking` asks for. Raises InputError for a tracker there is none of."""
    if config.tracking == "none":
        return None
    if config.tracking != "mlflow":
        raise InputError(f"tracking is {config.tracking!r}, but none or mlflow was expected.")
    from leximind.training.tracking import mlflow_tracker

    settings = asdict(getattr(config.training, stage)) | {"seed": config.seed, "model": config.model.name}
    return mlflow_tracker(Path(config.output), f"{config.model.name} {stage}", settings)


def make_loss(
    label_smoothing: float = 0.0, teacher: Seq2Seq | None = None, distillation: float = 0.0
) -> Loss:  # fmt: skip
    """The loss of a batch; with a teacher, its sentence embedding is kept on every task but emotion."""

    def loss(model: MultiTask, task: str, batch: Batch) -> Tensor:
        value, states = task_loss(model, task, batch, label_smoothing)
        if teacher is not None and task != "emotion":
            value = value + distillation * distillation_loss(states, batch, teacher)
        return value

    return loss


@torch.inference_mode()
def predict(model: MultiTask, task: str, rows: Sequence[Example]) -> NDArray[np.float32]:
    """Logits (N, labels) of a classification task, in the order of `rows`."""
    device, pad_id = next(model.parameters()).device, model.config.backbone.pad_token_id
    order = np.argsort([len(example.source) for example in rows], kind="stable")
    n_labels = model.config.n_emotions if task == "emotion" else model.config.n_topics
    logits = np.zeros((len(rows), n_labels), dtype=np.float32)
    for part in np.array_split(order, max(1, len(rows) // 64)):
        batch = to_device(collate([rows[i] for i in part], task, pad_id), device)
        with torch.autocast(device.type, torch.bfloat16):
            logits[part] = model(task, batch.token_ids, batch.mask).float().cpu().numpy()
    return logits


@torch.inference_mode()
def summary_loss(model: MultiTask, rows: Sequence[Example]) -> float:
    """The mean over batches of the negative log-likelihood a token of the summaries."""
    device, pad_id = next(model.parameters()).device, model.config.backbone.pad_token_id
    losses = []
    for start in range(0, len(rows), 32):
        batch = to_device(collate(rows[start : start + 32], "summarization", pad_id), device)
        with torch.autocast(device.type, torch.bfloat16):
            losses.append(float(task_loss(model, "summarization", batch)[0]))
    return float(np.mean(losses))


def _flatten(settings: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in settings.items():
        if isinstance(value, Mapping) and name not in ("rates", "task_weights"):
            flat |= _flatten(value, "" if name == "loop" else f"{prefix}{name}.")
        else:
            flat[f"{prefix}{name}"] = value
    return flat
