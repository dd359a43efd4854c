"""Texts to measure with: titles and abstracts of a file, or what the embedded library says of its works."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from leximind.library.dataset import read_table
from leximind.settings import DISCOVERY_DIR


@dataclass(frozen=True)
class Papers:
    """Titles with their abstracts."""

    titles: list[str]
    abstracts: list[str]

    @classmethod
    def read(cls, path: Path | None) -> "Papers":
        """Those of a Parquet or JSON Lines file with ``title`` and ``abstract``; else the embedded."""
        if path is None:
            table = read_table(DISCOVERY_DIR).select(["title", "description"])
            return cls(*(column.to_pylist() for column in table.columns))
        if path.suffix == ".parquet":
            rows = pq.read_table(path, columns=["title", "abstract"]).to_pylist()
        else:
            rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        whole = [row for row in rows if (row["title"] or "").strip() and (row["abstract"] or "").strip()]
        return cls([row["title"] for row in whole], [row["abstract"] for row in whole])

    def sample(self, n: int) -> "Papers":
        """So many, the same each time; none twice unless there are fewer."""
        rng = np.random.default_rng(0)
        rows = rng.choice(len(self.titles), n, replace=n > len(self.titles))
        return Papers([self.titles[row] for row in rows], [self.abstracts[row] for row in rows])
