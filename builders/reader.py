"""The model as a build runs it: many short texts at once, whole books, and a faster encoder.

The figures are those of ``LexiMind.analyze``; what a build does not keep (cues, language) is not computed.
"""

import copy
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from builders.analyse import Description, Passages
from builders.pipeline.options import Precision, Summaries
from leximind.errors import InputError
from leximind.inference.analyzer import LexiMind
from leximind.inference.extracts import essence, key_sentences
from leximind.inference.reading import Reading, feel_passages, read_texts
from leximind.inference.summaries import CONFIDENCE, Draft, is_faithful, share, true_case, write_summaries
from leximind.model.multitask import MultiTask
from leximind.model.precision import optimise
from leximind.model.seq2seq import Memory
from leximind.text.clean import clean
from leximind.text.passages import Passage, split_passages, split_units

# Passages of a book that are in memory at once.
WINDOW = 64


class Swift(MultiTask):
    """A model whose encoder runs in another precision or on another device; its heads are the same.

    int8 is for the CPU; see `leximind.model.precision`.
    """

    def __init__(self, model: MultiTask, precision: Precision, device: str) -> None:
        nn.Module.__init__(self)
        self.config, self.backbone, self.heads = model.config, model.backbone, model.heads
        self.emotion_blocks, self.uses_branch = model.emotion_blocks, model.uses_branch
        self._type, self._is_half = torch.device(device).type, precision == "bf16"
        inner = copy.deepcopy(model).to(device)
        if precision == "int8":
            optimise(inner, "int8")
        if precision == "bf16":
            _halve(inner)
        # In a tuple, so that it is no part of this module and decides nothing about its device.
        self._inner = (inner,)
        self._device = device

    def encode(self, token_ids: Tensor, attention_mask: Tensor | None = None, task: str = "") -> Memory:
        """As ``MultiTask.encode``; the states come back in fp32 where the heads are."""
        mask = torch.ones_like(token_ids) if attention_mask is None else attention_mask
        with torch.autocast(self._type, torch.bfloat16, enabled=self._is_half):
            memory = self._inner[0].encode(token_ids.to(self._device), mask.to(self._device), task)
        states = memory.states.float().to(token_ids.device)
        return replace(memory, states=states, mask=mask, token_ids=token_ids)


class ModelReader:
    """See ``builders.analyse.Reader``.

    Raises:
        InputError: this precision does not go with this device.
    """

    def __init__(
        self,
        analyzer: LexiMind,
        *,
        precision: Precision = "fp32",
        summaries: Summaries = "written",
        device: str = "cpu",
    ) -> None:
        if precision == "int8" and torch.device(device).type != "cpu":
            raise InputError(f"int8 is for the CPU, not for {device}.", hint="Give --precision bf16.")
        self.name = analyzer.name
        self._analyzer, self._profile, self._tokenizer = analyzer, analyzer.profile, analyzer.tokenizer
        self._writes = summaries == "written"
        is_plain = precision == "fp32" and torch.device(device).type == "cpu"
        model = analyzer.model if is_plain else Swift(analyzer.model, precision, device).eval()
        self._sharing = share(model, analyzer.profile.summary_start, analyzer.forbidden)

    def describe(self, titles: Sequence[str], descriptions: Sequence[str]) -> list[Description]:
        """One pass of the encoder over the descriptions, alone and with their titles.

        Raises:
            InputError: a description holds nothing to read.
        """
        texts = [clean(text).text for text in descriptions]
        named = [clean(f"{title}. {text}").text for title, text in zip(titles, descriptions, strict=True)]
        passages = [self._split(text) for text in [*texts, *named]]
        n = len(texts)
        units: list[list[list[Passage]]] = [
            [split_units(passage, self._tokenizer) for passage in own] for own in passages[:n]
        ]
        units += [[[] for _ in own] for own in passages[n:]]
        readings = read_texts(self._sharing, passages, units)
        written = self._summarise(texts, readings[:n])
        return [
            Description(
                *written[i],
                self._average(self._profile.topic_probabilities(readings[i].topics), readings[i].lengths),
                self._average(*self._feel(readings[i])),
                readings[n + i].vector,
            )
            for i in range(n)
        ]

    def read_whole(self, text: str) -> Passages:
        """All passages of a text; memory grows with a window of them, not with the text.

        Raises:
            InputError: the text holds nothing to read.
        """
        passages = self._split(clean(text).text)
        parts = [self._read_window(passages[i : i + WINDOW]) for i in range(0, len(passages), WINDOW)]
        emotions, topics = (np.concatenate(found) for found in zip(*parts, strict=True))
        return Passages(emotions, topics, np.array([len(p.token_ids) for p in passages], np.int32))

    def _read_window(self, passages: list[Passage]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        units = [split_units(passage, self._tokenizer) for passage in passages]
        (reading,) = read_texts(self._sharing, [passages], [units])
        return self._feel(reading)[0], self._profile.topic_probabilities(reading.topics)

    def _feel(self, reading: Reading) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        probabilities = self._profile.emotion_probabilities(reading.unit_emotions)
        return feel_passages(probabilities, reading.unit_lengths, reading.owners)

    def _split(self, text: str) -> list[Passage]:
        passages = split_passages(text, self._tokenizer)
        if not passages:
            raise InputError("The text holds nothing to read.", hint="Give at least a word.")
        return passages

    def _summarise(self, texts: Sequence[str], readings: Sequence[Reading]) -> list[tuple[str, str]]:
        keys = [key_sentences(text, own)[0].text for text, own in zip(texts, readings, strict=True)]
        if not self._writes:
            return [(key, "extracted") for key in keys]
        pairs = zip(texts, readings, strict=True)
        rows = [essence(text, own, self._tokenizer) for text, own in pairs]
        drafts = write_summaries(self._sharing, rows, texts, self._tokenizer)
        return [_choose(*found) for found in zip(texts, keys, drafts, strict=True)]

    @staticmethod
    def _average(scores: NDArray[np.float32], lengths: NDArray[np.float32]) -> NDArray[np.float32]:
        return np.average(scores, axis=0, weights=lengths).astype(np.float32)


def load_reader(
    model: Path, *, precision: Precision, summaries: Summaries, threads: int, device: str
) -> ModelReader:
    """The reader of a saved model, in this process.

    Raises:
        ModelError: the model cannot be loaded.
        InputError: this precision does not go with this device.
    """
    if threads:
        torch.set_num_threads(threads)
    analyzer = LexiMind.from_pretrained(str(model))
    return ModelReader(analyzer, precision=precision, summaries=summaries, device=device)


def _choose(text: str, key: str, draft: Draft) -> tuple[str, str]:
    """The decoder's sentence where it may be shown, or else the key sentence."""
    sentence = true_case(draft.text, text)
    good = draft.confidence >= CONFIDENCE and is_faithful(sentence, text)
    return (sentence, "written") if good else (key, "extracted")


def _halve(model: MultiTask) -> None:
    """The encoder's matrices in bf16, so that autocast need not convert them for each batch; in place."""
    for part in (model.backbone.encoder, model.emotion_blocks):
        for layer in part.modules():
            if isinstance(layer, nn.Linear):
                layer.bfloat16()
