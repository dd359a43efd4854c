"""Whether a work is in one of the languages that are wanted."""

from collections.abc import Sequence
from typing import Final

from leximind.text.language import UNDECIDED, identify

# Identifying takes time with the length, and gains little after a few sentences.
SAMPLE_CHARS: Final = 400
# What a source says of its works is believed unless the text says something else with such a probability.
_OVERRULING: Final = 0.9
_CODES: Final = {
    "english": "en", "eng": "en", "french": "fr", "fre": "fr", "fra": "fr", "german": "de", "ger": "de",
    "deu": "de", "italian": "it", "ita": "it", "spanish": "es", "spa": "es", "portuguese": "pt",
    "por": "pt", "dutch": "nl", "dut": "nl", "nld": "nl", "finnish": "fi", "fin": "fi", "swedish": "sv",
    "swe": "sv", "danish": "da", "dan": "da", "norwegian": "no", "nor": "no", "hungarian": "hu",
    "hun": "hu", "greek": "el", "gre": "el", "ell": "el", "latin": "la", "lat": "la", "polish": "pl",
    "pol": "pl", "russian": "ru", "rus": "ru", "czech": "cs", "cze": "cs", "ces": "cs", "catalan": "ca",
    "cat": "ca", "welsh": "cy", "wel": "cy", "cym": "cy", "esperanto": "eo", "epo": "eo", "chinese": "zh",
    "chi": "zh", "zho": "zh", "japanese": "ja", "jpn": "ja", "tagalog": "tl", "tgl": "tl",
}  # fmt: skip


def short_code(language: str) -> str:
    """``en`` for ``en-GB``, ``eng`` and ``English``; an unknown name in small letters."""
    name = language.strip().lower()
    name = _CODES.get(name, name)
    return name.replace("_", "-").partition("-")[0]


def settle(declared: str, description: str, text: str, wanted: Sequence[str]) -> tuple[str, str]:
    """The language of a work, and why it is not wanted ("" when it is).

    Args:
        declared: what the source says, "" for nothing.
        text: the full text or ""; a sample is taken behind its first third, where no editor speaks.
        wanted: language codes; empty for all.
    """
    if wanted and declared and declared not in wanted:
        return declared, f"language is {declared!r}, but {_list(wanted)} was expected."
    samples = {"text": text[len(text) // 3 :], "description": description}
    found = ""
    for name, sample in samples.items():
        language, probability = identify(sample[:SAMPLE_CHARS]) if sample else (UNDECIDED, 0.0)
        if language == UNDECIDED:
            continue
        found = found or language
        if wanted and language not in wanted and (probability >= _OVERRULING or not declared):
            return (
                language,
                f"The {name} is in {language!r} (probability {probability:.2f}), "
                f"but {_list(wanted)} was expected.",
            )
    if wanted and not (declared or found):
        return UNDECIDED, "Its language cannot be told: there is too little text, and no column says it."
    return declared or found or UNDECIDED, ""


def _list(wanted: Sequence[str]) -> str:
    return " or ".join(repr(language) for language in wanted)
