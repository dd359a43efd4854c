"""Poolings, heads, the task router and the copy head."""

from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from leximind.errors import ModelError
from leximind.model.config import MultiTaskConfig, Seq2SeqConfig, StackConfig
from leximind.model.multitask import AttentionPooling, EmbeddingHead, EmotionHead, MultiTask, mean_pool
from leximind.model.seq2seq import CopyHead, Memory, Seq2Seq

torch.set_num_threads(1)

STACK = StackConfig(n_layers=1, d_model=16, n_heads=2, n_kv_heads=2, d_head=8, d_ff=24)
BACKBONE = Seq2SeqConfig(
    30, STACK, replace(STACK, causal=True, cross_attention=True), tie_lm_head=True, copy_head=True
)
CONFIG = MultiTaskConfig(BACKBONE, d_emotion=12, d_embedding=16, n_token_labels=5, d_projection=6)
MASK = torch.tensor([[1, 1, 1, 1, 1], [1, 1, 1, 0, 0], [1, 0, 0, 0, 0]])


def states(seed: int = 0) -> Tensor:
    return torch.randn(3, 5, 16, generator=torch.Generator().manual_seed(seed))


def enlarge(module: torch.nn.Module, seed: int = 0) -> None:
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for weight in module.parameters():
            weight.copy_(torch.randn(weight.shape, generator=generator) * 0.4)


@pytest.fixture
def model() -> MultiTask:
    made = MultiTask(CONFIG).eval()
    enlarge(made)
    return made


@pytest.fixture
def head() -> EmotionHead:
    made = EmotionHead(16, 12, 4, dropout=0.1).eval()
    enlarge(made)
    return made


def test_mean_pooling_ignores_padding() -> None:
    x = states()
    pooled = mean_pool(x, MASK)
    torch.testing.assert_close(pooled[1], x[1, :3].mean(0))
    torch.testing.assert_close(pooled[2], x[2, 0])


def test_attention_pooling_weighs_tokens_and_ignores_padding() -> None:
    pooling = AttentionPooling(16)
    enlarge(pooling)
    x = states()
    pooled, weights = pooling(x, MASK)
    torch.testing.assert_close(weights.sum(1), torch.ones(3))
    assert torch.count_nonzero(weights[~MASK.bool()]) == 0
    torch.testing.assert_close(weights[1, :3], (x[1, :3] @ pooling.query.weight[0]).softmax(0))
    torch.testing.assert_close(pooled[1], weights[1, :3] @ x[1, :3])
    x[~MASK.bool()] = 1e3
    torch.testing.assert_close(pooling(x, MASK)[0], pooled)


@pytest.mark.parametrize(
    ("task", "shape"),
    [
        ("emotion", (3, 28)),
        ("topic", (3, 7)),
        ("embedding", (3, 16)),
        ("token", (3, 5, 5)),
        ("projection", (3, 6)),
        ("summarization", (3, 4, 30)),
    ],
)
@torch.inference_mode()
def test_each_task_answers_in_its_shape(model: MultiTask, task: str, shape: tuple[int, ...]) -> None:
    token_ids = torch.randint(3, 30, (3, 5), generator=torch.Generator().manual_seed(1))
    decoder_ids = torch.randint(3, 30, (3, 4), generator=torch.Generator().manual_seed(2))
    answer = model(task, token_ids, MASK, decoder_ids)
    assert answer.shape == shape
    assert torch.isfinite(answer).all()
    if task in ("embedding", "projection"):
        torch.testing.assert_close(answer.norm(dim=-1), torch.ones(3))
    # What is under the mask changes nothing.
    changed = model(task, token_ids.masked_fill(MASK == 0, 7), MASK, decoder_ids)
    if task == "token":
        answer, changed = answer[MASK.bool()], changed[MASK.bool()]
    torch.testing.assert_close(changed, answer, rtol=0, atol=1e-5)


