"""The seam, with and without a model."""

import json
import threading
from typing import Any

import numpy as np
import pytest

from leximind.errors import DataError, InputError, ModelError, NotFoundError
from leximind.library import store
from leximind.library.answers import paginate
from leximind.library.filters import Filters
from leximind.library.moods import Mood
from leximind.library.store import Library
from leximind.service import Page, Service
from leximind.settings import Settings
from tests.conftest import FakeAnalyzer, embed, unit


def ids(page: Page) -> list[str]:
    return [hit.work.id for hit in page.hits]


@pytest.fixture
def wordy(library: Library) -> Service:
    """A service without a model."""
    return Service(library)


def test_browsing_shows_everything_in_the_order_of_the_library(service: Service) -> None:
    page = service.browse()
    assert (page.total, page.page, page.n_pages, page.sentence, page.note) == (31, 1, 2, "all works", "")
    assert ids(page) == [work.id for work in service.library.works[:24]]
    assert ids(service.browse(page=2)) == [work.id for work in service.library.works[24:]]
    assert service.browse(page=99).page == 2


def test_browsing_by_feeling_puts_the_strongest_first(service: Service) -> None:
    page = service.browse(Filters(emotions=("remorse",)))
    assert page.total == 3
    assert ids(page)[0] == "crime"
    assert page.hits[0].score > page.hits[1].score
    assert page.sentence == "works that feel remorse"


def test_browsing_sorts(service: Service) -> None:
    assert ids(service.browse(Filters(topics=("History",)), sort="oldest"))[0] == "art-war"
    assert ids(service.browse(Filters(topics=("History",)), sort="newest"))[0] == "slave"
    with pytest.raises(InputError, match="sort"):
        service.browse(sort="random")  # type: ignore[arg-type]


def test_facets_show_what_another_choice_would_give(service: Service) -> None:
    whole = service.browse().facets
    assert whole.kinds == {"book": 21, "paper": 10}
    assert sum(whole.topics.values()) == 31
    assert whole.years == (-500, 2017)
    assert sum(whole.centuries.values()) == 30  # one has no year
    assert list(whole.centuries) == sorted(whole.centuries)
    assert (whole.centuries[-500], whole.centuries[-400], whole.centuries[1500]) == (1, 1, 1)  # Plato: 375 BC
    assert whole.lengths == {"long": 21}
    assert whole.emotions["remorse"] == 3
    assert "disgust" not in whole.emotions

    chosen = service.browse(Filters(kind="paper", topics=("Science",))).facets
    assert chosen.kinds == {"book": 2, "paper": 4}  # Science of either kind
    assert chosen.topics == {"Arts": 1, "Business": 1, "Science": 4, "Technology": 4}  # papers of any topic
    assert chosen.emotions == {"admiration": 1, "realization": 1}  # what is on the page
    assert service.browse(Filters(emotions=("love",), year_to=1814)).facets.years == (1813, 1847)
    by_century = service.browse(Filters(kind="book", year_from=1800, year_to=1899, length="long")).facets
    assert by_century.centuries == service.browse(Filters(kind="book")).facets.centuries  # all are long
    assert by_century.lengths == {"long": 13}
    assert service.browse(Filters(length="short")).facets.lengths == {"long": 21}
    # Each count is what the choice would really give.
    for topic, count in chosen.topics.items():
        assert service.browse(Filters(kind="paper", topics=(topic,))).total == count


@pytest.mark.parametrize("mode", ["hybrid", "keyword", "meaning"])
def test_facets_of_a_search_count_its_answer(service: Service, mode: Any) -> None:
    page = service.search("whale", mode=mode)
    assert sum(page.facets.kinds.values()) == sum(page.facets.topics.values()) == page.total > 0
    narrowed = service.search("whale", Filters(kind="paper"), mode=mode)
    assert narrowed.total == page.facets.kinds["paper"]
    assert narrowed.facets.kinds == page.facets.kinds
    assert narrowed.sentence == "papers matching “whale”"
    for query in ("whale", "a story about love", "sad", "zzzz qqqq"):
        facets = service.search(query, Filters(topics=("Fiction",)), mode=mode).facets
        for topic, count in facets.topics.items():
            assert service.search(query, Filters(topics=(topic,)), mode=mode).total == count
        for century, count in facets.centuries.items():
            filters = Filters(topics=("Fiction",), year_from=century, year_to=century + 99)
            assert service.search(query, filters, mode=mode).total == count
        for length, count in facets.lengths.items():
            filters = Filters(topics=("Fiction",), length=length)
            assert service.search(query, filters, mode=mode).total == count


