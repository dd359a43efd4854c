"""A dataset as it goes to the Hub, and whether it came back as it went."""

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.parquet as pq
from datasets import Dataset, load_dataset

from builders.card import make_card
from builders.hub import PublishError
from leximind.library.croissant import CROISSANT, INFOS, describe, digest, make_info
from leximind.library.dataset import MANIFEST, hash_file, hash_works, list_works, read_manifest
from leximind.library.work import SCHEMA, features

CARD: Final = "README.md"
MAX_SHARD: Final = 500_000_000
"""Bytes of a Parquet file on the Hub; a larger dataset goes up in shards of about the same size."""

_BATCH: Final = 10_000


@dataclass(frozen=True)
class Upload:
    """A dataset laid out as in its repository.

    Attributes:
        folder: holds all the files. names: those files, relative to it.
        tag: the version as a tag.
    """

    folder: Path
    names: tuple[str, ...]
    tag: str
    n_works: int

    @property
    def n_bytes(self) -> int:
        """Of all files together."""
        return sum((self.folder / name).stat().st_size for name in self.names)

    @property
    def data(self) -> list[Path]:
        """The Parquet files, in their order."""
        return [self.folder / name for name in self.names if name.endswith(".parquet")]


def prepare(folder: Path, into: Path, repo_id: str, address: str, model: Path) -> Upload:
    """Lay out a dataset for the Hub: works, manifest, card, Croissant and `datasets` descriptions.

    A dataset of one file goes up as it is, so that its version stays its hash. The indexes stay here: whoever
    loads the dataset builds them in a second.

    Args:
        folder: of the dataset, as the builder made it.
        address: of the dataset's page.

    Raises:
        LexiMindError: the folder does not hold a whole dataset.
    """
    manifest = read_manifest(folder)
    (works,) = list_works(folder)
    if hash_works(folder) != manifest["version"]:
        raise PublishError(
            f"{works} is not the file that {folder / MANIFEST} speaks of.", hint="Build the dataset again."
        )
    into.mkdir(parents=True, exist_ok=True)
    data = [works.name] if works.stat().st_size <= MAX_SHARD else write_shards(works, into)
    if data == [works.name]:
        os.symlink(works.resolve(), into / works.name)  # noqa: PTH211 - Path has no other name for it
    else:
        manifest["shards"] = {name: hash_file(into / name) for name in data}
    (into / MANIFEST).write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")
    tag = f"v{manifest['version']}"
    describe(into, address, tag)
    card = make_card(into, manifest, make_info(into), repo_id, model)
    (into / CARD).write_text(card, encoding="utf-8")
    return Upload(into, (*data, MANIFEST, CARD, CROISSANT, INFOS), tag, manifest["n_works"])


def write_shards(works: Path, into: Path) -> list[str]:
    """A large Parquet file as several of about ``MAX_SHARD`` bytes; returns their names in order."""
    n_shards = -(-works.stat().st_size // MAX_SHARD)
    dataset = Dataset.from_parquet(str(works), features=features(), cache_dir=str(into / ".cache"))
    names = [f"works-{number:05d}-of-{n_shards:05d}.parquet" for number in range(n_shards)]
    for number, name in enumerate(names):
        dataset.shard(n_shards, number, contiguous=True).to_parquet(str(into / name))
    return names


def compare(upload: Upload, came_back: Path) -> None:
    """Hold what was downloaded against what was sent: bytes by hash, and rows as `datasets` reads them.

    Raises:
        PublishError: they differ.
    """
    hint = "Run the same command again; if it happens twice, the connection or the disk changes data."
    for name in upload.names:
        path = came_back / name
        if not path.is_file() or digest(path) != digest(upload.folder / name):
            raise PublishError(f"{name} did not come back from the Hub as it went.", hint=hint)
    read = load_dataset(str(came_back), split="train", cache_dir=str(came_back / ".cache"))
    if not same_rows(upload.data, read):
        raise PublishError("The rows that came back from the Hub are not those that went.", hint=hint)


def same_rows(files: Sequence[Path], read: Dataset) -> bool:
    """Whether a dataset has the rows of these Parquet files, in their order."""
    start, arrow = 0, read.with_format("arrow")
    for path in files:
        for batch in pq.ParquetFile(path).iter_batches(_BATCH):
            sent = pa.Table.from_batches([batch]).cast(SCHEMA)
            found = arrow[start : start + len(batch)].cast(SCHEMA)
            if not found.equals(sent):
                return False
            start += len(batch)
    return start == len(read)
