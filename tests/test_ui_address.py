"""The address is the whole state of the page."""

from urllib.parse import parse_qsl

import pytest

from leximind.library.filters import Filters
from leximind.ui.address import View, read_view

FULL = View(
    query="white whale",
    filters=Filters("book", ("History",), ("remorse", "fear"), ("joy",), -500, 1900),
    sort="oldest",
    page=3,
    work="a & b=c",
)


def params_of(link: str) -> dict[str, str]:
    return dict(parse_qsl(link.removeprefix("?")))


@pytest.mark.parametrize("view", [View(), FULL, View(query="${x} {{7*7}} <b>")])
def test_a_view_survives_its_address(view: View) -> None:
    again, notes = read_view(params_of("?" + view.link(page=view.page, work=view.work)[1:]))
    assert again == view
    assert notes == ()


def test_the_empty_view_has_an_empty_address() -> None:
    assert View().link() == "?"


def test_a_changed_filter_goes_back_to_the_first_page_of_the_list() -> None:
    params = params_of(FULL.filtered(topics=("Arts",)))
    assert params["topic"] == "Arts"
    assert "p" not in params
    assert "work" not in params
    assert params["q"] == "white whale"


def test_opening_a_work_keeps_the_list_behind_it() -> None:
    params = params_of(View(query="sea", page=2).link(work="moby-dick"))
    assert params == {"q": "sea", "p": "2", "work": "moby-dick"}


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        ({"topic": "Cooking"}, View()),
        ({"feel": "remorse,boredom"}, View()),
        ({"from": "abc"}, View()),
        ({"from": "1900", "to": "1800"}, View(filters=Filters(year_from=1900))),
        ({"sort": "random"}, View()),
        ({"p": "0"}, View()),
        ({"p": "-1"}, View()),
        ({"p": "1" * 5000}, View()),
        ({"p": "²"}, View()),
        ({"tab": "admin"}, View()),
        ({"colour": "red"}, View()),
    ],
)
def test_what_is_not_known_is_ignored_with_one_note(params: dict[str, str], expected: View) -> None:
    view, notes = read_view(params)
    assert view == expected
    assert len(notes) == 1


def test_a_bad_filter_does_not_cost_the_good_ones() -> None:
    view, notes = read_view({"topic": "History", "feel": "boredom", "kind": "book"})
    assert view.filters == Filters(kind="book", topics=("History",))
    assert len(notes) == 1


def test_parameters_of_others_are_left_alone_silently() -> None:
    view, notes = read_view({"__theme": "dark", "utm_source": "x", "view": "api"})
    assert (view, notes) == (View(), ())


def test_a_very_long_query_is_cut() -> None:
    view, _ = read_view({"q": "sea " * 1000})
    assert len(view.query) <= 300
