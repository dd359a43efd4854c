"""The page of a work: what it says of every kind of work, and what it keeps harmless."""

import re
from dataclasses import replace
from pathlib import Path
from urllib.parse import parse_qs, unquote

import pytest
import rispy
from selectolax.lexbor import LexborHTMLParser, LexborNode

from leximind.inference.tone import averages_for
from leximind.labels import EMOTIONS, NEUTRAL
from leximind.library.filters import Filters
from leximind.library.moods import Mood
from leximind.library.store import Library
from leximind.library.work import DESCRIPTION, FULL_TEXT
from leximind.service import Service
from leximind.ui.address import View
from leximind.ui.citations import cite
from leximind.ui.facts import describe_length, list_facts
from leximind.ui.work import draw_work
from tests.odd_shelf import HOSTILE, HOSTILE_ID, LONG_TITLE, make_service


@pytest.fixture(scope="module")
def odd(tmp_path_factory: pytest.TempPathFactory) -> Service:
    return make_service(tmp_path_factory.mktemp("odd"))


def draw(service: Service, work_id: str, view: View | None = None) -> LexborNode:
    html = draw_work(service, replace(view or View(), work=work_id))
    body = LexborHTMLParser(html).body
    assert body is not None
    return body


def read(body: LexborNode, selector: str) -> str:
    """The text of the one element that there should be."""
    (node,) = body.css(selector)
    return " ".join(node.text().split())


def read_facts(body: LexborNode) -> dict[str, str]:
    names, values = (body.css(f".lm-facts {tag}") for tag in ("dt", "dd"))
    return {name.text(): " ".join(value.text().split()) for name, value in zip(names, values, strict=True)}


@pytest.mark.parametrize(
    ("n_words", "said"),
    [
        (200, "about 5 minutes (200 words)"),
        (7_000, "about 30 minutes (7,000 words)"),
        (14_500, "about an hour (14,500 words)"),
        (210_000, "about 15 hours (210,000 words)"),
    ],
)
def test_a_length_is_a_time_and_a_number_of_words(n_words: int, said: str) -> None:
    assert describe_length(n_words) == said


def test_the_page_says_which_text_was_read(library: Library) -> None:
    work = replace(library.works[0], provenance=DESCRIPTION, n_words=None)
    facts = dict(list_facts(work))
    assert "Length" not in facts and facts["Read from"] == "the description alone"
    facts = dict(list_facts(replace(work, provenance=FULL_TEXT, n_words=90_000)))
    assert facts["Length"] == "about 6 hours (90,000 words)" and "full text" in facts["Read from"]


def test_a_book_is_shown_with_all_that_is_known(odd: Service) -> None:
    body = draw(odd, "storm")
    assert read(body, "h2") == "The Storm"
    assert read(body, ".lm-work-head .lm-kicker") == "Book · 1901 · Fiction · about 6 hours to read"
    assert read(body, ".lm-lead p") == "Nobody slept!"
    assert read(body, ".lm-lead footer") == "Key sentence chosen by the model"
    assert read(body, ".lm-description p") == "It rained. Nobody slept! It rained on."
    assert read(body, ".lm-description mark") == "Nobody slept!"
    facts = read_facts(body)
    assert facts["Length"] == "about 6 hours (90,000 words)"
    assert facts["Analysed"] == "by fake-1 on 2026-01-31"
    assert facts["Read from"].startswith("topic and feelings from the full text")
    source = body.css_first(".lm-button")
    assert source.attributes["href"] == "https://example.org/works/storm"
    assert source.attributes["rel"] == "noopener noreferrer"
    assert body.css_first(".lm-actions .lm-save").attributes["data-save"] == "storm"
    link = body.css_first("[data-copy-link]")
    assert link.attributes["data-copy-link"] == "?work=storm"
    assert body.css_first('[popovertarget="lm-cite"]') and body.css_first("dialog#lm-cite[popover]")


def list_similar(body: LexborNode) -> list[str | None]:
    return [link.attributes["data-work"] for link in body.css(".lm-similar .lm-card a.lm-title")]


def test_close_works_say_why_and_can_be_saved(odd: Service) -> None:
    body = draw(odd, "moby-dick", View(query="sea"))
    hits = odd.similar("moby-dick")
    assert list_similar(body) == [hit.work.id for hit in hits] and len(hits) > 1
    for card, hit in zip(body.css(".lm-similar .lm-card"), hits, strict=True):
        assert all(reason in card.css_first(".lm-reasons").text() for reason in hit.reasons) and hit.reasons
        assert card.css_first(".lm-save").attributes["data-save"] == hit.work.id
        assert card.css_first("a.lm-title").attributes["href"] == f"?q=sea&work={hit.work.id}"
    assert draw(odd, "storm").css(".lm-similar") == [], "nothing is close to it"


