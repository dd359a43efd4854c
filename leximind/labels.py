"""The label sets, in the order in which every score vector of the project is laid out."""

from typing import Final

TOPICS: Final[tuple[str, ...]] = (
    "Arts", "Business", "Fiction", "History", "Philosophy", "Science", "Technology",
)  # fmt: skip

# GoEmotions (Demszky et al., 2020), alphabetical with neutral in its place.
EMOTIONS: Final[tuple[str, ...]] = (
    "admiration", "amusement", "anger", "annoyance", "approval", "caring", "confusion",
    "curiosity", "desire", "disappointment", "disapproval", "disgust", "embarrassment",
    "excitement", "fear", "gratitude", "grief", "joy", "love", "nervousness", "neutral",
    "optimism", "pride", "realization", "relief", "remorse", "sadness", "surprise",
)  # fmt: skip

NEUTRAL: Final = EMOTIONS.index("neutral")

# The sentiment groups of the GoEmotions paper (its figure 2).
EMOTION_FAMILIES: Final[dict[str, tuple[str, ...]]] = {
    "positive": (
        "admiration", "amusement", "approval", "caring", "desire", "excitement", "gratitude",
        "joy", "love", "optimism", "pride", "relief",
    ),
    "negative": (
        "anger", "annoyance", "disappointment", "disapproval", "disgust", "embarrassment",
        "fear", "grief", "nervousness", "remorse", "sadness",
    ),
    "ambiguous": ("confusion", "curiosity", "realization", "surprise"),
    "neutral": ("neutral",),
}  # fmt: skip

KINDS: Final[tuple[str, ...]] = ("book", "paper")
D_EMBEDDING: Final = 384
