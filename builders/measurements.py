"""What is measured: a task on chosen rows of a file of the data folder."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pandas as pd

from leximind.errors import NotFoundError
from leximind.evaluation.evaluate import read_rows
from leximind.evaluation.pools import HALVES, choose_pool, split_halves

Select = Callable[[pd.DataFrame], pd.DataFrame]


def take_all(frame: pd.DataFrame) -> pd.DataFrame:
    """Every row."""
    return frame


def take_odd(frame: pd.DataFrame) -> pd.DataFrame:
    """The rows that the trainer does not tune on."""
    return frame.iloc[1::2]


@dataclass(frozen=True)
class Measurement:
    """One task on one file of the data folder; ``name`` is what readers see.

    Attributes:
        select: the rows to report; files of ``pools.HALVES`` report their test half in any case.
        is_tuned: thresholds are tuned on the other half, as a second way to read the same answers.
    """

    name: str
    task: str
    file: str
    select: Select = take_all
    is_tuned: bool = False

    @property
    def key(self) -> str:
        """The column that parts the file into halves; empty when it has a split of its own."""
        return HALVES.get(Path(self.file).stem, "")

    def read(self, data: Path, limit: int | None) -> tuple[pd.DataFrame, pd.DataFrame | None]:
        """The rows to report, and those to tune on."""
        path = data / self.file
        if not self.key:
            return read_rows(self.task, path, limit, select=self.select), None
        tuning, _ = split_halves(read_rows(self.task, path), self.key)
        test = read_rows(self.task, path, limit, select=lambda frame: split_halves(frame, self.key)[1])
        return test, tuning.head(limit) if self.is_tuned else None


MEASUREMENTS: Final = (
    Measurement("Emotion, GoEmotions", "emotion", "emotion/goemotions_validation.parquet", take_odd),
    Measurement("Emotion in fiction, REMAN", "emotion", "emotion/fiction_reman.parquet", is_tuned=True),
    Measurement("Emotion in fiction, XED", "emotion", "emotion/fiction_xed_en.parquet", is_tuned=True),
    Measurement("Emotion in fiction, EmoBank", "emotion", "emotion/fiction_emobank.parquet"),
    Measurement("Topic, books and papers", "topic", "topic/topic_validation.parquet"),
    Measurement("Summary, SciTLDR", "summarization", "summarization/scitldr_validation.parquet"),
    Measurement("Summary, paper bodies", "summarization", "summarization/body_abstract_validation.parquet"),
    Measurement("Summary, book passages", "summarization", "summarization/book_pairs.parquet"),
    Measurement("Summary, descriptions", "summarization", "books/book_descriptions.parquet"),
    Measurement("Search, title to abstract", "embedding", "papers/arxiv_papers.parquet", choose_pool),
)


def choose_measurements(data: Path, only: str = "") -> list[Measurement]:
    """Those whose file is in the data folder and whose name contains ``only``, in any case.

    Raises:
        NotFoundError: not one is left.
    """
    named = [measurement for measurement in MEASUREMENTS if only.lower() in measurement.name.lower()]
    if not named:
        names = "; ".join(measurement.name for measurement in MEASUREMENTS)
        raise NotFoundError(f"No measurement is called {only!r}.", hint=f"There are: {names}.")
    there = [measurement for measurement in named if (data / measurement.file).is_file()]
    if not there:
        raise NotFoundError(f"There is no validation file in {data}.", hint="Name the folder with --data.")
    return there
