"""All benchmarks in one table: ``python benchmarks/table.py [FOLDER] [--print]``.

Reads the JSON files that the benchmarks wrote into FOLDER (``runs/bench`` by default), and writes the table
of docs/performance.md between its marks. A bar is met only where it is met against every peer that took part;
a moonshot likewise. The share of the bound is what the machine needs at least, over what we need.
"""

import argparse
import json
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from page import PERFORMANCE, ROOT, fill

Report = Mapping[str, Any]


@dataclass(frozen=True)
class Row:
    """The answer to one question.

    Attributes:
        ours: as it is read, with its unit.
        bar, moonshot: as they are read; "" where none was set.
        met: whether the bar and the moonshot are; None where there is none.
        peers: how many times as long each takes.
        share: of the physical bound, 0 to 1; None where there is none.
    """

    question: str
    ours: str
    bar: str = ""
    moonshot: str = ""
    met: tuple[bool | None, bool | None] = (None, None)
    peers: Mapping[str, float] = field(default_factory=dict)
    share: float | None = None

    def write(self) -> str:
        """A line of Markdown."""
        peers = ", ".join(f"{name} {ratio:.2f}x" for name, ratio in self.peers.items()) or "–"
        goals = [
            f"{goal} ({_MET[met]})"
            for goal, met in zip((self.bar, self.moonshot), self.met, strict=True)
            if goal
        ]
        share = "–" if self.share is None else f"{self.share:.0%}"
        return f"| {self.question} | {self.ours} | {peers} | {'; '.join(goals) or '–'} | {share} |"


_MET: Final = {True: "met", False: "**not met**", None: "not measured"}


def read_generate(report: Report) -> list[Row]:
    rows = []
    for result in report["results"]:
        rival = result["ratios"].get("ctranslate2 int8")
        over = result["token_over_bound"]
        met = (None, None) if rival is None else (rival > 1, rival >= 1.5 and over <= 1.5)
        seconds = result["seconds"]["ours int8"]
        bounds = result["bounds"]
        least = bounds["seconds_to_read_bf16"] + report["write"] * bounds["seconds_per_token_int8"]
        question = f"generate, {report['read']} to {report['write']} tokens, batch {result['batch']}"
        moonshot = "1.5x, a token within 1.5 of its bound"
        rows.append(
            Row(
                question,
                f"{seconds:.2f} s",
                "faster than CTranslate2",
                moonshot,
                met,
                result["ratios"],
                least / seconds,
            )
        )
    return rows


def read_analyse(report: Report) -> list[Row]:
    best, ratios = report["contestants"][report["best"]], report["ratios"]
    least, p50 = min(ratios.values(), default=0.0), 1000 * best["p50"]
    shares = report["contestants"][report["best"]]["share_of_bound"]
    question = f"analyse {report['words']} words ({report['best'].removeprefix('ours ')})"
    met = (least >= 5, least >= 10 and p50 < 60)
    whole = Row(question, f"{p50:.0f} ms", "5x", "10x and under 60 ms", met, ratios)
    end = 1000 * best["written_whole"]
    written = Row("the same, every sentence written to its end", f"{end:.0f} ms",
                  peers=report["ratios_written_whole"], share=shares["all"])  # fmt: skip
    return [whole, written]


def read_encode(report: Report) -> list[Row]:
    ratios = report["ratios"]
    least = min(ratios.values(), default=0.0)
    met = (least >= 1.3, least >= 2) if ratios else (None, None)
    share = 1 / report["seconds_over_bound"]
    pace = f"{report['texts_per_second'][report['best']]:.1f} a second"
    question = f"encode {report['n']:,} texts ({report['best'].removeprefix('ours ')})"
    return [Row(question, pace, "1.3x the best", "2x", met, ratios, share)]


def read_build(report: Report) -> list[Row]:
    rows = []
    for precision in ("bf16", "int8"):
        ratios = report["ratios"][precision]
        least = min(ratios.values())
        share, pace = report["share_of_bound"][precision], report["docs_per_second"][precision]
        question, met = f"build, {report['n']:,} works ({precision})", (least >= 5, least >= 10)
        rows.append(Row(question, f"{pace:.1f} a second", "5x", "10x", met, ratios, share))
    return rows


