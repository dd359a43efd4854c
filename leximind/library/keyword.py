"""Search by words: tantivy with English stemming, phrases, fields, years, prefixes, typos forgiven."""

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Final

import numpy as np
import tantivy
from numpy.typing import NDArray
from tantivy import Occur, Query

from leximind.errors import DataError
from leximind.library.compiling import KEY, LABELS, NUMBERS, WORDS, Compiler
from leximind.library.filters import EVERYTHING, Filters
from leximind.library.hits import COVERAGES, Coverage, KeywordHit, KeywordHits
from leximind.library.query import FIELDS, QueryReader
from leximind.library.snippets import snippet_maker
from leximind.library.tiers import FEW, Finder
from leximind.library.work import Work

__all__ = ["COVERAGES", "FORMAT", "Coverage", "KeywordHit", "KeywordHits", "KeywordIndex"]

FORMAT: Final = 3  # raise it when fields or analysis change, so that indexes on disk are built again


HEAP: Final = 256_000_000
"""Bytes of postings that are gathered before they are written; the fewer parts, the faster a query."""


class KeywordIndex:
    """Built from works in their order; a hit's row is the position of its work."""

    def __init__(self, index: tantivy.Index) -> None:
        self._schema = index.schema
        self._reader = QueryReader()
        _register(index, self._reader)
        index.reload()
        self._searcher = index.searcher()
        self._compiler = Compiler(index, self._reader)
        self._finder = Finder(index, self._reader, self._compiler)
        self.conditions = lru_cache(maxsize=16)(self._hold)

    def __len__(self) -> int:
        return int(self._searcher.num_docs)

    @classmethod
    def build(cls, works: Iterable[Work], folder: Path | None = None) -> "KeywordIndex":
        """Index the works into an empty or missing folder, or in memory when none is given."""
        builder = tantivy.SchemaBuilder().add_integer_field("row", indexed=True, fast=True)
        for name in NUMBERS:
            builder = builder.add_integer_field(name, indexed=True, fast=True)
        for name in LABELS:
            builder = builder.add_text_field(name, tokenizer_name="raw", index_option="basic")
        for name in FIELDS:
            builder = builder.add_text_field(name, tokenizer_name="english")
        builder = builder.add_text_field(WORDS, tokenizer_name="plain", index_option="basic")
        builder = builder.add_text_field(KEY, tokenizer_name="raw", index_option="basic")
        if folder is not None:
            folder.mkdir(parents=True, exist_ok=True)
        index = tantivy.Index(builder.build(), None if folder is None else str(folder), reuse=False)
        reader = QueryReader()
        _register(index, reader)
        writer = index.writer(heap_size=HEAP, num_threads=1)
        for row, work in enumerate(works):
            texts = _texts(work)
            words = [texts["title"], *work.authors, *work.subjects, work.description]
            numbers = {name: value for name in NUMBERS if (value := getattr(work, name)) is not None}
            labels = {"kind": work.kind, "topic": work.topic, "tone": list(work.tone)}
            # "Moby-Dick; or, The Whale" is known as "Moby-Dick".
            keys = [reader.key(title) for title in (work.title, re.split("[:;(]", work.title)[0])]
            more = {WORDS: words, KEY: keys}
            writer.add_document(tantivy.Document(row=row, **numbers, **labels, **texts, **more))
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

    def warm_up(self) -> None:
        """Learn the words that misspelt ones are compared with."""
        self._compiler.vocabulary.correct("")

    def search(self, query: str, limit: int | None = None, filters: Filters = EVERYTHING) -> list[KeywordHit]:
        """The works that match, best first. Every string is a query; one without words finds nothing.

        ``"white whale"`` is a phrase, ``author:austen`` looks in one field (title, author, subject,
        description, summary), ``year:1800..1850`` and ``year:1851`` hold the year, ``-word`` excludes; a bare
        number is a word or the year. All words must occur. Only where few works have them all, words are
        taken as misspelt; and where that finds nothing either, a third of the words is enough.

        Args:
            limit: at most so many; None for all.
            filters: only works that pass.
        """
        return list(self.find(query, limit, filters))

    def find(self, query: str, limit: int | None = None, filters: Filters = EVERYTHING) -> KeywordHits:
        """As ``search``, in columns: for many hits."""
        # A filter must not make the reading more lenient: it is chosen without one.
        reading = self._finder.read(query)
        if filters.is_empty and limit is not None and limit <= len(reading.best):
            return reading.best.take(np.arange(limit))
        parts: list[KeywordHits] = []
        before: list[tuple[Occur, Query]] = list(self._compiler.hold(filters))
        left = limit
        for tier in reading.tiers:
            if left == 0:
                break
            parts.append(self._finder.find(tier, before, left))
            before.append((Occur.MustNot, tier.query))
            left = None if left is None else left - len(parts[-1])
        return KeywordHits.join(parts)

    def _hold(self, query: str) -> NDArray[np.bool_] | None:
        """(N,) bool: where the fields, years, phrases and exclusions of a query hold; None without any."""
        clauses = [clause for clause in self._reader.read(query) if clause.is_condition]
        if not clauses:
            return None
        wanted = [clause for clause in clauses if not clause.is_negative]
        # What is left out is mostly little, and what is left mostly much: only the little is fetched.
        excluded = [self._finder.rows(unwanted) for _, unwanted in self._compiler.exclude(clauses)]
        for spellings in (None, self._compiler.spell):
            mask = np.full(len(self), not wanted)
            if wanted:
                meant = spellings(wanted, False) if spellings else {}
                mask[self._finder.rows(self._compiler.all_of(wanted, meant, []))] = True
            for rows in excluded:
                mask[rows] = False
            if mask.any() or not wanted:
                break
        mask.flags.writeable = False
        return mask

    def suggest(self, query: str) -> str:
        """The query with misspelt words replaced as in its best work, or "" when there is nothing to say."""
        reading = self._finder.read(query)
        hits = self.search(query, 1) if reading.spellings else []
        if not hits:
            return ""
        best = hits[0].row
        # Where only some of many words match, the others are rather strange than misspelt.
        if hits[0].coverage == "some" and len(self._reader.require(self._reader.read(query))) > FEW:
            return ""
        corrected = query
        for clause, spellings in reading.spellings.items():
            queries = ((word, Query.term_query(self._schema, WORDS, word)) for word, _ in spellings)
            meant = [word for word, has_word in queries if self._finder.among(has_word, [best])]
            if meant and not self._finder.among(self._compiler.match(clause), [best]):
                corrected = self._replace(corrected, clause.word, meant[0])
        return "" if corrected == query else corrected

    def has_all(self, query: str) -> bool:
        """Whether any work has all words of a query, misspelt ones as they were probably meant."""
        return len(self._finder.read(query).best) > 0

    def strangeness(self, query: str) -> float:
        """The share, from 0 to 1, of a query's words that no work has; numbers do not count."""
        wanted = [clause for clause in self._reader.read(query) if not clause.is_condition]
        words = [clause for clause in self._reader.require(wanted) if clause.word.isalpha()]
        known = [word for word in words if self._compiler.is_known(word) or self._compiler.complete(word)]
        return 1 - len(known) / len(words) if words else 0.0

    def snippets(self, query: str, works: Sequence[Work]) -> list[str]:
        """For each work the matching passage of description or summary: HTML, ``<mark>`` only; or ""."""
        clauses = [clause for clause in self._reader.read(query) if clause.terms and not clause.is_negative]
        spellings = self._finder.read(query).spellings
        terms: set[str] = set()
        for clause in self._reader.require(clauses):
            terms.update(clause.terms if self._compiler.is_known(clause) else self._compiler.complete(clause))
            terms.update(self._reader.stemmed.analyze(" ".join(w for w, _ in spellings.get(clause, ()))))
        describe, summarize = (
            snippet_maker(self._searcher, self._schema, field, terms) for field in ("description", "summary")
        )
        return [describe(work.description) or summarize(work.summary) for work in works]

    def _replace(self, query: str, word: str, other: str) -> str:
        """The query with another word wherever it says this one, in any case and with any diacritics."""
        return re.sub(
            r"[^\W_]+",
            lambda found: other if self._reader.plain.analyze(found[0]) == [word] else found[0],
            query,
        )


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
