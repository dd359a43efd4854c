"""The rows of a large dataset in files that are mapped: opening them reads nothing, looking reads a row."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from leximind.errors import DataError

ROWS, EMBEDDINGS = "works.arrow", "embeddings.npy"


def write_rows(tables: Iterable[pa.Table], schema: pa.Schema, folder: Path) -> None:
    """Write all columns but the embedding, in batches as they come."""
    schema = pa.schema([field for field in schema if field.name != "embedding"])
    with pa.ipc.new_file(str(folder / ROWS), schema) as writer:
        for table in tables:
            for batch in table.select(schema.names).combine_chunks().to_batches():
                writer.write_batch(batch)


def make_embeddings(shape: tuple[int, int], folder: Path | None) -> NDArray[np.float32]:
    """An array to be filled: on disk in a folder, or in memory without one."""
    if folder is None:
        return np.empty(shape, np.float32)
    path = folder / EMBEDDINGS
    return np.lib.format.open_memmap(path, mode="w+", dtype=np.float32, shape=shape)


def is_written(folder: Path) -> bool:
    """Whether both files are there."""
    return (folder / ROWS).is_file() and (folder / EMBEDDINGS).is_file()


def map_rows(folder: Path) -> tuple[pa.Table, NDArray[np.float32]]:
    """All columns but the embedding, and the (N, 384) embeddings, unit length; both read-only.

    Raises:
        DataError: the files are missing or damaged, or do not belong together.
    """
    try:
        table = pa.ipc.open_file(pa.memory_map(str(folder / ROWS))).read_all()
        embeddings = np.load(folder / EMBEDDINGS, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError) as error:  # pyarrow's and NumPy's are both
        raise DataError(f"The rows in {folder} cannot be read.", hint="Build the indexes again.") from error
    if len(table) != len(embeddings):
        raise DataError(f"The files of rows in {folder} do not belong together.", hint="Build them again.")
    return table, embeddings
