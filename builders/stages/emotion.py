"""The emotions' branch: copies of the encoder's upper blocks that learn nothing but feelings."""

from dataclasses import dataclass, field

from torch import Tensor

from builders.schema import Config, Loop, TaskBatches
from builders.stages import shared
from builders.stages.encoder import HELD_TOKENS, emotion_metrics
from builders.stages.tables import prepare
from leximind.errors import InputError
from leximind.model.multitask import MultiTask
from leximind.text.tokenizer import Tokenizer
from leximind.training import examples
from leximind.training.batches import Batch, BatchPlan
from leximind.training.distributed import Processes
from leximind.training.losses import consistent_emotion_loss, task_loss

STAGE = "emotion"
TRAINED = ("emotion_blocks", "heads.emotion")


@dataclass
class Options:
    """Attributes:
    consistency: weight of the divergence between two passes with different dropout; 0 makes one pass.
    """

    consistency: float = 0.0
    loop: Loop = field(default_factory=Loop)
    emotion: TaskBatches = field(default_factory=TaskBatches)


def run(config: Config, model: MultiTask, tokenizer: Tokenizer, processes: Processes) -> MultiTask:
    """Train the branch, which begins as a copy of the encoder's blocks; all else rests."""
    options: Options = config.training.emotion
    if not model.emotion_blocks:
        raise InputError(
            f"The preset {config.model.preset!r} has no emotion branch.",
            hint="Leave the stage out, or take leximind-mini.",
        )
    tables = prepare(config, processes)
    tables.need("emotion")
    rows = examples.emotion_examples(tables.train["emotion"], tokenizer, options.emotion.max_tokens)
    held = examples.emotion_examples(
        tables.validation["emotion"].iloc[::2], tokenizer, HELD_TOKENS["emotion"]
    )

    def loss(model: MultiTask, task: str, batch: Batch) -> Tensor:
        if options.consistency:
            return consistent_emotion_loss(model, batch, options.consistency)
        return task_loss(model, task, batch)[0]

    plan = BatchPlan(rows, options.emotion.rows, options.emotion.tokens, config.seed)
    shared.train(
        config,
        STAGE,
        model,
        processes,
        plans={"emotion": plan},
        probabilities={"emotion": 1.0},
        loss=loss,
        evaluate=lambda model: emotion_metrics(model, held),
        frozen=shared.all_but(model, TRAINED),
    )
    return shared.finish(config, STAGE, model)
