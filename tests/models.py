"""A tiny model of the embedded model's shape, with random weights, and the real tokenizer."""

from dataclasses import replace
from functools import cache

import numpy as np
import torch

from leximind.inference.analyzer import LexiMind
from leximind.inference.profile import Profile
from leximind.model.config import MultiTaskConfig, preset
from leximind.model.multitask import MultiTask
from leximind.settings import MODEL_DIR
from leximind.text.tokenizer import Tokenizer


@cache
def tokenizer() -> Tokenizer:
    return Tokenizer.from_pretrained(MODEL_DIR)


def tiny_config() -> MultiTaskConfig:
    mini = preset("leximind-mini")
    assert isinstance(mini, MultiTaskConfig)
    shape = {"n_layers": 2, "d_model": 16, "n_heads": 2, "n_kv_heads": 2, "d_head": 8, "d_ff": 32}
    encoder = replace(mini.backbone.encoder, **shape)
    decoder = replace(mini.backbone.decoder, **shape)
    backbone = replace(mini.backbone, encoder=encoder, decoder=decoder)
    return replace(mini, backbone=backbone, d_emotion=16, d_embedding=16, n_emotion_blocks=1, d_selection=16)


def tiny_model(seed: int = 0) -> MultiTask:
    torch.manual_seed(seed)
    model = MultiTask(tiny_config())
    for weight in model.parameters():
        if weight.ndim > 1:
            torch.nn.init.normal_(weight, std=0.3)
    return model.eval()


@cache
def tiny_analyzer() -> LexiMind:
    rng = np.random.default_rng(0)
    scale, shift = tuple(rng.uniform(0.5, 1.5, 28)), tuple(rng.normal(-1, 0.5, 28))
    return LexiMind(tiny_model(), tokenizer(), Profile("tiny", scale, shift, (0.3,) * 28, 1.5, 2))
