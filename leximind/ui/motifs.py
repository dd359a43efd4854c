"""The shapes on covers: one for the feeling that leads a work, in the manner of its family.

Good feelings are round, bad ones are straight or sharp, mixed ones wave or circle, and works that feel
nothing much have bars. So a reader who cannot tell the colours apart still sees the family.
"""

import math
from collections.abc import Callable
from typing import Final

from markupsafe import Markup

from leximind.labels import EMOTION_FAMILIES

WIDTH: Final = 120
_LEADS: Final = {
    "rays": ("joy", "excitement", "pride"),
    "petals": ("love", "caring", "gratitude", "desire"),
    "dots": ("amusement",),
    "rise": ("admiration", "approval", "optimism", "relief"),
    "rain": ("sadness", "grief", "remorse", "disappointment"),
    "peaks": ("fear", "nervousness", "embarrassment"),
    "shards": ("anger", "annoyance", "disgust", "disapproval"),
    "orbits": ("curiosity", "surprise"),
    "waves": ("confusion", "realization"),
    "bars": ("neutral",),
}
MOTIFS: Final[dict[str, str]] = {emotion: name for name, leads in _LEADS.items() for emotion in leads}
"""Emotion label to the name of its shape."""

FAMILY_MOTIFS: Final[dict[str, tuple[str, ...]]] = {
    family: tuple(dict.fromkeys(MOTIFS[emotion] for emotion in emotions))
    for family, emotions in EMOTION_FAMILIES.items()
}
"""Family to its shapes."""


def name_motif(tone: tuple[str, ...]) -> str:
    """The shape for a work's tone, whose first emotion leads; ``"bars"`` for no tone."""
    return MOTIFS[tone[0]] if tone and tone[0] in MOTIFS else "bars"


def draw_motif(name: str, height: int, seed: int) -> Markup:
    """SVG paths 120 wide and ``height`` high, the same for the same seed; CSS gives them their colour."""
    return _DRAWN[name](height, seed)


def _forms(path: str) -> Markup:
    """Filled, and hollow where shapes overlap."""
    return Markup('<path class="lm-forms" d="{}"/>').format(path)


def _lines(path: str, width: float = 2) -> Markup:
    return Markup('<path class="lm-lines" stroke-width="{}" d="{}"/>').format(_n(width), path)


def _n(number: float) -> str:
    """As short as a tenth of a unit allows."""
    return f"{number:.1f}".removesuffix(".0")


def _circle(x: float, y: float, r: float) -> str:
    r_, d = _n(r), _n(2 * r)
    return f"M{_n(x - r)} {_n(y)}a{r_} {r_} 0 1 0 {d} 0a{r_} {r_} 0 1 0-{d} 0z"


def _polar(x: float, y: float, angle: float, r: float) -> str:
    return f"{_n(x + r * math.cos(angle))} {_n(y + r * math.sin(angle))}"


