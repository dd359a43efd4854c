"""Works that are made of their rows only when somebody looks at them."""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from functools import lru_cache
from operator import index
from typing import Final, SupportsIndex, overload

import pyarrow as pa

from leximind.library.work import Work, read_works

N_KEPT: Final = 2048
"""So many works stay made; a page of cards is asked for again and again. About 10 kB each."""


class Works(Sequence[Work]):
    """The rows of a validated table as a sequence of works.

    The table may lie in memory or be a view of a file: looking at one work touches the bytes of its row only.
    """

    def __init__(self, table: pa.Table) -> None:
        self._batches = [batch for batch in table.to_batches() if len(batch)]
        self._ends: list[int] = []
        for batch in self._batches:
            self._ends.append(len(self) + len(batch))
        self._get = lru_cache(maxsize=N_KEPT)(self._make)

    def __len__(self) -> int:
        return self._ends[-1] if self._ends else 0

    @overload
    def __getitem__(self, row: SupportsIndex) -> Work: ...
    @overload
    def __getitem__(self, row: slice) -> list[Work]: ...
    def __getitem__(self, row: SupportsIndex | slice) -> Work | list[Work]:
        if isinstance(row, slice):
            return [self._get(number) for number in range(*row.indices(len(self)))]
        number = index(row) + (len(self) if index(row) < 0 else 0)
        if not 0 <= number < len(self):
            raise IndexError(f"Row {row} of {len(self)} works.")
        return self._get(number)

    def __iter__(self) -> Iterator[Work]:
        for batch in self._batches:
            for start in range(0, len(batch), N_KEPT):
                yield from read_works(pa.Table.from_batches([batch.slice(start, N_KEPT)]))

    def _make(self, row: int) -> Work:
        number = bisect_right(self._ends, row)
        batch = self._batches[number]
        place = row - self._ends[number] + len(batch)
        return Work.from_row({name: batch.column(name)[place].as_py() for name in Work.__slots__})
