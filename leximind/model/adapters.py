"""LoRA adapters: added to a frozen base, trained and saved alone, folded into the weights for inference.

config = add_adapters(model, AdapterConfig(rank=16, targets=("q", "v"), base="google/flan-t5-base"))
...                                     # train: only adapters and heads ask for gradients
save_adapters(model, config, folder)    # a few megabytes
load_adapters(same_base, folder)        # refuses any other base
merge_adapters(same_base)               # an ordinary model again, to save as one
"""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from leximind.errors import ModelError
from leximind.model.layers import LoRALinear
from leximind.model.stack import Block

CONFIG, WEIGHTS = "adapters.json", "adapters.safetensors"
HEADS = "heads"


@dataclass(frozen=True)
class AdapterConfig:
    """Where the adapters sit, and what they were trained on.

    Attributes:
        rank, alpha, dropout: of Hu et al. (2021); an update is scaled by ``alpha / rank``.
        targets: which linears of the transformer blocks get one: last names (``q``, ``down``) or shell
            patterns over whole names (``backbone.decoder.*.cross_attention.[qv]``); ``*`` is all of them.
        trained: what else is trained, whole, and saved with the adapters: the starts of weight names, such
            as ``backbone.copy_head``. The heads of a `MultiTask` always are.
        base: the base model's name, for people.
        fingerprint: of the base's frozen weights; `add_adapters` fills it in.
    """

    rank: int = 16
    alpha: float = 32.0
    dropout: float = 0.0
    targets: tuple[str, ...] = ("q", "v")
    trained: tuple[str, ...] = ()
    base: str = ""
    fingerprint: str = ""

    def __post_init__(self) -> None:
        for name in ("targets", "trained"):
            given = getattr(self, name)
            if isinstance(given, str) or not all(isinstance(entry, str) for entry in given):
                raise ModelError(f"{name} is {given!r}, but a list of names was expected.")
            object.__setattr__(self, name, tuple(given))
        if self.rank < 1:
            raise ModelError(f"rank is {self.rank}, but at least 1 was expected.")
        if not 0 <= self.dropout < 1:
            raise ModelError(f"dropout is {self.dropout}, but a number from 0 to below 1 was expected.")


def add_adapters(model: nn.Module, config: AdapterConfig) -> AdapterConfig:
    """Freeze `model` but for its heads, and put an adapter on every target; its outputs stay what they were.

    Returns:
        The configuration with the base's fingerprint, for `save_adapters`.

    Raises:
        ModelError: there are adapters already, the base is quantised, it is not the one of the
            configuration's fingerprint, or a name of the configuration fits nothing.
    """
    targets = _find_targets(model, config)
    fingerprint = fingerprint_base(model, config)
    if config.fingerprint not in ("", fingerprint):
        raise ModelError(
            f"The adapters were trained on {config.base or 'another base'} with the fingerprint "
            f"{config.fingerprint[:12]}, but this model's is {fingerprint[:12]}.",
            hint="Load them onto the very weights they were trained on, before anything is merged or cast.",
        )
    model.requires_grad_(False)
    for name, weight in model.named_parameters():
        if _is_trained(name, config):
            weight.requires_grad_(True)
    for name, linear in targets.items():
        _set(model, name, LoRALinear(linear, config.rank, config.alpha, config.dropout))
    return replace(config, fingerprint=fingerprint)


def save_adapters(model: nn.Module, config: AdapterConfig, folder: Path) -> None:
    """Write the adapters and what was trained whole, and nothing of the base.

    Args:
        config: as `add_adapters` returned it.

    Raises:
        ModelError: the model has no adapters, or the configuration names no base.
    """
    if not config.fingerprint:
        raise ModelError(
            "The configuration has no fingerprint of its base.", hint="Give the one add_adapters returned."
        )
    if not any(_adapters(model)):
        raise ModelError("The model has no adapters.", hint="Add them first, and save before merging.")
    state = {
        name: value.detach().cpu().contiguous()
        for name, value in model.state_dict().items()
        if _is_trained(name, config) or _is_adapter(model, name)
    }
    folder.mkdir(parents=True, exist_ok=True)
    save_file(state, folder / WEIGHTS, metadata={"format": "pt"})
    (folder / CONFIG).write_text(json.dumps(asdict(config), indent=2) + "\n", encoding="utf-8")


def load_adapters(model: nn.Module, folder: Path) -> AdapterConfig:
    """Put saved adapters onto the base they were trained on; on an error the model is left as it was.

    Raises:
        ModelError: a file is missing or damaged, the base is another one, or a weight is missing, has no
            place, or does not fit.
    """
    config = _read_config(folder)
    try:
        state = load_file(folder / WEIGHTS)
    except (OSError, SafetensorError) as error:
        raise ModelError(f"{folder / WEIGHTS} cannot be read: {error}.") from error
    _check_state(model, config, state)
    config = add_adapters(model, config)
    places = model.state_dict()
    with torch.no_grad():
        for name, value in state.items():
            places[name].copy_(value)
    return config


