"""What readers type, and what they should find."""

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from rapidfuzz.distance import OSA

from leximind.errors import DataError
from leximind.library.filters import Filters
from leximind.library.keyword import KeywordIndex
from leximind.library.query import Clause, QueryReader, free_text
from leximind.library.spelling import N_CANDIDATES, SHORTEST, Vocabulary
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
    assert find(library, "nofield:emma")[0] == "emma"  # not a field, so two words, one of them unknown


def test_a_minus_excludes(library: Library) -> None:
    assert find(library, "author:austen -emma") == ["pride"]
    assert set(find(library, "whale -author:melville")) == {"markup", "whale-song"}
    assert len(find(library, "-whale")) == len(library) - 3
    assert find(library, "moby-dick") == ["moby-dick"]  # a hyphen inside a word is no minus


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("year:1847", {"jane-eyre", "wuthering"}),
        ("year:1840..1850 author:bronte", {"jane-eyre", "wuthering"}),
        ("year:..-400", {"art-war"}),
        ("year:-500..-300", {"art-war", "republic"}),
        ("year: 2015.. network", {"attention", "residual"}),
        ("year:1815..1850 heart -author:bronte", {"emma"}),
        ("author:bronte -year:1847", set()),
        ("year:1850..1840", set()),
        ("darwin 1839", {"beagle"}),  # a bare number is the year too
        ("2017", {"attention"}),
    ],
)
def test_years_are_held(library: Library, query: str, expected: set[str]) -> None:
    assert set(find(library, query)) == expected


def test_what_is_no_year_is_words(library: Library) -> None:
    assert find(library, "year:whenever whale")[0] in {"moby-dick", "markup", "whale-song"}
    assert QueryReader().read("year:12345")[0].years is None


def test_conditions_are_what_was_asked_for_in_signs(library: Library) -> None:
    def holds(query: str) -> set[str] | None:
        mask = library.keyword.conditions(query)
        return None if mask is None else {library.works[row].id for row in np.flatnonzero(mask)}

    assert holds("love in england 1847") is None
    assert holds("love author:austen") == {"emma", "pride"}
    assert holds("love author:austin") == {"emma", "pride"}  # nobody of that name
    assert holds('love "white whale"') == {"moby-dick"}
    assert holds("author:bronte -moors") == {"jane-eyre"}
    assert holds("year:1776 author:gibbon") == {"decline"}
    assert holds("author:zzzzqqzz") == set()
    assert holds("-whale") == {work.id for work in library.works} - {"moby-dick", "markup", "whale-song"}


def test_hits_say_how_well_they_match(library: Library) -> None:
    def cover(query: str) -> dict[str, str]:
        return {library.works[hit.row].id: hit.coverage for hit in library.keyword.search(query)}

    assert cover("The Time Machine") == {"time-machine": "title"}
    assert cover("moby dick") == {"moby-dick": "title"}  # the whole title goes on
    assert cover("melville moby dick") == {"moby-dick": "name"}
    assert cover("wells 1895") == {"time-machine": "name"}  # Wells is not the word "well"
    assert cover("white whale") == {"moby-dick": "all"}
    assert cover("mobby dick") == {"moby-dick": "name"}
    assert set(cover("whale governess").values()) == {"some"}


def test_a_slip_that_is_a_word_is_only_forgiven_in_names(library: Library) -> None:
    index = KeywordIndex.build([replace(work, summary="health, cliffs") for work in library.works])
    hit = index.search("health of notions")[0]
    assert (library.works[hit.row].id, hit.coverage) == ("wealth", "name")
    assert {hit.coverage for hit in index.search("whale cliffs")} == {"all"}
    # "whale" is one letter away from what could be meant, but no title says so.
    assert {hit.coverage for hit in index.search("whale governess")} == {"some"}


def test_typing_goes_towards_titles(library: Library) -> None:
    assert find(library, "moby d")[:1] == ["moby-dick"]
    assert find(library, "moby di")[:1] == ["moby-dick"]
    assert find(library, '"white wha')[:1] == ["moby-dick"]  # the closing quote is still to come


@pytest.mark.parametrize(
    ("query", "suggestion"),
    [
        ("mobby dick", "moby dick"),
        ("Frankenstien!", "frankenstein!"),
        ("author:dostoyefsky crime", "author:dostoyevsky crime"),
        ("obsesive hunt whale", "obsessive hunt whale"),
        ("moby dick", ""),
        ("moby di", ""),  # not finished, not misspelt
        ("brontë", ""),
        ("zzzzqq", ""),
        ("", ""),
        ("whale governess", ""),
    ],
)
def test_did_you_mean(library: Library, query: str, suggestion: str) -> None:
    assert library.keyword.suggest(query) == suggestion


