"""What the whole shelf looks like: counts a reader can trust, taken from the works themselves."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pyarrow.compute as pc
from numpy.typing import NDArray

from leximind.labels import EMOTIONS, KINDS, TOPICS
from leximind.library.doubts import Doubts, Readings, compare_readings, find_doubts
from leximind.library.eras import Era, count_eras
from leximind.library.filters import LENGTHS, fits_length
from leximind.library.relations import Relations, relate

if TYPE_CHECKING:
    from leximind.library.store import Library

_MAX_FIGURES: Final = 12
_MAX_FIGURE_CHARS: Final = 60_000


@dataclass(frozen=True)
class Insights:
    """Counts over the library; every mapping goes from a label to the number of its works.

    Attributes:
        n_works: all works.
        kinds, topics, emotions, lengths: in label order, zeros included; an emotion counts where it is in
            the tone, a length where the full text was read.
        n_undated: works without a year. n_toneless: works of which no feeling stands out.
        years: the first and the last, None when no work has one.
        eras: works by century and topic, oldest first.
        relations: topics against feelings, and feelings against each other.
        readings: how books read whole differ from those read from a description, None when too few.
        doubts: the works whose labels are weakest.
        sources, licenses: most frequent first.
        model: the model that analysed the works; built_at: when (ISO), empty when unknown.
        version: content hash of the dataset.
        metrics: what was measured for the model on held-out data; empty when not known.
        figures: SVG texts of what was measured, by name; not yet safe to show.
    """

    n_works: int
    kinds: dict[str, int]
    topics: dict[str, int]
    emotions: dict[str, int]
    lengths: dict[str, int]
    n_undated: int
    n_toneless: int
    years: tuple[int, int] | None
    eras: tuple[Era, ...]
    relations: Relations
    readings: Readings | None
    doubts: Doubts
    sources: dict[str, int]
    licenses: dict[str, int]
    model: str
    built_at: str
    version: str
    metrics: Mapping[str, Any] = field(default_factory=dict)
    figures: Mapping[str, str] = field(default_factory=dict)


def describe(
    library: "Library", metrics: Mapping[str, Any], figures: Mapping[str, str] | None = None
) -> Insights:
    """Count what is in the library, from its columns: 100,000 works take about a tenth of a second."""
    years = library.years[library.has_year]
    return Insights(
        n_works=len(library),
        kinds=_tally(np.bincount(library.kinds, minlength=len(KINDS)), KINDS),
        topics=_tally(np.bincount(library.topics, minlength=len(TOPICS)), TOPICS),
        emotions=_tally(np.count_nonzero(library.tones, axis=0), EMOTIONS),
        lengths={name: int(fits_length(library.n_words, name).sum()) for name in LENGTHS},
        n_undated=len(library) - len(years),
        n_toneless=int((~library.tones.any(axis=1)).sum()),
        years=(int(years.min()), int(years.max())) if len(years) else None,
        eras=count_eras(library),
        relations=relate(library),
        readings=compare_readings(library),
        doubts=find_doubts(library),
        sources=_rank(library, "source"),
        licenses=_rank(library, "license"),
        model=library.model,
        built_at=library.built_at,
        version=library.version,
        metrics=metrics,
        figures=figures or {},
    )


def _tally(counts: NDArray[np.integer], labels: tuple[str, ...]) -> dict[str, int]:
    return dict(zip(labels, counts.tolist(), strict=True))


def _rank(library: "Library", column: str) -> dict[str, int]:
    counted = pc.value_counts(library.table.column(column)).to_pylist()
    return {entry["values"]: entry["counts"] for entry in sorted(counted, key=_rarity)}


def _rarity(entry: Mapping[str, Any]) -> tuple[int, str]:
    return -entry["counts"], entry["values"]


def read_metrics(folder: Path) -> dict[str, Any]:
    """What was measured for the model in this folder; nothing when it is not there."""
    try:
        metrics = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return metrics if isinstance(metrics, dict) else {}


def read_figures(folder: Path) -> dict[str, str]:
    """The SVG files of the report in a model's folder, by name; what is too large for a page is left out."""
    figures: dict[str, str] = {}
    for path in sorted((folder / "report").glob("*.svg"))[:_MAX_FIGURES]:
        try:
            text = path.read_text(encoding="utf-8")
        except (OSError, ValueError):
            continue
        if len(text) <= _MAX_FIGURE_CHARS:
            figures[path.stem] = text
    return figures
