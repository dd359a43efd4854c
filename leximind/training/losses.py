"""The loss of a batch, a task each."""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from leximind.model.multitask import MultiTask, mean_pool
from leximind.model.seq2seq import Seq2Seq
from leximind.training.batches import IGNORE, Batch


def task_loss(
    model: MultiTask, task: str, batch: Batch, label_smoothing: float = 0.0
) -> tuple[Tensor, Tensor]:
    """Loss () of a batch and the encoder states (B, S, D) it was computed from.

    emotion: binary cross-entropy, summed over the labels that are known. topic: cross-entropy. summarization:
    negative log-likelihood a token; the encoder is only read when it is frozen.
    """
    parts = (model.backbone.encoder, model.emotion_blocks)
    frozen = not any(weight.requires_grad for part in parts for weight in part.parameters())
    with torch.set_grad_enabled(torch.is_grad_enabled() and not frozen):
        memory = model.encode(batch.token_ids, batch.mask, task)
    if task == "emotion":
        logits, _ = model.heads["emotion"](memory.states, batch.mask)
        loss = label_loss(logits, batch.targets)
    elif task == "topic":
        logits = model.heads["topic"](memory.states, batch.mask, batch.token_ids)
        loss = F.cross_entropy(logits.float(), batch.targets, label_smoothing=label_smoothing)
    elif task == "summarization":
        assert batch.decoder_ids is not None
        wanted = batch.targets != IGNORE
        targets = batch.targets.masked_fill(~wanted, 0)
        likelihood = model.backbone.log_likelihood(batch.decoder_ids, targets, memory)
        loss = -(likelihood * wanted).sum() / wanted.sum()
    else:
        raise ValueError(f"No loss for task {task!r}.")
    return loss, memory.states


def label_loss(logits: Tensor, targets: Tensor) -> Tensor:
    """Binary cross-entropy of logits (B, L) over the targets that are not NaN, summed over labels; ()."""
    known = ~targets.isnan()
    losses = F.binary_cross_entropy_with_logits(logits.float(), targets.nan_to_num(), reduction="none")
    return (losses * known).sum(1).mean()


def consistent_emotion_loss(model: MultiTask, batch: Batch, weight: float) -> Tensor:
    """The emotions' loss of two passes with different dropout, and how far they part (Wu et al., 2021), ().

    Args:
        weight: of the divergence, the mean of both directions of Kullback-Leibler between the labels'
            Bernoulli distributions, summed over labels and averaged over rows.
    """
    memory = model.encode(batch.token_ids.repeat(2, 1), batch.mask.repeat(2, 1), "emotion")
    logits = model.heads["emotion"](memory.states, memory.mask)[0].float()
    one, other = logits.chunk(2)
    # KL(p, q) + KL(q, p) of two Bernoullis is the difference of probabilities times that of log-odds.
    divergence = (one.sigmoid() - other.sigmoid()) * (one - other) / 2
    loss: Tensor = label_loss(logits, batch.targets.repeat(2, 1)) + weight * divergence.sum(1).mean()
    return loss


def distillation_loss(states: Tensor, batch: Batch, teacher: Seq2Seq) -> Tensor:
    """1 - cosine between the pooled student states and the teacher's on the same texts, averaged; ()."""
    with torch.no_grad():
        target = mean_pool(teacher.encode(batch.token_ids, batch.mask).states.float(), batch.mask)
    return (1 - F.cosine_similarity(mean_pool(states.float(), batch.mask), target)).mean()


def contrastive_loss(model: MultiTask, batch: Batch, scale: float, keep: float) -> Tensor:
    """InfoNCE in both directions over titles and texts, () (van den Oord et al., 2018).

    Args:
        batch: `vectors` (B, 2, D), pooled states of a title and of its text; the others' are the negatives.
        scale: of cosines.
        keep: weight of the squared distance of the embedding's projection from the identity.
    """
    assert batch.vectors is not None
    head: Any = model.heads["embedding"]
    projection: Tensor = head.projection.weight
    titles, texts = (F.normalize(batch.vectors[:, i] @ projection.T, dim=-1) for i in (0, 1))
    scores = scale * titles @ texts.T
    own = torch.arange(len(scores), device=scores.device)
    loss = (F.cross_entropy(scores, own) + F.cross_entropy(scores.T, own)) / 2
    identity = torch.eye(len(projection), device=scores.device)
    return loss + keep * (projection - identity).square().sum()
