"""Arrays as figures, in the colours of the app; every function returns the figure it drew."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import LinearSegmentedColormap, PowerNorm
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from leximind.errors import DataError
from leximind.settings import ASSETS

FORMATS: Final = ("png", "svg")
# Inches; as wide as a page of the docs.
WIDTH: Final = 10.0
DPI: Final = 150
# matplotlib's own font, so that a figure looks the same wherever it is drawn; ids of SVGs are not random.
STYLE: Final[dict[Any, Any]] = {
    "font.family": "DejaVu Sans", "font.size": 9, "axes.titlesize": 10, "axes.titlelocation": "left",
    "axes.spines.top": False, "axes.spines.right": False, "svg.hashsalt": "leximind",
}  # fmt: skip

Matrix = NDArray[np.float32]


@dataclass(frozen=True)
class Panel:
    """One heat map: ``weights`` (rows, columns), with a label for each row and column.

    Attributes:
        n_edges: columns at either end that are markers, not words, and do not set the scale.
    """

    title: str
    weights: Matrix
    rows: Sequence[str]
    columns: Sequence[str]
    n_edges: tuple[int, int] = (0, 0)

    @property
    def largest(self) -> float:
        """The largest weight on a word."""
        first, last = self.n_edges
        return float(self.weights[:, first : self.weights.shape[1] - last].max())


def read_palette(path: Path = ASSETS / "style.css") -> dict[str, str]:
    """The light colours of the app's style sheet, by their names without ``--lm-``.

    Raises:
        DataError: the style sheet has none.
    """
    root = re.search(r":root\s*{(.*?)}", path.read_text(encoding="utf-8"), re.DOTALL)
    colours = dict(re.findall(r"--lm-([\w-]+):\s*(#[0-9a-fA-F]{6})", root[1] if root else ""))
    if not colours:
        raise DataError(f"{path} sets no colours on :root; --lm-ink and its like were expected.")
    return colours


def save(figure: Figure, folder: Path, name: str, formats: Sequence[str] = FORMATS) -> list[Path]:
    """Write the figure in each format; the same figure gives the same bytes."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"{name}.{kind}" for kind in formats]
    with mpl.rc_context(STYLE):
        for path in paths:
            dated = {"Date": None} if path.suffix == ".svg" else {"Software": None}
            figure.savefig(path, dpi=DPI, bbox_inches="tight", facecolor="white", metadata=dated)
    return paths


