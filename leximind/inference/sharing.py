"""One model for many threads: their texts share batches of the encoder and the rows that are decoded.

Nobody waits for a batch to fill. Whoever finds nobody at work does one step for all that wait, again and
again until the own wait is over, and then wakes another. A step is one batch of the encoder, or one token of
all rows that are decoded.
"""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final

import torch

from leximind.inference import encoding
from leximind.inference.continuous import Continuous, Source
from leximind.inference.lines import Batch, ReadingLine, Request, Take
from leximind.model.multitask import MultiTask

# Tokens that all rows get for each batch that is encoded, where both wait: about as long.
STEPS_A_BATCH: Final = 8


@dataclass(frozen=True, eq=False)
class _Waiter:
    """A thread that waits, and what for."""

    is_over: Callable[[], bool]
    bell: threading.Condition


@dataclass(eq=False)
class _Job:
    """Sources of one thread, and what was written of them so far."""

    n_wanted: int
    written: dict[Source, list[int]] = field(default_factory=dict)
    error: Exception | None = None

    def is_over(self) -> bool:
        return self.error is not None or len(self.written) == self.n_wanted


class Sharing:
    """Encodes and decodes for several threads at once.

    What a thread gets is what it would get alone, but for the rounding of another batch. An error reaches the
    thread whose text it is about; one that leaves takes its part of the work along.

    Args:
        writing: decodes; nobody else may use it.

    Attributes:
        model: whose encoder is shared. Its heads are small, and every thread uses them on its own.
        start_id: the first token of all that is written.
    """

    def __init__(self, model: MultiTask, writing: Continuous) -> None:
        self.model, self.start_id = model, writing.start_id
        self._reading, self._writing = ReadingLine(), writing
        self._jobs: dict[Source, _Job] = {}
        # Between two steps only, the one at work moves these into `_writing` and out of it.
        self._coming: list[Source] = []
        self._going: list[Source] = []
        self._n_steps = 0  # of the decoder since the last batch of the encoder
        self._lock = threading.Lock()  # for all of the above
        self._is_busy = False
        self._waiters: list[_Waiter] = []

    def read(self, rows: Sequence[Sequence[int]], take: Take, task: str = "") -> Iterator[int]:
        """Have rows of token ids encoded as `task` reads them.

        Args:
            take: gets the states, part by part, in whichever thread encoded them.

        Yields:
            how many rows were taken, whenever these are more.
        """
        request = Request(rows, take, task)
        with self._lock:
            self._reading.add(request)
        try:
            while (n_told := request.n_read) < len(rows):
                self._wait(lambda n=n_told: request.error is not None or request.n_read > n)  # type: ignore[misc]
                if request.error is not None:
                    raise request.error
                yield request.n_read
        finally:
            with self._lock:
                self._reading.remove(request)

    def write(self, sources: Sequence[Source]) -> list[list[int]]:
        """The tokens that the decoder writes of each source; they take their places in this order."""
        job = _Job(len(sources))
        with self._lock:
            self._jobs |= dict.fromkeys(sources, job)
            self._coming += sources
        try:
            self._wait(job.is_over)
        finally:
            with self._lock:
                self._going += [source for source in sources if source not in job.written]
                for source in sources:
                    del self._jobs[source]
        if job.error is not None:
            raise job.error
        return [job.written[source] for source in sources]

    def _wait(self, is_over: Callable[[], bool]) -> None:
        """Until it is over; works meanwhile where nobody does."""
        waiter = _Waiter(is_over, threading.Condition(self._lock))
        with self._lock:
            self._waiters.append(waiter)
            try:
                while not is_over():
                    if self._is_busy:
                        waiter.bell.wait()
                    else:
                        with self._work():
                            self._step()
            finally:
                self._waiters.remove(waiter)
                if not self._is_busy:
                    self._call_next()

    @contextmanager
    def _work(self) -> Iterator[None]:
        """Inside, the lock is free and nobody else works; then those whose wait is over are called."""
        self._is_busy = True
        self._lock.release()
        try:
            yield
        finally:
            self._lock.acquire()
            self._is_busy = False
            for waiter in self._waiters:
                if waiter.is_over():
                    waiter.bell.notify()

    def _call_next(self) -> None:
        for waiter in self._waiters:
            if not waiter.is_over():
                waiter.bell.notify()
                return

    @torch.inference_mode()
    def _step(self) -> None:
        with self._lock:
            for source in self._coming:
                self._writing.add(source)
            for source in self._going:
                self._writing.remove(source)
            self._coming, self._going = [], []
            writes = self._writing.has_work and not self._reading.is_pressing
            if self._reading.has_work and not (writes and self._n_steps < STEPS_A_BATCH):
                batch, self._n_steps = self._reading.next_batch(encoding.BATCH_TOKENS), 0
            else:
                assert self._writing.has_work, "a thread waits for work that is not in line"
                batch, self._n_steps = [], self._n_steps + 1
        if batch:
            self._read(batch)
        else:
            self._write()

    def _read(self, batch: Batch) -> None:
        """Encode a batch; where that fails, the part of each request on its own."""
        rows = [request.rows[number] for request, numbers in batch for number in numbers]
        try:
            encoded = encoding.read_batch(self.model, rows, batch[0][0].task)
        except Exception as error:
            if len(batch) == 1:
                batch[0][0].error = error
                return
            for share in batch:
                self._read([share])
            return
        except BaseException:  # this thread is told to stop, the others are not
            with self._lock:
                self._reading.put_back(batch)
            raise
        start = 0
        for request, numbers in batch:
            part = slice(start, start + len(numbers))
            start = part.stop
            try:
                request.take(numbers, *(tensor[part] for tensor in encoded))
            except Exception as error:
                request.error = error
            request.n_read += len(numbers)

    def _write(self) -> None:
        """A step of the decoder; where that fails, each source on its own."""
        try:
            self._deliver()
        except Exception:
            for source in self._writing.clear():
                self._write_alone(source)
        except BaseException:  # as for `_read`
            for source in self._writing.clear():
                self._writing.add(source)
            raise

    def _write_alone(self, source: Source) -> None:
        job = self._jobs.get(source)
        if job is None or job.error is not None:
            return
        self._writing.add(source)
        try:
            while self._writing.has_work:
                self._deliver()
        except Exception as error:
            self._writing.clear()
            job.error = error

    def _deliver(self) -> None:
        for source, tokens in self._writing.advance():
            if (job := self._jobs.get(source)) is not None:
                job.written[source] = tokens
