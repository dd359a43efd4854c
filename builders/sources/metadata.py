"""What a document says of itself: title, authors, language and so on, as far as its format tells."""

import re
import zipfile
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any, Final

from builders.sources.boilerplate import read_header
from builders.sources.package import find_package, open_zip, read_package
from leximind.text.documents import FRONT_MATTER

_HEAD_BYTES: Final = 128 * 1024
_MIN_DESCRIPTION: Final = 80
# What programs write where a title should be.
_NO_TITLE = re.compile(
    r"microsoft \w+ -|untitled|unknown|title|document\d*$|.*\.(?:docx?|dvi|tex|indd|qxd|pdf|rtf|html?)$",
    re.IGNORECASE,
)
_HEADING = re.compile(r"^#\s+(.+?)\s*#*$", re.MULTILINE)
_AUTHOR_NAMES: Final = ("citation_author", "dc.creator", "dcterms.creator", "author")
_TITLE_NAMES: Final = ("citation_title", "dc.title", "dcterms.title", "og:title")
_NUMBER = re.compile(r"gutenberg\.org/(?:ebooks|files)/(\d+)")
_PAGE: Final = "https://www.gutenberg.org/ebooks/"


def read_metadata(path: Path, text: str) -> dict[str, Any]:
    """The columns of an entry that a document fills by itself; none of them is empty.

    Args:
        text: of the document, as it stands. A Gutenberg header in it comes before anything else.
    """
    try:
        found = _READERS.get(path.suffix.lower(), _read_nothing)(path)
    # Metadata are an extra: a document that can be read is not lost for want of them.
    except Exception:
        found = {}
    found |= _read_gutenberg(text)
    return {name: value for name, value in found.items() if value}


def _read_nothing(_: Path) -> dict[str, Any]:
    return {}


def _read_gutenberg(text: str) -> dict[str, Any]:
    header = read_header(text)
    if header is None:
        return {}
    found: dict[str, Any] = {
        "title": header.title,
        "authors": list(header.authors),
        "language": header.language,
        "year": header.year,
        "source": "Project Gutenberg",
        "license": gutenberg_license(header.is_copyrighted),
        "url": f"{_PAGE}{header.number}" if header.number else "",
    }
    return {name: value for name, value in found.items() if value}


def gutenberg_license(is_copyrighted: bool) -> str:
    """What Project Gutenberg states about its texts."""
    return "In copyright; Project Gutenberg License" if is_copyrighted else "Public domain in the USA"


def _read_epub(path: Path) -> dict[str, Any]:
    with zipfile.ZipFile(path) as archive:
        read = open_zip(archive)
        package = read_package(read, find_package(read))
    number = next((found[1] for url in package.addresses if (found := _NUMBER.search(url))), "")
    return {
        "title": package.title,
        "authors": list(package.authors),
        "language": package.language,
        "subjects": list(package.subjects),
        "description": package.description if len(package.description) >= _MIN_DESCRIPTION else "",
        "license": package.rights if len(package.rights) <= 100 else "",
        "url": package.addresses[0] if package.addresses else "",
        "gutenberg_id": number,
    }


def _read_pdf(path: Path) -> dict[str, Any]:
    import pypdf

    reader = pypdf.PdfReader(path)
    if reader.is_encrypted:
        reader.decrypt("")
    data = reader.metadata
    title = " ".join((data.title or "").split()) if data else ""
    return {
        "title": "" if _NO_TITLE.match(title) or len(title) < 4 else title,
        "authors": re.split(r"\s*[;]\s*|\s+and\s+", data.author) if data and data.author else [],
    }


def _read_html(path: Path) -> dict[str, Any]:
    with path.open("rb") as file:
        head = _Head()
        head.feed(file.read(_HEAD_BYTES).decode("utf-8", "replace"))
    titles = [*(value for name in _TITLE_NAMES for value in head.named.get(name, [])), head.title]
    authors = next((head.named[name] for name in _AUTHOR_NAMES if name in head.named), [])
    description = next(iter(head.named.get("description", [])), "")
    return {
        "title": next((" ".join(title.split()) for title in titles if title.strip()), ""),
        "authors": authors,
        "language": head.language,
        "description": description if len(description) >= _MIN_DESCRIPTION else "",
        "url": head.address,
    }


class _Head(HTMLParser):
    """The title, the named values and the address in the head of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.title, self.language, self.address = "", "", ""
        self.named: dict[str, list[str]] = {}
        self._is_title = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self._is_title = tag == "title" and not self.title
        if tag == "html":
            self.language = given.get("lang", given.get("xml:lang", ""))
        elif tag == "meta" and given.get("content"):
            name = given.get("name", given.get("property", "")).lower()
            self.named.setdefault(name, []).append(given["content"])
        elif tag == "link" and given.get("rel") == "canonical" and given.get("href", "").startswith("http"):
            self.address = given["href"]

    def handle_endtag(self, tag: str) -> None:
        self._is_title = False

    def handle_data(self, data: str) -> None:
        if self._is_title:
            self.title += data


def _read_markdown(path: Path) -> dict[str, Any]:
    with path.open("rb") as file:
        text = file.read(_HEAD_BYTES).decode("utf-8-sig", "replace").replace("\r\n", "\n")
    front = FRONT_MATTER.match(text)
    found = _read_yaml(front[1]) if front else {}
    heading = _HEADING.search(text)
    return {"title": heading[1].strip("*_ ") if heading else ""} | found


def _read_yaml(front: str) -> dict[str, Any]:
    import yaml  # type: ignore[import-untyped]

    given = yaml.safe_load(front)
    if not isinstance(given, dict):
        return {}
    found = {str(name).lower(): value for name, value in given.items()}
    authors = found.get("authors", found.get("author"))
    address = next((str(found[name]) for name in ("url", "link", "source_url") if found.get(name)), "")
    names = ("id", "kind", "title", "language", "description", "license")
    columns = {name: found.get(name) for name in names}
    return {name: str(value) for name, value in columns.items() if value} | {
        "authors": [authors] if isinstance(authors, str) else authors if _is_list(authors) else [],
        "subjects": next((found[name] for name in ("subjects", "tags") if _is_list(found.get(name))), []),
        "year": found.get("year"),
        "url": address,
    }


def _is_list(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(part, str) for part in value)


_READERS: Final[dict[str, Callable[[Path], dict[str, Any]]]] = {
    ".epub": _read_epub,
    ".pdf": _read_pdf,
    ".html": _read_html,
    ".htm": _read_html,
    ".md": _read_markdown,
}
