"""How fast a sequence-to-sequence model writes, against ``transformers`` and CTranslate2.

``python benchmarks/generate.py [--batch 1 16] [--read 512] [--write 64] [--rounds 5] [--threads 2]
[--output FILE.json]``. The model has the shape of FLAN-T5-base and random weights, since how fast it is does
not depend on what it says: everybody has the same weights, reads the same tokens and writes exactly as many,
greedily.

- ``transformers fp32``, ``transformers bf16``: ``T5ForConditionalGeneration.generate``.
- ``ctranslate2 int8``: converted by its own converter (requirements-bench.txt); left out when not installed.
- ``ours fp32``, ``ours bf16``, ``ours int8``: ``leximind.model.precision.optimise``.

All take turns, each in a process of its own with the same number of threads, and the medians count. The
bounds are measured in the same run: writing a token reads all weights of the decoder and the keys and values
of the text once, at the bandwidth of memory; reading a text is so many operations at the processor's peak.
"""

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch
import transformers
from contest import Contest, add_options, measure_bandwidth, measure_peak, report

from leximind.inference.generate import GenerationConfig, Seq2SeqStepper, generate
from leximind.model.precision import optimise
from leximind.model.seq2seq import Seq2Seq
from leximind.model.weights import load_t5, t5_config
from leximind.settings import Precision

VOCABULARY = 32128
SHAPE = {
    "vocab_size": VOCABULARY, "d_model": 768, "d_kv": 64, "d_ff": 2048, "num_layers": 12,
    "num_decoder_layers": 12, "num_heads": 12, "feed_forward_proj": "gated-gelu",
    "tie_word_embeddings": False, "decoder_start_token_id": 0,
}  # fmt: skip

PRECISIONS: dict[str, Precision] = {"fp32": "float32", "bf16": "bfloat16", "int8": "int8"}
NAMES = (
    "ctranslate2 int8", "ours int8", "ours bf16", "transformers bf16", "ours fp32", "transformers fp32",
)  # fmt: skip

MISSING = {
    "ONNX Runtime int8": "optimum-onnx, which writes such a model, needs an older transformers than ours"
}

# Token ids (B, S) and how many to write, to the seconds until the text is read (nan where that cannot be
# told) and until all is written.
Run = Callable[[list[list[int]], int], tuple[float, float]]


def make_peer() -> Any:
    """The model in ``transformers``, with weights that make it write no end token by chance."""
    torch.manual_seed(0)
    config = transformers.T5Config(**SHAPE)
    peer = transformers.T5ForConditionalGeneration(config).eval()
    # transformers 5 builds new models with a tied head.
    peer.lm_head.weight = torch.nn.Parameter(0.05 * torch.randn(VOCABULARY, 768))
    return peer


def run_transformers(peer: Any) -> Run:
    @torch.inference_mode()
    def run(rows: list[list[int]], n_tokens: int) -> tuple[float, float]:
        token_ids, start = torch.tensor(rows), time.perf_counter()
        length = {"max_new_tokens": n_tokens, "min_new_tokens": n_tokens}
        peer.generate(token_ids, num_beams=1, do_sample=False, **length)
        return float("nan"), time.perf_counter() - start

    return run


def run_ours(model: Seq2Seq) -> Run:
    @torch.inference_mode()
    def run(rows: list[list[int]], n_tokens: int) -> tuple[float, float]:
        token_ids, start = torch.tensor(rows), time.perf_counter()
        memory = model.encode(token_ids)
        read = time.perf_counter()
        first = torch.zeros(len(rows), 1, dtype=torch.long)
        config = GenerationConfig(max_length=n_tokens, min_length=n_tokens)
        written = generate(Seq2SeqStepper(model, memory), first, config)
        end = time.perf_counter()
        assert all(len(row) >= n_tokens - 1 for row in written)
        return read - start, end - start

    return run


