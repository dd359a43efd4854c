"""Stages alone, what is not done twice, shares of many jobs, and updates."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from killed_build import DATE, FakeReader, describe, make_row, write_shelf

from builders.build import Report, build
from builders.pipeline.index import index_works
from builders.pipeline.manifest import Manifest
from builders.pipeline.options import Options
from builders.pipeline.sources import read_source
from builders.pipeline.validate import validate_dataset
from builders.sources import SourceOptions
from leximind.errors import DataError, InputError, NotFoundError
from leximind.library.dataset import STAMP, VECTORS
from leximind.library.store import Library
from leximind.library.work import DESCRIPTION, FULL_TEXT

Run = Callable[..., Report]
BOOK = f"The whole book. {describe(0)} " * 20


@pytest.fixture
def shelf(tmp_path: Path) -> Path:
    return write_shelf(tmp_path / "shelf.jsonl", [make_row(n, **with_text(n)) for n in range(18)])


@pytest.fixture
def run(shelf: Path, tmp_path: Path) -> Run:
    def start(*stages: str, version: str = "v1", **given: Any) -> Report:
        fixed: dict[str, Any] = {"output": tmp_path / "out", "work": tmp_path / "work", "date": DATE}
        options = Options(str(shelf), **(fixed | {"shard_rows": 4, "batch_size": 3} | given))
        log = tmp_path / "log"
        log.write_text("")
        return build(lambda: FakeReader(log), version, options, stages or ("sources", "analyse", "index"))

    return start


def with_text(number: int) -> dict[str, str]:
    return {"text": f"{BOOK} Part {number}."} if number in (2, 9) else {}


def read_log(tmp_path: Path) -> list[str]:
    return (tmp_path / "log").read_text().splitlines()


def analysed(report: Report) -> int:
    assert report.analysed is not None
    return report.analysed.n_works


def read_bytes(tmp_path: Path, output: str = "out") -> dict[str, bytes]:
    return {name: (tmp_path / output / name).read_bytes() for name in ("works.parquet", "manifest.json")}


def test_each_stage_runs_alone(run: Run, tmp_path: Path) -> None:
    for stage in ("analyse", "index", "validate"):
        with pytest.raises(NotFoundError, match="has not been finished"):
            run(stage)
    assert run("sources").manifests["sources"].counts == {"n_works": 18, "n_rejected": 0, "n_parts": 5}
    with pytest.raises(NotFoundError, match="'analyse' has not been finished"):
        run("index")
    assert not read_log(tmp_path)
    report = run("analyse")
    assert report.manifests["analyse"].counts == {"n_works": 18, "n_refused": 0, "n_full_texts": 2}
    assert not (tmp_path / "out").exists()
    run("index")
    assert not read_log(tmp_path)
    assert run("validate").manifests["validate"].counts["n_full_texts"] == 2
    alone = read_bytes(tmp_path)
    run(output=tmp_path / "other", work=tmp_path / "elsewhere")
    assert read_bytes(tmp_path, "other") == alone
    manifest = json.loads((tmp_path / "work" / "analyse.json").read_text())
    assert manifest["version"] == "v1"
    assert manifest["config"] == {"precision": "fp32", "summaries": "written", "batch_size": 3}
    assert manifest["input"] == json.loads((tmp_path / "work" / "sources.json").read_text())["output"]


def test_what_is_done_is_not_done_again(run: Run, tmp_path: Path) -> None:
    run()
    files = {path: path.stat().st_mtime_ns for path in (tmp_path / "out").rglob("*") if path.is_file()}
    files |= {path: path.stat().st_mtime_ns for path in (tmp_path / "work").rglob("*") if path.is_file()}
    assert analysed(run(date="")) == 0
    assert {path: path.stat().st_mtime_ns for path in files} == files


def test_a_changed_model_or_option_recomputes_all(run: Run, tmp_path: Path) -> None:
    run()
    assert analysed(run(version="v2")) == 18
    assert sum(line.startswith("whole: ") for line in read_log(tmp_path)) == 2
    assert analysed(run(version="v2", precision="int8")) == 18
    # How descriptions are batched or summarised says nothing about the novels, which take longest.
    assert analysed(run(version="v2", precision="int8", summaries="extracted")) == 18
    assert not any(line.startswith("whole: ") for line in read_log(tmp_path))
    assert analysed(run(version="v2", precision="int8", summaries="extracted")) == 0


def test_a_shelf_edit_costs_its_part_and_no_novel(run: Run, shelf: Path, tmp_path: Path) -> None:
    run()
    rows = [make_row(n, **with_text(n)) for n in range(18)]
    rows[1]["description"] = "Quite another description of this one work."
    write_shelf(shelf, rows)
    assert analysed(run()) == 4
    log = read_log(tmp_path)
    assert "Quite another description of this one work." in log
    assert len(log) == 4  # work-2 is in this part, and its text is remembered
    assert Library.from_folder(tmp_path / "out").works[1].description.startswith("Quite another")


@pytest.mark.parametrize("damage", ["cut", "other", "gone"])
def test_damaged_shards_are_made_again(run: Run, tmp_path: Path, damage: str) -> None:
    run()
    whole = read_bytes(tmp_path)
    first, second, *_ = sorted((tmp_path / "work/analyse/shards").iterdir())
    if damage == "cut":
        first.write_bytes(first.read_bytes()[:500])
    elif damage == "other":
        shutil.copyfile(second, first)
    else:
        first.unlink()
    assert analysed(run()) == 4
    assert read_bytes(tmp_path) == whole


def test_a_shard_with_a_wrong_byte_is_named(run: Run, tmp_path: Path) -> None:
    run("sources", "analyse")
    shard = sorted((tmp_path / "work/analyse/shards").iterdir())[1]
    damaged = bytearray(shard.read_bytes())
    damaged[300] ^= 0xFF
    shard.write_bytes(damaged)
    with pytest.raises(DataError, match=r"00001\.parquet cannot be read"):
        run("index")
    shard.unlink()
    run("analyse", "index", "validate")


def test_changed_sources_need_an_analysis(run: Run, shelf: Path) -> None:
    run()
    write_shelf(shelf, [make_row(number) for number in range(3)])
    run("sources")
    with pytest.raises(InputError, match="sources have changed"):
        run("index")


def test_jobs_of_an_array_share_the_parts(run: Run, tmp_path: Path) -> None:
    run(output=tmp_path / "whole", work=tmp_path / "whole work")
    whole = read_bytes(tmp_path, "whole")
    run("sources")
    found = [run("analyse", share=(own, 3)) for own in (1, 2, 3)]
    assert [analysed(report) for report in found] == [8, 6, 4]
    assert [report.manifests.keys() for report in found[:2]] == [set(), set()]
    assert found[2].analysed is not None
    assert found[2].analysed.manifest is not None  # the last job finds all shards
    assert analysed(run("analyse", "index")) == 0
    assert read_bytes(tmp_path) == whole


def test_shards_of_other_machines_are_merged(run: Run, tmp_path: Path) -> None:
    run(output=tmp_path / "whole", work=tmp_path / "whole work")
    for own in (1, 2):
        run("sources", "analyse", work=tmp_path / f"machine {own}", share=(own, 2))
    run("sources")
    others = (tmp_path / "machine 1", tmp_path / "machine 2")
    assert analysed(run("analyse", "index", merge=others)) == 0
    assert read_bytes(tmp_path) == read_bytes(tmp_path, "whole")
    # Shards of another model are not taken.
    assert analysed(run("analyse", version="v2", merge=others)) == 18


def test_an_update_analyses_what_is_new(run: Run, shelf: Path, tmp_path: Path) -> None:
    run()
    before = {work.id: work for work in Library.from_folder(tmp_path / "out").works}
    rows = [make_row(n, **with_text(n)) for n in range(3, 18)]
    rows[2]["description"] = "This description is not what it was before."
    rows[3]["year"] = 1234  # nothing that a model reads
    rows[6]["text"] = f"{BOOK} Part ten."
    write_shelf(shelf, [make_row(50), *rows, make_row(51, text=BOOK)])
    report = run(update=True, date="2026-02-02")
    assert report.analysed is not None
    changes = report.analysed.changes
    assert changes is not None
    assert (changes.n_added, changes.n_changed, changes.n_kept, changes.n_removed) == (2, 2, 13, 3)
    assert analysed(report) == 4
    after = {work.id: work for work in Library.from_folder(tmp_path / "out").works}
    assert [*after] == ["work-50", *(row["id"] for row in rows), "work-51"]
    kept = [name for name in after if name not in ("work-50", "work-51", "work-5", "work-9")]
    for name in kept:
        for field in ("summary", "emotions", "topic_scores", "arc", "n_words", "analysed_at"):
            assert getattr(after[name], field) == getattr(before[name], field)
    assert after["work-6"].year == 1234
    assert {after[name].analysed_at for name in kept} == {DATE}
    assert {after[n].analysed_at for n in ("work-50", "work-51", "work-5", "work-9")} == {"2026-02-02"}
    halves = pq.read_table(tmp_path / "work/halves.parquet").column("id").to_pylist()
    assert halves == ["work-9", "work-51"]
    # What was kept is what a build of everything gives.
    run(output=tmp_path / "whole", work=tmp_path / "elsewhere")
    for work in Library.from_folder(tmp_path / "whole").works:
        assert after[work.id].emotions == pytest.approx(work.emotions, abs=1e-5)
        assert after[work.id].tone == work.tone
    assert analysed(run(update=True)) == 0


def test_an_update_needs_only_the_dataset(run: Run, shelf: Path, tmp_path: Path) -> None:
    run()
    before = Library.from_folder(tmp_path / "out")
    shutil.rmtree(tmp_path / "work")
    write_shelf(shelf, [make_row(n, **with_text(n)) for n in range(19)])
    report = run(update=True)
    assert report.analysed is not None
    assert report.analysed.changes is not None
    # Without the work folder nobody knows which text a row with a full text was made from: it is read again.
    assert report.analysed.changes.n_kept == 16
    assert analysed(report) == 3
    after = Library.from_folder(tmp_path / "out")
    assert (after.embeddings[:18] == before.embeddings).all()


def test_another_model_updates_everything(run: Run, tmp_path: Path) -> None:
    run()
    report = run(update=True, version="v2")
    assert report.analysed is not None
    assert report.analysed.changes is not None
    assert report.analysed.changes.n_kept == 0
    assert analysed(report) == 18
    # And where there is no dataset yet, an update is a build.
    report = run(update=True, output=tmp_path / "new", work=tmp_path / "new work")
    assert analysed(report) == 18


def test_full_texts_from_a_table(run: Run, tmp_path: Path) -> None:
    rows = [{"id": "work-4", "text": BOOK}, {"id": "stranger", "text": BOOK}]
    table = write_shelf(tmp_path / "texts.jsonl", rows)
    run(reading=SourceOptions(texts=table))
    works = Library.from_folder(tmp_path / "out").works
    assert {work.id for work in works if work.provenance == FULL_TEXT} == {"work-2", "work-4", "work-9"}
    write_shelf(tmp_path / "texts.jsonl", rows[1:])
    run(reading=SourceOptions(texts=table))
    assert Library.from_folder(tmp_path / "out").works[4].provenance == DESCRIPTION


def test_missing_and_stale_indexes_are_built_again(run: Run, tmp_path: Path) -> None:
    run()
    before = (tmp_path / "out/works.parquet").stat().st_mtime_ns
    shutil.rmtree(tmp_path / "out/index")
    with pytest.raises(DataError, match="missing or stale"):
        run("validate")
    run("index", "validate")
    (tmp_path / "out" / STAMP).write_text('{"version": "older", "format": 1}')
    run("index", "validate")
    assert (tmp_path / "out/works.parquet").stat().st_mtime_ns == before
    assert not list((tmp_path / "out").glob(".*"))


def test_validation_finds_what_is_wrong(run: Run, tmp_path: Path) -> None:
    run()
    other = tmp_path / "other"
    run(output=other, work=tmp_path / "elsewhere", reading=SourceOptions(limit=5))
    shutil.copyfile(other / VECTORS, tmp_path / "out" / VECTORS)
    with pytest.raises(DataError, match="vector index has 5 works, but 18"):
        run("validate")
    shutil.copyfile(other / "works.parquet", tmp_path / "out" / "works.parquet")
    with pytest.raises(DataError, match="was written"):
        run("validate")
    run("index", "validate")
    assert len(Library.from_folder(tmp_path / "out")) == 18


def test_a_damaged_manifest_only_costs_time(run: Run, tmp_path: Path, shelf: Path) -> None:
    run("sources", "analyse", "index", "validate")
    whole = read_bytes(tmp_path)
    for name in ("sources", "analyse", "index", "validate"):
        (tmp_path / "work" / f"{name}.json").write_text("{")
        assert Manifest.find(tmp_path / "work", name) is None
        assert analysed(run("sources", "analyse", "index", "validate")) == 0
    assert read_bytes(tmp_path) == whole
    options = Options(str(shelf), tmp_path / "out", tmp_path / "work", DATE, shard_rows=4)
    for stage in (read_source, index_works, validate_dataset):
        assert stage(options).output
