"""Both halves of each full text, to see whether they agree: labels that say nothing of a book would not."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from builders.analyse import round_scores
from builders.pipeline.files import replacing
from builders.pipeline.parts import read_table
from leximind.labels import EMOTIONS, TOPICS

HALVES: Final = "halves.parquet"

_EMOTIONS, _TOPICS = pa.list_(pa.float32(), len(EMOTIONS)), pa.list_(pa.float32(), len(TOPICS))
_SCHEMA: Final = pa.schema(
    [
        ("id", pa.string()),
        ("odd", _EMOTIONS),
        ("even", _EMOTIONS),
        ("odd_topics", _TOPICS),
        ("even_topics", _TOPICS),
    ]
)


def write_halves(shards: Sequence[Path], work: Path) -> None:
    """Mean emotions and topics of the odd and of the even passages, weighted by length.

    The first passage is odd. Passages alternate, so that both halves run through the whole plot. A text of
    one passage has no halves and is left out.
    """
    rows = [row for shard in shards for row in _split_rows(shard)]
    with replacing(work / HALVES) as partial:
        pq.write_table(pa.Table.from_pylist(rows, schema=_SCHEMA), partial, compression="zstd")


def _split_rows(shard: Path) -> list[dict[str, Any]]:
    table = read_table(shard, ["id", "n_words", "passage_emotions", "passage_topics", "passage_lengths"])
    table = table.filter(table.column("n_words").is_valid())
    return [
        {
            "id": row["id"],
            "odd": _mean(row["passage_emotions"], row["passage_lengths"], 0),
            "even": _mean(row["passage_emotions"], row["passage_lengths"], 1),
            "odd_topics": _mean(row["passage_topics"], row["passage_lengths"], 0),
            "even_topics": _mean(row["passage_topics"], row["passage_lengths"], 1),
        }
        for row in table.to_pylist()
        if len(row["passage_lengths"]) > 1
    ]


def _mean(scores: list[list[float]], lengths: list[int], first: int) -> list[float]:
    chosen: NDArray[np.float64] = np.array(scores[first::2], np.float64)
    return round_scores(np.average(chosen, axis=0, weights=lengths[first::2]))
