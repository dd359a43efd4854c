"""Names of people and files, brought into one form."""

import hashlib
import re
import unicodedata
from pathlib import PurePosixPath
from typing import Final

NO_AUTHORS: Final = ("various", "anonymous", "unknown")

_LIFE = re.compile(r",\s*(?:(?:active|approximately|born|died|circa|ca?\.)\s*)?(?:\d|\?)[^,]*$|,\s*-\d[^,]*$")
_ROLE = re.compile(r"\s*\[([^\]]*)\]\s*$")
_FULLER = re.compile(r"\s*\([^)]*\)")
_NO_SLUG = re.compile(r"[^a-z0-9]+")
_PERSON = re.compile(r"(?:[A-ZÀ-Þ][\w.'’-]*|de|van|von|der|la|le|di|du|of)(?:\s+|$)")
_NO_NAME: Final = frozenset(("the", "a", "an", "and", "part", "volume", "vol", "book", "chapter", "various"))
_MAX_SLUG: Final = 80


def turn_name(name: str) -> str:
    """``Herman Melville`` for a catalogue's ``Melville, Herman, 1819-1891``; other names as they are."""
    name = _LIFE.sub("", name.strip())
    family, comma, given = name.partition(",")
    given = _FULLER.sub("", given).strip()
    if not comma or not given:
        return _FULLER.sub("", name).strip(" ,") if comma else name
    first, _, title = given.partition(",")
    # "Tolstoy, Leo, graf": a title of nobility stays out, as on a title page.
    return f"{first.strip()} {family.strip()}" if len(title.split()) <= 3 else name


def read_catalogue_authors(names: str) -> list[str]:
    """Those who wrote a work, out of ``Doe, Jane, 1819-1891; Roe, Ann, 1882-1971 [Illustrator]``."""
    authors: list[str] = []
    for name in names.split(";"):
        role = _ROLE.search(name)
        if name.strip() and (role is None or role[1].strip().lower() in ("author", "")):
            authors.append(turn_name(_ROLE.sub("", name)))
    return [name for name in authors if name.lower() not in NO_AUTHORS]


def make_id(path: PurePosixPath) -> str:
    """An id from a file's place under its folder: readable, and no other file's.

    The file's name without its ending; with a hash where the name has more in it than an id keeps.
    """
    given = str(path.with_suffix(""))
    plain = unicodedata.normalize("NFKD", given).encode("ascii", "ignore").decode().lower()
    slug = _NO_SLUG.sub("-", plain).strip("-")[:_MAX_SLUG].rstrip("-")
    if slug == given:
        return slug
    digest = hashlib.sha256(given.encode("utf-8", "surrogatepass")).hexdigest()[:6]
    return f"{slug}-{digest}" if slug else digest


def read_file_name(path: PurePosixPath) -> tuple[str, list[str]]:
    """A title, and authors if any, from ``Title - Author.epub`` (as Calibre does) or ``Title by Author``.

    Where one half names the folder too, it is the author: ``Jane Austen/Jane Austen - Emma.txt``.
    """
    stem = " ".join(re.sub(r"[_]+", " ", path.stem).split())
    if " " not in stem:
        stem = stem.replace("-", " ")
    for left, right in re.findall(r"^(.+?)\s+(?:-|–|by)\s+(.+)$", stem):
        if left.casefold() in (part.casefold() for part in path.parts[:-1]):
            return _capitalise(right), [left]
        if _is_person(right):
            return _capitalise(left), [right]
    return _capitalise(stem), []


def _capitalise(title: str) -> str:
    return title[:1].upper() + title[1:] if title.islower() else title


def _is_person(name: str) -> bool:
    words = name.split()
    whole = "".join(found[0] for found in _PERSON.finditer(name)) == name
    return 2 <= len(words) <= 5 and whole and not _NO_NAME & {word.lower() for word in words}
