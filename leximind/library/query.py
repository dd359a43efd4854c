"""What a reader typed, taken apart: words, phrases, fields, years and exclusions. Every string is a query."""

import re
from dataclasses import dataclass, replace
from typing import Final

import tantivy
from tantivy import Filter, Tokenizer

from leximind.text.words import STOPWORDS

FIELDS: Final = ("title", "authors", "subjects", "description", "summary")
NAMES: Final = {name: name for name in FIELDS} | {"author": "authors", "subject": "subjects"}
MAX_CLAUSES: Final = 32

# Words of questions rather than of works: wished for, never required.
SOFT: Final = STOPWORDS | {
    "book",
    "books",
    "novel",
    "novels",
    "paper",
    "papers",
    "something",
    "story",
    "stories",
    "find",
    "want",
    "read",
}

_YEAR: Final = r"-?\d{1,4}"
_CLAUSE: Final = re.compile(
    rf"(?:(?<!\S)(?P<minus>-))?(?:year:\s*(?P<years>{_YEAR}(?:\.\.(?:{_YEAR})?)?|\.\.{_YEAR})(?!\S)"
    rf'|(?:(?P<field>{"|".join(NAMES)}):\s*)?(?:"(?P<phrase>[^"]*)"|"?(?P<word>[^\s"]+)|"))',
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Clause:
    """Stemmed terms that stand together, or a span of years.

    Attributes:
        terms: one for a word, several for a phrase, none for years.
        field: one of ``FIELDS``, or "" for any.
        is_negative: whether a work that has them is excluded.
        word: a single word as typed, without case and diacritics; "" for phrases and years.
        is_unfinished: whether it is the last word of the query, which may still be typed.
        years: first and last year, both included, None where there is no limit.
    """

    terms: tuple[str, ...]
    field: str = ""
    is_negative: bool = False
    word: str = ""
    is_unfinished: bool = False
    years: tuple[int | None, int | None] | None = None

    @property
    def fields(self) -> tuple[str, ...]:
        """The fields to look in."""
        return (self.field,) if self.field else FIELDS

    @property
    def is_condition(self) -> bool:
        """Whether it was asked for in so many signs, and holds whatever the order of the answer is."""
        return bool(self.field) or self.is_negative or self.years is not None or not self.word

    @property
    def year(self) -> int | None:
        """The year that a bare number may be: ``1851``."""
        return int(self.word) if not self.field and re.fullmatch(r"\d{3,4}", self.word) else None


class QueryReader:
    """Takes queries apart with the same analysis as the index."""

    def __init__(self) -> None:
        self.stemmed, self.plain = _analyzer("english"), _analyzer()
        self._soft = frozenset(self.plain.analyze(" ".join(SOFT)))  # not stemmed: Wells is not "well"

    def read(self, query: str) -> list[Clause]:
        """The clauses of a query; a word such as Moby-Dick becomes several."""
        clauses: list[Clause] = []
        for found in _CLAUSE.finditer(query):
            is_negative = found["minus"] is not None
            if found["years"]:
                clauses.append(Clause((), is_negative=is_negative, years=_read_years(found["years"])))
                continue
            text = found["word"] if found["phrase"] is None else found["phrase"]
            terms, words = self.stemmed.analyze(text or ""), self.plain.analyze(text or "")
            field = NAMES[found["field"].lower()] if found["field"] else ""
            if not terms:
                continue
            if len(terms) > 1 and (found["phrase"] is not None or is_negative):
                clauses.append(Clause(tuple(terms), field, is_negative))
                continue
            is_quoted = found["phrase"] is not None
            clauses += [
                Clause((term,), field, is_negative, "" if is_quoted else word)
                for term, word in zip(terms, words, strict=True)
            ]
            if found["word"] and found.end() == len(query) and not is_negative:
                clauses[-1] = replace(clauses[-1], is_unfinished=True)
        return clauses[:MAX_CLAUSES]

    def key(self, title: str) -> str:
        """A title without what readers leave out: case, diacritics, marks and a leading article."""
        words = self.plain.analyze(title)
        return " ".join(words[1:] if len(words) > 1 and words[0] in ("the", "a", "an") else words)

    def require(self, wanted: list[Clause]) -> list[Clause]:
        """The clauses that a work must have: without the soft words, unless there are no others."""
        firm = [c for c in wanted if c.is_condition or c.word not in self._soft]
        return firm or wanted


def free_text(query: str) -> str:
    """What is left of a query for a model to understand: without fields, years, exclusions and quotes."""
    kept = [
        found["word"] if found["phrase"] is None else found["phrase"]
        for found in _CLAUSE.finditer(query)
        if not found["minus"] and not found["years"] and not found["field"]
    ]
    return " ".join(word for text in kept if text for word in text.split() if re.search(r"\w", word))


def _read_years(span: str) -> tuple[int | None, int | None]:
    first, dots, last = span.partition("..")
    lower = int(first) if first else None
    return lower, (int(last) if last else None) if dots else lower


def _analyzer(language: str = "") -> tantivy.TextAnalyzer:
    """Words without case and diacritics; stemmed when a language is given."""
    builder = tantivy.TextAnalyzerBuilder(Tokenizer.simple())
    for step in (Filter.remove_long(80), Filter.lowercase(), Filter.ascii_fold()):
        builder = builder.filter(step)
    return builder.filter(Filter.stemmer(language)).build() if language else builder.build()
