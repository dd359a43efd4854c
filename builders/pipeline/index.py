"""Stage three: the dataset, its manifest and its indexes, part by part."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from builders.index import make_rows, read_blocks, read_emotions, write_dataset
from builders.layout import Layout
from builders.pipeline.analysis import STAGE as ANALYSE
from builders.pipeline.analysis import list_shards
from builders.pipeline.files import hash_file, hash_text, replacing, sweep
from builders.pipeline.manifest import Manifest
from builders.pipeline.options import Options
from builders.pipeline.parts import PART, read_table
from builders.pipeline.sources import REJECTED, list_parts
from builders.pipeline.sources import STAGE as SOURCES
from builders.sources import Rejection
from leximind.errors import DataError, LexiMindError
from leximind.inference.tone import name_tones
from leximind.labels import D_EMBEDDING
from leximind.library.dataset import WORKS, is_indexed, read_manifest, write_indexes
from leximind.settings import ROOT, build_day

STAGE: Final = "index"
_CODE: Final = (
    "builders/index.py",
    "builders/layout.py",
    "builders/pipeline/index.py",
    "leximind/inference/tone.py",
    "leximind/library/work.py",
    "leximind/library/dataset.py",
)
_ENTRY: Final = tuple(name for name in PART.names if name != "text")


def index_works(options: Options) -> Manifest:
    """Write the dataset, unless it is there already; missing or stale indexes are built again.

    Raises:
        NotFoundError: the works are not analysed yet.
        DataError: the model refused every work, or what it found does not fit the schema.
    """
    work, output = options.folder, options.output.resolve()
    analysed, sources = Manifest.require(work, ANALYSE), Manifest.require(work, SOURCES)
    shards, parts = list_shards(work), list_parts(work)
    code = hash_text(hash_file(ROOT / name) for name in _CODE)
    found = Manifest.find(work, STAGE)
    wanted = Manifest(
        STAGE,
        hash_text([sources.output, sources.facts["rejected"], analysed.output]),
        code,
        {"output": str(output)},
    )
    date = options.date
    if found is not None and found.fits(wanted):
        # Nothing has changed since: the dataset is still that day's.
        date = date or found.facts["date"]
        if date == found.facts["date"] and _is_written(output, found.output):
            if not is_indexed(output):
                write_indexes(output)
            return found
    date = date or build_day()
    Manifest.drop(work, STAGE)
    n_works = analysed.counts["n_works"]
    output.mkdir(parents=True, exist_ok=True)
    n_rejected = _write_rejections(work, shards, output / REJECTED)
    if not n_works:
        raise DataError("The model refused every work.", hint=f"See {output / REJECTED}.")
    stages = {
        "sources": {"source": Path(options.source).name, "output": sources.output, "counts": sources.counts},
        "analyse": _describe(analysed),
        "index": {"counts": {"n_works": n_works, "n_rejected": n_rejected}},
    }
    tables = _make_tables(parts, shards, analysed.facts["model"])
    version = write_dataset(tables, output, model=analysed.facts["model"], date=date, stages=stages)
    sweep(output)
    counts = {"n_works": n_works, "n_rejected": n_rejected}
    made = Manifest(STAGE, wanted.input, code, wanted.config, version, counts, {"date": date})
    made.save(work)
    return made


def _make_tables(parts: Sequence[Path], shards: Sequence[Path], model: str) -> Iterator[pa.Table]:
    """The rows of the dataset, a table a shard. Three readings: landmarks of the map, positions, rows."""
    layout = Layout()
    for block in read_blocks(_read_findings(shards, ["embedding"]), "embedding", D_EMBEDDING):
        layout.add(block)
    positions = layout.place(read_blocks(_read_findings(shards, ["embedding"]), "embedding", D_EMBEDDING))
    emotions = read_emotions(_read_findings(shards, ["emotions"]))
    is_whole = [
        whole
        for table in _read_findings(shards, ["n_words"])
        for whole in table.column("n_words").is_valid().to_pylist()
    ]
    tones = name_tones(emotions, is_whole)
    start = 0
    for part, findings in zip(parts, _read_findings(shards, None), strict=True):
        entries = read_table(part, _ENTRY)
        entries = entries.filter(pc.is_in(entries.column("id"), findings.column("id").combine_chunks()))
        stop = start + len(findings)
        yield make_rows(entries, findings, tones[start:stop], positions[start:stop], model)
        start = stop


def _read_findings(shards: Sequence[Path], columns: Sequence[str] | None) -> Iterator[pa.Table]:
    """The findings of the works that the model took."""
    for shard in shards:
        table = read_table(shard, None if columns is None else ["error", *columns])
        yield table.filter(pc.equal(table.column("error"), ""))


def _write_rejections(work: Path, shards: Sequence[Path], path: Path) -> int:
    """What the source and the model left out, in one report; no report when that is nothing."""
    n_rejected = 0
    with replacing(path) as partial, partial.open("w", encoding="utf-8", errors="surrogateescape") as report:
        with (work / SOURCES / REJECTED).open(encoding="utf-8", errors="surrogateescape") as given:
            for line in given:
                report.write(line)
                n_rejected += 1
        for rejection in _list_refused(shards):
            report.write(json.dumps(asdict(rejection), ensure_ascii=False) + "\n")
            n_rejected += 1
    if not n_rejected:
        path.unlink()
    return n_rejected


def _list_refused(shards: Sequence[Path]) -> Iterator[Rejection]:
    row = 0
    for shard in shards:
        table = read_table(shard, ["id", "error"])
        for name, error in zip(*(table.column(i).to_pylist() for i in ("id", "error")), strict=True):
            row += 1
            if error:
                yield Rejection("", row, name, error)


def _is_written(output: Path, version: str) -> bool:
    """Whether the dataset is the one that this stage wrote."""
    try:
        return str(read_manifest(output)["version"]) == version == hash_file(output / WORKS)
    except (OSError, LexiMindError):
        return False


def _describe(analysed: Manifest) -> dict[str, Any]:
    """The analysis as the manifest of the dataset tells it."""
    return {
        "version": analysed.version,
        "config": dict(analysed.config),
        "output": analysed.output,
        "counts": dict(analysed.counts),
    }
