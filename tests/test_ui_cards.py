"""Cards, covers and charts: escaped, steady, and true to their numbers."""

import re
from dataclasses import replace

import numpy as np
import pytest

from leximind.labels import EMOTIONS, NEUTRAL
from leximind.library.store import Library
from leximind.library.work import Work
from leximind.service import Hit
from leximind.ui.cards import draw_card, draw_cards, draw_cover, name_authors, name_topic
from leximind.ui.charts import draw_arc, draw_emotions, draw_topics, rank_emotions
from leximind.ui.markup import keep_marks


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


@pytest.mark.parametrize("name", ["markup", "yang-mills"])
def test_titles_show_as_text(library: Library, name: str) -> None:
    work = library.works[library.row(name)]
    card = draw_cards([hit(work)], lambda work_id: f"?work={work_id}")
    assert "<img" not in card
    assert "<b>" not in card
    assert "<script" not in card
    assert ("&lt;img src=x onerror=alert(1)&gt;" if name == "markup" else r"${\cal N}=4$") in card


def test_every_field_of_a_card_is_escaped(work: Work) -> None:
    evil = "<i>\"'&"
    bad = replace(work, id=evil, title=evil, authors=(evil,), summary=evil, tone=(evil,))
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


def test_a_cover_is_the_same_each_time_and_has_the_colour_of_its_topic(work: Work) -> None:
    assert draw_cover(work) == draw_cover(work)
    assert "lm-topic-fiction" in draw_cover(work)
    assert "lm-topic-history" in draw_cover(replace(work, topic="History"))


def test_covers_differ_between_works(library: Library) -> None:
    looks = {" ".join(re.findall(r"lm-(?:motif|shade)-\d", draw_cover(work))) for work in library.works}
    assert len(looks) > 8


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


def test_topic_bars_are_ordered_and_as_long_as_their_scores() -> None:
    chart = draw_topics((0.1, 0.05, 0.5, 0.2, 0.05, 0.05, 0.05))
    assert re.findall(r'scope="row">(\w+)', chart)[:3] == ["Fiction", "History", "Arts"]
    assert "width:50.0%" in chart
    assert "50%" in chart


def test_emotions_that_stand_out_are_those_above_the_average() -> None:
    mean = np.full(28, 0.2, np.float32)
    std = np.full(28, 0.1, np.float32)
    scores = [0.1] * 28
    scores[EMOTIONS.index("remorse")] = 0.5
    scores[EMOTIONS.index("fear")] = 0.3
    scores[NEUTRAL] = 0.99
    assert [EMOTIONS[index] for index in rank_emotions(scores, mean, std, 8)] == ["remorse", "fear"]
    chart = draw_emotions(scores, mean, std)
    assert re.findall(r'scope="row">(\w+)', chart) == ["remorse", "fear"]
    assert "20%" in chart
    assert "No feeling" in draw_emotions([0.1] * 28, mean, std)


def test_an_arc_shows_the_tone_and_says_where_it_is_highest() -> None:
    arc = [[0.1] * 28 for _ in range(9)]
    arc[8][EMOTIONS.index("joy")] = 0.9
    arc[0][EMOTIONS.index("grief")] = 0.9
    chart = draw_arc(arc, ("joy", "grief"))
    assert "joy is highest at the end; grief is highest at the beginning" in chart
    assert chart.count("<polyline") == 3


def test_no_arc_from_two_passages() -> None:
    assert draw_arc([[0.1] * 28] * 2, ("joy",)) == ""
