"""What was measured as the app's ``metrics.json``, as tables and as a Markdown report."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from builders.charts import read_name
from builders.svg import Chart
from leximind.evaluation.compare import Comparison

Results = Mapping[str, Mapping[str, Any]]

FIGURES: Final = "report"
NOTES: Final = """\
Validation data, none of it trained on. Intervals are 95 %, from 1,000 bootstrap resamples of the texts. A
baseline stands beside each number:

- *majority*: always the most frequent label. *Prior sampled*: each label as often as it occurs.
  *Shuffled*: the model's own answers, given to other texts.
- *Frozen minilm*: logistic regression on the mean-pooled vectors of the original all-MiniLM-L6-v2, fitted
  on the same train file; *in domain*: fitted on the tuning half of the very set.
- *Lead 1*, *lead 3*, *first 80*, *first 200 words*: the opening of the text. *Textrank*: its most
  central sentences. *Best sentence*: for each measure the best that any single sentence reaches with the
  reference in hand; a bound, not a method.
- *Tf idf*: bag of words. *Original minilm*: the sentence embedding that the model started from.

How the data is cut: the odd rows of GoEmotions validation, because calibration and thresholds are tuned
on the even ones. Fiction and books have no split of their own: a hash of author, story, line or book
parts each set into a half for tuning and the test half reported here (`is_test_half`), *macro f1* is with
the thresholds that ship, *macro f1 tuned* with those best on the tuning half. The emotion branch learned
from the tuning halves of the fiction sets, too; no author, story or line is in both halves. Only labels
that a set shares with the model count. The 10,000 papers for search are those that `is_held_out` names,
which training leaves out; both in `leximind/evaluation/pools.py`.

Summaries: ROUGE with stemming and BLEU-4 (0 to 1) against the best reference. *Written*: the share that
the decoder wrote and that passed the faithfulness check; the others are sentences of the text. *Copied*:
every sentence stands in the text word for word. *Supported*: every number, and every content word at
least by its stem, stands in the text. *Bert score*, where asked for, uses the token states of the model's
own encoder."""

_SHOWN_CLASSES: Final = ("Emotion, GoEmotions", "Topic, books and papers")


def condense(results: Results) -> dict[str, dict[str, dict[str, float]]]:
    """{measurement: {metric: {"model": value, "low", "high", and each baseline}}}, for showing."""
    return {
        name: {
            metric: {"model": value}
            | dict(zip(("low", "high"), result["intervals"].get(metric, ()), strict=False))
            | {base: scores[metric] for base, scores in result["baselines"].items() if metric in scores}
            for metric, value in result["metrics"].items()
        }
        for name, result in results.items()
    }


def draw_table(results: Results) -> str:
    """The results as a Markdown table, a row for each metric."""
    rows = []
    for name, by_metric in condense(results).items():
        for metric, values in by_metric.items():
            interval = f"{values['low']:.3f} to {values['high']:.3f}" if "low" in values else ""
            baselines = ", ".join(
                f"{read_name(base)} {value:.3f}"
                for base, value in values.items()
                if base not in ("model", "low", "high")
            )
            n = str(results[name]["n"])
            rows.append([name, n, read_name(metric), f"{values['model']:.3f}", interval, baselines])
    heads = ["measured on", "texts", "metric", "model", "95 % interval", "baselines"]
    return _table(heads, rows, left=(0, 2, 4, 5))


def draw_comparison(first: str, second: str, found: Mapping[str, Comparison]) -> str:
    """Two systems as a Markdown table, a row for each metric."""
    rows = [
        [
            read_name(metric),
            f"{one.first:.4f}",
            f"{one.second:.4f}",
            f"{one.difference.value:+.4f}",
            f"{one.difference.low:+.4f} to {one.difference.high:+.4f}",
            f"{one.difference.p:.3f}",
        ]
        for metric, one in found.items()
    ]
    return _table(["metric", first, second, "difference", "95 % interval", "p"], rows)


def write_report(model: str, results: Results, charts: Sequence[Chart]) -> str:
    """The whole report in Markdown; figures are linked as ``report/NAME.svg``."""
    parts = [f"# {model}: what was measured", NOTES, draw_table(results)]
    parts += [
        f"![{chart.title}]({FIGURES}/{chart.name}.svg)\n\n{chart.title}. {chart.description}"
        for chart in charts
    ]
    for name in _SHOWN_CLASSES:
        if name in results:
            parts += [f"## {name}: each label", _draw_classes(results[name]["per_class"])]
    for name, result in results.items():
        for column, groups in result.get("domains", {}).items():
            parts += [f"## {name}: by {read_name(column)}", _draw_domains(groups)]
    return "\n\n".join(parts) + "\n"


def _draw_classes(classes: Mapping[str, Mapping[str, Any]]) -> str:
    rows = [
        [
            name,
            str(scores["n"]),
            *(f"{scores[key]:.3f}" for key in ("precision", "recall", "f1")),
            "{:.3f} to {:.3f}".format(*scores["f1_interval"]),
            f"{scores['average_precision']:.3f}",
        ]
        for name, scores in classes.items()
    ]
    heads = ["label", "texts", "precision", "recall", "F1", "95 % interval", "average precision"]
    return _table(heads, rows)


def _draw_domains(groups: Mapping[str, Mapping[str, float]]) -> str:
    metrics = [metric for metric in next(iter(groups.values())) if metric != "n"]
    rows = [
        [_escape(name), str(scores["n"]), *(f"{scores[metric]:.3f}" for metric in metrics)]
        for name, scores in groups.items()
    ]
    return _table(["", "texts", *map(read_name, metrics)], rows)


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]], left: Sequence[int] = (0,)) -> str:
    """A Markdown table; columns are aligned to the right, except those numbered in ``left``."""
    rule = "|".join("---" if index in left else "--:" for index in range(len(heads)))
    return "\n".join([f"| {' | '.join(heads)} |", f"|{rule}|", *(f"| {' | '.join(row)} |" for row in rows)])


def _escape(text: str) -> str:
    return text.replace("\\", "\\\\").replace("|", "\\|").replace("\n", " ")
