"""What the model found in a text as a file to keep: JSON for programs, Markdown for people.

Both are made in memory and handed to the browser inside the page, which saves them: no file lies here.
"""

import json
import re
from collections.abc import Iterable, Sequence
from typing import Final

from leximind.inference.analysis import Analysis
from leximind.labels import EMOTIONS, TOPICS
from leximind.library.filters import write_year
from leximind.service import Hit

N_EMOTIONS: Final = 8
# Whatever could open a link, a list, a heading or HTML: https://spec.commonmark.org/0.31.2/#backslash-escapes
_SPECIAL: Final = re.compile(r"([\\`*_{}\[\]<>#|~!&$])")
_LIST: Final = re.compile(r"^(\d+)([.)])(?= )|^([-+=])")


def write_json(analysis: Analysis, similar: Sequence[Hit]) -> str:
    """All of it, with the text that the offsets point into, and the closest works."""
    works = [
        {
            "id": hit.work.id,
            "title": hit.work.title,
            "authors": list(hit.work.authors),
            "year": hit.work.year,
            "url": hit.work.url,
            "closeness": round(hit.score, 4),
            "reasons": list(hit.reasons),
        }
        for hit in similar
    ]
    labels = {"topics": list(TOPICS), "emotions": list(EMOTIONS)}
    report = analysis.to_dict() | {"labels": labels, "similar": works}
    return json.dumps(report, ensure_ascii=False, indent=1) + "\n"


def write_markdown(analysis: Analysis, similar: Sequence[Hit]) -> str:
    """A page to read: everything but the text itself."""
    parts = [
        "# What LexiMind found",
        f"> {_plain(analysis.summary)}",
        _list_facts(analysis),
        "## Topic",
        _table(("Topic", "Probability"), _rank(TOPICS, analysis.topic_scores)),
        "## Feelings",
        _table(("Feeling", "Score"), _rank(EMOTIONS, analysis.emotions)[:N_EMOTIONS]),
    ]
    if analysis.tone:
        parts += ["### The words behind them", "\n".join(_list_words(analysis))]
    parts += ["## Key sentences", "\n".join(f"- {_plain(key.text)}" for key in analysis.key_sentences)]
    if similar:
        parts += ["## Works close to it", "\n".join(map(_cite, similar))]
    if analysis.notes:
        parts += ["## Notes", "\n".join(f"- {_plain(note)}" for note in analysis.notes)]
    return "\n\n".join(parts) + "\n"


def _list_facts(analysis: Analysis) -> str:
    passages = "1 passage" if analysis.n_passages == 1 else f"{analysis.n_passages:,} passages"
    made = "written by the model" if analysis.summary_source == "written" else "a key sentence of the text"
    facts = {
        "Summary": made,
        "Stands out": ", ".join(analysis.tone) or "no feeling",
        "Language": analysis.language,
        "Read": f"{analysis.n_tokens:,} tokens in {passages}",
        "Model": analysis.model,
    }
    return "\n".join(f"- {name}: {_plain(value)}" for name, value in facts.items())


def _list_words(analysis: Analysis) -> Iterable[str]:
    for emotion in analysis.tone:
        words = dict.fromkeys(cue.word for cue in analysis.cues.get(emotion, ()))
        yield f"- {emotion}: {_plain(', '.join(words)) or 'no single word'}"


def _rank(names: Sequence[str], scores: Sequence[float]) -> list[tuple[str, str]]:
    ranked = sorted(zip(names, scores, strict=True), key=lambda row: -row[1])
    return [(name, f"{score:.1%}") for name, score in ranked]


def _table(head: tuple[str, str], rows: Iterable[tuple[str, str]]) -> str:
    lines = [head, ("---", "---:"), *rows]
    return "\n".join(f"| {name} | {value} |" for name, value in lines)


def _cite(hit: Hit) -> str:
    work = hit.work
    year = "" if work.year is None else f" ({write_year(work.year)})"
    by = f", {_plain(', '.join(work.authors[:3]))}" if work.authors else ""
    why = f" — {_plain(', '.join(hit.reasons))}" if hit.reasons else ""
    return f"- *{_plain(work.title)}*{by}{year}{why}"


def _plain(text: str) -> str:
    """One line that Markdown shows as it stands."""
    line = _SPECIAL.sub(r"\\\1", " ".join(text.split()))
    return _LIST.sub(lambda match: f"{match[1]}\\{match[2]}" if match[1] else f"\\{match[3]}", line)
