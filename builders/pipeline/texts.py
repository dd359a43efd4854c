"""Full texts that were read before: a shelf may change every day, its novels do not."""

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Final

from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from builders.analyse import Passages
from builders.pipeline.files import replacing

TEXTS: Final = "analyse/texts"


class TextCache:
    """Passages by the hash of a text, in a folder that belongs to one analysis."""

    def __init__(self, folder: Path, analysis: str) -> None:
        self._folder = folder / analysis

    def find(self, text: str) -> Passages | None:
        """What was read of this very text; None when it is missing or damaged."""
        try:
            found = load_file(self._place(text))
            return Passages(found["emotions"], found["topics"], found["lengths"])
        except (OSError, SafetensorError, KeyError):
            return None

    def reading(self, read_whole: Callable[[str], Passages]) -> Callable[[str], Passages]:
        """``read_whole`` for texts that are not here yet."""

        def read(text: str) -> Passages:
            found = self.find(text)
            if found is None:
                found = read_whole(text)
                arrays = {"emotions": found.emotions, "topics": found.topics, "lengths": found.lengths}
                with replacing(self._place(text)) as partial:
                    save_file(arrays, partial)
            return found

        return read

    def _place(self, text: str) -> Path:
        name = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]
        return self._folder / name[:2] / f"{name}.safetensors"
