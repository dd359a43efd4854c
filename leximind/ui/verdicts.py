"""The measured quality of the model in a few sentences, each beside what simpler ways reach."""

from collections.abc import Mapping

Leaf = dict[str, float]
"""A measure: ``model``, where known ``low`` and ``high`` of its interval, and each baseline by name."""


def list_sentences(groups: Mapping[str, Mapping[str, Leaf]]) -> list[tuple[str, str]]:
    """How good it is, in a few words each on topics, feelings, summaries and search; those without figures
    are left out."""
    told = {
        "Topics": _tell_topics(groups),
        "Feelings": _tell_feelings(groups),
        "Summaries": _tell_summaries(groups),
        "Search by meaning": _tell_search(groups),
    }
    return [(name, text) for name, text in told.items() if text]


def _tell_topics(groups: Mapping[str, Mapping[str, Leaf]]) -> str:
    leaf = _get(groups, "Topic", "accuracy")
    if not leaf:
        return ""
    told = f"It names the right one of seven for {_say(leaf, 'model', 100)} of 100 texts it had not seen"
    return f"{told}{_range(leaf, 100)}; " + _beside(
        leaf,
        {
            "majority": "always naming the most frequent is right for {}",
            "frozen_minilm": "a plain classifier on the model it started from for {}",
        },
        100,
    )


def _tell_feelings(groups: Mapping[str, Mapping[str, Leaf]]) -> str:
    leaf = _get(groups, "Emotion, GoEmotions", "macro_f1")
    if not leaf:
        return ""
    told = f"In short comments it finds what people named with a macro-F1 of {_say(leaf)}{_range(leaf)}; "
    told += _beside(
        leaf,
        {
            "frozen_minilm": "a plain classifier on the model it started from reaches {}",
            "prior_sampled": "drawing by frequency {}",
        },
    )
    found = [leaf for name in ("REMAN", "XED") if (leaf := _get(groups, name, "macro_f1"))]
    if found:
        told += f" In fiction it is only {' and '.join(map(_say, found))}: take feelings as hints."
    return told


def _tell_summaries(groups: Mapping[str, Mapping[str, Leaf]]) -> str:
    leaf = _get(groups, "SciTLDR", "rouge1")
    if not leaf:
        return ""
    told = f"Its sentence for a paper agrees with a person’s at ROUGE-1 {_say(leaf)}{_range(leaf)}; "
    told += _beside(leaf, {"lead_1": "the first sentence does at {}", "textrank": "TextRank’s choice at {}"})
    written = _get(groups, "SciTLDR", "written")
    if written:
        told += f" {written['model']:.1%} are in its own words, the others are chosen from the text."
    return told


def _tell_search(groups: Mapping[str, Mapping[str, Leaf]]) -> str:
    leaf = _get(groups, "Search", "mrr@10")
    if not leaf:
        return ""
    told = "From a title it finds the paper’s own abstract with a mean reciprocal rank of "
    return f"{told}{_say(leaf, digits=3)}{_range(leaf, digits=3)}; " + _beside(
        leaf,
        {
            "tf_idf": "counting words (TF-IDF) reaches {}",
            "original_minilm": "the embedding it started from {}",
        },
        digits=3,
    )


def _get(groups: Mapping[str, Mapping[str, Leaf]], part: str, measure: str) -> Leaf | None:
    return next(
        (leaves[measure] for name, leaves in groups.items() if part in name and measure in leaves), None
    )


def _say(leaf: Leaf, name: str = "model", scale: int = 1, digits: int = 2) -> str:
    return f"{100 * leaf[name]:.0f}" if scale == 100 else f"{leaf[name]:.{digits}f}"


def _range(leaf: Leaf, scale: int = 1, digits: int = 2) -> str:
    if "low" not in leaf or "high" not in leaf:
        return ""
    return f" ({_say(leaf, 'low', scale, digits)} to {_say(leaf, 'high', scale, digits)})"


def _beside(leaf: Leaf, phrases: Mapping[str, str], scale: int = 1, digits: int = 2) -> str:
    """What simpler ways reach, and which of them are better."""
    told = []
    for name, phrase in phrases.items():
        if name in leaf:
            verdict = ", which is better" if leaf[name] > leaf["model"] else ""
            told.append(phrase.format(_say(leaf, name, scale, digits)) + verdict)
    return f"{', '.join(told)}." if told else "nothing was measured beside it."
