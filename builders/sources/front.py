"""Title pages, credits and contents pages at the start of a work.

The rules take away what they recognise and nothing else: a preface, a dedication in prose, verse and the
speeches of a play stay. They look at the beginning only, never further than a quarter of the text.
"""

import re
from typing import Final

_HEAD_CHARS: Final = 60_000
_MAX_TITLE_CHARS: Final = 3_000
_MAX_TITLE_BLOCKS: Final = 40
_MAX_ENTRY: Final = 110
_MIN_PROSE: Final = 250

_CREDIT = re.compile(
    r"\W*(?:produced by|(?:e-?texts?|e-?books?) (?:prepared|produced|scanned|typed|created|transcribed)\b"
    r"|this (?:e-?text|e-?book|file|project gutenberg e\w+) (?:was|is)\b|transcribed (?:from|by)\b"
    r"|scanned (?:and|by)\b|digiti[sz]ed by|html (?:version|file)|proofread|prepared by|credits\b"
    r"|updated? editions?\b|distributed proofread|online distributed|transcriber['’]?s?['’]?\W+notes?\b"
    r"|transcription notes?|note: (?:project gutenberg|images of)"
    r"|images? (?:generously|courtesy|of the original)|project gutenberg|https?://|www\.)",
    re.IGNORECASE,
)
_PICTURE = re.compile(
    r"\[\s*(?:illustration|frontispiece|image|picture|plate|cover|decoration)\b[^\]]*\]", re.I
)
_CONTENTS = re.compile(
    r"\W*(?:(?:the |a )?(?:table of |general |detailed )?contents(?: page)?"
    r"(?: (?:of|to) (?:the )?(?:(?:first|second|third|fourth|fifth) )?(?:vol|volume|part|book)\b[^\n]{0,20})?"
    r"|list of (?:the )?(?:illustrations|plates|maps|figures|tables|engravings|portraits)"
    r"|illustrations|(?:list of )?chapters)\W*",
    re.IGNORECASE,
)
_HEADING = re.compile(
    r"\W*(?:(?:chap(?:ter)?|book|part|volume|canto|act|scene|letter|stave|section|lecture|essay|story|fit)\b"
    r"|prologue|preface|foreword|introduction|introductory|prelude|proem|argument|overture|preliminary"
    r"|dramatis person|persons represented|characters|to the reader|advertisement|dedication|sonnet"
    r"|[ivxlc]+\.?(?= *$)|\d{1,3}\.?(?= *$))",
    re.IGNORECASE,
)
_TITLE_WORDS = re.compile(
    r"^(?:by|translated|edited|illustrated|compiled|selected|adapted|(?:the )?author of|in \w+ volumes?"
    r"|published|printed|all rights|first (?:published|edition|printed)|entered according|set up|reprinted"
    r"|vol(?:ume)?)\b"
    r"|\b(?:press|publishers?|printers?|publishing|limited|edition|copyright|co\.)\W*$|^copyright\b|©"
    r"|^(?:london|new york|boston|paris|edinburgh|philadelphia|chicago|oxford|cambridge|toronto|leipzig)\b"
    r"|^\W*(?:1[4-9]|20)\d\d\W*$|^[MDCLXVI.]{5,}$|^(?:or|and|of|with|from|by)\W*$",
    re.IGNORECASE,
)
_ENTRY_START = re.compile(
    r"(?:(?:chap(?:ter)?|book|part|act|scene|canto|letter)\b|[ivxlc]+[.:) ]|\d{1,3}[.:) ])", re.IGNORECASE
)
_ENTRY_END = re.compile(r"(?:[ .·…_]{2,}|[ ,])(?:[fp]?\.?\d{1,4}|[ivxlc]+|frontispiece)$", re.IGNORECASE)
_COLUMN_HEADS = re.compile(r"\W*(?:(?:chap(?:ter)?s?|nos?|pages?|titles?)\b\W*)+", re.IGNORECASE)
_SENTENCE_END = re.compile(r"[.!?][\"'”’)]*(?:\s|$)")
_KEY_TAIL = re.compile(r"(?:[\s.·…_]*(?:\d{1,4}|\b[ivxlc]{1,6}))?\W*$", re.IGNORECASE)


