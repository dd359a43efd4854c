"""How fast a build reads works, against plain loops over ``transformers`` with the same weights.

``python benchmarks/build.py TABLE [--n 256] [--rounds 5] [--threads 2] [--output FILE.json]``: TABLE is a
Parquet file with ``title`` and ``abstract``. The encoder is exported to two ``transformers.BertModel``s, the
shared one and the emotions' branch, in fp32. Everybody does the same work: key sentence, topic and embedding
from passages, emotions from units of a sentence or a few, with the very same heads; nobody runs the decoder.

- ``alone``: each sequence by itself, the loop that is written first.
- ``document``: one text at a time, its units together.
- ``batched``: 32 sequences at a time in the order of the texts, padded to the longest.
- ``fp32``, ``bf16``, ``int8``: what ``builders/build.py --precision`` does.

All take turns, the medians count, and how far the figures are from those of the loop is written down beside
them. It also says which share of the time goes into cutting texts into tokens, which tells whether that is
worth other processes.

docs/scale.md is computed from this and from ``benchmarks/build_whole.py`` by ``benchmarks/scale.py``.
"""

import argparse
import re
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
import transformers
from contest import report
from torch import Tensor

from builders.analyse import Description, analyse
from builders.reader import ModelReader
from builders.sources import Entry
from leximind.inference import reading as reading_module
from leximind.inference.analyzer import LexiMind
from leximind.inference.extracts import key_sentences
from leximind.model.multitask import MultiTask
from leximind.settings import MODEL_DIR
from leximind.text.passages import Passage, split_passages, split_units
from leximind.text.tokenizer import pad

BATCH = 32
PRECISIONS = ("fp32", "bf16", "int8")
PLAIN = ("alone", "document", "batched")
# Ours to theirs: the reverse of leximind.model.weights.BERT_KEYS.
KEYS = (
    (r"^position\.table$", "embeddings.position_embeddings.weight"),
    (r"^embedding_norm\.", "embeddings.LayerNorm."),
    (r"^blocks\.(\d+)\.self_attention\.q\.", r"encoder.layer.\1.attention.self.query."),
    (r"^blocks\.(\d+)\.self_attention\.k\.", r"encoder.layer.\1.attention.self.key."),
    (r"^blocks\.(\d+)\.self_attention\.v\.", r"encoder.layer.\1.attention.self.value."),
    (r"^blocks\.(\d+)\.self_attention\.o\.", r"encoder.layer.\1.attention.output.dense."),
    (r"^blocks\.(\d+)\.self_norm\.", r"encoder.layer.\1.attention.output.LayerNorm."),
    (r"^blocks\.(\d+)\.feed_forward\.up\.", r"encoder.layer.\1.intermediate.dense."),
    (r"^blocks\.(\d+)\.feed_forward\.down\.", r"encoder.layer.\1.output.dense."),
    (r"^blocks\.(\d+)\.feed_norm\.", r"encoder.layer.\1.output.LayerNorm."),
)


def export_bert(model: MultiTask, *, branch: bool) -> Any:
    """The encoder as a ``transformers.BertModel``, or with ``branch`` the one that emotions are read with."""
    encoder = model.backbone.encoder
    shape = encoder.config
    theirs = transformers.BertModel(
        transformers.BertConfig(
            vocab_size=model.config.backbone.vocab_size,
            hidden_size=shape.d_model,
            num_hidden_layers=shape.n_layers,
            num_attention_heads=shape.n_heads,
            intermediate_size=shape.d_ff,
            max_position_embeddings=shape.n_positions,
            layer_norm_eps=shape.norm_eps,
        ),
        add_pooling_layer=False,
    ).eval()
    state = dict(encoder.state_dict())
    if branch:
        first = shape.n_layers - len(model.emotion_blocks)
        for name, value in model.emotion_blocks.state_dict().items():
            number, _, rest = name.partition(".")
            state[f"blocks.{first + int(number)}.{rest}"] = value
    renamed = {"embeddings.word_embeddings.weight": model.backbone.embedding.weight}
    # Ours holds the vector of token type 0 in its positions.
    renamed["embeddings.token_type_embeddings.weight"] = torch.zeros(2, shape.d_model)
    for name, value in state.items():
        for pattern, replacement in KEYS:
            if re.match(pattern, name):
                renamed[re.sub(pattern, replacement, name)] = value
    missing, unexpected = theirs.load_state_dict(renamed, strict=False)
    assert not unexpected and set(missing) <= {"embeddings.position_ids", "embeddings.token_type_ids"}, (
        missing
    )
    return theirs


