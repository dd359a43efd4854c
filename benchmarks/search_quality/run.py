"""How well search finds what readers mean: ``python benchmarks/search_quality/run.py [--output FILE.json]``.

Asks the queries of ``queries.jsonl`` by keyword, by meaning and by both (hybrid), beside a plain search for
titles that contain the query, and prints the mean reciprocal rank and the recall among the first ten works by
kind of query, and how many queries were answered with "nothing close". README.md says how the queries were
written. Which half a query belongs to follows from its hash: settings were chosen on the tuning half, and
the other half is reported (``--half``). ``--misses`` lists the queries of that half that hybrid search does
not answer with a right work at the first place.
"""

import argparse
import hashlib
import json
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from leximind.library.query import free_text
from leximind.library.search import Mode, Search
from leximind.library.store import Library, open_library
from leximind.settings import DEFAULT_PRECISION, MODEL_DIR, Precision

QUERIES = Path(__file__).parent / "queries.jsonl"
DEPTH = 10
NONSENSE = "nonsense"
ALL = "all with an answer"
KINDS = ("title", "part", "author", "author_year", "misspelt", "plot", "idea", "feeling")
# The groups that the aims are set for.
GROUPS = {"known-item": ("title", "part", "author"), ALL: KINDS}
MODES: tuple[Mode, ...] = ("keyword", "meaning", "hybrid")
SYSTEMS = ("title contains", *MODES)
N_RESAMPLES = 2000

Half = Literal["tuning", "reported"]
Embed = Callable[[str], NDArray[np.float32]]


@dataclass(frozen=True)
class Question:
    """A query with the ids of the works that answer it, none for nonsense."""

    kind: str
    query: str
    right: tuple[str, ...]

    @property
    def half(self) -> Half:
        """By hash, so that it stays the same when queries are added."""
        return "tuning" if hashlib.sha256(self.query.encode()).digest()[0] % 2 else "reported"


@dataclass(frozen=True)
class Answer:
    """What one system says to one question.

    Attributes:
        found: ids of the first ``DEPTH`` works, best first.
        is_refused: whether readers are told that nothing is close, or get nothing at all.
    """

    system: str
    question: Question
    found: tuple[str, ...]
    is_refused: bool

    @property
    def reciprocal_rank(self) -> float:
        """1 / rank of the first right work among the first ``DEPTH``, else 0."""
        ranks = [rank for rank, name in enumerate(self.found[:DEPTH], start=1) if name in self.question.right]
        return 1 / ranks[0] if ranks else 0.0

    @property
    def recall(self) -> float:
        """The share of the right works, or of ``DEPTH`` where there are more, among the first ``DEPTH``."""
        n_found = len(set(self.found[:DEPTH]) & set(self.question.right))
        return n_found / min(len(self.question.right), DEPTH)


def read_questions(path: Path = QUERIES) -> list[Question]:
    """The questions of a JSON Lines file with ``kind``, ``query`` and ``right``."""
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    return [Question(row["kind"], row["query"], tuple(row["right"])) for row in rows]


def ask(library: Library, question: Question, embed: Embed) -> list[Answer]:
    """The answers of all systems to a question."""
    text = free_text(question.query)
    vector = embed(text) if text else None
    titles = [w.id for w in library.works if question.query.casefold() in w.title.casefold()]
    answers = [Answer(SYSTEMS[0], question, tuple(titles[:DEPTH]), not titles)]
    for mode in MODES:
        search = Search(library, question.query, vector, mode)
        found = tuple(library.works[row].id for row in search.run().rows[:DEPTH].tolist())
        answers.append(Answer(mode, question, found, search.is_doubtful))
    return answers


def measure(answers: Iterable[Answer]) -> dict[str, dict[str, dict[str, float]]]:
    """Figures by kind or group and by system: mean reciprocal rank with the 95% interval of a bootstrap over
    queries, recall, share of refused queries, number of queries."""
    answers = list(answers)
    groups = {kind: (kind,) for kind in KINDS} | GROUPS | {NONSENSE: (NONSENSE,)}
    measured: dict[str, dict[str, dict[str, float]]] = {}
    for group, kinds in groups.items():
        for system in SYSTEMS:
            chosen = [a for a in answers if a.system == system and a.question.kind in kinds]
            if chosen:
                measured.setdefault(group, {})[system] = _summarize(chosen)
    return measured


