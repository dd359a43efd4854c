"""Do the two halves of a book agree in tone? ``python builders/agreement.py HALVES [--library FOLDER]``.

Labels drawn at random, or from scores that say nothing of the book, agree between two halves of one book no
more often than between two books. HALVES is the table that a build leaves: the mean emotions of the odd and
of the even passages of each full text. Each half gets its tone by the rule of the library, against the
averages of the library (leximind/inference/tone.py), and every half is compared with every other.
"""

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from builders.pipeline.files import write_atomically
from leximind.errors import DataError, LexiMindError
from leximind.evaluation.agreement import (
    Agreement,
    compare_firsts,
    compare_labels,
    correlate,
    measure,
    redraw,
)
from leximind.evaluation.tables import read_table
from leximind.inference.tone import MIN_SHARE, Average, averages_for, stand_out
from leximind.labels import EMOTIONS, NEUTRAL, TOPICS
from leximind.library.store import Library
from leximind.library.work import FULL_TEXT
from leximind.settings import DISCOVERY_DIR

MIN_BOOKS: Final = 3

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Halves:
    """Mean emotions of the odd and the even passages of N books.

    Attributes:
        odd, even: (N, 28). topics: of the books, by the library.
        odd_topics, even_topics: (N, 7) topic scores of the halves; None where they were not kept.
    """

    ids: list[str]
    odd: Floats
    even: Floats
    topics: list[str]
    odd_topics: Floats | None = None
    even_topics: Floats | None = None


def read_halves(path: Path, library: Library) -> Halves:
    """The halves of the books of a library.

    Raises:
        NotFoundError: there is no such file.
        DataError: it is damaged, is of another library, or has too few books.
    """
    frame = read_table(path)
    missing = {"id", "odd", "even"} - set(frame.columns)
    if missing:
        raise DataError(f"{path} lacks the columns {', '.join(sorted(missing))}.", hint="Build it again.")
    if len(frame) < MIN_BOOKS:
        raise DataError(f"{path} has {len(frame)} books, but {MIN_BOOKS} or more were expected.")
    ids = [str(name) for name in frame["id"]]
    rows = {work.id: work for work in library.works}
    strangers = [name for name in ids if name not in rows]
    if strangers or len(set(ids)) < len(ids):
        raise DataError(
            f"{path} is not of this library: {strangers[0] if strangers else 'an id'} is "
            f"{'not in it' if strangers else 'there twice'}.",
            hint="Use the halves and the library of one build.",
        )
    n_scores = {
        "odd": len(EMOTIONS),
        "even": len(EMOTIONS),
        "odd_topics": len(TOPICS),
        "even_topics": len(TOPICS),
    }
    scores = {
        name: _read_scores(frame[name], size, f"{path}, column {name!r}")
        for name, size in n_scores.items()
        if name in frame
    }
    return Halves(ids, topics=[rows[name].topic for name in ids], **scores)


def compare_halves(halves: Halves, averages: Average, *, seed: int = 0) -> dict[str, Agreement]:
    """Agreement in the labels (Jaccard), the first label, the whole profile (rank correlation), the topic."""
    odd, even = name_halves(halves.odd, averages), name_halves(halves.even, averages)
    profiles = [_standardise(half, averages) for half in (halves.odd, halves.even)]

    def compare(matrix: Floats, draw: Callable[[np.random.Generator], Floats]) -> Agreement:
        return measure(matrix, halves.topics, draw, seed=seed)

    found = {
        "jaccard": compare(
            compare_labels(odd, even), lambda rng: compare_labels(redraw(odd, rng), redraw(even, rng))
        ),
        "first label": compare(
            compare_firsts(odd, even), lambda rng: compare_firsts(redraw(odd, rng), redraw(even, rng))
        ),
        "rank correlation": compare(
            correlate(*profiles), lambda rng: correlate(*(rng.permuted(half, axis=1) for half in profiles))
        ),
    }
    if halves.odd_topics is not None and halves.even_topics is not None:
        one, other = halves.odd_topics.argmax(axis=1), halves.even_topics.argmax(axis=1)
        found["topic"] = compare(
            (one[:, None] == other[None]).astype(np.float64),
            lambda rng: (rng.permutation(one)[:, None] == rng.permutation(other)[None]).astype(np.float64),
        )
    return found


def name_halves(emotions: Floats, averages: Average) -> list[tuple[str, ...]]:
    """The tone of each half by the rule for whole texts."""
    return [stand_out(row, *averages, floor=MIN_SHARE) for row in emotions]


def draw_table(found: dict[str, Agreement]) -> str:
    """The agreements as a Markdown table."""
    lines = [
        "| agreement | same book | 95 % | different books | 95 % | of one topic | random labels | p |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for name, one in found.items():
        topic = "-" if one.same_topic is None else f"{one.same_topic:.3f}"
        lines.append(
            f"| {name} | **{one.same:.3f}** | {one.same_interval[0]:.3f} to {one.same_interval[1]:.3f} "
            f"| {one.different:.3f} | {one.different_interval[0]:.3f} to {one.different_interval[1]:.3f} "
            f"| {topic} | {one.random:.3f} | {one.p:.4f} |"
        )
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> int:
    """Compare from the command line; returns the exit status."""
    parser = argparse.ArgumentParser(description="Measure whether the halves of a book agree in tone.")
    parser.add_argument("halves", type=Path, help="the halves.parquet of a build")
    parser.add_argument("--library", type=Path, default=DISCOVERY_DIR, help="the dataset of that build")
    parser.add_argument("--json", type=Path, help="also write the figures here")
    parser.add_argument("--seed", type=int, default=0, help="of the resampling")
    given = parser.parse_args(arguments)
    try:
        library = Library.from_folder(given.library)
        halves = read_halves(given.halves, library)
        is_whole = [work.provenance == FULL_TEXT for work in library.works]
        averages = averages_for(library.emotions, is_whole, is_whole_text=True)
        found = compare_halves(halves, averages, seed=given.seed)
        labels = [name_halves(half, averages) for half in (halves.odd, halves.even)]
        silent = sum(not one and not other for one, other in zip(*labels, strict=True))
        print(f"{len(halves.ids)} books, {silent} of them without a label in either half.\n")
        print(draw_table(found))
        if given.json:
            result: dict[str, Any] = {"n_books": len(halves.ids), "n_silent": silent}
            result |= {name: asdict(one) for name, one in found.items()}
            write_atomically(given.json, json.dumps(result, indent=1) + "\n")
    except (LexiMindError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


def _read_scores(column: "pd.Series[Any]", size: int, what: str) -> Floats:
    try:
        scores = np.array([np.asarray(value, np.float64) for value in column])
    except (TypeError, ValueError):
        scores = np.zeros(0)
    if scores.shape != (len(column), size) or not ((scores >= 0) & (scores <= 1)).all():
        raise DataError(f"{what}: {size} scores from 0 to 1 a row were expected.")
    return scores


def _standardise(emotions: Floats, averages: Average) -> Floats:
    """(N, 27) deviations from the average of the texts most alike, without neutral."""
    mean, std = averages.mean[-1], averages.std[-1]
    return np.delete((emotions - mean) / np.maximum(std, 1e-6), NEUTRAL, axis=1)


if __name__ == "__main__":
    sys.exit(main())
