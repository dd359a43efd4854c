"""What a build of a whole arXiv table costs, from end to end.

``python benchmarks/build_whole.py TABLE [--limit N] [--precision bf16] [--output FILE.json]``: seconds by
stage, each in a process of its own, works, bytes on disk, peak memory. TABLE is what ``--source arxiv:TABLE``
reads. docs/scale.md is computed from this and from ``benchmarks/build.py`` by ``benchmarks/scale.py``.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from contest import report

from leximind.settings import MODEL_DIR, ROOT

STAGES = ("sources", "analyse", "index", "validate")


def build_whole(given: argparse.Namespace) -> dict[str, Any]:
    """Run the stages of a build one after another."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        options = ["--source", f"arxiv:{given.table}", "--output", str(place / "out")]
        options += ["--work", str(place / "work"), "--model", given.model, "--precision", given.precision]
        options += ["--threads", str(given.threads), "--summaries", given.summaries]
        if given.limit is not None:
            options += ["--limit", str(given.limit)]
        seconds = {}
        for stage in STAGES:
            start = time.perf_counter()
            subprocess.run(
                [sys.executable, str(ROOT / "builders" / "build.py"), stage, *options], cwd=ROOT, check=True
            )
            seconds[stage] = time.perf_counter() - start
        counts = {
            stage: json.loads((place / "work" / f"{stage}.json").read_text(encoding="utf-8"))["counts"]
            for stage in ("sources", "validate")
        }
        sizes = {
            "works.parquet": size(place / "out" / "works.parquet"),
            "vectors.faiss": size(place / "out" / "index" / "vectors.faiss"),
            "keyword": size(place / "out" / "index" / "keyword"),
            "parts": size(place / "work" / "sources"),
            "shards": size(place / "work" / "analyse"),
        }
    n_works = counts["validate"]["n_works"]
    return {
        "n_works": n_works,
        "n_rejected": counts["sources"]["n_rejected"],
        "precision": given.precision,
        "summaries": given.summaries,
        "threads": given.threads,
        "seconds": seconds,
        "docs_per_second": n_works / seconds["analyse"],
        "bytes": sizes,
        # Of the largest process.
        "peak_megabytes": resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024,
    }


def size(place: Path) -> int:
    """Bytes of a file, or of all files in a folder."""
    files = [place] if place.is_file() else [path for path in place.rglob("*") if path.is_file()]
    return sum(path.stat().st_size for path in files)


def main() -> int:
    parser = argparse.ArgumentParser(description="Benchmark a whole build.")
    parser.add_argument("table", type=Path)
    parser.add_argument("--model", default=str(MODEL_DIR))
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--limit", type=int)
    parser.add_argument("--precision", default="bf16")
    parser.add_argument("--summaries", default="extracted")
    parser.add_argument("--output", type=Path)
    given = parser.parse_args()
    given.table = given.table.resolve()
    report(build_whole(given), given.output)
    return 0


if __name__ == "__main__":
    sys.exit(main())
