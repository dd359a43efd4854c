"""Which language a text is in."""

from functools import cache
from typing import Any, Final

UNDECIDED: Final = "und"

_MAX_CHARS: Final = 4000
# Counted in UTF-8 bytes of letters, because a letter of a dense script says more than a Latin one.
_MIN_LETTER_BYTES: Final = 16
_MIN_CONFIDENCE: Final = 0.5
_NO_LANGUAGE: Final = "zxx"


def identify(text: str) -> tuple[str, float]:
    """Name the language of ``text``, judged by its first 4,000 characters.

    Returns:
        ISO 639-1 code (639-3 where there is none) and its probability, 0 to 1; ``("und", p)`` when there
        is too little text or no language reaches one half.
    """
    head = text[:_MAX_CHARS].encode("utf-8", "ignore").decode("utf-8")
    letters = "".join(character for character in head if character.isalpha())
    if len(letters.encode("utf-8")) < _MIN_LETTER_BYTES:
        return UNDECIDED, 0.0
    language, confidence = _identifier().classify(head)
    if language == _NO_LANGUAGE or confidence < _MIN_CONFIDENCE:
        return UNDECIDED, float(confidence)
    return str(language), float(confidence)


@cache
def _identifier() -> Any:
    # Reading the model takes half a second: only a text that needs it pays for it.
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
