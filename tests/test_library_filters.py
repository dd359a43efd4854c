"""One object: mask, address, English."""

from typing import Any

import numpy as np
import pytest

from leximind.errors import InputError
from leximind.library.filters import Filters, fits_length, write_list, write_year
from leximind.library.store import Library


def names(filters: Filters, library: Library) -> set[str]:
    keep = filters.mask(library)
    return {work.id for work, is_kept in zip(library.works, keep, strict=True) if is_kept}


@pytest.mark.parametrize(
    ("filters", "sentence"),
    [
        (Filters(), "all works"),
        (Filters(kind="book"), "books"),
        (Filters(topics=("History",)), "works about History"),
        (Filters(kind="paper", topics=("Science", "Arts")), "papers about Arts or Science"),
        (
            Filters("book", ("History",), ("remorse",), (), 1850, 1900),
            "books about History that feel remorse, 1850-1900",
        ),
        (Filters(emotions=("joy", "fear", "love")), "works that feel fear, joy and love"),
        (Filters(emotions=("joy",), exclude_emotions=("fear",)), "works that feel joy but not fear"),
        (Filters(exclude_emotions=("fear", "anger")), "works that do not feel anger or fear"),
        (Filters(year_from=1850), "works, from 1850 on"),
        (Filters(year_to=-350), "works, up to 350 BC"),
        (Filters(year_from=-500, year_to=-500), "works, 500 BC"),
        (Filters(length="short"), "short works"),
        (Filters("book", ("History",), length="long"), "long books about History"),
    ],
)
def test_sentence(filters: Filters, sentence: str) -> None:
    assert filters.sentence() == sentence


def test_mask_holds_all_conditions(library: Library) -> None:
    assert Filters().mask(library).all()
    assert names(Filters(kind="paper", topics=("Business",)), library) == {"prospect"}
    assert names(Filters(emotions=("love", "remorse")), library) == {"jane-eyre"}
    assert names(Filters(emotions=("remorse",), exclude_emotions=("love",)), library) == {
        "frankenstein",
        "crime",
    }
    assert names(Filters(topics=("Philosophy", "History"), year_to=200), library) == {
        "republic",
        "meditations",
        "art-war",
    }
    assert names(Filters(year_from=1950, year_to=1953), library) == {"turing", "dna"}


def test_a_work_without_a_year_is_outside_any_limit(library: Library) -> None:
    assert "undated" in names(Filters(topics=("Arts",)), library)
    assert "undated" not in names(Filters(topics=("Arts",), year_from=-3000), library)
    assert "undated" not in names(Filters(topics=("Arts",), year_to=2100), library)


@pytest.mark.parametrize(
    ("length", "passing"), [("short", [1, 39_999]), ("medium", [40_000, 79_999]), ("long", [80_000, 900_000])]
)
def test_lengths_part_the_works_and_unknown_ones_have_none(length: str, passing: list[int]) -> None:
    n_words = np.array([0, 1, 39_999, 40_000, 79_999, 80_000, 900_000], np.int32)
    assert n_words[fits_length(n_words, length)].tolist() == passing


def test_a_work_of_unknown_length_is_outside_any(library: Library) -> None:
    books = {work.id for work in library.works if work.kind == "book"}  # 90,000 words each
    assert names(Filters(length="long"), library) == books
    assert names(Filters(length="short"), library) == names(Filters(length="medium"), library) == set()


def test_params_go_there_and_back() -> None:
    filters = Filters("book", ("History", "Arts"), ("joy", "fear"), ("anger",), -500, 1900, "Short")
    params = filters.to_params()
    assert params == {
        "kind": "book",
        "topic": "Arts,History",
        "feel": "fear,joy",
        "not": "anger",
        "from": "-500",
        "to": "1900",
        "length": "short",
    }
    assert Filters.from_params(params) == filters
    assert Filters().to_params() == {}
    assert Filters(year_from=0).to_params() == {"from": "0"}
    assert Filters.from_params({"q": "whale", "page": "2"}).is_empty


def test_labels_are_put_in_one_form() -> None:
    assert Filters(topics=("history", " ARTS ", "History")) == Filters(topics=("Arts", "History"))
    assert Filters.from_params({"feel": "Joy, fear,,"}).emotions == ("fear", "joy")
    assert not Filters(year_from=0).is_empty


@pytest.mark.parametrize(
    "params",
    [
        {"kind": "film"},
        {"topic": "Cooking"},
        {"feel": "boredom"},
        {"not": "<script>"},
        {"from": "long ago"},
        {"from": "1900", "to": "1850"},
        {"to": "99999"},
        {"length": "endless"},
    ],
)
def test_unknown_values_are_told(params: dict[str, str]) -> None:
    with pytest.raises(InputError):
        Filters.from_params(params)


def test_drop_leaves_the_other_groups() -> None:
    filters = Filters("book", ("Arts",), ("joy",), (), 1800, 1900, "long")
    assert filters.drop("kind") == Filters("", ("Arts",), ("joy",), (), 1800, 1900, "long")
    assert filters.drop("topic") == Filters("book", (), ("joy",), (), 1800, 1900, "long")
    assert filters.drop("year") == Filters("book", ("Arts",), ("joy",), length="long")
    assert filters.drop("length") == Filters("book", ("Arts",), ("joy",), (), 1800, 1900)


@pytest.mark.parametrize(("year", "text"), [(1851, "1851"), (0, "0"), (-350, "350 BC")])
def test_years_for_readers(year: int, text: str) -> None:
    assert write_year(year) == text


@pytest.mark.parametrize(
    ("words", "text"), [(["a"], "a"), (["a", "b"], "a and b"), (["a", "b", "c"], "a, b and c")]
)
def test_lists_for_readers(words: list[Any], text: str) -> None:
    assert write_list(words, "and") == text
