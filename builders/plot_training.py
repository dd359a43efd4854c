"""Draw training runs: ``python builders/plot_training.py RUN [RUN ...]``; see ``--help``.

Each run is a ``log.jsonl`` or the folder that holds it. The picture, as PNG and in one HTML page that asks
for nothing else, shows the loss of each task, the learning rate, every validation metric, and how far the
tasks' gradients conflict: on average over the run, and over time.
"""

import argparse
import base64
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from html import escape
from io import BytesIO
from itertools import cycle
from math import ceil
from pathlib import Path
from typing import Any, Final

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from builders.pipeline.files import write_atomically
from builders.training_log import Curve, Run, read_logs
from leximind.errors import LexiMindError

STYLES: Final = ("-", "--", ":", "-.")
Panel = Callable[[Axes], None]
PAGE: Final = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy"
 content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">
<title>Training</title>
<style>
body {{ font: 16px/1.5 system-ui, sans-serif; color: #1a1a1a }}
body {{ max-width: 80rem; margin: 2rem auto; padding: 0 1rem }}
img {{ width: 100%; height: auto }}
table {{ border-collapse: collapse; margin: 1rem 0 }}
th, td {{ padding: .25rem .75rem; border-bottom: 1px solid #ccc; text-align: right }}
th {{ text-align: left }}
</style>
</head>
<body>
<h1>Training</h1>
<img alt="{alt}" src="data:image/svg+xml;base64,{image}">
{tables}
</body>
</html>
"""


def draw(runs: Sequence[Run]) -> Figure:
    """Every panel that the runs have numbers for, in one figure: curves above, conflicts below."""
    several = len(runs) > 1
    curves: list[Panel] = [partial(draw_losses, runs=runs)] if any(run.losses for run in runs) else []
    curves += [partial(draw_rate, runs=runs)] if any(run.rate for run in runs) else []
    metrics = sorted({metric for run in runs for metric in run.metrics})
    curves += [partial(draw_metric, runs=runs, metric=metric) for metric in metrics]
    heats: list[Panel] = []
    for run in runs:
        if len(run.tasks) > 1:
            of = f" · {run.name}" if several else ""
            heats += [partial(draw_mean_conflicts, run=run, of=of), partial(draw_conflicts, run=run, of=of)]
    parts = [(panels, columns) for panels, columns in ((curves, 3), (heats, 2)) if panels]
    heights = [ceil(len(panels) / columns) for panels, columns in parts]
    figure = Figure(figsize=(16.5, 4 * sum(heights)), layout="constrained")
    places = figure.subfigures(len(parts), height_ratios=heights, squeeze=False)[:, 0]
    for place, (panels, columns), height in zip(places, parts, heights, strict=True):
        for i, panel in enumerate(panels):
            panel(place.add_subplot(height, min(columns, len(panels)), i + 1))
    return figure


def draw_losses(axes: Axes, runs: Sequence[Run]) -> None:
    """A colour a task, a line style a run."""
    tasks = list(dict.fromkeys(task for run in runs for task in run.losses))
    for run, style in zip(runs, cycle(STYLES)):
        for task, curve in run.losses.items():
            label = f"{task} · {run.name}" if len(runs) > 1 else task
            _draw_curve(axes, curve, label=label, linestyle=style, color=f"C{tasks.index(task) % 10}")
    _finish(axes, "loss per task (moving average)", has_legend=True)


def draw_rate(axes: Axes, runs: Sequence[Run]) -> None:
    """A colour a run."""
    for run in runs:
        _draw_curve(axes, run.rate, label=run.name)
    _finish(axes, "learning rate", has_legend=len(runs) > 1)


def draw_metric(axes: Axes, runs: Sequence[Run], metric: str) -> None:
    """A colour a run; a panel a metric, for their scales differ."""
    for i, run in enumerate(runs):
        if metric in run.metrics:
            _draw_curve(axes, run.metrics[metric], label=run.name, color=f"C{i % 10}", marker="o")
    _finish(axes, f"validation: {metric}", has_legend=len(runs) > 1)


def draw_mean_conflicts(axes: Axes, run: Run, of: str = "") -> None:
    """The mean cosine of every two tasks' gradients, with its number."""
    means = run.mean_cosines()
    _draw_heat(axes, means, run.tasks, run.tasks)
    for i, row in enumerate(means):
        for j, value in enumerate(row):
            colour = "white" if abs(value) > 0.6 else "black"
            axes.text(j, i, f"{value:.2f}", ha="center", va="center", color=colour)
    axes.set_title(f"gradient cosine, mean of {len(run.cosines)}{of}")


def draw_conflicts(axes: Axes, run: Run, of: str = "") -> None:
    """The cosine of every two tasks' gradients over time, a row a pair."""
    pairs, steps, values = run.pair_cosines()
    _draw_heat(axes, values, pairs, steps)
    axes.set_xlabel("step")
    axes.set_title(f"gradient cosine over time{of}")


def _draw_curve(axes: Axes, curve: Curve, **style: Any) -> None:
    steps = sorted(curve)
    # A line needs two points to be seen.
    style.setdefault("marker", "o" if len(steps) == 1 else None)
    axes.plot(steps, [curve[step] for step in steps], markersize=3, **style)


def _finish(axes: Axes, title: str, has_legend: bool) -> None:
    axes.set_title(title)
    axes.set_xlabel("step")
    axes.grid(alpha=0.3)
    if has_legend:
        axes.legend(fontsize="small", framealpha=0.6)


def _draw_heat(
    axes: Axes, values: NDArray[np.float64], rows: Sequence[object], columns: Sequence[object]
) -> None:  # fmt: skip
    """Cells from -1 (red, opposed) to 1 (blue, the same way); at most twelve columns are named."""
    image = axes.imshow(values, cmap="RdBu", vmin=-1, vmax=1, aspect="auto", interpolation="nearest")
    axes.figure.colorbar(image, ax=axes)
    every = ceil(len(columns) / 12)
    axes.set_yticks(range(len(rows)), [str(row) for row in rows])
    axes.set_xticks(range(0, len(columns), every), [str(c) for c in columns[::every]], rotation=30)


def render(figure: Figure, kind: str) -> bytes:
    """The figure as ``png`` or ``svg``, the same bytes every time."""
    buffer = BytesIO()
    with mpl.rc_context({"svg.hashsalt": "leximind", "svg.fonttype": "path"}):
        figure.savefig(buffer, format=kind, dpi=120, metadata={"Date": None} if kind == "svg" else None)
    if kind != "svg":
        return buffer.getvalue()
    # Names of clipping paths come from addresses in memory: number them instead.
    picture = buffer.getvalue().decode()
    for number, name in enumerate(re.findall(r'<clipPath id="(\w+)"', picture)):
        picture = picture.replace(name, f"clip{number}")
    return picture.encode()


def draw_page(runs: Sequence[Run], figure: Figure) -> str:
    """One HTML page: the figure inside it, and the numbers of every run in a table."""
    image = base64.b64encode(render(figure, "svg")).decode()
    names = ", ".join(run.name for run in runs)
    alt = f"Loss, learning rate, validation metrics and gradient conflicts of {names}; the numbers follow."
    return PAGE.format(alt=escape(alt), image=image, tables="\n".join(map(_draw_table, runs)))


def _draw_table(run: Run) -> str:
    head = "<tr><th>curve</th><th>last</th><th>lowest</th><th>highest</th></tr>"
    body = "\n".join(
        f"<tr><th>{escape(name)}</th>{''.join(f'<td>{cell}</td>' for cell in _summarise(curve))}</tr>"
        for name, curve in _curves(run)
    )
    return f"<h2>{escape(run.name)}</h2>\n<table>\n{head}\n{body}\n</table>"


def _curves(run: Run) -> Iterator[tuple[str, Curve]]:
    yield from ((f"loss: {task}", curve) for task, curve in run.losses.items())
    if run.rate:
        yield "learning rate", run.rate
    yield from ((f"validation: {metric}", curve) for metric, curve in sorted(run.metrics.items()))
    if len(run.tasks) > 1:
        pairs, steps, rows = run.pair_cosines()
        for pair, row in zip(pairs, rows.tolist(), strict=True):
            yield f"gradient cosine: {pair}", dict(zip(steps, row, strict=True))


def _summarise(curve: Curve) -> tuple[str, str, str]:
    """Last, lowest and highest value of a curve, each with its step."""
    known = {step: value for step, value in sorted(curve.items()) if np.isfinite(value)}
    if not known:
        return "–", "–", "–"
    steps = max(known), min(known, key=known.__getitem__), max(known, key=known.__getitem__)
    last, lowest, highest = (f"{known[step]:.4g} (step {step})" for step in steps)
    return last, lowest, highest


def main(arguments: Sequence[str] | None = None) -> int:
    """Draw from the command line; returns the exit status."""
    parser = argparse.ArgumentParser(description="Draw training runs to PNG and HTML.")
    parser.add_argument("runs", type=Path, nargs="+", metavar="RUN", help="a log.jsonl, or its folder")
    parser.add_argument(
        "--out", type=Path, default=None, help="folder for training.png and training.html; the first run's"
    )
    given = parser.parse_args(arguments)
    try:
        runs = read_logs(given.runs)
        first = given.runs[0]
        folder = given.out or (first if first.is_dir() else first.parent)
        folder.mkdir(parents=True, exist_ok=True)
        figure = draw(runs)
        (folder / "training.png").write_bytes(render(figure, "png"))
        write_atomically(folder / "training.html", draw_page(runs, figure))
    except LexiMindError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"error: {error}. Check the path and the space on the disk.", file=sys.stderr)
        return 1
    print(f"Drawn: {folder / 'training.png'} and {folder / 'training.html'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
