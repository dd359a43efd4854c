"""The arithmetic of the benchmarks: fits, bounds, what breaks first, figures, the table, parts of pages."""

import math
from pathlib import Path
from typing import Any

import bounds
import growth
import growth_report
import page
import pytest
import scale
import suite
import table
import torch
from contest import report
from growth_report import Curve
from machine import describe_machine, measure_memory
from papers import Papers

from leximind.model.config import Seq2SeqConfig, preset
from leximind.model.seq2seq import Seq2Seq

LIBRARY = [
    {"works": n, "papers": "", "build_seconds": n / 100, "build_peak_megabytes": 200 + n / 1000,
     "build_idle_megabytes": 90.0, "open_seconds": 0.1 + n / 1e6, "opened_megabytes": 150.0,
     "filter_p50_ms": 1.0, "filter_p95_ms": 2 + n / 1e5, "hybrid_p50_ms": 2.0, "hybrid_p95_ms": 5 * n / 1e5,
     "asked_megabytes": 300.0, "asked_own_megabytes": 100 + n / 2000, "index_megabytes": n / 500}
    for n in (1_000, 10_000, 100_000)
]  # fmt: skip
MACHINE = {"processor": "A processor", "cores": 2, "torch": "2.0", "megabytes": 8000.0}


def test_an_exponent_is_that_of_the_power_law() -> None:
    sizes = (1.0, 10.0, 100.0, 1000.0)
    assert Curve(sizes, tuple(3 * size**1.5 for size in sizes)).exponent == pytest.approx(1.5)
    bent = Curve(sizes, (1.0, 1.0, 1.0, 10.0))
    assert bent.last_exponent == pytest.approx(1)
    assert 0 < bent.exponent < 1
    assert math.isnan(Curve((1.0,), (1.0,)).exponent)


def test_costs_are_carried_on_in_a_straight_line() -> None:
    curve = Curve((1.0, 10.0, 100.0), (7.0, 120.0, 300.0))
    assert curve.carry_on(1000) == pytest.approx(300 + 180 / 90 * 900)
    assert math.isnan(Curve((1.0,), (1.0,)).carry_on(10))


def test_what_breaks_first_comes_first() -> None:
    entries = growth_report.find_limits({"library": LIBRARY}, memory=500.0)
    name, now, then, limit = entries[0]
    assert (name, now, then, limit) == ("memory to build, at most, MB", 300.0, pytest.approx(1200), 500.0)
    assert [entry[2] / entry[3] for entry in entries] == sorted(
        (entry[2] / entry[3] for entry in entries), reverse=True
    )
    assert growth_report.find_limits({"library": LIBRARY[:1]}, memory=500.0) == []
    waits = [{"p50_seconds": n / 2, "p95_seconds": float(n)} for n in (1, 2)]
    visitors = [
        {"visitors": n, "shared": wait, "in turn": wait} for n, wait in zip((1, 2), waits, strict=True)
    ]
    assert growth_report.find_limits({"visitors": visitors}, memory=1.0) == [
        ("visitors at once, shared, p95, s", 2.0, 20.0, 10.0)
    ]


def test_the_report_names_exponents_and_the_first_limit() -> None:
    lines = growth_report.write_lines({"library": LIBRARY, "machine": MACHINE})
    assert "| build the indexes, s | 1,000 | 100,000 | 1e+03 | 1.00 | 1.00 |" in lines
    assert "**hybrid search, p95** breaks first." in lines
    calm = [row | {"hybrid_p95_ms": 3.0, "filter_p95_ms": 2.0} for row in LIBRARY]
    assert "nothing breaks" in growth_report.write_lines({"library": calm, "machine": MACHINE})[-1]


