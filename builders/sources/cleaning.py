"""Damaged characters, broken words and everything around a work that is not the work."""

import re
from collections import Counter
from functools import cache
from typing import Any, Final

from builders.sources.boilerplate import strip_boilerplate
from builders.sources.front import strip_front_matter
from leximind.text.clean import clean

# Text decoded with the wrong code page has two characters beyond ASCII side by side, of which one at least is
# no typographic sign. Other things worth repairing are C1 control characters, ligatures, and a no-break space
# of which one byte became a plain one. Looking for these first is ten times as fast as asking ftfy.
_SUSPECT = re.compile(
    "[^\x00-\x7f\u2010-\u2027][^\x00-\x7f]|[^\x00-\x7f][^\x00-\x7f\u2010-\u2027]"
    "|[ÂÃâ] |[\x80-\x9f\ufb00-\ufb06]"
)
_SOFT_BREAK = re.compile(r"[\u00ad\u00ac][ \t\r]*\n\s*")
_BREAK = re.compile(r"(?<![\w-])(\w*[^\W\d_])[-\u2010]\n(?=([^\W\d_A-Z]\w*))")
_WORD = re.compile(r"\w+(?:-\w+)*")
_UNDERSCORES = re.compile(r"(?<!\w)_(?=\S)([^_]{1,400}?)(?<=\S)_(?!\w)")


def clean_passage(text: str) -> str:
    """A title, a name or a description, fit for reading."""
    return clean(repair(text)).text


def clean_work(text: str) -> str:
    """The whole text of a work without what is not part of it; "" when nothing is left.

    Characters are repaired, words broken at the end of a line joined, the header and footer of Project
    Gutenberg, title pages and contents pages cut off, and its ``_`` around emphasis taken away.
    """
    text = clean(_SOFT_BREAK.sub("", repair(text))).text
    text = join_hyphens(strip_boilerplate(text))
    return strip_front_matter(_UNDERSCORES.sub(r"\1", text))


def repair(text: str) -> str:
    """Undo wrong decoding (mojibake) and take ligatures apart; quotation marks stay as they are.

    By ftfy, Speer (2019), https://doi.org/10.5281/zenodo.2591652.
    """
    if text.isascii() or not _SUSPECT.search(text):
        return text
    ftfy, settings = _repairer()
    lines = text.split("\n")
    for i, line in enumerate(lines):
        if _SUSPECT.search(line):
            lines[i] = ftfy.fix_text_segment(line, settings)
    return "\n".join(lines)


def join_hyphens(text: str) -> str:
    """Join words that were broken at the end of a line.

    The text itself tells whether the hyphen belongs to the word: it stays when the text has the word with its
    hyphen elsewhere and not without, or when it has both halves and never the whole.
    """
    if not _BREAK.search(text):
        return text
    counts = Counter(word.lower() for word in _WORD.findall(_BREAK.sub(" ", text)))

    def join(found: re.Match[str]) -> str:
        left, right = found[1].lower(), found[2].lower()
        n_whole, n_hyphened = counts[left + right], counts[f"{left}-{right}"]
        if n_whole or n_hyphened:
            is_compound = n_hyphened > n_whole
        else:
            is_compound = min(counts[left], counts[right]) > 0 and min(len(left), len(right)) > _MAX_SYLLABLE
        return found[1] + ("-" if is_compound else "")

    return _BREAK.sub(join, text)


# Shorter pieces ("in", "con", "ment") are syllables as often as words.
_MAX_SYLLABLE: Final = 3


@cache
def _repairer() -> tuple[Any, Any]:
    import ftfy  # late: few texts need it

    settings = ftfy.TextFixerConfig(
        unescape_html=False, uncurl_quotes=False, fix_character_width=False, normalization=None, explain=False
    )
    return ftfy, settings
