"""The Map tab without a browser: an address in, HTML and packed points out."""

import base64
import json
import re
from html import unescape
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from leximind.labels import TOPICS
from leximind.library.moods import MOODS
from leximind.library.regions import name_regions
from leximind.service import Service
from leximind.ui.address import read_view
from leximind.ui.map import build_map, show_map
from leximind.ui.points import LEVELS, MAX_ROWS, Points, points_of, read_rows
from leximind.ui.stage import NOTHING_ASKED, Asked


def show(service: Service, params: dict[str, str], asked: Asked = NOTHING_ASKED) -> str:
    view, notes = read_view({"tab": "map", **params})
    return show_map(service, view, asked, notes)


def told(page: str) -> dict[str, Any]:
    found = re.search(r'data-map="([^"]*)"', page)
    assert found
    return dict(json.loads(unescape(found[1])))


def decode(text: str, kind: str) -> Any:
    return np.frombuffer(base64.b64decode(text), kind)


def test_everything_is_found_without_a_mask(service: Service) -> None:
    page = show(service, {})
    data = told(page)
    assert (data["found"], data["nFound"], data["works"]) == ("", 31, 31)
    assert data["version"] == service.library.version
    assert "All 31 works, those alike close together" in page
    assert 'data-tab="map"' in page
    assert "lm-chips" not in page


def test_filters_come_as_bits_and_as_counts(service: Service) -> None:
    page = show(service, {"topic": "History", "kind": "book"})
    data = told(page)
    bits = np.unpackbits(decode(data["found"], "u1"), bitorder="little")[:31].astype(bool)
    names = {work.id for work, found in zip(service.library.works, bits, strict=True) if found}
    assert names == {"art-war", "decline", "revolution", "slave"}
    assert data["nFound"] == 4
    assert "4 of 31 books about History" in unescape(page).replace("works: ", "")
    assert 'aria-label="Remove: History"' in page
    # The legend counts what each topic would show, and adds topics to the one in force.
    assert re.search(r'href="\?kind=book&amp;topic=Fiction,History&amp;tab=map"', page)
    assert re.search(r'href="\?kind=book&amp;tab=map" aria-current="true" data-key="3"', page)


def test_a_query_and_a_mood_are_kept_in_every_link(service: Service) -> None:
    page = unescape(show(service, {"q": "whale", "mood": "wonder:2", "paint": "fear"}))
    data = told(show(service, {"q": "whale", "mood": "wonder:2", "paint": "fear"}))
    assert data["paint"] == "fear"
    assert 0 < data["nFound"] < 31
    assert "matching “whale” with much more wonder" in page
    assert 'href="?q=whale&mood=wonder:2"' in page  # as a list, without the colours
    assert "fear than most works" in page
    assert page.count('type="button" aria-pressed="false" data-key') == len(LEVELS)


def test_nothing_found_is_said(service: Service) -> None:
    page = show(service, {"topic": "Philosophy", "kind": "paper"})
    assert told(page)["nFound"] == 0
    assert "0 of 31" in page
    assert "No work on the map is all of that at once" in page


def test_works_on_the_shelf_are_told_by_their_rows(service: Service) -> None:
    asked = Asked(saved=("emma", "gone", "moby-dick"))
    page = show(service, {}, asked)
    assert told(page)["saved"] == [service.library.row("emma"), service.library.row("moby-dick")]
    assert re.search(r'lm-map-saved">', page)
    assert re.search(r'lm-map-saved" hidden>', show(service, {}))


def test_the_map_is_readable_without_drawing(service: Service) -> None:
    page = show(service, {"topic": "Technology"})
    assert '<a href="?work=attention">Attention Is All You Need</a>' in page
    assert "&lt;img src=x onerror=alert(1)&gt;" in page
    assert "<img" not in page
    assert "<b>" not in page


