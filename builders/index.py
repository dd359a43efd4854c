"""From entries and findings to the discovery dataset: what can only be said with all works at hand."""

import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from builders.analyse import Finding
from builders.sources import Entry
from leximind.inference.tone import stand_out
from leximind.labels import EMOTIONS, TOPICS
from leximind.library.store import MANIFEST, STAMP, WORKS, write_discovery
from leximind.library.work import SCHEMA

_DECIMALS: Final = 4


def make_table(entries: Sequence[Entry], findings: Sequence[Finding], model: str, date: str) -> pa.Table:
    """The table of ``SCHEMA``, one row an entry, in their order.

    Tone and position depend on the whole library: tone is what stands out against its average.

    Args:
        date: the day of the analysis, ISO.
    """
    emotions = np.array([finding.emotions for finding in findings], np.float64).reshape(-1, len(EMOTIONS))
    mean, std = emotions.mean(axis=0), emotions.std(axis=0)
    embeddings = np.array([finding.embedding for finding in findings], np.float64)
    positions = lay_out(embeddings)
    columns: dict[str, list[Any]] = {name: [] for name in SCHEMA.names}
    for row, (entry, finding) in enumerate(zip(entries, findings, strict=True)):
        values = asdict(entry) | asdict(finding)
        values |= {
            "topic": TOPICS[int(np.argmax(finding.topic_scores))],
            "tone": stand_out(emotions[row], mean, std),
            "embedding": embeddings[row].astype(np.float16),
            "x": positions[row, 0],
            "y": positions[row, 1],
            "model": model,
            "analysed_at": date,
        }
        for name, column in columns.items():
            column.append(values[name])
    return pa.table(columns, schema=SCHEMA)


def lay_out(embeddings: NDArray[np.float64]) -> NDArray[np.float64]:
    """Positions on a map, (N, 2) within -1 to 1: the first two principal components.

    The sign of a component is arbitrary; here its largest weight is positive, so that the same works
    always give the same map.
    """
    if len(embeddings) < 2:
        return np.zeros((len(embeddings), 2))
    centred = embeddings - embeddings.mean(axis=0)
    axes = np.linalg.svd(centred, full_matrices=False)[2][:2].T
    largest = np.abs(axes).argmax(axis=0)
    axes = axes * np.sign(axes[largest, [0, 1]])
    positions = centred @ axes
    scaled = positions / max(float(np.abs(positions).max()), 1e-9)
    return np.asarray(np.round(scaled, _DECIMALS) + 0.0)  # + 0.0 turns -0.0 into 0.0


def write_dataset(table: pa.Table, folder: Path, *, model: str, date: str, stages: Mapping[str, Any]) -> str:
    """Write works, manifest and indexes; the old dataset stays whole until the new one is.

    Returns:
        The version, a content hash.

    Raises:
        DataError: the table does not fit the schema.
    """
    staging = folder.with_name(f".{folder.name}.partial")
    shutil.rmtree(staging, ignore_errors=True)
    version = write_discovery(table, staging, model=model, built_at=date, stages=stages)
    files = sorted(path.relative_to(staging) for path in staging.rglob("*") if path.is_file())
    # The old stamp goes first and the new one comes last: an index is only used with the stamp of its works.
    order = [name for name in files if name.as_posix() not in (WORKS, MANIFEST, STAMP)]
    order += [Path(WORKS), Path(MANIFEST), Path(STAMP)]
    (folder / STAMP).unlink(missing_ok=True)
    kept = {name.as_posix() for name in files}
    for old in sorted((folder / "index").rglob("*")):
        if old.is_file() and old.relative_to(folder).as_posix() not in kept:
            old.unlink()
    for name in order:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        os.replace(staging / name, folder / name)  # noqa: PTH105 - the call whose atomicity is meant
    shutil.rmtree(staging)
    return version
