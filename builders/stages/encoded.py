"""What the frozen encoder sees, for the stages that train a head on it."""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from tqdm import tqdm

from leximind.evaluation.oracles import greedy_extract, sentence_gains
from leximind.inference.encoding import encode
from leximind.model.multitask import MultiTask
from leximind.text.clean import clean
from leximind.text.passages import split_passages
from leximind.text.tokenizer import Tokenizer
from leximind.training.examples import EncodedExample

TEXTS = 64


@torch.inference_mode()
def encode_sentences(
    model: MultiTask, tokenizer: Tokenizer, texts: Sequence[str]
) -> list[tuple[list[str], NDArray[np.int32], NDArray[np.float16]]]:
    """The sentences of each text, their lengths in tokens (S,) and their pooled states (S, D)."""
    device = next(model.parameters()).device
    read = []
    for start in tqdm(range(0, len(texts), TEXTS), unit="batch", disable=None):
        part = [clean(text).text for text in texts[start : start + TEXTS]]
        passages = [split_passages(text, tokenizer) for text in part]
        with torch.autocast(device.type, torch.bfloat16):
            states = iter(encode(model, [passage for group in passages for passage in group]))
        for text, group in zip(part, passages, strict=True):
            spans = [(next(states), passage.sentences) for passage in group]
            cuts = [(own[span.first : span.last], span) for own, inner in spans for span in inner]
            read.append(
                (
                    [" ".join(text[span.start : span.end].split()) for _, span in cuts],
                    np.array([len(cut) for cut, _ in cuts], np.int32),
                    torch.stack([cut.float().mean(0) for cut, _ in cuts]).half().cpu().numpy(),
                )
            )
    return read


def selection_examples(
    model: MultiTask,
    tokenizer: Tokenizer,
    texts: Sequence[str],
    references: Sequence[Sequence[str]],
    *,
    n_words: int | None,
) -> list[EncodedExample]:
    """Sentences with what each gains: alone, or with `n_words` its part in the greedy extract."""
    found = []
    for (sentences, lengths, vectors), due in zip(
        encode_sentences(model, tokenizer, texts), references, strict=True
    ):
        if n_words is None:
            gains = sentence_gains(sentences, due)
        else:
            gains = np.zeros(len(sentences), np.float32)
            gains[greedy_extract(sentences, due[0], n_words)] = 1
        found.append(EncodedExample(lengths, gains, vectors=vectors))
    return found
