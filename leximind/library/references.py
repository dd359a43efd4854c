"""What a reference to a work is made of in any form: names, kind, identifiers; and its plain form."""

import re
from typing import Final, Literal, NamedTuple
from urllib.parse import unquote

from leximind.library.filters import write_year
from leximind.library.work import Work

Form = Literal["book", "article", "misc"]

MAX_NAMED: Final = 10
N_SHORT: Final = 7
"""Of more than ten authors the first seven are named (The Chicago Manual of Style, 17th edition, 14.76)."""

_ARXIV: Final = re.compile(r"https?://(?:www\.)?arxiv\.org/abs/(?P<id>[^\s?#]+?)(?:v\d+)?")
_DOI: Final = re.compile(r"https?://(?:dx\.)?doi\.org/(?P<id>10\.\S+)")
_SUFFIX: Final = re.compile(r"(?P<name>.+?\s+\S+?),?\s+(?P<suffix>Jr\.?|Sr\.?|II|III|IV)")
# A firm, a name with a place, or one in a form of its own: to be kept as it is.
_WHOLE: Final = re.compile(r",|&|\s(?:and|of|the)\s", re.IGNORECASE)
# fmt: off
_PARTICLES: Final = frozenset((
    "à", "af", "al", "bin", "da", "das", "de", "degli", "del", "della", "den", "der", "des", "di", "do",
    "dos", "du", "el", "ibn", "la", "las", "le", "los", "st.", "ten", "ter", "van", "vom", "von", "y",
    "zu", "zum", "zur",
))
# fmt: on


class Name(NamedTuple):
    """A name in its parts; of a firm or a person of one name only ``family`` is given."""

    family: str
    given: str = ""
    suffix: str = ""

    @property
    def inverted(self) -> str:
        """As in an index: ``King, Martin Luther, Jr.``"""
        return ", ".join(filter(None, self))

    @property
    def natural(self) -> str:
        """As it is spoken: ``Martin Luther King Jr.``"""
        return " ".join(filter(None, (self.given, self.family, self.suffix)))


def split_name(name: str) -> Name:
    """A name as it is spoken, in its parts.

    Particles belong to the family, as in BibTeX, but in capitals too: ``Vincent van Gogh`` is
    ``van Gogh, Vincent``, and ``W. E. B. Du Bois`` is ``Du Bois, W. E. B.``
    """
    name = " ".join(name.split())
    suffix = ""
    if found := _SUFFIX.fullmatch(name):
        name, suffix = found["name"], found["suffix"]
    words = name.split()
    if len(words) < 2 or _WHOLE.search(name):
        return Name(name, suffix=suffix)
    # The first word is always a given name: "Van Morrison", "Al Gore".
    start = next((i for i in range(1, len(words) - 1) if words[i].lower() in _PARTICLES), len(words) - 1)
    return Name(" ".join(words[start:]), " ".join(words[:start]), suffix)


def find_doi(address: str) -> str:
    """The DOI that an address leads to, or ""."""
    found = _DOI.fullmatch(address)
    return unquote(found["id"]) if found else ""


def find_arxiv(address: str) -> str:
    """The arXiv identifier that an address leads to, without its version, or ""."""
    found = _ARXIV.fullmatch(address)
    return found["id"] if found else ""


def name_form(work: Work) -> Form:
    """What a work is to a list of references: an article only where its journal is known."""
    if work.kind == "book":
        return "book"
    return "article" if find_doi(work.url) and work.source not in ("", "DOI") else "misc"


def write_reference(work: Work) -> str:
    """A line for people: author, year, title, source, address (Chicago, author-date).

    ``Melville, Herman. 1851. Moby-Dick; or, The Whale. Project Gutenberg. https://...``
    """
    title = " ".join(work.title.split())
    year = "n.d." if work.year is None else write_year(work.year)
    # Where one publishes is named; "DOI" is how the work was found, not where it stands.
    source = "" if work.source == "DOI" else work.source
    title = title if work.kind == "book" else f"“{_stop(title)}”"
    return " ".join([*(_stop(part) for part in (_list_authors(work), year, title, source) if part), work.url])


def _list_authors(work: Work) -> str:
    """The first as in an index, the others as they are spoken."""
    names = [split_name(author) for author in work.authors if author.strip()]
    if not names:
        return ""
    if len(names) > MAX_NAMED:
        return ", ".join([names[0].inverted, *(name.natural for name in names[1:N_SHORT]), "et al."])
    written = [names[0].inverted, *(name.natural for name in names[1:])]
    return written[0] if len(written) == 1 else f"{', '.join(written[:-1])}, and {written[-1]}"


def _stop(part: str) -> str:
    """With a full stop, unless it ends with one of its own or another mark that ends a sentence."""
    return part if part.rstrip("”").endswith((".", "?", "!", "…")) else f"{part}."