def test_strange_words_are_counted(library: Library) -> None:
    strangeness = library.keyword.strangeness
    assert strangeness("whale governess") == 0
    assert strangeness("whale qwertz") == 0.5
    assert strangeness("asdfgh qwertz") == 1
    assert strangeness("the wha") == 0  # to be completed
    assert strangeness("1234 -qwertz author:asdfgh") == strangeness("") == 0


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


@pytest.mark.parametrize(
    "filters",
    [
        Filters(kind="paper"),
        Filters(topics=("History", "Fiction")),
        Filters(emotions=("fear", "remorse")),
        Filters(exclude_emotions=("love", "curiosity")),
        Filters(year_from=1850),
        Filters(year_to=-375),
        Filters(kind="book", year_from=1700, year_to=1899, exclude_emotions=("anger",)),
        Filters(length="long"),
        Filters(length="short"),
        Filters(topics=("Fiction",), length="long", emotions=("love",)),
    ],
)
@pytest.mark.parametrize("query", ["a", "whale", "-whale", "art", "whale governess", "austin", "year:1800.."])
def test_the_engine_leaves_out_what_the_mask_does(library: Library, query: str, filters: Filters) -> None:
    everything, mask = library.keyword.search(query), filters.mask(library)
    assert library.keyword.search(query, filters=filters) == [hit for hit in everything if mask[hit.row]]
    assert library.keyword.search(query, 2, filters) == [hit for hit in everything if mask[hit.row]][:2]


def test_a_filter_does_not_make_the_search_more_lenient(library: Library) -> None:
    papers = Filters(kind="paper")
    hits = library.keyword.search("whale", filters=papers)
    assert [library.works[hit.row].id for hit in hits] == ["whale-song"]
    assert library.keyword.search("moby dick", filters=papers) == []
    scores = [hit.score for hit in library.keyword.search("whale")]
    assert scores == sorted(scores, reverse=True)


def test_snippets_mark_what_was_meant(library: Library) -> None:
    (snippet,) = library.keyword.snippets("obsesive hunt", [library.works[library.row("moby-dick")]])
    assert "<mark>obsessive</mark>" in snippet


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
    clauses = QueryReader().read('author:"jane austen" -emma year:1800..  the sea-storm whales')
    assert clauses == [
        Clause(("jane", "austen"), "authors"),
        Clause(("emma",), is_negative=True, word="emma"),
        Clause((), years=(1800, None)),
        Clause(("the",), word="the"),
        Clause(("sea",), word="sea"),
        Clause(("storm",), word="storm"),
        Clause(("whale",), word="whales", is_unfinished=True),
    ]


@pytest.mark.parametrize(
    ("query", "text"),
    [
        ("author:austen love and money -emma", "love and money"),
        ('"white whale" year:1800..1900', "white whale"),
        ("a great war, 1914", "a great war, 1914"),
        ("year:1851", ""),
        ('author:"jane austen"', ""),
        ("!!! - ?", ""),
        ("${N}=4$ theory", "${N}=4$ theory"),
        ("", ""),
    ],
)
def test_what_a_model_is_to_understand(query: str, text: str) -> None:
    assert free_text(query) == text


def test_the_closest_spelling_comes_first() -> None:
    words = Vocabulary(
        {"whale": 3, "whole": 9, "shale": 9, "while": 1, "letter": 2, "metamorphosis": 1, "x2": 5}
    )
    assert words.correct("whae") == [("whale", 1)]
    assert words.correct("whalle") == [("whale", 1)]
    assert words.correct("hwale") == [("whale", 1)]  # swapped
    assert [word for word, _ in words.correct("whale")] == ["whole", "while", "shale"]  # itself is left out
    assert words.correct("metamorfosis") == [("metamorphosis", 2)]
    assert words.correct("metamorfosis", most=1) == []
    assert words.correct("ltr") == words.correct("x3") == words.correct("") == []


def test_a_glance_at_the_letters_loses_no_spelling() -> None:
    rng = np.random.default_rng(0)
    words = {
        "".join(rng.choice(list("abcdeéж"), rng.integers(3, 13))): int(n) for n in rng.integers(1, 9, 400)
    }
    vocabulary = Vocabulary(words)
    for word in list(words)[:40]:
        wrong = "".join(rng.permutation(list(word[:3]))) + word[3:-1]
        allowed = sum(len(wrong) >= shortest for shortest in SHORTEST)
        near = {other: OSA.distance(wrong, other) for other in words}
        distances = sorted(distance for distance in near.values() if 0 < distance <= allowed)
        found = vocabulary.correct(wrong)
        assert [distance for _, distance in found] == distances[:N_CANDIDATES]
        assert all(near[other] == distance for other, distance in found)
