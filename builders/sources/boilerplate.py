"""What Project Gutenberg puts around a text: a header with facts, a licence, a footer.

The marks changed many times since 1991; those known from its files of all years are told apart here.
"""

import re
from dataclasses import dataclass
from typing import Final

from builders.sources.names import NO_AUTHORS

_PROJECT = r"(?:PROJECT|PROJEKT|PROYECTO|PROJETO|PROGETTO|PROJET)\s+GUTENBERG"
_START = re.compile(
    rf"^[ \t]*(?:"
    rf"\*{{2,}}[ \t]*START\s+OF\s+(?:(?:THE|THIS)\s+)?(?:COPYRIGHTED\s+)?{_PROJECT}"
    r"(?:[^*]{0,600}?\*{2,}|[^\n]*)"
    r"|\*+[ \t]*END[ \t*]*THE\s+SMALL\s+PRINT[^\n]*"
    rf"|\**[ \t]*(?:The\s+)?Beginning\s+of\s+(?:the|this)\s+{_PROJECT}[^\n]*"
    rf"|\*{{2,}}[ \t]*This\s+is\s+a\s+COPYRIGHTED\s+{_PROJECT}\s+E\w*,\s+Details\s+(?:Below|Above)[^\n]*"
    r")[ \t]*$",
    re.IGNORECASE | re.MULTILINE,
)
# A mark that nothing of the work can follow, so that the last of them is the one.
_STARRED_END = re.compile(
    rf"^[ \t]*\*{{2,}}[ \t]*END\s+OF\s+(?:(?:THE|THIS)\s+)?(?:COPYRIGHTED\s+)?{_PROJECT}",
    re.IGNORECASE | re.MULTILINE,
)
_PLAIN_END = re.compile(
    rf"^[ \t]*\**[ \t]*(?:End\s+of\s+(?:(?:the|this)\s+)?(?:COPYRIGHTED\s+)?{_PROJECT}"
    rf"|End\s+of\s+this\s+is\s+COPYRIGHTED|Ende\s+diese[rs]?\s+(?:{_PROJECT}|Etextes)"
    rf"|(?:Fin|Fine|Fim)\s+(?:de|del|du|d'|di|do)?\s*(?:ce\s+)?{_PROJECT})",
    re.IGNORECASE | re.MULTILINE,
)
_LICENCE = re.compile(
    r"^[ \t]*(?:\*{2,}[ \t]*START:[ \t]*FULL\s+LICENSE|\*{2,}[ \t]*START[ \t*]*THE\s+SMALL\s+PRINT"
    r"|This\s+file\s+should\s+be\s+named\s+\S+\.(?:txt|zip)"
    r"|\*{2,}[ \t]*These\s+\w+\s+(?:Are|Were)\s+Prepared"
    rf"|THE\s+FULL\s+{_PROJECT}\s+LICENSE)",
    re.IGNORECASE | re.MULTILINE,
)
_FIRST_LINE = re.compile(
    r"^[\s*]*(?:The\s+)?Project\s+Gutenberg(?:['’]s|\s+(?:E-?text|E-?book)\s+of)\s+(.+?)"
    r"(?:,?\s+by\s+([^\n*\[(,]+?))?[\s*]*$",
    re.IGNORECASE | re.MULTILINE,
)
_FIELD = re.compile(r"^([A-Z][A-Za-z ]{2,24}):[ \t]*(\S[^\n]*(?:\n[ \t]{2,}\S[^\n]*)*)", re.MULTILINE)
_NUMBER = re.compile(r"\[\s*e-?(?:book|text)\s*#?\s*(\d{1,6})\s*\]", re.IGNORECASE)
_YEAR = re.compile(r"\b(1[4-9]\d\d|20[0-2]\d)\b")
_HEAD_CHARS: Final = 40_000
_TAIL_CHARS: Final = 1_500


@dataclass(frozen=True)
class Header:
    """What a Gutenberg header says; empty where it says nothing.

    Attributes:
        number: of the ebook.
        year: of the original publication, which few headers name.
        is_copyrighted: offered by leave of its owner, and not in the public domain.
    """

    number: str = ""
    title: str = ""
    authors: tuple[str, ...] = ()
    language: str = ""
    year: int | None = None
    is_copyrighted: bool = False


def read_header(text: str) -> Header | None:
    """The facts in the header of a Gutenberg text as it stands (line breaks and indents are needed).

    Returns:
        None when the text has no header.
    """
    text = text[:_HEAD_CHARS].replace("\r\n", "\n").removeprefix("\ufeff")
    start = _START.search(text)
    head = text[: start.start()] if start else text[:3000]
    if not re.search(r"project\s+gutenberg", head, re.IGNORECASE):
        return None
    fields: dict[str, str] = {}
    for name, value in _FIELD.findall(head):
        fields.setdefault(name.lower(), " ".join(value.split()))
    first = _FIRST_LINE.search(head)
    number = _NUMBER.search(head)
    authors = fields.get("author") or fields.get("authors") or (first[2] if first and first[2] else "")
    published = _YEAR.search(fields.get("original publication", ""))
    if not (fields.get("title") or first):
        return None
    return Header(
        number=number[1] if number else "",
        title=fields.get("title") or (" ".join(first[1].split()) if first else ""),
        authors=_split(authors),
        language=fields.get("language", ""),
        year=int(published[1]) if published else None,
        is_copyrighted="COPYRIGHTED Project Gutenberg" in head,
    )


def strip_boilerplate(text: str) -> str:
    """The text between the marks of Project Gutenberg; all of it where there are none."""
    if not re.search("gutenberg|small print", text, re.IGNORECASE):
        return text
    # A head alone may be damaged, or the text a footer long: half of it is where a header can end.
    limit = min(_HEAD_CHARS, max(len(text) // 2, 2000))
    ends = [found.end() for found in _START.finditer(text, 0, limit)]
    body = text[ends[-1] :] if ends else text
    return _cut_end(body).strip()


def _cut_end(body: str) -> str:
    starred = list(_STARRED_END.finditer(body))
    if starred:
        body = body[: starred[-1].start()]
    elif plain := list(_PLAIN_END.finditer(body)):
        body = body[: plain[-1].start()]
    else:
        # Without an end, a licence is the end; one in the first half would be part of an unmarked header.
        licence = _LICENCE.search(body, len(body) // 2)
        body = body[: licence.start()] if licence else body
    # Before the mark often stands the same in words, and before that the file's name.
    for pattern in (_PLAIN_END, _LICENCE):
        found = pattern.search(body, max(0, len(body) - _TAIL_CHARS))
        if found:
            body = body[: found.start()]
    return body


def _split(authors: str) -> tuple[str, ...]:
    names = re.split(r"\s*;\s*|\s+and\s+|\s*&\s*", authors)
    return tuple(name.strip(" ,") for name in names if name and name.lower() not in NO_AUTHORS)
