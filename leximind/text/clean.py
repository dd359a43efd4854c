"""Text as people paste it, made fit for the model and for reading."""

import re
import unicodedata
from dataclasses import dataclass
from functools import cache
from typing import Final

from leximind.text.markup import decode_entities, is_markup, strip_markup

_MARKUP_NOTE: Final = "HTML markup was removed."
_ENTITY_NOTE: Final = "HTML entities were turned into characters."
_NEWLINE_NOTE: Final = "Line endings were made uniform."
_CONTROL_NOTE: Final = "Control characters and invisible characters were removed."
_SPACE_NOTE: Final = "Unusual spaces were replaced by plain ones."
_MARK_NOTE: Final = "Long runs of combining marks were cut short."
_UNICODE_NOTE: Final = "Unicode was normalised (NFC)."

_NEWLINE = re.compile("\r\n|[\r\x0b\x85\u2028]")
_PARAGRAPH = re.compile("[\x0c\u2029]")
# Joiners (U+200C, U+200D) and variation selectors stay: words and emoji are spelt with them.
_CONTROL = re.compile(
    "[\x00-\x08\x0e-\x1f\x7f-\x9f\u00ad\u061c\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
    "\ufdd0-\ufdef\ufffe\uffff\ud800-\udfff\U000e0001-\U000e007f]"
)
_SPACE = re.compile("[\t\xa0\u1680\u2000-\u200a\u202f\u205f\u3000]")
_SPACES = re.compile(" {2,}")
_LINE_EDGE = re.compile(" ?\n ?")
_BLANK_LINES = re.compile("\n{3,}")
# The limit of the Stream-Safe Text Format, UAX #15; without it normalising is quadratic.
_MAX_MARKS: Final = 30


@dataclass(frozen=True, slots=True)
class Cleaned:
    """Clean text, and a full sentence for each thing that was done to it."""

    text: str
    notes: tuple[str, ...]


def clean(text: str) -> Cleaned:
    """Remove what is not reading matter from ``text``; paragraphs (blank lines) and line breaks are kept.

    Markup, control and invisible characters go, odd spaces and newlines become plain ones, Unicode is
    normalised to NFC, runs of blanks and of blank lines shrink to one. Time is linear in the length.
    """
    notes: list[str] = []

    def step(done: str, note: str) -> str:
        if done != text and note not in notes:
            notes.append(note)
        return done

    if "<" in text and is_markup(text):
        text = step(strip_markup(text, keep_unknown=True), _MARKUP_NOTE)
    elif "&" in text:
        text = step(decode_entities(text), _ENTITY_NOTE)
    text = step(_PARAGRAPH.sub("\n\n", _NEWLINE.sub("\n", text)), _NEWLINE_NOTE)
    text = step(_CONTROL.sub("", text), _CONTROL_NOTE)
    text = step(_SPACE.sub(" ", text), _SPACE_NOTE)
    if not text.isascii():
        text = step(_long_marks().sub(r"\1", text), _MARK_NOTE)
        text = step(unicodedata.normalize("NFC", text), _UNICODE_NOTE)
    text = _LINE_EDGE.sub("\n", _SPACES.sub(" ", text))
    return Cleaned(_BLANK_LINES.sub("\n\n", text).strip(), tuple(notes))


@cache
def _long_marks() -> re.Pattern[str]:
    marks = "".join(chr(code) for code in range(0x300, 0x1F000) if unicodedata.combining(chr(code)))
    return re.compile(f"([{marks}]{{{_MAX_MARKS}}})[{marks}]+")
