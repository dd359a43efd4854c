"""A made-up data folder in the layout of data/local.yaml, and the settings of a tiny run on it."""

import random
from dataclasses import replace
from pathlib import Path

import pandas as pd
import torch
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from builders.schema import Config
from builders.train import main  # noqa: F401  (registers the schema)
from leximind.labels import EMOTIONS, TOPICS
from leximind.model.config import MultiTaskConfig, preset
from leximind.model.multitask import MultiTask
from leximind.settings import MODEL_DIR, ROOT

CONFIGS = ROOT / "builders" / "configs"
WORDS = (
    "whale", "ship", "sea", "storm", "captain", "letter", "garden", "winter", "river", "mountain", "engine",
    "market", "price", "war", "king", "treaty", "painting", "colour", "music", "reason", "virtue", "soul",
    "atom", "light", "cell", "star", "field", "proof", "love", "anger", "fear", "joy",
)  # fmt: skip

STAGES = ("encoder", "emotion", "selection", "embedding", "decoder", "multitask")
TASKS = (
    "encoder.emotion",
    "encoder.topic",
    "emotion.emotion",
    "multitask.emotion",
    "multitask.topic",
    "multitask.summarization",
)


def sentence(rng: random.Random, n_words: int) -> str:
    return " ".join(rng.choices(WORDS, k=n_words)).capitalize() + "."


def text(rng: random.Random, n_sentences: int = 4) -> str:
    return " ".join(sentence(rng, 9) for _ in range(n_sentences))


def tiny_model(seed: int = 0) -> MultiTask:
    """Of the embedded model's kind, 16 wide."""
    torch.manual_seed(seed)
    shape = {"n_layers": 2, "d_model": 16, "n_heads": 2, "n_kv_heads": 2, "d_head": 8, "d_ff": 32}
    backbone = preset("leximind-mini").backbone
    encoder = replace(backbone.encoder, **shape)
    decoder = replace(backbone.decoder, **{**shape, "n_layers": 4})
    backbone = replace(backbone, encoder=encoder, decoder=decoder)
    config = MultiTaskConfig(
        backbone, d_emotion=16, d_embedding=16, n_emotion_blocks=1, project_embedding=True,
        weigh_tokens=True, topic_words=True, n_selection_layers=1, d_selection=16,
    )  # fmt: skip
    model = MultiTask(config)
    for weight in model.parameters():
        if weight.ndim > 1:
            torch.nn.init.normal_(weight, std=0.3)
    return model.eval()


def write_data(folder: Path, n: int = 40, seed: int = 0) -> Path:
    """Every file that local.yaml names, `n` rows each; validation has other rows."""
    rng = random.Random(seed)
    for split in ("train", "validation"):
        tables = {
            f"emotion/goemotions_{split}": [
                {"id": f"{split}{i}", "text": sentence(rng, 12), "labels": [EMOTIONS[i % 28]]}
                for i in range(n)
            ],
            f"topic/topic_{split}": [
                {"text": text(rng), "topic": TOPICS[i % 7], "kind": "book_passage",
                 "source_id": f"{split}{i}"}
                for i in range(n)
            ],
            f"summarization/scitldr_{split}": [
                {"id": f"{split}{i}", "title": sentence(rng, 5), "source": text(rng),
                 "targets": [sentence(rng, 7), sentence(rng, 6)]}
                for i in range(n)
            ],
            f"summarization/body_abstract_{split}": [
                {"id": f"{split}{i}", "body": text(rng, 12), "abstract": text(rng, 2)} for i in range(n)
            ],
        }  # fmt: skip
        for name, rows in tables.items():
            _write(folder / f"{name}.parquet", rows)
    _write(
        folder / "summarization/book_pairs.parquet",
        [
            {
                "book_id": f"b{i}",
                "text": text(rng, 12),
                "description": text(rng),
                "short_description": sentence(rng, 8),
            }
            for i in range(8)
        ],
    )
    fiction = [
        {"text": sentence(rng, 11), "author": f"a{i}", "go_labels": ["joy"] * (i % 2)} for i in range(n)
    ]
    for name in ("fiction_xed_en", "fiction_reman"):
        _write(folder / f"emotion/{name}.parquet", fiction)
    _write(
        folder / "papers/arxiv_papers.parquet",
        [{"arxiv_id": f"p{i}", "title": sentence(rng, 6), "abstract": text(rng)} for i in range(n)],
    )
    return folder


def _write(path: Path, rows: list[dict[str, object]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pd.DataFrame(rows).to_parquet(path)


def make_config(*overrides: str) -> Config:
    """The settings of ``python builders/train.py OVERRIDES``."""
    with initialize_config_dir(str(CONFIGS), version_base=None):
        config: Config = OmegaConf.to_object(compose("train", list(overrides)))
    return config


def tiny_run(folder: Path) -> list[str]:
    """Overrides: a tiny model of ours on made-up data, a few steps a stage, everything under `folder`."""
    if not (folder / "data").exists():
        write_data(folder / "data")
        tiny_model().save_pretrained(folder / "start")
    small = "{rows: 8, tokens: 512, max_tokens: 48}"
    loop = "{n_steps: 6, warmup: 2, save_every: 2, evaluate_every: 3, log_every: 1}"
    return [
        "training=dev",
        f"data.folder={folder / 'data'}",
        f"output={folder / 'run'}",
        f"model.weights={folder / 'start'}",
        f"model.tokenizer={MODEL_DIR}",
        "threads=1",
        *(f"training.{stage}.loop={loop}" for stage in STAGES),
        *(
            f"training.{stage}.{task}={small}"
            for stage in ("encoder", "multitask")
            for task in ("emotion", "topic")
        ),
        f"training.emotion.emotion={small}",
        "training.selection.n_words=20",
        "training.embedding.rows=8",
        "training.decoder.n_titles=10",
        "training.decoder.n_keys=10",
        "training.decoder.max_tokens=64",
        "training.multitask.alpha=0.0",
    ]
