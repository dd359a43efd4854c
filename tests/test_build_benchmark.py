"""The peers of the benchmark do the same work as a build, and the projection is plain arithmetic."""

import importlib.util
from pathlib import Path
from types import ModuleType

import torch
from models import tiny_analyzer

ROOT = Path(__file__).resolve().parent.parent


def load(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"benchmark_{name}", ROOT / "benchmarks" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_plain_loops_over_transformers_give_the_same_figures() -> None:
    torch.set_num_threads(1)
    benchmark = load("build")
    titles = [f"Title {n}" for n in range(5)]
    texts = [" ".join(f"Sentence {i} of text {n} is sad." for i in range(2 + 9 * n)) for n in range(5)]
    ours = benchmark.Ours(tiny_analyzer(), "fp32", 2).run(titles, texts)
    for per_text, per_batch in ((1, 1), (1, 1000), (3, 3)):
        theirs = benchmark.Plain(tiny_analyzer(), per_text, per_batch).run(titles, texts)
        found = benchmark.measure_difference(theirs, ours)
        assert found["topic_max"] < 1e-4
        assert found["emotion_max"] < 1e-4
        assert found["cosine_min"] > 0.999
        assert found["same_sentence"] == found["same_topic"] == 1


def test_the_projection_is_proportional() -> None:
    whole = {
        "n_works": 1000, "precision": "bf16", "summaries": "extracted", "threads": 2, "peak_megabytes": 900,
        "seconds": {"sources": 10.0, "analyse": 100.0}, "bytes": {"works.parquet": 1_500_000},
    }  # fmt: skip
    machine = {"docs_per_second": {"bf16": 10.0}}
    text = "\n".join(load("scale").project(whole, {"cpu": machine}, 10_000_000))
    assert "| analyse | 100.0 | 10.0 | 277.8 |" in text
    assert "| works.parquet | 1,500 | 14.0 |" in text
    assert "| flat, exact (what the app uses) | 1536 | 14.3 |" in text
    assert "| cpu | bf16 | 10.0 | 277.8 | 2.78 |" in text
