"""The Live tab without a browser: texts and files in, HTML out in stages; nothing stored, nothing crashes."""

import json
import logging
import re
import threading
import zipfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pypdf
import pytest

from leximind.errors import InputError
from leximind.inference.analysis import Analysis, Cue, Gist, Progress, Stage
from leximind.library.store import Library
from leximind.service import Service
from leximind.ui.desk import MAX_BYTES, Desk, answer, clip_text, read_upload, start
from leximind.ui.examples import EXAMPLES
from leximind.ui.highlights import MAX_CHARACTERS, choose_windows, draw_highlights, draw_plain, merge_cues
from leximind.ui.places import SLOTS, Drawn, draw_places
from leximind.ui.reports import write_json, write_markdown
from leximind.ui.turns import Turns
from tests.conftest import FakeAnalyzer

TEXT = "I feel remorse <b>and</b> fear & nothing about History at all. The whale got away."
FILLED = ("head", "words", "sentences", "topics", "feelings", "similar", "reports")


def run(service: Service, text: str, **options: object) -> list[Drawn]:
    """All changes that one text brings."""
    return list(answer(service, text, **options))  # type: ignore[arg-type]


def show(changes: Sequence[Drawn]) -> Drawn:
    """What stands in each place at the end."""
    page = dict.fromkeys(SLOTS, "")
    for drawn in changes:
        page |= drawn
    return page  # type: ignore[return-value]


def pdf(*texts: str) -> pypdf.PdfWriter:
    """A PDF file with a page for each text; an empty one is a page without text."""
    writer = pypdf.PdfWriter()
    for text in texts:
        page = writer.add_blank_page(300, 300)
        font = pypdf.generic.DictionaryObject(
            {
                pypdf.generic.NameObject("/Type"): pypdf.generic.NameObject("/Font"),
                pypdf.generic.NameObject("/Subtype"): pypdf.generic.NameObject("/Type1"),
                pypdf.generic.NameObject("/BaseFont"): pypdf.generic.NameObject("/Helvetica"),
            }
        )
        fonts = pypdf.generic.DictionaryObject({pypdf.generic.NameObject("/F1"): font})
        page[pypdf.generic.NameObject("/Resources")] = pypdf.generic.DictionaryObject(
            {pypdf.generic.NameObject("/Font"): fonts}
        )
        if text:
            stream = pypdf.generic.DecodedStreamObject()
            stream.set_data(f"BT /F1 12 Tf 10 100 Td ({text}) Tj ET".encode())
            page[pypdf.generic.NameObject("/Contents")] = writer._add_object(stream)
    return writer


# Stages ------------------------------------------------------------------------


def test_topic_and_close_works_come_first_and_the_summary_last(service: Service) -> None:
    changes = run(service, TEXT)
    assert [set(drawn) - {"line", "head"} for drawn in changes] == [
        {"topics", "similar", "arc"},
        {"words", "feelings", "arc"},
        {"sentences"},
        {"sentences", "reports"},
    ]
    assert "History" in changes[0]["topics"] and 'href="?work=' in changes[0]["similar"]
    assert (
        '<mark class="lm-cue-1 " title="remorse">remorse</mark> &lt;b&gt;and&lt;/b&gt;' in changes[1]["words"]
    )
    assert '<mark class="lm-cue-0 " title="fear">fear</mark> &amp; nothing' in changes[1]["words"]
    assert [re.search(r'data-state="(\w+)"', drawn["line"])[1] for drawn in changes] == [  # type: ignore[index]
        "busy",
        "busy",
        "busy",
        "done",
    ]


def test_the_head_fills_up_and_the_key_sentence_stands_in_for_the_summary(service: Service) -> None:
    heads = [drawn["head"] for drawn in run(service, TEXT)]
    assert "History" in heads[0] and "Closest in the library" in heads[0] and "remorse" not in heads[0]
    assert '<ul class="lm-tone"' in heads[1] and "lm-ghost" in heads[1]
    assert "The text’s own key sentence" in heads[2] and 'aria-busy="false"' in heads[2]
    assert "Key sentence chosen by the model" in heads[3]


def test_every_part_has_its_place_before_anything_is_known() -> None:
    short, long = draw_places(TEXT, 7), draw_places("A sentence. " * 400, 8)
    assert set(short) == set(SLOTS) == set(long)
    for part in ("words", "sentences", "topics", "feelings", "similar"):
        assert f'data-part="{part}" aria-busy="true"' in short[part]
    assert not short["arc"] and 'data-part="arc" aria-busy="true"' in long["arc"]
    assert "&lt;b&gt;and&lt;/b&gt; fear" in short["words"], "the text stands there from the start"
    assert short["topics"].count("lm-ghost-row") == 7
    assert short["reports"].count("disabled") == 2
    assert 'data-turn="7"' in short["line"]


