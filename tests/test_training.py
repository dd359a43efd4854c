"""Training: the same batches every time, and gradients where they belong."""

import json

import numpy as np
import pandas as pd
import pytest
import torch
from torch.distributions import kl_divergence

from leximind.labels import EMOTIONS
from leximind.model.multitask import MultiTask
from leximind.training import examples
from leximind.training.batches import IGNORE, BatchPlan, bucket, collate
from leximind.training.calibration import expected_f1_thresholds, fit_platt, fit_temperature
from leximind.training.examples import Example
from leximind.training.losses import consistent_emotion_loss, distillation_loss, label_loss, task_loss
from leximind.training.optimiser import parameter_groups, rate_factor
from leximind.training.sampling import task_probabilities, task_schedule
from tests.models import tiny_model, tokenizer


def random_examples(task: str, n: int, seed: int = 0) -> list[Example]:
    rng = np.random.default_rng(seed)
    made = []
    for _ in range(n):
        source = np.array([101, *rng.integers(1000, 2000, rng.integers(3, 20)), 102], dtype=np.int32)
        if task == "emotion":
            target = (rng.random(28) < 0.1).astype(np.float32)
        elif task == "topic":
            target = np.array(int(source[1]) % 7)
        else:
            target = np.array([*source[1:4], 102], dtype=np.int32)
        made.append(Example(source, target, 2))
    return made


def test_buckets_hold_every_row_once_within_their_limits() -> None:
    lengths = np.random.default_rng(0).integers(5, 200, 1000)
    batches = bucket(lengths, 16, 1024, np.random.default_rng(1))
    assert sorted(np.concatenate(batches)) == list(range(1000))
    assert all(len(batch) <= 16 and len(batch) * lengths[batch].max() <= 1024 for batch in batches)
    padded = sum(len(batch) * lengths[batch].max() for batch in batches)
    assert padded < 1.1 * lengths.sum(), "rows of a batch are of similar length"


def test_a_plan_is_a_function_of_its_seed_and_changes_every_epoch() -> None:
    rows = random_examples("topic", 50)
    plan, same = BatchPlan(rows, 8, 512, 3), BatchPlan(rows, 8, 512, 3)
    n = len(plan._epochs) or len(bucket(plan.lengths, 8, 512, np.random.default_rng([3, 0])))
    first = [id(row) for i in range(n) for row in plan.rows(i)]
    second = [id(row) for i in range(n, 2 * n) for row in plan.rows(i)]
    assert sorted(first) == sorted(second) == sorted(id(row) for row in rows) and first != second
    assert [id(row) for row in same.rows(n + 1)] == [id(row) for row in plan.rows(n + 1)]


def test_tasks_are_drawn_by_tempered_size() -> None:
    probabilities = task_probabilities({"a": 90_000, "b": 10_000}, 0.5)
    assert probabilities == pytest.approx({"a": 0.75, "b": 0.25})
    schedule = task_schedule(probabilities, 4000, 0)
    assert (schedule == 0).mean() == pytest.approx(0.75, abs=0.03)
    assert (schedule == task_schedule(probabilities, 4000, 0)).all()


def test_rate_warms_up_and_falls_to_its_floor() -> None:
    rates = [rate_factor(step, 100, 10, 0.1) for step in range(100)]
    assert rates[0] == pytest.approx(0.1) and max(rates) == rates[9] == rates[10] == 1
    assert rates[10:] == sorted(rates[10:], reverse=True) and 0.1 <= rates[-1] < 0.11


def test_groups_take_the_longest_prefix_and_spare_norms_from_decay() -> None:
    model = tiny_model()
    model.backbone.decoder.requires_grad_(False)
    groups = parameter_groups(model, {"": 1.0, "heads": 2.0, "heads.topic": 3.0}, 0.1)
    where = {id(w): (g["lr"], g["weight_decay"]) for g in groups for w in g["params"]}
    named = dict(model.named_parameters())
    assert where[id(named["heads.topic.out.weight"])] == (3.0, 0.1)
    assert where[id(named["heads.emotion.out.bias"])] == (2.0, 0.0)
    assert where[id(named["backbone.encoder.blocks.0.self_norm.weight"])] == (1.0, 0.0)
    assert id(named["backbone.decoder.blocks.0.self_norm.weight"]) not in where