def test_a_written_summary_is_marked_as_the_models_own(odd: Service) -> None:
    written = next(work for work in odd.library.works if work.summary_source == "written")
    assert read(draw(odd, written.id), ".lm-lead footer") == "Summary written by the model"


def test_authors_and_subjects_lead_to_their_works(odd: Service) -> None:
    body = draw(odd, "moby-dick")
    author = body.css_first(".lm-authors a").attributes["href"] or ""
    assert parse_qs(author.removeprefix("?")) == {"q": ['author:"Herman Melville"']}
    assert odd.search('author:"Herman Melville"').hits[0].work.id == "moby-dick"
    subjects = [link.attributes["href"] or "" for link in body.css(".lm-facts a")]
    assert parse_qs(subjects[1].removeprefix("?")) == {"q": ['subject:"Sea stories"']}


def test_the_arc_is_drawn_and_told(odd: Service) -> None:
    body = draw(odd, "storm")
    told = body.css_first(".lm-arc svg[role=img]").attributes["aria-label"] or ""
    assert told.startswith("From beginning to end: fear is highest at the end; love is highest at the be")
    lines = body.css(".lm-arc-plot polyline")
    assert [line.attributes["data-name"] for line in lines][:2] == ["fear", "love"]
    fear = [float(value) for value in (lines[0].attributes["data-values"] or "").split()]
    assert len(fear) == 21 and fear[0] == pytest.approx(0.015) and fear[10] == pytest.approx(0.3)
    assert fear == sorted(fear) and fear[-1] == pytest.approx(0.585)
    heights = [float(point.split(",")[1]) for point in (lines[0].attributes["points"] or "").split()]
    assert heights == sorted(heights, reverse=True) and min(heights) == 10


@pytest.mark.parametrize("work_id", ["moby-dick", "crowd", "undated"])
def test_no_arc_where_there_is_none(odd: Service, work_id: str) -> None:
    assert draw(odd, work_id).css(".lm-arc, .lm-work-arc") == []


def test_all_27_feelings_can_be_reached_and_the_tone_comes_first(odd: Service) -> None:
    for work_id in ("storm", "bare", "crowd"):
        body = draw(odd, work_id)
        names = [node.text() for node in body.css(".lm-emotions tbody th")]
        assert sorted(names) == sorted(name for name in EMOTIONS if name != EMOTIONS[NEUTRAL]), work_id
        folded = [node.text() for node in body.css("details.lm-others tbody th")]
        assert names[len(names) - len(folded) :] == folded
    shown = [node.text() for node in draw(odd, "storm").css(".lm-emotions tbody th")]
    assert shown[:2] == ["fear", "love"]
    assert read(draw(odd, "bare"), ".lm-others summary") == "All 27 feelings"


def test_a_work_is_compared_with_works_read_from_the_same_kind_of_text(odd: Service) -> None:
    library = odd.library
    whole = averages_for(library.emotions, library.n_words > 0, is_whole_text=True).mean[-1]
    assert not (abs(whole - library.emotion_mean) < 1e-6).all(), "the two averages differ on this shelf"
    body = draw(odd, "storm")
    assert "average of works read in full" in read(body, ".lm-key")
    first = body.css_first(".lm-emotions tbody tr")
    assert first.css_first("th").text() == "fear"
    assert first.css_first(".lm-versus").text() == f"{whole[EMOTIONS.index('fear')]:.0%}"
    # Too few works are known by their description alone for an average of their own.
    assert "average of the library" in read(draw(odd, "crowd"), ".lm-key")


def test_an_unsure_topic_is_said_to_be_one(odd: Service) -> None:
    body = draw(odd, "bare")
    assert "perhaps Arts" in read(body, ".lm-work-head .lm-kicker")
    assert "in two minds" in body.css_first(".lm-work-side section").text()
    assert "in two minds" not in draw(odd, "storm").text()


def test_what_is_not_known_is_left_out(odd: Service) -> None:
    body = draw(odd, "bare")
    assert read(body, ".lm-work-head .lm-kicker") == "Paper · perhaps Arts"
    head = body.css_first(".lm-work-head")
    assert head.css(".lm-authors") == [] and head.css(".lm-lead") == [] and head.css(".lm-tone") == []
    assert body.css(".lm-description") == []
    assert set(read_facts(body)) == {"Language", "Source", "Licence", "Analysed", "Read from"}
    assert "None" not in body.text()
    assert "No feeling of this paper is above" in body.text()


def test_years_before_our_era(odd: Service) -> None:
    assert read(draw(odd, "art-war"), ".lm-work-head .lm-kicker").startswith("Book · 500 BC · History")


