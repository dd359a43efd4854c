"""What is done to scores before a token is chosen, against `transformers`; and what is drawn from them."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
import transformers
from torch import Tensor

from leximind.inference import processors
from leximind.inference.generate import GenerationConfig, generate

torch.set_num_threads(1)


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (lambda s: processors.keep_top_k(s, 5), transformers.TopKLogitsWarper(5)),
        (lambda s: processors.keep_top_k(s, 500), transformers.TopKLogitsWarper(500)),
        (lambda s: processors.keep_top_p(s, 0.7), transformers.TopPLogitsWarper(0.7)),
        (lambda s: processors.keep_top_p(s, 1e-6), transformers.TopPLogitsWarper(1e-6)),
        (lambda s: processors.keep_top_p(s, 0.999), transformers.TopPLogitsWarper(0.999)),
    ],
    ids=["k=5", "k beyond", "p=0.7", "p tiny", "p=0.999"],
)
def test_warpers_equal_transformers(ours: Callable[[Tensor], Tensor], theirs: Any) -> None:
    scores = torch.randn(6, 60, generator=torch.Generator().manual_seed(0)) * 3
    scores[0, 1:4] = scores[0, 0]  # ties
    assert torch.equal(ours(scores), theirs(None, scores))
    assert torch.isfinite(ours(scores)).any(-1).all()


@pytest.mark.parametrize("penalty", [0.5, 1.7])
def test_repetition_penalty_equals_transformers(penalty: float) -> None:
    generator = torch.Generator().manual_seed(1)
    scores = torch.randn(4, 30, generator=generator)
    history = torch.randint(0, 30, (4, 12), generator=generator)
    expected = transformers.RepetitionPenaltyLogitsProcessor(penalty)(history, scores.clone())
    assert torch.allclose(processors.penalise_repetition(scores, history, penalty), expected)
    mask = torch.ones_like(history)
    mask[:, :5] = 0
    expected = transformers.RepetitionPenaltyLogitsProcessor(penalty)(history[:, 5:], scores.clone())
    assert torch.allclose(processors.penalise_repetition(scores, history, penalty, mask), expected)


@pytest.mark.parametrize("n", [1, 2, 3, 4])
def test_forbidden_ngrams_equal_transformers(n: int) -> None:
    generator = torch.Generator().manual_seed(n)
    history = torch.randint(0, 3, (5, 25), generator=generator)
    scores = torch.randn(5, 6, generator=generator)
    ours = processors.forbid_repeated_ngrams(scores, history, n)
    assert torch.equal(ours, transformers.NoRepeatNGramLogitsProcessor(n)(history, scores))
    assert torch.isneginf(ours).any()
    assert torch.equal(processors.forbid_repeated_ngrams(scores, history[:, : n - 1], n), scores)


class Distribution:
    """A stepper of rows that all have the same scores at every step."""

    eos_id, pad_id, mask = 19, 0, None

    def __init__(self, scores: Tensor, n_rows: int) -> None:
        self.scores = scores.expand(n_rows, -1)

    def __call__(self, tokens: Tensor) -> Tensor:
        return self.scores

    def reorder(self, rows: Tensor) -> None:
        raise AssertionError("sampling keeps its rows")


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"temperature": 0.6},
        {"top_k": 6},
        {"top_p": 0.8},
        {"temperature": 1.4, "top_k": 9, "top_p": 0.9},
    ],
    ids=str,
)
def test_samples_follow_the_warped_distribution(settings: dict[str, Any]) -> None:
    scores = torch.randn(1, 20, generator=torch.Generator().manual_seed(3)) * 1.5
    config = GenerationConfig(**{"max_length": 1, "temperature": 1.0, "seed": 5, **settings})
    warped = transformers.TemperatureLogitsWarper(config.temperature)(None, scores)
    if config.top_k:
        warped = transformers.TopKLogitsWarper(config.top_k)(None, warped)
    if config.top_p < 1:
        warped = transformers.TopPLogitsWarper(config.top_p)(None, warped)
    expected = warped.softmax(-1)[0]
    start = torch.zeros(20_000, 1, dtype=torch.long)
    written = generate(Distribution(scores, 20_000), start, config)
    drawn = torch.tensor([row[0] if row else 19 for row in written])
    observed = drawn.bincount(minlength=20) / 20_000
    # Five standard deviations of the most uncertain frequency: 5 * sqrt(0.25 / 20,000).
    assert (observed - expected).abs().max() < 0.018
    assert not observed[expected == 0].any()
