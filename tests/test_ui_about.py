"""The About tab and the page as a whole, without a browser."""

import socket
import subprocess
import sys

import pytest

from leximind.errors import InputError
from leximind.service import Service
from leximind.settings import Settings
from leximind.ui.about import Measurement, draw_about, list_measurements, write_span
from leximind.ui.app import build, read_search, serve


def test_about_counts_the_library_and_shows_what_was_measured(service: Service) -> None:
    page = draw_about(service.insights())
    assert "<strong>31</strong>" in page
    assert 'href="?topic=Science"' in page
    assert "1800–1899" in page
    assert "macro f1" in page
    assert "0.450" in page
    assert "shuffled" in page
    assert "CC0-1.0" in page


def test_measurements_stand_beside_their_baselines() -> None:
    leaf = {"model": 0.8, "low": 0.75, "high": 0.85, "always_first": 0.2, "shuffled": 0.1}
    rows = list_measurements({"Topic, books": {"macro_f1": leaf}, "n": 3, "name": "x"})
    assert rows == [
        Measurement("model", "n", "3"),
        Measurement(
            "Topic, books", "macro f1", "0.800", "0.750 to 0.850", "always first 0.200, shuffled 0.100"
        ),
    ]


def test_years_before_our_era_read_backwards() -> None:
    assert write_span(-700, -601) == "700–601 BC"
    assert write_span(1800, 1899) == "1800–1899"


def test_the_first_cards_are_in_the_page_itself(service: Service) -> None:
    config = build(service).get_config_file()
    stages = [part for part in config["components"] if part["props"].get("elem_id") == "lm-stage"]
    assert "Moby-Dick" in stages[0]["props"]["value"]


def test_events_of_the_page_are_not_offered_as_endpoints(service: Service) -> None:
    names = build(service).get_api_info()["named_endpoints"]
    assert set(names) == {"/search", "/get", "/similar", "/analyze"}


def test_a_port_in_use_is_said_with_what_to_do(service: Service) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(InputError, match=f"port {port}"):
            serve(build(service), Settings(port=port))


def test_an_address_is_read_with_repeats_and_blanks() -> None:
    assert read_search("?q=a+b&q=c&topic=&x") == {"q": "c"}
    assert read_search("") == {}


def test_the_page_needs_no_torch() -> None:
    code = "import leximind.ui.app, sys; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