def test_forty_authors_are_all_there_but_most_are_folded_away(odd: Service) -> None:
    body = draw(odd, "crowd")
    assert len(body.css(".lm-work-head .lm-authors a")) == 40
    folded = body.css_first(".lm-work-head .lm-authors details")
    assert folded.css_first("summary").text() == "and 32 others" and len(folded.css("a")) == 32
    facts = read_facts(body)
    assert facts["DOI"] == "10.1000/182" and facts["Source"] == "Journal of Sights"


def test_a_very_long_title_is_whole_and_set_smaller(odd: Service) -> None:
    body = draw(odd, "long")
    (title,) = body.css("h2.lm-very-long")
    assert title.text() == LONG_TITLE
    assert "class" not in draw(odd, "emma").css_first("h2").attributes


def test_hostile_text_stays_text(odd: Service) -> None:
    body = draw(odd, HOSTILE_ID, View(query=HOSTILE))
    assert body.css("script, [onmouseover]") == []
    assert len(body.css("dialog")) == 1 and len(body.css("dialog pre")) == 3
    assert body.css_first("h2").text() == HOSTILE
    assert [node.text() for node in body.css(".lm-description p")] == [HOSTILE, HOSTILE]
    assert body.css_first(".lm-actions .lm-save").attributes["data-save"] == HOSTILE_ID
    alone = body.css_first("[data-copy-link]").attributes["data-copy-link"] or ""
    assert parse_qs(alone.removeprefix("?")) == {"work": [HOSTILE_ID]}
    assert body.css_first(".lm-button").attributes["href"] == odd.get(HOSTILE_ID).url
    links = [link.attributes["href"] or "" for link in body.css(".lm-facts a")]
    asked = [parse_qs(link.removeprefix("?"))["q"][0] for link in links]
    assert asked[-1] == 'subject:"the sea"' and all(query.count('"') == 2 for query in asked)
    assert "x" * 300 in read_facts(body)["Subjects"], "too long to be asked for, so it is no link"


def test_the_works_before_and_after_keep_the_list(odd: Service) -> None:
    view = View(filters=Filters(topics=("Fiction",)), sort="oldest", page=1)
    ids = [hit.work.id for hit in odd.browse(view.filters, sort="oldest").hits]
    before, after = draw(odd, ids[1], view).css(".lm-walk a")
    assert before.attributes["rel"] == "prev" and after.attributes["rel"] == "next"
    assert before.attributes["href"] == f"?topic=Fiction&sort=oldest&work={ids[0]}"
    assert after.attributes["href"] == f"?topic=Fiction&sort=oldest&work={ids[2]}"
    assert odd.get(ids[2]).title in after.text()
    assert [link.attributes["rel"] for link in draw(odd, ids[0], view).css(".lm-walk a")] == ["next"]
    assert [link.attributes["rel"] for link in draw(odd, ids[-1], view).css(".lm-walk a")] == ["prev"]


def test_the_way_back_says_where_it_leads(odd: Service) -> None:
    whole, found = draw(odd, "emma"), draw(odd, "emma", View(query="austen", page=2))
    assert read(whole, ".lm-back") == "← Back to the library"
    assert read(found, ".lm-back") == "← Back to the results"
    assert found.css_first(".lm-back a").attributes["href"] == "?q=austen&p=2"
    moody = View(mood=Mood.from_params({"mood": "fear:1"}))
    assert read(draw(odd, "emma", moody), ".lm-back") == "← Back to the results"


def test_citations_are_whole_files(odd: Service) -> None:
    for work_id in ("storm", "crowd", "art-war", HOSTILE_ID, "bare"):
        body, forms = draw(odd, work_id), cite(odd.get(work_id))
        for form, pre in zip(forms, body.css("dialog pre"), strict=True):
            assert pre.text() == form.text.replace("\r\n", "\n").rstrip(), work_id
            (link,) = body.css(f'dialog a[download$=".{form.ending}"]')
            media, _, data = (link.attributes["href"] or "").partition(",")
            assert media == f"data:{form.media};charset=utf-8" and unquote(data) == form.text
            assert re.fullmatch(r"[\w.-]+", link.attributes["download"] or "")
        (record,) = rispy.loads(forms[2].text)
        assert record["urls"] == [odd.get(work_id).url]
    assert "Le Guin, Ursula K. 1901. The Storm." in cite(odd.get("storm"))[0].text


def test_a_library_of_another_model_has_the_same_page(tmp_path: Path) -> None:
    other = make_service(tmp_path, model="someone-else-2")
    body = draw(other, "moby-dick")
    assert len(list_similar(body)) > 1, "closeness is that of the library's own embeddings"
    assert read_facts(body)["Analysed"] == "by fake-1 on 2026-01-31", "what analysed this work"