def run_ctranslate2(peer: Any, folder: Path, threads: int) -> Run:
    """Raises ImportError where it is not installed."""
    import ctranslate2
    from ctranslate2.converters import TransformersConverter
    from ctranslate2.converters.transformers import T5Loader

    names = [f"t{number}" for number in range(VOCABULARY)]

    class Loader(T5Loader):  # type: ignore[misc]
        def get_vocabulary(self, model: Any, tokenizer: Any) -> list[str]:
            return names

    class Converter(TransformersConverter):  # type: ignore[misc]
        """The weights are random, so there is no tokenizer."""

        def load_tokenizer(self, tokenizer_class: Any, path: str, **options: Any) -> Any:
            return SimpleNamespace(
                pad_token="t0",
                eos_token="t1",
                unk_token="t2",
                bos_token=None,
                convert_ids_to_tokens="t{}".format,
            )

    peer.save_pretrained(folder / "peer")
    loaders = ctranslate2.converters.transformers._MODEL_LOADERS
    before = loaders["T5Config"]
    loaders["T5Config"] = Loader()
    try:
        Converter(str(folder / "peer")).convert(str(folder / "converted"), force=True)
    finally:
        loaders["T5Config"] = before
    translator = ctranslate2.Translator(
        str(folder / "converted"), device="cpu", compute_type="int8", intra_threads=threads, inter_threads=1
    )

    def run(rows: list[list[int]], n_tokens: int) -> tuple[float, float]:
        texts = [[names[number] for number in row] for row in rows]
        start = time.perf_counter()
        answers = translator.translate_batch(
            texts,
            beam_size=1,
            max_decoding_length=n_tokens,
            min_decoding_length=n_tokens,
            max_input_length=0,
        )
        end = time.perf_counter()
        assert all(len(answer.hypotheses[0]) >= n_tokens - 1 for answer in answers)
        return float("nan"), end - start

    return run


def make_runner(name: str, threads: int, folder: Path) -> Run:
    """The runner of this name.

    Raises:
        ImportError: it is not installed.
    """
    torch.set_num_threads(threads)
    peer = make_peer()
    who, _, short = name.partition(" ")
    if who == "ctranslate2":
        return run_ctranslate2(peer, folder, threads)
    if who == "ours":
        config = t5_config(peer.config.to_dict())
        return run_ours(optimise(load_t5(peer.state_dict(), config), PRECISIONS[short]))
    return run_transformers(peer.to(torch.bfloat16) if short == "bf16" else peer)


def measure_bounds(n_read: int, batch: int) -> dict[str, float]:
    """Bytes a second of memory, multiply-adds a second of the processor, and the times that follow."""
    bandwidth, peak = measure_bandwidth(), measure_peak(torch.bfloat16)
    decoder = 12 * (4 * 768**2 + 2 * 768**2 + 3 * 768 * 2048) + 768 * VOCABULARY
    encoder = 12 * (4 * 768**2 + 3 * 768 * 2048) + 12 * 2 * 768**2  # and the decoder's view of the text
    known = batch * n_read * 2 * 768 * 12 * 4
    return {
        "bytes_per_second": bandwidth,
        "bf16_multiply_adds_per_second": peak,
        "seconds_per_token_int8": (decoder + known) / bandwidth,
        "seconds_to_read_bf16": batch * (n_read * encoder + 12 * 2 * n_read**2 * 768) / peak,
    }


def compare(given: argparse.Namespace) -> dict[str, Any]:
    """Everybody in turn, batch by batch."""
    torch.set_num_threads(given.threads)
    results = []
    with (
        tempfile.TemporaryDirectory() as folder,
        Contest(make_runner, NAMES, (given.threads, Path(folder))) as contest,
    ):
        for batch in given.batch:
            rows = torch.randint(3, VOCABULARY, (batch, given.read)).tolist()
            contest.run(rows, 2)
            turns = [contest.run(rows, given.write) for _ in range(given.rounds)]
            taken = {name: [turn[name] for turn in turns] for name in contest.names}
            results.append(_summarise(taken, batch, given.write, measure_bounds(given.read, batch)))
        missing = contest.missing | MISSING
    return {"read": given.read, "write": given.write, "threads": given.threads, "missing": missing,
            "results": results}  # fmt: skip


def _summarise(
    taken: dict[str, list[tuple[float, float]]], batch: int, n_tokens: int, bounds: dict[str, float]
) -> dict[str, Any]:
    seconds = {name: statistics.median(all_ for _, all_ in runs) for name, runs in taken.items()}
    ours = {name: runs for name, runs in taken.items() if name.startswith("ours")}
    reading = {name: statistics.median(read for read, _ in runs) for name, runs in ours.items()}
    token = {name: (seconds[name] - reading[name]) / n_tokens for name in ours}
    best = seconds["ours int8"]
    return {
        "batch": batch,
        "seconds": seconds,
        "seconds_to_read": reading,
        "seconds_per_token": token,
        "ratios": {name: all_ / best for name, all_ in seconds.items() if name not in ours},
        "bounds": bounds,
        "token_over_bound": token["ours int8"] / bounds["seconds_per_token_int8"],
        "reading_over_bound": reading["ours int8"] / bounds["seconds_to_read_bf16"],
    }


def read_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Benchmark generation.")
    parser.add_argument("--batch", type=int, nargs="+", default=[1, 16])
    parser.add_argument("--read", type=int, default=512)
    parser.add_argument("--write", type=int, default=64)
    add_options(parser)
    return parser.parse_args()


def main() -> int:
    given = read_arguments()
    report(compare(given), given.output)
    return 0


if __name__ == "__main__":
    sys.exit(main())
