"""How fast a build reads works, against plain loops over ``transformers`` with the same weights.

``python benchmarks/build.py [TABLE] [--n 256] [--rounds 5] [--threads 2] [--output FILE.json]``: TABLE is a
Parquet or JSON Lines file with ``title`` and ``abstract``; without it the descriptions of the embedded
library are read. The encoder is exported to two ``transformers.BertModel``s (``plain.py``), the shared one
and the emotions' branch, in fp32. Everybody does the same work: key sentence, topic and embedding from
passages, emotions from units of a sentence or a few, with the very same heads; nobody runs the decoder.

- ``alone``: each sequence by itself, the loop that is written first.
- ``document``: one text at a time, its units together.
- ``batched``: 32 sequences at a time in the order of the texts, padded to the longest.
- ``fp32``, ``bf16``, ``int8``: what ``builders/build.py --precision`` does.

All take turns, the medians count, and how far the figures are from those of the loop is written down beside
them. It also says which share of the time goes into cutting texts into tokens, which tells whether that is
worth other processes. The bound is the encoder's multiply-adds over all tokens that are read, at the
processor's peak in bf16, measured in the same run.

docs/scale.md is computed from this and from ``benchmarks/build_whole.py`` by ``benchmarks/scale.py``.
"""

import argparse
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import plain
import torch
from bounds import count_encoder
from contest import add_options, measure_peak, report
from papers import Papers
from torch import Tensor

from builders.analyse import Description, analyse
from builders.reader import ModelReader
from builders.sources import Entry
from leximind.inference.analyzer import LexiMind
from leximind.inference.extracts import key_sentences
from leximind.settings import MODEL_DIR
from leximind.text.passages import Passage, split_passages, split_units

BATCH = 32
PRECISIONS = ("fp32", "bf16", "int8")
PLAIN = ("alone", "document", "batched")


class Plain:
    """The loop that one would write over ``transformers``.

    Args:
        per_text: how many texts are prepared at once. per_batch: sequences of one forward pass.
    """

    def __init__(self, analyzer: LexiMind, per_text: int, per_batch: int) -> None:
        self.plain = plain.Plain.export(analyzer, writes=False)
        self.tokenizer, self.profile = analyzer.tokenizer, analyzer.profile
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
        states = self._encode(self.plain.encoder, [p for own in passages for p in own])
        felt = self._encode(self.plain.felt, [u for own in units for group in own for u in group])
        other = self._encode(self.plain.encoder, [p for own in named for p in own])
        found = []
        for text, own, own_units, own_named in zip(texts, passages, units, named, strict=True):
            reading = self.plain.pool(own, list(islice(states, len(own))))
            unit_states = list(islice(felt, sum(map(len, own_units))))
            reading = self.plain.feel(reading, own_units, unit_states)
            titled = self.plain.pool(own_named, list(islice(other, len(own_named))))
            topics = self.profile.topic_probabilities(reading.topics)
            found.append(
                Description(
                    key_sentences(text, reading)[0].text,
                    "extracted",
                    np.average(topics, axis=0, weights=reading.lengths),
                    self.plain.average_feelings(reading),
                    titled.vector,
                )
            )
        return found

    def _encode(self, bert: Any, passages: Sequence[Passage]) -> Iterator[Tensor]:
        return iter(self.plain.encode(bert, passages, self.per_batch))


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
    papers = Papers.read(given.table).sample(given.n)
    titles, texts = papers.titles, papers.abstracts
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
    shape = analyzer.model.config.backbone.encoder
    products = sum(count_encoder(shape, n) for n in count_tokens(analyzer, titles, texts))
    bound = products / measure_peak(torch.bfloat16)
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
        "bound_seconds": bound,
        "share_of_bound": {name: bound / medians[name] for name in PRECISIONS},
    }


def count_tokens(analyzer: LexiMind, titles: Sequence[str], texts: Sequence[str]) -> list[int]:
    """The lengths of all that the encoder must read: passages with and without the title, and units."""
    named = [f"{title}. {text}" for title, text in zip(titles, texts, strict=True)]
    passages = [
        [p for text in group for p in split_passages(text, analyzer.tokenizer)] for group in (texts, named)
    ]
    units = [unit for passage in passages[0] for unit in split_units(passage, analyzer.tokenizer)]
    return [len(part.token_ids) for part in [*passages[0], *passages[1], *units]]


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
    parser.add_argument("table", type=Path, nargs="?")
    parser.add_argument("--model", default=str(MODEL_DIR))
    parser.add_argument("--n", type=int, default=256)
    parser.add_argument("--batch-size", type=int, default=32)
    add_options(parser)
    return parser.parse_args()


def main() -> int:
    given = read_arguments()
    report(compare(given), given.output)
    return 0


if __name__ == "__main__":
    sys.exit(main())
