"""HTML to plain text, in time linear in its length whatever the markup.

A tokenizer and no tree: tree builders take minutes for a megabyte of nested ``<div>`` or of attributes,
and a reader of plain text needs no tree.
"""

import re
from html import unescape
from typing import Final

_KNOWN: Final = frozenset((
    "a", "abbr", "acronym", "address", "applet", "area", "article", "aside", "audio", "b", "base",
    "basefont", "bdi", "bdo", "big", "blockquote", "body", "br", "button", "canvas", "caption", "center",
    "cite", "code", "col", "colgroup", "data", "datalist", "dd", "del", "details", "dfn", "dialog", "dir",
    "div", "dl", "dt", "em", "embed", "fieldset", "figcaption", "figure", "font", "footer", "form", "frame",
    "frameset", "h1", "h2", "h3", "h4", "h5", "h6", "head", "header", "hgroup", "hr", "html", "i", "iframe",
    "img", "input", "ins", "kbd", "label", "legend", "li", "link", "main", "map", "mark", "menu", "meta",
    "meter", "nav", "noframes", "noscript", "object", "ol", "optgroup", "option", "output", "p", "param",
    "picture", "pre", "progress", "q", "rp", "rt", "ruby", "s", "samp", "script", "search", "section",
    "select", "slot", "small", "source", "span", "strike", "strong", "style", "sub", "summary", "sup",
    "svg", "table", "tbody", "td", "template", "textarea", "tfoot", "th", "thead", "time", "title", "tr",
    "track", "tt", "u", "ul", "var", "video", "wbr",
))  # fmt: skip
_PARAGRAPHS: Final = frozenset((
    "address", "article", "aside", "blockquote", "body", "center", "details", "dialog", "div", "dl",
    "fieldset", "figcaption", "figure", "footer", "form", "h1", "h2", "h3", "h4", "h5", "h6", "header",
    "hgroup", "hr", "main", "menu", "ol", "p", "pre", "search", "section", "summary", "table", "ul",
))  # fmt: skip
_LINES: Final = frozenset(("br", "caption", "dd", "dt", "li", "option", "tr"))
_CELLS: Final = frozenset(("td", "th"))
# What a reader of the page does not read.
_SILENT: Final = frozenset((
    "button", "head", "iframe", "nav", "noscript", "object", "script", "select", "style", "svg", "template",
    "textarea", "title",
))  # fmt: skip

# Possessive quantifiers (++ and *+) keep a failed match from being tried again in another way.
_TAG = re.compile(
    r"""<!--|<[!?][^<>]*+>|<(/?)([a-zA-Z][a-zA-Z0-9:-]*+)"""
    r"""(?:(?=[\s/>])(?:[^<>"']++|"[^"<]*+"|'[^'<]*+')*+>|(?=[\s/>])[^<>]*+>)"""
)
_SURE = re.compile(r"<!doctype\s++html|<html[\s>]|<(?:br|hr)\s*+/?>", re.IGNORECASE)
_ENTITY = re.compile(r"&(?:[a-zA-Z][a-zA-Z0-9]{1,30}|#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6});")
_SPACES = re.compile(r"[ \t\n\r\f\v]+")


def is_markup(text: str) -> bool:
    """Whether ``text`` is HTML, rather than prose that has ``<`` in it or names a tag in passing.

    HTML is told by a document type, ``<html>``, ``<br>``, ``<hr>`` or the closing tag of a known element.
    """
    if _SURE.search(text):
        return True
    return any(tag[1] and tag[2].lower() in _KNOWN for tag in _TAG.finditer(text))


def strip_markup(html: str, *, keep_unknown: bool = False) -> str:
    """Turn ``html`` into plain text: a blank line between blocks, a line break for ``<br>``, rows and items.

    Scripts, styles, navigation and form controls are left out; entities become characters.

    Args:
        keep_unknown: leave what looks like a tag but is no HTML element (``List<T>``) as it stands.
    """
    pieces: list[str] = []
    never_closed: set[str] = set()
    position = n_pre = 0
    while (tag := _TAG.search(html, position)) is not None:
        pieces.append(_plain(html[position : tag.start()], n_pre > 0))
        position = tag.end()
        name = (tag[2] or "").lower()
        if tag[0] == "<!--" or (name in _SILENT and not tag[1]):
            closing = "-->" if tag[0] == "<!--" else f"</{name}"
            position = _skip(html, position, closing, never_closed)
        elif name and keep_unknown and name not in _KNOWN:
            pieces.append(_plain(tag[0], n_pre > 0))
        elif name:
            pieces.append(_break(name, closing=bool(tag[1])))
            if name == "pre":
                n_pre = max(0, n_pre + (-1 if tag[1] else 1))
    pieces.append(_plain(html[position:], n_pre > 0))
    return "".join(pieces)


def decode_entities(text: str) -> str:
    """Replace complete entities (``&amp;``, ``&#233;``) by their characters; anything else stays."""
    return _ENTITY.sub(lambda entity: unescape(entity[0]), text)


def _plain(text: str, preformatted: bool) -> str:
    return decode_entities(text if preformatted else _SPACES.sub(" ", text))


def _break(name: str, *, closing: bool) -> str:
    if name in _PARAGRAPHS:
        return "\n\n"
    if closing:
        return ""
    return "\n" if name in _LINES else " " if name in _CELLS else ""


def _skip(html: str, position: int, closing: str, never_closed: set[str]) -> int:
    """Where reading goes on after an element that is left out; right behind its tag when it never ends."""
    if closing in never_closed:
        return position
    end = re.compile(re.escape(closing), re.IGNORECASE).search(html, position)
    if end is None:
        never_closed.add(closing)
        return position
    return end.end() if closing == "-->" else end.start()
