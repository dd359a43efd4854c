"""The opening of a work, to stand for the description that its source lacks."""

import re
from itertools import islice
from typing import Final

from builders.sources.front import is_heading, is_prose
from leximind.text.sentences import split_sentences

MIN_CHARS: Final = 500
MAX_CHARS: Final = 1_000

_HEAD_CHARS: Final = 120_000
_ABSTRACT = re.compile(r"^\W*abstract[ \t]*(?:[.:—–-]|\n)[\s.:—–-]*", re.IGNORECASE | re.MULTILINE)
_AFTER_ABSTRACT = re.compile(
    r"^\W*(?:\d{0,2}\.?\s*introduction\b|key ?words?\b|index terms\b|ccs concepts\b)",
    re.IGNORECASE | re.MULTILINE,
)
_FIRST_CHAPTER = re.compile(
    r"^\W*(?:(?:chapter|book|part|letter|stave|canto)\s+(?:the\s+)?(?:1|i|one|first)\b|(?:1|i)\.?$)",
    re.IGNORECASE,
)
_SENTENCE = re.compile(r"[a-z]\W* [^\n]*[.!?—:][\"'”’)]*\Z")
_NOTE_MARK = re.compile(r"\s?\[(?:\d{1,3}|[a-z*†]|footnote[^\]]*|illustration[^\]]*)\]", re.IGNORECASE)


def find_opening(text: str) -> str:
    """The abstract of a paper; of other works the first paragraphs of the first chapter, or of the text.

    Whole sentences, 500 to 1,000 characters where the text has so many; lines are joined.

    Args:
        text: cleaned, with a blank line between paragraphs, and not empty.
    """
    head = text[:_HEAD_CHARS]
    return _cut(_find_abstract(head[:8_000]) or _find_start(head.split("\n\n")) or head)


def _find_abstract(head: str) -> str:
    found = _ABSTRACT.search(head)
    if not found:
        return ""
    end = _AFTER_ABSTRACT.search(head, found.end())
    abstract = head[found.end() : end.start() if end else None]
    return abstract if len(abstract) >= 200 else ""


def _find_start(blocks: list[str]) -> str:
    """From the first running text after the heading of the first chapter, else from the first at all."""
    prose = [i for i, block in enumerate(blocks) if is_prose(block)]
    if not prose:
        return ""
    chapters = (i for i, block in enumerate(blocks) if is_heading(block) and _FIRST_CHAPTER.match(block))
    for chapter in islice(chapters, 3):
        # Some blocks may stand between: the chapter's title, a motto, a short first sentence.
        first = next((i for i in prose if chapter < i <= chapter + 6), None)
        if first is not None:
            return _gather(blocks, first, chapter)
    return _gather(blocks, prose[0], -1)


def _gather(blocks: list[str], first: int, before: int) -> str:
    """Paragraphs from `first` on, and the short ones right before it (a line of speech) up to `before`."""
    while first - 1 > before and _SENTENCE.search(blocks[first - 1]) and not is_heading(blocks[first - 1]):
        first -= 1
    n_chars, taken = 0, list[str]()
    for block in blocks[first:]:
        if n_chars >= MIN_CHARS or (taken and is_heading(block)):
            break
        taken.append(block)
        n_chars += len(block)
    return "\n\n".join(taken)


def _cut(text: str) -> str:
    """At most 1,000 characters: whole sentences, or one cut between words where the first is longer."""
    text = " ".join(_NOTE_MARK.sub("", text[: 4 * MAX_CHARS]).split())
    ends = [span.end for span in split_sentences(text) if span.end <= MAX_CHARS]
    if ends and (len(text) > MAX_CHARS or ends[-1] >= MIN_CHARS):
        return text[: ends[-1]]
    return text if len(text) <= MAX_CHARS else text[:MAX_CHARS].rsplit(" ", 1)[0] + " …"
