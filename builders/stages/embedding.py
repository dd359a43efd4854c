"""The embedding's projection learns that a title and its text mean the same, on what the encoder sees."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor
from tqdm import tqdm

from builders.schema import Config, Loop
from builders.stages import shared
from builders.stages.tables import prepare
from leximind.errors import InputError
from leximind.evaluation.metrics import rank_matches
from leximind.evaluation.retrieval import score_ranks
from leximind.inference.encoding import encode
from leximind.model.multitask import MultiTask, WordWeights
from leximind.text.passages import split_passages
from leximind.text.tokenizer import Tokenizer
from leximind.training.batches import Batch, BatchPlan
from leximind.training.distributed import Processes
from leximind.training.examples import EncodedExample
from leximind.training.losses import contrastive_loss

TEXTS = 1024
SPECIAL = 0.3  # weight of the tokens that frame a text, where a rare word has three
STAGE = "embedding"
TRAINED = ("heads.embedding",)


@dataclass
class Options:
    """Attributes:
    rows: pairs of a batch; each text is told from all the others.
    scale: of cosines in the loss.
    keep: weight of staying near the embedding that the encoder came with.
    blend: how much of what was learned is taken, the rest is the identity (Wortsman et al., 2022).
    rarity: tokens weigh as their idf to this power; 0 lets all count alike.
    n_held: validation pairs to search among.
    """

    loop: Loop = field(default_factory=Loop)
    rows: int = 1024
    scale: float = 20.0
    keep: float = 0.01
    blend: float = 0.75
    rarity: float = 0.5
    n_held: int = 2000


def run(config: Config, model: MultiTask, tokenizer: Tokenizer, processes: Processes) -> MultiTask:
    """Train the projection; the encoder is read once and rests."""
    options: Options = config.training.embedding
    if not model.config.project_embedding:
        raise InputError(
            f"The embedding of the preset {config.model.preset!r} has no projection.",
            hint="Leave the stage out, or take leximind-mini.",
        )
    tables = prepare(config, processes)
    tables.need("pairs")
    model.eval().to(processes.device)
    weigh_tokens(model, tokenizer, options.rarity)
    train = read_pairs(model, tokenizer, tables.train["pairs"])
    held = read_pairs(model, tokenizer, tables.sample("pairs", options.n_held, config.seed))

    def loss(model: MultiTask, task: str, batch: Batch) -> Tensor:
        return contrastive_loss(model, batch, options.scale, options.keep)

    shared.train(
        config,
        STAGE,
        model,
        processes,
        plans={"pairs": BatchPlan(train, options.rows, 4 * options.rows, config.seed)},
        probabilities={"pairs": 1.0},
        loss=loss,
        evaluate=lambda model: search_pairs(model, held),
        frozen=shared.all_but(model, TRAINED),
    )
    return restore(config, model)


def restore(config: Config, model: MultiTask) -> MultiTask:
    """The model as the stage leaves it: what was learned, blended with the identity."""
    finished = shared.finish(config, STAGE, model)
    head: Any = finished.heads["embedding"]
    projection = head.projection.weight
    with torch.no_grad():
        projection.lerp_(torch.eye(len(projection)), 1 - config.training.embedding.blend)
    return finished


def read_pairs(model: MultiTask, tokenizer: Tokenizer, frame: pd.DataFrame) -> list[EncodedExample]:
    """Title and text as the encoder sees them; of a long text its first passage."""
    titles = pool(model, tokenizer, list(frame["title"]))
    texts = pool(model, tokenizer, list(frame["text"]))
    nothing = np.zeros(2, np.float32)
    ones = np.ones(2, np.int32)
    return [EncodedExample(ones, nothing, vectors=np.stack(pair)) for pair in zip(titles, texts, strict=True)]


@torch.inference_mode()
def pool(model: MultiTask, tokenizer: Tokenizer, texts: list[str]) -> NDArray[np.float16]:
    """Pooled states (N, D) of each text's first passage."""
    head: Any = model.heads["embedding"]
    device = next(model.parameters()).device
    pooled = np.zeros((len(texts), model.config.backbone.encoder.d_model), np.float16)
    # The states of every token are let go a part at a time: those of 50,000 abstracts are 15 GB.
    for start in tqdm(range(0, len(texts), TEXTS), unit="batch", disable=None):
        first = [split_passages(text, tokenizer)[0] for text in texts[start : start + TEXTS]]
        with torch.autocast(device.type, torch.bfloat16):
            states = encode(model, first)
        for row, (own, passage) in enumerate(zip(states, first, strict=True), start=start):
            ids = torch.tensor([passage.token_ids], device=device)
            pooled[row] = head.pool(own[None].float(), torch.ones_like(ids), ids)[0].half().cpu().numpy()
    return pooled


def weigh_tokens(model: MultiTask, tokenizer: Tokenizer, rarity: float) -> None:
    """Weigh the embedding's tokens by the idf that the topic's words have; what those never met is rare."""
    topic: Any = model.heads["topic"]
    head: Any = model.heads["embedding"]
    words: WordWeights | None = topic.words
    if head.weights is None or words is None or not words.idf.any():
        return
    weights = torch.where(words.idf > 0, words.idf, words.idf.max()) ** rarity
    weights[[*tokenizer.prefix, *tokenizer.suffix]] = SPECIAL
    head.weights.copy_(weights)


@torch.inference_mode()
def search_pairs(model: MultiTask, held: list[EncodedExample]) -> dict[str, float]:
    """Mean reciprocal rank and recall of each title's text among all of them."""
    vectors = torch.from_numpy(np.stack([example.vectors for example in held]).astype(np.float32))
    head: Any = model.heads["embedding"]
    projection = head.projection.weight.float().cpu()
    titles, texts = (F.normalize(vectors[:, i] @ projection.T, dim=-1).numpy() for i in (0, 1))
    return score_ranks(rank_matches(titles, texts))
