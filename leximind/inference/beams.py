"""What beam search keeps of one row: its best finished sequences."""

from dataclasses import dataclass, field


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
