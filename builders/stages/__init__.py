"""The stages of training, one module each.

A stage is a function ``run(config, model, tokenizer, processes)`` that trains (or exports) the model and
returns the one that the next stage starts from. Its settings are its module's `Options`, under
``training.NAME`` in the configuration. To add a stage, write its module and name it in `STAGES`.
"""

from types import ModuleType
from typing import Any, Final

from builders.stages import decoder, embedding, emotion, encoder, export, multitask, selection, words

STAGES: Final[dict[str, ModuleType]] = {
    "encoder": encoder,
    "words": words,
    "emotion": emotion,
    "selection": selection,
    "embedding": embedding,
    "decoder": decoder,
    "multitask": multitask,
    "export": export,
}

OPTIONS: Final[dict[str, type[Any]]] = {
    name: module.Options for name, module in STAGES.items() if hasattr(module, "Options")
}
