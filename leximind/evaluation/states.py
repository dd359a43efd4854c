"""Token states of the model's own encoder, for BERTScore."""

from collections.abc import Sequence

import torch

from leximind.evaluation.task import Floats
from leximind.inference.analyzer import LexiMind
from leximind.text.tokenizer import pad

MAX_TOKENS = 510


@torch.inference_mode()
def read_states(model: LexiMind, texts: Sequence[str]) -> list[Floats]:
    """The encoder's states (T, D) of the first 510 tokens of each text, special tokens left out.

    BERTScore on them compares systems measured with the same model only: another encoder gives other values.
    """
    tokenizer = model.tokenizer
    rows = [list(piece.ids[:MAX_TOKENS]) for piece in tokenizer.pieces(list(texts))]
    whole = [[*tokenizer.prefix, *row, *tokenizer.suffix] for row in rows]
    token_ids, mask = pad(whole, tokenizer.pad_id)
    states = model.model.backbone.encode(token_ids, mask).states.float()
    first = len(tokenizer.prefix)
    return [states[i, first : first + len(row)].numpy() for i, row in enumerate(rows)]
