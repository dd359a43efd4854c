"""The loss of choosing sentences."""

import torch
import torch.nn.functional as F
from torch import Tensor

from leximind.model.multitask import EXTRACTS, MultiTask, sentence_places
from leximind.training.batches import Batch

# How much sharper than ROUGE itself the wanted distribution over sentences is.
TEMPERATURE = 0.05
# About one sentence in six belongs to an extract.
POSITIVE_WEIGHT = 2.0


def selection_loss(model: MultiTask, task: str, batch: Batch) -> Tensor:
    """The loss () of scoring a batch's sentences for `task`, one of `EXTRACTS`.

    sentence: cross-entropy with softmax(gain / temperature), for the best stands alone. passage: binary
    cross-entropy with membership of the greedy extract.
    """
    scores = sentence_scores(model, batch)[..., EXTRACTS.index(task)]
    if task == "sentence":
        missing = batch.mask == 0
        wanted = (batch.targets / TEMPERATURE).masked_fill(missing, -1e4).softmax(-1)
        likely = scores.masked_fill(missing, -1e4).log_softmax(-1)
        return -(wanted * likely).sum(-1).mean()
    weight = torch.tensor(POSITIVE_WEIGHT, device=scores.device)
    losses = F.binary_cross_entropy_with_logits(scores, batch.targets, reduction="none", pos_weight=weight)
    return (losses * batch.mask).sum() / batch.mask.sum()


def sentence_scores(model: MultiTask, batch: Batch) -> Tensor:
    """The scores (B, S, 2) that the selection head gives the sentences of a batch, in fp32."""
    assert batch.vectors is not None
    places = torch.stack([_places(row, batch.mask.size(1)) for row in batch.token_ids]).to(batch.mask.device)
    scores: Tensor = model.heads["selection"](batch.vectors, batch.mask, places)
    return scores.float()


def _places(lengths: Tensor, size: int) -> Tensor:
    places = sentence_places(lengths[lengths > 0].cpu())
    return F.pad(places, (0, 0, 0, size - len(places)))
