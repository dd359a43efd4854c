"""What is kept for measuring: training leaves out every paper, author, story, line and book named here."""

import zlib
from typing import Final

import pandas as pd

# One paper in eighteen: a little over 10,000 of the 185,562 in the papers file.
HELD_OUT_PART: Final = 18
POOL_SIZE: Final = 10_000
# The file that the pool is taken from, without its suffix.
POOL: Final = "arxiv_papers"
# Files without a split of their own, and the column that says what belongs together.
HALVES: Final = {
    "fiction_reman": "author",
    "fiction_xed_en": "text",
    "fiction_emobank": "document",
    "book_pairs": "book_id",
    "book_descriptions": "book_id",
}


def is_held_out(arxiv_id: str) -> bool:
    """Whether a paper belongs to the retrieval pool, by the CRC-32 of its arXiv id alone.

    The answer is the same on every machine and stays the same when the file grows, is sorted or is filtered.
    """
    return zlib.crc32(arxiv_id.encode()) % HELD_OUT_PART == 0


def choose_pool(papers: pd.DataFrame, size: int = POOL_SIZE) -> pd.DataFrame:
    """The first ``size`` held-out papers in the order of the table, which must have a column ``arxiv_id``."""
    return papers[papers["arxiv_id"].map(is_held_out).astype(bool)].head(size)


def is_test_half(key: str) -> bool:
    """Whether what bears this key is for testing only; the other half is free for tuning and training.

    Keys are those of ``HALVES``. Bit 19 of the CRC-32, because it parts authors, stories, books and lines
    alike into nearly equal halves.
    """
    return bool(zlib.crc32(key.encode()) >> 19 & 1)


def split_halves(frame: pd.DataFrame, key: str) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The tuning half and the test half of a table by the column ``key``."""
    is_test = frame[key].map(is_test_half).astype(bool)
    return frame[~is_test], frame[is_test]
