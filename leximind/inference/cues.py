"""The words of a text that drive a feeling."""

import numpy as np

from leximind.inference.analysis import Cue
from leximind.inference.reading import Reading, contributions
from leximind.labels import EMOTIONS
from leximind.model.multitask import MultiTask
from leximind.text.words import STOPWORDS, WORD

N_CUES = 8


def find_cues(model: MultiTask, text: str, reading: Reading, emotion: str) -> tuple[Cue, ...]:
    """The words whose tokens add most to an emotion, strongest first."""
    label = EMOTIONS.index(emotion)
    added = np.zeros(len(text) + 1)
    for (start, end), value in contributions(model, reading, label):
        if end > start:
            added[start] += value  # a token's value sits on its first character
    total = np.concatenate(([0.0], added.cumsum()))
    words = [
        (match, float(total[match.end()] - total[match.start()]))
        for match in WORD.finditer(text)
        if match[0].lower().replace("’", "'") not in STOPWORDS and len(match[0]) > 1
    ]
    best = sorted((entry for entry in words if entry[1] > 0), key=lambda entry: -entry[1])[:N_CUES]
    whole = sum(value for _, value in best)
    return tuple(Cue(match[0], match.start(), match.end(), value / whole) for match, value in best)
