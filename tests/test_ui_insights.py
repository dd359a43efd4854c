"""The Insights tab and the page as a whole, without a browser."""

import html
import re
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from leximind.api import ENDPOINTS
from leximind.errors import InputError
from leximind.library.doubts import Doubt, Doubts
from leximind.library.eras import Era
from leximind.library.insights import read_figures, read_metrics
from leximind.library.relations import Pair
from leximind.library.store import Library
from leximind.service import Service
from leximind.settings import MODEL_DIR, Settings
from leximind.ui.address import read_view
from leximind.ui.app import build, read_search, serve
from leximind.ui.figures import read_figure
from leximind.ui.insights import draw_insights, list_figures
from leximind.ui.misleads import draw_misleads
from leximind.ui.quality import draw_quality, read_groups
from leximind.ui.relations import draw_heat, draw_pairs, name_era
from leximind.ui.verdicts import list_sentences


def test_insights_count_the_library_and_show_what_was_measured(service: Service) -> None:
    page = " ".join(draw_insights(service.insights()).split())
    assert "31 works, written from 500 BC to 2017" in page
    assert 'href="?topic=Science"' in page
    assert 'href="?kind=paper"' in page and 'href="?length=long"' in page
    assert 'href="?to=1399"' in page and 'href="?from=1800&amp;to=1899"' in page
    assert "macro-F1" in page
    assert "0.450" in page
    assert "CC0-1.0" in page


def test_every_count_leads_to_as_many_works(service: Service) -> None:
    page = draw_insights(service.insights())
    related = service.insights().relations
    cells = re.findall(r'<a class="lm-cell[^"]*"\s+href="([^"]+)" aria-label="([^"]+)"', page)
    assert len(cells) > int((related.counts > 0).sum())
    for href, told in cells:
        view, notes = read_view(read_search(html.unescape(href)))
        assert not notes
        (count,) = re.findall(r"(?:in |^)(\d+) (?:of|works)", html.unescape(told))[:1]
        assert int(view.filters.mask(service.library).sum()) == int(count), told
    for href, most in re.findall(r'<a href="([^"]+)" aria-label="(\d+) works, ', page):
        view, _ = read_view(read_search(html.unescape(href)))
        assert int(view.filters.mask(service.library).sum()) == int(most)


def test_shades_rise_with_the_numbers_and_none_means_none(service: Service) -> None:
    page = draw_heat(service.insights().relations)
    cells = re.findall(r"lm-cell lm-level-(\d)[^>]*>(\d+)</a>", page)
    levels: dict[int, set[int]] = {}
    for level, number in cells:
        levels.setdefault(int(number), set()).add(int(level))
    ordered = [max(levels[number]) for number in sorted(levels)]
    assert ordered == sorted(ordered) and ordered[-1] == 6
    assert "lm-zero" in page
    assert not re.search(r"lm-zero[^>]*href", page)


def test_the_works_whose_labels_are_weak_are_named_and_escaped(service: Service) -> None:
    doubts = Doubts((Doubt("a&b", "<b>Odd</b>", "Science", 0.3, "Fiction", 0.25),), (), ())
    drawn = " ".join(draw_misleads(doubts).split())
    assert '<a href="?work=a%26b">&lt;b&gt;Odd&lt;/b&gt;</a> (Science 30%, Fiction 25%).' in drawn
    assert "Faintest of those listed" not in drawn
    weak = service.insights().doubts.topics[0]
    assert f'href="?work={weak.work_id}"' in draw_insights(service.insights())


def test_pairs_show_what_chance_would_give() -> None:
    drawn = draw_pairs("Pairs", [Pair("fear", "grief", 40, 10.0), Pair("joy", "love", 2, 0.4)])
    assert 'href="?feel=fear,grief"' in drawn
    assert drawn.count('class="lm-average"') == 2
    assert re.findall(r"by chance </span>([^<]+)<", drawn) == ["10", "&lt;1"]


@pytest.mark.parametrize(
    ("first", "last", "name"),
    [
        (1800, 1899, "1800s"),
        (0, 99, "years 1–99"),
        (-400, -301, "400s BC"),
        (None, 1399, "years before 1400"),
        (None, -401, "years before 400 BC"),
    ],
)
def test_centuries_have_names(first: int | None, last: int, name: str) -> None:
    assert name_era(Era(first, last, (0,) * 7)) == name


METRICS = {
    "Topic, books": {
        "accuracy": {"model": 0.8, "low": 0.75, "high": 0.85, "majority": 0.2, "frozen_minilm": 0.9}
    },
    "Search": {"mrr@10": {"model": 0.91, "tf_idf": 0.887, "original_minilm": 0.917}},
    "n": 3,
    "name": "x",
    "ok": True,
}


def test_measurements_stand_beside_their_baselines() -> None:
    groups = dict(read_groups(METRICS))
    assert list(groups) == ["model", "Topic, books", "Search"]
    assert groups["model"] == {"n": {"model": 3}}
    page = draw_quality(METRICS)
    assert "0.750 to 0.850" in page
    assert re.search(r"linear on MiniLM\s+0.900 <b>better</b>", page)
    assert re.search(r"always the most frequent\s+0.200</span>", page)
    assert "All 3 measurements" in page
    assert draw_quality({}) == ""


def test_how_good_it_is_is_told_in_sentences_with_figures() -> None:
    told = dict(list_sentences(dict(read_groups(METRICS))))
    assert list(told) == ["Topics", "Search by meaning"], "what was not measured is not told"
    assert told["Topics"] == (
        "It names the right one of seven for 80 of 100 texts it had not seen (75 to 85); "
        "always naming the most frequent is right for 20, "
        "a plain classifier on the model it started from for 90, which is better."
    )
    assert "0.917, which is better" in told["Search by meaning"]


def test_the_sentences_of_the_embedded_model_are_there_and_fit_the_readme() -> None:
    told = dict(list_sentences(dict(read_groups(read_metrics(MODEL_DIR)))))
    assert list(told) == ["Topics", "Feelings", "Summaries", "Search by meaning"]
    assert "87 of 100" in told["Topics"]
    assert "In fiction it is only 0.19 and 0.25" in told["Feelings"]


def test_the_first_cards_are_in_the_page_itself(service: Service) -> None:
    config = build(service).get_config_file()
    stages = [part for part in config["components"] if part["props"].get("elem_id") == "lm-stage"]
    assert "Moby-Dick" in stages[0]["props"]["value"]


def test_events_of_the_page_are_not_offered_as_endpoints(service: Service) -> None:
    names = build(service).get_api_info()["named_endpoints"]
    assert set(names) == {f"/{name}" for name in ENDPOINTS}


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


def test_insights_show_the_figures_of_the_report(library: Library) -> None:
    body = '<g id="a"><path d="M 0 0" style="fill: var(--lm-ink, #1a1c20)"/></g><text x="1">{{ 1 }}</text>'
    metrics = {"emotion": {"macro_f1": 0.45}}
    service = Service(library, metrics=metrics, figures={"bars": SVG.format(body), "broken": "<svg"})
    page = draw_insights(service.insights())
    assert page.count("<figure") == 1
    assert "<h4>Bars &lt;b&gt;</h4>" in page
    assert "Two &amp; more." in page
    assert 'aria-label="Bars &lt;b&gt;. Two &amp; more."' in page
    assert '<path d="M 0 0" style="fill: var(--lm-ink, #1a1c20)" />' in page
    assert "<figure" not in draw_insights(Service(library, metrics=metrics).insights())


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