def test_figures_are_the_same_each_time_and_follow_the_page() -> None:
    tokens = [
        {
            "tokens": n,
            "read": {"a": n / 10, "b": n / 9},
            "write": {"a": n, "b": 2 * n},
            "bounds": {"read": n / 20, "write": n / 2},
        }
        for n in (1, 2, 4)
    ]
    waits = {"p50_seconds": 1.0, "p95_seconds": 2.0}
    visitors = [{"visitors": n, "shared": waits, "in turn": waits} for n in (1, 2)]
    found: dict[str, Any] = {"library": LIBRARY, "tokens": tokens, "visitors": visitors, "machine": MACHINE}
    first, second = growth_report.draw(found), growth_report.draw(found)
    assert [chart.name for chart in first] == ["growth-library", "growth-tokens", "growth-visitors"]
    assert [chart.svg for chart in first] == [chart.svg for chart in second]
    assert all("prefers-color-scheme: dark" in chart.svg for chart in first)
    assert "2 visitors who share batches: p50 1.00 s, p95 2.00 s." in first[2].svg


def test_a_size_that_is_kept_is_not_measured_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:  # fmt: skip
    monkeypatch.setattr("sys.argv", ["growth.py"])
    output, asked = tmp_path / "growth.json", []
    growth.keep(output, {"library": LIBRARY[:2]})

    def measure(n_works: int, papers: Path | None, questions: object) -> dict[str, float]:
        asked.append(n_works)
        return LIBRARY[2]  # type: ignore[return-value]

    monkeypatch.setattr("growth_library.measure_library", measure)
    monkeypatch.setattr(growth, "ask_questions", list)
    arguments = [
        "--parts",
        "library",
        "--works",
        "1000",
        "10000",
        "100000",
        "--output",
        str(output),
        "--print",
    ]
    monkeypatch.setattr("sys.argv", ["growth.py", *arguments])
    assert growth.main() == 0
    assert growth.main() == 0
    assert asked == [100_000]
    assert [row["works"] for row in growth.read(output)["library"]] == [1_000, 10_000, 100_000]


def test_bounds_count_the_weights_of_the_model() -> None:
    for name in ("flan-t5-small", "leximind-mini"):
        config = preset(name)
        config = config if isinstance(config, Seq2SeqConfig) else config.backbone  # type: ignore[union-attr]
        with torch.device("meta"):
            model = Seq2Seq(config)
        linears = [p.numel() for n, p in model.encoder.blocks.named_parameters() if p.ndim == 2]
        assert bounds.count_weights(config.encoder) == sum(linears)
        inner = config.encoder.n_heads * config.encoder.d_head
        attention = 2 * 10 * inner * config.encoder.n_layers
        assert bounds.count_encoder(config.encoder, 10) == 10 * (sum(linears) + attention)
        step = sum(p.numel() for p in model.decoder.blocks.parameters() if p.ndim == 2)
        memory = bounds.count_memory(config, 1) - config.copy_head * config.decoder.d_model**2
        step += config.vocab_size * config.decoder.d_model - memory
        if config.copy_head:
            step += model.copy_head.query.weight.numel() + model.copy_head.gate.weight.numel()
        assert bounds.count_step_weights(config) == step


def test_a_bar_is_met_only_against_every_peer() -> None:
    own = {"p50": 0.05, "written_whole": 0.06, "share_of_bound": {"all": 0.5}}
    told = {"words": 200, "best": "ours int8", "contestants": {"ours int8": own}}
    for slowest, least, met in (
        (12.0, 10.5, (True, True)),
        (12.0, 6.0, (True, False)),
        (12.0, 4.0, (False, False)),
    ):
        ratios = {"one": slowest, "other": least}
        first, second = table.read_analyse(told | {"ratios": ratios, "ratios_written_whole": ratios})
        assert first.met == met
        assert second.share == 0.5
        assert f"5x ({'met' if met[0] else '**not met**'})" in first.write()
    slow = own | {"p50": 0.07}
    ratios = {"one": 12.0}
    slow_told = told | {"contestants": {"ours int8": slow}, "ratios": ratios, "ratios_written_whole": ratios}
    assert table.read_analyse(slow_told)[0].met == (True, False)


