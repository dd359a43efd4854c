"""Texts to analyses: split, encode once, and let every answer share that encoding."""

from collections.abc import Sequence
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from leximind.errors import InputError
from leximind.inference.analysis import Analysis, ArcPoint, Cue, SummarySource
from leximind.inference.extracts import essence, extract, key_sentences
from leximind.inference.profile import Profile
from leximind.inference.reading import (
    Reading,
    contributions,
    emotion_logits,
    encode,
    feel_passages,
    read_texts,
)
from leximind.inference.summaries import (
    CONFIDENCE,
    EXTRACT_WORDS,
    Draft,
    SummaryKind,
    is_faithful,
    true_case,
    write_summaries,
)
from leximind.inference.tone import above_thresholds, stand_out
from leximind.labels import EMOTIONS, TOPICS
from leximind.model.checkpoint import fetch
from leximind.model.multitask import MultiTask
from leximind.text.clean import clean
from leximind.text.language import UNDECIDED, identify
from leximind.text.passages import Passage, split_passages, split_units
from leximind.text.tokenizer import Tokenizer, pad
from leximind.text.words import STOPWORDS, WORD

N_CUES = 8


class LexiMind:
    """The model with its tokenizer and calibration.

    Attributes:
        name: the model's name and version.
    """

    def __init__(self, model: MultiTask, tokenizer: Tokenizer, profile: Profile) -> None:
        self.model, self.tokenizer, self.profile = model.eval(), tokenizer, profile
        self.name = profile.name
        self.reference: tuple[NDArray[np.float64], NDArray[np.float64]] | None = None
        vocabulary = tokenizer.backend.get_vocab()
        self.forbidden = tuple(
            i
            for token, i in vocabulary.items()
            if token[0] == "[" and token[-1] == "]" and i != tokenizer.eos_id
        )

    @classmethod
    def from_pretrained(cls, path_or_repo: str | Path) -> "LexiMind":
        """Load from a folder or a Hub repository with weights, tokenizer and profile.

        Raises:
            ModelError: something is missing or does not fit.
        """
        folder = fetch(path_or_repo)
        profile, tokenizer = Profile.load(folder), Tokenizer.from_pretrained(folder)
        return cls(MultiTask.from_pretrained(folder), tokenizer, profile)

    def with_reference(self, mean: ArrayLike, std: ArrayLike) -> "LexiMind":
        """The same model whose `tone` is relative to a library's emotions; both (28,)."""
        other = LexiMind(self.model, self.tokenizer, self.profile)
        other.reference = np.asarray(mean, dtype=np.float64), np.asarray(std, dtype=np.float64)
        return other

    @property
    def emotion_thresholds(self) -> NDArray[np.float32]:
        """(28,) on calibrated probabilities."""
        return np.array(self.profile.emotion_thresholds, dtype=np.float32)

    def analyze(self, texts: Sequence[str], *, max_passages: int | None = None) -> list[Analysis]:
        """Everything the model has to say about each text, of any length.

        Args:
            max_passages: read at most so many passages of a text, evenly spread, and say so in its notes.

        Raises:
            InputError: one bare string was given, or a text holds nothing to read.
        """
        if isinstance(texts, str):
            raise InputError("analyze() was given one string, but a list of texts was expected.")
        cleaned = [clean(text) for text in texts]
        notes: list[list[str]] = [list(entry.notes) for entry in cleaned]
        readings = self._read(
            [self._passages(entry.text, i, notes[i], max_passages) for i, entry in enumerate(cleaned)]
        )
        written = self._write([entry.text for entry in cleaned], readings)
        return [
            self._analysis(cleaned[i].text, readings[i], written[i], notes[i]) for i in range(len(texts))
        ]  # fmt: skip

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Unit vectors (N, 384)."""
        if not texts:
            return np.zeros((0, self.model.config.d_embedding), dtype=np.float32)
        return np.stack([reading.vector for reading in self._read_texts(texts)])

    def emotion_probabilities(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Calibrated probabilities (N, 28)."""
        groups = [
            [
                (unit, number)
                for number, passage in enumerate(self._passages(clean(text).text, i, [], None))
                for unit in split_units(passage, self.tokenizer)
            ]
            for i, text in enumerate(texts)
        ]
        states = encode(self.model, [unit for units in groups for unit, _ in units], "emotion")
        probabilities = iter(self.profile.emotion_probabilities(emotion_logits(self.model, states)))
        rows = []
        for units in groups:
            lengths, owners = zip(*((len(unit.token_ids), number) for unit, number in units), strict=True)
            felt, weights = feel_passages(list(islice(probabilities, len(units))), lengths, owners)
            rows.append(np.average(felt, axis=0, weights=weights).astype(np.float32))
        return np.stack(rows)

    def topic_probabilities(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Probabilities (N, 7)."""
        return np.stack([self._topics(reading) for reading in self._read_texts(texts)])

    def summarize(self, texts: Sequence[str], kind: SummaryKind = "sentence") -> list[str]:
        """A summary of each text: the sentence that `analyze` would show, or an extract.

        Args:
            kind: ``sentence``; ``description`` or ``abstract``, about 200 words.

        Raises:
            InputError: the kind is unknown, or a text holds nothing to read.
        """
        if kind != "sentence" and kind not in EXTRACT_WORDS:
            known = ", ".join(["sentence", *EXTRACT_WORDS])
            raise InputError(f"The kind of summary is {kind!r}, but one of {known} was expected.")
        cleaned = [clean(text).text for text in texts]
        readings = self._read_texts(texts)
        if kind != "sentence":
            return [
                extract(text, reading, EXTRACT_WORDS[kind])
                for text, reading in zip(cleaned, readings, strict=True)
            ]
        return [
            self._summary(text, key_sentences(text, reading)[0].text, draft)[0]
            for text, reading, draft in zip(cleaned, readings, self._write(cleaned, readings), strict=True)
        ]

    def _read_texts(self, texts: Sequence[str]) -> list[Reading]:
        """What the texts are about; their feelings are not read."""
        passages = [self._passages(clean(text).text, i, [], None) for i, text in enumerate(texts)]
        return read_texts(self.model, passages, None)

    def _read(self, passages: list[list[Passage]]) -> list[Reading]:
        units = [[split_units(passage, self.tokenizer) for passage in group] for group in passages]
        return read_texts(self.model, passages, units)

    def _passages(self, text: str, index: int, notes: list[str], limit: int | None) -> list[Passage]:
        passages = split_passages(text, self.tokenizer)
        if not passages:
            which = "The text" if index == 0 else f"Text number {index + 1}"
            raise InputError(f"{which} holds nothing to read.", hint="Give at least a word.")
        if limit is not None and len(passages) > limit:
            picks = np.linspace(0, len(passages) - 1, limit).round().astype(int)
            notes.append(
                f"The text is long: {limit} of its {len(passages)} passages were read, evenly spread over it."
            )
            passages = [passages[i] for i in picks]
        return passages

    def _feel(self, reading: Reading) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        probabilities = self.profile.emotion_probabilities(reading.unit_emotions)
        return feel_passages(probabilities, reading.unit_lengths, reading.owners)

    def _topics(self, reading: Reading) -> NDArray[np.float32]:
        # The last passage of a text is often a remnant: passages count by their length.
        probabilities = self.profile.topic_probabilities(reading.topics)
        return np.average(probabilities, axis=0, weights=reading.lengths).astype(np.float32)

    @torch.inference_mode()
    def _write(self, texts: Sequence[str], readings: Sequence[Reading]) -> list[Draft]:
        """A sentence of the decoder for each text, written from its key sentences alone."""
        drafts: list[Draft] = []
        for start in range(0, len(readings), 16):
            part = slice(start, start + 16)
            pairs = zip(texts[part], readings[part], strict=True)
            rows = [essence(text, reading, self.tokenizer) for text, reading in pairs]
            memory = self.model.encode(*pad(rows, self.tokenizer.pad_id))
            drafts += write_summaries(
                self.model.backbone, memory, self.tokenizer, self.profile.summary_start, self.forbidden
            )
        return drafts

    @staticmethod
    def _summary(text: str, key: str, draft: Draft) -> tuple[str, SummarySource]:
        """The decoder's sentence where it may be shown, or else the key sentence."""
        sentence = true_case(draft.text, text)
        good = draft.confidence >= CONFIDENCE and is_faithful(sentence, text)
        return (sentence, "written") if good else (key, "extracted")

    def _tone(self, emotions: NDArray[np.float32]) -> tuple[str, ...]:
        if self.reference is None:
            return above_thresholds(emotions.tolist(), self.profile.emotion_thresholds)
        return stand_out(emotions, *self.reference)

    def _cues(self, text: str, reading: Reading, emotion: str) -> tuple[Cue, ...]:
        """The words whose tokens add most to an emotion."""
        label = EMOTIONS.index(emotion)
        added = np.zeros(len(text) + 1)
        for (start, end), value in contributions(self.model, reading, label):
            if end > start:
                added[start] += value  # a token's value sits on its first character
        total = np.concatenate(([0.0], added.cumsum()))
        words = [
            (match, float(total[match.end()] - total[match.start()]))
            for match in WORD.finditer(text)
            if match[0].lower().replace("’", "'") not in STOPWORDS and len(match[0]) > 1
        ]
        best = sorted((entry for entry in words if entry[1] > 0), key=lambda entry: -entry[1])[:N_CUES]
        whole = sum(value for _, value in best)
        return tuple(Cue(match[0], match.start(), match.end(), value / whole) for match, value in best)

    @staticmethod
    def _arc(reading: Reading, felt: NDArray[np.float32]) -> tuple[ArcPoint, ...]:
        return tuple(
            ArcPoint(passage.start, passage.end, tuple(emotions.tolist()))
            for passage, emotions in zip(reading.passages, felt, strict=True)
        )

    def _analysis(self, text: str, reading: Reading, draft: Draft, notes: list[str]) -> Analysis:
        language, _ = identify(text)
        if language not in ("en", UNDECIDED):
            notes.append(
                f"The text seems not to be in English ({language}); the model learned from English only."
            )
        felt, weights = self._feel(reading)
        emotions = np.average(felt, axis=0, weights=weights).astype(np.float32)
        topics = self._topics(reading)
        tone = self._tone(emotions)
        keys = key_sentences(text, reading)
        summary, source = self._summary(text, keys[0].text, draft)
        return Analysis(
            text=text,
            language=language,
            notes=tuple(notes),
            summary=summary,
            summary_source=source,
            key_sentences=tuple(keys),
            topic=TOPICS[int(topics.argmax())],
            topic_scores=tuple(topics.tolist()),
            emotions=tuple(emotions.tolist()),
            tone=tone,
            cues={emotion: self._cues(text, reading, emotion) for emotion in tone},
            arc=self._arc(reading, felt),
            embedding=reading.vector,
            n_tokens=sum(len(passage.token_ids) for passage in reading.passages),
            n_passages=len(reading.passages),
            model=self.name,
        )