@pytest.mark.parametrize("query", ["mobby dick", "moby dick", "obsessive hunt for a whale"])
def test_search_finds_moby_dick(service: Service, query: str) -> None:
    page = service.search(query)
    assert ids(page)[0] == "moby-dick"
    reasons = {
        "mobby dick": "has “dick”",
        "moby dick": "is the title you named",
        "obsessive hunt for a whale": "has “obsessive”, “hunt” and “whale”",
    }
    assert page.hits[0].reasons[0] == reasons[query]


def test_meaning_is_honest(service: Service) -> None:
    page = service.search("zzzz qqqq")
    assert (page.hits, page.total, page.n_pages, page.note) == ((), 0, 1, "Nothing close.")
    assert page.is_doubtful
    assert page.facets.kinds == page.facets.centuries == page.facets.lengths == {}
    assert page.facets.years is None


def test_weak_closeness_is_told(library: Library) -> None:
    class Vague(FakeAnalyzer):
        def embed(self, texts: Any) -> Any:
            vector = unit("nothing at all") + 0.26 * library.embeddings[library.row("emma")]
            return (vector / np.linalg.norm(vector))[None]

    service = Service(library, load_analyzer=Vague)
    page = service.search("zzzz qqqq")
    assert "emma" in ids(page)
    assert (page.note, page.is_doubtful) == ("Nothing close. These come nearest.", True)
    assert page.hits[0].reasons == ("nearest in meaning, though not close",)
    found = service.search("emma")
    assert (found.note, found.is_doubtful) == ("", False)  # its words are there


def test_an_empty_query_browses(service: Service) -> None:
    filters = Filters(kind="paper")
    assert service.search("  \n ", filters) == service.browse(filters)


def test_hits_are_explained_and_escaped(service: Service) -> None:
    hit = service.search("whale security", mode="keyword").hits[0]
    assert hit.work.id == "markup"
    assert "<mark>whale</mark>" in hit.snippet
    assert "<script>" not in hit.snippet
    assert hit.reasons == ("has “whale” and “security”",)


@pytest.mark.parametrize(
    ("query", "options"),
    [
        ("x" * 1001, {}),
        ("whale", {"mode": "magic"}),
        ("whale", {"mode": ["hybrid"]}),
        ("whale", {"sort": "random"}),
        ("", {"sort": ["title"]}),
        ("whale", {"page": 0}),
        ("whale", {"page": "2"}),
        ("whale", {"page_size": 101}),
        ("whale", {"page_size": 0}),
        (None, {}),
    ],
)
def test_bad_input_is_explained(service: Service, query: Any, options: dict[str, Any]) -> None:
    with pytest.raises(InputError, match=r"(was|were) expected"):
        service.search(query, **options)


def test_lone_surrogates_do_no_harm(service: Service) -> None:
    assert ids(service.search("moby\ud800 dick"))[0] == "moby-dick"
    assert service.analyze("A sad text \udfff about remorse.").text.isprintable()


def test_get_and_similar(service: Service) -> None:
    assert service.get("emma").title == "Emma"
    hits = service.similar("moby-dick", 3)
    assert "moby-dick" not in [hit.work.id for hit in hits]
    assert hits[0].work.id == "whale-song"
    assert "both feel admiration" in hits[0].reasons
    assert hits[0].reasons[-1] == f"closeness {hits[0].score:.2f}"
    assert "both about Fiction" in {reason for hit in service.similar("emma") for reason in hit.reasons}
    for unknown in ("nope", "", None):
        with pytest.raises(NotFoundError):
            service.similar(unknown)  # type: ignore[arg-type]
    for limit in (0, 51, 2.5):
        with pytest.raises(InputError):
            service.similar("emma", limit)  # type: ignore[arg-type]


