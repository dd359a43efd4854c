"""The emotions' branch: copies of the encoder's upper blocks that learn nothing but feelings."""

from dataclasses import dataclass, field

from builders.schema import Config, Loop, TaskBatches
from builders.stages import shared
from builders.stages.encoder import HELD_TOKENS, emotion_metrics
from builders.stages.tables import prepare
from leximind.errors import InputError
from leximind.model.multitask import MultiTask
from leximind.text.tokenizer import Tokenizer
from leximind.training import examples
from leximind.training.batches import BatchPlan
from leximind.training.distributed import Processes

STAGE = "emotion"
TRAINED = ("emotion_blocks", "heads.emotion")


@dataclass
class Options:
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
    plan = BatchPlan(rows, options.emotion.rows, options.emotion.tokens, config.seed)
    shared.train(
        config,
        STAGE,
        model,
        processes,
        plans={"emotion": plan},
        probabilities={"emotion": 1.0},
        loss=shared.make_loss(),
        evaluate=lambda model: emotion_metrics(model, held),
        frozen=shared.all_but(model, TRAINED),
    )
    return shared.finish(config, STAGE, model)
