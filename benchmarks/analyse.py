"""How long one text takes from words to all answers, against ``transformers`` with the same weights.

``python benchmarks/analyse.py [--words 200] [--texts 8] [--rounds 5] [--threads 2] [--output FILE.json]``:
the embedded model says what a text of 200 words is about, how it feels, which sentences stand for it, and
writes a summary by beam search (4 beams, at most 48 tokens). One text at a time; the median is over texts and
rounds.

- ``ours fp32``, ``bf16``, ``int8``: ``LexiMind.from_pretrained(precision=...)``, by ``analyze_stages``.
- ``transformers fp32``, ``bf16``: ``plain.py``, ``BertModel`` twice and ``EncoderDecoderModel.generate`` with
  our weights, our copy head in its decoder, and the same settings of beam search.

All take turns, each in a process of its own. Before that it is shown in fp32 that both are the same model:
how far apart the encoder's states and the decoder's scores are, and whether the sentences written are the
same. We leave a sentence unfinished once it can no longer be shown; what a text takes where it is written to
its end is measured beside it (``written_whole``), since that gain is not the engine's.

The bound: the encoder's multiply-adds at the processor's peak in bf16, and for each token of the sentence the
decoder's weights in eight bits at the bandwidth of memory, both measured in the same run.
"""

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from bounds import count_encoder, count_memory, count_step_weights
from contest import Contest, add_options, measure_bandwidth, measure_peak, report
from live import make_texts
from plain import Plain

from leximind.inference.analysis import Gist, KeySentences, Summary
from leximind.inference.analyzer import LexiMind
from leximind.inference.continuous import Source
from leximind.inference.summaries import write_summaries
from leximind.settings import MODEL_DIR, Precision
from leximind.text.clean import clean
from leximind.text.passages import split_passages, split_units
from leximind.text.tokenizer import pad, shift_right

NAMES = ("ours int8", "ours bf16", "ours fp32", "transformers bf16", "transformers fp32")
PRECISIONS: dict[str, Precision] = {"fp32": "float32", "bf16": "bfloat16", "int8": "int8"}
PARTS = ("read", "feel", "write")

# Seconds of each part, and of writing to the end where that is another matter.
Times = dict[str, float]
# A text, and what its summary is written from.
Run = Callable[[str, list[int]], Times]


def make_analyzer(name: str, threads: int, folder: Path) -> Run:
    """The contestant of this name."""
    torch.set_num_threads(threads)
    who, _, short = name.partition(" ")
    if who == "transformers":
        plain = Plain.load(folder, torch.bfloat16 if short == "bf16" else torch.float32)
        return lambda text, _: take_times(plain.analyze_stages(text))
    ours = LexiMind.from_pretrained(MODEL_DIR, precision=PRECISIONS[short])

    def run(text: str, token_ids: list[int]) -> Times:
        times = take_times(
            stage for stage in ours.analyze_stages(text) if isinstance(stage, Gist | KeySentences | Summary)
        )
        start = time.perf_counter()
        write_whole(ours, token_ids)
        return times | {"write whole": time.perf_counter() - start}

    return run


def take_times(stages: Iterator[Any]) -> Times:
    """Seconds of each of the three parts."""
    ends = [time.perf_counter()]
    ends += [time.perf_counter() for _ in stages]
    return dict(zip(PARTS, np.diff(ends).tolist(), strict=True))


@torch.inference_mode()
def write_whole(analyzer: LexiMind, token_ids: list[int]) -> list[int]:
    """What the decoder writes of these tokens, to the end, and weighs as a summary is weighed."""
    memory = analyzer.model.encode(*pad([token_ids], analyzer.tokenizer.pad_id))
    (written,) = analyzer.sharing.write([Source(memory)])
    targets = torch.tensor([[*written, analyzer.tokenizer.eos_id]])
    inputs = shift_right(targets, analyzer.profile.summary_start)
    analyzer.model.backbone.log_likelihood(inputs, targets, memory)
    return written


@torch.inference_mode()
def compare_answers(analyzer: LexiMind, plain: Plain, texts: Sequence[str]) -> dict[str, Any]:
    """How far the two are apart in fp32, and in how many texts we leave a sentence unfinished."""
    names = ("states", "scores", "topics", "emotions", "embedding")
    far: dict[str, list[float]] = {name: [] for name in names}
    same, unfinished = 0, 0
    for text in texts:
        token_ids = plain.read_essence(text)
        memory = analyzer.model.encode(*pad([token_ids], 0))
        theirs = plain.encoder(input_ids=memory.token_ids, attention_mask=memory.mask)
        written = write_whole(analyzer, token_ids)
        row = torch.tensor([[analyzer.profile.summary_start, *written]])
        scores = plain.score(row, memory.token_ids, memory.mask, theirs)
        answer, (ours,) = plain.analyze(text), analyzer.analyze([text])
        far["states"].append(float((theirs.last_hidden_state - memory.states).abs().max()))
        far["scores"].append(float((scores - analyzer.model.backbone.decode(row, memory)).abs().max()))
        far["topics"].append(float(np.abs(answer["topic_scores"] - ours.topic_scores).max()))
        far["emotions"].append(float(np.abs(answer["emotions"] - ours.emotions).max()))
        far["embedding"].append(float(np.abs(answer["embedding"] - ours.embedding).max()))
        whole = analyzer.tokenizer.decode(written)
        same += answer["draft"] == whole and answer["summary"] == ours.summary
        (judged,) = write_summaries(analyzer.sharing, [token_ids], [clean(text).text], analyzer.tokenizer)
        unfinished += judged.text != whole
    largest = {name: max(values) for name, values in far.items()}
    return {"largest_difference": largest, "same_sentence": same / len(texts), "left_unfinished": unfinished}


