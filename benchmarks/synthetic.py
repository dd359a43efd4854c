"""A library of any size that looks like the real one, to measure with.

``python benchmarks/synthetic.py 100000 [--papers FILE]`` makes one; ``make_library`` is what other
benchmarks call.

Each work is made from a real one: its labels, arc and figures, half of its description in order, the other
half drawn from a vocabulary that grows as texts do (Heaps) with frequencies that fall as they do (Zipf): the
words of the shelf first, then words put together from halves of theirs. The embedding is the real one with
fresh noise, a cosine of 0.8 away, of unit length again. With ``--papers`` (Parquet or JSON Lines with
``title`` and ``abstract``) these are real ones; past the last of them they begin again, mixed with new words
as above. Everything follows from the seed. Libraries are kept in ``runs/synthetic`` and made once.
"""

import argparse
import re
import shutil
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from papers import Papers

from leximind.library.dataset import ROW_GROUP, is_indexed, read_manifest, read_table, write_discovery
from leximind.library.work import SCHEMA, read_matrix
from leximind.settings import DISCOVERY_DIR, ROOT

CACHE = ROOT / "runs" / "synthetic"
SEED = 20_260_131
NOISE = 0.75
"""Length of the noise beside an embedding of length 1: the cosine of both is 0.8."""

WORDS_A_WORK = 120
YEARS_AWAY = 20
Generator = np.random.Generator


@dataclass(frozen=True)
class Vocabulary:
    """Words, the most frequent first, with the sum of their frequencies up to each."""

    words: NDArray[np.object_]
    ends: NDArray[np.float64]

    @classmethod
    def grow(cls, texts: list[str], n_works: int) -> "Vocabulary":
        """As many words as so many works would have."""
        counts = Counter(word for text in texts for word in re.findall(r"[a-z]{2,}", text.lower()))
        words = [word for word, _ in counts.most_common()]
        size = max(len(words), int(44 * (WORDS_A_WORK * n_works) ** 0.5))
        rng = np.random.default_rng(SEED)
        long = [word for word in words if len(word) > 3]
        known = dict.fromkeys(words)
        while len(known) < size:
            for first, second in rng.integers(0, len(long), (size - len(known), 2)):
                known[long[first][: -(len(long[first]) // 2)] + long[second][len(long[second]) // 2 :]] = None
        frequencies = 1 / (np.arange(len(known)) + 2.7)
        return cls(np.array(list(known), object), np.cumsum(frequencies / frequencies.sum()))

    def draw(self, rng: Generator, n: int) -> list[str]:
        places = np.searchsorted(self.ends, rng.random(n)).clip(max=len(self.words) - 1)
        return list(self.words[places])


def make_library(n_works: int, papers: Path | None = None) -> Path:
    """The folder of a library of so many works, made when it is not there or of another format."""
    folder = CACHE / (f"{n_works}" if papers is None else f"{n_works}-{papers.stem}")
    if is_indexed(folder):
        return folder
    shutil.rmtree(folder, ignore_errors=True)
    manifest = read_manifest(DISCOVERY_DIR)
    tables = make_tables(n_works, Papers.read(papers) if papers else None)
    write_discovery(tables, folder, model=manifest["model"], built_at="")
    return folder


def make_tables(n_works: int, papers: Papers | None) -> Iterator[pa.Table]:
    """The rows in blocks."""
    shelf = read_table(DISCOVERY_DIR)
    vocabulary = Vocabulary.grow(shelf.column("description").to_pylist(), n_works)
    if papers is not None:  # what a paper says of itself goes with what the model said of a paper
        shelf = shelf.filter(pa.compute.equal(shelf.column("kind"), "paper"))
    embeddings = read_matrix(shelf, "embedding")
    for start in range(0, n_works, ROW_GROUP):
        size = min(ROW_GROUP, n_works - start)
        rng = np.random.default_rng([SEED, start])
        bases = rng.integers(0, len(shelf), size)
        yield make_block(shelf.take(bases), embeddings[bases], start, vocabulary, papers, rng)


def make_block(  # noqa: PLR0917 - all of it belongs to one block
    block: pa.Table,
    embeddings: NDArray[np.float32],
    start: int,
    vocabulary: Vocabulary,
    papers: Papers | None,
    rng: Generator,
) -> pa.Table:
    """Real rows made into other ones."""
    titles, descriptions, authors = [], [], []
    for place in range(len(block)):
        if papers is None:
            title, text = block.column("title")[place].as_py(), block.column("description")[place].as_py()
        else:
            turn, number = divmod(start + place, len(papers.titles))
            title, text = papers.titles[number], papers.abstracts[number]
        if papers is None or turn:
            title, text = _mix_title(title, vocabulary, rng), _mix(text, vocabulary, rng)
        titles.append(title)
        descriptions.append(text)
        authors.append([_name(vocabulary, rng) for _ in range(rng.integers(1, 4))])
    noise = rng.standard_normal(embeddings.shape, np.float32)
    moved = embeddings + NOISE * noise / np.linalg.norm(noise, axis=1, keepdims=True)
    moved /= np.linalg.norm(moved, axis=1, keepdims=True)
    years = block.column("year").to_pylist()
    away = rng.integers(-YEARS_AWAY, YEARS_AWAY + 1, len(block)).tolist()
    fresh = {
        "id": [f"work-{start + place}" for place in range(len(block))],
        "title": titles,
        "authors": authors,
        "year": [None if year is None else min(2100, year + n) for year, n in zip(years, away, strict=True)],
        "description": descriptions,
        "summary": [" ".join(text.split()[:24]) for text in descriptions],
        "embedding": list(moved.astype(np.float16)),
        "x": np.float32(np.array(block.column("x")) + 0.05 * rng.standard_normal(len(block))),
        "y": np.float32(np.array(block.column("y")) + 0.05 * rng.standard_normal(len(block))),
    }
    for name, values in fresh.items():
        place = SCHEMA.get_field_index(name)
        block = block.set_column(place, SCHEMA.field(name), pa.array(values, SCHEMA.field(name).type))
    return block


def _mix(text: str, vocabulary: Vocabulary, rng: Generator) -> str:
    words = text.split()
    half = max(1, len(words) // 2)
    start = int(rng.integers(0, len(words) - half + 1))
    return " ".join([*words[start : start + half], *vocabulary.draw(rng, half)])


def _mix_title(title: str, vocabulary: Vocabulary, rng: Generator) -> str:
    words = title.split()
    kept = words[: int(rng.integers(0, min(4, len(words)) + 1))]
    return " ".join([*kept, *vocabulary.draw(rng, int(rng.integers(1, 4)))]).capitalize()


def _name(vocabulary: Vocabulary, rng: Generator) -> str:
    return " ".join(word.capitalize() for word in vocabulary.words[rng.integers(0, len(vocabulary.words), 2)])


def main() -> int:
    parser = argparse.ArgumentParser(description="Make a synthetic library in runs/synthetic.")
    parser.add_argument("works", type=int)
    parser.add_argument("--papers", type=Path, help="Parquet or JSON Lines with titles and abstracts")
    given = parser.parse_args()
    start = time.perf_counter()
    folder = make_library(given.works, given.papers)
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / 2**20
    print(f"{folder}: {given.works:,} works, {size:,.0f} MiB, {time.perf_counter() - start:,.0f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
