"""What the whole shelf looks like: counts a reader can trust, taken from the works themselves."""

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from leximind.labels import EMOTIONS, TOPICS
from leximind.library.statistics import count

if TYPE_CHECKING:
    from leximind.library.store import Library

_MAX_FIGURES: Final = 12
_MAX_FIGURE_CHARS: Final = 60_000


@dataclass(frozen=True)
class Insights:
    """Counts over the library; every mapping goes from a label to the number of its works.

    Attributes:
        n_works: all works.
        kinds, topics, emotions: in label order, zeros included; an emotion counts where it is in the tone.
        centuries: first year of the century (1800 for 1800 to 1899) to works, oldest first.
        n_undated: works without a year.
        topic_emotions: topic to (28,) mean calibrated scores of its works; topics without works are absent.
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
    centuries: dict[int, int]
    n_undated: int
    topic_emotions: dict[str, tuple[float, ...]]
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
    """Count what is in the library."""
    works = library.works
    counts = count(works)
    profiles = {
        topic: tuple(library.emotions[library.topics == number].mean(axis=0).tolist())
        for number, topic in enumerate(TOPICS)
        if (library.topics == number).any()
    }
    return Insights(
        n_works=counts.n_works,
        kinds=counts.kinds,
        topics=counts.topics,
        emotions={label: counts.tones.get(label, 0) for label in EMOTIONS},
        centuries=counts.centuries,
        n_undated=counts.n_undated,
        topic_emotions=profiles,
        sources=dict(Counter(work.source for work in works).most_common()),
        licenses=dict(Counter(work.license for work in works).most_common()),
        model=library.model,
        built_at=library.built_at,
        version=library.version,
        metrics=metrics,
        figures=figures or {},
    )


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
