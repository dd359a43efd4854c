"""What is kept of one source while it is decoded: one sequence, or beams and the best that were finished."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import chain

from leximind.inference.generation import GenerationConfig

IsHopeless = Callable[[list[int]], bool]


@dataclass
class Hypotheses:
    """At most `n_beams` finished sequences, best first, ranked by log-probability / length^penalty.

    Ranking and the two ways to stop are those of `transformers`, so that results can be compared.
    """

    n_beams: int
    length_penalty: float
    early_stopping: bool
    found: list[tuple[float, list[int]]] = field(default_factory=list)
    done: bool = False

    def add(self, log_probability: float, tokens: list[int], length: int) -> None:
        """Take a finished sequence; `length` counts the end token too. Ignored once the row is done."""
        if self.done:
            return
        self.found.append((log_probability / length**self.length_penalty, tokens))
        self.found.sort(key=lambda entry: entry[0], reverse=True)
        del self.found[self.n_beams :]

    def close(self, best_running: float, length: int) -> None:
        """Mark the row as done when no running beam can still get in (at its present length), or when
        enough were found and stopping early is wanted."""
        if len(self.found) == self.n_beams:
            worst = self.found[-1][0]
            self.done |= self.early_stopping or worst >= best_running / length**self.length_penalty

    def give_up(self, tokens: list[int]) -> None:
        """Mark the row as done though its best running sequence is not finished: nothing will come of it."""
        if not self.found:
            self.found.append((float("-inf"), tokens))
        self.done = True


class Track:
    """One source that is decoded in one row, greedily or by drawing.

    Attributes:
        written: the tokens so far, without the end token.
        chances: a number from 0 to 1 for each token that is drawn.
    """

    def __init__(self, config: GenerationConfig, chances: Sequence[float] = ()) -> None:
        self.config, self.chances = config, chances
        self.written: list[int] = []
        self.n_steps = 0
        self.is_done = False

    @property
    def result(self) -> list[int]:
        """The tokens, once it is done."""
        return self.written

    def take(self, token: int, eos_id: int) -> None:
        """Go on with this token."""
        self.n_steps += 1
        if token != eos_id:
            self.written.append(token)
        self.is_done = token == eos_id or self.n_steps == self.config.max_length


class BeamTrack:
    """One source that is decoded in `n_beams` rows by beam search (Sutskever et al., 2014).

    Attributes:
        running: log-probability of each beam.
    """

    def __init__(self, config: GenerationConfig, is_hopeless: IsHopeless | None = None) -> None:
        n_beams = config.n_beams
        self.config, self.is_hopeless = config, is_hopeless
        self.written: list[list[int]] = [[] for _ in range(n_beams)]
        # All beams begin alike: only one may count.
        self.running = [0.0] + [-1e9] * (n_beams - 1)
        self.hypotheses = Hypotheses(n_beams, config.length_penalty, config.early_stopping)
        self.n_steps = 0
        self.is_done = False

    @property
    def result(self) -> list[int]:
        """The tokens of the best sequence, once it is done."""
        return self.hypotheses.found[0][1]

    def take(
        self, totals: Sequence[float], beams: Sequence[int], tokens: Sequence[int], eos_id: int
    ) -> tuple[list[int], list[int]]:
        """Go on with the best of twice `n_beams` candidates, best first.

        Args:
            totals: their log-probabilities. beams: the beams they continue. tokens: with what.

        Returns:
            for each beam the one it continues, and its token.
        """
        self.n_steps += 1
        n_beams, is_last = self.config.n_beams, self.n_steps == self.config.max_length
        kept: list[tuple[float, int, int]] = []
        for rank, (total, beam, token) in enumerate(zip(totals, beams, tokens, strict=True)):
            ends = token == eos_id
            # Candidates beyond the first `n_beams` only stand in for those that end.
            if rank < n_beams and (ends or is_last):
                written = self.written[beam] if ends else [*self.written[beam], token]
                self.hypotheses.add(total, written, self.n_steps)
            if not ends and len(kept) < n_beams:  # at most one of a beam ends, so enough are left
                kept.append((total, beam, token))
        self.running = [total for total, _, _ in kept]
        self.written = [[*self.written[beam], token] for _, beam, token in kept]
        self.hypotheses.close(self.running[0], self.n_steps)
        if not (self.hypotheses.done or is_last or self.is_hopeless is None):
            found = (ids for _, ids in self.hypotheses.found)
            if all(map(self.is_hopeless, chain(self.written, found))):
                self.hypotheses.give_up(self.written[0])
        self.is_done = self.hypotheses.done or is_last
        return [beam for _, beam, _ in kept], [token for _, _, token in kept]
