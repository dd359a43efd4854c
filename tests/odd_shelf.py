"""The small shelf with works that put a page to the test: long, hostile, crowded, without this or that."""

from pathlib import Path

import numpy as np
import pyarrow as pa

from leximind.labels import EMOTIONS
from leximind.library.store import Library, write_discovery
from leximind.library.work import SCHEMA
from leximind.service import Service
from tests.conftest import MODEL_NAME, SHELF, FakeAnalyzer, row

N_PLACES = 21
HOSTILE_ID = "a\"b'<c>&d=e f"
HOSTILE = "\"><script>alert(1)</script> {{ 7*7 }} ${alert(2)} ' onmouseover=alert(3) </pre></dialog>"
LONG_TITLE = "On the Manifold Consequences of " + "very " * 40 + "Pneumono" + "ultramicroscopic" * 8


def make_arc() -> list[list[float]]:
    """(21, 28): fear rises evenly from 0 to 0.6, love falls from 0.4 to 0, the others lie at 0.05."""
    arc = np.full((N_PLACES, len(EMOTIONS)), 0.05)
    arc[:, EMOTIONS.index("fear")] = np.linspace(0, 0.6, N_PLACES)
    arc[:, EMOTIONS.index("love")] = np.linspace(0.4, 0, N_PLACES)
    return [[float(score) for score in place] for place in arc]


def make_table() -> pa.Table:
    """The shelf and five works more."""
    rows = [row(entry, number) for number, entry in enumerate(SHELF)]
    author = "Ursula K. Le Guin"
    book = row(("storm", "book", "The Storm", author, 1901, "Fiction", "fear love", "Weather", ""))
    paper = row(("crowd", "paper", "Seen by Many", "A. One", 2012, "Science", "", "Particles", "We saw it."))
    rows += [
        book
        | {
            "arc": make_arc(),
            "description": "It rained. Nobody slept! It rained on.",
            "summary": "Nobody slept!",
        },
        paper
        | {
            "authors": [f"Given{n} Family{n}" for n in range(40)],
            "url": "https://doi.org/10.1000/182",
            "source": "Journal of Sights",
        },
        paper | {"id": "long", "title": LONG_TITLE, "authors": [], "year": None, "subjects": []},
        paper
        | {
            "id": HOSTILE_ID,
            "title": HOSTILE,
            "authors": [HOSTILE, 'Nick "Name" Smith', "  "],
            "subjects": [HOSTILE, 'the "sea"', "x" * 300],
            "description": f"{HOSTILE}\n\n{HOSTILE}",
            "summary": HOSTILE,
            "source": HOSTILE,
            "license": HOSTILE,
            "language": "<b>",
            "url": 'https://example.org/"onmouseover="alert(4)\'{{x}}',
        },
        paper
        | {
            "id": "bare",
            "authors": [],
            "year": None,
            "description": "",
            "summary": "",
            "subjects": [],
            "topic": "Arts",
            "topic_scores": [1 / 7] * 7,
            "emotions": [0.0] * len(EMOTIONS),
        },
    ]
    return pa.Table.from_pylist(rows, schema=SCHEMA)


def make_service(folder: Path, *, model: str = MODEL_NAME) -> Service:
    """A service over the works, written to a folder, with the analyses of a model."""
    write_discovery(make_table(), folder, model=model, built_at="2026-01-31T12:00:00Z")
    return Service(Library.from_folder(folder), load_analyzer=FakeAnalyzer)
