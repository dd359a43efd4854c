"""The Live tab without a browser: a text in, HTML out; nothing stored, nothing crashes."""

from pathlib import Path

import pytest

from leximind.errors import InputError
from leximind.inference.analysis import Cue
from leximind.library.store import Library
from leximind.service import Service
from leximind.ui.highlights import MAX_CHARACTERS, choose_windows, draw_highlights, merge_cues
from leximind.ui.live import EXAMPLES, MAX_BYTES, answer, clip_text, read_upload

TEXT = "I feel remorse <b>and</b> fear & nothing about History at all. The whale got away."


def test_an_answer_tells_topic_feelings_words_and_neighbours(service: Service) -> None:
    page = answer(service, TEXT)
    assert "History" in page
    assert '<mark class="lm-cue-1 " title="remorse">remorse</mark> &lt;b&gt;and&lt;/b&gt;' in page
    assert '<mark class="lm-cue-0 " title="fear">fear</mark> &amp; nothing' in page
    assert "Key sentence chosen by the model" in page
    assert 'href="?work=' in page


@pytest.mark.parametrize("text", ["", "   \n", None])
def test_no_text_is_asked_for_kindly(service: Service, text: str | None) -> None:
    page = answer(service, text)
    assert "There is no text" in page
    assert "Traceback" not in page


def test_without_a_model_it_is_said(library: Library) -> None:
    assert "There is no model" in answer(Service(library), TEXT)


def test_a_failing_model_is_told_kindly(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: str) -> None:
        raise RuntimeError("secret detail")

    monkeypatch.setattr(service, "analyze", fail)
    page = answer(service, TEXT)
    assert "Something went wrong" in page
    assert "secret" not in page


def test_notes_of_the_model_are_shown(service: Service) -> None:
    assert "This is a very short text." in answer(service, "joy")


def test_a_long_text_is_cut_and_says_so() -> None:
    text, note = clip_text("é" * MAX_BYTES)
    assert len(text.encode()) <= MAX_BYTES
    assert note == "Your text is 2.0 MB long; only the first 1 MB was read."
    assert clip_text("short") == ("short", "")
    assert clip_text("lone \ud800 surrogate")[1] == ""


def test_every_example_works(service: Service) -> None:
    for text in EXAMPLES.values():
        assert "What the model found" in answer(service, text)


def test_a_word_may_drive_several_feelings_but_spans_never_overlap() -> None:
    fear = [Cue("dark night", 4, 14, 0.9), Cue("cold", 20, 24, 0.1)]
    sadness = [Cue("night", 9, 14, 0.5), Cue("cold", 20, 24, 0.3), Cue("out", 90, 99, 1.0)]
    assert merge_cues(30, [fear, sadness]) == [(4, 14, (0,)), (20, 24, (0, 1))]


def test_all_of_a_short_text_is_shown_once() -> None:
    html = draw_highlights("a sad < b", {"sadness": [Cue("sad", 2, 5, 1.0)]})
    assert '>a <mark class="lm-cue-0 " title="sadness">sad</mark> &lt; b</div>' in html


def test_a_long_text_is_shown_around_its_cues() -> None:
    length = 50 * MAX_CHARACTERS
    spans = [(start, start + 5, (0,)) for start in range(1000, length, 1000)]
    windows = choose_windows(length, spans)
    assert sum(last - first for first, last in windows) < MAX_CHARACTERS + 1000
    assert all(first <= 1000 * (n + 1) < last for n, (first, last) in enumerate(windows))


def test_an_uploaded_file_is_read_and_deleted(tmp_path: Path) -> None:
    file = tmp_path / "letter.txt"
    file.write_text("Dear sea,\nI am sorry.", encoding="utf-8")
    assert "I am sorry." in read_upload(str(file))
    assert not file.exists()


def test_a_file_that_cannot_be_read_is_deleted_too(tmp_path: Path) -> None:
    file = tmp_path / "broken.pdf"
    file.write_bytes(b"not a pdf")
    with pytest.raises(InputError):
        read_upload(str(file))
    assert not file.exists()
