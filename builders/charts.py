"""What was measured, as figures: one function a figure, from the results of ``builders/evaluate.py``."""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from matplotlib import rc_context
from matplotlib.figure import Figure as Canvas
from matplotlib.patches import Rectangle

from builders.svg import BLUE, BROWN, GREY, INK, QUIET, STYLE, Chart, finish

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Results = Mapping[str, Mapping[str, Any]]

# The model's colour stands out from those of what it is held against.
BASELINE_COLOURS: Final = (GREY, QUIET, BROWN)

_ROUGE: Final = {"rouge1": "ROUGE-1", "rouge2": "ROUGE-2", "rougeL": "ROUGE-L"}


def draw_charts(results: Results) -> list[Chart]:
    """The figures for which something was measured."""
    kinds = (_emotions, _fiction, _reliability, _confusion, _summaries, _retrieval)
    with rc_context(STYLE):
        found = [draw(results) for draw in kinds]
    return [chart for chart in found if chart is not None]


def _emotions(results: Results) -> Chart | None:
    result = results.get("Emotion, GoEmotions")
    if result is None:
        return None
    classes = sorted(result["per_class"].items(), key=lambda item: (item[1]["f1"], item[0]))
    f1 = np.array([scores["f1"] for _, scores in classes])
    low, high = np.array([scores["f1_interval"] for _, scores in classes]).T
    canvas = Canvas(figsize=(7, 6.6), layout="constrained")
    axes = canvas.subplots()
    rows = np.arange(len(classes))
    axes.barh(rows, f1, height=0.7, color=BLUE)
    axes.errorbar(f1, rows, xerr=_spread(f1, low, high), fmt="none", ecolor=INK, elinewidth=1, capsize=2)
    axes.set_yticks(rows, [f"{name} ({scores['n']})" for name, scores in classes])
    _set_share_axis(axes, "F1, with its 95% interval; in brackets the number of texts")
    names = [name for name, _ in reversed(classes)]
    text = f"Best recognised: {', '.join(names[:3])}. Least: {', '.join(names[-3:])}."
    return finish(canvas, "emotion_classes", "F1 of each emotion, GoEmotions", text)


def _fiction(results: Results) -> Chart | None:
    chosen = {
        name.removeprefix("Emotion in fiction, "): result
        for name, result in results.items()
        if name.startswith("Emotion in fiction") and "macro_f1" in result["metrics"]
    }
    if not chosen:
        return None
    canvas = Canvas(figsize=(7, 2.9), layout="constrained")
    panels = canvas.subplots(1, 2, sharey=True)
    bases = ["frozen_minilm_in_domain", "frozen_minilm", "prior_sampled"]
    for axes, metric in zip(panels, ("mean_average_precision", "macro_f1"), strict=True):
        _draw_groups(axes, list(chosen.items()), lambda result, metric=metric: _pick(result, metric), bases)  # type: ignore[misc]
        axes.set_title(read_name(metric))
    _add_legend(canvas, panels[0])
    parts = [
        f"{name}: macro average precision {result['metrics']['mean_average_precision']:.2f}"
        for name, result in chosen.items()
    ]
    return finish(
        canvas, "fiction", "Emotions in fiction, on labels that the sets share", "; ".join(parts) + "."
    )


def _reliability(results: Results) -> Chart | None:
    names = ("Emotion, GoEmotions", "Topic, books and papers")
    chosen = [(name, results[name]) for name in names if name in results]
    if not chosen:
        return None
    canvas = Canvas(figsize=(3.5 * len(chosen), 3.4), layout="constrained")
    panels = canvas.subplots(1, len(chosen), squeeze=False)[0]
    for axes, (name, result) in zip(panels, chosen, strict=True):
        bins = result["reliability"]
        axes.plot([0, 1], [0, 1], color=GREY, linewidth=1, linestyle="--")
        axes.plot(
            [row["confidence"] for row in bins],
            [row["frequency"] for row in bins],
            "o-",
            color=BLUE,
            markersize=4,
        )
        axes.set(
            title=name, xlabel="probability given", ylabel="how often it was so", xlim=(0, 1), ylim=(0, 1)
        )
        axes.set_aspect("equal")
    parts = [
        f"{name}: expected calibration error {result['metrics']['calibration_error']:.3f}"
        for name, result in chosen
    ]
    return finish(
        canvas, "reliability", "How far probabilities can be taken at their word", "; ".join(parts) + "."
    )


def _confusion(results: Results) -> Chart | None:
    result = results.get("Topic, books and papers")
    if result is None:
        return None
    counts, names = np.array(result["confusion"]), result["labels"]
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    canvas = Canvas(figsize=(6, 4.6), layout="constrained")
    axes = canvas.subplots()
    for (row, column), share in np.ndenumerate(shares):
        axes.add_patch(Rectangle((column, row), 1, 1, facecolor=BLUE, alpha=round(0.75 * float(share), 3)))
        if counts[row, column]:
            axes.text(column + 0.5, row + 0.5, str(counts[row, column]), ha="center", va="center", color=INK)
    ticks = np.arange(len(names)) + 0.5
    axes.set_xticks(ticks, names, rotation=35, ha="right", rotation_mode="anchor")
    axes.set_yticks(ticks, names)
    axes.set(xlim=(0, len(names)), ylim=(len(names), 0), xlabel="topic given", ylabel="true topic")
    axes.tick_params(length=0)
    off = shares * (1 - np.eye(len(names)))
    row, column = np.unravel_index(off.argmax(), off.shape)
    text = f"{names[row]} is most often taken for {names[column]}: {off.max():.0%} of its texts."
    return finish(canvas, "topic_confusion", "Topics given for each true topic", text)


