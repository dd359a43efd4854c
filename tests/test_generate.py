"""Decoding against `transformers`: the same tokens for the same weights and settings."""

from dataclasses import replace
from typing import Any

import peers
import pytest
import torch
import transformers
from torch import Tensor

from leximind.errors import InputError
from leximind.inference.generate import (
    GenerationConfig,
    LMStepper,
    Seq2SeqStepper,
    Stepper,
    generate,
    stream,
)

torch.set_num_threads(1)
transformers.logging.set_verbosity_error()

FAMILIES = pytest.mark.parametrize("family", ["t5", "llama"])
ENDS = {"t5": 1, "llama": 2}
LENGTHS = [9, 25, 1, 4]


def peer(family: str, seed: int) -> tuple[Any, Any, Tensor, Tensor]:
    """Both models, with an end token likely enough to be written, and a padded batch."""
    theirs, ours = getattr(peers, family)(seed)
    with torch.no_grad():
        for model in (theirs, ours):
            model.lm_head.weight[ENDS[family]] *= 1.5
    return theirs, ours, *peers.ragged(LENGTHS, seed, left=family == "llama")


def stepper_and_start(model: Any, token_ids: Tensor, mask: Tensor) -> tuple[Stepper, Tensor]:
    if hasattr(model, "stack"):
        return LMStepper(model, mask), token_ids
    with torch.inference_mode():
        memory = model.encode(token_ids, mask)
    return Seq2SeqStepper(model, memory), torch.zeros(len(token_ids), 1, dtype=torch.long)


def ours_write(model: Any, token_ids: Tensor, mask: Tensor, config: GenerationConfig) -> list[list[int]]:
    return generate(*stepper_and_start(model, token_ids, mask), config)


def theirs_write(
    family: str, model: Any, token_ids: Tensor, mask: Tensor, config: GenerationConfig
) -> list[list[int]]:
    # T5's min_length counts the start token, so an end token may be token number min_length, as ours;
    # min_new_tokens counts the tokens before the end token.
    minimum = (
        {"min_length": config.min_length}
        if family == "t5"
        else {"min_new_tokens": max(0, config.min_length - 1)}
    )
    written = model.generate(
        input_ids=token_ids, attention_mask=mask, do_sample=False, max_new_tokens=config.max_length,
        num_beams=config.n_beams, length_penalty=config.length_penalty,
        early_stopping=config.early_stopping, repetition_penalty=config.repetition_penalty,
        no_repeat_ngram_size=config.no_repeat_ngram, **minimum,
    )  # fmt: skip
    start = 1 if family == "t5" else token_ids.size(1)
    return [peers.until(row[start:].tolist(), ENDS[family]) for row in written]


SETTINGS: dict[str, dict[str, Any]] = {
    "plain": {},
    "one token": {"max_length": 1},
    "min_length": {"min_length": 6},
    "min equals max": {"min_length": 9, "max_length": 9},
    "repetition_penalty": {"repetition_penalty": 1.7},
    "encouraged repetition": {"repetition_penalty": 0.8},
    "no token twice": {"no_repeat_ngram": 1},
    "no pair twice": {"no_repeat_ngram": 2},
    "no triple twice": {"no_repeat_ngram": 3},
    "all": {"min_length": 4, "repetition_penalty": 1.3, "no_repeat_ngram": 2},
}


@FAMILIES
@pytest.mark.parametrize("settings", SETTINGS.values(), ids=SETTINGS)
def test_greedy_equals_transformers(family: str, settings: dict[str, Any]) -> None:
    config = GenerationConfig(**{"max_length": 14, **settings})
    for seed in range(2):
        theirs, ours, token_ids, mask = peer(family, seed)
        assert ours_write(ours, token_ids, mask, config) == theirs_write(
            family, theirs, token_ids, mask, config
        )


@FAMILIES
@pytest.mark.parametrize("early_stopping", [False, True], ids=["late", "early"])
@pytest.mark.parametrize("length_penalty", [-0.5, 0.0, 1.0, 2.0])
@pytest.mark.parametrize("n_beams", [2, 4])
def test_beam_search_equals_transformers(
    family: str, n_beams: int, length_penalty: float, early_stopping: bool
) -> None:
    config = GenerationConfig(
        max_length=10, n_beams=n_beams, length_penalty=length_penalty, early_stopping=early_stopping
    )
    for seed in (2, 3):
        theirs, ours, token_ids, mask = peer(family, seed)
        assert ours_write(ours, token_ids, mask, config) == theirs_write(
            family, theirs, token_ids, mask, config
        )


