"""The passage of a text that has the words of a query."""

import html
import re
from collections.abc import Callable, Iterable
from typing import Final

import tantivy
from tantivy import Occur, Query

SNIPPET_CHARS: Final = 220


def snippet_maker(
    searcher: tantivy.Searcher, schema: tantivy.Schema, field: str, terms: Iterable[str]
) -> Callable[[str], str]:
    """A function from the text of a field to its passage with most of the stemmed terms: HTML, ``<mark>``
    only; or ""."""
    wanted = [(Occur.Should, Query.term_query(schema, field, term)) for term in sorted(terms)]
    generator = tantivy.SnippetGenerator.create(searcher, Query.boolean_query(wanted), schema, field)
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


def _trim(rest: str, ellipsis: str) -> str:
    """Marks that stand outside a passage are kept, words are not."""
    return ellipsis if re.search(r"\w", rest) else html.escape(rest.strip())
