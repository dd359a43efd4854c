"""Files people have on their disks, as plain text."""

import codecs
import contextlib
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from leximind.errors import InputError, NotFoundError
from leximind.text.epub import read_epub
from leximind.text.markup import strip_markup

MAX_FILE_BYTES: Final = 50 * 1024 * 1024
MAX_CHARS: Final = 5_000_000
MAX_PAGES: Final = 3_000

# What site generators and note takers put before a Markdown text: facts in YAML, no reading matter.
FRONT_MATTER: Final = re.compile(
    r"\A---[ \t]*\n((?:[A-Za-z_][\w -]*:|#).*?\n)(?:---|\.\.\.)[ \t]*(?:\n|\Z)", re.DOTALL
)

_BOMS: Final = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_CHARSET = re.compile(rb"""(?:charset|encoding)\s{0,9}=\s{0,9}["']?([a-zA-Z0-9._:-]{2,40})""")
# Files of these kinds are known by what stands in their first bytes, whatever their names end on.
_SIGNS: Final = ((b"%PDF-", ".pdf"), (b"mimetypeapplication/epub+zip", ".epub"))
_HYPHENATED = re.compile(r"(?<=[a-z])[-\u2010]\n(?=[a-z])")


@dataclass(frozen=True)
class Document:
    """The text of a file, as it stands, and full sentences about what of the file is not in it."""

    text: str
    notes: tuple[str, ...] = ()


def read_document(path: str | Path) -> str:
    """The text of what ``open_document`` opens."""
    return open_document(path).text


def open_document(path: str | Path) -> Document:
    """Read a .txt, .md, .html, .pdf or .epub file, as it stands: see ``clean`` for the rest.

    A PDF or an EPUB file under another of these endings is read as what it is.

    Raises:
        NotFoundError: there is no such file.
        InputError: a kind of file that is not read, or a file that is damaged, locked, too large or has
            no text in it.
    """
    path = Path(path)
    if not path.is_file():
        raise NotFoundError(f"There is no file {path.name!r}.", hint="Check the path.")
    if path.suffix.lower() not in _READERS:
        raise InputError(
            f"{path.name!r} cannot be read: one of {', '.join(_READERS)} was expected.",
            hint="Save it as one of these, or paste its text.",
        )
    n_bytes = path.stat().st_size
    if n_bytes > MAX_FILE_BYTES:
        raise InputError(
            f"{path.name!r} has {n_bytes:,} bytes, but at most {MAX_FILE_BYTES:,} are read.",
            hint="Take a part of it.",
        )
    with path.open("rb") as file:
        beginning = file.read(64)
    kind = next((ending for sign, ending in _SIGNS if sign in beginning), path.suffix.lower())
    found = _READERS[kind](path)
    document = Document(found) if isinstance(found, str) else found
    if not document.text.strip():
        raise InputError(
            f"There is no text in {path.name!r}.", hint="Is it empty, or a scan without its text?"
        )
    if len(document.text) > MAX_CHARS:
        raise InputError(
            f"{path.name!r} has {len(document.text):,} characters, but at most {MAX_CHARS:,} are read.",
            hint="Take a part of it.",
        )
    return document


def _read_text(path: Path) -> str:
    return _decode(path.read_bytes(), path.name)


def _read_html(path: Path) -> str:
    data = path.read_bytes()
    declared = _CHARSET.search(data[:2048])
    return strip_markup(_decode(data, path.name, declared[1].decode("ascii") if declared else ""))


def _read_markdown(path: Path) -> str:
    from markdown_it import MarkdownIt

    text = FRONT_MATTER.sub("", _read_text(path).replace("\r\n", "\n"), count=1)
    return strip_markup(MarkdownIt("commonmark").enable("table").render(text))


def _read_pdf(path: Path) -> Document:
    import pypdf
    from pypdf.errors import DependencyError

    try:
        reader = pypdf.PdfReader(path)
        # Many files are encrypted with an empty password, only to forbid printing.
        if reader.is_encrypted and not reader.decrypt(""):
            raise InputError(f"{path.name!r} is locked with a password.", hint="Save it without one.")
        if len(reader.pages) > MAX_PAGES:
            raise InputError(
                f"{path.name!r} has {len(reader.pages):,} pages, but at most {MAX_PAGES:,} are read.",
                hint="Take a part of it.",
            )
        pages: list[str] = []
        n_chars = 0
        for page in reader.pages:
            pages.append(_HYPHENATED.sub("", page.extract_text()).strip())
            n_chars += len(pages[-1])
            if n_chars > MAX_CHARS:
                break
    except InputError:
        raise
    except DependencyError as error:
        raise InputError(f"{path.name!r} is encrypted.", hint="Save it without encryption.") from error
    # A damaged file fails in pypdf in any of a dozen ways (KeyError, RecursionError, zlib.error and so on).
    except Exception as error:
        raise InputError(f"{path.name!r} is a damaged PDF file.", hint="Open it and save it anew.") from error
    n_empty = pages.count("")
    skipped = "1 page holds" if n_empty == 1 else f"{n_empty:,} pages hold"
    note = f"{skipped} no text, perhaps a picture or a scan; the other {len(pages) - n_empty:,} were read."
    return Document("\n".join(pages), (note,) if n_empty else ())


def _decode(data: bytes, name: str, declared: str = "") -> str:
    for mark, encoding in _BOMS:
        if data.startswith(mark):
            return data.decode(encoding, "replace")
    if b"\0" in data:
        raise InputError(f"{name!r} is not text: there are zero bytes in it.", hint="Give a text file.")
    with contextlib.suppress(UnicodeDecodeError):
        return data.decode("utf-8")
    with contextlib.suppress(LookupError, UnicodeError):
        return data.decode(declared, "replace")
    # cp1252 is what Windows calls Latin-1, and what browsers assume.
    return data.decode("cp1252", "replace")


_READERS: Final[dict[str, Callable[[Path], str | Document]]] = {
    ".txt": _read_text,
    ".md": _read_markdown,
    ".html": _read_html,
    ".htm": _read_html,
    ".pdf": _read_pdf,
    ".epub": read_epub,
}
SUFFIXES: Final = tuple(_READERS)
