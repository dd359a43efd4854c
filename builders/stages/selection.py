"""The selection head learns which sentences stand for a text, on what the frozen encoder sees."""

from dataclasses import dataclass, field

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from builders.schema import Config, Loop
from builders.stages import shared
from builders.stages.encoded import selection_examples
from builders.stages.tables import prepare
from leximind.errors import InputError
from leximind.inference.summaries import EXTRACT_WORDS
from leximind.model.multitask import EXTRACTS, MultiTask
from leximind.text.tokenizer import Tokenizer
from leximind.training.batches import Batch, BatchPlan, collate
from leximind.training.distributed import Processes
from leximind.training.examples import EncodedExample
from leximind.training.feed import to_device
from leximind.training.selection import selection_loss, sentence_scores

STAGE = "selection"
TRAINED = ("heads.selection",)
Rows = dict[str, list[EncodedExample]]


@dataclass
class Options:
    """Attributes:
    rows: texts of a batch.
    n_words: of the extract that several sentences are to make.
    shares: how often each kind comes up.
    n_held: at most so many validation texts of each kind are looked at; 0 is all.
    """

    loop: Loop = field(default_factory=Loop)
    rows: int = 32
    n_words: int = EXTRACT_WORDS["abstract"]
    shares: dict[str, float] = field(default_factory=lambda: {"sentence": 0.5, "passage": 0.5})
    n_held: int = 0


def run(config: Config, model: MultiTask, tokenizer: Tokenizer, processes: Processes) -> MultiTask:
    """Train the head; the encoder is read once and rests."""
    options: Options = config.training.selection
    if "selection" not in model.heads:
        raise InputError(
            f"The preset {config.model.preset!r} has no selection head.",
            hint="Leave the stage out, or take leximind-mini.",
        )
    tables = prepare(config, processes)
    tables.need("selection")
    model.eval().to(processes.device)
    train = read_rows(model, tokenizer, tables.train["selection"], options)
    held = read_rows(model, tokenizer, tables.sample("selection", options.n_held, config.seed), options)
    plans = {kind: BatchPlan(rows, options.rows, 1_000_000, config.seed) for kind, rows in train.items()}

    whole = sum(options.shares[kind] for kind in plans)

    def loss(model: MultiTask, task: str, batch: Batch) -> Tensor:
        return selection_loss(model, task, batch)

    shared.train(
        config,
        STAGE,
        model,
        processes,
        plans=plans,
        probabilities={kind: options.shares[kind] / whole for kind in plans},
        loss=loss,
        evaluate=lambda model: {
            f"{kind}_gain": mean_gain(model, kind, rows) for kind, rows in held.items() if rows
        },
        frozen=shared.all_but(model, TRAINED),
    )
    return shared.finish(config, STAGE, model)


def read_rows(model: MultiTask, tokenizer: Tokenizer, frame: pd.DataFrame, options: Options) -> Rows:
    """The texts of each kind, as the encoder sees them. Raises InputError for a kind there is none of."""
    rows: Rows = {}
    for kind, part in frame.groupby("kind"):
        if kind not in EXTRACTS:
            raise InputError(
                f"A selection source is of kind {kind!r}, but one of {', '.join(EXTRACTS)} was expected.",
                hint="Say kind: KIND beside the source's path.",
            )
        n_words = None if kind == "sentence" else options.n_words
        rows[kind] = selection_examples(
            model, tokenizer, list(part["source"]), list(part["targets"]), n_words=n_words
        )
    return rows


@torch.inference_mode()
def mean_gain(model: MultiTask, kind: str, rows: list[EncodedExample]) -> float:
    """What the best-scored sentence gains; of an extract, the share of its sentences that score highest."""
    device, gains = next(model.parameters()).device, []
    for example in rows:
        batch = to_device(collate([example], kind, 0), device)
        scores = sentence_scores(model, batch)[0, :, EXTRACTS.index(kind)].cpu().numpy()
        n = 1 if kind == "sentence" else max(1, int(example.target.sum()))
        gains.append(float(example.target[np.argsort(-scores)[:n]].mean()))
    return float(np.mean(gains))