def draw_heat_maps(
    panels: Sequence[Panel], *, n_columns: int, title: str, is_labelled: bool = True
) -> Figure:
    """Attention as heat maps: white is 0, dark the largest weight that a row of panels gives a word."""
    colours = read_palette()
    n_rows = -(-len(panels) // n_columns)
    height, width = panels[0].weights.shape
    shape = 0.86 * WIDTH / n_columns * height / width
    with mpl.rc_context(STYLE):
        figure = _figure(WIDTH, n_rows * (shape + (1.0 if is_labelled else 0.25)) + 0.4)
        for row, line in enumerate(figure.subplots(n_rows, n_columns, squeeze=False)):
            own = panels[row * n_columns : (row + 1) * n_columns]
            scale = PowerNorm(0.6, 0, max(panel.largest for panel in own), clip=True)
            for panel, axes in zip(own, line, strict=True):
                image = axes.imshow(panel.weights, cmap=_heat(colours), norm=scale, interpolation="nearest")
                _label_panel(axes, panel, colours, is_labelled)
            bar = figure.colorbar(image, ax=line, fraction=0.02, pad=0.01, extend="max", format="%.2g")
            bar.outline.set_visible(False)
            bar.ax.tick_params(labelsize=7)
            bar.set_ticks(np.linspace(0, scale.vmax or 1.0, 5).tolist())
            if is_labelled:
                bar.set_label("attention weight (markers may have more)", fontsize=7)
        _head(figure, title, colours)
    return figure


def _label_panel(axes: Axes, panel: Panel, colours: Mapping[str, str], is_labelled: bool) -> None:
    axes.set_title(panel.title, color=colours["ink"], fontsize=10 if is_labelled else 7)
    axes.tick_params(length=0, labelsize=7.5, labelcolor=colours["ink"], pad=2)
    axes.spines[:].set_visible(False)
    axes.set_xticks(range(len(panel.columns)) if is_labelled else [])
    axes.set_yticks(range(len(panel.rows)) if is_labelled else [])
    if is_labelled:
        axes.set_xticklabels(panel.columns, rotation=90)
        axes.set_yticklabels(panel.rows)


def draw_bias(biases: Mapping[str, Matrix], *, title: str) -> Figure:
    """Position bias by head and distance, a heat map for each stack; (H, N, N) each, queries down.

    A bias depends on the distance alone, so the rows are heads and the columns distances: those of the last
    query backwards and of the first one forwards.
    """
    colours = read_palette()
    with mpl.rc_context(STYLE):
        figure = _figure(WIDTH, 0.6 + sum(0.26 * len(bias) + 1.0 for bias in biases.values()))
        rows = figure.subplots(len(biases), 1, squeeze=False)[:, 0]
        for (name, bias), axes in zip(biases.items(), rows, strict=True):
            n = bias.shape[-1]
            by_distance = np.concatenate((bias[:, -1, :], bias[:, 0, 1:]), axis=1)
            if name == "decoder":  # it never looks ahead
                by_distance = by_distance[:, :n]
            limit = float(np.abs(by_distance).max()) or 1.0
            extent = (-n + 0.5, by_distance.shape[1] - n + 0.5, len(bias) - 0.5, -0.5)
            image = axes.imshow(
                by_distance, cmap=_diverging(colours), vmin=-limit, vmax=limit, aspect="auto", extent=extent,
                interpolation="nearest",
            )  # fmt: skip
            axes.set_title(name.capitalize())
            axes.set_ylabel("head")
            axes.set_yticks(range(len(bias)), [str(i + 1) for i in range(len(bias))])
            axes.set_xlabel("position of the key, counted from the query")
            axes.tick_params(length=0, labelsize=8)
            axes.spines[:].set_visible(False)
            bar = figure.colorbar(image, ax=axes, fraction=0.03, pad=0.01)
            bar.outline.set_visible(False)
            bar.set_label("added to the score", fontsize=8)
        _head(figure, title, colours)
    return figure


def draw_word_weights(words: Sequence[str], weights: Sequence[float], *, title: str, note: str) -> Figure:
    """A sentence as bars over a heat strip, one word each, in reading order."""
    colours = read_palette()
    values = np.asarray(weights, dtype=np.float32)
    with mpl.rc_context(STYLE):
        figure = _figure(WIDTH, 3.6)
        bars, strip = figure.subplots(2, 1, sharex=True, height_ratios=(4, 0.6))
        places = np.arange(len(words))
        bars.bar(places, values * 100, color=colours["bar"], width=0.72)
        for place, value in zip(places, values, strict=True):
            share = f"{value:.0%}"
            bars.text(place, value * 100, share, ha="center", va="bottom", fontsize=7, color=colours["quiet"])
        bars.set_ylabel("share of what is read, %")
        bars.tick_params(labelbottom=False, bottom=False)
        strip.imshow(values[None], cmap=_heat(colours), vmin=0, aspect="auto")
        size = max(6.0, min(10.0, 300 / len(words)))
        strip.set_xticks(places, words, rotation=45, ha="right", rotation_mode="anchor", fontsize=size)
        strip.set_yticks([])
        strip.tick_params(length=0)
        strip.spines[:].set_visible(False)
        _head(figure, title, colours)
        figure.supxlabel(note, fontsize=8, color=colours["quiet"], x=0.01, ha="left")
    return figure


def draw_map(
    points: Matrix, topics: Sequence[str], kinds: Sequence[str], names: Mapping[int, str], *, title: str
) -> Figure:
    """Works as points (N, 2) coloured by topic, books round and papers square; ``names`` labels some rows."""
    colours = read_palette()
    with mpl.rc_context(STYLE):
        figure = _figure(WIDTH, 7.4)
        axes = figure.subplots()
        shapes = {"book": "o", "paper": "s"}
        for topic in sorted(set(topics)):
            for kind, shape in shapes.items():
                rows = [i for i in range(len(topics)) if (topics[i], kinds[i]) == (topic, kind)]
                if not rows:
                    continue
                axes.scatter(
                    points[rows, 0], points[rows, 1], s=52, marker=shape, color=colours[topic.lower()],
                    edgecolor="white", linewidth=0.8,
                )  # fmt: skip
        _label(figure, axes, points, {i: (names[i], colours[topics[i].lower()]) for i in names})
        keys = [
            Line2D([], [], marker="o", linestyle="", color=colours[topic.lower()], label=topic)
            for topic in sorted(set(topics))
        ] + [
            Line2D([], [], marker=shape, linestyle="", color=colours["quiet"], label=kind)
            for kind, shape in shapes.items()
        ]
        axes.legend(
            handles=keys, loc="upper center", bbox_to_anchor=(0.5, -0.01), ncols=len(keys), frameon=False,
            handletextpad=0.1, columnspacing=1.2,
        )  # fmt: skip
        axes.set_xticks([])
        axes.set_yticks([])
        axes.spines[:].set_visible(False)
        _head(figure, title, colours)
    return figure


def _label(figure: Figure, axes: Axes, points: Matrix, names: Mapping[int, tuple[str, str]]) -> None:
    """Names beside their points, as far as they cover no other name and no point."""
    figure.draw_without_rendering()
    pixels = axes.transData.transform(points)
    taken: list[Any] = []
    for row, (name, colour) in names.items():
        for offset, side in (((7, 0), "left"), ((-7, 0), "right"), ((0, 10), "center"), ((0, -10), "center")):
            text = axes.annotate(
                name, (points[row, 0], points[row, 1]), offset, textcoords="offset points", ha=side,
                va="center", fontsize=8, color=colour,
            )  # fmt: skip
            box = text.get_window_extent().padded(4)
            others = np.delete(pixels, row, axis=0)
            covers = ((others > box.min) & (others < box.max)).all(axis=1).any()
            inside = axes.bbox.x0 <= box.x0 and box.x1 <= axes.bbox.x1
            if inside and not covers and not any(box.overlaps(other) for other in taken):
                taken.append(box)
                break
            text.remove()


def _figure(width: float, height: float) -> Figure:
    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def _head(figure: Figure, title: str, colours: Mapping[str, str]) -> None:
    figure.suptitle(title, x=0.01, ha="left", fontsize=13, fontweight="bold", color=colours["ink"])


def _heat(colours: Mapping[str, str]) -> LinearSegmentedColormap:
    steps = [colours["sheet"], "#c9d6ec", colours["bar"], colours["accent-strong"]]
    return LinearSegmentedColormap.from_list("lm-heat", steps)


def _diverging(colours: Mapping[str, str]) -> LinearSegmentedColormap:
    return LinearSegmentedColormap.from_list(
        "lm-bias", [colours["fiction"], colours["sheet"], colours["accent"]]
    )  # fmt: skip