class Plain:
    """The loop that one would write over ``transformers``.

    Args:
        per_text: how many texts are prepared at once. per_batch: sequences of one forward pass.
    """

    def __init__(self, analyzer: LexiMind, per_text: int, per_batch: int) -> None:
        self.model, self.tokenizer, self.profile = analyzer.model, analyzer.tokenizer, analyzer.profile
        self.shared, self.felt = (export_bert(analyzer.model, branch=branch) for branch in (False, True))
        self.per_text, self.per_batch = per_text, per_batch

    @torch.inference_mode()
    def run(self, titles: Sequence[str], texts: Sequence[str]) -> list[Description]:
        found: list[Description] = []
        for start in range(0, len(texts), self.per_text):
            part = slice(start, start + self.per_text)
            found += self._describe(titles[part], texts[part])
        return found

    def _describe(self, titles: Sequence[str], texts: Sequence[str]) -> list[Description]:
        passages = [split_passages(text, self.tokenizer) for text in texts]
        units = [[split_units(passage, self.tokenizer) for passage in own] for own in passages]
        named = [
            split_passages(f"{title}. {text}", self.tokenizer)
            for title, text in zip(titles, texts, strict=True)
        ]
        states = iter(self._encode(self.shared, [p for own in passages for p in own]))
        felt = iter(self._encode(self.felt, [u for own in units for group in own for u in group]))
        other = iter(self._encode(self.shared, [p for own in named for p in own]))
        found = []
        for text, own, own_units, own_named in zip(texts, passages, units, named, strict=True):
            read = self._pool(own, own_units, states, felt)
            felt_passages, lengths = reading_module.feel_passages(
                self.profile.emotion_probabilities(read.unit_emotions), read.unit_lengths, read.owners
            )
            titled = self._pool(own_named, [[] for _ in own_named], other, felt)
            found.append(
                Description(
                    key_sentences(text, read)[0].text,
                    "extracted",
                    np.average(self.profile.topic_probabilities(read.topics), axis=0, weights=read.lengths),
                    np.average(felt_passages, axis=0, weights=lengths),
                    titled.vector,
                )
            )
        return found

    def _pool(
        self,
        passages: list[Passage],
        units: list[list[Passage]],
        states: Iterator[Tensor],
        felt: Iterator[Tensor],
    ) -> reading_module.Reading:
        """What the heads say of one text."""
        reading = reading_module._pool(self.model, passages, [next(states) for _ in passages])
        own = [unit for group in units for unit in group]
        unit_states = [next(felt) for _ in own]
        return replace(
            reading,
            units=own,
            unit_states=unit_states,
            owners=np.array([i for i, group in enumerate(units) for _ in group]),
            unit_emotions=reading_module.emotion_logits(self.model, unit_states),
        )

    def _encode(self, bert: Any, passages: Sequence[Passage]) -> list[Tensor]:
        states: list[Tensor] = []
        for start in range(0, len(passages), self.per_batch):
            rows = [p.token_ids for p in passages[start : start + self.per_batch]]
            ids, mask = pad(rows, 0)
            hidden = bert(input_ids=ids, attention_mask=mask).last_hidden_state
            states += [hidden[i, : len(row)] for i, row in enumerate(rows)]
        return states


