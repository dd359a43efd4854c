"""Each work only once: no id twice, and no text that nearly repeats an earlier one.

Near-duplicates are found by MinHash (Broder, 1997) with banding and then measured exactly, so that an
estimate never drops a work. Everything known of earlier works lies in a scratch database: memory stays the
same however many there are.
"""

import re
from hashlib import blake2b
from types import TracebackType
from typing import Any, Final, Self
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from builders.sources.entry import Entry, RowError
from builders.sources.lookup import open_scratch

THRESHOLD: Final = 0.8
N_WORDS: Final = 3
MAX_WORDS: Final = 400
# A shorter text says too little by itself: together with title and authors it has to be equal.
MIN_WORDS: Final = 50

_N_PERMUTATIONS: Final = 128
# How many works that share a band are measured; a text made from a form shares bands with all of its kind.
_MAX_CANDIDATES: Final = 100
_NUMERAL = re.compile(r"\b(?:\d+|[ivxlc]+)\b", re.IGNORECASE)
_TABLES: Final = (
    "works (number INTEGER PRIMARY KEY, id TEXT UNIQUE, place TEXT, numerals TEXT, shingles BLOB)",
    "bands (band INTEGER, number INTEGER, PRIMARY KEY (band, number)) WITHOUT ROWID",
)


class Seen:
    """The works taken so far."""

    def __init__(self, *, deduplicate: bool) -> None:
        self._sketcher = _Sketcher() if deduplicate else None
        self._scratch = open_scratch(*_TABLES)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._scratch.close()

    def add(self, entry: Entry, place: str) -> None:
        """Take a work that stands at `place`, "shelf.jsonl, row 1".

        Raises:
            RowError: its id was there before, or it nearly repeats an earlier work.
        """
        known = self._scratch.execute("SELECT place FROM works WHERE id = ?", (entry.id,)).fetchone()
        if known:
            raise RowError(f"The id {entry.id!r} is already that of {known[0]}.")
        numerals, shingles, bands = _numerals(entry.title), np.empty(0, np.uint32), list[int]()
        if self._sketcher is not None:
            shingles, bands = self._sketcher.sketch(entry)
            self._compare(numerals, shingles, bands)
        number = self._scratch.execute(
            "INSERT INTO works (id, place, numerals, shingles) VALUES (?, ?, ?, ?)",
            (entry.id, place, numerals, shingles.tobytes()),
        ).lastrowid
        self._scratch.executemany("INSERT INTO bands VALUES (?, ?)", [(band, number) for band in bands])

    def _compare(self, numerals: str, shingles: NDArray[np.uint32], bands: list[int]) -> None:
        marks = ",".join("?" * len(bands))
        candidates = self._scratch.execute(
            "SELECT id, place, shingles FROM works WHERE numerals = ? AND number IN "
            f"(SELECT number FROM bands WHERE band IN ({marks})) ORDER BY number LIMIT {_MAX_CANDIDATES}",
            (numerals, *bands),
        )
        for other_id, place, stored in candidates:
            other = np.frombuffer(stored, np.uint32)
            n_shared = len(np.intersect1d(shingles, other, assume_unique=True))
            similarity = n_shared / (len(shingles) + len(other) - n_shared)
            if similarity >= THRESHOLD:
                how = "repeats" if similarity == 1 else f"nearly repeats (similarity {similarity:.2f})"
                raise RowError(f"It {how} {other_id!r} of {place}.")


class _Sketcher:
    def __init__(self) -> None:
        # Late: a build without deduplication starts without them.
        import datasketch

        from leximind.training.deduplicate import shingles

        self._datasketch, self._shingles = datasketch, shingles
        # The bands lean towards finding too much: what they find is measured exactly afterwards.
        lsh = self._datasketch.MinHashLSH(THRESHOLD, _N_PERMUTATIONS, weights=(0.05, 0.95))
        self._ranges: list[tuple[int, int]] = lsh.hashranges
        self._settings: dict[str, Any] = {"num_perm": _N_PERMUTATIONS, "seed": 1, "scheme": "affine32"}
        self._permutations = self._datasketch.MinHash(**self._settings).permutations

    def sketch(self, entry: Entry) -> tuple[NDArray[np.uint32], list[int]]:
        """Hashes of the word runs of a work, sorted, and the keys under which works alike are found."""
        text = entry.text or entry.description
        if len(text) < 20 * MIN_WORDS and len(text.split()) < MIN_WORDS:
            names = "\n".join([entry.title, *entry.authors, text])
            shingles = _hash(self._shingles(names, N_WORDS, MAX_WORDS))
            return shingles, [_key(shingles.tobytes())]
        # A shingle is a few characters: a beginning that is long enough for all of them is enough.
        shingles = _hash(self._shingles(text[: 40 * MAX_WORDS], N_WORDS, MAX_WORDS))
        sketch = self._datasketch.MinHash(hashfunc=int, permutations=self._permutations, **self._settings)
        sketch.update_batch(shingles.tolist())
        values = sketch.hashvalues
        return shingles, [
            _key(bytes([i]) + values[start:end].tobytes()) for i, (start, end) in enumerate(self._ranges)
        ]


def _hash(shingles: frozenset[str]) -> NDArray[np.uint32]:
    return np.unique(np.array([crc32(shingle.encode()) for shingle in shingles], dtype=np.uint32))


def _key(data: bytes) -> int:
    """64 bits with a sign, as SQLite keeps them."""
    return int.from_bytes(blake2b(data, digest_size=8).digest(), signed=True)


def _numerals(title: str) -> str:
    """The numbers in a title: two volumes described alike are still two works."""
    return " ".join(numeral.lower() for numeral in _NUMERAL.findall(title))
