"""The embedded model in ``transformers``: the same weights, and the code that one writes first.

``Plain`` reads a text with a ``BertModel``, the units of its feelings with a second one that holds the
emotions' branch, and writes its summary with ``EncoderDecoderModel.generate``. Heads, the way to split a text
and the check before a written sentence is shown are ours, so that the answers can be compared. What a visitor
is told beyond them (words behind feelings, the language) it leaves out, and key sentences need no further
encoding: both favour it.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
import transformers
from plain_models import CopyingEncoderDecoder, export_bert, export_writer
from safetensors.torch import load_file, save_file
from torch import Tensor

from leximind.inference import reading as reading_module
from leximind.inference.analyzer import LexiMind
from leximind.inference.extracts import essence, key_sentences
from leximind.inference.profile import Profile
from leximind.inference.summaries import CONFIDENCE, is_faithful, true_case
from leximind.model.checkpoint import materialise_buffers
from leximind.model.multitask import MultiTask
from leximind.settings import MODEL_DIR
from leximind.text.clean import clean
from leximind.text.passages import Passage, split_passages, split_units
from leximind.text.tokenizer import Tokenizer, pad

# As leximind.inference.summaries writes.
WRITING = {
    "num_beams": 4,
    "no_repeat_ngram_size": 3,
    "min_length": 8,
    "max_length": 49,  # theirs counts the start token
    "length_penalty": 1.0,
    "early_stopping": False,
}


@dataclass
class Plain:
    """A text to its topic, embedding, feelings, key sentences and summary.

    Attributes:
        model: for its heads and configuration; its other parts may hold nothing.
        writer: holds the encoder that passages are read with; None where nobody writes.
    """

    model: MultiTask
    tokenizer: Tokenizer
    profile: Profile
    forbidden: tuple[int, ...]
    encoder: Any
    felt: Any
    writer: Any = None

    @classmethod
    def export(cls, analyzer: LexiMind, *, writes: bool = True) -> "Plain":
        """From a model in fp32 that is not made ready to serve."""
        model = analyzer.model
        writer = export_writer(model) if writes else None
        encoder = export_bert(model, branch=False) if writer is None else writer.encoder
        felt = export_bert(model, branch=True)
        return cls(model, analyzer.tokenizer, analyzer.profile, analyzer.forbidden, encoder, felt, writer)

    def save(self, folder: Path) -> None:
        """As ``save_pretrained`` does, for ``load``."""
        self.writer.save_pretrained(folder / "writer")
        self.felt.save_pretrained(folder / "felt")
        save_file(self.model.heads.state_dict(), folder / "heads.safetensors")
        (folder / "forbidden.json").write_text(json.dumps(self.forbidden), encoding="utf-8")

    @classmethod
    def load(cls, folder: Path, dtype: torch.dtype = torch.float32, source: Path = MODEL_DIR) -> "Plain":
        """What was saved, its ``transformers`` models in this type; ``source`` has tokenizer and profile."""
        description = json.loads((source / "config.json").read_text(encoding="utf-8"))["config"]
        with torch.device("meta"):
            model = MultiTask(MultiTask.config_type.from_dict(description)).eval()
        model.heads.load_state_dict(load_file(folder / "heads.safetensors"), assign=True)
        materialise_buffers(model.heads)
        writer = CopyingEncoderDecoder.from_pretrained(folder / "writer", dtype=dtype).eval()
        felt = transformers.BertModel.from_pretrained(folder / "felt", dtype=dtype, add_pooling_layer=False)
        tokenizer, profile = Tokenizer.from_pretrained(source), Profile.load(source)
        forbidden = tuple(json.loads((folder / "forbidden.json").read_text(encoding="utf-8")))
        return cls(model, tokenizer, profile, forbidden, writer.encoder, felt.eval(), writer)

    @torch.inference_mode()
    def analyze_stages(self, text: str) -> Iterator[dict[str, Any]]:
        """The answers in three parts: what was read, what is felt, what was written."""
        text = clean(text).text
        passages = split_passages(text, self.tokenizer)
        reading = self.pool(passages, self.encode(self.encoder, passages))
        topics = np.average(self.profile.topic_probabilities(reading.topics), axis=0, weights=reading.lengths)
        yield {"topic_scores": topics, "embedding": reading.vector}
        units = [split_units(passage, self.tokenizer) for passage in passages]
        reading = self.feel(reading, units, self.encode(self.felt, [u for group in units for u in group]))
        keys = key_sentences(text, reading)
        yield {"emotions": self.average_feelings(reading), "key_sentences": [key.text for key in keys]}
        sentence, confidence = self.write(essence(text, reading, self.tokenizer))
        shown = true_case(sentence, text)
        is_good = confidence >= CONFIDENCE and is_faithful(shown, text)
        yield {"summary": shown if is_good else keys[0].text, "draft": sentence, "confidence": confidence}

    @torch.inference_mode()
    def read_essence(self, text: str) -> list[int]:
        """Token ids of what the summary of a text is written from."""
        text = clean(text).text
        passages = split_passages(text, self.tokenizer)
        reading = self.pool(passages, self.encode(self.encoder, passages))
        return essence(text, reading, self.tokenizer)

    def analyze(self, text: str) -> dict[str, Any]:
        """All answers."""
        return {name: value for part in self.analyze_stages(text) for name, value in part.items()}

    def encode(self, bert: Any, passages: Sequence[Passage], per_batch: int = 10**6) -> list[Tensor]:
        """States (T, D) of each passage in fp32, so many at a time, padded to the longest."""
        states: list[Tensor] = []
        for start in range(0, len(passages), per_batch):
            rows = [p.token_ids for p in passages[start : start + per_batch]]
            ids, mask = pad(rows, 0)
            hidden = bert(input_ids=ids, attention_mask=mask).last_hidden_state.float()
            states += [hidden[i, : len(row)] for i, row in enumerate(rows)]
        return states

    def pool(self, passages: list[Passage], states: list[Tensor]) -> reading_module.Reading:
        """What the heads say of one text; nothing is known of its feelings yet."""
        return reading_module._pool(self.model, passages, states)

    def feel(
        self, reading: reading_module.Reading, units: list[list[Passage]], states: list[Tensor]
    ) -> reading_module.Reading:
        """The reading with the feelings of its units, which are those of each passage."""
        return replace(
            reading,
            units=[unit for group in units for unit in group],
            unit_states=states,
            owners=np.array([i for i, group in enumerate(units) for _ in group]),
            unit_emotions=reading_module.emotion_logits(self.model, states),
        )

    def average_feelings(self, reading: reading_module.Reading) -> Any:
        """(28,) probabilities of the whole text."""
        probabilities = self.profile.emotion_probabilities(reading.unit_emotions)
        felt, lengths = reading_module.feel_passages(probabilities, reading.unit_lengths, reading.owners)
        return np.average(felt, axis=0, weights=lengths)

    def score(self, decoder_ids: Tensor, source_ids: Tensor, mask: Tensor, states: Any) -> Tensor:
        """Decoder inputs (B, T) after a source (B, S), with the encoder's output, to scores (B, T, V)."""
        keys = self.writer.decoder.copy_head.key(states.last_hidden_state)
        out = self.writer(
            attention_mask=mask,
            encoder_outputs=states,
            decoder_input_ids=decoder_ids,
            decoder_source_ids=source_ids,
            decoder_copy_keys=keys,
        )
        return out.logits

    def write(self, token_ids: list[int]) -> tuple[str, float]:
        """A sentence from these tokens, in lower case, and its mean log-probability a token."""
        source, mask = pad([token_ids], 0)
        states = self.encoder(input_ids=source, attention_mask=mask)
        found = self.writer.generate(
            encoder_outputs=states,
            attention_mask=mask,
            decoder_source_ids=source,
            decoder_copy_keys=self.writer.decoder.copy_head.key(states.last_hidden_state),
            decoder_start_token_id=self.profile.summary_start,
            bos_token_id=self.profile.summary_start,
            eos_token_id=self.tokenizer.eos_id,
            pad_token_id=self.tokenizer.pad_id,
            suppress_tokens=list(self.forbidden),
            output_scores=True,
            return_dict_in_generate=True,
            **WRITING,
        )
        return self.tokenizer.decode(found.sequences[0, 1:].tolist()), float(found.sequences_scores[0])