def strip_front_matter(text: str) -> str:
    """The text from its first heading, preface or paragraph on, without its contents pages.

    Args:
        text: cleaned: a blank line between paragraphs, no blanks at the ends of lines.
    """
    limit = min(_HEAD_CHARS, len(text) // 4)
    cut = text.rfind("\n\n", 0, limit)
    if cut < 0:
        return text
    head, rest = text[:cut].split("\n\n"), text[cut:]
    head = _drop_credits(head)
    n_title = _count_title(head)
    kept = _drop_contents(head[n_title:])
    return ("\n\n".join(kept) + rest).strip()


def is_heading(block: str) -> bool:
    """Whether a paragraph is the heading of a part: "CHAPTER I", "Preface", "XII."."""
    return block.count("\n") <= 2 and len(block) <= 160 and _HEADING.match(block) is not None


def is_prose(block: str) -> bool:
    """Whether a paragraph is running text: some length, mostly small letters, a sentence that ends."""
    if len(block) < _MIN_PROSE or not _SENTENCE_END.search(block):
        return False
    sample = block[:1000]
    n_lower = sum(character.islower() for character in sample)
    return n_lower >= 0.6 * len(sample)


def _drop_credits(blocks: list[str]) -> list[str]:
    """Without notes of those who made the file: at the start, or in brackets, up to the first prose."""
    kept: list[str] = []
    for i, block in enumerate(blocks):
        is_note = bool(_CREDIT.match(block)) and (block.startswith("[") or not any(map(is_heading, kept)))
        if is_note or _PICTURE.fullmatch(block):
            continue
        if is_prose(block):
            return [*kept, *blocks[i:]]
        kept.append(block)
    return kept


def _count_title(blocks: list[str]) -> int:
    """How many blocks at the start are the title page; none when it does not end, as in a list or verse."""
    n_chars = 0
    for i, block in enumerate(blocks[: _MAX_TITLE_BLOCKS + 1]):
        n_chars += len(block)
        if n_chars > _MAX_TITLE_CHARS:
            return 0
        if is_heading(block) or _is_contents(block) or not _is_title(block):
            return i
    return 0


def _is_title(block: str) -> bool:
    lines = block.split("\n")
    if len(lines) > 8 or any(len(line) > 80 for line in lines):
        return False
    if lines[0][:1].islower() and not _TITLE_WORDS.match(lines[0]):
        return False
    if block.isupper() or not any(character.isalpha() for character in block):
        return True
    if len(lines) <= 2 and len(block) <= 70 and not re.search(r"[.!?;,:][\"'”’)]?$", block):
        return True
    is_verse = len(lines) > 2 and sum(line.endswith((",", ";", ":")) for line in lines) > 1
    return not is_verse and any(_TITLE_WORDS.search(line.strip("_* ")) for line in lines)


def _is_contents(block: str) -> bool:
    return _CONTENTS.fullmatch(block.split("\n", 1)[0].strip("_*= ")) is not None


def _drop_contents(blocks: list[str]) -> list[str]:
    """Without the contents pages and lists of plates among the blocks."""
    start = 0
    while start < len(blocks):
        end = _end_of_contents(blocks, start) if _is_contents(blocks[start]) else start
        if end > start:
            blocks = [*blocks[:start], *blocks[end:]]
        else:
            start += 1
    return blocks


def _end_of_contents(blocks: list[str], start: int) -> int:
    """The block after a contents page that begins at `start`; `start` itself when it is none after all.

    Where one of the first entries comes again as a heading, the work begins, or where running text stands
    that no entry introduces, such as a preface. Otherwise the page lasts as long as its blocks look like
    entries.
    """
    inner = blocks[start].split("\n")[1:]
    lines = [*inner, *(line for block in blocks[start + 1 : start + 9] for line in block.split("\n"))]
    entries = [line for line in lines if line and not _COLUMN_HEADS.fullmatch(line)]
    if len(entries) < 2:
        return start
    first = start + (1 if inner else 2)
    for entry in entries[:3]:
        for i in range(first, len(blocks)):
            if _repeats(blocks[i], _key(entry)):
                return min(i, _find_unlisted(blocks, start + 1, i))
    return _end_of_entries(blocks, start)


def _find_unlisted(blocks: list[str], start: int, end: int) -> int:
    """Running text between two blocks that is no description of a chapter, or its heading; `end` if none."""
    for i in range(start, end):
        introduction = blocks[i - 1] if i > start else ""
        if is_prose(blocks[i]) and not (_ENTRY_START.match(blocks[i]) or _ENTRY_START.match(introduction)):
            return i - 1 if i > start and is_heading(introduction) else i
    return end


def _end_of_entries(blocks: list[str], start: int) -> int:
    end = start + 1
    while end < len(blocks) and _is_entry_block(blocks[end]):
        end += 1
    if end == len(blocks) or not is_prose(blocks[end]):
        # It runs into something else, verse perhaps: only what has numbers is surely an entry.
        end = start + 1
        while end < len(blocks) and _is_numbered(blocks[end]):
            end += 1
        return end if end > start + 1 or _is_numbered(blocks[start]) else start
    if end == start + 1 and "\n" not in blocks[start]:
        return start  # a heading of this name, and no entry
    # The last blocks before the text may be the heading of its first chapter and the title of that.
    for n_back in (2, 1):
        if end - n_back > start and is_heading(blocks[end - n_back]) and "\n" not in blocks[end - n_back]:
            return end - n_back
    return end


def _is_entry_block(block: str) -> bool:
    lines = block.split("\n")
    return not is_prose(block) and (_is_numbered(block) or all(_is_entry(line) for line in lines))


def _is_entry(line: str) -> bool:
    if len(line) > _MAX_ENTRY or line.endswith((",", ";")):
        return False
    return bool(_ENTRY_START.match(line) or _ENTRY_END.search(line) or not _SENTENCE_END.search(line))


def _is_numbered(block: str) -> bool:
    """Whether most lines begin with a number or end with a page."""
    lines = block.split("\n")
    return sum(bool(_ENTRY_START.match(line) or _ENTRY_END.search(line)) for line in lines) > len(lines) / 2


def _key(line: str) -> str:
    """A contents entry without its page and its signs, to be found again as a heading."""
    return _fold(_KEY_TAIL.sub("", line)) or _fold(line)


def _repeats(block: str, key: str) -> bool:
    """Whether a block is the heading that a contents entry named: in full, or its number only."""
    if len(block) > 200:
        return False
    line = _fold(block.split("\n", 1)[0])
    is_numbered = is_heading(block) or _ENTRY_START.match(block) is not None
    return key in (line, _fold(block)) or bool(line and is_numbered and key.startswith(f"{line} "))


def _fold(text: str) -> str:
    return " ".join(re.sub(r"\W+", " ", text).casefold().split())