@FAMILIES
@pytest.mark.parametrize("settings", SETTINGS.values(), ids=SETTINGS)
def test_beam_search_with_processors_equals_transformers(family: str, settings: dict[str, Any]) -> None:
    config = GenerationConfig(**{"max_length": 14, "n_beams": 3, **settings})
    theirs, ours, token_ids, mask = peer(family, 4)
    assert ours_write(ours, token_ids, mask, config) == theirs_write(family, theirs, token_ids, mask, config)


@FAMILIES
def test_the_peers_end_at_different_times(family: str) -> None:
    """Otherwise the comparisons above would say little about the end token."""
    lengths = set()
    for seed in range(5):
        _, ours, token_ids, mask = peer(family, seed)
        lengths |= {len(row) for row in ours_write(ours, token_ids, mask, GenerationConfig(max_length=14))}
    assert 14 in lengths
    assert len(lengths) >= 4


@FAMILIES
@pytest.mark.parametrize(
    "settings",
    [{}, {"n_beams": 3}, {"repetition_penalty": 1.7}, {"no_repeat_ngram": 2}],
    ids=["greedy", "beams", "penalty", "ngram"],
)
def test_a_batch_is_written_as_its_rows_are_alone(family: str, settings: dict[str, Any]) -> None:
    config = GenerationConfig(max_length=14, **settings)
    for seed in range(3):
        _, ours, token_ids, mask = peer(family, seed)
        alone = []
        for row, length in enumerate(LENGTHS):
            real = mask[row].bool()
            alone += ours_write(
                ours, token_ids[row, real][None], torch.ones(1, length, dtype=torch.long), config
            )
        assert ours_write(ours, token_ids, mask, config) == alone


@pytest.mark.parametrize("n_beams", [1, 3])
def test_the_cache_changes_no_token(n_beams: int) -> None:
    config = GenerationConfig(max_length=14, n_beams=n_beams)
    for seed in range(3):
        _, ours, token_ids, mask = peer("t5", seed)
        with torch.inference_mode():
            memory = ours.encode(token_ids, mask)
        start = torch.zeros(len(LENGTHS), 1, dtype=torch.long)
        cached, uncached = (
            generate(Seq2SeqStepper(ours, memory, cached=cached), start, config) for cached in (True, False)
        )
        assert cached == uncached


@pytest.mark.parametrize("cached", [True, False])
def test_rows_can_be_reordered_dropped_and_doubled(cached: bool) -> None:
    _, ours, token_ids, mask = peer("t5", 2)
    history = peers.ragged([5] * len(LENGTHS), seed=6)[0]
    rows = torch.tensor([3, 0, 0])
    with torch.inference_mode():
        stepper = Seq2SeqStepper(ours, ours.encode(token_ids, mask), cached=cached)
        stepper(history[:, :3])
        stepper.reorder(rows)
        scores = stepper(history[rows, 3:])
        expected = ours(token_ids[rows], history[rows], mask[rows])[:, -1]
    torch.testing.assert_close(scores, expected, rtol=0, atol=1e-4)


class Script:
    """A stepper that always writes the same, a list a row, and then token 9 for ever."""

    eos_id, pad_id, mask = 1, 0, None

    def __init__(self, rows: list[list[int]]) -> None:
        self.rows = [list(row) for row in rows]
        self.seen: list[list[int]] = []

    def __call__(self, tokens: Tensor) -> Tensor:
        self.seen.append(tokens[:, -1].tolist())
        nexts = [row.pop(0) if row else 9 for row in self.rows]
        return torch.nn.functional.one_hot(torch.tensor(nexts), 10).float()

    def reorder(self, rows: Tensor) -> None:
        self.rows = [list(self.rows[row]) for row in rows]


def test_nothing_follows_an_end_token() -> None:
    script = Script([[5, 1], [6, 7, 8, 1], [1]])
    written = generate(script, torch.zeros(3, 1, dtype=torch.long), GenerationConfig(max_length=20))
    assert written == [[5], [6, 7, 8], []]
    # Finished rows leave the batch.
    assert script.seen == [[0, 0, 0], [5, 6], [7], [8]]


