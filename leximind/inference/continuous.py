"""Sources join the running batch at any step and leave when done.

This is continuous batching (Orca, Yu et al., 2022).
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import torch

from leximind.errors import ModelError
from leximind.inference.beams import BeamTrack, IsHopeless, Track
from leximind.inference.decoding import Decoding, draw_chances
from leximind.inference.generation import GenerationConfig
from leximind.inference.steppers import Seq2SeqStepper
from leximind.model.seq2seq import Memory, Seq2Seq

# Rows that are decoded at once; a source with n beams holds n of them. The embedded model in fp32 takes
# as long for a source with 64 rows as with 32: scores for its whole vocabulary then outgrow the caches.
MAX_ROWS: Final = 32
# Places that nobody needs are forgotten when there are so many of them, or when rows move anyway.
MAX_IDLE: Final = 16


@dataclass(frozen=True, eq=False)
class Source:
    """What is to be decoded: the memory of one source, without padding.

    Attributes:
        is_hopeless: as for ``generate``, of this source.
        seed: for sampling; None takes the configuration's, or torch's own state.
    """

    memory: Memory
    is_hopeless: IsHopeless | None = None
    seed: int | None = None


class Continuous(Decoding):
    """Sources that wait in line for a place among the rows that are decoded.

    What is written of a source is the same whatever shares its batch and whenever it joins.

    Args:
        start_id: the first token of every row.
        max_rows: at most so many rows at once, and at least one source.
    """

    stepper: Seq2SeqStepper

    def __init__(
        self, model: Seq2Seq, config: GenerationConfig, start_id: int, max_rows: int = MAX_ROWS
    ) -> None:
        shape = model.config.decoder
        if shape.position in ("learned", "sinusoidal") and config.max_length > shape.n_positions:
            raise ModelError(
                f"max_length is {config.max_length}, but this decoder has {shape.n_positions} positions."
            )
        super().__init__(Seq2SeqStepper(model), config)
        self.start_id, self.n_places = start_id, max(1, max_rows // config.n_beams)
        self._line: deque[Source] = deque()
        self._sources: list[Source | None] = []  # of each place, None where nobody waits for it
        self._first: list[int] = []  # the column of the history where each place begins

    @property
    def has_work(self) -> bool:
        return bool(self._line) or self.is_running

    def add(self, source: Source) -> None:
        """Put a source into the line."""
        self._line.append(source)

    def remove(self, source: Source) -> None:
        """Nobody waits for this source any more."""
        if source in self._line:
            self._line.remove(source)
        elif source in self._sources:
            place = self._sources.index(source)
            self._sources[place] = None
            self.tracks[place].is_done = True

    def clear(self) -> list[Source]:
        """Stop everything; the sources that were not done, from the first in line to the last."""
        begun = [
            source
            for source, track in zip(self._sources, self.tracks, strict=True)
            if source is not None and not track.is_done
        ]
        waiting = [*begun, *self._line]
        self._line.clear()
        self.tracks, self._sources, self._first = [], [], []
        return waiting

    @torch.inference_mode()
    def advance(self) -> list[tuple[Source, list[int]]]:
        """Fill free places from the line and take one step: the sources that are done, with their tokens."""
        if not self.is_running:
            self._restart()
        elif self._line:
            self._join()
        if not self.is_running:
            return []
        self.step()
        done: list[tuple[Source, list[int]]] = []
        for place, (source, track) in enumerate(zip(self._sources, self.tracks, strict=True)):
            if source is not None and track.is_done:
                done.append((source, track.result))
                self._sources[place] = None
        return done

    @property
    def _n_seen(self) -> int:
        """Columns of the history before the one that the model reads next."""
        assert self.stepper.cache is not None
        return self.stepper.cache.length

    def _settle(self) -> None:
        n_before = len(self.tracks)
        super()._settle()
        pairs = zip(self._first, self.tracks, strict=True)
        oldest = min(first for first, track in pairs if not track.is_done)
        if oldest >= MAX_IDLE or (oldest and len(self.tracks) < n_before):
            self.stepper.drop(oldest)
            self._first = [max(0, first - oldest) for first in self._first]
            if self._keeps_history:
                self._history = self._history[:, oldest:]

    def _keep(self, places: list[int], rows: list[int]) -> None:
        super()._keep(places, rows)
        self._sources = [self._sources[place] for place in places]
        self._first = [self._first[place] for place in places]

    def _take(self, n: int) -> list[Source]:
        return [self._line.popleft() for _ in range(min(n, len(self._line)))]

    def _track(self, source: Source) -> Track | BeamTrack:
        if self.config.n_beams > 1:
            return BeamTrack(self.config, source.is_hopeless)
        return Track(self.config, draw_chances(self.config, 1, source.seed)[0])

    def _restart(self) -> None:
        sources = self._take(self.n_places)
        self._sources, self.tracks = [*sources], [self._track(source) for source in sources]
        if not sources:
            return
        n_beams = self.config.n_beams
        self._first = [0] * len(sources)
        self.stepper.restart(Memory.join([source.memory for source in sources]), n_beams)
        self._tokens = self._history = torch.full((len(sources) * n_beams, 1), self.start_id)
        self._chosen = list(range(len(self._tokens)))

    def _join(self) -> None:
        """Let sources begin in the places of those that are done, and in new ones while there is room."""
        free = [place for place, track in enumerate(self.tracks) if track.is_done]
        free += range(len(self.tracks), self.n_places)
        sources = self._take(len(free))
        if not sources:
            return
        places, n_beams = free[: len(sources)], self.config.n_beams
        self.stepper.join(Memory.join([source.memory for source in sources]), places, n_beams)
        n_new = max(0, places[-1] + 1 - len(self.tracks))
        for owned, empty in ((self._sources, None), (self._first, 0)):
            owned.extend([empty] * n_new)  # type: ignore[list-item]
        tracks = [*self.tracks, *(Track(self.config) for _ in range(n_new))]
        for place, source in zip(places, sources, strict=True):
            tracks[place], self._sources[place] = self._track(source), source
            self._first[place] = self._n_seen
        self.tracks = tracks
        self._begin_rows(places, n_new * n_beams)

    def _begin_rows(self, places: Sequence[int], n_new: int) -> None:
        """The start token as what the rows of these places see next, after `n_new` rows are added."""
        n_beams = self.config.n_beams
        rows = [place * n_beams + beam for place in places for beam in range(n_beams)]
        self._tokens = torch.cat((self._tokens, self._tokens.new_zeros((n_new, 1))))
        self._tokens[rows] = self.start_id
        if self._keeps_history:
            blank = self._history.new_zeros((n_new, self._history.size(1)))
            self._history = torch.cat((self._history, blank))
            self._history[rows, -1] = self.start_id
        self._chosen += range(len(self._chosen), len(self._tokens))
