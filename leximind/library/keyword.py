"""Search by words: tantivy with English stemming, phrases, fields, years, prefixes, typos forgiven."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from math import ceil
from pathlib import Path
from typing import Final, Literal

import numpy as np
import tantivy
from numpy.typing import NDArray
from tantivy import Occur, Query

from leximind.errors import DataError
from leximind.library.compiling import NAMING, WORDS, Compiler, Spellings
from leximind.library.query import FIELDS, Clause, QueryReader
from leximind.library.snippets import snippet_maker
from leximind.library.work import Work

FORMAT: Final = 2  # raise it when fields or analysis change, so that indexes on disk are built again


FEW: Final = 3
"""So many works with all words are enough; with fewer, a typo is looked for."""

_KEY: Final = "key"  # the field with whole titles

Rest = list[tuple[Occur, Query]]
Coverage = Literal["title", "name", "all", "some"]
"""Whether the query is the title of a work, or the work has all words in title and authors, all, or some."""


@dataclass(frozen=True, slots=True)
class KeywordHit:
    """A row of the library that matches, with its BM25 score."""

    row: int
    score: float
    coverage: Coverage


@dataclass(frozen=True)
class _Answer:
    hits: Sequence[KeywordHit] = ()
    spellings: Spellings | None = None


class KeywordIndex:
    """Built from works in their order; a hit's row is the position of its work."""

    def __init__(self, index: tantivy.Index) -> None:
        self._index = index
        self._schema = index.schema
        self._reader = QueryReader()
        _register(index, self._reader)
        index.reload()
        self._searcher = index.searcher()
        self._compiler = Compiler(index, self._reader)
        # One page asks for hits, snippets and a suggestion in turn.
        self._answer = lru_cache(maxsize=8)(self._interpret)

    def __len__(self) -> int:
        return int(self._searcher.num_docs)

    @classmethod
    def build(cls, works: Iterable[Work], folder: Path | None = None) -> "KeywordIndex":
        """Index the works into an empty or missing folder, or in memory when none is given."""
        builder = tantivy.SchemaBuilder().add_integer_field("row", fast=True)
        builder = builder.add_integer_field("year", indexed=True, fast=True)
        for field in FIELDS:
            builder = builder.add_text_field(field, tokenizer_name="english")
        builder = builder.add_text_field(WORDS, tokenizer_name="plain", index_option="basic")
        builder = builder.add_text_field(_KEY, tokenizer_name="raw", index_option="basic")
        if folder is not None:
            folder.mkdir(parents=True, exist_ok=True)
        index = tantivy.Index(builder.build(), None if folder is None else str(folder), reuse=False)
        reader = QueryReader()
        _register(index, reader)
        writer = index.writer(heap_size=64_000_000, num_threads=1)
        for row, work in enumerate(works):
            texts = _texts(work)
            words = [texts["title"], *work.authors, *work.subjects, work.description]
            year = {} if work.year is None else {"year": work.year}
            # "Moby-Dick; or, The Whale" is known as "Moby-Dick".
            keys = [reader.key(title) for title in (work.title, re.split("[:;(]", work.title)[0])]
            writer.add_document(tantivy.Document(row=row, **year, **texts, **{WORDS: words, _KEY: keys}))
        writer.commit()
        writer.wait_merging_threads()
        return cls(index)

    @classmethod
    def open(cls, folder: Path) -> "KeywordIndex":
        """Open what ``build`` wrote.

        Raises:
            DataError: the folder holds no readable index.
        """
        try:
            return cls(tantivy.Index.open(str(folder)))
        except (ValueError, OSError) as error:
            raise DataError(f"The keyword index {folder} cannot be read.", hint="Build it again.") from error

    def search(
        self, query: str, limit: int | None = None, mask: NDArray[np.bool_] | None = None
    ) -> list[KeywordHit]:
        """The works that match, best first. Every string is a query; one without words finds nothing.

        ``"white whale"`` is a phrase, ``author:austen`` looks in one field (title, author, subject,
        description, summary), ``year:1800..1850`` and ``year:1851`` hold the year, ``-word`` excludes; a bare
        number is a word or the year. All words must occur. Only where few works have them all, words are
        taken as misspelt; and where that finds nothing either, a third of the words is enough.

        Args:
            limit: at most so many; None for all.
            mask: (N,) bool; only rows where it is true are returned.
        """
        # A filter must not make the reading more lenient: it is chosen before the mask.
        hits = self._answer(query).hits
        return [hit for hit in hits if mask is None or mask[hit.row]][:limit]

    def conditions(self, query: str) -> NDArray[np.bool_] | None:
        """(N,) bool: where the fields, years, phrases and exclusions of a query hold; None without any."""
        clauses = [clause for clause in self._reader.read(query) if clause.is_condition]
        if not clauses:
            return None
        wanted = [clause for clause in clauses if not clause.is_negative]
        rest = self._compiler.exclude(clauses)
        rows = self._rows(self._compiler.all_of(wanted, {}, rest)) or self._rows(
            self._compiler.all_of(wanted, self._compiler.spell(wanted, False), rest)
        )
        mask = np.zeros(len(self), np.bool_)
        mask[list(rows)] = True
        return mask

    def suggest(self, query: str) -> str:
        """The query with misspelt words replaced as in its best work, or "" when there is nothing to say."""
        answer = self._answer(query)
        if not answer.spellings or not answer.hits:
            return ""
        best = answer.hits[0].row
        # Where only some of many words match, the others are rather strange than misspelt.
        if answer.hits[0].coverage == "some" and len(self._reader.require(self._reader.read(query))) > FEW:
            return ""
        corrected = query
        for clause, spellings in answer.spellings.items():
            meant = [
                word
                for word, _ in spellings
                if best in self._rows(Query.term_query(self._schema, WORDS, word))
            ]
            if meant and best not in self._rows(self._compiler.match(clause)):
                corrected = self._replace(corrected, clause.word, meant[0])
        return "" if corrected == query else corrected

    def strangeness(self, query: str) -> float:
        """The share, from 0 to 1, of a query's words that no work has; numbers do not count."""
        wanted = [clause for clause in self._reader.read(query) if not clause.is_condition]
        words = [clause for clause in self._reader.require(wanted) if clause.word.isalpha()]
        known = [word for word in words if self._compiler.is_known(word) or self._compiler.complete(word)]
        return 1 - len(known) / len(words) if words else 0.0

    def snippets(self, query: str, works: Sequence[Work]) -> list[str]:
        """For each work the matching passage of description or summary: HTML, ``<mark>`` only; or ""."""
        clauses = [clause for clause in self._reader.read(query) if clause.terms and not clause.is_negative]
        spellings = self._answer(query).spellings or {}
        terms: set[str] = set()
        for clause in self._reader.require(clauses):
            terms.update(clause.terms if self._compiler.is_known(clause) else self._compiler.complete(clause))
            terms.update(self._reader.stemmed.analyze(" ".join(w for w, _ in spellings.get(clause, ()))))
        describe, summarize = (
            snippet_maker(self._searcher, self._schema, field, terms) for field in ("description", "summary")
        )
        return [describe(work.description) or summarize(work.summary) for work in works]

    def _interpret(self, query: str) -> _Answer:
        """The strictest reading of the query that finds something."""
        clauses = self._reader.read(query)
        if not clauses:
            return _Answer()
        wanted = [clause for clause in clauses if not clause.is_negative]
        rest, required = self._compiler.exclude(clauses), self._reader.require(wanted)
        favoured = [*rest, *self._compiler.favour_title(wanted)]
        strict = self._mark_title(query, self._find(required, {}, favoured))
        if not required or len(strict) >= FEW or any(hit.coverage != "all" for hit in strict):
            return _Answer(strict)
        unknown = self._compiler.spell(required, False)
        found = strict or (self._find(required, unknown, favoured) if unknown else [])
        if not any(hit.coverage == "name" for hit in found) and (unknown or len(required) > 1):
            # Known words may be slips too ("sherlok homes"), but only a title or an author proves it.
            anything = self._compiler.spell(required, True)
            named = [hit for hit in self._find(required, anything, favoured) if hit.coverage == "name"]
            if named:
                rows = {hit.row for hit in named}
                return _Answer([*named, *(hit for hit in found if hit.row not in rows)], anything)
        return _Answer(found or self._find_some(required, unknown, rest), unknown)

    def _find(self, required: Sequence[Clause], spellings: Spellings, rest: Rest) -> list[KeywordHit]:
        """The works that have all of it, those that are named by it marked."""
        found = self._run(self._compiler.all_of(required, spellings, rest))
        asks = [clause for clause in required if clause.years is None]
        named = self._rows(self._compiler.all_of(asks, spellings, [], NAMING)) if found and asks else set()
        return [KeywordHit(row, score, "name" if row in named else "all") for row, score in found]

    def _mark_title(self, query: str, hits: list[KeywordHit]) -> list[KeywordHit]:
        key = self._reader.key(query)
        rows = self._rows(Query.term_query(self._schema, _KEY, key)) if key else set()
        return [replace(hit, coverage="title") if hit.row in rows else hit for hit in hits]

    def _find_some(self, required: Sequence[Clause], spellings: Spellings, rest: Rest) -> list[KeywordHit]:
        """The works that hold all conditions and have a third of the other words."""
        firm = [clause for clause in required if clause.is_condition]
        free = [clause for clause in required if not clause.is_condition]
        if not free:
            return []
        queries = [self._compiler.match(clause, None, spellings) for clause in free]
        some = Query.boolean_query([(Occur.Should, query) for query in queries], ceil(len(free) / 3))
        found = self._run(self._compiler.all_of(firm, spellings, [(Occur.Must, some), *rest]))
        return [KeywordHit(row, score, "some") for row, score in found]

    def _replace(self, query: str, word: str, other: str) -> str:
        """The query with another word wherever it says this one, in any case and with any diacritics."""
        return re.sub(
            r"[^\W_]+",
            lambda found: other if self._reader.plain.analyze(found[0]) == [word] else found[0],
            query,
        )

    def _rows(self, query: Query) -> set[int]:
        found = self._searcher.search(query, max(len(self), 1)).hits
        return set(self._searcher.fast_field_values("row", [address for _, address in found]))

    def _run(self, query: Query) -> list[tuple[int, float]]:
        """Pairs (row, score), best first."""
        found = self._searcher.search(query, max(len(self), 1)).hits
        rows = self._searcher.fast_field_values("row", [address for _, address in found])
        pairs = [(int(row), float(score)) for row, (score, _) in zip(rows, found, strict=True)]
        return sorted(pairs, key=lambda pair: (-pair[1], pair[0]))


def _register(index: tantivy.Index, reader: QueryReader) -> None:
    index.register_tokenizer("english", reader.stemmed)
    index.register_tokenizer("plain", reader.plain)


def _texts(work: Work) -> dict[str, str | list[str]]:
    """What is indexed of a work, by field; a phrase does not run over two items of a list."""
    return {
        "title": work.title,
        "authors": list(work.authors),
        "subjects": list(work.subjects),
        "description": work.description,
        "summary": work.summary,
    }