def test_analyze_and_the_works_close_to_it(service: Service) -> None:
    analysis = service.analyze("He felt remorse, and his conscience hunted him after the murder. So he wept.")
    assert analysis.tone == ("remorse",)
    assert service.similar_to(analysis.embedding)[0].work.id == "crime"
    assert service.similar_to(unit("nothing at all")) == ()
    for wrong in (np.ones(3, np.float32), np.full(384, np.nan, np.float32)):
        with pytest.raises(InputError):
            service.similar_to(wrong)
    for text in ("", " \n\t", "\ud800"):
        with pytest.raises(InputError, match="no text"):
            service.analyze(text)
    with pytest.raises(InputError, match="characters"):
        service.analyze("word " * 1_100_000)


def test_without_a_model_the_words_are_searched(wordy: Service) -> None:
    page = wordy.search("mobby dick")
    assert ids(page) == ["moby-dick"]
    assert page.note == "Only the words were searched, because the model is not available."
    assert wordy.search("mobby dick", mode="keyword").note == ""
    assert wordy.similar("moby-dick")
    with pytest.raises(ModelError, match="no model"):
        wordy.analyze("Some text.")


@pytest.mark.parametrize("error", [ModelError("It is broken."), ImportError("torch"), RuntimeError("boom")])
def test_a_model_that_cannot_be_loaded_is_tried_once(library: Library, error: Exception) -> None:
    tries: list[int] = []

    def load() -> FakeAnalyzer:
        tries.append(1)
        raise error

    service = Service(library, load_analyzer=load)
    for _ in range(2):
        assert ids(service.search("mobby dick")) == ["moby-dick"]
        with pytest.raises(ModelError):
            service.analyze("Some text.")
    assert tries == [1]


def test_another_model_is_not_compared_with_these_works(library: Library) -> None:
    class Other(FakeAnalyzer):
        name = "other-2"

    service = Service(library, load_analyzer=Other)
    page = service.search("remorse that kills", mode="meaning")
    assert service.similar_to(embed("remorse that kills")) == ()
    assert service.similar("crime") == Service(library).similar("crime")
    assert {reason for hit in page.hits for reason in hit.reasons} == {"has “kills”"}
    assert "analysed by fake-1, but the model at hand is other-2" in page.note


def test_the_model_is_loaded_once_and_in_the_background(library: Library) -> None:
    loads: list[str] = []
    ready = threading.Event()

    def load() -> FakeAnalyzer:
        loads.append(threading.current_thread().name)
        ready.set()
        return FakeAnalyzer()

    service = Service(library, load_analyzer=load)
    service.browse()
    assert not loads  # browsing needs no model
    service.warm_up()
    service.warm_up()
    assert ready.wait(5)
    assert ids(service.search("obsessive hunt for a whale"))[0] == "moby-dick"
    assert loads == ["warm-up"]


def test_a_query_is_embedded_once_for_all_its_pages(library: Library) -> None:
    asked: list[str] = []

    class Counting(FakeAnalyzer):
        def embed(self, texts: Any) -> Any:
            asked.extend(texts)
            return np.stack([embed(text) for text in texts])

    service = Service(library, load_analyzer=Counting)
    service.search("a hunted conscience")
    service.search("a hunted  conscience ", Filters(kind="book"), page=2, page_size=1)
    assert asked == ["a hunted conscience"]


def test_sorts_hold_for_searches_too(service: Service) -> None:
    by_relevance, by_year = service.search("love"), service.search("love", sort="oldest")
    assert sorted(ids(by_year)) == sorted(ids(by_relevance)) and len(ids(by_year)) > 2
    years = [hit.work.year for hit in by_year.hits]
    assert years == sorted(years)
    assert ids(service.search("love", sort="newest")) != ids(by_year)
    assert ids(service.search("love", sort="oldest", page=2, page_size=1)) == ids(by_year)[1:2]
    assert (by_year.sort, by_relevance.sort) == ("oldest", "relevance")


def test_a_mood_ranks_and_says_why(service: Service) -> None:
    mood = Mood((("anger", 2),))
    page = service.browse(mood=mood, page_size=3)
    assert set(ids(page)) == {"wuthering", "revolution", "slave"}
    assert page.total == 31
    assert page.sentence == "all works with much more anger"
    assert all("much more anger than most" in hit.reasons for hit in page.hits)
    narrowed = service.browse(Filters(topics=("Fiction",)), mood=mood)
    assert narrowed.sentence == "works about Fiction, with much more anger"
    assert ids(narrowed)[0] == "wuthering"
    assert service.search("love", mood=mood).sentence == "works matching “love”, with much more anger"
    assert (
        service.browse(mood=mood, sort="title").hits[0].work.id
        == service.browse(sort="title").hits[0].work.id
    )