def test_at_the_end_no_place_is_busy(service: Service) -> None:
    page = show([draw_places(TEXT, 1), *run(service, TEXT)])
    assert all(page[name] for name in FILLED)
    assert not any('aria-busy="true"' in page[name] or "lm-ghost" in page[name] for name in SLOTS)


def test_long_texts_say_how_far_the_reading_is(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    def stages(text: str) -> Iterator[Stage]:
        gist, *rest = FakeAnalyzer().analyze_stages(text)
        yield from (Progress(16, 48), Progress(48, 48), gist, Progress(30, 40), Progress(40, 40), *rest)

    monkeypatch.setattr(service, "analyze_stages", stages)
    lines = [drawn["line"] for drawn in run(service, TEXT) if set(drawn) == {"line"}]
    assert ["what it is about: 33%" in lines[0], "how it feels: 75%" in lines[1]] == [True, True]
    assert len(lines) == 2


def test_works_that_are_saved_already_are_left_out(service: Service) -> None:
    def found(saved: tuple[str, ...]) -> set[str]:
        return set(re.findall(r'data-work="([^"]+)"', show(run(service, TEXT, saved=saved))["similar"]))

    first = found(())
    saved = tuple(sorted(first)[:2])
    assert saved and found(saved).isdisjoint(saved)
    everything = tuple(service.library.works[row].id for row in range(len(service.library)))
    assert "Nothing else in the library is close." in show(run(service, TEXT, saved=everything))["similar"]


def test_once_nobody_waits_the_model_is_left_alone(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    reached: list[str] = []

    def stages(text: str) -> Iterator[Stage]:
        for stage in FakeAnalyzer().analyze_stages(text):
            reached.append(type(stage).__name__)
            yield stage

    monkeypatch.setattr(service, "analyze_stages", stages)
    over = threading.Event()
    changes = answer(service, TEXT, is_over=over.is_set)
    next(changes)
    over.set()
    assert list(changes) == []
    assert reached == ["Gist", "Feelings"]


def test_a_visitors_new_request_ends_the_one_before_and_no_one_elses() -> None:
    turns = Turns()
    with turns.take("a") as first, turns.take("b") as other:
        with turns.take("a") as second:
            assert (first.is_set(), second.is_set(), other.is_set()) == (True, False, False)
            turns.end("a")
            assert second.is_set()
        turns.end("nobody")
        assert not other.is_set()
    assert turns._running == {}


# What could go wrong ------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["", "   \n", None])
def test_no_text_is_asked_for_kindly(text: str | None) -> None:
    drawn, told = start(text, 1)
    assert told is None
    assert "There is no text to read." in drawn["line"] and "try one of the examples" in drawn["line"]
    assert not any(drawn[name] for name in FILLED)


@pytest.mark.parametrize(
    "text", ["abc", "1 2 3 4", "😀😀😀", "مرحبا بالعالم", "中文文本。", "\u202eabc", "a\x00b", "\ud800 lone"]
)
def test_odd_texts_are_read_and_the_page_says_what_that_is_worth(service: Service, text: str) -> None:
    _, told = start(text, 1)
    page = show(run(service, text, notes=told))
    assert 'data-state="done"' in page["line"]
    assert "to go by. Of so little the model can only guess" in page["head"]


def test_any_direction_of_writing_is_kept(service: Service) -> None:
    page = show(run(service, "مرحبا بالعالم"))
    assert 'dir="auto"' in page["words"] and '<p dir="auto">' in page["head"]


def test_a_long_text_is_cut_and_says_so() -> None:
    text, note = clip_text("é" * MAX_BYTES)
    assert len(text.encode()) <= MAX_BYTES
    assert note == "Your text is 2.0 MB long; only the first 1 MB was read."
    assert clip_text("short") == ("short", "")
    assert clip_text("lone \ud800 surrogate")[1] == ""
    drawn, told = start("é" * MAX_BYTES, 1)
    assert told == [note] and note in drawn["head"]


def test_notes_stay_with_what_the_model_adds(service: Service) -> None:
    heads = [drawn["head"] for drawn in run(service, "joy", notes=["2 pages hold no text."])]
    assert all("2 pages hold no text." in head and "This is a very short text." in head for head in heads)


def test_without_a_model_it_is_said(library: Library) -> None:
    (only,) = run(Service(library), TEXT)
    assert "There is no model" in only["line"] and not only["head"]


def test_a_model_that_fails_to_load_is_told_with_what_still_works(library: Library) -> None:
    def load() -> FakeAnalyzer:
        raise OSError("disk full of secrets")

    (only,) = run(Service(library, load_analyzer=load), TEXT)
    assert "could not be loaded" in only["line"] and "keyword search work" in only["line"]
    assert "secrets" not in only["line"]


def test_a_failure_half_way_is_told_and_never_quotes_the_text(
    service: Service, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def stages(text: str) -> Iterator[Stage]:
        yield next(FakeAnalyzer().analyze_stages(text))
        raise RuntimeError(f"cannot digest {text}")

    monkeypatch.setattr(service, "analyze_stages", stages)
    with caplog.at_level(logging.DEBUG):
        first, last = run(service, TEXT)
    assert "Something went wrong" in last["line"] and not last["topics"] and first["topics"]
    assert "RuntimeError" in caplog.text and "in stages" in caplog.text
    assert "remorse" not in caplog.text


# Files ------------------------------------------------------------------------


def write_scan(path: Path) -> Path:
    pdf("", "").write(path)
    return path


def write_locked(path: Path) -> Path:
    writer = pdf("secret words")
    writer.encrypt("a password")
    writer.write(path)
    return path


def write_bomb(path: Path) -> Path:
    package = '<package><manifest><item id="a" href="a.html" media-type="text/html"/></manifest>'
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("META-INF/container.xml", '<container><rootfile full-path="p.opf"/></container>')
        archive.writestr("p.opf", f'{package}<spine><itemref idref="a"/></spine></package>')
        archive.writestr("a.html", b"x" * (51 * 1024 * 1024))
    return path


def write_word_file(path: Path) -> Path:
    path.write_bytes(b"PK\x03\x04\0\0 word/document.xml")
    return path


def write_broken(path: Path) -> Path:
    path.write_bytes(b"not a pdf")
    return path


@pytest.mark.parametrize(
    ("name", "write", "told"),
    [
        ("scan.pdf", write_scan, "a scan without its text"),
        ("locked.pdf", write_locked, "locked with a password"),
        ("bomb.epub", write_bomb, "unpacks to more than 50 MiB"),
        ("letter.txt", write_word_file, "is not text"),
        ("letter.docx", write_word_file, "cannot be read"),
        ("broken.pdf", write_broken, "damaged PDF"),
        ("empty.txt", lambda path: path.write_bytes(b"") * 0 or path, "no text"),
    ],
)
def test_a_file_that_cannot_be_read_is_told_kindly_and_deleted(
    tmp_path: Path, name: str, write: Callable[[Path], Path], told: str
) -> None:
    file = write(tmp_path / name)
    with pytest.raises(InputError) as caught:
        read_upload(str(file))
    assert told in str(caught.value) and caught.value.hint
    assert list(tmp_path.iterdir()) == []


def test_a_file_is_read_and_deleted_and_skipped_pages_are_told(tmp_path: Path) -> None:
    file = tmp_path / "letter.pdf"
    pdf("Dear sea, I am sorry.", "", "Yours").write(file)
    text, notes = read_upload(str(file))
    assert "I am sorry." in text and "Yours" in text
    assert notes == ("1 page holds no text, perhaps a picture or a scan; the other 2 were read.",)
    assert not file.exists()


def test_a_pdf_with_a_wrong_ending_is_read_as_what_it_is(tmp_path: Path) -> None:
    file = tmp_path / "letter.txt"
    pdf("Dear sea, I am sorry.").write(file)
    assert "Dear sea" in read_upload(str(file))[0]


# The promise ------------------------------------------------------------------------


class _Visitor:
    session_hash = "somebody"


def test_a_text_is_in_no_file_and_in_no_log(
    service: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    for name in ("TMPDIR", "TEMP", "TMP", "GRADIO_TEMP_DIR"):
        monkeypatch.setenv(name, str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    secret = "quincunx"
    file = tmp_path / "letter.md"
    file.write_text(f"The {secret} fills me with remorse and joy.", encoding="utf-8")
    desk = Desk(service)
    with caplog.at_level(logging.DEBUG):
        text, *drawn, ticket = desk.open(str(file), _Visitor())  # type: ignore[arg-type]
        shown = list(desk.run(text, ticket, [], _Visitor()))  # type: ignore[arg-type]
    assert secret in str(drawn) and secret in str(shown[-1]), "the page has it"
    assert secret not in str(ticket), "what Gradio keeps of the visitor has not"
    assert secret not in caplog.text
    assert [
        path for path in tmp_path.rglob("*") if path.is_file() and secret in path.read_text("utf-8")
    ] == []
    assert secret not in str(service._embed.cache_info()) and desk._turns._running == {}


@pytest.mark.parametrize("saved", [None, "all", {"a": 1}, [1, None, ["x"], "moby-dick"], ["x" * 5000]])
def test_whatever_the_browser_sends_as_its_shelf_is_borne(service: Service, saved: object) -> None:
    desk = Desk(service)
    *_, ticket = desk.begin(TEXT, _Visitor())  # type: ignore[arg-type]
    *_, last = desk.run(TEXT, ticket, saved, _Visitor())  # type: ignore[arg-type]
    assert 'data-state="done"' in last[SLOTS.index("line")]
    assert "moby-dick" not in last[SLOTS.index("similar")] or saved != [1, None, ["x"], "moby-dick"]


# Reports ------------------------------------------------------------------------


def analyze(text: str) -> Analysis:
    return FakeAnalyzer().analyze([text])[0]


def test_the_json_report_has_all_and_offsets_that_fit(service: Service) -> None:
    analysis = analyze(TEXT)
    report = json.loads(write_json(analysis, service.similar_to(analysis.embedding, 2)))
    (cue,) = report["cues"]["remorse"]
    assert report["text"][cue["start"] : cue["end"]] == "remorse"
    assert len(report["labels"]["emotions"]) == len(report["emotions"]) == 28
    assert [set(work) for work in report["similar"]] == [
        {"id", "title", "authors", "year", "url", "closeness", "reasons"}
    ] * 2


def test_the_markdown_report_shows_hostile_words_as_they_stand(service: Service) -> None:
    text = "# Joy [link](http://x) <b>*and*</b> | fear about `History` $x$ & a whale. Second."
    analysis = analyze(text)
    report = write_markdown(analysis, service.similar_to(analysis.embedding, 3))
    assert report.startswith(
        "# What LexiMind found\n\n> \\# Joy \\[link\\](http://x) \\<b\\>\\*and\\*\\</b\\> \\|"
    )
    assert "| History | 70.0% |" in report and "- fear: fear" in report and "## Works close to it" in report
    markdown = pytest.importorskip("markdown_it").MarkdownIt("commonmark").enable("table")
    html = markdown.render(report)
    assert "<b>" not in html and "<code>" not in html and html.count("<h1>") == 1 and "<a " not in html
    assert html.count("<table>") == 2


def test_reports_reach_the_page_escaped_and_whole(service: Service) -> None:
    reports = show(run(service, TEXT))["reports"]
    assert '"text": "I feel' not in reports and "&#34;text&#34;: &#34;I feel remorse &lt;b&gt;" in reports
    assert 'data-download="leximind.md"' in reports and 'data-download="leximind.json"' in reports
    assert "disabled" not in reports


# Marks ------------------------------------------------------------------------


def test_every_example_works(service: Service) -> None:
    for text in EXAMPLES.values():
        assert 'data-state="done"' in show(run(service, text))["line"]
    assert max(map(len, EXAMPLES.values())) > 2_600, "one is long enough for an arc"


def test_a_word_may_drive_several_feelings_but_spans_never_overlap() -> None:
    fear = [Cue("dark night", 4, 14, 0.9), Cue("cold", 20, 24, 0.1)]
    sadness = [Cue("night", 9, 14, 0.5), Cue("cold", 20, 24, 0.3), Cue("out", 90, 99, 1.0)]
    assert merge_cues(30, [fear, sadness]) == [(4, 14, (0,)), (20, 24, (0, 1))]


def test_all_of_a_short_text_is_shown_once() -> None:
    html = draw_highlights("a sad < b", {"sadness": [Cue("sad", 2, 5, 1.0)]})
    assert '>a <mark class="lm-cue-0 " title="sadness">sad</mark> &lt; b</div>' in html
    assert "No word stands for a feeling here." in draw_highlights("a sad < b", {})


def test_a_long_text_is_shown_around_its_cues() -> None:
    length = 50 * MAX_CHARACTERS
    spans = [(start, start + 5, (0,)) for start in range(1000, length, 1000)]
    windows = choose_windows(length, spans)
    assert sum(last - first for first, last in windows) < MAX_CHARACTERS + 1000
    assert all(first <= 1000 * (n + 1) < last for n, (first, last) in enumerate(windows))
    assert len(draw_plain("é" * length)) < MAX_CHARACTERS + 300


def test_a_text_of_another_model_has_no_neighbours(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    def stages(text: str) -> Iterator[Stage]:
        for stage in FakeAnalyzer().analyze_stages(text):
            yield Gist(**(vars(stage) | {"model": "other-2"})) if isinstance(stage, Gist) else stage

    monkeypatch.setattr(service, "analyze_stages", stages)
    assert "described by another model" in show(run(service, TEXT))["similar"]
