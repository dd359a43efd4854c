"""The analysed text with the words marked that drove each feeling."""

from collections.abc import Mapping, Sequence
from typing import Final

from markupsafe import Markup

from leximind.inference.analysis import Cue
from leximind.ui.markup import fill, template

MAX_EMOTIONS: Final = 6
MAX_CHARACTERS: Final = 6_000
_AROUND: Final = 160

Span = tuple[int, int, tuple[int, ...]]

_HIGHLIGHTS = template(
    """
<div class="lm-highlights">
{% if not names %}
<p class="lm-choice lm-quiet">No word stands for a feeling here.</p>
{% else %}
<fieldset class="lm-choice"><legend class="lm-hidden">Feeling to show</legend>
<label><input type="radio" name="lm-cue" value="all" checked> <span>all</span></label>
{% for name in names %}
<label><input type="radio" name="lm-cue" value="{{ loop.index0 }}">
<span class="lm-cue-{{ loop.index0 }}">{{ name }}</span></label>
{% endfor %}
</fieldset>
{% endif %}
<div class="lm-read" dir="auto" tabindex="0" role="region" aria-label="Your text">
{%- for text, numbers, title in pieces -%}
{%- if numbers -%}
<mark class="{% for number in numbers %}lm-cue-{{ number }} {% endfor %}" title="{{ title }}">
{{- text -}}</mark>
{%- else -%}{{ text }}{%- endif -%}
{%- endfor -%}
</div>
{% if shortened %}<p class="lm-quiet">Shown are the places around the marked words.</p>{% endif %}
</div>
"""
)
_PLAIN = template(
    """
<div class="lm-highlights">
<p class="lm-choice"><span class="lm-ghost lm-ghost-short"></span></p>
<div class="lm-read lm-unread" dir="auto">{{ text }}</div>
</div>
"""
)


def draw_plain(text: str) -> Markup:
    """The beginning of a text whose feelings are not known yet, as large as it will be with its marks."""
    return fill(_PLAIN, text=text[:MAX_CHARACTERS])


def draw_highlights(text: str, cues: Mapping[str, Sequence[Cue]]) -> Markup:
    """``text`` with every cue marked by its emotions; a long text is cut to the places around its cues."""
    names = list(cues)[:MAX_EMOTIONS]
    spans = merge_cues(len(text), [cues[name] for name in names])
    windows = choose_windows(len(text), spans)
    pieces: list[tuple[str, tuple[int, ...], str]] = []
    for number, (first, last) in enumerate(windows):
        at = first
        if number or first:
            pieces.append((" … ", (), ""))
        for start, end, numbers in spans:
            if not first <= start < last:
                continue
            pieces.append((text[at:start], (), ""))
            pieces.append((text[start:end], numbers, ", ".join(names[index] for index in numbers)))
            at = end
        pieces.append((text[at:last], (), ""))
    shortened = windows[-1][1] < len(text) or len(windows) > 1
    if shortened and windows[-1][1] < len(text):
        pieces.append((" …", (), ""))
    return fill(_HIGHLIGHTS, names=names, pieces=pieces, shortened=shortened and bool(spans))


def merge_cues(length: int, cues: Sequence[Sequence[Cue]]) -> list[Span]:
    """Spans in reading order that do not overlap, each with the numbers of its emotions.

    The same word may drive several emotions; of words that merely overlap the heavier one is kept.
    Offsets outside the text are left out.
    """
    owners: dict[tuple[int, int], dict[int, float]] = {}
    for number, group in enumerate(cues):
        for cue in group:
            if 0 <= cue.start < cue.end <= length:
                owners.setdefault((cue.start, cue.end), {})[number] = cue.weight
    taken: list[Span] = []
    for (start, end), weights in sorted(owners.items(), key=lambda item: -max(item[1].values())):
        if all(end <= first or last <= start for first, last, _ in taken):
            taken.append((start, end, tuple(sorted(weights))))
    return sorted(taken)


def choose_windows(length: int, spans: Sequence[Span]) -> list[tuple[int, int]]:
    """The stretches of the text to show: all of a short one, else what surrounds the first spans."""
    if length <= MAX_CHARACTERS or not spans:
        return [(0, min(length, MAX_CHARACTERS))]
    windows: list[tuple[int, int]] = []
    for start, end, _ in spans:
        first, last = max(0, start - _AROUND), min(length, end + _AROUND)
        if windows and first <= windows[-1][1]:
            windows[-1] = (windows[-1][0], last)
        elif sum(b - a for a, b in windows) < MAX_CHARACTERS:
            windows.append((first, last))
    return windows