def test_tasks_that_cannot_be_run(model: MultiTask) -> None:
    token_ids = torch.ones(1, 3, dtype=torch.long)
    with pytest.raises(ModelError, match="No task is called 'sentiment'; this model has emotion, topic"):
        model("sentiment", token_ids)
    with pytest.raises(ModelError, match="without decoder_ids"):
        model("summarization", token_ids)
    plain = MultiTask(replace(CONFIG, n_token_labels=0, d_projection=0))
    for task in ("token", "projection"):
        with pytest.raises(ModelError, match=f"No task is called '{task}'"):
            plain(task, token_ids)


def test_embedding_is_projected_where_widths_differ_or_it_is_wanted() -> None:
    plain, projected = EmbeddingHead(16, 16, project=False), EmbeddingHead(16, 16, project=True)
    assert not list(plain.parameters())
    seen = states(), MASK, torch.ones(3, 5, dtype=torch.long)
    assert EmbeddingHead(16, 8, project=False)(*seen).shape == (3, 8)
    projected.reset()
    torch.testing.assert_close(projected(*seen), plain(*seen))


def test_rare_tokens_count_for_more_in_the_embedding() -> None:
    head, x = EmbeddingHead(16, 16, project=False, n_words=9), states()
    token_ids = torch.tensor([[1, 2, 3, 4, 5], [1, 2, 8, 8, 8], [7, 8, 8, 8, 8]])
    torch.testing.assert_close(head.pool(x, MASK, token_ids), mean_pool(x, MASK), msg="all alike at first")
    assert head.weights is not None
    head.weights[:4] = torch.tensor([0.0, 0.5, 2.0, 8.0])
    pooled = head.pool(x, MASK, token_ids)
    torch.testing.assert_close(pooled[1], (0.5 * x[1, 0] + 2 * x[1, 1] + x[1, 2]) / 3.5)
    torch.testing.assert_close(pooled[2], x[2, 0])
    torch.testing.assert_close(head(x, MASK, token_ids), torch.nn.functional.normalize(pooled, dim=-1))
    assert "weights" in head.state_dict(), "they are saved with the model"


@pytest.mark.parametrize("label", [0, 3])
def test_contributions_are_the_first_order_of_the_logit(head: EmotionHead, label: int) -> None:
    x = states()
    with torch.inference_mode():  # as it is called
        contributions = head.contributions(x, MASK, label)
    assert contributions.shape == (3, 5)
    assert torch.count_nonzero(contributions[~MASK.bool()]) == 0
    assert torch.count_nonzero(head.contributions(x, torch.zeros_like(MASK), label)) == 0
    pooled, weights = head.pooling(x, MASK)
    pooled = pooled.detach().requires_grad_()
    logit = head.out(F.gelu(head.hidden(pooled)))[:, label]
    (gradient,) = torch.autograd.grad(logit.sum(), pooled)
    expected = weights * ((x - pooled[:, None]) @ gradient[..., None])[..., 0]
    torch.testing.assert_close(contributions, (expected * MASK).detach(), rtol=0, atol=1e-5)
    # The pooled vector is the weighted mean, so what tokens add on one side others take on the other.
    torch.testing.assert_close(contributions.sum(1), torch.zeros(3), rtol=0, atol=1e-5)


def test_contributions_tell_which_tokens_raise_the_logit(head: EmotionHead) -> None:
    with torch.no_grad():
        head.pooling.query.weight.zero_()  # every token weighs the same
    x = states(4)[:1]
    mask = torch.ones(1, 5, dtype=torch.long)
    with torch.no_grad():
        contributions = head.contributions(x, mask, label=2)[0]
        logit = head(x, mask)[0][0, 2]
        changes = []
        for token in range(5):  # weigh one token a little more
            more = x.mean(1) + 1e-3 * (x[:, token] - x.mean(1))
            changes.append(head.out(F.gelu(head.hidden(more)))[0, 2] - logit)
    assert contributions.argsort().tolist() == torch.stack(changes).argsort().tolist()
    assert (contributions.sign() == torch.stack(changes).sign()).all()


