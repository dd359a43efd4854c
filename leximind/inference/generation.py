"""How to decode."""

from dataclasses import dataclass

from leximind.errors import InputError


@dataclass(frozen=True)
class GenerationConfig:
    """How to decode. Lengths count generated tokens, the end token included.

    Attributes:
        n_beams: 1 is greedy or sampling; more is beam search (not with `temperature`).
        temperature: 0 takes the best token, otherwise tokens are drawn.
        top_k, top_p: 0 and 1 switch them off.
        repetition_penalty: 1 switches it off.
        no_repeat_ngram: 0 switches it off.
        length_penalty: beams are ranked by log-probability / length^penalty.
        early_stopping: stop a row once it has `n_beams` finished hypotheses.
        forbidden: tokens never to be written.
    """

    max_length: int = 64
    min_length: int = 0
    n_beams: int = 1
    temperature: float = 0.0
    top_k: int = 0
    top_p: float = 1.0
    repetition_penalty: float = 1.0
    no_repeat_ngram: int = 0
    length_penalty: float = 1.0
    early_stopping: bool = False
    forbidden: tuple[int, ...] = ()
    seed: int | None = None

    def __post_init__(self) -> None:
        limits = {
            "max_length": self.max_length >= 1,
            "min_length": 0 <= self.min_length <= self.max_length,
            "n_beams": self.n_beams >= 1,
            "temperature": self.temperature >= 0 and not (self.temperature > 0 and self.n_beams > 1),
            "top_k": self.top_k >= 0,
            "top_p": 0 < self.top_p <= 1,
            "repetition_penalty": self.repetition_penalty > 0,
            "no_repeat_ngram": self.no_repeat_ngram >= 0,
        }
        for name, holds in limits.items():
            if not holds:
                raise InputError(
                    f"{name} is {getattr(self, name)!r}, which is out of range.",
                    hint="See GenerationConfig; beam search does not go together with a temperature.",
                )
