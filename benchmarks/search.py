"""How long a search by words and meaning with a filter takes, beside others put together from libraries.

``python benchmarks/search.py [--works 1000000] [--papers FILE] [--peers bm25s sqlite lancedb]
[--questions 200] [--output FILE.json]``: makes a synthetic library of that size (``synthetic.py``) and asks
all systems the same questions in turn: a query of ``search_quality/queries.jsonl`` that has an answer, with
its vector, under one of ``FILTERS``. Printed are the median and the 95th percentile of each, the ratio of the
medians to ours, the share of the exact ten nearest works under the filter that each finds by meaning, and of
our exact hybrid answer that we find. Each question is asked once: nothing is remembered of the same question,
though of its words under another filter. Embedding the query is left out: it is the same for all.
"""

import argparse
import statistics
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
from contest import report
from search_peers import PEERS, TOP, Flat, Floats, MissingPeerError, Peer
from search_quality.run import NONSENSE, read_questions
from synthetic import make_library

from leximind.inference.analyzer import LexiMind
from leximind.library.filters import Filters
from leximind.library.query import free_text
from leximind.library.search import Search
from leximind.library.store import Library
from leximind.library.vectors import VectorIndex
from leximind.settings import MODEL_DIR

FILTERS = (
    Filters(topics=("Science",)),
    Filters(year_from=1990),
    Filters(emotions=("curiosity",)),
    Filters(topics=("Technology", "Science"), exclude_emotions=("admiration",)),
    Filters(topics=("Technology",), year_from=2000),
    Filters(topics=("Arts", "Business"), kind="paper"),
)
Question = tuple[str, Floats, Filters]


class Ours:
    """The library's own search; with an exact index, what it should find."""

    name = "leximind"

    def __init__(self, library: Library) -> None:
        self._library = library

    def ask(self, query: str, vector: Floats, filters: Filters) -> list[int]:
        ranking = Search(self._library, query, vector, "hybrid").run(filters)
        return [int(row) for row in ranking.rows[:TOP]]

    def closest(self, vector: Floats, filters: Filters) -> list[int]:
        (found,) = self._library.vectors.search(vector[None], TOP, self._library.mask(filters))
        return [row for row, _ in found]


class Exact(VectorIndex):
    """Compares every work with every query, and is asked in the way of a large library."""

    is_exact = False


def ask_questions(n: int) -> list[Question]:
    """Queries and filters in a fixed random order."""
    model = LexiMind.from_pretrained(str(MODEL_DIR))
    queries = [question.query for question in read_questions() if question.kind != NONSENSE]
    texts = [(query, free_text(query)) for query in queries]
    pairs = [(query, text) for query, text in texts if text]
    rng = np.random.default_rng(0)
    order = [(q, f) for q in range(len(pairs)) for f in range(len(FILTERS))]
    chosen = [order[i] for i in rng.permutation(len(order))[:n]]
    vectors = {q: model.embed([pairs[q][1]])[0] for q, _ in chosen}
    return [(pairs[q][0], vectors[q], FILTERS[f]) for q, f in chosen]


def time_all(peers: list[Peer], questions: list[Question]) -> dict[str, list[float]]:
    """Milliseconds of each answer; who is first changes with each question."""
    times: dict[str, list[float]] = {peer.name: [] for peer in peers}
    for number, question in enumerate(questions):
        turn = number % len(peers)
        for peer in [*peers[turn:], *peers[:turn]]:
            start = time.perf_counter()
            peer.ask(*question)
            times[peer.name].append(1000 * (time.perf_counter() - start))
    return times


def measure_recall(ours: Ours, peers: list[Any], flat: Flat, questions: list[Question]) -> dict[str, float]:
    """Share of the exact nearest works that each system finds by meaning."""
    shares: dict[str, list[float]] = {}
    for _, vector, filters in questions:
        exact = set(flat.closest(vector, filters, TOP))
        for peer in (ours, *peers):
            if exact and hasattr(peer, "closest"):
                share = len(exact & set(peer.closest(vector, filters))) / len(exact)
                shares.setdefault(peer.name, []).append(share)
    return {name: statistics.mean(found) for name, found in shares.items()}


def compare_exactly(library: Library, ours: Ours, flat: Flat, questions: list[Question]) -> float:
    """Share of the first ten of a hybrid search over an exact index that ours has in its first ten."""
    answers = [set(ours.ask(*question)) for question in questions]
    approximate = library.vectors
    library.__dict__["vectors"] = Exact(flat.index)
    try:
        exact = [set(Ours(library).ask(*question)) for question in questions]
    finally:
        library.__dict__["vectors"] = approximate
    pairs = [(found, wanted) for found, wanted in zip(answers, exact, strict=True) if wanted]
    return statistics.mean(len(found & wanted) / len(wanted) for found, wanted in pairs)


def main() -> int:
    parser = argparse.ArgumentParser(description="Time filtered hybrid search beside its peers.")
    parser.add_argument("--works", type=int, default=1_000_000)
    parser.add_argument("--papers", type=Path, help="Parquet or JSON Lines with titles and abstracts")
    parser.add_argument("--peers", nargs="*", choices=[*PEERS], default=[*PEERS])
    parser.add_argument("--questions", type=int, default=200)
    parser.add_argument("--output", type=Path)
    given = parser.parse_args()
    folder = make_library(given.works, given.papers)
    library = Library.from_folder(folder)
    flat, questions, ours = Flat(library), ask_questions(given.questions), Ours(library)
    peers: list[Any] = []
    missing: dict[str, str] = {}
    (folder / "peers").mkdir(exist_ok=True)
    for name in given.peers:
        try:
            peers.append(PEERS[name](library, flat, folder / "peers"))
        except MissingPeerError as reason:
            missing[PEERS[name].name] = str(reason)
    for peer in (ours, *peers):  # files are opened and read once
        for filters in FILTERS:
            peer.ask("a warm up", questions[0][1], filters)
    times = time_all([ours, *peers], questions)
    recall = measure_recall(ours, peers, flat, questions)
    hybrid = compare_exactly(library, ours, flat, questions)
    shares = [float(filters.mask(library).mean()) for filters in FILTERS]
    base = statistics.median(times[ours.name])
    systems = {
        name: {
            "p50_ms": statistics.median(taken),
            "p95_ms": float(np.quantile(taken, 0.95)),
            "ratio": statistics.median(taken) / base,
            "recall": recall.get(name, 1.0),  # flat is exact
        }
        for name, taken in times.items()
    }
    found = {"works": len(library), "questions": len(questions), "filters_keep": shares, "systems": systems}
    report(found | {"hybrid_recall": hybrid, "missing": missing}, given.output)
    return 0


if __name__ == "__main__":
    sys.exit(main())
