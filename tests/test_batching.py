"""Continuous batching: what is written of a source does not depend on who shares its batch, or since when."""

import random
from dataclasses import replace
from typing import Any

import pytest
import torch

from leximind.errors import ModelError
from leximind.inference.continuous import MAX_IDLE, Continuous, Source
from leximind.inference.generate import GenerationConfig, Seq2SeqStepper, generate
from leximind.model.config import Seq2SeqConfig, StackConfig
from leximind.model.seq2seq import Memory, Seq2Seq

torch.set_num_threads(1)

VOCABULARY = 40
STYLES = {"t5": ("t5_bias", "rms"), "bert": ("learned", "layer")}


def make_model(style: str, copies: bool, seed: int) -> Seq2Seq:
    """A small model with weights large enough that it writes all sorts of things, of all sorts of lengths."""
    torch.manual_seed(seed)
    position, norm = STYLES[style]
    encoder = StackConfig(
        2, 16, 2, 2, 8, 32, position=position, norm=norm, n_positions=40, feed_forward="gelu", bias=True,
        final_norm=True,
    )  # fmt: skip
    decoder = replace(encoder, causal=True, cross_attention=True)
    model = Seq2Seq(Seq2SeqConfig(VOCABULARY, encoder, decoder, copy_head=copies, pad_token_id=0,
                                  eos_token_id=1, start_token_id=2))  # fmt: skip
    with torch.no_grad():
        for weight in model.parameters():
            if weight.ndim > 1:
                torch.nn.init.normal_(weight, std=0.7)
        if model.lm_head is not None:
            model.lm_head.weight[1] *= 2.5
    return model.eval().requires_grad_(False)


def make_memories(model: Seq2Seq, n: int, seed: int) -> list[Memory]:
    generator = torch.Generator().manual_seed(seed)
    lengths = torch.randint(1, 20, (n,), generator=generator).tolist()
    rows = [torch.randint(3, VOCABULARY, (1, length), generator=generator) for length in lengths]
    with torch.inference_mode():
        return [model.encode(row) for row in rows]


def hopeless(tokens: list[int]) -> bool:
    """Gives some sequences up, early or late."""
    return len(tokens) > 2 and sum(tokens[:3]) % 3 == 0


def alone(model: Seq2Seq, source: Source, config: GenerationConfig) -> list[int]:
    config = config if source.seed is None else replace(config, seed=source.seed)
    judge = source.is_hopeless
    (row,) = generate(
        Seq2SeqStepper(model, source.memory),
        torch.full((1, 1), 2),
        config,
        None if judge is None else lambda _, tokens: judge(tokens),
    )
    return row


CONFIGS: dict[str, dict[str, Any]] = {
    "greedy": {},
    "drawn": {"temperature": 1.2, "top_k": 20, "top_p": 0.95},
    "beams": {"n_beams": 3},
    "early beams": {"n_beams": 4, "early_stopping": True, "length_penalty": 0.5},
    "rules": {"min_length": 4, "repetition_penalty": 1.3, "no_repeat_ngram": 2, "forbidden": (5, 6)},
    "beams with rules": {"n_beams": 3, "min_length": 5, "no_repeat_ngram": 2, "forbidden": (5, 6)},
}


@pytest.mark.parametrize("copies", [False, True], ids=["plain", "copy head"])
@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("settings", CONFIGS.values(), ids=CONFIGS)
def test_a_source_is_written_as_alone_whenever_it_joins(
    settings: dict[str, Any], style: str, copies: bool
) -> None:
    config = GenerationConfig(**{"max_length": 14, **settings})
    n_together = set()
    for seed in range(3):
        model, chance = make_model(style, copies, seed), random.Random(seed)
        memories = make_memories(model, 14, seed)
        judge = hopeless if config.n_beams > 1 and seed else None
        sources = [Source(memory, judge, 100 + i) for i, memory in enumerate(memories)]
        writing = Continuous(model, config, 2, max_rows=config.n_beams * 5)
        written: dict[Source, list[int]] = {}
        waiting = list(sources)
        while waiting or writing.has_work:
            for _ in range(chance.choice([0, 0, 1, 1, 4])):
                if waiting:
                    writing.add(waiting.pop(0))
            written |= dict(writing.advance())
            n_together.add(sum(not track.is_done for track in writing.tracks))
            assert len(writing.tracks) <= 5
            assert not writing.tracks or writing._n_seen <= 14 + MAX_IDLE
        assert [written[source] for source in sources] == [alone(model, s, config) for s in sources]
    assert max(n_together) >= 4


def test_the_comparison_is_worth_something() -> None:
    """Sequences end at all sorts of lengths, and rows of different ages stand side by side."""
    config, lengths, ages = GenerationConfig(max_length=14), set(), set()
    for seed in range(3):
        model = make_model("bert", True, seed)
        writing = Continuous(model, config, 2, max_rows=4)
        for memory in make_memories(model, 14, seed):
            writing.add(Source(memory))
        while writing.has_work:
            lengths |= {len(tokens) for _, tokens in writing.advance()}
            ages.add(len({track.n_steps for track in writing.tracks if not track.is_done}))
    assert len(lengths) >= 4 and 14 in lengths
    assert max(ages) >= 3


def test_finished_beams_leave_the_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    sizes: list[int] = []
    step = Seq2SeqStepper.__call__
    monkeypatch.setattr(
        Seq2SeqStepper, "__call__", lambda *given: (sizes.append(len(given[1])), step(*given))[1]
    )
    model = make_model("t5", False, 1)
    memory = Memory.join(make_memories(model, 6, 1))
    config = GenerationConfig(max_length=14, n_beams=3)
    together = generate(Seq2SeqStepper(model, memory), torch.full((6, 1), 2), config)
    assert sizes[0] == 18 and sizes == sorted(sizes, reverse=True) and sizes[-1] < 18
    sizes.clear()
    rows = [memory.select(torch.tensor([row])) for row in range(6)]
    assert together == [alone(model, Source(row), config) for row in rows]


def test_a_source_that_nobody_waits_for_leaves_and_makes_room() -> None:
    model = make_model("t5", True, 0)
    config = GenerationConfig(max_length=14, min_length=14)
    first, second, third = (Source(memory) for memory in make_memories(model, 3, 0))
    writing = Continuous(model, config, 2, max_rows=1)
    for source in (first, second, third):
        writing.add(source)
    assert writing.advance() == []
    writing.remove(first)
    writing.remove(third)
    done: list[tuple[Source, list[int]]] = []
    n_steps = 0
    while writing.has_work:
        done += writing.advance()
        n_steps += 1
    assert done == [(second, alone(model, second, config))]
    assert n_steps == 14


def test_everything_can_be_stopped_and_begun_again() -> None:
    model, config = make_model("bert", False, 0), GenerationConfig(max_length=9, n_beams=2)
    sources = [Source(memory) for memory in make_memories(model, 5, 0)]
    writing = Continuous(model, config, 2, max_rows=4)
    for source in sources:
        writing.add(source)
    writing.advance()
    left = writing.clear()
    assert set(left) == set(sources)
    assert not writing.has_work
    for source in left:
        writing.add(source)
    written: dict[Source, list[int]] = {}
    while writing.has_work:
        written |= dict(writing.advance())
    assert all(written[source] == alone(model, source, config) for source in sources)


def test_more_tokens_than_positions_are_refused() -> None:
    with pytest.raises(ModelError, match="40 positions"):
        Continuous(make_model("bert", False, 0), GenerationConfig(max_length=41), 2)
    Continuous(make_model("t5", False, 0), GenerationConfig(max_length=41), 2)
