"""From entries and findings to the rows of the dataset: what can only be said with all works at hand."""

import os
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from leximind.labels import EMOTIONS, TOPICS
from leximind.library.croissant import describe
from leximind.library.dataset import MANIFEST, STAMP, WORKS, write_discovery
from leximind.library.work import DESCRIPTION, FULL_TEXT, SCHEMA

ARC_POINTS: Final = 64
"""A novel of many hundred passages is shown as so many stretches of about the same length."""

_SCORE_DECIMALS: Final = 5
# As they stand in the sources, and as the model found them.
_GIVEN: Final = tuple(SCHEMA.names[: SCHEMA.get_field_index("description") + 1])
_FOUND: Final = (
    "summary",
    "summary_source",
    "topic_scores",
    "emotions",
    "embedding",
    "n_words",
    "analysed_at",
)

Floats = NDArray[np.float64]


def make_rows(
    entries: pa.Table, findings: pa.Table, tones: Sequence[Sequence[str]], positions: Floats, model: str
) -> pa.Table:
    """Rows of ``SCHEMA`` from entries and findings of the same works in the same order."""
    columns: dict[str, Any] = {name: entries.column(name) for name in _GIVEN}
    columns |= {name: findings.column(name) for name in _FOUND}
    topics = np.array(findings.column("topic_scores").to_pylist()).reshape(-1, len(TOPICS))
    passages = zip(
        findings.column("passage_emotions").to_pylist(),
        findings.column("passage_lengths").to_pylist(),
        strict=True,
    )
    is_whole = findings.column("n_words").is_valid().to_pylist()
    columns |= {
        "topic": [TOPICS[i] for i in topics.argmax(axis=1)] if len(topics) else [],
        "tone": [list(tone) for tone in tones],
        "arc": [draw_arc(emotions, lengths) for emotions, lengths in passages],
        "provenance": [FULL_TEXT if whole else DESCRIPTION for whole in is_whole],
        "x": positions[:, 0],
        "y": positions[:, 1],
        "model": [model] * len(entries),
    }
    return pa.table(
        {name: pa.chunked_array(_cast(columns[name], name)) for name in SCHEMA.names}, schema=SCHEMA
    )


def draw_arc(emotions: Sequence[Sequence[float]], lengths: Sequence[int]) -> list[list[float]]:
    """(P, 28) emotions of passages to at most ``ARC_POINTS`` stretches, means by length.

    A passage belongs to the stretch in which its middle lies; where passages are few, each stands alone.
    """
    if len(emotions) <= ARC_POINTS:
        return [list(passage) for passage in emotions]
    scores, sizes = np.array(emotions, np.float64), np.array(lengths, np.float64)
    middles = (sizes.cumsum() - sizes / 2) / sizes.sum()
    stretches = np.minimum((middles * ARC_POINTS).astype(int), ARC_POINTS - 1)
    means = [
        np.average(scores[stretches == i], axis=0, weights=sizes[stretches == i])
        for i in np.unique(stretches)
    ]
    return [np.round(mean, _SCORE_DECIMALS).tolist() for mean in means]


def write_dataset(
    tables: Iterable[pa.Table], folder: Path, *, model: str, date: str, stages: Mapping[str, Any]
) -> str:
    """Write works, manifest, indexes and descriptions; the old dataset stays whole until the new one is.

    Returns:
        The version, a content hash.

    Raises:
        DataError: a table does not fit the schema.
    """
    staging = folder.with_name(f".{folder.name}.partial")
    shutil.rmtree(staging, ignore_errors=True)
    version = write_discovery(tables, staging, model=model, built_at=date, stages=stages)
    describe(staging)
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


def read_blocks(tables: Iterable[pa.Table], column: str, size: int) -> Iterator[NDArray[Any]]:
    """A column of lists of one size, table by table, as (n, size)."""
    for table in tables:
        flat = table.column(column).combine_chunks().flatten()
        yield np.asarray(flat.to_numpy(zero_copy_only=False)).reshape(-1, size)


def read_emotions(tables: Iterable[pa.Table]) -> NDArray[np.float32]:
    """The emotions of all works, (N, 28)."""
    blocks = [*read_blocks(tables, "emotions", len(EMOTIONS))]
    return np.concatenate(blocks) if blocks else np.zeros((0, len(EMOTIONS)), np.float32)


def _cast(values: Any, name: str) -> list[pa.Array]:
    kind = SCHEMA.field(name).type
    if isinstance(values, pa.ChunkedArray):
        return [chunk.cast(kind) for chunk in values.chunks] or [pa.array([], kind)]
    return [pa.array(values, kind)]
