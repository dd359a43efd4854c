"""What waits to be encoded, and which of it goes into one batch."""

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Final

from torch import Tensor

Take = Callable[[list[int], Tensor, Tensor, Tensor], None]
"""Gets some of a request's rows by number, their states (B, T, D), mask and token ids (B, T)."""

# A request of so few tokens, such as what somebody searches for, does not wait for its turn.
SHORT: Final = 64
# The share of a batch that padding may take up where rows of another request are added to it.
MAX_PADDING = 0.2


@dataclass(eq=False)
class Request:
    """Rows of token ids to be encoded as `task` reads them, in any order.

    Attributes:
        take: what becomes of the states; called with each part of a batch that holds some of these rows.
        waiting: the numbers of the rows that are in no batch yet, shortest first.
        n_tokens: of all rows. n_read: rows that were taken. turn: when it was last served.
        error: why it cannot be finished.
    """

    rows: Sequence[Sequence[int]]
    take: Take
    task: str = ""
    waiting: deque[int] = field(init=False)
    n_tokens: int = field(init=False)
    n_read: int = 0
    turn: int = -1
    error: BaseException | None = None

    def __post_init__(self) -> None:
        self.waiting = deque(sorted(range(len(self.rows)), key=lambda i: len(self.rows[i])))
        self.n_tokens = sum(map(len, self.rows))


Batch = list[tuple[Request, list[int]]]


class ReadingLine:
    """Requests take turns: the one that waited longest fills a batch, and others add what fits without waste.

    So a book does not keep a short text waiting, and short texts share a batch. A few words come first.
    """

    def __init__(self) -> None:
        self._requests: list[Request] = []
        self._turns = count()

    @property
    def has_work(self) -> bool:
        return bool(self._requests)

    @property
    def is_pressing(self) -> bool:
        """Whether somebody waits for something short."""
        return any(request.n_tokens <= SHORT for request in self._requests)

    def add(self, request: Request) -> None:
        if request.waiting:
            self._requests.append(request)

    def remove(self, request: Request) -> None:
        """Nobody waits for what is left of it."""
        if request in self._requests:
            self._requests.remove(request)

    def put_back(self, batch: Batch) -> None:
        """Nothing became of this batch."""
        for request, numbers in batch:
            request.waiting.extendleft(reversed(numbers))
            if request not in self._requests:
                self._requests.append(request)

    def next_batch(self, n_tokens: int) -> Batch:
        """The rows of one task to be encoded next: at most `n_tokens` with padding, but at least one."""
        turn = next(self._turns)
        first, *others = sorted(self._requests, key=lambda request: (request.n_tokens > SHORT, request.turn))
        taken = [first.waiting.popleft()]
        longest = n_real = len(first.rows[taken[0]])
        while first.waiting and (len(taken) + 1) * len(first.rows[first.waiting[0]]) <= n_tokens:
            taken.append(first.waiting.popleft())
            longest = len(first.rows[taken[-1]])
            n_real += longest
        batch, n_rows = [(first, taken)], len(taken)
        for other in others:
            if other.task != first.task:
                continue
            taken = []
            for number in other.waiting:
                length = len(other.rows[number])
                padded = (n_rows + 1) * max(longest, length)
                if padded > n_tokens:
                    break
                if n_real + length >= (1 - MAX_PADDING) * padded:
                    taken.append(number)
                    n_rows, n_real, longest = n_rows + 1, n_real + length, max(longest, length)
            if taken:
                gone = set(taken)
                other.waiting = deque(number for number in other.waiting if number not in gone)
                batch.append((other, taken))
        for request, _ in batch:
            request.turn = turn
        self._requests = [request for request in self._requests if request.waiting]
        return batch