def compute_bounds(
    analyzer: LexiMind, pairs: Sequence[tuple[str, list[int]]], peak: float, bandwidth: float
) -> Times:
    """Seconds that each part takes at least, on average over the texts; the sentence is written whole."""
    config, parts = analyzer.model.config.backbone, []
    for text, token_ids in pairs:
        passages = split_passages(clean(text).text, analyzer.tokenizer)
        units = [unit for passage in passages for unit in split_units(passage, analyzer.tokenizer)]
        n_written = len(write_whole(analyzer, token_ids)) + 1
        read, feel = (
            sum(count_encoder(config.encoder, len(part.token_ids)) for part in group)
            for group in (passages, units)
        )
        write = count_encoder(config.encoder, len(token_ids)) + count_memory(config, len(token_ids))
        seconds = write / peak + n_written * count_step_weights(config) / bandwidth
        parts.append((read / peak, feel / peak, seconds))
    return dict(zip(PARTS, np.mean(parts, axis=0).tolist(), strict=True))


def summarise(turns: Sequence[dict[str, Times]], bounds: Times) -> dict[str, Any]:
    """Medians, ratios to our fastest, shares of the parts and of the bound."""
    found: dict[str, dict[str, Any]] = {}
    for name in turns[0]:
        times = [turn[name] for turn in turns]
        totals = [sum(taken[part] for part in PARTS) for taken in times]
        own = {part: statistics.mean(taken[part] for taken in times) for part in PARTS}
        found[name] = {
            "p50": statistics.median(totals),
            "p95": float(np.quantile(totals, 0.95)),
            "shares": {part: value / sum(own.values()) for part, value in own.items()},
        }
        if "write whole" in times[0]:
            whole = [taken["read"] + taken["feel"] + taken["write whole"] for taken in times]
            found[name]["written_whole"] = statistics.median(whole)
            middle = {part: statistics.median(taken[part] for taken in times) for part in ("read", "feel")}
            middle["write"] = statistics.median(taken["write whole"] for taken in times)
            found[name]["share_of_bound"] = {part: bounds[part] / middle[part] for part in PARTS}
            found[name]["share_of_bound"]["all"] = sum(bounds.values()) / statistics.median(whole)
    best = min((name for name in found if name.startswith("ours")), key=lambda name: found[name]["p50"])
    theirs = {name: entry["p50"] for name, entry in found.items() if not name.startswith("ours")}
    return {
        "contestants": found,
        "best": best,
        "ratios": {name: p50 / found[best]["p50"] for name, p50 in theirs.items()},
        "ratios_written_whole": {name: p50 / found[best]["written_whole"] for name, p50 in theirs.items()},
    }


def compare(given: argparse.Namespace) -> dict[str, Any]:
    """Show that both are the same model, then everybody in turn."""
    torch.set_num_threads(given.threads)
    texts = make_texts(given.words)[: given.texts]
    analyzer = LexiMind.from_pretrained(MODEL_DIR)
    plain = Plain.export(analyzer)
    answers = compare_answers(analyzer, plain, texts)
    pairs = [(text, plain.read_essence(text)) for text in texts]
    bounds = compute_bounds(analyzer, pairs, measure_peak(torch.bfloat16), measure_bandwidth())
    with tempfile.TemporaryDirectory() as folder:
        plain.save(Path(folder))
        del plain, analyzer
        with Contest(make_analyzer, NAMES, (given.threads, Path(folder))) as contest:
            contest.run(*pairs[0])
            turns = [contest.run(*pair) for _ in range(given.rounds) for pair in pairs]
    return {
        "words": given.words,
        "texts": len(texts),
        "rounds": given.rounds,
        "threads": given.threads,
        "answers": answers,
        "bounds": bounds,
        **summarise(turns, bounds),
    }


def main() -> int:
    parser = argparse.ArgumentParser(description="Benchmark the analysis of one text.")
    parser.add_argument("--words", type=int, default=200)
    parser.add_argument("--texts", type=int, default=8)
    add_options(parser)
    given = parser.parse_args()
    report(compare(given), given.output)
    return 0


if __name__ == "__main__":
    sys.exit(main())
