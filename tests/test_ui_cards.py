"""Cards and covers: escaped, steady, and no word over the edge."""

import re
import xml.etree.ElementTree as ET
from dataclasses import replace
from typing import Literal

import pytest

from leximind.labels import EMOTIONS
from leximind.library.store import Library
from leximind.library.work import Work
from leximind.service import Hit
from leximind.ui.cards import draw_card, draw_cards, draw_cover, draw_save, name_authors, name_topic
from leximind.ui.covers import name_author, shorten
from leximind.ui.lettering import LEADING, balance, cut, fit, measure, wrap
from leximind.ui.markup import keep_marks
from leximind.ui.motifs import MOTIFS

LONG = "Suppression of RNA Recognition by Toll-like Receptors: The Impact of Nucleoside Modification"


@pytest.fixture
def work(library: Library) -> Work:
    return library.works[library.row("frankenstein")]


def hit(work: Work, snippet: str = "", reasons: tuple[str, ...] = ()) -> Hit:
    return Hit(work, 1.0, snippet, reasons)


def test_a_card_tells_what_one_needs_to_choose(work: Work) -> None:
    card = draw_card(hit(work), "?work=frankenstein")
    for text in (work.title, work.authors[0], "1818", "Book", "Fiction", work.summary, "remorse"):
        assert text in card
    assert 'href="?work=frankenstein"' in card
    assert draw_save(work) in card


def test_a_save_button_names_its_work(work: Work) -> None:
    button = draw_save(replace(work, id='"><b>'))
    assert 'data-save="&#34;&gt;&lt;b&gt;"' in button
    assert 'aria-pressed="false"' in button
    words = re.sub(r"<[^>]*>", "", button).split()
    assert words == ["Save", *work.title.split()]


@pytest.mark.parametrize("name", ["markup", "yang-mills"])
def test_titles_show_as_text(library: Library, name: str) -> None:
    work = library.works[library.row(name)]
    card = draw_cards([hit(work)], lambda work_id: f"?work={work_id}")
    assert "<img" not in card
    assert "<b>" not in card
    assert "<script" not in card
    assert ("&lt;img src=x onerror=alert(1)&gt;" if name == "markup" else r"${\cal N}=4$") in card


@pytest.mark.parametrize("kind", ["book", "paper"])
def test_every_field_of_a_card_is_escaped(work: Work, kind: Literal["book", "paper"]) -> None:
    evil = "<i>\"'&"
    bad = replace(work, id=evil, kind=kind, title=evil, authors=(evil,), summary=evil, tone=(evil,))
    card = draw_card(hit(bad, reasons=(evil,)), f"?work={evil}", reasons=True)
    assert "<i>" not in card
    assert '"\'&"' not in card


def test_a_snippet_keeps_its_marks_and_nothing_else() -> None:
    assert keep_marks("the <mark>sea</mark> &amp; me") == "the <mark>sea</mark> &amp; me"
    assert "<img" not in keep_marks("<mark><img src=x></mark> <img> &lt;img&gt;")
    assert keep_marks("<mark>never closed") == "never closed"


def test_the_snippet_replaces_the_summary_where_words_were_found(work: Work) -> None:
    card = draw_card(hit(work, "dead <mark>limbs</mark>"), "?")
    assert "<mark>limbs</mark>" in card
    assert work.summary not in card


def test_an_unsure_topic_is_shown_as_such(work: Work) -> None:
    assert name_topic(work) == "Fiction"
    assert name_topic(replace(work, topic_scores=(0.1, 0.1, 0.4, 0.1, 0.1, 0.1, 0.1))) == "perhaps Fiction"


def test_many_authors_are_counted() -> None:
    assert name_authors(()) == ""
    assert name_authors(("A", "B", "C")) == "A, B, C"
    assert name_authors(("A", "B", "C", "D")) == "A, B, C and 1 other"
    assert name_authors(("A", "B", "C", "D", "E")) == "A, B, C and 2 others"


def test_a_work_without_author_year_or_tone_has_a_card(library: Library) -> None:
    card = draw_card(hit(library.works[library.row("undated")]), "?")
    assert "Notes without a Date" in card
    assert "None" not in card


def test_a_cover_is_the_same_each_time_and_has_the_colour_of_its_topic(work: Work) -> None:
    assert draw_cover(work) == draw_cover(replace(work))
    assert "lm-topic-fiction" in draw_cover(work)
    assert "lm-topic-history" in draw_cover(replace(work, topic="History"))