def _rays(height: int, seed: int) -> Markup:
    """A sun on the lower edge."""
    x, n, r = (60, 26, 94)[seed % 3], 11 + 2 * (seed // 3 % 3), 13 + 3 * (seed // 9 % 3)
    step = math.pi / n
    path = _circle(x, height, r)
    for i in range(n):
        angle = math.pi + (i + 0.25) * step
        path += f"M{_polar(x, height, angle, r + 7)}L{_polar(x, height, angle, 220)} "
        path += f"{_polar(x, height, angle + step / 2, 220)}z"
    return _forms(path)


def _petals(height: int, seed: int) -> Markup:
    """Circles about a point, hollow where two meet."""
    n, x, y = 5 + seed % 4, (60, 40, 84)[seed // 4 % 3], height / 2
    r = min(30 + 4 * (seed // 12 % 3), height * 0.36)
    turns = [(i + 0.5) * 2 * math.pi / n for i in range(n)]
    return _forms("".join(_circle(x + r * 0.8 * math.cos(a), y + r * 0.8 * math.sin(a), r) for a in turns))


def _dots(height: int, seed: int) -> Markup:
    """A screen of dots that swell on the way down, or up."""
    step, rises = max((15, 20, 12)[seed % 3], height // 7), seed // 3 % 2
    rows = height // step + 1
    pieces = []
    for i in range(rows):
        share = (rows - i if rises else i + 1) / rows
        run = f"M{_n(step / 2 if i % 2 else 0)} {i * step + step // 2}h0" + f"m{step} 0h0" * (WIDTH // step)
        pieces.append(_lines(run, step * (0.12 + 0.78 * share)))
    return Markup("").join(pieces)


def _rise(height: int, seed: int) -> Markup:
    """Rings that come up over the lower edge."""
    x, step = (60, 30, 90, 0, 120)[seed % 5], 7 + seed // 5 % 3
    return _forms("".join(_circle(x, height, r) for r in range(step, min(height, 110), step)))


def _rain(height: int, seed: int) -> Markup:
    """Upright strokes, each as far down as it got."""
    step = (6, 8, 10)[seed % 3]
    path = ""
    for i, x in enumerate(range(step // 2 + 1, WIDTH, step)):
        fall = 0.3 + 0.62 * ((i * (5 + seed // 3 % 4) * 37 + seed % 97) % 101) / 100
        path += f"M{x}-4v{_n(height * fall)}"
    return _lines(path, step * 0.34)


def _peaks(height: int, seed: int) -> Markup:
    """Ridges, one before the other."""
    path = ""
    for layer in range(3):
        n = 3 + (seed // 3**layer + layer) % 3
        top, low = height * (0.16 + 0.22 * layer), height * (0.5 + 0.17 * layer)
        points = [f"M-9 {height + 9}V{_n(low)}"]
        for i in range(n):
            jag = height * 0.14 * (((seed >> i) + i * layer) % 3) / 2
            points.append(
                f"L{_n((i + 0.5) * WIDTH / n)} {_n(top + jag)} {_n((i + 1) * WIDTH / n)} {_n(low - jag)}"
            )
        path += "".join(points) + f"L129 {height + 9}z"
    return _forms(path)


def _shards(height: int, seed: int) -> Markup:
    """Splinters away from a corner."""
    n, x = 6 + seed % 3, (0, 120)[seed // 3 % 2]
    path = ""
    for i in range(n):
        angle = -math.pi / 2 * (i + 0.35) / n
        wide = 0.05 + 0.06 * ((seed >> i) % 3)
        far, near = 210 - 26 * ((seed >> (i + 2)) % 4), 14 + 8 * ((seed >> i) % 3)
        turn = [angle, angle - wide] if x == 0 else [math.pi - angle, math.pi - angle + wide]
        path += f"M{_polar(x, height, sum(turn) / 2, near)}L{_polar(x, height, turn[0], far)} "
        path += f"{_polar(x, height, turn[1], far * 0.8)}z"
    return _forms(path)


def _orbits(height: int, seed: int) -> Markup:
    """Circles inside one another, drawn aside."""
    angle, n = seed % 8 * math.pi / 4, 6 + seed // 8 % 3
    y, most = height / 2, min(height * 0.47, 56)
    pull = most * 0.06
    rings = [
        _circle(60 + i * pull * math.cos(angle), y + i * pull * math.sin(angle), most * (1 - i / (n + 0.5)))
        for i in range(n)
    ]
    return _lines("".join(rings), 2.2)


def _waves(height: int, seed: int) -> Markup:
    """Swells one below the other."""
    half, rise, step = (
        (20, 30, 40)[seed % 3],
        5 + 3 * (seed // 3 % 3),
        max((8, 11)[seed // 9 % 2], height // 9),
    )
    run = f"q{half // 2}-{2 * rise} {half} 0" + f"t{half} 0" * (-(-WIDTH // half) + 1)
    return _lines("".join(f"M-9 {y}{run}" for y in range(8, height + rise, step)))


def _bars(height: int, seed: int) -> Markup:
    """Bars that grow thin."""
    path, y, thick = "", float(height), height * (0.12 + 0.03 * (seed % 3))
    while thick > 0.6 and y > 0:
        y -= thick
        path += f"M0 {_n(y)}h120v{_n(thick)}H0z"
        y -= 4 + seed // 3 % 3
        thick *= 0.72
    return _forms(path)


_DRAWN: Final[dict[str, Callable[[int, int], Markup]]] = {
    "rays": _rays,
    "petals": _petals,
    "dots": _dots,
    "rise": _rise,
    "rain": _rain,
    "peaks": _peaks,
    "shards": _shards,
    "orbits": _orbits,
    "waves": _waves,
    "bars": _bars,
}
