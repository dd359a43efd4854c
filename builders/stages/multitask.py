"""Every task at once on one model, as the T5 presets are trained; whole, or by adapters on a frozen base."""

import copy
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd
import torch

from builders.schema import Config, Loop, TaskBatches
from builders.stages import shared
from builders.stages.decoder import all_targets, first_targets
from builders.stages.encoder import emotion_metrics, topic_metrics
from builders.stages.tables import prepare
from leximind.errors import InputError
from leximind.model.adapters import AdapterConfig, add_adapters, load_adapters, merge_adapters, save_adapters
from leximind.model.low_bit import quantise_base
from leximind.model.multitask import MultiTask
from leximind.text.tokenizer import Tokenizer
from leximind.training import examples
from leximind.training.batches import BatchPlan
from leximind.training.checkpoints import AVERAGE, MODEL, best_checkpoint, read_tensors
from leximind.training.distributed import Processes
from leximind.training.examples import Example
from leximind.training.sampling import task_probabilities

STAGE = "multitask"
TASKS = ("emotion", "topic", "summarization")
ADAPTERS = "adapters"


@dataclass
class Options:
    """Attributes:
    tasks: any of emotion, topic, summarization.
    alpha: tasks are drawn in proportion to their rows to this power.
    max_target: longer summaries are left out, in tokens.
    n_held: at most so many validation rows of each task are looked at; 0 is all.
    """

    loop: Loop = field(default_factory=Loop)
    tasks: list[str] = field(default_factory=lambda: list(TASKS))
    alpha: float = 0.5
    label_smoothing: float = 0.1
    emotion: TaskBatches = field(default_factory=TaskBatches)
    topic: TaskBatches = field(default_factory=TaskBatches)
    summarization: TaskBatches = field(default_factory=TaskBatches)
    max_target: int = 256
    n_held: int = 1000


def run(config: Config, model: MultiTask, tokenizer: Tokenizer, processes: Processes) -> MultiTask:
    """Train all tasks at once; with ``lora.rank`` only adapters and heads, which are then saved alone."""
    options: Options = config.training.multitask
    if unknown := [task for task in options.tasks if task not in TASKS]:
        raise InputError(f"multitask has no task {unknown[0]!r}; there are {', '.join(TASKS)}.")
    tables = prepare(config, processes)
    tables.need(*options.tasks)
    rows = {task: make_examples(task, tables.train[task], tokenizer, options) for task in options.tasks}
    held = {
        task: make_examples(
            task, tables.sample(task, options.n_held, config.seed), tokenizer, options, held=True
        )
        for task in options.tasks
    }
    plans = {
        task: BatchPlan(rows[task], getattr(options, task).rows, getattr(options, task).tokens, config.seed)
        for task in rows
    }

    def evaluate(model: MultiTask) -> dict[str, float]:
        return measure(model, held, options)

    base = copy.deepcopy(model) if config.lora.rank else model
    adapters = adapt(model, config) if config.lora.rank else None
    shared.train(
        config,
        STAGE,
        model,
        processes,
        plans=plans,
        probabilities=task_probabilities({task: len(rows[task]) for task in rows}, options.alpha),
        loss=shared.make_loss(options.label_smoothing),
        evaluate=evaluate,
    )
    if adapters is None:
        return shared.finish(config, STAGE, model)
    return fold(shared.stage_folder(config, STAGE), model, base, adapters, processes)


def make_examples(
    task: str, frame: pd.DataFrame, tokenizer: Tokenizer, options: Options, held: bool = False
) -> list[Example]:
    """A table as examples of its task; of held-out summaries the first of each row.

    Raises:
        InputError: not one summary is short enough.
    """
    max_tokens = getattr(options, task).max_tokens
    if task == "emotion":
        return examples.emotion_examples(frame, tokenizer, max_tokens)
    if task == "topic":
        return examples.topic_examples(frame, tokenizer, max_tokens)
    pairs = first_targets(frame) if held else all_targets(frame)
    rows = examples.summary_examples(pairs, tokenizer, max_tokens, options.max_target)
    if not rows:
        raise InputError(
            f"Not one of {len(pairs)} summaries has from 3 to {options.max_target} tokens.",
            hint="Raise training.multitask.max_target.",
        )
    return rows


def measure(model: MultiTask, held: dict[str, list[Example]], options: Options) -> dict[str, float]:
    """Metrics of every task, and `loss`, the sum of their losses in the weights of training."""
    found: dict[str, float] = {}
    if "emotion" in held:
        found |= emotion_metrics(model, held["emotion"])
    if "topic" in held:
        found |= topic_metrics(model, held["topic"])
    if "summarization" in held:
        found["summarization_loss"] = shared.summary_loss(model, held["summarization"])
    weights = options.loop.task_weights
    return found | {"loss": sum(weights.get(task, 1.0) * found[f"{task}_loss"] for task in held)}


def adapt(model: MultiTask, config: Config) -> AdapterConfig:
    """Put adapters on the model, whose own weights then rest; in fewer bits where those were asked for."""
    given, loop = config.lora, config.training.multitask.loop
    if loop.fsdp:
        raise InputError("lora and fsdp do not go together.", hint="Adapters are small: use DDP, fsdp=false.")
    # The base rests: its rate is the adapters'.
    loop.rates = {
        prefix: given.rate if not prefix or prefix.startswith("backbone") else rate
        for prefix, rate in loop.rates.items()
    }
    torch.manual_seed(config.seed)
    wanted = AdapterConfig(
        given.rank,
        given.alpha,
        given.dropout,
        tuple(given.targets),
        tuple(given.trained),
        config.model.weights,
    )
    adapters = add_adapters(model, wanted)
    if given.bits:
        quantise_base(model, given.bits)  # type: ignore[arg-type]  # it says itself which there are
    return adapters


def fold(
    folder: Path, model: MultiTask, base: MultiTask, adapters: AdapterConfig, processes: Processes
) -> MultiTask:  # fmt: skip
    """Save the best adapters alone, in ``FOLDER/adapters``, and give the base with them merged into it."""
    best = best_checkpoint(folder)
    state = read_tensors(best, MODEL) | read_tensors(best, AVERAGE)
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if weight.requires_grad:
                weight.copy_(state[name])
    if processes.is_first:
        save_adapters(model, adapters, folder / ADAPTERS)
    processes.barrier()
    load_adapters(base, folder / ADAPTERS)
    merge_adapters(base)
    return base.eval()