def test_search_wins_only_over_those_that_find_as_much() -> None:
    ours = {"p50_ms": 5.0, "p95_ms": 20.0, "ratio": 1.0, "recall": 0.99}
    quick = {"p50_ms": 4.0, "p95_ms": 9.0, "ratio": 0.8, "recall": 0.80}
    told = {"works": 10, "systems": {"leximind": ours, "careless": quick}}
    assert table.read_search(told)[0].met == (True, False)
    told = {"works": 10, "systems": {"leximind": ours, "careful": quick | {"recall": 0.99}}}
    assert table.read_search(told)[0].met == (False, False)


def test_the_table_names_what_is_missing_and_the_machine() -> None:
    told = {
        "n": 10, "texts_per_second": {"ours bf16": 20.0}, "best": "ours bf16", "ratios": {"other": 1.5},
        "seconds_over_bound": 4.0, "missing": {"third": "it is not installed."}, "machine": MACHINE,
    }  # fmt: skip
    text = "\n".join(table.write_table({"encode": told}))
    goals = "1.3x the best (met); 2x (**not met**)"
    assert f"| encode 10 texts (bf16) | 20.0 a second | other 1.50x | {goals} | 25% |" in text
    assert "generate.py: not run" in text
    assert (
        "third (encode.py): it is not installed;" in text or "third (encode.py): it is not installed." in text
    )
    assert text.endswith("Machine: A processor, 2 cores, torch 2.0.")


def test_only_what_is_between_the_marks_is_written(tmp_path: Path) -> None:
    place = tmp_path / "page.md"
    begin, end = page.marks("table")
    place.write_text(f"Before.\n\n{begin}\nold\n{end}\n\nAfter.\n", encoding="utf-8")
    for _ in range(2):
        page.fill(place, "table", ["new"])
        assert place.read_text(encoding="utf-8") == f"Before.\n\n{begin}\n\nnew\n\n{end}\n\nAfter.\n"
    with pytest.raises(ValueError, match="growth"):
        page.fill(place, "growth", ["new"])


def test_the_pages_have_a_place_for_each_part() -> None:
    for place, name in ((page.PERFORMANCE, "table"), (page.PERFORMANCE, "growth"), (scale.PAGE, scale.MARKS)):
        text = place.read_text(encoding="utf-8")
        assert [text.count(mark) for mark in page.marks(name)] == [1, 1]


def test_the_suite_gives_papers_to_those_that_take_them(tmp_path: Path) -> None:
    given = suite.list_commands(tmp_path, Path("papers.parquet"), quick=True)
    assert given["search"][2:4] == ["--papers", "papers.parquet"]
    assert given["encode"][2] == given["build"][2] == "papers.parquet"
    assert "papers.parquet" not in given["start"]
    assert "map" not in given
    assert all(command[-1] == str(tmp_path / f"{name}.json") for name, command in given.items())


def test_texts_come_from_the_embedded_library_without_a_file(tmp_path: Path) -> None:
    embedded = Papers.read(None)
    assert len(embedded.titles) == len(embedded.abstracts) > 100
    sample = embedded.sample(len(embedded.titles) + 5)
    assert len(sample.titles) == len(embedded.titles) + 5
    assert sample == embedded.sample(len(embedded.titles) + 5)
    file = tmp_path / "papers.jsonl"
    file.write_text('{"title": "A", "abstract": "B"}\n{"title": "C", "abstract": " "}\n', encoding="utf-8")
    assert Papers.read(file) == Papers(["A"], ["B"])


def test_a_report_says_which_machine(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    report({"found": 1}, tmp_path / "new" / "report.json")
    assert '"found": 1' in capsys.readouterr().out
    told = growth.read(tmp_path / "new" / "report.json")
    assert told["machine"] == describe_machine()
    memory = measure_memory()
    assert not memory or 0 < memory["own"] <= memory["now"] <= memory["peak"] + 1