def copy_setting(gate: float) -> tuple[Tensor, Tensor, Memory, Tensor]:
    """Scores of a copy head whose gate is forced, and what they were made of."""
    head = CopyHead(16)
    enlarge(head)
    with torch.no_grad():
        head.gate.weight.zero_()
        head.gate.bias.fill_(gate)
    token_ids = torch.tensor([[4, 9, 4, 11, 3], [8, 8, 8, 29, 28], [7, 0, 0, 0, 0]])
    memory = Memory(states(), MASK, token_ids)
    hidden = torch.randn(3, 2, 16, generator=torch.Generator().manual_seed(5))
    logits = torch.randn(3, 2, 30, generator=torch.Generator().manual_seed(6))
    with torch.no_grad():
        scores = head(hidden, logits, memory)
        prepared = head(hidden, logits, replace(memory, copy_keys=head.key(memory.states)))
    torch.testing.assert_close(prepared, scores)
    return scores, logits, memory, head.query(hidden) @ head.key(memory.states).transpose(1, 2) / 4


@pytest.mark.parametrize("gate", [-30.0, -1.0, 0.0, 2.0, 30.0])
def test_copying_gives_a_distribution(gate: float) -> None:
    scores, logits, _, _ = copy_setting(gate)
    torch.testing.assert_close(scores.exp().sum(-1), torch.ones(3, 2), rtol=0, atol=1e-5)
    if gate == 30.0:
        torch.testing.assert_close(scores, logits.log_softmax(-1), rtol=0, atol=1e-5)


def test_copying_takes_tokens_of_the_source_and_nothing_else() -> None:
    scores, _, _, attention = copy_setting(-30.0)
    probability = scores.exp()
    assert set((probability[0, 0] > 1e-6).nonzero()[:, 0].tolist()) == {4, 9, 11, 3}
    assert float(probability[1, 0, 8]) == pytest.approx(1), "padding is not copied: 29 and 28"
    assert float(probability[2, 1, 7]) == pytest.approx(1)
    weights = attention[0, 0].detach().softmax(-1)
    assert float(probability[0, 0, 4]) == pytest.approx(float(weights[0] + weights[2]), abs=1e-5)


@torch.inference_mode()
def test_a_model_with_a_copy_head_scores_rare_tokens_of_its_source() -> None:
    made = Seq2Seq(BACKBONE).eval()
    enlarge(made)
    made.copy_head.gate.bias.fill_(-30.0)
    made.copy_head.gate.weight.zero_()
    source = torch.tensor([[17, 23, 17, 5]])
    scores = made(source, torch.tensor([[0]]))
    assert int(scores[0, 0].argmax()) in {17, 23, 5}


@pytest.mark.parametrize("copy_head", [False, True])
@pytest.mark.parametrize("tie_lm_head", [False, True])
@torch.inference_mode()
def test_likelihood_of_a_target_is_what_decoding_gives_it(copy_head: bool, tie_lm_head: bool) -> None:
    config = replace(BACKBONE, copy_head=copy_head, tie_lm_head=tie_lm_head, lm_head_bias=True)
    made = Seq2Seq(config).eval()
    enlarge(made)
    generator = torch.Generator().manual_seed(7)
    memory = made.encode(torch.randint(3, 12, (3, 5), generator=generator), MASK)
    decoder_ids = torch.randint(3, 12, (3, 6), generator=generator)
    targets = torch.randint(3, 12, (3, 6), generator=generator)
    scores = made.decode(decoder_ids, memory).log_softmax(-1)
    expected = scores.gather(-1, targets[..., None])[..., 0]
    torch.testing.assert_close(made.log_likelihood(decoder_ids, targets, memory), expected, rtol=0, atol=1e-4)
