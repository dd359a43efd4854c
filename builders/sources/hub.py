"""Any dataset of the Hugging Face Hub, or a folder or file that ``datasets`` reads like one."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

import pyarrow as pa

from builders.sources.entry import RowError
from builders.sources.found import Found, Opened
from leximind.errors import DataError, InputError, NotFoundError

DEFAULT_SPLIT: Final = "train"
_HUB: Final = "https://huggingface.co/datasets/"
_NAME = re.compile(r"[\w.-]+")


@dataclass(frozen=True)
class Address:
    """A dataset's name (or folder), its configuration (None: the only one) and its split."""

    name: str
    configuration: str | None = None
    split: str = DEFAULT_SPLIT

    @classmethod
    def parse(cls, given: str) -> Self:
        """From ``NAME[/CONFIGURATION][:SPLIT]``.

        A name has its owner before it, ``owner/name``; one that begins with ``/`` or ``.`` is a folder.

        Raises:
            InputError: anything else.
        """
        place, _, split = given.partition(":")
        split = split or DEFAULT_SPLIT
        if place.startswith(("/", ".")):
            return cls(place, None, split)
        parts = place.split("/")
        if not all(map(_NAME.fullmatch, parts)) or len(parts) > 3:
            raise InputError(
                f"{given!r} is no dataset of the Hub; OWNER/NAME[/CONFIGURATION][:SPLIT] was expected.",
                hint="For example hub:owner/name, hub:owner/name/default:train or hub:./folder.",
            )
        return cls("/".join(parts[:2]), parts[2] if len(parts) == 3 else None, split)


def open_hub(given: str, *, streaming: bool) -> Opened:
    """The rows of a split; ids of classes become their names.

    Args:
        streaming: read over the network as rows are asked for; else the whole split is downloaded first.

    Raises:
        InputError: the address cannot be parsed.
        NotFoundError: the Hub cannot be reached or has no such dataset, configuration or split.
    """
    import datasets  # takes a second, and only this function needs it

    address = Address.parse(given)
    try:
        dataset = datasets.load_dataset(
            address.name, address.configuration, split=address.split, streaming=streaming
        )
    except Exception as error:  # the library raises a dozen unrelated types
        raise NotFoundError(
            f"hub:{given} cannot be read: {_say(error)}.",
            hint="Check the name, the configuration, the split and the network.",
        ) from error
    is_folder = address.name.startswith(("/", "."))
    name = Path(address.name).name if is_folder else address.name
    fallbacks = {"id": "{digest}", "source": name, "authors": "", "subjects": ""}
    if not is_folder:
        fallbacks["url"] = _HUB + name
    return Opened(read_dataset(dataset, f"hub:{given}"), fallbacks)


def read_dataset(dataset: Any, name: str) -> Iterator[Found]:
    """The rows of a ``Dataset`` or ``IterableDataset``, one by one; a damaged shard costs its rest only.

    Raises:
        DataError: the network failed. A dataset is not taken for shorter than it is.
    """
    number = 0
    n_shards = getattr(dataset, "n_shards", None) or getattr(dataset, "num_shards", None) or 1
    features = dataset.features
    for index in range(n_shards):
        shard = dataset.shard(num_shards=n_shards, index=index) if n_shards > 1 else dataset
        try:
            for row in shard:
                number += 1
                yield Found(name, number, _name_classes(row, features))
        except Exception as error:
            if not _is_damage(error):
                raise DataError(
                    f"{name} cannot be read on after row {number:,}: {_say(error)}.",
                    hint="Check the network, then run the same command again.",
                ) from error
            reason = f"Shard {index + 1} of {n_shards} cannot be read from here on: {_say(error)}."
            number += 1
            yield Found(name, number, RowError(reason))


def _is_damage(error: BaseException | None) -> bool:
    """Whether the data are at fault, and not the way to them; the cause at the root of an error decides."""
    while error is not None and (error.__cause__ or error.__context__):
        error = error.__cause__ or error.__context__
    if isinstance(error, OSError):  # Arrow's own mean what a file holds, others the network or the disk
        return isinstance(error, pa.ArrowException)
    return isinstance(error, pa.ArrowException | ValueError | KeyError | TypeError)


def _name_classes(row: dict[str, Any], features: Any) -> dict[str, Any]:
    for column, feature in (features or {}).items():
        names = getattr(feature, "names", None)
        value = row.get(column)
        if names and isinstance(value, int) and 0 <= value < len(names):
            row[column] = names[value]
    return row


def _say(error: BaseException) -> str:
    return " ".join(str(error).split())[:300].rstrip(".") or type(error).__name__
