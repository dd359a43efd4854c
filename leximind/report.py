"""Answers as plain text for a terminal, at most 100 columns wide."""

import html
import re
from collections.abc import Iterable, Mapping, Sequence
from textwrap import fill, shorten
from typing import Any, Final

from leximind.inference.analysis import Analysis
from leximind.labels import TOPICS
from leximind.library.answers import Hit, Page
from leximind.library.filters import write_year

WIDTH: Final = 100
N_KEY_SENTENCES: Final = 3


def write_page(page: Page) -> str:
    """The works found, numbered through all pages."""
    noun = "work" if page.total == 1 else "works"
    lines = [_wrap(f"{page.total:,} {noun}: {page.sentence}")]
    if page.note:
        lines.append(_wrap(page.note))
    lines += ["", *_list_hits(page.hits)]
    rest = page.total - len(page.hits)
    if rest > 0:
        lines.append(f"{rest:,} more; give --limit for a longer list.")
    return _join(lines)


def write_similar(title: str, hits: Sequence[Hit]) -> str:
    """The works closest to one."""
    heading = f"Closest to {title}:" if hits else f"Nothing is close to {title}."
    return _join([_wrap(heading), "", *_list_hits(hits)])


def write_analysis(analysis: Analysis, similar: Sequence[Hit]) -> str:
    """What the model found in a text."""
    ranked = sorted(zip(TOPICS, analysis.topic_scores, strict=True), key=lambda pair: -pair[1])
    topics = ", ".join(f"{name} {score:.0%}" for name, score in ranked[:3])
    passages = "1 passage" if analysis.n_passages == 1 else f"{analysis.n_passages:,} passages"
    read = f"{analysis.n_tokens:,} tokens in {passages}, {analysis.language}"
    lines = [
        *(_wrap(f"Note: {note}") for note in analysis.notes),
        _row("Topic", topics),
        _row("Feels", ", ".join(analysis.tone) or "nothing in particular"),
    ]
    for emotion in analysis.tone:
        words = list(dict.fromkeys(cue.word for cue in analysis.cues.get(emotion, ())))
        if words:
            lines.append(_row("", f"{emotion}: {', '.join(words)}"))
    lines.append(_row("Summary", f"{analysis.summary} ({analysis.summary_source})"))
    for number, sentence in enumerate(analysis.key_sentences[:N_KEY_SENTENCES]):
        lines.append(_row("" if number else "Key", sentence.text))
    lines.append(_row("Read", f"{read}, by {analysis.model}"))
    if similar:
        lines += ["", "Closest works:", "", *_list_hits(similar)]
    return _join(lines)


def write_evaluation(report: Mapping[str, Any]) -> str:
    """Plain facts, then a row for each metric: the model, its interval, and each baseline."""
    lines = [
        _row(name.replace("_", " "), str(value))
        for name, value in report.items()
        if isinstance(value, str | int | float)
    ]
    intervals = {
        name: f"{_number(low)}-{_number(high)}" for name, (low, high) in report.get("intervals", {}).items()
    }
    columns = {
        "model": report["metrics"],
        **({"95 %": intervals} if intervals else {}),
        **report["baselines"],
    }
    table = [["metric", *columns]]
    for name in dict.fromkeys(metric for scores in columns.values() for metric in scores):
        table.append([name, *(_number(scores.get(name)) for scores in columns.values())])
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    for first, *cells in table:
        right = (f"  {cell:>{width}}" for cell, width in zip(cells, widths[1:], strict=True))
        lines.append(f"{first:<{widths[0]}}" + "".join(right))
    return _join([*lines[: -len(table)], "", *lines[-len(table) :]])


def _list_hits(hits: Iterable[Hit]) -> list[str]:
    lines = []
    for number, hit in enumerate(hits, start=1):
        work = hit.work
        by = ", ".join(work.authors[:3]) + (" and others" if len(work.authors) > 3 else "")
        when = "" if work.year is None else write_year(work.year)
        facts = [work.kind, work.topic, ", ".join(work.tone), work.id]
        about = html.unescape(re.sub(r"</?mark>", "", hit.snippet)) or work.summary or work.description
        lines += [
            _wrap(f"{number:2}. {'. '.join(filter(None, (work.title.rstrip('.'), by, when)))}", "    "),
            _wrap(f"    {' · '.join(filter(None, facts))}", "    "),
            _wrap(f"    {shorten(about, 2 * WIDTH, placeholder=' …')}", "    "),
        ]
        if hit.reasons:
            lines.append(_wrap(f"    → {', '.join(hit.reasons)}", "      "))
        lines.append("")
    return lines


def _row(name: str, text: str) -> str:
    return _wrap(f"{name:<10}{text}", " " * 10)


def _wrap(text: str, indent: str = "") -> str:
    return fill(text, WIDTH, subsequent_indent=indent, break_on_hyphens=False)


def _number(value: Any) -> str:
    if value is None:
        return "-"
    return f"{value:.4f}" if isinstance(value, float) else str(value)


def _join(lines: Iterable[str]) -> str:
    """One text. Control characters are dropped, so that no title can steer a terminal."""
    text = "\n".join(lines).strip() + "\n"
    return "".join(sign for sign in text if sign == "\n" or sign.isprintable())