@pytest.mark.parametrize("task", ["emotion", "topic", "summarization"])
def test_every_loss_falls_on_what_it_is_trained_on(task: str) -> None:
    torch.manual_seed(0)
    model = tiny_model().train()
    batch = collate(random_examples(task, 8), task, 0)
    optimiser = torch.optim.AdamW(model.parameters(), lr=1e-2)
    losses = []
    for _ in range(25):
        loss, _ = task_loss(model, task, batch)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < 0.6 * losses[0]


def test_collated_summaries_are_shifted_and_padding_is_ignored() -> None:
    rows = [
        Example(np.array([101, 7, 102]), np.array([7, 8, 102]), 2),
        Example(np.array([101, 102]), np.array([102]), 3),
    ]
    batch = collate(rows, "summarization", 0)
    assert batch.targets.tolist() == [[7, 8, 102], [102, IGNORE, IGNORE]]
    assert batch.decoder_ids is not None and batch.decoder_ids.tolist() == [[2, 7, 8], [3, 102, 0]]
    padded = [Example(np.append(rows[0].source, []), rows[0].target, 2)]
    alone, _ = task_loss(tiny_model(), "summarization", collate(padded, "summarization", 0))
    assert torch.isfinite(alone)


def test_log_likelihood_equals_the_full_distribution() -> None:
    model = tiny_model().backbone
    ids, decoder_ids = torch.randint(5, 50, (3, 9)), torch.randint(5, 50, (3, 6))
    targets = ids[:, :6].clone()
    with torch.no_grad():
        memory = model.encode(ids)
        full = model.decode(decoder_ids, memory)
        ours = model.log_likelihood(decoder_ids, targets, memory)
    torch.testing.assert_close(full.exp().sum(-1), torch.ones(3, 6), atol=1e-3, rtol=0)
    torch.testing.assert_close(ours, full.gather(-1, targets[..., None])[..., 0], atol=1e-5, rtol=1e-5)


def test_a_frozen_encoder_gets_no_gradient() -> None:
    model = tiny_model().train()
    model.requires_grad_(False)
    model.backbone.decoder.requires_grad_(True)
    batch = collate(random_examples("summarization", 4), "summarization", 0)
    task_loss(model, "summarization", batch)[0].backward()
    assert all(w.grad is None for w in model.backbone.encoder.parameters())
    assert all(w.grad is not None for w in model.backbone.decoder.blocks.parameters())


def test_distillation_is_zero_for_the_teacher_itself() -> None:
    model = tiny_model()
    batch = collate(random_examples("topic", 4), "topic", 0)
    states = model.backbone.encode(batch.token_ids, batch.mask).states
    loss = distillation_loss(states.detach(), batch, model.backbone)
    assert float(loss) == pytest.approx(0, abs=1e-6)
    assert float(distillation_loss(states.detach(), batch, tiny_model(1).backbone)) > 0.1


def test_tables_become_examples() -> None:
    frame = pd.DataFrame({"text": ["I love whales.", "so sad"], "labels": [["love", "joy"], ["sadness"]]})
    love, sad = examples.emotion_examples(frame, tokenizer(), 16)
    assert {EMOTIONS[i] for i in np.flatnonzero(love.target)} == {"love", "joy"} and sad.target.sum() == 1
    assert love.source[0] == 101 and love.source[-1] == 102
    (short,) = examples.emotion_examples(frame.head(1), tokenizer(), 4)
    assert len(short.source) == 4 and short.source[-1] == 102
    (topic,) = examples.topic_examples(pd.DataFrame({"text": ["a"], "topic": ["Science"]}), tokenizer(), 8)
    assert int(topic.target) == 5
    pairs = [("source text", "a good summary", "tldr"), ("source", "word " * 60, "title"), ("s", "a", "key")]
    (kept,) = examples.summary_examples(pairs, tokenizer(), 16, 20)
    assert kept.start == examples.SUMMARY_STARTS["tldr"] and kept.target[-1] == 102


