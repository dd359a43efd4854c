"""The last step of training: calibrate on validation, pack to eight bits, describe."""

from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from leximind import __version__
from leximind.inference.analyzer import LexiMind
from leximind.inference.profile import Profile
from leximind.labels import EMOTIONS, TOPICS
from leximind.model.multitask import MultiTask
from leximind.text.tokenizer import Tokenizer
from leximind.training.calibration import expected_f1_thresholds, fit_platt, fit_temperature
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

A MiniLM-shaped encoder (6 blocks, 384 wide) whose upper {n_emotion} blocks exist twice, once for emotions;
a decoder of {n_decoder} blocks with a copy head; heads for 28 GoEmotions emotions, 7 topics, a sentence
embedding and the choice of key sentences. {n_parameters:.1f} M parameters, stored in eight bits.

**Starts from** sentence-transformers/all-MiniLM-L6-v2 (Apache-2.0): the encoder, its WordPiece vocabulary
and, copied, the decoder's self-attention and feed-forward blocks. The rest starts fresh.

**Trained on**
- emotions: GoEmotions, train split (Apache-2.0); the half of XED's English subtitle lines and of REMAN's
  passages of fiction (CC BY 4.0) that no measurement uses, for the labels they share with GoEmotions;
- topics: passages of public-domain books and arXiv abstracts (metadata CC0), labelled by catalogue class and
  arXiv category; the same texts once more for the weights of single words;
- embedding: the original model's own embeddings of the same texts, so that it is kept, then a linear map
  fitted to pairs of arXiv titles and abstracts;
- key sentences: SciTLDR, train split (Apache-2.0), openings of open-access papers with their abstracts
  (CC BY, CC0), and half of the Standard Ebooks descriptions at hand (CC0) with the openings of their books;
- decoder: arXiv abstracts with titles, key sentences of abstracts and book passages, SciTLDR, and Standard
  Ebooks' short descriptions, also those that summaries of descriptions are measured on.

No text of these is part of this repository.

**Calibrated** on every second row of the GoEmotions validation split (Platt scaling; thresholds with the best
F1 that the calibrated probabilities expect) and of the topic validation set (temperature); measured on what
remains. Measurements: `metrics.json`, and with figures `REPORT.md`.

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
    card = CARD.format(
        name=NAME,
        n_parameters=n_parameters,
        n_decoder=n_decoder,
        n_emotion=model.config.n_emotion_blocks,
    )
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
    return scale, shift, tuple(expected_f1_thresholds(calibrated).tolist())


def calibrate_topics(model: LexiMind, data: Path) -> float:
    """The softmax temperature, from the even rows of the topic validation set."""
    frame = pd.read_parquet(data / "topic/topic_validation.parquet").iloc[::2]
    gold = np.array([TOPICS.index(topic) for topic in frame["topic"]])
    return fit_temperature(np.log(model.topic_probabilities(list(frame["text"])) + 1e-9), gold)


def log_odds(probabilities: ArrayLike) -> NDArray[np.float32]:
    clipped = np.clip(np.asarray(probabilities, dtype=np.float64), 1e-7, 1 - 1e-7)
    return np.log(clipped / (1 - clipped)).astype(np.float32)
