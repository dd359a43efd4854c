"""What a reader typed, taken apart: words, phrases, fields and exclusions. Every string is a query."""

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
    "paper",
    "papers",
    "something",
    "story",
    "stories",
    "find",
    "want",
    "read",
}

_CLAUSE: Final = re.compile(
    rf'(?:(?<!\S)(?P<minus>-))?(?:(?P<field>{"|".join(NAMES)}):\s*)?(?:"(?P<phrase>[^"]*)"?|(?P<word>[^\s"]+))',
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Clause:
    """Stemmed terms that stand together.

    Attributes:
        terms: one for a word, several for a phrase.
        field: one of ``FIELDS``, or "" for any.
        is_negative: whether a work that has them is excluded.
        prefix: the last word of the query as typed, since it may be unfinished; "" for other words.
    """

    terms: tuple[str, ...]
    field: str
    is_negative: bool
    prefix: str = ""

    @property
    def fields(self) -> tuple[str, ...]:
        """The fields to look in."""
        return (self.field,) if self.field else FIELDS


class QueryReader:
    """Takes queries apart with the same analysis as the index."""

    def __init__(self) -> None:
        self.stemmed, self._plain = _analyzer("english"), _analyzer()
        self._soft = frozenset(self.stemmed.analyze(" ".join(SOFT)))

    def read(self, query: str) -> list[Clause]:
        """The clauses of a query; a word such as Moby-Dick becomes several."""
        clauses: list[Clause] = []
        for found in _CLAUSE.finditer(query):
            text = found["word"] if found["phrase"] is None else found["phrase"]
            terms = tuple(self.stemmed.analyze(text))
            field = NAMES[found["field"].lower()] if found["field"] else ""
            is_phrase = found["phrase"] is not None or found["minus"] is not None
            groups = [terms] if is_phrase and terms else [(term,) for term in terms]
            clauses += [Clause(group, field, found["minus"] is not None) for group in groups]
            if found["word"] and found.end() == len(query) and terms and not found["minus"]:
                clauses[-1] = replace(clauses[-1], prefix=self._plain.analyze(text)[-1])
        return clauses[:MAX_CLAUSES]

    def require(self, wanted: list[Clause]) -> list[Clause]:
        """The clauses that a work must have: without the soft words, unless there are no others."""
        firm = [c for c in wanted if c.field or len(c.terms) > 1 or c.terms[0] not in self._soft]
        return firm or wanted


def _analyzer(language: str = "") -> tantivy.TextAnalyzer:
    """Words without case and diacritics; stemmed when a language is given."""
    builder = tantivy.TextAnalyzerBuilder(Tokenizer.simple())
    for step in (Filter.remove_long(80), Filter.lowercase(), Filter.ascii_fold()):
        builder = builder.filter(step)
    return builder.filter(Filter.stemmer(language)).build() if language else builder.build()
