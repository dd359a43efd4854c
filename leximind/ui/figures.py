"""Figures that came with a model, made safe to stand inside the page.

A model's folder may be anyone's, so of its SVG files only shapes and words are kept: an allow list of
elements and attributes, and no reference to anything outside of the figure.
"""

import re
from dataclasses import dataclass
from typing import Final
from xml.etree import ElementTree as Tree

from markupsafe import Markup

_SVG: Final = "{http://www.w3.org/2000/svg}"
_LINK: Final = "{http://www.w3.org/1999/xlink}href"
_ELEMENTS: Final = frozenset(
    "g defs path text tspan use rect circle line polyline polygon clipPath".split()  # noqa: SIM905
)
_ATTRIBUTES: Final = frozenset(
    """
    id style d x y x1 x2 y1 y2 dx dy r cx cy points transform viewBox clip-path fill stroke opacity
    fill-opacity stroke-width text-anchor href width height
    """.split()  # noqa: SIM905
)
# Numbers, names, colours, transformations, var(--lm-…) and url(#…) of the figure itself.
_VALUE: Final = re.compile(
    r"(?:url\(#[\w-]+\)|var\(--lm-[\w-]+, ?[#\w-]+\)"
    r"|\b(?:translate|scale|rotate|matrix|rgb)\([\d\s,.+-]*\)|[^<>&(){}\\@])*"
)
_LOCAL: Final = re.compile(r"#[\w-]+")


@dataclass(frozen=True)
class Figure:
    """A figure for the page: what it shows, what can be read off it, its size in pixels, and safe SVG."""

    title: str
    description: str
    width: int
    height: int
    svg: Markup


def read_figure(text: str) -> Figure | None:
    """The figure of an SVG file, or None for what is no SVG of a known size with a title."""
    if "<!" in text:  # a document type could define entities
        return None
    try:
        root = Tree.fromstring(text)
    except Tree.ParseError:
        return None
    title = root.findtext(f"{_SVG}title") or ""
    size = re.fullmatch(r"0 0 (\d+(?:\.\d+)?) (\d+(?:\.\d+)?)", root.get("viewBox", ""))
    if root.tag != f"{_SVG}svg" or not title or size is None:
        return None
    description = root.get("aria-label", "")
    safe = _clean(root)
    for name in ("width", "height", "id", "style"):
        safe.attrib.pop(name, None)
    safe.set("role", "img")
    safe.set("aria-label", f"{title}. {description}".strip())
    safe.set("width", "100%")
    drawn = Markup(Tree.tostring(safe, encoding="unicode"))
    return Figure(title, description, round(float(size[1])), round(float(size[2])), drawn)


def _clean(node: Tree.Element) -> Tree.Element:
    """A copy with plain names, of what is on the lists."""
    safe = Tree.Element(node.tag.removeprefix(_SVG))
    safe.text, safe.tail = node.text, node.tail
    for name, value in node.attrib.items():
        plain = "href" if name == _LINK else name
        allowed = _LOCAL if plain == "href" else _VALUE
        if plain in _ATTRIBUTES and allowed.fullmatch(value):
            safe.set(plain, value)
    for child in node:
        if (
            isinstance(child.tag, str)
            and child.tag.startswith(_SVG)
            and child.tag.removeprefix(_SVG) in _ELEMENTS
        ):
            safe.append(_clean(child))
    return safe
