"""The encoder learns emotions and topics while keeping the sentence embedding it came with."""

from dataclasses import dataclass, field

import numpy as np
import torch
import torch.nn.functional as F
from sklearn.metrics import accuracy_score, f1_score

from builders.schema import Config, Loop, TaskBatches
from builders.stages import shared
from builders.stages.start import build_model
from builders.stages.tables import prepare
from leximind.errors import InputError
from leximind.model.multitask import MultiTask
from leximind.text.tokenizer import Tokenizer
from leximind.training import examples
from leximind.training.batches import BatchPlan
from leximind.training.distributed import Processes
from leximind.training.sampling import task_probabilities

STAGE = "encoder"
TRAINED = ("backbone.embedding", "backbone.encoder", "heads")
UNTUNED = -0.85  # the log-odds of 0.3, the threshold before each emotion has its own
HELD_TOKENS = {"emotion": 160, "topic": 256}


@dataclass
class Options:
    """Attributes:
    alpha: tasks are drawn in proportion to their rows to this power.
    distillation: weight of staying close to the sentence embedding at the start; 0 is off.
    n_held: at most so many validation rows of each task are looked at; 0 is all.
    """

    loop: Loop = field(default_factory=Loop)
    alpha: float = 0.5
    label_smoothing: float = 0.0
    distillation: float = 0.0
    n_held: int = 0
    emotion: TaskBatches = field(default_factory=TaskBatches)
    topic: TaskBatches = field(default_factory=TaskBatches)


def run(config: Config, model: MultiTask, tokenizer: Tokenizer, processes: Processes) -> MultiTask:
    """Train the encoder and the heads of emotion and topic; the decoder rests."""
    options: Options = config.training.encoder
    tables = prepare(config, processes)
    tables.need("emotion", "topic")
    model.uses_branch = False  # the shared encoder learns both; the branch grows from it afterwards
    make = {"emotion": examples.emotion_examples, "topic": examples.topic_examples}
    rows = {
        task: make[task](tables.train[task], tokenizer, getattr(options, task).max_tokens) for task in make
    }
    held = {
        task: make[task](tables.sample(task, options.n_held, config.seed), tokenizer, HELD_TOKENS[task])
        for task in make
    }

    def evaluate(model: MultiTask) -> dict[str, float]:
        return emotion_metrics(model, held["emotion"]) | topic_metrics(model, held["topic"])

    teacher = None
    if options.distillation:
        if not config.model.weights:
            raise InputError(
                "Random weights have no sentence embedding to keep.",
                hint="Set training.encoder.distillation=0.",
            )
        teacher = build_model(config.model, config.seed).backbone.requires_grad_(False).to(processes.device)
    plans = {
        task: BatchPlan(rows[task], getattr(options, task).rows, getattr(options, task).tokens, config.seed)
        for task in rows
    }
    shared.train(
        config,
        STAGE,
        model,
        processes,
        plans=plans,
        probabilities=task_probabilities({task: len(rows[task]) for task in rows}, options.alpha),
        loss=shared.make_loss(options.label_smoothing, teacher, options.distillation),
        evaluate=evaluate,
        frozen=shared.all_but(model, TRAINED),
    )
    return restore(config, model)


def restore(config: Config, model: MultiTask) -> MultiTask:
    """The model as the stage leaves it: the emotions' branch begins where the encoder has come to."""
    finished = shared.finish(config, STAGE, model)
    finished.grow_branch()
    return finished


def emotion_metrics(model: MultiTask, held: list[examples.Example]) -> dict[str, float]:
    """Loss summed over emotions, and macro-F1 with one threshold for all of them."""
    gold = np.stack([example.target for example in held]).astype(np.float32)
    logits = shared.predict(model, "emotion", held)
    losses = F.binary_cross_entropy_with_logits(
        torch.from_numpy(logits), torch.from_numpy(gold), reduction="none"
    )
    return {
        "emotion_loss": float(losses.sum(1).mean()),
        "emotion_macro_f1_untuned": float(f1_score(gold, logits > UNTUNED, average="macro", zero_division=0)),
    }


def topic_metrics(model: MultiTask, held: list[examples.Example]) -> dict[str, float]:
    """Loss, accuracy, and macro-F1 over the topics that occur."""
    gold = np.array([int(example.target) for example in held])
    logits = shared.predict(model, "topic", held)
    guessed = logits.argmax(1)
    return {
        "topic_loss": float(F.cross_entropy(torch.from_numpy(logits), torch.from_numpy(gold))),
        "topic_accuracy": float(accuracy_score(gold, guessed)),
        "topic_macro_f1": float(f1_score(gold, guessed, average="macro", zero_division=0)),
    }