class Ours:
    """What the analyse stage does with a part."""

    def __init__(self, analyzer: LexiMind, precision: Any, batch_size: int) -> None:
        self.reader = ModelReader(analyzer, precision=precision, summaries="extracted")
        self.batch_size = batch_size

    def run(self, titles: Sequence[str], texts: Sequence[str]) -> list[Any]:
        entries = [
            Entry(str(i), "paper", title, (), None, "https://x.org", "", "", "en", (), text)
            for i, (title, text) in enumerate(zip(titles, texts, strict=True))
        ]
        return analyse(
            entries, self.reader, self.reader.read_whole, batch_size=self.batch_size, date="2026-01-31"
        )


def compare(given: argparse.Namespace) -> dict[str, Any]:
    """Everybody in turn on the same texts."""
    torch.set_num_threads(given.threads)
    analyzer = LexiMind.from_pretrained(given.model)
    rows = pd.read_parquet(given.table, columns=["title", "abstract"]).sample(given.n, random_state=0)
    titles, texts = rows["title"].tolist(), rows["abstract"].tolist()
    runners: dict[str, Any] = {
        "alone": Plain(analyzer, 1, 1),
        "document": Plain(analyzer, 1, 10**6),
        "batched": Plain(analyzer, BATCH, BATCH),
    }
    runners |= {precision: Ours(analyzer, precision, given.batch_size) for precision in PRECISIONS}
    seconds: dict[str, list[float]] = {name: [] for name in runners}
    worked: dict[str, list[float]] = {name: [] for name in runners}
    cutting: list[float] = []
    answers: dict[str, list[Any]] = {}
    for runner in runners.values():
        runner.run(titles[:2], texts[:2])
    for _ in range(given.rounds):
        for name, runner in runners.items():
            start, own = time.perf_counter(), time.process_time()
            answers[name] = runner.run(titles, texts)
            seconds[name].append(time.perf_counter() - start)
            worked[name].append(time.process_time() - own)
        cutting.append(_time(lambda: [split_passages(text, analyzer.tokenizer) for text in [*texts, *texts]]))
    medians = {name: statistics.median(taken) for name, taken in seconds.items()}
    return {
        "n": given.n,
        "rounds": given.rounds,
        "threads": given.threads,
        "batch_size": given.batch_size,
        "seconds": medians,
        # Of the processor: what is left to compare where others use the machine too.
        "processor_seconds": {name: statistics.median(taken) for name, taken in worked.items()},
        "docs_per_second": {name: given.n / taken for name, taken in medians.items()},
        "ratios": {ours: {plain: medians[plain] / medians[ours] for plain in PLAIN} for ours in PRECISIONS},
        "differences": {name: measure_difference(answers["batched"], answers[name]) for name in PRECISIONS},
        "share_of_cutting_into_tokens": statistics.median(cutting) / medians["bf16"],
    }


def measure_difference(theirs: Sequence[Description], ours: Sequence[Any]) -> dict[str, float]:
    """How far our figures are from those of the plain loop."""
    topics = np.array([one.topics for one in theirs]), np.array([one.topic_scores for one in ours])
    emotions = np.array([one.emotions for one in theirs]), np.array([one.emotions for one in ours])
    vectors = np.array([one.embedding for one in theirs]), np.array([one.embedding for one in ours], float)
    return {
        "topic_mean": float(np.abs(topics[0] - topics[1]).mean()),
        "topic_max": float(np.abs(topics[0] - topics[1]).max()),
        "same_topic": float((topics[0].argmax(1) == topics[1].argmax(1)).mean()),
        "emotion_mean": float(np.abs(emotions[0] - emotions[1]).mean()),
        "emotion_max": float(np.abs(emotions[0] - emotions[1]).max()),
        "cosine_min": float((vectors[0] * vectors[1]).sum(1).min()),
        "same_sentence": float(
            np.mean([one.summary == other.summary for one, other in zip(theirs, ours, strict=True)])
        ),
    }


def _time(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def read_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Benchmark a build.")
    parser.add_argument("table", type=Path)
    parser.add_argument("--model", default=str(MODEL_DIR))
    parser.add_argument("--n", type=int, default=256)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--output", type=Path)
    return parser.parse_args()


def main() -> int:
    given = read_arguments()
    report(compare(given), given.output)
    return 0


if __name__ == "__main__":
    sys.exit(main())
