"""How long a visitor of the Live page waits: for the first part, for all parts, and without parts at all.

``python benchmarks/live.py [--words 200] [--rounds 20] [--threads 2] [--output FILE.json]``: the page's own
code (model, closest works and HTML, without the network) is run over our texts in turn with the naive order,
which shows nothing before everything is known. Printed are medians and 95th percentiles, the share of each
part, and whether both orders found the same. Target: all parts of 200 words in 1.5 s on two cores.
"""

import argparse
import statistics
import sys
import time
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import torch
from contest import report

from leximind.inference.analysis import Analysis, Feelings, Gist, KeySentences, Part, Progress, Summary
from leximind.service import MAX_PASSAGES, Service
from leximind.settings import Settings
from leximind.ui.desk import answer
from leximind.ui.examples import EXAMPLES
from leximind.ui.findings import draw_stages

TARGET = 1.5
PARTS = ("topic and works", "feelings", "key sentences", "summary")


def make_texts(n_words: int) -> list[str]:
    """Texts of so many words from the examples, each beginning elsewhere."""
    words = " ".join(EXAMPLES.values()).split()
    around = words * (2 + n_words // len(words))
    return [" ".join(around[start : start + n_words]) for start in range(0, len(words), len(words) // 8)][:8]


def time_parts(service: Service, text: str) -> list[float]:
    """Seconds until each part stood on the page."""
    start = time.perf_counter()
    return [time.perf_counter() - start for drawn in answer(service, text) if len(drawn) > 1]


def time_naive(service: Service, text: str) -> float:
    """Seconds until everything stood on the page, where it is shown at once."""
    start = time.perf_counter()
    analysis = service.analyze(text)
    list(draw_stages(service, iter(split(analysis)), (), ()))
    return time.perf_counter() - start


def split(analysis: Analysis) -> Iterator[Part]:
    """The parts of a whole analysis, to draw the same page from it."""
    for part in (Gist, Feelings, KeySentences, Summary):
        yield part(**{field.name: getattr(analysis, field.name) for field in fields(part)})


def check_equal(service: Service, text: str) -> bool:
    """Whether an analysis in stages is the whole one, bit for bit."""
    stages = service.analyze_stages(text)
    staged = Analysis.of(*(stage for stage in stages if not isinstance(stage, Progress)))
    whole = service.analyze(text)
    return staged.to_dict() == whole.to_dict() and np.array_equal(staged.embedding, whole.embedding)


def summarise(seconds: list[float]) -> dict[str, float]:
    """Median and 95th percentile."""
    return {"p50": statistics.median(seconds), "p95": float(np.percentile(seconds, 95))}


def measure(service: Service, n_words: int, rounds: int) -> dict[str, Any]:
    """Times in seconds for texts of so many words, the two orders in turn."""
    texts = make_texts(n_words)
    same = all(check_equal(service, text) for text in texts)  # and warm
    staged: list[list[float]] = []
    naive: list[float] = []
    for number in range(rounds):
        text = texts[number % len(texts)]
        staged.append(time_parts(service, text))
        naive.append(time_naive(service, text))
    columns = list(zip(*staged, strict=True))
    own = np.diff(np.array(staged), axis=1, prepend=0).mean(axis=0)
    return {
        "words": n_words,
        "passages_at_most": MAX_PASSAGES,
        "identical": same,
        "parts": {name: summarise(list(column)) for name, column in zip(PARTS, columns, strict=True)},
        "naive": summarise(naive),
        "shares": dict(zip(PARTS, (own / own.sum()).tolist(), strict=True)),
        "first_to_naive": statistics.median(columns[0]) / statistics.median(naive),
        "all_to_naive": statistics.median(columns[-1]) / statistics.median(naive),
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--words", type=int, nargs="+", default=[200])
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--output", type=Path)
    given = parser.parse_args()
    service = Service.from_settings(Settings(threads=given.threads))
    service.analyze("A first text loads the model.")
    torch.set_num_threads(given.threads)
    reports = [measure(service, n_words, given.rounds) for n_words in given.words]
    report({"target_seconds": TARGET, "texts": reports}, given.output)
    return 0 if all(text["identical"] for text in reports) else 1


if __name__ == "__main__":
    sys.exit(main())
