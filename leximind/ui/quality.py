"""How good the model was measured to be: the answer in sentences, then every figure beside its baselines."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from markupsafe import Markup

from leximind.ui.markup import fill, template
from leximind.ui.verdicts import Leaf, list_sentences

MEASURES: Final = {
    "accuracy": "share that is right",
    "macro_f1": "macro-F1",
    "micro_f1": "micro-F1",
    "sample_f1": "F1 of a text",
    "macro_f1_tuned": "macro-F1, tuned thresholds",
    "rouge1": "ROUGE-1",
    "rouge2": "ROUGE-2",
    "rougeL": "ROUGE-L",
    "bleu4": "BLEU-4",
    "mrr@10": "mean reciprocal rank",
    "recall@10": "among the first ten",
    "pearson": "correlation (Pearson)",
    "spearman": "correlation (Spearman)",
    "words": "words",
    "copied": "sentences taken as they are",
    "supported": "facts and words found in the text",
    "written": "written by the decoder",
}
HEADLINES: Final = ("accuracy", "macro_f1", "rouge1", "mrr@10", "pearson")
"""The measure that stands for a group, the first that it has."""

BASELINES: Final = {
    "majority": "always the most frequent",
    "prior_sampled": "drawn by frequency",
    "shuffled": "its answers shuffled",
    "frozen_minilm": "linear on MiniLM",
    "frozen_minilm_in_domain": "the same, taught on such texts",
    "lead_1": "first sentence",
    "lead_3": "first three sentences",
    "first_80_words": "first 80 words",
    "first_200_words": "first 200 words",
    "textrank": "TextRank",
    "best_sentence": "best single sentence, a bound",
    "tf_idf": "TF-IDF",
    "original_minilm": "original MiniLM",
}
_BOUNDS: Final = ("best_sentence",)
_EMPTY: Final = Markup("")
_OWN: Final = ("model", "low", "high")

_SENTENCES = template(
    """
<ol class="lm-answers">
{% for name, text in sentences %}<li><strong>{{ name }}</strong> {{ text }}</li>{% endfor %}
</ol>
"""
)
_ROWS = template(
    """
{% for row in rows %}
<tr>{% if with_group %}<th scope="row">{{ row.group }}</th><td>{{ row.measure }}</td>
{% else %}<th scope="row">{{ row.measure }}</th>{% endif %}
<td class="lm-measured"><strong>{{ row.value }}</strong></td><td class="lm-measured">{{ row.interval }}</td>
{% if with_group %}<td>{{ row.strip }}</td>{% endif %}
<td>{% for name, value, is_better in row.baselines %}<span class="lm-baseline">{{ name }}
{{ value }}{% if is_better %} <b>better</b>{% endif %}</span>
{% endfor %}</td></tr>
{% endfor %}
"""
)
_TABLE = template(
    """
<div class="lm-scroll" tabindex="0" role="region" aria-label="{{ label }}">
<table class="lm-table">
<thead><tr>{% if with_group %}<th scope="col">Measured on</th>{% endif %}<th scope="col">Measure</th>
<th scope="col">This model</th><th scope="col">95% interval</th>
{% if with_group %}<th scope="col"><span class="lm-strip-ends"><span>0</span><span>1</span></span>
</th>{% endif %}
<th scope="col">Beside it</th></tr></thead>
{% for group, rows in bodies %}
<tbody>{% if group %}<tr><th class="lm-group" colspan="4" scope="rowgroup">{{ group }}</th></tr>{% endif %}
{{ rows }}</tbody>
{% endfor %}
</table></div>
"""
)
_STRIP = template(
    """
<svg class="lm-strip" viewBox="0 0 160 20" width="160" height="20" aria-hidden="true">
<line class="lm-strip-axis" x1="0" x2="160" y1="10" y2="10"/>
{% for x in ticks %}<line class="lm-strip-tick" x1="{{ x }}" x2="{{ x }}" y1="4" y2="16"/>{% endfor %}
{% if low is not none %}
<line class="lm-strip-range" x1="{{ low }}" x2="{{ high }}" y1="10" y2="10"/>{% endif %}
<circle class="lm-strip-dot" cx="{{ at }}" cy="10" r="4.5"/></svg>
"""
)
_ALL = template(
    """