def test_emotions_that_nobody_could_name_are_unknown_and_do_not_count() -> None:
    frame = pd.DataFrame(
        {"text": ["A dark sea"] * 2, "labels": [["fear"], []], "known": [["fear", "joy"], list(EMOTIONS)]}
    )
    rows = examples.emotion_examples(frame, tokenizer(), 16)
    fear, joy = EMOTIONS.index("fear"), EMOTIONS.index("joy")
    assert rows[0].target[fear] == 1 and rows[0].target[joy] == 0 and np.isnan(rows[0].target).sum() == 26
    assert not rows[1].target.any()

    logits = torch.randn(2, 28, generator=torch.manual_seed(0), requires_grad=True)
    targets = torch.from_numpy(np.stack([row.target for row in rows]))
    loss = label_loss(logits, targets)
    probabilities = logits.detach().sigmoid()
    due = -(
        probabilities[0, fear].log() + (1 - probabilities[0, joy]).log() + (1 - probabilities[1]).log().sum()
    )
    assert loss.item() == pytest.approx(due.item() / 2, rel=1e-5)
    loss.backward()
    assert logits.grad is not None and (logits.grad[0] != 0).sum() == 2 and (logits.grad[1] != 0).all()


def test_consistency_is_the_divergence_of_two_passes_with_other_dropout() -> None:
    model = tiny_model()
    batch = collate(random_examples("emotion", 4), "emotion", 0)
    plain = task_loss(model, "emotion", batch)[0]
    assert torch.allclose(consistent_emotion_loss(model, batch, 5.0), plain), "no dropout, no divergence"

    model.train()
    torch.manual_seed(3)
    seen = model.encode(batch.token_ids.repeat(2, 1), batch.mask.repeat(2, 1), "emotion")
    logits = model.heads["emotion"](seen.states, seen.mask)[0]
    one, other = (torch.distributions.Bernoulli(logits=part) for part in logits.chunk(2))
    apart = (kl_divergence(one, other) + kl_divergence(other, one)).sum(1).mean() / 2
    torch.manual_seed(3)
    found = consistent_emotion_loss(model, batch, 0.7)
    assert apart > 0.01
    assert torch.allclose(found, label_loss(logits, batch.targets.repeat(2, 1)) + 0.7 * apart, atol=1e-5)


def test_key_sentence_prefers_what_the_title_says() -> None:
    from rouge_score.rouge_scorer import RougeScorer

    scorer = RougeScorer(["rouge1"])
    text = (
        "Many things are known about ships. We prove that whale songs carry over a thousand miles of ocean. "
        "The weather was fine on the day."
    )
    assert examples.key_sentence(text, "Whale songs over a thousand miles", scorer) == (
        "We prove that whale songs carry over a thousand miles of ocean."
    )
    assert examples.key_sentence("Only one. Two here.", "One", scorer) is None


def test_platt_scaling_and_temperature_recover_what_was_distorted() -> None:
    rng = np.random.default_rng(0)
    true = rng.normal(-1, 1.5, (6000, 2))
    labels = (rng.random((6000, 2)) < 1 / (1 + np.exp(-true))).astype(np.float32)
    labels[:, 1] = 0
    scale, shift = fit_platt((true * 2 + 1).astype(np.float32), labels)
    assert scale[0] == pytest.approx(0.5, abs=0.05) and shift[0] == pytest.approx(-0.5, abs=0.1)
    assert (scale[1], shift[1]) == (1.0, 0.0), "a label that never occurs is left alone"
    logits = rng.normal(0, 2, (6000, 7)).astype(np.float32)
    shares = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    gold = np.array([rng.choice(7, p=row / row.sum()) for row in shares.astype(np.float64)])
    assert fit_temperature(logits * 3, gold) == pytest.approx(3, rel=0.1)


def test_model_used_in_training_is_the_one_that_is_shipped() -> None:
    from leximind.settings import MODEL_DIR

    description = json.loads((MODEL_DIR / "config.json").read_text())
    assert description["architecture"] == MultiTask.__name__ and description["storage"] == "int8"
    assert (MODEL_DIR / "model.safetensors").stat().st_size < 45e6


def test_thresholds_are_those_with_the_best_expected_f1() -> None:
    """Against every threshold tried on labels drawn from the probabilities."""
    rng = np.random.default_rng(0)
    probabilities = rng.beta(0.5, 3.0, size=(4000, 3)).astype(np.float32)
    thresholds = expected_f1_thresholds(probabilities)
    labels = rng.random((50, *probabilities.shape)) < probabilities
    for label in range(3):

        def average(threshold: float, label: int = label) -> float:
            given, due = probabilities[:, label] >= threshold, labels[..., label]
            return float(np.mean(2 * (due & given).sum(1) / (due.sum(1) + given.sum())))

        best = max(average(threshold) for threshold in np.linspace(0.02, 0.9, 45))
        assert average(thresholds[label]) >= best - 0.002