def test_a_problem_is_told_on_the_page(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise ValueError("secret")

    monkeypatch.setattr(service, "locate", fail)
    page = show(service, {"topic": "History"})
    assert "Something went wrong" in page
    assert "secret" not in page


def test_points_are_packed(service: Service) -> None:
    library, data = service.library, points_of(service).payload
    places = decode(data["places"], "<u2").reshape(-1, 2) / 32767.5 - 1
    assert places.shape == (31, 2)
    assert np.abs(places).max() == pytest.approx(1, abs=1e-4)
    x, y = (np.asarray(library.table.column(name)) for name in "xy")
    assert np.corrcoef(places[:, 0], x)[0, 1] > 0.9999
    assert np.corrcoef(places[:, 1], y)[0, 1] > 0.9999
    labels = decode(data["labels"], "u1")
    assert (labels & 15 == library.topics).all()
    assert (labels >> 4 == library.kinds).all()
    assert data["titles"][0] == library.works[0].title
    assert len(json.dumps(data)) < 6000


def test_works_that_stand_for_a_topic_come_first(service: Service) -> None:
    order = points_of(service).order
    assert sorted(order) == list(range(31))
    assert {TOPICS[service.library.topics[row]] for row in order[:7]} == set(TOPICS)


def test_levels_of_a_mood_follow_its_scores(service: Service) -> None:
    for number, mood in enumerate(MOODS):
        levels = points_of(service).levels(mood)
        scores = service.library.feelings.moods[:, number]
        assert levels.max() < len(LEVELS)
        assert ((levels == 4) == (scores >= 1.5)).all()
        assert (levels[scores < -0.5] < 2).all()


@pytest.mark.parametrize("given", [None, {}, "1", 3, [None, "0", -1, 31, 1.0, True, [2], 10**30]])
def test_whatever_is_asked_of_the_server_is_answered(service: Service, given: object) -> None:
    assert read_rows(given, 31) == []
    _, chart = build_map(service, "")
    assert chart.map_works(given) == []
    assert chart.map_levels(given) == ""


def test_works_are_told_when_asked_for(service: Service) -> None:
    _, chart = build_map(service, "")
    row = service.library.row("markup")
    (work,) = chart.map_works([row, "x"])
    assert (work["row"], work["title"]) == (row, "<img src=x onerror=alert(1)>")
    assert work["href"] == "?work=markup"
    assert "&lt;img src=x" in work["card"]
    assert "<img" not in work["card"]
    assert "Robert" in work["spoken"]
    assert chart.map_points()["version"] == service.library.version
    assert len(base64.b64decode(chart.map_levels("joy"))) == 31
    assert len(read_rows([0] * 1000, 31)) == MAX_ROWS


def test_regions_have_the_names_that_are_telling_there() -> None:
    rng = np.random.default_rng(0)
    centres = np.array([[-0.7, -0.5], [0.6, 0.6], [0.7, -0.6]])
    groups = np.repeat([0, 1, 2], 40)
    positions = (centres[groups] + 0.06 * rng.normal(size=(120, 2))).astype(np.float32)
    names = np.array(["Sea stories", "Stars", "Finance"])[groups]
    subjects = pa.chunked_array([[["Books", str(name)] for name in names]])
    regions = name_regions(positions, (groups % 2).astype(np.int8), TOPICS, subjects)
    assert [region.name for region in regions[:2]] == ["Arts", "Business"]
    found = {region.name: region for region in regions if region.topic < 0}
    assert set(found) == {"Sea stories", "Stars", "Finance"}  # "Books" says nothing
    for number, name in enumerate(["Sea stories", "Stars", "Finance"]):
        assert np.hypot(*(centres[number] - (found[name].x, found[name].y))) < 0.1
        assert found[name].level == 0


def test_an_empty_library_and_one_work_have_a_map() -> None:
    empty = pa.chunked_array([pa.array([], pa.list_(pa.string()))])
    assert name_regions(np.zeros((0, 2), np.float32), np.zeros(0, np.int8), TOPICS, empty) == ()
    one = pa.chunked_array([[["Sea"]]])
    assert name_regions(np.zeros((1, 2), np.float32), np.zeros(1, np.int8), TOPICS, one) == ()


def test_titles_of_many_works_are_not_sent_at_once(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("leximind.ui.points.MANY", 30)
    assert Points(service.library).payload["titles"] is None
