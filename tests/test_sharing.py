"""Several threads at one model: the same answers, shared batches, and nobody in anybody's way."""

import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from leximind.inference import encoding
from leximind.inference.analysis import Analysis, Gist, Progress, Summary
from leximind.inference.analyzer import LexiMind
from leximind.inference.lines import SHORT, ReadingLine, Request
from tests.models import tiny_analyzer, tiny_model, tokenizer

torch.set_num_threads(1)

STORY = (
    "The house at the end of the lane had been empty for years, and nobody dared to go near it. "
    "One night Anna heard a scream from the cellar and ran, trembling with fear, into the dark. "
    "Her brother found her at dawn. They laughed and wept, and he held her until the shaking stopped. "
)
TEXTS = [
    STORY,
    STORY * 9,
    "A new bound on the diameter of graphs is proved, and it is tight. " * 5,
    "x",
    STORY * 3,
]


@pytest.fixture
def analyzer() -> LexiMind:
    """One of its own for each test."""
    return LexiMind(tiny_model(), tokenizer(), tiny_analyzer().profile)


def together(*works: Callable[[], Any]) -> list[Any]:
    """What each gives, or the error it raises, in threads that start at once."""
    found: list[Any] = [None] * len(works)
    barrier = threading.Barrier(len(works))

    def run(number: int) -> None:
        barrier.wait()
        try:
            found[number] = works[number]()
        except Exception as error:
            found[number] = error

    threads = [threading.Thread(target=run, args=(number,), daemon=True) for number in range(len(works))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
        assert not thread.is_alive(), "a thread waits for ever"
    return found


def hold_first_batch(analyzer: LexiMind, monkeypatch: pytest.MonkeyPatch, n_waiting: int) -> list[int]:
    """Let the first batch begin only when so many threads wait; gives the rows of all batches."""
    encode, sizes = analyzer.model.encode, []
    all_wait = threading.Event()

    def counted(token_ids: Tensor, *given: Any) -> Any:
        if not sizes:
            deadline = 2000
            while len(analyzer.sharing._waiters) < n_waiting and deadline:
                all_wait.wait(0.005)
                deadline -= 1
        sizes.append(len(token_ids))
        return encode(token_ids, *given)

    monkeypatch.setattr(analyzer.model, "encode", counted)
    return sizes


def expect_same(found: Analysis, expected: Analysis) -> None:
    np.testing.assert_allclose(found.emotions, expected.emotions, atol=1e-5)
    np.testing.assert_allclose(found.topic_scores, expected.topic_scores, atol=1e-5)
    np.testing.assert_allclose(found.embedding, expected.embedding, atol=1e-5)
    assert (found.summary, found.summary_source) == (expected.summary, expected.summary_source)
    assert (found.tone, found.notes, found.topic) == (expected.tone, expected.notes, expected.topic)


def test_threads_get_what_they_would_get_alone(analyzer: LexiMind) -> None:
    expected = [tiny_analyzer().analyze([text])[0] for text in TEXTS]

    def whole(text: str) -> Callable[[], Any]:
        return lambda: analyzer.analyze([text])[0]

    def staged(text: str) -> Callable[[], Any]:
        return lambda: Analysis.of(
            *(stage for stage in analyzer.analyze_stages(text) if not isinstance(stage, Progress))
        )

    def vector(text: str) -> Callable[[], Any]:
        return lambda: analyzer.embed([text])[0]

    for _ in range(2):
        works = [make(text) for make in (whole, staged, vector) for text in TEXTS]
        found = together(*works)
        for number, own in enumerate(expected):
            expect_same(found[number], own)
            expect_same(found[len(TEXTS) + number], own)
            np.testing.assert_allclose(found[2 * len(TEXTS) + number], own.embedding, atol=1e-5)
    assert not analyzer.sharing._waiters and not analyzer.sharing._jobs
    assert not analyzer.sharing._reading.has_work and not analyzer.sharing._writing.has_work


def test_short_texts_share_batches(analyzer: LexiMind, monkeypatch: pytest.MonkeyPatch) -> None:
    texts = [f"{STORY}Number {number}." for number in range(4)]
    sizes = hold_first_batch(analyzer, monkeypatch, 4)
    together(*(lambda text=text: analyzer.embed([text]) for text in texts))
    assert sizes == [1, 3], "three came while the first was read, and are read at once"


def test_sources_share_steps_of_the_decoder(analyzer: LexiMind, monkeypatch: pytest.MonkeyPatch) -> None:
    sizes: list[int] = []
    decode = analyzer.model.backbone.decode
    monkeypatch.setattr(
        analyzer.model.backbone,
        "decode",
        lambda ids, *a, **o: (sizes.append(len(ids)), decode(ids, *a, **o))[1],
    )
    hold_first_batch(analyzer, monkeypatch, 4)
    together(
        *(lambda text=text: analyzer.analyze([text]) for text in [STORY, STORY * 2, STORY * 3, STORY * 4])
    )
    assert max(sizes) > 4, "a source has four beams"


def test_one_that_leaves_takes_its_work_along(analyzer: LexiMind, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(encoding, "BATCH_TOKENS", 600)
    stages = analyzer.analyze_stages(STORY * 30)
    assert isinstance(next(stages), Progress)
    assert analyzer.sharing._reading.has_work
    stages.close()
    assert not analyzer.sharing._reading.has_work
    expect_same(analyzer.analyze([STORY])[0], tiny_analyzer().analyze([STORY])[0])


def test_an_error_reaches_only_the_one_whose_text_it_is_about(
    analyzer: LexiMind, monkeypatch: pytest.MonkeyPatch
) -> None:
    encode = analyzer.model.encode
    hold_first_batch(analyzer, monkeypatch, 4)
    held = analyzer.model.encode
    bad = tokenizer().encode(["whale"])[0][1]

    def fail(token_ids: Tensor, *given: Any) -> Any:
        if (token_ids == bad).any():
            raise RuntimeError("no whales")
        return held(token_ids, *given)

    monkeypatch.setattr(analyzer.model, "encode", fail)
    texts = [STORY, STORY + "A whale was there.", STORY + "A cat was there.", "A whale."]
    found = together(*(lambda text=text: analyzer.embed([text])[0] for text in texts))
    assert [isinstance(own, RuntimeError) for own in found] == [False, True, False, True]
    monkeypatch.setattr(analyzer.model, "encode", encode)
    np.testing.assert_allclose(found[2], analyzer.embed([texts[2]])[0], atol=1e-5)


def test_an_error_of_the_decoder_reaches_only_its_own_source(
    analyzer: LexiMind, monkeypatch: pytest.MonkeyPatch
) -> None:
    texts = [STORY, "A whale swam in the sea and was never seen again.", STORY * 2, STORY * 3]
    expected = [analyzer.summarize([text])[0] for text in texts]
    bad = tokenizer().encode(["whale"])[0][1]
    decode = analyzer.model.backbone.decode

    def fail(ids: Tensor, memory: Any, *given: Any, **options: Any) -> Any:
        if (memory.token_ids == bad).any():
            raise RuntimeError("no whales")
        return decode(ids, memory, *given, **options)

    monkeypatch.setattr(analyzer.model.backbone, "decode", fail)
    hold_first_batch(analyzer, monkeypatch, 4)
    found = together(*(lambda text=text: analyzer.summarize([text])[0] for text in texts))
    assert isinstance(found[1], RuntimeError)
    assert [found[i] for i in (0, 2, 3)] == [expected[i] for i in (0, 2, 3)]


def test_a_thread_that_is_told_to_stop_leaves_the_others_their_work(
    analyzer: LexiMind, monkeypatch: pytest.MonkeyPatch
) -> None:
    hold_first_batch(analyzer, monkeypatch, 2)
    held, n_calls = analyzer.model.encode, [0]

    def interrupt(*given: Any) -> Any:
        memory = held(*given)
        n_calls[0] += 1
        if n_calls[0] == 2:  # the batch of both others
            raise KeyboardInterrupt
        return memory

    monkeypatch.setattr(analyzer.model, "encode", interrupt)
    told: list[BaseException] = []

    def embed(text: str) -> Any:
        try:
            return analyzer.embed([text])[0]
        except KeyboardInterrupt as error:
            told.append(error)
            return None

    found = together(*(lambda text=text: embed(text) for text in (STORY, STORY + "A cat.", STORY + "A dog.")))
    assert len(told) == 1 and sum(own is not None for own in found) == 2


def test_a_book_does_not_keep_a_short_text_waiting(
    analyzer: LexiMind, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The short text comes when the first batch of the book is read, and is in the second."""
    encode, length = analyzer.model.encode, len(tokenizer().encode([STORY])[0])
    short = threading.Thread(target=lambda: analyzer.embed([STORY]), daemon=True)
    is_in: list[bool] = []

    def watched(token_ids: Tensor, mask: Tensor, *given: Any) -> Any:
        is_in.append(length in mask.sum(1).tolist())
        if len(is_in) == 1:
            short.start()
            while len(analyzer.sharing._waiters) < 2:
                short.join(0.005)
        return encode(token_ids, mask, *given)

    monkeypatch.setattr(analyzer.model, "encode", watched)
    stages = analyzer.analyze_stages(STORY * 80)
    while not isinstance(next(stages), Gist):
        pass
    short.join(10)
    assert not short.is_alive()
    assert len(is_in) >= 5 and is_in.index(True) == 1
    assert isinstance(list(stages)[-1], Summary)


def test_a_few_words_do_not_wait_for_what_is_being_written(
    analyzer: LexiMind, monkeypatch: pytest.MonkeyPatch
) -> None:
    encode, decode, done = analyzer.model.encode, analyzer.model.backbone.decode, []
    query = threading.Thread(target=lambda: analyzer.embed(["A cat."]), daemon=True)

    def read(*given: Any) -> Any:
        done.append("read")
        return encode(*given)

    def write(*given: Any, **options: Any) -> Any:
        done.append("write")
        if done.count("write") == 1:
            query.start()
            while len(analyzer.sharing._waiters) < 2:
                query.join(0.005)
        return decode(*given, **options)

    monkeypatch.setattr(analyzer.model, "encode", read)
    monkeypatch.setattr(analyzer.model.backbone, "decode", write)
    analyzer.summarize([STORY])
    query.join(10)
    first = done.index("write")
    assert not query.is_alive()
    assert done[first : first + 3] == ["write", "read", "write"]


def test_with_a_reference_it_is_the_same_model_for_all() -> None:
    plain = tiny_analyzer()
    assert plain.with_reference(np.zeros(28), np.ones(28)).sharing is plain.sharing


# Who goes into one batch ------------------------------------------------------------------------


def request(*lengths: int, task: str = "") -> Request:
    return Request([[7] * length for length in lengths], lambda *_: None, task)


def test_requests_take_turns_and_others_fill_up() -> None:
    line = ReadingLine()
    book, short, unit = request(*[100] * 9), request(95), request(20, 95, task="emotion")
    for own in (book, short, unit):
        line.add(own)
    batches = []
    while line.has_work:
        batches.append([(own, len(numbers)) for own, numbers in line.next_batch(400)])
    assert batches == [[(book, 4)], [(short, 1), (book, 3)], [(unit, 2)], [(book, 2)]]


def test_a_few_words_come_before_what_came_earlier() -> None:
    line, long, few = ReadingLine(), request(*[100] * 4), request(SHORT, task="emotion")
    line.add(long)
    assert not line.is_pressing
    line.add(few)
    assert line.is_pressing
    assert line.next_batch(200) == [(few, [0])]
    assert not line.is_pressing
    assert line.next_batch(200) == [(long, [0, 1])]


def test_nothing_is_padded_much_for_the_sake_of_company() -> None:
    line = ReadingLine()
    first, second = request(10), request(100, 11)
    line.add(first)
    line.add(second)
    assert line.next_batch(1000) == [(first, [0]), (second, [1])]
    assert line.next_batch(1000) == [(second, [0])]
    assert not line.has_work


def test_a_row_longer_than_a_batch_goes_alone() -> None:
    line, long = ReadingLine(), request(50, 700, 800)
    line.add(long)
    assert [line.next_batch(500) for _ in range(3)] == [[(long, [0])], [(long, [1])], [(long, [2])]]


def test_what_is_put_back_comes_again() -> None:
    line, own = ReadingLine(), request(3, 1, 2)
    line.add(own)
    line.put_back(line.next_batch(100))
    assert line.next_batch(100) == [(own, [1, 2, 0])]
    line.remove(own)
    assert not line.has_work
