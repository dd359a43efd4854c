"""Search by words: a tantivy index with English stemming, phrases, fields, prefixes and forgiven typos."""

import html
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from math import ceil
from pathlib import Path
from typing import Final

import numpy as np
import tantivy
from numpy.typing import NDArray
from tantivy import Occur, Query

from leximind.errors import DataError
from leximind.library.query import Clause, QueryReader
from leximind.library.work import Work

FORMAT: Final = 1  # raise it when fields or analysis change, so that indexes on disk are built again

BOOSTS: Final = {"title": 4.0, "authors": 3.0, "subjects": 1.5, "description": 1.0, "summary": 1.0}
TITLE_BOOST: Final = 8.0
TIE_BREAKER: Final = 0.3
N_COMPLETIONS: Final = 24
SNIPPET_CHARS: Final = 220


@dataclass(frozen=True)
class KeywordHit:
    """A row of the library that matches, with its BM25 score."""

    row: int
    score: float


class KeywordIndex:
    """Built from works in their order; a hit's row is the position of its work."""

    def __init__(self, index: tantivy.Index) -> None:
        self._index = index
        self._schema = index.schema
        self._reader = QueryReader()
        index.register_tokenizer("english", self._reader.stemmed)
        index.reload()
        self._searcher = index.searcher()

    def __len__(self) -> int:
        return int(self._searcher.num_docs)

    @classmethod
    def build(cls, works: Iterable[Work], folder: Path | None = None) -> "KeywordIndex":
        """Index the works into an empty or missing folder, or in memory when none is given."""
        builder = tantivy.SchemaBuilder().add_integer_field("row", fast=True)
        for field in BOOSTS:
            builder = builder.add_text_field(field, tokenizer_name="english")
        if folder is not None:
            folder.mkdir(parents=True, exist_ok=True)
        index = tantivy.Index(builder.build(), None if folder is None else str(folder), reuse=False)
        index.register_tokenizer("english", QueryReader().stemmed)
        writer = index.writer(heap_size=64_000_000, num_threads=1)
        for row, work in enumerate(works):
            writer.add_document(tantivy.Document(row=row, **_texts(work)))
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
        description, summary), ``-word`` excludes. All words must occur; only where that finds nothing,
        words that the shelf does not know are taken as misspelt, and then half of the words are enough.

        Args:
            limit: at most so many; None for all.
            mask: (N,) bool; only rows where it is true are returned.
        """
        for reading in self._interpret(self._reader.read(query)):
            # A filter must not make the reading more lenient: it is chosen before the mask.
            if hits := self._run(reading):
                return [hit for hit in hits if mask is None or mask[hit.row]][:limit]
        return []

    def snippets(self, query: str, works: Sequence[Work]) -> list[str]:
        """For each work the matching passage of description or summary: HTML, ``<mark>`` only; or ""."""
        clauses = [clause for clause in self._reader.read(query) if not clause.is_negative]
        terms: set[str] = set()
        for clause in self._reader.require(clauses):
            terms.update(clause.terms if self._is_known(clause) else self._complete(clause))
        describe, summarize = (self._snippet_maker(field, terms) for field in ("description", "summary"))
        return [describe(work.description) or summarize(work.summary) for work in works]

    def _snippet_maker(self, field: str, terms: Iterable[str]) -> Callable[[str], str]:
        wanted = [(Occur.Should, Query.term_query(self._schema, field, term)) for term in sorted(terms)]
        any_of = Query.boolean_query(wanted)
        generator = tantivy.SnippetGenerator.create(self._searcher, any_of, self._schema, field)
        generator.set_max_num_chars(SNIPPET_CHARS)

        def make(text: str) -> str:
            snippet = generator.snippet_from_doc(tantivy.Document(**{field: text}))
            if not snippet.highlighted():
                return ""
            # to_html escapes everything but its own <b>.
            marked: str = snippet.to_html().replace("<b>", "<mark>").replace("</b>", "</mark>").strip()
            before, _, after = text.partition(snippet.fragment())
            return _trim(before, "… ") + marked + _trim(after, " …")

        return make

    def _interpret(self, clauses: list[Clause]) -> Iterator[Query]:
        """Readings of the query from strict to lenient."""
        wanted = [clause for clause in clauses if not clause.is_negative]
        required = self._reader.require(wanted)
        if not clauses:
            return
        rest = [(Occur.MustNot, self._match(clause)) for clause in clauses if clause.is_negative]
        if not required:
            yield Query.boolean_query([(Occur.Must, Query.all_query()), *rest])
            return
        rest += self._favour_title(wanted)
        yield Query.boolean_query([(Occur.Must, self._match(clause)) for clause in required] + rest)
        # Alone, a word of three letters is close to too many others.
        shortest = 3 if len(required) > 1 else 4
        loose = [self._match(clause, shortest) for clause in required]
        yield Query.boolean_query([(Occur.Must, query) for query in loose] + rest)
        half = Query.boolean_query([(Occur.Should, query) for query in loose], ceil(len(loose) / 2))
        yield Query.boolean_query([(Occur.Must, half), *rest])

    def _match(self, clause: Clause, shortest: int = 0) -> Query:
        """One clause in any of its fields; the best field counts, the others a little.

        Args:
            shortest: when given, unknown words of so many letters or more are taken as misspelt.
        """
        word, is_known = clause.terms[0], self._is_known(clause)
        completions = self._complete(clause) if shortest or not is_known else []
        is_misspelt = not is_known and len(clause.terms) == 1 and word.isalpha() and len(word) >= shortest > 0
        alternatives = []
        for field in clause.fields:
            if len(clause.terms) > 1:
                queries = [Query.phrase_query(self._schema, field, list(clause.terms))]
            else:
                queries = [Query.term_query(self._schema, field, term) for term in [word, *completions]]
            if is_misspelt:
                queries.append(Query.fuzzy_term_query(self._schema, field, word, 1 if len(word) < 8 else 2))
            alternatives += [Query.boost_query(query, BOOSTS[field]) for query in queries]
        return Query.disjunction_max_query(alternatives, TIE_BREAKER)

    def _favour_title(self, wanted: Sequence[Clause]) -> list[tuple[Occur, Query]]:
        """A title that says the query word for word comes first."""
        terms = [term for clause in wanted for term in clause.terms if clause.field in ("", "title")]
        if len(terms) < 2:
            return []
        phrase = Query.phrase_query(self._schema, "title", terms, slop=1)
        return [(Occur.Should, Query.boost_query(phrase, TITLE_BOOST))]

    def _is_known(self, clause: Clause) -> bool:
        return any(self._searcher.doc_freq(field, clause.terms[0]) for field in clause.fields)

    def _complete(self, clause: Clause) -> list[str]:
        """The most frequent terms that begin like a word still being typed."""
        if len(clause.prefix) < 2:
            return []
        found: dict[str, int] = {}
        for field in clause.fields:
            for term, frequency in self._searcher.terms_with_prefix(field, clause.prefix):
                found[term] = found.get(term, 0) + frequency
        return sorted(found, key=lambda term: (-found[term], term))[:N_COMPLETIONS]

    def _run(self, query: Query) -> list[KeywordHit]:
        found = self._searcher.search(query, max(len(self), 1)).hits
        rows = self._searcher.fast_field_values("row", [address for _, address in found])
        hits = [KeywordHit(int(row), float(score)) for row, (score, _) in zip(rows, found, strict=True)]
        return sorted(hits, key=lambda hit: (-hit.score, hit.row))


def _texts(work: Work) -> dict[str, str | list[str]]:
    """What is indexed of a work, by field; a phrase does not run over two items of a list."""
    return {
        "title": work.title,
        "authors": list(work.authors),
        "subjects": list(work.subjects),
        "description": work.description,
        "summary": work.summary,
    }


def _trim(rest: str, ellipsis: str) -> str:
    """Marks that stand outside a passage are kept, words are not."""
    return ellipsis if re.search(r"\w", rest) else html.escape(rest.strip())
