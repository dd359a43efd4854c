"""The queries of the search benchmark fit the shelf, and its figures are what they say."""

import importlib.util
import json
import re
import sys
from collections import Counter
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import snowballstemmer

from leximind.library.store import Library
from leximind.text.words import content_words
from tests.conftest import embed

ROOT = Path(__file__).resolve().parent.parent


def load() -> ModuleType:
    path = ROOT / "benchmarks" / "search_quality" / "run.py"
    spec = importlib.util.spec_from_file_location("search_quality", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


benchmark = load()


@pytest.fixture(scope="module")
def shelf() -> dict[str, str]:
    """Descriptions by id."""
    files = [ROOT / "assets" / "shelf" / name for name in ("books.jsonl", "papers.jsonl")]
    lines = [line for path in files for line in path.read_text(encoding="utf-8").splitlines()]
    return {work["id"]: work["description"] for work in map(json.loads, lines)}


def test_the_queries_fit_the_shelf(shelf: dict[str, str]) -> None:
    questions = benchmark.read_questions()
    counts = Counter(question.kind for question in questions)
    assert set(counts) == {*benchmark.KINDS, benchmark.NONSENSE}
    assert len(questions) >= 120
    assert min(counts.values()) >= 20
    assert len({question.query for question in questions}) == len(questions)
    for question in questions:
        assert set(question.right) <= shelf.keys(), question.query
        assert bool(question.right) == (question.kind != benchmark.NONSENSE), question.query
    share = np.mean([question.half == "tuning" for question in questions])
    assert 0.4 < share < 0.6


def test_the_readme_counts_the_queries() -> None:
    counts = Counter(question.kind for question in benchmark.read_questions())
    whole = (ROOT / "benchmarks" / "search_quality" / "README.md").read_text(encoding="utf-8")
    text = whole.partition("## Measured")[0]
    assert f"holds {counts.total()} queries" in text
    told = re.findall(r"^\| ([a-z_, ]+) \| (\d+) \| [^\d]", text, re.MULTILINE)
    assert {kinds: sum(counts[kind] for kind in kinds.split(", ")) for kinds, _ in told} == {
        kinds: int(number) for kinds, number in told
    }
    assert {kind for kinds, _ in told for kind in kinds.split(", ")} == set(counts)


def test_plots_and_ideas_are_told_in_other_words(shelf: dict[str, str]) -> None:
    stem = snowballstemmer.stemmer("english").stemWord
    for question in benchmark.read_questions():
        if question.kind in ("plot", "idea"):
            words = {stem(word) for word in content_words(question.query)}
            for name in question.right:
                copied = words & {stem(word) for word in content_words(shelf[name])}
                assert not copied, (question.query, name, copied)


def test_a_half_is_that_of_the_query_alone() -> None:
    halves = [benchmark.Question(kind, "moby dick", (kind,)).half for kind in ("title", "part")]
    assert halves[0] == halves[1]
    assert {benchmark.Question("title", str(n), ()).half for n in range(20)} == {"tuning", "reported"}


def test_ranks_and_recall_by_hand() -> None:
    def answer(found: str, right: str, is_refused: bool = False) -> object:
        question = benchmark.Question("title", "a query", tuple(right))
        return benchmark.Answer("hybrid", question, tuple(found), is_refused)

    assert answer("abc", "a").reciprocal_rank == 1
    assert answer("abc", "cz").reciprocal_rank == pytest.approx(1 / 3)
    assert answer("abc", "cz").recall == 0.5
    assert answer("abc", "z").reciprocal_rank == answer("", "z").recall == 0
    assert answer("0123456789a", "a").reciprocal_rank == 0  # the eleventh
    many = "0123456789abcdef"
    assert answer(many[:10], many).recall == 1  # ten of sixteen fill the first page
    measured = benchmark.measure([answer("ab", "a"), answer("ba", "a", True)])
    assert set(measured) == {"title", "known-item", benchmark.ALL}
    figures = measured["title"]["hybrid"]
    assert (figures["n"], figures["mrr"], figures["recall"], figures["refused"]) == (2, 0.75, 1, 0.5)
    assert 0.5 <= figures["low"] <= figures["mrr"] <= figures["high"] <= 1


def test_all_systems_are_asked(library: Library) -> None:
    questions = [
        benchmark.Question("title", "moby-dick", ("moby-dick",)),
        benchmark.Question("misspelt", "mobby dick", ("moby-dick",)),
        benchmark.Question("plot", "remorse over a homicide", ("crime",)),
        benchmark.Question("nonsense", "asdfgh qwertz", ()),
    ]
    answers = [answer for question in questions for answer in benchmark.ask(library, question, embed)]
    ranks = {(a.question.kind, a.system): a.reciprocal_rank for a in answers}
    assert ranks["title", "title contains"] == ranks["title", "keyword"] == ranks["title", "hybrid"] == 1
    assert ranks["misspelt", "title contains"] == 0
    assert ranks["misspelt", "keyword"] == 1
    assert ranks["plot", "keyword"] == 0  # no work has any of the words
    assert ranks["plot", "meaning"] == ranks["plot", "hybrid"] == 1
    assert all(answer.is_refused for answer in answers if answer.question.kind == "nonsense")
    table = benchmark.write_table(benchmark.measure(answers))
    assert any(line.startswith("| nonsense | 1 | - |") and line.endswith("| 100% |") for line in table)
    assert benchmark.write_misses(answers) == []
    whole = json.loads(json.dumps(benchmark.to_json(library, answers)))
    assert len(whole["answers"]) == len(questions) * len(benchmark.SYSTEMS)
    assert whole["n_works"] == len(library)