def _summaries(results: Results) -> Chart | None:
    chosen = [(name, result) for name, result in results.items() if name.startswith("Summary")]
    if not chosen:
        return None
    n_rows = (len(chosen) + 1) // 2
    canvas = Canvas(figsize=(7, 2.5 * n_rows + 0.4), layout="constrained")
    panels = canvas.subplots(n_rows, 2, squeeze=False, sharey=True).ravel()
    for axes, (name, result) in zip(panels, chosen, strict=False):
        lead = next((base for base in result["baselines"] if base.startswith("first_")), "lead_1")
        groups = [(label, (result, metric)) for metric, label in _ROUGE.items()]
        _draw_groups(
            axes,
            groups,
            lambda pair, lead=lead: _pick(*pair) | {"lead": pair[0]["baselines"][lead][pair[1]]},  # type: ignore[misc]
            ["lead", "textrank", "best_sentence"],
            {"lead": "opening", "best_sentence": "best sentence (bound)"},
        )
        axes.set_title(f"{name.removeprefix('Summary, ')} (opening: {read_name(lead)})", fontsize=9)
    for axes in panels[len(chosen) :]:
        axes.set_visible(False)
    _add_legend(canvas, panels[0])
    parts = [f"{name}: ROUGE-1 {result['metrics']['rouge1']:.3f}" for name, result in chosen]
    return finish(canvas, "summaries", "Summaries against references", "; ".join(parts) + ".")


def _retrieval(results: Results) -> Chart | None:
    chosen = next(((name, result) for name, result in results.items() if name.startswith("Search")), None)
    if chosen is None:
        return None
    name, result = chosen
    canvas = Canvas(figsize=(6, 2.8), layout="constrained")
    axes = canvas.subplots()
    groups = [(metric.replace("mrr", "MRR"), metric) for metric in ("mrr@10", "recall@10")]
    _draw_groups(
        axes, groups, lambda metric: _pick(result, metric), ["original_minilm", "tf_idf", "shuffled"]
    )
    _add_legend(canvas, axes)
    text = (
        f"{name}: MRR@10 {result['metrics']['mrr@10']:.3f}, recall@10 {result['metrics']['recall@10']:.3f}."
    )
    return finish(canvas, "retrieval", f"A title finds its own abstract among {result['n']:,}", text)


def _pick(result: Mapping[str, Any], metric: str) -> dict[str, Any]:
    values = {name: scores[metric] for name, scores in result["baselines"].items() if metric in scores}
    return {"model": result["metrics"][metric], "interval": result["intervals"].get(metric)} | values


def _draw_groups(
    axes: "Axes",
    groups: Sequence[tuple[str, Any]],
    pick: Callable[[Any], Mapping[str, Any]],
    bases: Sequence[str],
    labels: Mapping[str, str] | None = None,
) -> None:
    """Bars of the model, with its interval, beside the baselines that are there, a group for each entry."""
    values = [pick(content) for _, content in groups]
    series = ["model", *(base for base in bases if any(base in value for value in values))]
    width = 0.8 / len(series)
    places = np.arange(len(groups))
    for number, name in enumerate(series):
        heights = np.array([value.get(name, 0.0) for value in values])
        left = places + (number - (len(series) - 1) / 2) * width
        colour = BLUE if name == "model" else BASELINE_COLOURS[number - 1]
        label = "this model" if name == "model" else (labels or {}).get(name, read_name(name))
        axes.bar(left, heights, width * 0.9, color=colour, label=label)
        if name == "model" and all(value["interval"] for value in values):
            low, high = np.array([value["interval"] for value in values]).T
            axes.errorbar(
                left,
                heights,
                yerr=_spread(heights, low, high),
                fmt="none",
                ecolor=INK,
                elinewidth=1,
                capsize=2,
            )
    axes.set_xticks(places, [name for name, _ in groups])
    axes.tick_params(axis="x", length=0)
    axes.grid(axis="y", linewidth=0.6)
    axes.set_axisbelow(True)


def _add_legend(canvas: Canvas, axes: "Axes") -> None:
    handles, names = axes.get_legend_handles_labels()
    canvas.legend(handles, names, loc="outside lower center", ncols=4, fontsize=9)


def _set_share_axis(axes: "Axes", label: str) -> None:
    axes.set(xlabel=label, xlim=(0, 1))
    axes.grid(axis="x", linewidth=0.6)
    axes.set_axisbelow(True)
    axes.margins(y=0.01)
    axes.tick_params(axis="y", length=0)


def _spread(value: Any, low: Any, high: Any) -> Any:
    """How far an interval reaches to both sides, (2, N); the value of a bar may lie outside of its own."""
    return np.maximum(np.stack([value - low, high - value]), 0)


def read_name(name: str) -> str:
    """A metric's or a baseline's name as it is read: ``tf_idf`` as "tf idf"."""
    return name.replace("_", " ")