def test_few_finished_rows_are_fed_padding_until_moving_the_others_pays() -> None:
    script = Script([[5, 1], *([[6, 7, 8, 9, 1]] * 5), [6, 7, 1]])
    written = generate(script, torch.zeros(7, 1, dtype=torch.long), GenerationConfig(max_length=20))
    assert written == [[5], *([[6, 7, 8, 9]] * 5), [6, 7]]
    assert script.seen == [[0] * 7, [5, *[6] * 6], [1, *[7] * 6], [8] * 5, [9] * 5]


def test_max_length_cuts() -> None:
    script = Script([[5, 6, 7], [5, 1]])
    assert generate(script, torch.zeros(2, 1, dtype=torch.long), GenerationConfig(max_length=3)) == [
        [5, 6, 7],
        [5],
    ]


def test_forbidden_tokens_are_not_written() -> None:
    _, ours, token_ids, mask = peer("t5", 0)
    free = ours_write(ours, token_ids, mask, GenerationConfig(max_length=10))
    forbidden = tuple(sorted({token for row in free for token in row}))[:4]
    for n_beams in (1, 3):
        config = GenerationConfig(max_length=10, forbidden=forbidden, n_beams=n_beams)
        written = ours_write(ours, token_ids, mask, config)
        assert not {token for row in written for token in row} & set(forbidden)


@FAMILIES
def test_streaming_equals_greedy(family: str) -> None:
    config = GenerationConfig(max_length=14, repetition_penalty=1.2)
    for seed in range(4):
        _, ours, token_ids, mask = peer(family, seed)
        row = token_ids[1:2], mask[1:2]
        streamed = list(stream(*stepper_and_start(ours, *row), config))
        assert [streamed] == ours_write(ours, *row, config)


def test_streaming_gives_each_token_as_it_is_chosen() -> None:
    script = Script([[5, 6, 1]])
    tokens = stream(script, torch.zeros(1, 1, dtype=torch.long))
    assert next(tokens) == 5
    assert len(script.seen) == 1
    assert list(tokens) == [6]


@pytest.mark.parametrize(("rows", "n_beams"), [(2, 1), (1, 2)])
def test_streaming_takes_one_row_and_no_beams(rows: int, n_beams: int) -> None:
    start = torch.zeros(rows, 1, dtype=torch.long)
    with pytest.raises(InputError, match="one of each"):
        next(stream(Script([[5]] * rows), start, GenerationConfig(n_beams=n_beams)))


def test_sampling_depends_on_the_seed_alone() -> None:
    _, ours, token_ids, mask = peer("t5", 1)
    config = GenerationConfig(max_length=12, temperature=1.0, seed=4)
    torch.manual_seed(0)
    first = ours_write(ours, token_ids, mask, config)
    torch.manual_seed(1)
    assert ours_write(ours, token_ids, mask, config) == first
    assert ours_write(ours, token_ids, mask, replace(config, seed=5)) != first
    greedy = ours_write(ours, token_ids, mask, GenerationConfig(max_length=12))
    assert ours_write(ours, token_ids, mask, replace(config, top_k=1)) == greedy


def test_sampling_without_a_seed_follows_torch() -> None:
    _, ours, token_ids, mask = peer("t5", 1)
    config = GenerationConfig(max_length=12, temperature=1.0)
    written = []
    for seed in (0, 0, 1):
        torch.manual_seed(seed)
        written.append(ours_write(ours, token_ids, mask, config))
    assert written[0] == written[1] != written[2]


@pytest.mark.parametrize(
    "settings",
    [
        {"max_length": 0},
        {"min_length": -1},
        {"min_length": 9, "max_length": 8},
        {"n_beams": 0},
        {"temperature": -0.1},
        {"temperature": 0.5, "n_beams": 2},
        {"top_k": -1},
        {"top_p": 0.0},
        {"top_p": 1.1},
        {"repetition_penalty": 0.0},
        {"no_repeat_ngram": -1},
    ],
    ids=str,
)
def test_settings_out_of_range_are_named(settings: dict[str, Any]) -> None:
    with pytest.raises(InputError, match=f"^{next(iter(settings))} is .*out of range"):
        GenerationConfig(**settings)