def read_search(report: Report) -> list[Row]:
    systems = dict(report["systems"])
    ours = systems.pop("leximind")
    ratios = {name: found["ratio"] for name, found in systems.items()}
    # At equal recall: one that finds less is not beaten by being slower, but nor does it win.
    equal = [found["ratio"] for found in systems.values() if found["recall"] >= ours["recall"] - 0.005]
    met = (
        ours["p50_ms"] <= 15 and ours["p95_ms"] <= 40 and ours["recall"] >= 0.98 and all(r > 1 for r in equal)
    )
    figures = f"p50 {ours['p50_ms']:.1f} ms, p95 {ours['p95_ms']:.1f} ms, recall {ours['recall']:.3f}"
    bar = "15 ms, 40 ms, 0.98, faster than each"
    question = f"search {report['works']:,} works, hybrid with a filter"
    return [Row(question, figures, bar, "p95 15 ms", (met, ours["p95_ms"] <= 15), ratios)]


def read_app(report: Report) -> list[Row]:
    clicks, visitors = report["clicks"], report["visitors"]
    ratio = clicks["ratio"]
    click = f"p50 {clicks['ours at the same']['p50']:.0f} ms"
    http = f"p50 {report['http']['p50']:.0f} ms, p95 {report['http']['p95']:.0f} ms"
    question = f"app, {report['works']:,} works: a click to HTML"
    first = Row(question, click, "20x", "", (ratio >= 20, None), {"regular expression over rows": ratio})
    return [first, Row(f"app: {visitors} visitors over HTTP", http)]


def read_start(report: Report) -> list[Row]:
    ours = report["starts"]["leximind"]
    rows = []
    for moment, bar, moonshot in (("first page", 5, 3), ("first live answer", 8, 5)):
        seconds = ours[moment]["seconds"]
        peers = {name: ratios[moment] for name, ratios in report["ratios"].items() if moment in ratios}
        met = (seconds <= bar, seconds <= moonshot)
        rows.append(
            Row(f"cold start to the {moment}", f"{seconds:.1f} s", f"{bar} s", f"{moonshot} s", met, peers)
        )
    memory = ours["first live answer"]
    resident, peak = memory["now_megabytes"], memory["peak_megabytes"]
    peers = {
        name: found["first live answer"]["now_megabytes"] / resident
        for name, found in report["starts"].items()
        if name != "leximind" and "first live answer" in found
    }
    question, figures = "resident memory after the live answer", f"{resident:,.0f} MB (at most {peak:,.0f})"
    rows.append(Row(question, figures, "1.2 GB", "0.8 GB", (resident <= 1200, resident <= 800), peers))
    return rows


READERS: Final[Mapping[str, Callable[[Report], list[Row]]]] = {
    "generate": read_generate,
    "analyse": read_analyse,
    "encode": read_encode,
    "search": read_search,
    "app": read_app,
    "start": read_start,
    "build": read_build,
}


def write_table(reports: Mapping[str, Report]) -> list[str]:
    """Markdown: the table, what is missing, and the machine."""
    lines = [
        "| question | ours | others take | bar; moonshot | share of the bound |",
        "|---|---|---|---|---|",
    ]
    missing: dict[str, str] = {}
    for name, read in READERS.items():
        if name not in reports:
            missing[f"{name}.py"] = "not run"
            continue
        lines += [row.write() for row in read(reports[name])]
        missing |= {
            f"{peer} ({name}.py)": reason for peer, reason in reports[name].get("missing", {}).items()
        }
    if missing:
        lines += [
            "",
            "Missing: " + "; ".join(f"{who}: {why.rstrip('.')}" for who, why in missing.items()) + ".",
        ]
    machines = dict.fromkeys(
        f"{machine['processor']}, {machine['cores']} cores, torch {machine['torch']}"
        for report in reports.values()
        if (machine := report.get("machine"))
    )
    return [*lines, "", f"Machine: {'; '.join(machines) or 'unknown'}."]


def read_reports(folder: Path) -> dict[str, Report]:
    """What each benchmark wrote."""
    paths = {name: folder / f"{name}.json" for name in READERS}
    return {
        name: json.loads(path.read_text(encoding="utf-8")) for name, path in paths.items() if path.exists()
    }


def main() -> int:
    parser = argparse.ArgumentParser(description="Write the table of all benchmarks.")
    parser.add_argument("folder", type=Path, nargs="?", default=ROOT / "runs" / "bench")
    parser.add_argument("--print", action="store_true", help="do not change docs/performance.md")
    given = parser.parse_args()
    lines = write_table(read_reports(given.folder))
    print("\n".join(lines))
    if not given.print:
        fill(PERFORMANCE, "table", lines)
    return 0


if __name__ == "__main__":
    sys.exit(main())
