"""What an EPUB says of itself: the package file of a book, packed or as a folder.

EPUB 3.3, https://www.w3.org/TR/epub-33/; the ``se:`` properties are those of Standard Ebooks,
https://standardebooks.org/manual.
"""

import posixpath
import re
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from html import unescape
from pathlib import Path
from typing import Final
from urllib.parse import unquote
from xml.etree import ElementTree

from builders.sources.names import NO_AUTHORS, turn_name
from leximind.text.markup import strip_markup

MAX_BYTES: Final = 50 * 1024 * 1024

# Reads the file of that name inside the book, at most MAX_BYTES of it.
Read = Callable[[str], bytes]

# What reading a damaged book raises.
DAMAGE: Final = (
    ValueError, KeyError, OSError, RuntimeError, EOFError, zlib.error, zipfile.BadZipFile,
    ElementTree.ParseError,
)  # fmt: skip

_CONTAINER: Final = "META-INF/container.xml"
_CHAPTER_TYPES: Final = ("application/xhtml+xml", "text/html")
_BODY_TYPE = re.compile(rb"<(?:body|section|article)\b[^>]*?\bepub:type\s*=\s*[\"']([^\"']*)[\"']")
_NOTE_MARK = re.compile(rb"<a\b[^>]*\bepub:type\s*=\s*[\"']noteref[\"'][^>]*>.*?</a>", re.DOTALL)
_YEAR = re.compile(r"\d{4}")
_ADDRESS = re.compile(r"(?:url:)?(https?://\S+)")


@dataclass(frozen=True)
class Package:
    """The metadata of a book and the files of its chapters, in order; empty where it says nothing.

    Attributes:
        year: of ``dc:date`` when that is no more than a year or a day: files put their own date there.
        addresses: its identifiers and sources that are web addresses, in order.
    """

    title: str
    authors: tuple[str, ...]
    description: str
    subjects: tuple[str, ...]
    language: str
    rights: str
    addresses: tuple[str, ...]
    chapters: tuple[str, ...]


def open_zip(archive: zipfile.ZipFile) -> Read:
    """A reader of a packed book."""

    def read(name: str) -> bytes:
        with archive.open(name) as file:
            return _check_size(file.read(MAX_BYTES + 1), name)

    return read


def open_folder(folder: Path) -> Read:
    """A reader of a book that is a folder; it never leaves the folder."""
    root = folder.resolve()

    def read(name: str) -> bytes:
        path = (root / name).resolve()
        if not path.is_relative_to(root):
            raise ValueError(f"{name} lies outside of the book")
        with path.open("rb") as file:
            return _check_size(file.read(MAX_BYTES + 1), name)

    return read


def find_package(read: Read) -> str:
    """The name of the package file of a packed book. Raises one of DAMAGE."""
    for tree in _parse(read(_CONTAINER)).findall(".//{*}rootfile"):
        return tree.attrib["full-path"]
    raise ValueError("no <rootfile>")


def read_package(read: Read, name: str) -> Package:
    """The package file `name` of a book.

    Raises:
        One of DAMAGE: it is missing or damaged.
    """
    tree = _parse(read(name))
    properties: dict[str, list[str]] = {}
    for meta in tree.findall(".//{*}meta"):
        if "property" in meta.attrib:
            properties.setdefault(meta.attrib["property"], []).append(_plain(meta.text or ""))
    titles = tree.findall(".//{*}metadata/{*}title")
    addresses = [_ADDRESS.fullmatch(text) for tag in ("identifier", "source") for text in _texts(tree, tag)]
    language = _texts(tree, "language")
    rights, descriptions = _texts(tree, "rights"), _texts(tree, "description")
    return Package(
        title=_plain(titles[0].text or "") if titles else "",
        authors=tuple(turn_name(name) for name in _authors(tree)),
        description=next(iter([*properties.get("se:long-description", []), *descriptions]), ""),
        subjects=tuple(dict.fromkeys([*properties.get("se:subject", []), *_texts(tree, "subject")])),
        language=language[0] if language else "",
        rights=rights[0] if rights else "",
        addresses=tuple(found[1] for found in addresses if found),
        chapters=tuple(_chapters(tree, posixpath.dirname(name))),
    )


def read_body(read: Read, chapters: tuple[str, ...]) -> str:
    """The text of the chapters that belong to the body of the work; all where none is marked as such.

    Raises:
        One of DAMAGE: a chapter is missing, or they are larger than 50 MiB together.
    """
    texts: list[tuple[str, str]] = []
    n_bytes = 0
    for name in chapters:
        data = read(name)
        n_bytes += len(data)
        if n_bytes > MAX_BYTES:
            raise ValueError(f"it unpacks to more than {MAX_BYTES / 2**20:.0f} MiB")
        marked = _BODY_TYPE.search(data)
        matter = re.search(r"(front|body|back)matter", marked[1].decode("utf-8", "replace") if marked else "")
        text = strip_markup(_NOTE_MARK.sub(b"", data).decode("utf-8", "replace")).strip()
        texts.append((matter[1] if matter else "", text))
    has_body = any(matter == "body" for matter, _ in texts)
    return "\n\n".join(text for matter, text in texts if text and (matter == "body" or not has_body))


def _chapters(tree: ElementTree.Element, folder: str) -> list[str]:
    items = {item.attrib.get("id"): item for item in tree.findall(".//{*}item")}
    names: list[str] = []
    for reference in tree.findall(".//{*}itemref"):
        item = items.get(reference.attrib.get("idref"))
        if item is not None and item.attrib.get("media-type") in _CHAPTER_TYPES:
            href = unquote(item.attrib.get("href", "").partition("#")[0])
            names.append(posixpath.normpath(posixpath.join(folder, href)))
    return names


def _authors(tree: ElementTree.Element) -> list[str]:
    """Creators whose role, where one is stated, is that of an author (MARC relator ``aut``)."""
    roles: dict[str, set[str]] = {}
    for meta in tree.findall(".//{*}meta[@property='role']"):
        roles.setdefault(meta.attrib.get("refines", "").lstrip("#"), set()).add((meta.text or "").strip())
    names: list[str] = []
    for creator in tree.findall(".//{*}metadata/{*}creator"):
        stated = roles.get(creator.attrib.get("id", ""), set())
        stated |= {value for key, value in creator.attrib.items() if key.endswith("role")}
        name = _plain(creator.text or "")
        if name and (not stated or "aut" in stated) and name.lower() not in NO_AUTHORS:
            names.append(name)
    return names


def _texts(tree: ElementTree.Element, tag: str) -> list[str]:
    found = (_plain(element.text or "") for element in tree.findall(f".//{{*}}metadata/{{*}}{tag}"))
    return [text for text in found if text]


def _plain(text: str) -> str:
    """Descriptions are often HTML inside XML; their paragraphs stay."""
    paragraphs = strip_markup(unescape(text)).split("\n\n") if "<" in unescape(text) else [text]
    return "\n\n".join(" ".join(part.split()) for part in paragraphs if part.strip())


def _check_size(data: bytes, name: str) -> bytes:
    if len(data) > MAX_BYTES:
        raise ValueError(f"{name} unpacks to more than {MAX_BYTES / 2**20:.0f} MiB")
    return data


def _parse(data: bytes) -> ElementTree.Element:
    # Entities are how a small XML file unfolds into a huge one; no package file needs them.
    if b"<!ENTITY" in data:
        raise ValueError("it declares entities")
    return ElementTree.fromstring(data)