<details class="lm-all"><summary>All {{ count }} measurements</summary>{{ table }}</details>
"""
)


@dataclass(frozen=True)
class Measurement:
    """One row of the table, ready to be read; ``baselines`` are (name, value, whether it beats the model)."""

    group: str
    measure: str
    value: str
    interval: str = ""
    baselines: tuple[tuple[str, str, bool], ...] = ()
    strip: Markup = _EMPTY


def draw_quality(metrics: Mapping[str, Any]) -> Markup:
    """The answer, the headline of each group, and all the rest to be opened; empty without measurements."""
    groups = list(read_groups(metrics))
    if not groups:
        return Markup("")
    headlines = [row for name, leaves in groups if (row := _choose(name, leaves))]
    every = [
        (name, [_write_row(name, measure, leaf) for measure, leaf in leaves.items()])
        for name, leaves in groups
    ]
    sentences = list_sentences(dict(groups))
    top = fill(_ROWS, rows=headlines, with_group=True)
    bodies = [(name, fill(_ROWS, rows=rows, with_group=False)) for name, rows in every]
    whole = fill(_TABLE, label="All measurements", with_group=False, bodies=bodies)
    return Markup("\n").join(
        [
            fill(_SENTENCES, sentences=sentences) if sentences else Markup(""),
            fill(_TABLE, label="Measured quality", with_group=True, bodies=[("", top)]),
            fill(_ALL, count=sum(len(rows) for _, rows in every), table=whole),
        ]
    )


def read_groups(
    metrics: Mapping[str, Any], path: tuple[str, ...] = ()
) -> Iterator[tuple[str, dict[str, Leaf]]]:
    """The groups of ``metrics.json``, each with its measures; the leaves are ``{"model", "low", "high", and
    each baseline}``. Numbers that stand elsewhere become measures without baselines; what is no number is
    left out."""
    leaves: dict[str, Leaf] = {}
    deeper: list[tuple[str, Mapping[str, Any]]] = []
    for name, node in metrics.items():
        if _is_number(node):
            leaves[name] = {"model": node}
        elif isinstance(node, Mapping) and _is_number(node.get("model")):
            leaves[name] = {key: value for key, value in node.items() if _is_number(value)}
        elif isinstance(node, Mapping):
            deeper.append((name, node))
    if leaves:
        yield " · ".join(part.replace("_", " ") for part in path) or "model", leaves
    for name, node in deeper:
        yield from read_groups(node, (*path, name))


def _choose(group: str, leaves: Mapping[str, Leaf]) -> Measurement | None:
    measure = next((name for name in HEADLINES if name in leaves), None) or next(iter(leaves))
    return _write_row(group, measure, leaves[measure])


def _write_row(group: str, measure: str, leaf: Leaf) -> Measurement:
    value = leaf["model"]
    baselines = tuple(
        (
            BASELINES.get(name, name.replace("_", " ")),
            _write(number),
            number > value and name not in _BOUNDS,
        )
        for name, number in leaf.items()
        if name not in _OWN
    )
    has_range = "low" in leaf and "high" in leaf
    interval = f"{_write(leaf['low'])} to {_write(leaf['high'])}" if has_range else ""
    name = MEASURES.get(measure, measure.replace("_", " "))
    return Measurement(group, name, _write(value), interval, baselines, _draw_strip(leaf))


def _draw_strip(leaf: Leaf) -> Markup:
    """The value, its interval and the baselines on a line from 0 to 1; empty where one is not on it."""
    if not all(0 <= value <= 1 for name, value in leaf.items() if name in _OWN):
        return Markup("")
    places = {name: round(5 + 150 * value, 1) for name, value in leaf.items() if 0 <= value <= 1}
    ticks = [place for name, place in places.items() if name not in _OWN]
    low, high = places.get("low"), places.get("high")
    return fill(_STRIP, at=places["model"], low=low if high is not None else None, high=high, ticks=ticks)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _write(value: float) -> str:
    return f"{value:,}" if isinstance(value, int) else f"{value:.3f}"
