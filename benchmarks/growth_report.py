"""What ``growth.py`` measured, as figures, as exponents, and carried on to ten times the largest size."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from matplotlib import rc_context
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter

from builders.svg import BLUE, BROWN, GREY, QUIET, RED, STYLE, Chart, finish

if TYPE_CHECKING:
    from matplotlib.axes import Axes

AHEAD: Final = 10
LINEAR: Final = "in proportion"
# What a panel of the figure of libraries shows: unit, and the costs with their colour and line.
LIBRARY: Final = {
    "seconds": {"build_seconds": (BLUE, "-"), "open_seconds": (BROWN, "-")},
    "megabytes": {
        "build_peak_megabytes": (BLUE, "-"),
        "asked_megabytes": (BROWN, "-"),
        "asked_own_megabytes": (BROWN, ":"),
        "index_megabytes": (RED, "-"),
    },
    "milliseconds": {
        "filter_p50_ms": (BLUE, "-"),
        "filter_p95_ms": (BLUE, ":"),
        "hybrid_p50_ms": (BROWN, "-"),
        "hybrid_p95_ms": (BROWN, ":"),
    },
}
NAMES: Final = {
    "build_seconds": "build the indexes, s",
    "open_seconds": "open, s",
    "build_peak_megabytes": "memory to build, at most, MB",
    "asked_megabytes": "memory after the questions, MB",
    "asked_own_megabytes": "of it not pages of files, MB",
    "index_megabytes": "indexes on disk, MB",
    "filter_p50_ms": "filter, p50, ms",
    "filter_p95_ms": "filter, p95, ms",
    "hybrid_p50_ms": "hybrid search, p50, ms",
    "hybrid_p95_ms": "hybrid search, p95, ms",
}
# What is too much: seconds of a night, of a start, milliseconds of a search; memory is the machine's.
LIMITS: Final = {
    "build_seconds": 8 * 3600.0,
    "open_seconds": 8.0,
    "filter_p95_ms": 40.0,
    "hybrid_p95_ms": 40.0,
}
# Seconds for a visitor's text.
PATIENCE: Final = 10.0
WAYS: Final = ("shared", "in turn")
MEMORY: Final = ("build_peak_megabytes", "asked_own_megabytes")


@dataclass(frozen=True)
class Curve:
    """Costs against sizes, both above 0, by rising size."""

    sizes: tuple[float, ...]
    costs: tuple[float, ...]

    @classmethod
    def of(cls, rows: Sequence[Mapping[str, Any]], size: str, cost: str) -> "Curve":
        return cls(tuple(row[size] for row in rows), tuple(row[cost] for row in rows))

    @property
    def exponent(self) -> float:
        """Of the power law that fits best, by least squares on logarithms; nan for a single size."""
        if len(self.sizes) < 2:
            return float("nan")
        return float(np.polyfit(np.log(self.sizes), np.log(self.costs), 1)[0])

    @property
    def last_exponent(self) -> float:
        """The same between the two largest sizes."""
        return Curve(self.sizes[-2:], self.costs[-2:]).exponent

    def carry_on(self, size: float) -> float:
        """The cost on the straight line through the two largest sizes; nan for a single one.

        Straight in the sizes, not in their logarithms: a cost that is there from the start does not grow.
        """
        if len(self.sizes) < 2:
            return float("nan")
        (n, further), (cost, dearer) = self.sizes[-2:], self.costs[-2:]
        return dearer + (dearer - cost) / (further - n) * (size - further)


def read_curves(found: Mapping[str, Any]) -> dict[str, Curve]:
    """All that was measured, by what it is."""
    library, tokens, visitors = (found.get(part, ()) for part in ("library", "tokens", "visitors"))
    curves = {NAMES[cost]: Curve.of(library, "works", cost) for cost in NAMES if library}
    for what in ("read", "write"):
        for engine in tokens[0][what] if tokens else ():
            rows = [{"tokens": row["tokens"], "cost": row[what][engine]} for row in tokens]
            curves[f"{what} tokens, {engine}, s"] = Curve.of(rows, "tokens", "cost")
    for way in WAYS if visitors else ():
        for cost in ("p50", "p95"):
            curves[f"visitors at once, {way}, {cost}, s"] = read_waits(visitors, way, cost)
    return curves


def read_waits(visitors: Sequence[Mapping[str, Any]], way: str, cost: str) -> Curve:
    """How long visitors wait, in seconds, by how many come at once."""
    rows = [{"visitors": row["visitors"], "cost": row[way][f"{cost}_seconds"]} for row in visitors]
    return Curve.of(rows, "visitors", "cost")


def write_lines(found: Mapping[str, Any]) -> list[str]:
    """Markdown: figures, exponents, and what breaks first."""
    lines = [f"![{chart.title}](figures/{chart.name}.svg)\n" for chart in draw(found)]
    lines += [
        "| cost | from | to | at the end | exponent | between the last two |",
        "|---|---|---|---|---|---|",
    ]
    for name, curve in read_curves(found).items():
        ends = f"{curve.sizes[0]:,.0f} | {curve.sizes[-1]:,.0f} | {curve.costs[-1]:,.3g}"
        lines.append(f"| {name} | {ends} | {curve.exponent:.2f} | {curve.last_exponent:.2f} |")
    return [*lines, *_write_limits(found)]


def find_limits(found: Mapping[str, Any], memory: float) -> list[tuple[str, float, float, float]]:
    """Cost, its value at the largest size, at ten times that, and what is too much; the worst first.

    Args:
        memory: of the machine, in megabytes.
    """
    library, visitors = found.get("library", ()), found.get("visitors", ())
    limits = {NAMES[cost]: limit for cost, limit in (LIMITS | dict.fromkeys(MEMORY, memory)).items()}
    limits["visitors at once, shared, p95, s"] = PATIENCE
    curves = read_curves({"library": library if len(library) > 1 else (),
                          "visitors": visitors if len(visitors) > 1 else ()})  # fmt: skip
    entries = [
        (name, curve.costs[-1], curve.carry_on(AHEAD * curve.sizes[-1]), limits[name])
        for name, curve in curves.items()
        if name in limits
    ]
    return sorted(entries, key=lambda entry: -entry[2] / entry[3])


def _write_limits(found: Mapping[str, Any]) -> list[str]:
    entries = find_limits(found, found["machine"].get("megabytes", float("nan")))
    if not entries:
        return []
    sizes = {"works": found.get("library"), "visitors": found.get("visitors")}
    then = " and ".join(f"{AHEAD * rows[-1][what]:,} {what}" for what, rows in sizes.items() if rows)
    lines = [
        "",
        f"At ten times the largest size, {then}, on the straight line through the last two sizes:",
        "",
        "| cost | at the largest | at ten times that | too much | times that |",
        "|---|---|---|---|---|",
    ]
    for name, now, ahead, limit in entries:
        lines.append(f"| {name} | {now:,.3g} | {ahead:,.3g} | {limit:,.3g} | {ahead / limit:.2f} |")
    name, _, ahead, limit = entries[0]
    verdict = "breaks first" if ahead > limit else "comes closest to its limit; nothing breaks"
    return [*lines, "", f"**{name.rpartition(',')[0]}** {verdict}."]


def draw(found: Mapping[str, Any]) -> list[Chart]:
    """The figures for which something was measured."""
    kinds = {"library": _draw_library, "tokens": _draw_tokens, "visitors": _draw_visitors}
    with rc_context(STYLE):
        return [draw_part(found[part]) for part, draw_part in kinds.items() if found.get(part)]


def _draw_library(rows: Sequence[Mapping[str, Any]]) -> Chart:
    canvas = Figure(figsize=(10, 4.2), layout="constrained")
    for axes, (unit, costs) in zip(canvas.subplots(1, 3), LIBRARY.items(), strict=True):
        for cost, (colour, line) in costs.items():
            label = NAMES[cost].rpartition(",")[0]
            _plot(axes, Curve.of(rows, "works", cost), label, colour, line)
        _finish(axes, "works", unit, Curve.of(rows, "works", next(iter(costs))))
    words = "; ".join(f"{NAMES[cost]}: {rows[-1][cost]:,.3g}" for costs in LIBRARY.values() for cost in costs)
    text = f"At {rows[-1]['works']:,} works: {words}."
    return finish(canvas, "growth-library", "What a library costs, by its works", text)


def _draw_tokens(rows: Sequence[Mapping[str, Any]]) -> Chart:
    canvas = Figure(figsize=(8, 3.8), layout="constrained")
    said = []
    for axes, what in zip(canvas.subplots(1, 2, sharey=True), ("read", "write"), strict=True):
        flat = [{"tokens": row["tokens"], "bound": row["bounds"][what], **row[what]} for row in rows]
        for engine, colour in zip(rows[0][what], (BLUE, BROWN), strict=False):
            _plot(axes, Curve.of(flat, "tokens", engine), engine, colour, "-")
            said.append(f"{what} {rows[-1]['tokens']} tokens, {engine}: {flat[-1][engine]:.3g} s")
        _plot(axes, Curve.of(flat, "tokens", "bound"), "bound of the machine", GREY, "--")
        _finish(axes, f"tokens to {what}", "seconds")
    return finish(canvas, "growth-tokens", "What tokens cost", "; ".join(said) + ".")


def _draw_visitors(rows: Sequence[Mapping[str, Any]]) -> Chart:
    canvas = Figure(figsize=(5, 3.8), layout="constrained")
    axes = canvas.subplots()
    for way, colour in zip(WAYS, (BLUE, BROWN), strict=True):
        for cost, line in (("p50", "-"), ("p95", ":")):
            _plot(axes, read_waits(rows, way, cost), f"{way}, {cost}", colour, line)
    _finish(axes, "visitors at once", "seconds", read_waits(rows, "in turn", "p50"))
    last = rows[-1]
    p50, p95 = (last["shared"][f"{cost}_seconds"] for cost in ("p50", "p95"))
    text = f"{last['visitors']} visitors who share batches: p50 {p50:.2f} s, p95 {p95:.2f} s."
    return finish(canvas, "growth-visitors", "What a visitor waits for, by how many there are", text)


def _plot(axes: "Axes", curve: Curve, label: str, colour: str, line: str) -> None:
    axes.plot(curve.sizes, curve.costs, line, marker="o", markersize=3.5, color=colour, label=label)


def _finish(axes: "Axes", sizes: str, unit: str, beside: Curve | None = None) -> None:
    """Log axes, and a line in proportion to the size through the end of a curve."""
    if beside is not None:
        straight = [beside.costs[-1] * size / beside.sizes[-1] for size in beside.sizes]
        axes.plot(beside.sizes, straight, "--", color=GREY, linewidth=1, label=LINEAR)
    axes.set(xscale="log", yscale="log", xlabel=sizes, ylabel=unit)
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.grid(linewidth=0.6)
    axes.set_axisbelow(True)
    axes.tick_params(which="both", color=QUIET)
    axes.legend(fontsize=8)
