"""What tokens cost to read and to write, by how many there are, with the shape of FLAN-T5-base."""

import statistics
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from bounds import count_encoder, count_memory, count_step_weights, count_weights
from contest import Contest, measure_bandwidth, measure_peak
from generate import VOCABULARY, make_runner

from leximind.model.config import Seq2SeqConfig, preset

ENGINES = ("ours int8", "ours bf16")
READ_BESIDE = 64
"""Tokens that are read where writing is measured."""


def measure_tokens(sizes: Sequence[int], rounds: int, threads: int) -> list[dict[str, Any]]:
    """Seconds to read so many tokens and to write so many, one text, with the bounds."""
    rng = np.random.default_rng(0)
    found = []
    torch.set_num_threads(threads)
    peak, bandwidth = measure_peak(torch.bfloat16), measure_bandwidth()
    with (
        tempfile.TemporaryDirectory() as folder,
        Contest(make_runner, ENGINES, (threads, Path(folder))) as contest,
    ):
        for size in sizes:
            rows = rng.integers(3, VOCABULARY, (1, size)).tolist()
            beside = rng.integers(3, VOCABULARY, (1, READ_BESIDE)).tolist()
            contest.run(rows, 1)
            reading = [contest.run(rows, 1) for _ in range(rounds)]
            writing = [contest.run(beside, size) for _ in range(rounds)]
            entry: dict[str, Any] = {"tokens": size, "read": {}, "write": {}}
            for name in contest.names:
                entry["read"][name] = statistics.median(turn[name][0] for turn in reading)
                entry["write"][name] = statistics.median(turn[name][1] - turn[name][0] for turn in writing)
            entry["bounds"] = compute_bounds(size, peak, bandwidth)
            found.append(entry)
    return found


def compute_bounds(n_tokens: int, peak: float, bandwidth: float) -> dict[str, float]:
    """Seconds to read and to write so many at least.

    Reading takes the multiply-adds in bfloat16, or the time that the weights in eight bits take to come from
    memory; writing takes the latter for each token.

    Args:
        peak: multiply-adds a second. bandwidth: bytes a second.
    """
    config = preset("flan-t5-base")
    assert isinstance(config, Seq2SeqConfig)
    computing = (count_encoder(config.encoder, n_tokens) + count_memory(config, n_tokens)) / peak
    known = 2 * 4 * READ_BESIDE * config.decoder.n_layers * config.decoder.d_model  # keys and values in fp32
    return {
        "read": max(computing, count_weights(config.encoder) / bandwidth),
        "write": n_tokens * (count_step_weights(config) + known) / bandwidth,
    }
