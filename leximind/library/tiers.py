"""How a query is understood: the strictest way to read it that finds something, and what that finds."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from math import ceil
from typing import Final

import numpy as np
import tantivy
from tantivy import Occur, Query

from leximind.library.compiling import KEY, NAMING, Compiler, Spellings
from leximind.library.hits import COVERAGES, NOTHING, Coverage, KeywordHits
from leximind.library.query import Clause, QueryReader

FEW: Final = 3
"""So many works with all words are enough; with fewer, a typo is looked for."""

Rest = Sequence[tuple[Occur, Query]]


@dataclass(frozen=True)
class Tier:
    """A part of an answer, better than the next one.

    Attributes:
        naming: matches those that are named by the query; title: those whose title it is.
        coverage: of the others.
    """

    query: Query
    naming: Query | None = None
    title: Query | None = None
    coverage: Coverage = "all"


@dataclass(frozen=True)
class Reading:
    """What a query is taken to mean.

    Attributes:
        tiers: the parts of the answer, best first.
        best: its first hit, or some more; nothing where some of the words have to do.
        spellings: of the words that were taken as misspelt.
    """

    tiers: tuple[Tier, ...] = ()
    best: KeywordHits = NOTHING
    spellings: Spellings = field(default_factory=dict)


class Finder:
    """Reads queries and runs them on one index."""

    def __init__(self, index: tantivy.Index, reader: QueryReader, compiler: Compiler) -> None:
        self._schema, self._searcher = index.schema, index.searcher()
        self._reader, self._compiler = reader, compiler
        self._size = max(1, self._searcher.num_docs)  # the engine refuses a limit of 0
        # One page asks for hits, snippets and a suggestion in turn, and its neighbours for the same.
        self.read = lru_cache(maxsize=256)(self._read)

    def _read(self, query: str) -> Reading:
        """The strictest reading of the query that finds something."""
        clauses = self._reader.read(query)
        if not clauses:
            return Reading()
        wanted = [clause for clause in clauses if not clause.is_negative]
        rest, required = self._compiler.exclude(clauses), self._reader.require(wanted)
        favoured = [*rest, *self._compiler.favour_title(wanted)]
        key = self._reader.key(query)
        title = Query.term_query(self._schema, KEY, key) if key else None
        strict = replace(self._compile(required, {}, favoured), title=title)
        first = self.find(strict, [], FEW)
        if not required or len(first) == FEW or (first.coverages != COVERAGES.index("all")).any():
            return Reading((strict,), first)
        unknown = self._compiler.spell(required, False)
        found = self._compile(required, unknown, favoured) if unknown and not len(first) else strict
        if found is not strict:
            first = self.find(found, [], 1)
        if not (len(first) and self.has(found, found.naming)) and (unknown or len(required) > 1):
            # Known words may be slips too ("sherlok homes"), but only a title or an author proves it.
            anything = self._compiler.spell(required, True)
            loose = self._compile(required, anything, favoured)
            named = None if loose.naming is None else replace(loose, query=_both(loose.query, loose.naming))
            if named and len(best := self.find(named, [], 1)):
                return Reading((named, found) if len(first) else (named,), best, anything)
        if len(first):
            return Reading((found,), first, unknown)
        some = self._compile_some(required, unknown, rest)
        return Reading((some,) if some else (), spellings=unknown)

    def _compile(self, required: Sequence[Clause], spellings: Spellings, rest: Rest) -> Tier:
        """The works that have all of it, and those among them that are named by it."""
        asks = [clause for clause in required if clause.years is None]
        naming = self._compiler.all_of(asks, spellings, [], NAMING) if asks else None
        return Tier(self._compiler.all_of(required, spellings, rest), naming)

    def _compile_some(self, required: Sequence[Clause], spellings: Spellings, rest: Rest) -> Tier | None:
        """The works that hold all conditions and have a third of the other words."""
        firm = [clause for clause in required if clause.is_condition]
        free = [clause for clause in required if not clause.is_condition]
        if not free:
            return None
        queries = [self._compiler.match(clause, None, spellings) for clause in free]
        some = Query.boolean_query([(Occur.Should, query) for query in queries], ceil(len(free) / 3))
        return Tier(self._compiler.all_of(firm, spellings, [(Occur.Must, some), *rest]), coverage="some")

    def find(self, tier: Tier, rest: Rest, limit: int | None) -> KeywordHits:
        """The best of a tier that hold to the rest, with their coverage."""
        query = Query.boolean_query([(Occur.Must, tier.query), *rest]) if rest else tier.query
        found = self._searcher.search(query, self._size if limit is None else limit, False).hits
        rows = self._searcher.fast_field_values("row", [address for _, address in found])
        scores = np.fromiter((score for score, _ in found), np.float32, len(found))
        coverages = np.full(len(found), COVERAGES.index(tier.coverage), np.int8)
        hits = KeywordHits(np.array(rows, np.intp), scores, coverages)
        for coverage, named in (("name", tier.naming), ("title", tier.title)):
            if so_named := list(self.among(named, None if limit is None else rows)):
                coverages[np.isin(hits.rows, so_named)] = COVERAGES.index(coverage)
        return hits.take(np.lexsort((hits.rows, -hits.scores)))

    def has(self, tier: Tier, also: Query | None) -> bool:
        return also is not None and bool(self._searcher.search(_both(tier.query, also), 1, False).hits)

    def among(self, query: Query | None, rows: Sequence[int] | None) -> set[int]:
        """Which of the rows match, or which of all."""
        if query is None or rows == []:
            return set()
        if rows is not None:
            query = _both(query, Query.term_set_query(self._schema, "row", list(rows)))
        return set(self.rows(query))

    def rows(self, query: Query) -> list[int]:
        """All rows that match, in no order."""
        found = self._searcher.search(query, self._size, False, "row").hits
        return [row for row, _ in found]


def _both(query: Query, other: Query) -> Query:
    return Query.boolean_query([(Occur.Must, query), (Occur.Must, Query.const_score_query(other, 0.0))])