def test_a_page_is_json(service: Service) -> None:
    plain = json.loads(json.dumps(service.search("whale", sort="newest").to_dict()))
    assert plain["facets"]["centuries"]["1800"] == service.search("whale").facets.centuries[1800]
    assert plain["facets"]["lengths"] == {"long": plain["facets"]["kinds"]["book"]}
    assert (plain["sort"], plain["is_doubtful"]) == ("newest", False)


@pytest.mark.parametrize("sort", ["relevance", "title", "oldest"])
@pytest.mark.parametrize("query", ["", "love"])
def test_around_walks_the_list(service: Service, query: str, sort: Any) -> None:
    filters, mood = Filters(topics=("Fiction",)), Mood((("sorrow", 1),))
    listed = ids(service.search(query, filters, mood=mood, sort=sort))
    assert len(listed) > 2
    for before, work_id, after in zip([None, *listed], listed, [*listed[1:], None], strict=False):
        found = service.around(work_id, query, filters, mood=mood, sort=sort)
        assert [work and work.id for work in found] == [before, after]
    assert service.around("turing", query, filters) == (None, None)  # not in the list
    with pytest.raises(NotFoundError):
        service.around("nope", query, filters)


def test_locate_is_the_whole_answer(service: Service) -> None:
    assert service.locate().all()
    for query, filters in [
        ("", Filters(kind="paper")),
        ("love", Filters()),
        ("whale", Filters(kind="paper")),
    ]:
        located = service.locate(query, filters, Mood((("anger", 2),)))
        assert located.dtype == np.bool_
        found = {service.library.works[row].id for row in np.flatnonzero(located).tolist()}
        assert found == set(ids(service.search(query, filters)))
    assert not service.locate("zzzz qqqq").any()
    with pytest.raises(InputError):
        service.locate("x" * 1001)


def test_an_empty_library_answers(library: Library) -> None:
    table = library.table.slice(0, 0)
    empty = Service(
        Library(table, library.embeddings[:0], version="0", model=library.model), load_analyzer=FakeAnalyzer
    )
    mood = Mood((("joy", 1),))
    for page in (
        empty.browse(mood=mood),
        empty.search("whale", mood=mood),
        empty.search("sad", sort="longest"),
    ):
        assert (page.hits, page.total, page.n_pages) == ((), 0, 1)
    assert empty.similar_to(unit("whale")) == empty.recommend(["emma"]) == empty.find(["emma"]) == ()
    assert empty.locate("whale").shape == (0,)
    with pytest.raises(NotFoundError):
        empty.surprise()
    with pytest.raises(NotFoundError):
        empty.around("emma")


def test_surprises_are_never_what_was_seen(service: Service) -> None:
    everything = [work.id for work in service.library.works]
    seen = everything[:-3]
    found = {service.surprise(seen).id for _ in range(30)}
    assert found <= set(everything[-3:]) and len(found) == 1  # the farthest of three
    assert len({service.surprise().id for _ in range(30)}) > 5


def test_insights(service: Service) -> None:
    insights = service.insights()
    assert insights.n_works == 31
    assert insights.metrics["emotion"]["shuffled"] == 0.05


def test_settings_choose_the_library(library_folder: Any, monkeypatch: Any, tmp_path: Any) -> None:
    service = Service.from_settings(Settings(dataset=str(library_folder), model=str(tmp_path)))
    assert len(service.library) == 31
    assert service.note == ""
    assert service.search("mobby dick").total == 1  # the folder holds no model
    monkeypatch.setattr(store, "DISCOVERY_DIR", library_folder)
    (tmp_path / "manifest.json").write_text("{")
    assert "embedded works" in Service.from_settings(Settings(dataset=str(tmp_path))).note
    monkeypatch.setattr(store, "DISCOVERY_DIR", tmp_path)
    with pytest.raises(DataError):
        Service.from_settings(Settings())


def test_pages() -> None:
    assert paginate([], 1, 10) == ([], 1, 1)
    assert paginate([1, 2, 3], 2, 2) == ([3], 2, 2)
    assert paginate([1, 2, 3, 4], 3, 2) == ([3, 4], 2, 2)
