"""Texts to analyses: split, encode once, and let every answer share that encoding."""

from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from leximind.errors import InputError
from leximind.inference.analysis import (
    Analysis,
    ArcPoint,
    Feelings,
    Gist,
    KeySentences,
    Stage,
    Summary,
    SummarySource,
)
from leximind.inference.cues import find_cues
from leximind.inference.encoding import finish, read_states
from leximind.inference.extracts import essence, extract, key_sentences
from leximind.inference.profile import Profile
from leximind.inference.reading import (
    Reading,
    embed_texts,
    emotion_logits,
    feel,
    feel_passages,
    grasp,
    read_texts,
)
from leximind.inference.summaries import (
    CONFIDENCE,
    EXTRACT_WORDS,
    Draft,
    SummaryKind,
    is_faithful,
    share,
    true_case,
    write_summaries,
)
from leximind.inference.tone import above_thresholds, stand_out
from leximind.labels import TOPICS
from leximind.model.checkpoint import fetch
from leximind.model.multitask import MultiTask
from leximind.model.precision import choose, load
from leximind.settings import Precision
from leximind.text.clean import clean
from leximind.text.language import UNDECIDED, identify
from leximind.text.passages import Passage, split_passages, split_units
from leximind.text.tokenizer import Tokenizer


class LexiMind:
    """The model with its tokenizer and calibration.

    Safe to share between threads, whose texts then share batches.

    Attributes:
        name: the model's name and version.
        sharing: through which all of them use the model.
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
        self.sharing = share(self.model, profile.summary_start, self.forbidden)

    @classmethod
    def from_pretrained(cls, path_or_repo: str | Path, precision: Precision | None = None) -> "LexiMind":
        """Load from a folder or a Hub repository with weights, tokenizer and profile.

        Args:
            precision: make it ready to serve in this one; None leaves the model as it was trained.

        Raises:
            ModelError: something is missing or does not fit.
        """
        folder = fetch(path_or_repo)
        profile, tokenizer = Profile.load(folder), Tokenizer.from_pretrained(folder)
        model = MultiTask.from_pretrained(folder) if precision is None else load(MultiTask, folder, precision)
        return cls(model, tokenizer, profile)

    @classmethod
    def ready_to_serve(cls, path_or_repo: str | Path, precision: Precision | None = None) -> "LexiMind":
        """As `from_pretrained`; without a precision in the default one, where this processor has it."""
        return cls.from_pretrained(path_or_repo, choose(precision))

    def with_reference(self, mean: ArrayLike, std: ArrayLike) -> "LexiMind":
        """The same model whose `tone` is relative to a library's emotions; both (28,)."""
        other = LexiMind(self.model, self.tokenizer, self.profile)
        other.sharing = self.sharing
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
            Analysis.of(
                self._gist(entry.text, reading, own),
                self._feelings(entry.text, reading),
                keys := KeySentences(tuple(key_sentences(entry.text, reading))),
                self._summary(entry.text, keys, draft),
            )
            for entry, reading, own, draft in zip(cleaned, readings, notes, written, strict=True)
        ]

    def analyze_stages(self, text: str, *, max_passages: int | None = None) -> Iterator[Stage]:
        """The parts of what ``analyze`` says of one text, each as soon as it is known.

        First what it is about, last the summary, which takes longest. Left at any stage, nothing more is
        computed.

        Raises:
            InputError: the text holds nothing to read.
        """
        cleaned = clean(text)
        notes = list(cleaned.notes)
        passages = self._passages(cleaned.text, 0, notes, max_passages)
        readings = yield from grasp(self.sharing, [passages])
        yield self._gist(cleaned.text, readings[0], notes)
        units = [[split_units(passage, self.tokenizer) for passage in passages]]
        readings = yield from feel(self.sharing, readings, units)
        yield self._feelings(cleaned.text, readings[0])
        yield (keys := KeySentences(tuple(key_sentences(cleaned.text, readings[0]))))
        (draft,) = self._write([cleaned.text], readings)
        yield self._summary(cleaned.text, keys, draft)

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Unit vectors (N, 384)."""
        if not texts:
            return np.zeros((0, self.model.config.d_embedding), dtype=np.float32)
        return embed_texts(
            self.sharing, [self._passages(clean(text).text, i, [], None) for i, text in enumerate(texts)]
        )

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
        token_ids = [unit.token_ids for units in groups for unit, _ in units]
        states = finish(read_states(self.sharing, token_ids, "emotion"))
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
            self._choose(text, key_sentences(text, reading)[0].text, draft)[0]
            for text, reading, draft in zip(cleaned, readings, self._write(cleaned, readings), strict=True)
        ]

    def _read_texts(self, texts: Sequence[str]) -> list[Reading]:
        """What the texts are about; their feelings are not read."""
        passages = [self._passages(clean(text).text, i, [], None) for i, text in enumerate(texts)]
        return read_texts(self.sharing, passages, None)

    def _read(self, passages: list[list[Passage]]) -> list[Reading]:
        units = [[split_units(passage, self.tokenizer) for passage in group] for group in passages]
        return read_texts(self.sharing, passages, units)

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

    def _write(self, texts: Sequence[str], readings: Sequence[Reading]) -> list[Draft]:
        """A sentence of the decoder for each text, written from its key sentences alone."""
        pairs = zip(texts, readings, strict=True)
        rows = [essence(text, reading, self.tokenizer) for text, reading in pairs]
        return write_summaries(self.sharing, rows, texts, self.tokenizer)

    @staticmethod
    def _choose(text: str, key: str, draft: Draft) -> tuple[str, SummarySource]:
        """The decoder's sentence where it may be shown, or else the key sentence."""
        sentence = true_case(draft.text, text)
        good = draft.confidence >= CONFIDENCE and is_faithful(sentence, text)
        return (sentence, "written") if good else (key, "extracted")

    def _tone(self, emotions: NDArray[np.float32]) -> tuple[str, ...]:
        if self.reference is None:
            return above_thresholds(emotions.tolist(), self.profile.emotion_thresholds)
        return stand_out(emotions, *self.reference)

    @staticmethod
    def _arc(reading: Reading, felt: NDArray[np.float32]) -> tuple[ArcPoint, ...]:
        return tuple(
            ArcPoint(passage.start, passage.end, tuple(emotions.tolist()))
            for passage, emotions in zip(reading.passages, felt, strict=True)
        )

    def _gist(self, text: str, reading: Reading, notes: list[str]) -> Gist:
        language, _ = identify(text)
        if language not in ("en", UNDECIDED):
            notes.append(
                f"The text seems not to be in English ({language}); the model learned from English only."
            )
        topics = self._topics(reading)
        return Gist(
            text=text,
            language=language,
            notes=tuple(notes),
            topic=TOPICS[int(topics.argmax())],
            topic_scores=tuple(topics.tolist()),
            embedding=reading.vector,
            n_tokens=sum(len(passage.token_ids) for passage in reading.passages),
            n_passages=len(reading.passages),
            model=self.name,
        )

    def _feelings(self, text: str, reading: Reading) -> Feelings:
        felt, weights = self._feel(reading)
        emotions = np.average(felt, axis=0, weights=weights).astype(np.float32)
        tone = self._tone(emotions)
        cues = {emotion: find_cues(self.model, text, reading, emotion) for emotion in tone}
        return Feelings(tuple(emotions.tolist()), tone, cues, self._arc(reading, felt))

    def _summary(self, text: str, keys: KeySentences, draft: Draft) -> Summary:
        return Summary(*self._choose(text, keys.key_sentences[0].text, draft))
