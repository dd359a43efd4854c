"""The last step of training: calibrate on validation, pack to eight bits, describe."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from leximind import __version__
from leximind.evaluation.metrics import tune_thresholds
from leximind.inference.analyzer import LexiMind
from leximind.inference.profile import Profile
from leximind.labels import EMOTIONS, TOPICS
from leximind.model.multitask import MultiTask
from leximind.text.tokenizer import Tokenizer
from leximind.training.calibration import fit_platt, fit_temperature
from leximind.training.examples import SUMMARY_STARTS

NAME = f"leximind-mini-{__version__}"

CARD = """---
license: apache-2.0
language: en
library_name: leximind
pipeline_tag: summarization
tags: [multi-task, emotion-classification, topic-classification, sentence-embeddings]
---

# {name}

A MiniLM-shaped encoder (6 blocks, 384 wide), a decoder of {n_decoder} blocks with a copy head, and heads
for 28 GoEmotions emotions, 7 topics and a sentence embedding; {n_parameters:.1f} M parameters, stored in
eight bits.

**Starts from** sentence-transformers/all-MiniLM-L6-v2 (Apache-2.0): the encoder, its WordPiece vocabulary
and, copied, the decoder's self-attention and feed-forward blocks. Cross-attention and copy head start
fresh.

**Trained on** GoEmotions (train split; Apache-2.0) for emotions; passages of public-domain books and arXiv
abstracts (metadata CC0), labelled by catalogue class and arXiv category, for topics; the frozen original's
own embeddings of the same texts, so that the sentence embedding is kept; arXiv abstracts with titles, key
sentences of abstracts and book passages, SciTLDR (Apache-2.0) and Standard Ebooks' short descriptions (CC0)
for the decoder. No text of these is part of this repository.

**Calibrated** on every second row of the GoEmotions validation split (Platt scaling and thresholds a label)
and of the topic validation set (temperature); measured on what remains. Measurements: `metrics.json`.

**Limits.** English only. Emotions were learned from short Reddit comments and carry their annotators' view;
on literary prose they are a hint. Topics were learned from old books and from abstracts, so period and genre
weigh in. Written summaries are shown only when every content word and number stands in the source; otherwise
the text's own key sentence is shown and said to be that.
"""


def export(model: MultiTask, tokenizer: Tokenizer, data: Path, folder: Path) -> None:
    """Write weights, tokenizer, profile and card to `folder`.

    Calibration is fitted on the model as it is stored, after rounding to eight bits.
    """
    model.storage = "int8"
    model.save_pretrained(folder)
    tokenizer.save(folder)
    n_labels = len(EMOTIONS)
    blank = Profile(
        NAME, (1.0,) * n_labels, (0.0,) * n_labels, (0.5,) * n_labels, 1.0, SUMMARY_STARTS["tldr"]
    )  # fmt: skip
    stored = LexiMind(MultiTask.from_pretrained(folder), tokenizer, blank)
    scale, shift, thresholds = calibrate_emotions(stored, data)
    temperature = calibrate_topics(stored, data)
    Profile(NAME, scale, shift, thresholds, temperature, SUMMARY_STARTS["tldr"]).save(folder)
    n_parameters = sum(weight.numel() for weight in model.parameters()) / 1e6
    n_decoder = model.config.backbone.decoder.n_layers
    card = CARD.format(name=NAME, n_parameters=n_parameters, n_decoder=n_decoder)
    (folder / "README.md").write_text(card, encoding="utf-8")


def calibrate_emotions(
    model: LexiMind, data: Path
) -> tuple[tuple[float, ...], tuple[float, ...], tuple[float, ...]]:  # fmt: skip
    """Platt scale and shift and the threshold of each emotion, from the even rows of validation."""
    frame = pd.read_parquet(data / "emotion/goemotions_validation.parquet").iloc[::2]
    gold = np.array(
        [[name in set(labels) for name in EMOTIONS] for labels in frame["labels"]], dtype=np.float32
    )
    logits = log_odds(model.emotion_probabilities(list(frame["text"])))
    scale, shift = fit_platt(logits, gold)
    calibrated = 1 / (1 + np.exp(-(logits * np.array(scale) + np.array(shift))))
    return scale, shift, tuple(float(t) for t in tune_thresholds(calibrated, gold))


def calibrate_topics(model: LexiMind, data: Path) -> float:
    """The softmax temperature, from the even rows of the topic validation set."""
    frame = pd.read_parquet(data / "topic/topic_validation.parquet").iloc[::2]
    gold = np.array([TOPICS.index(topic) for topic in frame["topic"]])
    return fit_temperature(np.log(model.topic_probabilities(list(frame["text"])) + 1e-9), gold)


def log_odds(probabilities: NDArray[np.float32] | Sequence[float]) -> NDArray[np.float32]:
    clipped = np.clip(np.asarray(probabilities, dtype=np.float64), 1e-7, 1 - 1e-7)
    return np.log(clipped / (1 - clipped)).astype(np.float32)
