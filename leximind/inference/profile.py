"""What the analyzer knows besides weights: calibration, thresholds, the decoder's start tokens."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from leximind.errors import ModelError
from leximind.labels import EMOTIONS, TOPICS

PROFILE = "profile.json"


@dataclass(frozen=True)
class Profile:
    """Saved as ``profile.json`` beside the weights.

    Attributes:
        name: the model's name and version.
        emotion_scale, emotion_shift: (28,) Platt scaling, p = sigmoid(scale * logit + shift) (Platt, 1999).
        emotion_thresholds: (28,) on calibrated probabilities, tuned on validation.
        topic_temperature: softmax(logits / temperature) (Guo et al., 2017).
        summary_start: the decoder's start token for a one-sentence summary.
    """

    name: str
    emotion_scale: tuple[float, ...]
    emotion_shift: tuple[float, ...]
    emotion_thresholds: tuple[float, ...]
    topic_temperature: float
    summary_start: int
    emotions: tuple[str, ...] = EMOTIONS
    topics: tuple[str, ...] = TOPICS

    def __post_init__(self) -> None:
        if tuple(self.emotions) != EMOTIONS or tuple(self.topics) != TOPICS:
            raise ModelError(
                "The model's labels are not this version's labels.", hint="Use a matching version."
            )
        for name in ("emotion_scale", "emotion_shift", "emotion_thresholds"):
            if len(getattr(self, name)) != len(EMOTIONS):
                raise ModelError(
                    f"{name} has {len(getattr(self, name))} values, but {len(EMOTIONS)} were expected."
                )

    def emotion_probabilities(self, logits: NDArray[np.float32]) -> NDArray[np.float32]:
        """Logits (N, 28) to calibrated probabilities (N, 28)."""
        scaled = logits * np.array(self.emotion_scale) + np.array(self.emotion_shift)
        return np.asarray(1 / (1 + np.exp(-scaled)), dtype=np.float32)

    def topic_probabilities(self, logits: NDArray[np.float32]) -> NDArray[np.float32]:
        """Logits (N, 7) to probabilities (N, 7)."""
        scaled = logits / self.topic_temperature
        exponent = np.exp(scaled - scaled.max(axis=1, keepdims=True))
        return np.asarray(exponent / exponent.sum(axis=1, keepdims=True), dtype=np.float32)

    def save(self, folder: Path) -> None:
        (folder / PROFILE).write_text(json.dumps(asdict(self), indent=1) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, folder: Path) -> "Profile":
        """Raises ModelError when the file is missing or damaged."""
        try:
            plain: dict[str, Any] = json.loads((folder / PROFILE).read_text(encoding="utf-8"))
            values: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in plain.items()}
            return cls(**values)
        except (OSError, ValueError, TypeError, AttributeError) as error:
            raise ModelError(f"{folder / PROFILE} cannot be used: {error}.") from error
