"""The text of an EPUB: the chapters of its spine, in order.

EPUB 3.3, https://www.w3.org/TR/epub-33/: a ZIP file whose container names a package file, whose spine
names the chapters.
"""

import posixpath
import zipfile
import zlib
from pathlib import Path
from typing import Final
from urllib.parse import unquote
from xml.etree import ElementTree

from leximind.errors import InputError
from leximind.text.markup import strip_markup

MAX_BYTES: Final = 50 * 1024 * 1024
MAX_ENTRIES: Final = 10_000

_CONTAINER: Final = "META-INF/container.xml"
_ENCRYPTION: Final = "META-INF/encryption.xml"
_CHAPTER_TYPES: Final = ("application/xhtml+xml", "text/html")
# Fonts may be scrambled in a book that is free to read; any other encryption locks the text.
_FONT_SCRAMBLING: Final = ("http://www.idpf.org/2008/embedding", "http://ns.adobe.com/pdf/enc#RC")


def read_epub(path: Path) -> str:
    """Read the chapters of an EPUB file.

    At most 50 MiB are unpacked, and only from the container, the package and the chapters, whatever sizes
    the file declares.

    Raises:
        InputError: damaged, copy-protected, or larger than the caps.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            return _Book(archive, path.name).text()
    except (
        zipfile.BadZipFile,
        zlib.error,
        ElementTree.ParseError,
        NotImplementedError,
        EOFError,
        OSError,
        KeyError,
        ValueError,
    ) as error:
        raise InputError(f"{path.name!r} is a damaged EPUB file.", hint="Get it anew.") from error
    except RuntimeError as error:
        raise InputError(f"{path.name!r} is locked with a password.", hint="Save it without one.") from error


class _Book:
    def __init__(self, archive: zipfile.ZipFile, name: str) -> None:
        n_entries = len(archive.infolist())
        if n_entries > MAX_ENTRIES:
            raise InputError(
                f"{name!r} holds {n_entries:,} files, but at most {MAX_ENTRIES:,} are read.",
                hint="Paste the text instead.",
            )
        self.archive = archive
        self.name = name
        self.n_left = MAX_BYTES

    def text(self) -> str:
        if _ENCRYPTION in self.archive.namelist():
            self._refuse_protection()
        package = _find(self._xml(_CONTAINER), "rootfile")[0].attrib["full-path"]
        tree = self._xml(package)
        manifest = {item.attrib["id"]: item for item in _find(tree, "item")}
        chapters: list[str] = []
        for reference in _find(tree, "itemref"):
            item = manifest[reference.attrib["idref"]]
            if item.attrib.get("media-type") in _CHAPTER_TYPES:
                href = unquote(item.attrib["href"].partition("#")[0])
                data = self._read(posixpath.normpath(posixpath.join(posixpath.dirname(package), href)))
                chapters.append(strip_markup(data.decode("utf-8", "replace")).strip())
        return "\n\n".join(chapter for chapter in chapters if chapter)

    def _refuse_protection(self) -> None:
        for method in _find(self._xml(_ENCRYPTION), "EncryptionMethod"):
            if method.attrib.get("Algorithm") not in _FONT_SCRAMBLING:
                raise InputError(
                    f"{self.name!r} is copy-protected.", hint="Get an edition without protection."
                )

    def _xml(self, entry: str) -> ElementTree.Element:
        data = self._read(entry)
        # Entities are how a small XML file unfolds into a huge one; no package file needs them.
        if b"<!ENTITY" in data:
            raise ValueError(f"{entry} declares entities")
        return ElementTree.fromstring(data)

    def _read(self, entry: str) -> bytes:
        with self.archive.open(entry) as file:
            data = file.read(self.n_left + 1)
        self.n_left -= len(data)
        if self.n_left < 0:
            raise InputError(
                f"{self.name!r} unpacks to more than {MAX_BYTES / 2**20:.0f} MiB.",
                hint="Paste the text instead.",
            )
        return data


def _find(tree: ElementTree.Element, name: str) -> list[ElementTree.Element]:
    found = tree.findall(f".//{{*}}{name}")
    if not found and name in ("rootfile", "itemref"):
        raise ValueError(f"no <{name}>")
    return found
