"""Saving and loading: ``model.safetensors`` and ``config.json``; no pickle, no key too many or too few."""

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Literal, Self

import torch
from huggingface_hub import ModelHubMixin, snapshot_download
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from leximind.errors import ModelError
from leximind.model.quantize import pack_int8, unpack

Storage = Literal["float32", "float16", "bfloat16", "int8"]

CONFIG, WEIGHTS = "config.json", "model.safetensors"


class Checkpointed(ModelHubMixin):
    """`save_pretrained`, `from_pretrained` and (from huggingface_hub) `push_to_hub` for a model.

    A class sets `config_type`; its constructor takes one such configuration.
    """

    config_type: ClassVar[Any]
    config: Any
    storage: Storage = "float32"

    def _save_pretrained(self, save_directory: Path) -> None:
        assert isinstance(self, nn.Module)
        save_directory.mkdir(parents=True, exist_ok=True)
        state = {name: value.detach().cpu().contiguous() for name, value in self.state_dict().items()}
        if self.storage == "int8":
            state = pack_int8(state)
        else:
            dtype = getattr(torch, self.storage)
            state = {k: v.to(dtype) if v.is_floating_point() else v for k, v in state.items()}
        save_file(state, save_directory / WEIGHTS, metadata={"format": "pt"})
        description = {
            "architecture": type(self).__name__,
            "storage": self.storage,
            "config": self.config.to_dict(),
        }
        (save_directory / CONFIG).write_text(json.dumps(description, indent=2) + "\n", encoding="utf-8")

    @classmethod
    def from_pretrained(cls, path_or_repo: str | Path, *, revision: str | None = None) -> Self:  # type: ignore[override]
        """Load from a folder or a Hub repository; weights come back as fp32, in evaluation mode.

        Raises:
            ModelError: there is no such checkpoint, it is another architecture's, or its keys do not fit.
        """
        model, state = cls.read_stored(path_or_repo, revision=revision)
        model.fill(unpack(state))
        return model

    @classmethod
    def read_stored(
        cls, path_or_repo: str | Path, *, revision: str | None = None
    ) -> tuple[Self, dict[str, Tensor]]:
        """The model without memory for its weights, to be filled, and the weights as they are stored.

        The weights lie in the mapped file: it stays in memory for as long as one of them is used as it is.

        Raises:
            ModelError: there is no such checkpoint, or it is another architecture's.
        """
        folder = fetch(path_or_repo, revision)
        description = _read_description(folder)
        if description.get("architecture") != cls.__name__:
            raise ModelError(
                f"{folder} holds a {description.get('architecture')!r}, but a {cls.__name__!r} was asked for."
            )
        with torch.device("meta"), _Unfilled():
            model = cls(cls.config_type.from_dict(description["config"]))
        model.storage = description.get("storage", "float32")
        try:
            return model, load_file(folder / WEIGHTS)
        except (OSError, SafetensorError) as error:
            raise ModelError(f"{folder / WEIGHTS} cannot be read: {error}.") from error

    def fill(self, state: dict[str, Tensor]) -> None:
        """Take the weights of `state` as this model's own, in evaluation mode.

        Raises:
            ModelError: the keys or shapes do not fit.
        """
        assert isinstance(self, nn.Module)
        check_keys(self, state)
        self.load_state_dict(state, assign=True)
        materialise_buffers(self)
        self.eval()


class _Unfilled(TorchFunctionMode):
    """Draws no first weights.

    On the meta device some of these functions run in Python, and with them torch imports its compiler: a
    second and a hundred megabytes, for numbers that are nowhere.
    """

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        given = dict(kwargs or {})
        if getattr(func, "__module__", "") == nn.init.__name__:
            return args[0] if args else given["tensor"]
        out = given.get("out")
        return func(*args, **given) if out is None else out


def fetch(path_or_repo: str | Path, revision: str | None = None) -> Path:
    """The local folder of a checkpoint; a Hub id is downloaded (weights, JSON and tokenizer files only).

    Raises:
        ModelError: it is neither a folder nor a repository that can be reached.
    """
    folder = Path(path_or_repo)
    if folder.is_dir():
        return folder
    try:
        patterns = ["*.safetensors", "*.json", "*.txt", "*.model", "README.md"]
        return Path(snapshot_download(str(path_or_repo), revision=revision, allow_patterns=patterns))
    except Exception as error:  # the Hub client raises a dozen unrelated types
        raise ModelError(
            f"{str(path_or_repo)!r} is neither a folder nor a Hub repository that can be reached ({error}).",
            hint="Check the name, the network, or download it and give the folder.",
        ) from error


def _read_description(folder: Path) -> dict[str, Any]:
    try:
        description = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ModelError(f"{folder / CONFIG} cannot be read: {error}.") from error
    if not isinstance(description, dict) or not isinstance(description.get("config"), dict):
        raise ModelError(
            f"{folder / CONFIG} is not a configuration of this project.",
            hint="FLAN-T5, BERT and LLaMA checkpoints are loaded with leximind.model.weights.",
        )
    return description


def check_keys(model: nn.Module, state: dict[str, Tensor]) -> None:
    """Raise ModelError unless the state has exactly the model's keys, in its shapes."""
    expected = model.state_dict()
    if missing := sorted(set(expected) - set(state)):
        raise ModelError(
            f"{len(missing)} weights are missing, the first is {missing[0]!r}.",
            hint="The file is cut off or belongs to another configuration.",
        )
    if unexpected := sorted(set(state) - set(expected)):
        raise ModelError(
            f"{len(unexpected)} weights have no place in the model, the first is {unexpected[0]!r}.",
            hint="The file belongs to another configuration.",
        )
    for name, value in state.items():
        if value.shape != expected[name].shape:
            raise ModelError(
                f"{name!r} has shape {tuple(value.shape)}, but {tuple(expected[name].shape)} was expected.",
                hint="Compare vocab_size, d_model and n_layers of the configuration with the file's.",
            )


def materialise_buffers(model: nn.Module) -> None:
    """Compute the constants that are not saved (slopes, sinusoids) for a model built without memory."""
    for module in model.modules():
        if callable(reset := getattr(module, "reset_constants", None)):
            reset()
