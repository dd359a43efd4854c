"""The About tab and the page as a whole, without a browser."""

import socket
import subprocess
import sys
from pathlib import Path

import pytest

from leximind.errors import InputError
from leximind.library.insights import read_figures
from leximind.library.store import Library
from leximind.service import Service
from leximind.settings import Settings
from leximind.ui.about import Measurement, draw_about, list_figures, list_measurements, write_span
from leximind.ui.app import build, read_search, serve
from leximind.ui.figures import read_figure


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


SVG = (
    '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" '
    'viewBox="0 0 300 200" width="300pt" role="img" aria-label="Two &amp; more.">'
    "<title>Bars &lt;b&gt;</title>{}</svg>"
)


def test_about_shows_the_figures_of_the_report(library: Library) -> None:
    body = '<g id="a"><path d="M 0 0" style="fill: var(--lm-ink, #1a1c20)"/></g><text x="1">{{ 1 }}</text>'
    metrics = {"emotion": {"macro_f1": 0.45}}
    service = Service(library, metrics=metrics, figures={"bars": SVG.format(body), "broken": "<svg"})
    page = draw_about(service.insights())
    assert page.count("<figure") == 1
    assert "<h4>Bars &lt;b&gt;</h4>" in page
    assert "Two &amp; more." in page
    assert 'aria-label="Bars &lt;b&gt;. Two &amp; more."' in page
    assert '<path d="M 0 0" style="fill: var(--lm-ink, #1a1c20)" />' in page
    assert "<figure" not in draw_about(Service(library, metrics=metrics).insights())


def test_figures_of_a_height_stand_side_by_side() -> None:
    sizes = {"a": "600 200", "b": "300 300", "c": "300 110"}
    texts = {name: SVG.format("").replace("300 200", size) for name, size in sizes.items()}
    assert [figure.height for figure in list_figures(texts)] == [300, 110, 200]


@pytest.mark.parametrize(
    "bad",
    [
        "<script>alert(1)</script>",
        "<style>* { display: none }</style>",
        '<path onload="alert(1)" d="M 0 0"/>',
        '<use xlink:href="https://example.org/a.svg#b"/>',
        '<use href="data:image/svg+xml,x"/>',
        '<image href="https://example.org/a.png"/>',
        '<a href="javascript:alert(1)"><text>click</text></a>',
        "<foreignObject><body>click</body></foreignObject>",
        '<path style="fill: url(https://example.org/alert)"/>',
        '<path style="fill: u\\rl(https://example.org/alert)"/>',
        '<path style="background: image(alert)"/>',
        '<html:script xmlns:html="http://www.w3.org/1999/xhtml">alert(1)</html:script>',
        "<svg><text>click</text></svg>",
        '<animate attributeName="href" values="javascript:alert(1)"/>',
    ],
)
def test_a_figure_brings_nothing_but_shapes_and_words(bad: str) -> None:
    figure = read_figure(SVG.format(f"<g>{bad}<text>kept</text></g>"))
    assert figure is not None
    assert "kept" in figure.svg
    for sign in ("alert", "example.org", "data:", "click", "display", "html", "onload", "<svg>", "animate"):
        assert sign not in figure.svg


def test_what_a_figure_refers_to_within_itself_stays() -> None:
    body = '<defs><clipPath id="c"><rect width="1" height="1"/></clipPath><path id="p" d="M 0 0"/></defs>'
    body += '<use xlink:href="#p" clip-path="url(#c)" transform="translate(1.5,-2) rotate(45)"/>'
    figure = read_figure(SVG.format(body))
    assert figure is not None
    assert '<use href="#p" clip-path="url(#c)" transform="translate(1.5,-2) rotate(45)" />' in figure.svg
    assert (figure.title, figure.description) == ("Bars <b>", "Two & more.")
    assert (figure.width, figure.height) == (300, 200)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "<svg",
        "<p>no</p>",
        SVG.format("").replace("viewBox", "box"),
        SVG.format("").replace("title", "desc"),
        '<!DOCTYPE svg [<!ENTITY a "b">]>' + SVG.format("&a;"),
    ],
)
def test_what_is_no_figure_is_left_out(text: str) -> None:
    assert read_figure(text) is None


def test_figures_are_read_from_the_folder_of_the_model(tmp_path: Path) -> None:
    assert read_figures(tmp_path) == {}
    (tmp_path / "report").mkdir()
    (tmp_path / "report" / "b.svg").write_text(SVG.format(""))
    (tmp_path / "report" / "a.svg").write_text("<svg/>")
    (tmp_path / "report" / "large.svg").write_text("x" * 60_001)
    (tmp_path / "report" / "binary.svg").write_bytes(b"\xff\xfe")
    (tmp_path / "report" / "notes.txt").write_text("x")
    assert read_figures(tmp_path) == {"a": "<svg/>", "b": SVG.format("")}
