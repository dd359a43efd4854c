"""How costs grow: libraries of 1,000 to a million works, 1 to 512 tokens, 1 to 64 visitors.

``python benchmarks/growth.py [--parts library tokens visitors] [--papers FILE] [--output FILE.json]``

- ``library``: for each of ``--works``, made by ``synthetic.py`` (``--papers`` as there): seconds and peak
  memory of building its indexes, seconds to open it and memory then, a filter and a hybrid search under a
  filter that nobody asked for before, and memory after; each size in processes of its own.
- ``tokens``: reading and writing with the shape of FLAN-T5-base as in ``generate.py``, one text, in eight
  bits and bfloat16, with the bounds of the machine.
- ``visitors``: what ``visitors.py`` wrote beside the output.

Sizes that the output already has are not measured again, so a run that was stopped goes on. The figures are
written to docs/figures, and the tables of docs/performance.md between their marks; ``--print`` only prints.
"""

import argparse
import json
import os
import sys
from pathlib import Path
from typing import Any

from machine import describe_machine
from page import PERFORMANCE, ROOT, fill

WORKS = (1_000, 10_000, 100_000, 1_000_000)
TOKENS = tuple(2**power for power in range(10))
PARTS = ("library", "tokens", "visitors")
# Torch and matplotlib are imported where they are used: the processes that libraries are measured in begin by
# importing this file, and would hold them too.
FIGURES = ROOT / "docs" / "figures"


def read(path: Path) -> dict[str, Any]:
    """What was measured so far."""
    return dict(json.loads(path.read_text(encoding="utf-8"))) if path.exists() else {}


def keep(path: Path, found: dict[str, Any]) -> None:
    """Write what was measured so far; a run that is stopped leaves the file whole."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    partial.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    partial.replace(path)


def measure(found: dict[str, Any], given: argparse.Namespace) -> None:
    """Measure the sizes that are missing, and keep each."""
    if "library" in given.parts:
        from growth_library import measure_library

        papers = given.papers.stem if given.papers else ""
        known = [row for row in found.get("library", ()) if row["papers"] == papers]
        missing = sorted(set(given.works) - {row["works"] for row in known})
        questions = ask_questions() if missing else []
        for n_works in missing:
            row = {"works": n_works, "papers": papers, **measure_library(n_works, given.papers, questions)}
            known = sorted([*known, row], key=lambda row: row["works"])
            keep(given.output, found | {"library": known})
            found["library"] = known
            print(json.dumps(row), flush=True)
    if "tokens" in given.parts:
        known = found.get("tokens", [])
        missing = sorted(set(given.tokens) - {row["tokens"] for row in known})
        if missing:
            from growth_tokens import measure_tokens

            known = [*known, *measure_tokens(missing, given.rounds, given.threads)]
            found["tokens"] = sorted(known, key=lambda row: row["tokens"])
            keep(given.output, found)
    if "visitors" in given.parts:
        path = given.output.parent / "visitors.json"
        if path.exists():
            found["visitors"] = read(path)["results"]
            keep(given.output, found)
        else:
            print(f"without visitors: run benchmarks/visitors.py --output {path} first")


def ask_questions() -> list[tuple[str, Any]]:
    """Queries that have an answer, with their vectors."""
    from search_quality.run import NONSENSE, read_questions

    from leximind.inference.analyzer import LexiMind
    from leximind.library.query import free_text
    from leximind.settings import MODEL_DIR

    queries = [question.query for question in read_questions() if question.kind != NONSENSE]
    texts = {query: text for query in queries if (text := free_text(query))}
    vectors = LexiMind.from_pretrained(MODEL_DIR).embed(list(texts.values()))
    return [(text, vector) for text, vector in zip(texts.values(), vectors, strict=True)]


def main() -> int:
    parser = argparse.ArgumentParser(description="Measure and draw how costs grow.")
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS)
    parser.add_argument("--works", type=int, nargs="+", default=WORKS)
    parser.add_argument("--tokens", type=int, nargs="+", default=TOKENS)
    parser.add_argument("--papers", type=Path, help="Parquet or JSON Lines with titles and abstracts")
    parser.add_argument("--rounds", type=int, default=5, help="of reading and writing")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--output", type=Path, default=ROOT / "runs" / "bench" / "growth.json")
    parser.add_argument("--print", action="store_true", help="change neither docs nor figures")
    given = parser.parse_args()
    found = read(given.output) | {"machine": describe_machine()}
    measure(found, given)
    keep(given.output, found)
    from growth_report import draw, write_lines

    lines = write_lines(found)
    if given.print:
        print("\n".join(lines))
        return 0
    for chart in draw(found):
        (FIGURES / f"{chart.name}.svg").write_text(chart.svg, encoding="utf-8")
    fill(PERFORMANCE, "growth", lines)
    return 0


if __name__ == "__main__":
    sys.exit(main())
