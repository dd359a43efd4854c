"""Works as rows of a source, for the tests of reading."""

import json
from pathlib import Path
from typing import Any

from builders.sources import Entry, Rejection, SourceOptions, open_source

# Words enough for descriptions of which no two are alike.
_NOUNS = (
    "lamp", "gull", "ferry", "crate", "stair", "orange", "keeper", "island", "harbour", "winter", "lantern",
    "storm", "rope", "anchor", "engine",
)  # fmt: skip
_VERBS = (
    "watched", "carried", "forgot", "painted", "mended", "counted", "followed", "ignored", "drew", "measured",
    "feared", "praised", "sold",
)  # fmt: skip


def describe(number: int) -> str:
    """An English description that shares hardly a run of three words with that of another number."""
    parts = []
    for i in range(12):
        seed = number * 7919 + i * 104729 + number * i * 31
        noun, verb, other = _NOUNS[seed % 15], _VERBS[seed // 15 % 13], _NOUNS[seed // 195 % 15]
        parts.append(
            f"In {1500 + seed % 997} the {noun} of house {seed % 7919} {verb} what the {other} had left."
        )
    return " ".join(parts)


def make_row(number: int, **changes: Any) -> dict[str, Any]:
    """A row with everything a work needs; ``...`` leaves a column out."""
    row = {
        "id": f"work-{number}",
        "kind": "book",
        "title": f"Title {number}",
        "authors": ["Jane Roe", "John Doe"],
        "year": 1800 + number % 200,
        "url": f"https://example.org/{number}",
        "source": "Example Press",
        "license": "CC0-1.0",
        "language": "en",
        "subjects": ["Lamps"],
        "description": describe(number),
    }
    return {name: value for name, value in (row | changes).items() if value is not ...}


def write_jsonl(path: Path, rows: list[Any]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = [row if isinstance(row, str) else json.dumps(row) for row in rows]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def read(place: str | Path, **options: Any) -> tuple[list[Entry], list[Rejection]]:
    """All entries and all rejections of a place."""
    items = list(open_source(place, SourceOptions(**options)))
    entries = [item for item in items if isinstance(item, Entry)]
    return entries, [item for item in items if isinstance(item, Rejection)]


def reasons(rejections: list[Rejection]) -> list[tuple[str, int, str]]:
    return [(rejection.file, rejection.row, rejection.reason) for rejection in rejections]
