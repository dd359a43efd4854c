"""Many visitors at once: how long each waits, and how many texts are read in a second.

``python benchmarks/visitors.py [--visitors 1 2 4 8 16 32 64] [--rounds 5] [--output FILE.json]``: so many
threads send a text of 200 words to one Service at the same moment, and wait for all of its analysis. Twice in
each round, the order changing: once the threads share batches, once they take turns behind a lock, as if each
had the model to itself. Medians of the rounds are printed, and whether both ways found the same.
"""

import argparse
import statistics
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from contest import report
from live import make_texts

from leximind.inference.analysis import Analysis
from leximind.service import Service
from leximind.settings import Settings

Analyze = Callable[[str], Analysis]
NEAR = 0.03


def take_turns(service: Service) -> Analyze:
    """One visitor after the other."""
    lock = threading.Lock()

    def analyze(text: str) -> Analysis:
        with lock:
            return service.analyze(text)

    return analyze


def send(analyze: Analyze, texts: Sequence[str]) -> tuple[float, list[float], list[Analysis]]:
    """All texts at once: seconds until all are done and until each is, and what was found."""
    waits, found = [0.0] * len(texts), [None] * len(texts)
    barrier = threading.Barrier(len(texts) + 1)

    def visit(number: int) -> None:
        barrier.wait()
        start = time.perf_counter()
        found[number] = analyze(texts[number])
        waits[number] = time.perf_counter() - start

    threads = [threading.Thread(target=visit, args=(number,)) for number in range(len(texts))]
    for thread in threads:
        thread.start()
    barrier.wait()
    start = time.perf_counter()
    for thread in threads:
        thread.join()
    return time.perf_counter() - start, waits, found


def is_same(one: Analysis, other: Analysis) -> bool:
    """Texts to the letter, numbers up to the rounding of another batch, which eight bits make larger."""
    close = bool(one.embedding @ other.embedding > 1 - NEAR)
    close = close and np.allclose(one.emotions, other.emotions, atol=NEAR)
    close = close and np.allclose(one.topic_scores, other.topic_scores, atol=NEAR)
    return close and (one.summary, one.tone) == (other.summary, other.tone)


def measure(service: Service, n_visitors: int, n_words: int, rounds: int) -> dict[str, Any]:
    """Medians over the rounds for so many visitors."""
    around = make_texts(n_words)
    texts = [around[number % len(around)] for number in range(n_visitors)]
    ways: dict[str, Analyze] = {"shared": service.analyze, "in turn": take_turns(service)}
    figures: dict[str, list[tuple[float, ...]]] = {name: [] for name in ways}
    same = True
    for number in range(rounds):
        found = {}
        for name in list(ways) if number % 2 else reversed(ways):
            seconds, waits, found[name] = send(ways[name], texts)
            p50, p95 = np.percentile(waits, [50, 95])
            figures[name].append((n_visitors / seconds, float(p50), float(p95)))
        same = same and all(map(is_same, found["shared"], found["in turn"]))
    columns = {
        name: [statistics.median(column) for column in zip(*rows, strict=True)]
        for name, rows in figures.items()
    }
    names = ("texts_per_second", "p50_seconds", "p95_seconds")
    summary: dict[str, Any] = {
        name: dict(zip(names, column, strict=True)) for name, column in columns.items()
    }
    shared, turns = columns["shared"], columns["in turn"]
    return {"visitors": n_visitors, "same": same, **summary,
            "ratios": {"texts_per_second": shared[0] / turns[0], "p50": turns[1] / shared[1],
                       "p95": turns[2] / shared[2]}}  # fmt: skip


def main() -> int:
    parser = argparse.ArgumentParser(description="Benchmark visitors who come at the same moment.")
    parser.add_argument("--visitors", type=int, nargs="+", default=[1, 2, 4, 8, 16, 32, 64])
    parser.add_argument("--words", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=Settings.threads)
    parser.add_argument("--output", type=Path)
    given = parser.parse_args()
    service = Service.from_settings(Settings(threads=given.threads))
    for text in make_texts(given.words)[:2]:  # loads the model and makes it warm
        service.analyze(text)
    torch.set_num_threads(given.threads)
    results = [measure(service, n, given.words, given.rounds) for n in given.visitors]
    found = {"words": given.words, "threads": given.threads, "rounds": given.rounds, "results": results}
    report(found, given.output)
    return 0 if all(result["same"] for result in results) else 1


if __name__ == "__main__":
    sys.exit(main())
