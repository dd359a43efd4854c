"""What ten million works cost: ``python benchmarks/scale.py BUILD.json COMPARE.json [...] [--works N]``.

Reads what ``benchmarks/build.py`` and ``build_whole.py`` measured, and writes the table of
docs/scale.md between its two marks. Each further JSON is a comparison on another machine, and a row.
"""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from page import ROOT, fill

PAGE = ROOT / "docs" / "scale.md"
MARKS = "measured"
D_EMBEDDING = 384
GIB = 2**30
HOUR = 3600
# Bytes a work in each kind of vector index (https://github.com/facebookresearch/faiss/wiki/Indexes):
# floats; eight bits a number with an 8-byte id; the same with 32 links a work of 4 bytes, twice on layer 0.
INDEXES = {
    "flat, exact (what the app uses)": 4 * D_EMBEDDING,
    "IVF, 8 bits": D_EMBEDDING + 8,
    "HNSW-32, 8 bits": D_EMBEDDING + 2 * 32 * 4,
    "IVF-PQ, 48 bytes": 48 + 8,
}


def project(whole: dict[str, Any], comparisons: dict[str, dict[str, Any]], n_works: int) -> list[str]:
    """Lines of Markdown: what was measured, and what it comes to for so many works."""
    n_measured, seconds = whole["n_works"], whole["seconds"]
    lines = [
        f"Measured: {n_measured:,} works ({whole['precision']}, summaries {whole['summaries']}, "
        f"{whole['threads']} threads), peak memory {whole['peak_megabytes']:,.0f} MB.",
        "",
        f"| stage | seconds | works a second | hours for {n_works:,} |",
        "|---|---|---|---|",
    ]
    for stage, taken in seconds.items():
        pace = n_measured / taken
        lines.append(f"| {stage} | {taken:,.1f} | {pace:,.1f} | {n_works / pace / HOUR:,.1f} |")
    lines += ["", f"| on disk | bytes a work | GiB for {n_works:,} |", "|---|---|---|"]
    for name, size in whole["bytes"].items():
        lines.append(f"| {name} | {size / n_measured:,.0f} | {size / n_measured * n_works / GIB:,.1f} |")
    lines += ["", f"| vector index in memory | bytes a work | GiB for {n_works:,} |", "|---|---|---|"]
    for name, size in INDEXES.items():
        lines.append(f"| {name} | {size} | {size * n_works / GIB:,.1f} |")
    lines += [
        "",
        f"| analysis on | precision | works a second | hours for {n_works:,} | on 100 such |",
        "|---|---|---|---|---|",
    ]
    for name, comparison in comparisons.items():
        for precision, pace in comparison["docs_per_second"].items():
            hours = n_works / pace / HOUR
            lines.append(f"| {name} | {precision} | {pace:,.1f} | {hours:,.1f} | {hours / 100:,.2f} |")
    return lines


def main() -> int:
    parser = argparse.ArgumentParser(description="Project what many works cost.")
    parser.add_argument("whole", type=Path, help="of benchmarks/build_whole.py")
    parser.add_argument("comparisons", type=Path, nargs="*", help="of benchmarks/build.py, one a machine")
    parser.add_argument("--works", type=int, default=10_000_000)
    parser.add_argument("--print", action="store_true", help="do not change docs/scale.md")
    given = parser.parse_args()
    comparisons = {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in given.comparisons}
    lines = project(json.loads(given.whole.read_text(encoding="utf-8")), comparisons, given.works)
    if given.print:
        print("\n".join(lines))
        return 0
    fill(PAGE, MARKS, lines)
    return 0


if __name__ == "__main__":
    sys.exit(main())
