"""From clauses to queries of the index: fields and their weights, years, unfinished and misspelt words."""

from collections import Counter
from collections.abc import Mapping, Sequence
from functools import cached_property
from types import MappingProxyType
from typing import Final

import tantivy
from tantivy import FieldType, Occur, Query

from leximind.library.filters import LENGTHS, Filters
from leximind.library.query import Clause, QueryReader
from leximind.library.spelling import Vocabulary

BOOSTS: Final = {"title": 4.0, "authors": 3.0, "subjects": 1.5, "description": 1.0, "summary": 1.0}
NAMING: Final = ("title", "authors")
TITLE_BOOST: Final = 8.0
YEAR_BOOST: Final = 3.0
TIE_BREAKER: Final = 0.3
TYPO_BOOST: Final = 0.6
"""What a word is worth that differs in one place from what was typed; its square for two places."""

N_COMPLETIONS: Final = 24
N_CONSIDERED: Final = 256
"""So many of the most frequent terms of each field are considered as completions."""

N_WORDS: Final = 200_000
"""So many of the most frequent words are known to the spelling; the others stand in a work or two each."""

NUMBERS: Final = ("year", "n_words")
LABELS: Final = ("kind", "topic", "tone")
"""The fields of filters."""

WORDS: Final = "words"
"""The field with the words of a work as they are written, not stemmed, for spelling only."""

KEY: Final = "key"
"""The field with whole titles."""

Spellings = Mapping[Clause, Sequence[tuple[str, int]]]
"""Words that may be meant by a clause, with the number of differences."""


class Compiler:
    """Writes queries for one index."""

    def __init__(self, index: tantivy.Index, reader: QueryReader) -> None:
        self._schema, self._searcher, self._reader = index.schema, index.searcher(), reader

    def all_of(
        self,
        clauses: Sequence[Clause],
        spellings: Spellings,
        rest: Sequence[tuple[Occur, Query]],
        fields: Sequence[str] | None = None,
    ) -> Query:
        """Works that have every clause, all works when there is none; ``rest`` as given."""
        must = [(Occur.Must, self.match(clause, fields, spellings)) for clause in clauses]
        return Query.boolean_query([*(must or [(Occur.Must, Query.all_query())]), *rest])

    def exclude(self, clauses: Sequence[Clause]) -> list[tuple[Occur, Query]]:
        """What no work may have."""
        return [(Occur.MustNot, self.match(clause)) for clause in clauses if clause.is_negative]

    def hold(self, filters: Filters) -> list[tuple[Occur, Query]]:
        """What a work that passes must have and must not have; no part of its score."""
        clauses = []
        if filters.kind:
            clauses.append(self._labelled("kind", filters.kind))
        if filters.topics:
            clauses.append(Query.term_set_query(self._schema, "topic", list(filters.topics)))
        clauses += [self._labelled("tone", emotion) for emotion in filters.emotions]
        if filters.year_from is not None or filters.year_to is not None:
            clauses.append(self._range("year", filters.year_from, filters.year_to))
        if filters.length:
            least, limit = LENGTHS[filters.length]
            clauses.append(self._range("n_words", least, None if limit is None else limit - 1))
        excluded = [self._labelled("tone", emotion) for emotion in filters.exclude_emotions]
        must = [(Occur.Must, Query.const_score_query(clause, 0.0)) for clause in clauses]
        return [*must, *((Occur.MustNot, clause) for clause in excluded)]

    def _labelled(self, field: str, label: str) -> Query:
        return Query.term_query(self._schema, field, label, "basic")

    def match(
        self,
        clause: Clause,
        fields: Sequence[str] | None = None,
        spellings: Spellings = MappingProxyType({}),
    ) -> Query:
        """One clause in any of its fields; the best field counts, the others a little.

        Args:
            fields: where to look instead, if the clause itself names no field.
            spellings: of a clause that is in it, these words may be meant instead, or it may be unfinished.
        """
        if clause.years is not None:
            return Query.const_score_query(self._range("year", *clause.years), 0.0)
        word = clause.terms[0]
        terms = {word: 1.0}
        if clause in spellings or not self.is_known(clause):
            terms |= dict.fromkeys(self.complete(clause), 1.0)
        for other, distance in spellings.get(clause, ()):
            (term,) = self._reader.stemmed.analyze(other)
            terms.setdefault(term, TYPO_BOOST**distance)
        alternatives = []
        for field in clause.fields if clause.field or fields is None else fields:
            if len(clause.terms) > 1:
                queries = [(Query.phrase_query(self._schema, field, list(clause.terms)), 1.0)]
            else:
                queries = [(Query.term_query(self._schema, field, t), weight) for t, weight in terms.items()]
            alternatives += [Query.boost_query(query, BOOSTS[field] * weight) for query, weight in queries]
        if clause.year is not None:
            year = self._range("year", clause.year, clause.year)
            alternatives.append(Query.const_score_query(year, YEAR_BOOST))
        return Query.disjunction_max_query(alternatives, TIE_BREAKER)

    def _range(self, field: str, first: int | None, last: int | None) -> Query:
        return Query.range_query(self._schema, field, FieldType.Integer, first, last)

    def favour_title(self, wanted: Sequence[Clause]) -> list[tuple[Occur, Query]]:
        """A title that says the query word for word comes first."""
        terms = [term for clause in wanted for term in clause.terms if clause.field in ("", "title")]
        if len(terms) < 2:
            return []
        phrase = Query.phrase_query(self._schema, "title", terms, slop=1)
        return [(Occur.Should, Query.boost_query(phrase, TITLE_BOOST))]

    def is_known(self, clause: Clause) -> bool:
        """Whether any work has its first word where it is looked for."""
        return any(self._searcher.doc_freq(field, clause.terms[0]) for field in clause.fields)

    def complete(self, clause: Clause) -> list[str]:
        """The terms that begin like a word still being typed: the most frequent of titles and authors, which
        are what is typed letter by letter, and the most frequent of all fields."""
        if not clause.is_unfinished or len(clause.word) < 2:
            return []
        names: Counter[str] = Counter()
        found: Counter[str] = Counter()
        for field in clause.fields:
            counts = dict(self._searcher.terms_with_prefix(field, clause.word, limit=N_CONSIDERED))
            found.update(counts)
            if field in NAMING:
                names.update(counts)
        common = (*names.most_common(N_COMPLETIONS), *found.most_common(N_COMPLETIONS))
        return list(dict.fromkeys(term for term, _ in common))

    def spell(self, clauses: Sequence[Clause], is_any: bool) -> dict[Clause, list[tuple[str, int]]]:
        """Words that may be meant by those that no work has; when any word is asked for, also by known ones:
        those one difference away, and none at all for an unfinished word, which is then completed."""
        spellings = {}
        for clause in clauses:
            completions = self.complete(clause)
            is_known = not clause.word or bool(completions) or self.is_known(clause)
            shortest = 5 if is_known else 4 if len(clauses) == 1 else 3
            if is_known and not is_any:
                continue
            found = self.vocabulary.correct(clause.word, 1 if is_known else 3)
            if len(clause.word) >= shortest and found:
                spellings[clause] = found
            elif completions:
                spellings[clause] = []
        return spellings

    @cached_property
    def vocabulary(self) -> Vocabulary:
        """The words that a misspelt one may be."""
        return Vocabulary(dict(self._searcher.terms_with_prefix(WORDS, "", limit=N_WORDS)))
