"""A library whose works are all close to one another, so that recommendations do not run out."""

from pathlib import Path

import numpy as np
import pyarrow as pa

from leximind.labels import D_EMBEDDING
from leximind.library.store import Library, write_discovery
from leximind.library.work import SCHEMA, read_matrix
from leximind.service import Service


def make_alike(table: pa.Table, folder: Path) -> Service:
    """The works of a table, each as it was and in the same measure like all others."""
    own = read_matrix(table, "embedding")
    mixed = own + own.mean(axis=0) / np.linalg.norm(own.mean(axis=0))
    mixed /= np.linalg.norm(mixed, axis=1, keepdims=True)
    column = pa.FixedSizeListArray.from_arrays(pa.array(mixed.astype(np.float16).ravel()), D_EMBEDDING)
    at = SCHEMA.get_field_index("embedding")
    changed = table.set_column(at, SCHEMA.field("embedding"), column)
    write_discovery(changed, folder, model="fake-1", built_at="2026-01-31T12:00:00Z")
    return Service(Library.from_folder(folder))
