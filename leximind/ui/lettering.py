"""Text set without a browser: measured with the widths of a bold book face, wrapped, and made to fit."""

import unicodedata
from functools import lru_cache
from typing import Final

# In hundredths of an em: the widest of Palatino Bold, Georgia Bold and Liberation Serif Bold, rounded up,
# since which of them a reader has is not known. The usual narrower one leaves a little air.
_GROUPS: Final = {
    32: "'", 36: " ,./:;\\ijl|‘’·łı", 40: "-", 44: "!Ift", 48: "()[]`", 52: "*J_r–", 56: '"?svxyz“”',
    60: "ce{}", 64: "aoø", 68: "$0123456789FLSZbdghknpquþ", 72: "EPTß", 76: "CXY", 80: "#+<=>ABRV^~",
    84: "&DGKOQUwØÐ", 88: "HN", 92: "æ", 96: "@œ", 100: "%m—…Æ", 104: "M", 108: "W", 112: "Œ",
}  # fmt: skip
_WIDTHS: Final = {letter: width / 100 for width, letters in _GROUPS.items() for letter in letters}
_UNKNOWN: Final = 0.84
LEADING: Final = 1.14
"""Height of a line, in ems."""


@lru_cache(maxsize=8192)
def measure(text: str) -> float:
    """The width of a text in ems, rather too wide than too narrow."""
    return sum([_WIDTHS.get(letter) or _measure_rare(letter) for letter in text])


def _measure_rare(letter: str) -> float:
    base = unicodedata.normalize("NFD", letter)[0]
    if unicodedata.combining(base) or unicodedata.category(base) in ("Cf", "Cc", "Mn", "Me"):
        return 0.0
    if unicodedata.east_asian_width(base) in "WF":
        return 1.0
    return _WIDTHS.get(base, _UNKNOWN)


def wrap(text: str, width: float) -> tuple[list[str], bool]:
    """The lines of a text at most ``width`` ems wide, and whether a word had to be broken for it."""
    lines, line, broken = list[str](), "", False
    for word in text.split():
        longer = f"{line} {word}" if line else word
        if measure(longer) <= width:
            line = longer
            continue
        if line:
            lines.append(line)
        *pieces, line = _break(word, width)
        lines += pieces
        broken = broken or bool(pieces)
    return ([*lines, line] if line else lines), broken


def _break(word: str, width: float) -> list[str]:
    """A word in pieces that fit: after its own hyphens and dashes where it has some, else anywhere."""
    pieces, rest = list[str](), word
    while measure(rest) > width:
        end = 1
        while end < len(rest) and measure(rest[: end + 1]) + 0.4 <= width:
            end += 1
        dash = max(rest.rfind(mark, 1, end) for mark in "-–—/") + 1
        pieces.append(rest[:dash] if dash > 1 else rest[:end] + ("-" if rest[end - 1].isalpha() else ""))
        rest = rest[dash if dash > 1 else end :]
    return [*pieces, rest] if rest else pieces


def balance(text: str, width: float) -> list[str]:
    """The fewest lines that ``width`` allows, about equally long."""
    lines, broken = wrap(text, width)
    if len(lines) < 2 or broken:
        return lines
    narrow = measure(text) / len(lines)
    for share in (0.0, 0.2, 0.4, 0.6, 0.8):
        tried, broken = wrap(text, narrow + share * (width - narrow))
        if len(tried) == len(lines) and not broken:
            return tried
    return lines


def fit(text: str, width: float, height: float, sizes: tuple[float, ...]) -> tuple[float, list[str]]:
    """The largest of the ``sizes`` at which a text fits a box, and its lines.

    Args:
        width: of the box, in the unit of the sizes. No line is wider.
        sizes: font sizes, falling. At the last one words are broken and what is too much is cut, with an
            ellipsis.
    """
    for size in sizes:
        lines, broken = wrap(text, width / size)
        if not broken and len(lines) * size * LEADING <= height:
            return size, balance(text, width / size)
    size = sizes[-1]
    most = max(1, int(height / (size * LEADING)))
    lines, _ = wrap(text, width / size)
    if len(lines) > most:
        lines = [*lines[: most - 1], cut(f"{lines[most - 1]} {lines[most]}", width / size)]
    return size, lines


def cut(text: str, width: float) -> str:
    """A text cut to ``width`` ems, with an ellipsis where something is missing."""
    if measure(text) <= width:
        return text
    while text and measure(text) + 1.0 > width:
        text = text[:-1]
    return text.rstrip(" ,;:-–—.") + "…"