def _summarize(answers: Sequence[Answer]) -> dict[str, float]:
    figures = {"n": float(len(answers)), "refused": float(np.mean([a.is_refused for a in answers]))}
    if any(answer.question.right for answer in answers):
        ranks = np.array([answer.reciprocal_rank for answer in answers])
        drawn = np.random.default_rng(0).integers(0, len(ranks), (N_RESAMPLES, len(ranks)))
        low, high = np.quantile(ranks[drawn].mean(axis=1), (0.025, 0.975))
        figures |= {"mrr": float(ranks.mean()), "low": float(low), "high": float(high)}
        figures["recall"] = float(np.mean([answer.recall for answer in answers]))
    return figures


def write_table(measured: dict[str, dict[str, dict[str, float]]]) -> list[str]:
    """Lines of Markdown: MRR@10 / recall@10 by kind and system, and how often nothing is close."""
    lines = ["| queries | n | " + " | ".join(SYSTEMS) + " | hybrid MRR 95% | hybrid: nothing close |"]
    lines.append("|---|---|" + "---|" * len(SYSTEMS) + "---|---|")
    for group, systems in measured.items():
        cells = [f"{figures['mrr']:.3f} / {figures['recall']:.3f}" if "mrr" in figures else "-"
                 for figures in systems.values()]  # fmt: skip
        hybrid = systems["hybrid"]
        interval = f"{hybrid['low']:.2f}-{hybrid['high']:.2f}" if "low" in hybrid else "-"
        row = [group, f"{hybrid['n']:.0f}", *cells, interval, f"{hybrid['refused']:.0%}"]
        lines.append(f"| {' | '.join(row)} |")
    return lines


def write_misses(answers: Iterable[Answer]) -> list[str]:
    """A line for each query that hybrid search answers with a wrong work first, or wrongly."""
    lines = []
    for answer in answers:
        if answer.system == "hybrid" and answer.reciprocal_rank < 1 and not _is_right_refusal(answer):
            question, doubt = answer.question, " (said: nothing close)" if answer.is_refused else ""
            lines.append(
                f"{question.kind}: {question.query!r} {answer.reciprocal_rank:.2f}{doubt} "
                f"wanted {', '.join(question.right[:3]) or 'nothing'}; got {', '.join(answer.found[:4])}"
            )
    return lines


def _is_right_refusal(answer: Answer) -> bool:
    return answer.question.kind == NONSENSE and answer.is_refused


def to_json(library: Library, answers: Sequence[Answer]) -> dict[str, Any]:
    """Both halves, and each answer."""
    halves = {
        half: measure(answer for answer in answers if answer.question.half == half)
        for half in ("tuning", "reported")
    }
    each = [asdict(answer) | {"half": answer.question.half} for answer in answers]
    return {"model": library.model, "n_works": len(library), "halves": halves, "answers": each}


def main() -> int:
    parser = argparse.ArgumentParser(description="Measure how well search finds what readers mean.")
    parser.add_argument("--dataset", default="", help="folder or Hub dataset; the embedded one by default")
    parser.add_argument("--model", default=str(MODEL_DIR), help="folder or Hub repository")
    parser.add_argument(
        "--precision", choices=get_args(Precision), default=DEFAULT_PRECISION, help="of the queries"
    )
    parser.add_argument("--half", choices=("tuning", "reported"), default="reported")
    parser.add_argument("--misses", action="store_true", help="list what hybrid search gets wrong")
    parser.add_argument("--output", type=Path, help="write both halves and each answer as JSON")
    given = parser.parse_args()

    from leximind.inference.analyzer import LexiMind

    library, analyzer = open_library(given.dataset), LexiMind.from_pretrained(given.model, given.precision)
    if analyzer.name != library.model:
        print(f"note: the works were analysed by {library.model}, the queries by {analyzer.name}")
    answers = [
        answer
        for question in read_questions()
        for answer in ask(library, question, lambda text: analyzer.embed([text])[0])
    ]
    chosen = [answer for answer in answers if answer.question.half == given.half]
    print(f"MRR@{DEPTH} / recall@{DEPTH}, {given.half} half, {len(library)} works, {library.model}\n")
    print("\n".join(write_table(measure(chosen))))
    if given.misses:
        print("", *write_misses(chosen), sep="\n")
    if given.output is not None:
        text = json.dumps(to_json(library, answers), indent=1, ensure_ascii=False)
        given.output.write_text(text + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