def test_a_cover_follows_the_tone(work: Work) -> None:
    drawn = {name: draw_cover(replace(work, tone=(name,))) for name in ("joy", "grief", "curiosity")}
    assert len({*drawn.values(), draw_cover(replace(work, tone=()))}) == 4
    assert draw_cover(replace(work, tone=("grief", "joy"))) == drawn["grief"]


def test_books_and_papers_are_told_apart_without_colour(work: Work) -> None:
    book, paper = draw_cover(work), draw_cover(replace(work, kind="paper"))
    assert "lm-spine" in book and "lm-print" not in book
    assert "lm-print" in paper and "lm-spine" not in paper
    assert ">1818<" in paper and ">Fiction<" in paper


def test_covers_differ_between_works(library: Library) -> None:
    covers = [re.sub(r"<text.*?</text>", "", draw_cover(work)) for work in library.works]
    assert len(set(covers)) > len(covers) * 0.8


@pytest.mark.parametrize("kind", ["book", "paper"])
def test_every_cover_is_small_and_sound(work: Work, kind: Literal["book", "paper"]) -> None:
    """Over all shapes and, by the id, all styles, shades and seeds; with a title that has to be cut."""
    for number in range(40):
        for emotion in {MOTIFS[name]: name for name in EMOTIONS}.values():
            cover = draw_cover(replace(work, id=str(number), kind=kind, tone=(emotion,), title=LONG))
            assert len(cover) < 1750, (number, emotion)
            ET.fromstring(cover)
            paths = re.findall(r' d="([^"]*)"', cover)
            assert all(re.fullmatch(r"[MLVHZhvamqtz\d. -]+", path) for path in paths), paths


TITLES = (
    "Emma",
    LONG,
    "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft",
    "紅樓夢　石頭記　金陵十二釵　風月寶鑑",
    "WWWWWWWWWWWWWW MMMMMMMMMMMMMM",
    "Война и мир",
    "a" * 400,
    "à̖" * 30,
    "<img src=x onerror=alert(1)>",
    "",
)


@pytest.mark.parametrize("title", TITLES)
@pytest.mark.parametrize(("width", "height"), [(98.0, 68.0), (78.0, 70.0), (98.0, 52.0), (20.0, 9.0)])
def test_a_title_fits_its_box(title: str, width: float, height: float) -> None:
    sizes = (21, 14.5, 10, 8.2)
    size, lines = fit(title, width, height, sizes)
    assert size in sizes
    assert all(measure(line) * size <= width + 1e-6 for line in lines)
    assert len(lines) * size * LEADING <= max(height, size * LEADING)
    if size > sizes[-1]:
        assert " ".join(lines) == " ".join(title.split())


def test_lines_are_about_equally_long() -> None:
    width = measure("The Adventures of Sherlock Hol")
    assert wrap("The Adventures of Sherlock Holmes", width)[0] == ["The Adventures of Sherlock", "Holmes"]
    assert balance("The Adventures of Sherlock Holmes", width) == ["The Adventures of", "Sherlock Holmes"]


def test_widths_are_those_of_letters() -> None:
    assert measure("iii") < measure("nnn") < measure("mmm")
    assert measure("é") == measure("e")
    assert measure("e\u0301") == measure("e")
    assert measure("漢") == 1.0
    assert measure("") == 0.0


def test_what_is_too_long_is_cut_where_one_sees_it() -> None:
    assert cut("Emma", 10) == "Emma"
    short = cut("The Count of Monte Cristo", 8)
    assert short.endswith("…") and measure(short) <= 8


@pytest.mark.parametrize(
    ("title", "short"),
    [
        ("Emma", "Emma"),
        ("Frankenstein; or, The Modern Prometheus", "Frankenstein"),
        ("Jane Eyre: An Autobiography", "Jane Eyre"),
        ("Three Men in a Boat (To Say Nothing of the Dog)", "Three Men in a Boat"),
        ("Heart of Darkness", "Heart of Darkness"),
        ("The Song Celestial; Or, Bhagavad-Gîtâ", "The Song Celestial"),
        (": a title that begins oddly and is long", ": a title that begins oddly and is long"),
    ],
)
def test_a_cover_leaves_the_subtitle_to_the_card(title: str, short: str) -> None:
    assert shorten(title) == short


def test_an_author_is_named_as_fully_as_there_is_room() -> None:
    assert name_author(("Jane Austen",), 20) == "Jane Austen"
    assert name_author(("Mary Wollstonecraft Shelley",), 8) == "Shelley"
    assert name_author(("Ben Green", "Terence Tao"), 20) == "Green & Tao"
    assert name_author(("Ana Field", "B", "C"), 20) == "Ana Field et al."
    assert name_author(("Open Science Collaboration",), 8).startswith("Open Sc")
    assert name_author((" ", ""), 8) == ""