def merge_adapters(model: nn.Module) -> nn.Module:
    """Fold every adapter into its linear: the same outputs, no cost, an ordinary checkpoint.

    Raises:
        ModelError: there are none, or the base is quantised.
    """
    adapters = list(_adapters(model))
    if not adapters:
        raise ModelError("The model has no adapters to merge.", hint="Load or add them first.")
    for name, adapter in adapters:
        if type(adapter.base) is not nn.Linear:
            raise ModelError(
                f"{name!r} is a {type(adapter.base).__name__}, into which nothing can be merged.",
                hint="Load the base in full precision, load the adapters onto it, and merge those.",
            )
    for name, adapter in adapters:
        _set(model, name, adapter.merge())
    return model


def fingerprint_base(model: nn.Module, config: AdapterConfig) -> str:
    """SHA-256 over names, shapes and values of all weights that are not trained whole."""
    total = hashlib.sha256()
    for name, value in sorted(model.state_dict().items()):
        if not _is_trained(name, config):
            total.update(f"{name} {value.dtype} {tuple(value.shape)}\n".encode())
            total.update(value.detach().cpu().contiguous().flatten().view(torch.uint8).numpy())
    return total.hexdigest()


def _find_targets(model: nn.Module, config: AdapterConfig) -> dict[str, nn.Linear]:
    """The linears of blocks to adapt, by name. LM head, copy head and heads are no part of a block."""
    if any(_adapters(model)):
        raise ModelError("The model has adapters already.", hint="Merge them first, or load the base anew.")
    linears = {
        f"{block}.{name}": module
        for block, part in model.named_modules()
        if isinstance(part, Block)
        for name, module in part.named_modules()
        if isinstance(module, nn.Linear) and not _is_trained(f"{block}.{name}", config)
    }
    found: dict[str, nn.Linear] = {}
    for pattern in config.targets:
        fits = {
            name: linear
            for name, linear in linears.items()
            if fnmatchcase(name, pattern) or fnmatchcase(name.rpartition(".")[2], pattern)
        }
        if not fits:
            raise ModelError(
                f"No linear layer of a block is called {pattern!r}.",
                hint="Projections are q, k, v, o, gate, up and down; a pattern may also fit whole names.",
            )
        found |= fits
    if not found:
        raise ModelError("targets is empty, but at least one name was expected.", hint="Take q and v.")
    for prefix in config.trained:
        if not any(_starts(name, prefix) for name, _ in model.named_parameters()):
            raise ModelError(f"trained names {prefix!r}, but no weight's name starts so.")
    if quantised := [name for name, linear in found.items() if type(linear) is not nn.Linear]:
        raise ModelError(
            f"{quantised[0]!r} is quantised already.", hint="Add or load adapters first, quantise last."
        )
    return dict(sorted(found.items()))


def _check_state(model: nn.Module, config: AdapterConfig, state: dict[str, Tensor]) -> None:
    expected: dict[str, tuple[int, ...]] = {
        name: tuple(value.shape) for name, value in model.state_dict().items() if _is_trained(name, config)
    }
    for name, linear in _find_targets(model, config).items():
        expected[f"{name}.a"] = config.rank, linear.in_features
        expected[f"{name}.b"] = linear.out_features, config.rank
    hint = f"{WEIGHTS} and {CONFIG} do not belong together, or to another model; copy both again."
    if missing := sorted(set(expected) - set(state)):
        raise ModelError(
            f"{len(missing)} adapter weights are missing, the first is {missing[0]!r}.", hint=hint
        )
    if unused := sorted(set(state) - set(expected)):
        raise ModelError(
            f"{len(unused)} adapter weights have no place in the model, the first is {unused[0]!r}.",
            hint=hint,
        )
    for name, shape in expected.items():
        if tuple(state[name].shape) != shape:
            raise ModelError(
                f"{name!r} has shape {tuple(state[name].shape)}, but {shape} was expected.", hint=hint
            )


def _read_config(folder: Path) -> AdapterConfig:
    try:
        plain: dict[str, Any] = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
        config = AdapterConfig(**plain)
    except (OSError, ValueError, TypeError) as error:
        raise ModelError(
            f"{folder / CONFIG} cannot be used: {error}.", hint="Give the folder that save_adapters wrote."
        ) from error
    if not config.fingerprint:
        raise ModelError(f"{folder / CONFIG} does not say what the adapters were trained on.")
    return config


def _adapters(model: nn.Module) -> Iterator[tuple[str, LoRALinear]]:
    return ((name, part) for name, part in model.named_modules() if isinstance(part, LoRALinear))


def _is_adapter(model: nn.Module, name: str) -> bool:
    """Whether a weight is an adapter's own, not its base's."""
    parent, _, last = name.rpartition(".")
    return last in ("a", "b") and isinstance(model.get_submodule(parent), LoRALinear)


def _is_trained(name: str, config: AdapterConfig) -> bool:
    return any(_starts(name, prefix) for prefix in (HEADS, *config.trained))


def _starts(name: str, prefix: str) -> bool:
    return name == prefix or name.startswith(prefix + ".")


def _set(model: nn.Module, name: str, module: nn.Module) -> None:
    parent, _, last = name.rpartition(".")
    setattr(model.get_submodule(parent), last, module)
