"""The topic head's word weights: a logistic regression on tf-idf, which is convex and needs no loop."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from scipy.sparse import csr_matrix, vstack
from sklearn.linear_model import LogisticRegression

from builders.schema import Config
from builders.stages import shared
from builders.stages.encoder import HELD_TOKENS, topic_metrics
from builders.stages.tables import prepare
from leximind.errors import InputError
from leximind.model.multitask import MultiTask, WordWeights
from leximind.text.tokenizer import Tokenizer, pad
from leximind.training import examples
from leximind.training.checkpoints import MODEL, Checkpoints, State
from leximind.training.distributed import Processes

STAGE = "words"
ROWS = 256


@dataclass
class Options:
    """Attributes:
    strength: inverse of the L2 penalty; below 1 the weights say less than the text allows.
    min_texts: words in fewer training texts say nothing.
    """

    strength: float = 1.0
    min_texts: int = 3


def run(config: Config, model: MultiTask, tokenizer: Tokenizer, processes: Processes) -> MultiTask:
    """Fit the weights, and keep the whole model as a checkpoint of one step."""
    options: Options = config.training.words
    head: Any = model.heads["topic"]
    if head.words is None:
        raise InputError(
            f"The topic head of the preset {config.model.preset!r} counts no words.",
            hint="Leave the stage out, or take leximind-mini.",
        )
    tables = prepare(config, processes)
    tables.need("topic")
    if processes.is_first:
        model.to("cpu").eval()
        frame = tables.train["topic"]
        rows = [piece.ids for piece in tokenizer.pieces(list(frame["text"]))]
        topics = np.array([int(row.target) for row in examples.topic_examples(frame, tokenizer, 8)])
        fit_words(head.words, rows, topics, options)
        held = examples.topic_examples(
            tables.sample("topic", 0, config.seed), tokenizer, HELD_TOKENS["topic"]
        )
        found = topic_metrics(model, held)
        print("  " + ", ".join(f"{name} {value:.4f}" for name, value in found.items()))
        checkpoints = Checkpoints(shared.stage_folder(config, STAGE), keep_last=1)
        checkpoints.save(State(step=1, seed=config.seed), {MODEL: model.state_dict()})
    processes.barrier()
    return shared.finish(config, STAGE, model)


def fit_words(
    words: WordWeights, rows: list[list[int]], topics: np.ndarray[Any, np.dtype[np.int64]], options: Options
) -> None:
    """Set idf, weights and bias from training texts' token ids, without special tokens, and their topics."""
    found = np.bincount(np.concatenate([np.unique(row) for row in rows]), minlength=len(words.idf))
    idf = np.where(found >= options.min_texts, np.log((1 + len(rows)) / (1 + found)) + 1, 0)
    words.idf.copy_(torch.from_numpy(idf))
    parts = [words.features(*pad(rows[i : i + ROWS], 0)) for i in range(0, len(rows), ROWS)]
    features = vstack([csr_matrix(part.numpy()) for part in parts])
    fit = LogisticRegression(C=options.strength, max_iter=300).fit(features, topics)
    # Of two topics only the second has a row, against nothing for the first.
    coefficients, intercepts = (
        np.concatenate((np.zeros_like(part), part)) if len(fit.classes_) == 2 else part
        for part in (fit.coef_, fit.intercept_)
    )
    with torch.no_grad():
        # A topic without a training text keeps weight zero, but never wins.
        words.weight.zero_()
        words.bias.fill_(float(intercepts.min()) - 1)
        words.weight[fit.classes_] = torch.from_numpy(coefficients).float()
        words.bias[fit.classes_] = torch.from_numpy(intercepts).float()
