"""Stage four: the dataset as a reader would get it, held against what was analysed."""

from collections import Counter
from typing import Final

import numpy as np

from builders.pipeline.analysis import STAGE as ANALYSE
from builders.pipeline.files import hash_file
from builders.pipeline.index import STAGE as INDEX
from builders.pipeline.manifest import Manifest
from builders.pipeline.options import Options
from leximind.errors import DataError
from leximind.library.dataset import KEYWORD, VECTORS, WORKS, is_indexed, read_manifest, read_tables
from leximind.library.keyword import KeywordIndex
from leximind.library.vectors import VectorIndex
from leximind.library.work import FULL_TEXT, read_matrix, validate

STAGE: Final = "validate"
N_PROBES: Final = 32
_HINT: Final = "Run `python builders/build.py index` with the same options; it writes the dataset anew."


def validate_dataset(options: Options) -> Manifest:
    """Every row against the schema, the counts against the analysis, the indexes against the works.

    Raises:
        NotFoundError: the dataset is not built yet.
        DataError: something is wrong with it.
    """
    work, folder = options.folder, options.output.resolve()
    indexed, analysed = Manifest.require(work, INDEX), Manifest.require(work, ANALYSE)
    manifest = read_manifest(folder)
    version = hash_file(folder / WORKS)
    if not version == manifest["version"] == indexed.output:
        raise DataError(
            f"{folder / WORKS} has version {version}, but {indexed.output} was written.", hint=_HINT
        )
    wanted = Manifest(STAGE, version, indexed.version, {"output": str(folder)})
    found = Manifest.find(work, STAGE)
    counts = _count_rows(options) if found is None or not found.fits(wanted) else dict(found.counts)
    n_analysed = analysed.counts["n_works"]
    if not counts["n_works"] == manifest["n_works"] == n_analysed:
        raise DataError(
            f"{folder} has {counts['n_works']} works, but {n_analysed} were analysed.", hint=_HINT
        )
    _probe_indexes(options, counts["n_works"])
    made = Manifest(STAGE, version, indexed.version, wanted.config, version, counts)
    made.save(work)
    return made


def _count_rows(options: Options) -> dict[str, int]:
    """The rows, all valid, by kind and by the text that was read."""
    seen: dict[str, int] = {}
    counts: Counter[str] = Counter(n_works=0, n_full_texts=0)
    for table in read_tables(options.output):
        validate(table, seen)
        counts["n_works"] += len(table)
        counts.update(f"n_{kind}s" for kind in table.column("kind").to_pylist())
        counts["n_full_texts"] += table.column("provenance").to_pylist().count(FULL_TEXT)
    return dict(sorted(counts.items()))


def _probe_indexes(options: Options, n_works: int) -> None:
    """Whether the indexes are of these works: some of them are looked up by their own embedding."""
    folder = options.output
    if not is_indexed(folder):
        raise DataError(f"The indexes of {folder} are missing or stale.", hint=_HINT)
    vectors = VectorIndex.load(folder / VECTORS)
    sizes = {"vector": len(vectors), "keyword": len(KeywordIndex.open(folder / KEYWORD))}
    for name, size in sizes.items():
        if size != n_works:
            raise DataError(f"The {name} index has {size} works, but {n_works} were expected.", hint=_HINT)
    embeddings = read_matrix(next(read_tables(folder)), "embedding")[:N_PROBES]
    queries = embeddings / np.linalg.norm(embeddings, axis=1, keepdims=True)
    for row, (closest,) in enumerate(vectors.search(queries, 1)):
        # Two works may have the same embedding, but none is closer to a work than itself.
        if closest[1] < 1 - 1e-3:
            raise DataError(f"The vector index does not find the work of row {row}.", hint=_HINT)
