"""What readers type, and what they should find."""

import re
from dataclasses import replace
from pathlib import Path

import pytest

from leximind.errors import DataError
from leximind.library.filters import Filters
from leximind.library.keyword import KeywordIndex
from leximind.library.query import QueryReader
from leximind.library.store import Library


def find(library: Library, query: str) -> list[str]:
    return [library.works[hit.row].id for hit in library.keyword.search(query)]


@pytest.mark.parametrize(
    ("query", "first"),
    [
        ("moby dick", "moby-dick"),
        ("Moby-Dick", "moby-dick"),
        ("MOBY DICK; OR, THE WHALE", "moby-dick"),
        ("mobby dick", "moby-dick"),  # one letter too many
        ("moby dik", "moby-dick"),  # one too few
        ("frankenstien", "frankenstein"),  # two swapped
        ("obsesive hunt whale", "moby-dick"),
        ("obsessive hunt for a whale", "moby-dick"),
        ("the time machine", "time-machine"),
        ("franken", "frankenstein"),  # not finished yet
        ("jane ey", "jane-eyre"),
        ("evolving species", "origin"),  # stems
        ("Dostoyevsky", "crime"),
        ("books about guilt", "crime"),
        (r"${\cal N}=4$ Super Yang-Mills", "yang-mills"),
        ("<img src=x onerror=alert(1)>", "markup"),
        ("crime & punishment", "crime"),
        ("attention is all you need", "attention"),
    ],
)
def test_the_right_work_comes_first(library: Library, query: str, first: str) -> None:
    assert find(library, query)[:1] == [first]


@pytest.mark.parametrize("query", ["brontë", "bronte", "BRONTË", "author:bronte", "author: Brontë"])
def test_diacritics_and_case_do_not_matter(library: Library, query: str) -> None:
    assert set(find(library, query)) == {"jane-eyre", "wuthering"}


def test_a_phrase_is_only_found_as_such(library: Library) -> None:
    assert find(library, '"white whale"') == ["moby-dick"]
    assert find(library, '"whale white"') == []
    assert find(library, '"life of frederick douglass"') == ["slave"]


def test_a_field_is_the_only_place_looked_in(library: Library) -> None:
    assert set(find(library, "author:austen")) == {"emma", "pride"}
    assert find(library, "author:austen title:emma") == ["emma"]
    assert find(library, "title:austen") == []
    assert find(library, 'subject:"natural history"') == ["beagle"]
    assert find(library, "nofield:emma") == ["emma"]  # not a field, so two words, one of them unknown


def test_a_minus_excludes(library: Library) -> None:
    assert find(library, "author:austen -emma") == ["pride"]
    assert set(find(library, "whale -author:melville")) == {"markup", "whale-song"}
    assert len(find(library, "-whale")) == len(library) - 3
    assert find(library, "moby-dick") == ["moby-dick"]  # a hyphen inside a word is no minus


def test_all_words_must_occur_unless_that_finds_nothing(library: Library) -> None:
    assert find(library, "whale voyage") == ["moby-dick"]
    assert set(find(library, "whale governess")) == {"moby-dick", "markup", "whale-song", "jane-eyre"}


def test_a_known_word_is_not_taken_as_misspelt(library: Library) -> None:
    assert set(find(library, "art")) == {"art-war", "getting", "picture"}  # and no artist, no articles
    assert find(library, "2018") == []  # numbers are never misspelt


@pytest.mark.parametrize(
    "query",
    ["", "   ", "!!!", '"', '""', "-", "- -", ":", "author:", 'title:"', "((", "a AND OR (", "[1 TO", "~",
     "*", "^2", "\\", "{{7*7}}", "x" * 5000, "a " * 2000, "日本語", "🙂", "'; DROP TABLE works; --", "\x00",
     "zzzzqq"],
)  # fmt: skip
def test_every_string_is_a_query(library: Library, query: str) -> None:
    assert len(find(library, query)) <= len(library)
    library.keyword.snippets(query, library.works[:3])


def test_the_mask_and_the_limit_hold(library: Library) -> None:
    papers = Filters(kind="paper").mask(library)
    hits = library.keyword.search("whale", mask=papers)
    assert [library.works[hit.row].id for hit in hits] == ["whale-song"]
    # A filter that leaves nothing does not make the search more lenient.
    assert library.keyword.search("moby dick", mask=papers) == []
    assert len(library.keyword.search("whale", 2)) == 2
    scores = [hit.score for hit in library.keyword.search("whale")]
    assert scores == sorted(scores, reverse=True)


def test_snippets_mark_the_words_and_escape_the_rest(library: Library) -> None:
    works = [library.works[library.row(name)] for name in ("moby-dick", "markup", "emma")]
    whale, markup, emma = library.keyword.snippets("hunting whale", works)
    assert whale.startswith("Captain Ahab <mark>hunts</mark> the white <mark>whale</mark> that")
    assert whale.endswith("voyage.")
    assert emma == ""
    assert "&lt;script&gt;" in markup
    assert re.findall(r"<[^>]*>", markup) == ["<mark>", "</mark>"]


def test_a_long_text_is_cut_with_an_ellipsis(library: Library) -> None:
    index = KeywordIndex.build(library.works)
    work = replace(library.works[0], description="Nothing here. " * 60 + "The whale. " + "More of it. " * 60)
    (snippet,) = index.snippets("whale", [work])
    assert snippet.startswith("… ")
    assert snippet.endswith(" …")
    assert "<mark>whale</mark>" in snippet
    assert len(snippet) < 300


def test_an_index_is_written_and_opened(library: Library, tmp_path: Path) -> None:
    KeywordIndex.build(library.works, tmp_path / "keyword")
    index = KeywordIndex.open(tmp_path / "keyword")
    assert len(index) == len(library)
    assert [hit.row for hit in index.search("mobby dick")] == [library.row("moby-dick")]
    with pytest.raises(DataError, match="cannot be read"):
        KeywordIndex.open(tmp_path / "nowhere")


def test_queries_are_taken_apart() -> None:
    clauses = QueryReader().read('author:"jane austen" -emma the sea-storm whal')
    assert [(clause.terms, clause.field, clause.is_negative, clause.prefix) for clause in clauses] == [
        (("jane", "austen"), "authors", False, ""),
        (("emma",), "", True, ""),
        (("the",), "", False, ""),
        (("sea",), "", False, ""),
        (("storm",), "", False, ""),
        (("whal",), "", False, "whal"),
    ]
