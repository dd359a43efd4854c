"""The feelings that a reader may want more or less of: they rank works and never leave one out."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from leximind.errors import InputError
from leximind.library.filters import write_list

MOODS: Final[dict[str, tuple[str, ...]]] = {
    "joy": ("joy", "excitement"),
    "wonder": ("admiration", "curiosity", "surprise"),
    "tenderness": ("love", "caring", "gratitude"),
    "humour": ("amusement",),
    "hope": ("optimism", "relief"),
    "sorrow": ("sadness", "grief", "remorse"),
    "fear": ("fear", "nervousness"),
    "anger": ("anger", "annoyance", "disgust"),
}
"""What a reader would ask for, and the labels of the model that it is made of."""

MOST: Final = 2
_WORDS: Final = {2: "much more", 1: "more", -1: "less", -2: "much less"}


@dataclass(frozen=True)
class Mood:
    """More of some feelings and less of others.

    Attributes:
        weights: pairs (name, weight), names of ``MOODS`` in their order, each once, weights from -2 (much
            less) to 2 (much more). A weight of 0 is left out.

    Raises:
        InputError: a name is unknown or given twice, or a weight is no whole number from -2 to 2.
    """

    weights: tuple[tuple[str, int], ...] = ()

    def __post_init__(self) -> None:
        given: dict[str, int] = {}
        for name, weight in self.weights:
            key = _match(name)
            if type(weight) is not int or not -MOST <= weight <= MOST:
                raise InputError(
                    f"The weight of {key} is {weight!r}, but a whole number from -2 to 2 was expected."
                )
            if key in given:
                raise InputError(f"The mood names {key} twice.", hint="Give each feeling one weight.")
            given[key] = weight
        kept = tuple((name, given[name]) for name in MOODS if given.get(name))
        object.__setattr__(self, "weights", kept)

    @property
    def is_even(self) -> bool:
        """Whether nothing is asked for."""
        return not self.weights

    def weight(self, name: str) -> int:
        """How much of a feeling is asked for, from -2 to 2; 0 when it does not matter."""
        return dict(self.weights).get(name, 0)

    def adjust(self, name: str, weight: int) -> "Mood":
        """The same mood with another weight for one feeling; 0 takes it out."""
        return Mood(tuple((dict(self.weights) | {_match(name): weight}).items()))

    def phrase(self) -> str:
        """In English: ``with much more wonder and less fear``; "" when nothing is asked for."""
        if self.is_even:
            return ""
        return "with " + write_list([f"{_WORDS[weight]} {name}" for name, weight in self.weights], "and")

    def to_params(self) -> dict[str, str]:
        """The short query parameter of an address: ``{"mood": "wonder:2,fear:-1"}``; nothing when even."""
        return {"mood": ",".join(f"{name}:{weight}" for name, weight in self.weights)} if self.weights else {}

    @classmethod
    def from_params(cls, params: Mapping[str, str]) -> "Mood":
        """The inverse of ``to_params``; ``wonder`` alone means ``wonder:1``; other parameters are left alone.

        Raises:
            InputError: see the class.
        """
        parts = (part.strip() for part in params.get("mood", "").split(","))
        return cls(tuple(_read(part) for part in parts if part))


EVEN: Final = Mood()


def _match(name: object) -> str:
    key = name.strip().casefold() if isinstance(name, str) else ""
    if key not in MOODS:
        raise InputError(f"There is no mood {name!r}.", hint=f"Known are: {', '.join(MOODS)}.")
    return key


def _read(part: str) -> tuple[str, int]:
    name, colon, weight = part.partition(":")
    if not colon:
        return name, 1
    try:
        return name, int(weight)
    except ValueError:
        raise InputError(
            f"The weight of {name!r} is {weight!r}, but a whole number from -2 to 2 was expected."
        ) from None
