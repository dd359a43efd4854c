"""What a set of works is like beside its library: topics, feelings, years and hours, in words and bars."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Final

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from leximind.labels import TOPICS
from leximind.library.filters import write_list, write_year
from leximind.library.moods import MOODS
from leximind.library.store import Library
from leximind.ui.charts import draw_emotions
from leximind.ui.facts import describe_time
from leximind.ui.markup import fill, template

CLEAR: Final = 0.35
"""So many standard deviations the works' mean must be from the library's to be put in words."""

_PORTRAIT = template(
    """
<section class="lm-portrait" data-part="portrait" aria-labelledby="lm-portrait-title">
<h3 id="lm-portrait-title">What your shelf is like</h3>
<p class="lm-portrait-told">{{ told }}</p>
<h4>Topics</h4>
<table class="lm-bars"><caption class="lm-hidden">Share of your shelf by topic, with the library’s</caption>
{% for name, share, average in topics %}
<tr><th scope="row">{{ name }}</th>
<td class="lm-track">
<span class="lm-fill lm-topic-{{ name|lower }}" style="width:{{ '%.1f'|format(share / full * 100) }}%"></span>
<span class="lm-average" style="left:{{ '%.1f'|format(average / full * 100) }}%"></span></td>
<td class="lm-number">{{ share|percent }}
<span class="lm-versus"><span class="lm-hidden">, library </span>{{ average|percent }}</span></td></tr>
{% endfor %}
</table>
<h4>Feelings</h4>
{{ emotions }}
</section>
"""
)


def draw_portrait(library: Library, rows: Sequence[int]) -> Markup:
    """The works of some rows, at least one, against all of the library."""
    chosen = np.asarray(rows, np.intp)
    counts = np.bincount(library.topics[chosen], minlength=len(TOPICS)) / len(chosen)
    averages = np.bincount(library.topics, minlength=len(TOPICS)) / len(library)
    topics = sorted(zip(TOPICS, counts, averages, strict=True), key=lambda topic: (-topic[1], -topic[2]))
    # A mean over a whole text and one over a description differ for every work: like is held against like.
    averages_of_kind, is_whole = _average(library), (library.n_words[chosen] > 0).astype(np.intp)
    return fill(
        _PORTRAIT,
        told=describe(library, chosen),
        topics=topics,
        full=max(*counts, *averages) * 1.04,
        emotions=draw_emotions(
            [float(score) for score in library.emotions[chosen].mean(axis=0)],
            averages_of_kind[is_whole].mean(axis=0),
            library.emotion_std,
            limit=6,
            what="shelf",
        ),
    )


def describe(library: Library, rows: NDArray[np.intp]) -> str:
    """A sentence or two: ``Mostly Fiction (5 of 8), with more fear and less joy than the library. …``."""
    deviations = library.feelings.moods[rows].mean(axis=0)
    names = list(MOODS)
    order = [int(index) for index in np.argsort(-np.abs(deviations), kind="stable")]
    more = [f"more {names[index]}" for index in order if deviations[index] >= CLEAR][:2]
    less = [f"less {names[index]}" for index in order if deviations[index] <= -CLEAR][:2]
    felt = f", with {write_list([*more, *less], 'and')} than the library" if more or less else ""
    told = f"{_describe_topics(library, rows)}{felt}."
    return f"{told}{_describe_years(library, rows)}{_describe_hours(library, rows)}"


def _describe_topics(library: Library, rows: NDArray[np.intp]) -> str:
    counts = np.bincount(library.topics[rows], minlength=len(TOPICS))
    most = int(counts.max())
    names = [name for name, count in zip(TOPICS, counts, strict=True) if count == most]
    if most == len(rows):
        return f"All {names[0]}"
    if len(names) > 1:
        return f"{write_list(names, 'and')} alike ({most} each of {len(rows)})"
    return f"{'Mostly' if 2 * most > len(rows) else 'Most often'} {names[0]} ({most} of {len(rows)})"


def _describe_years(library: Library, rows: NDArray[np.intp]) -> str:
    years = library.years[rows][library.has_year[rows]]
    if len(years) < 2:
        return ""
    return f" From {write_year(int(years.min()))} to {write_year(int(years.max()))}."


def _describe_hours(library: Library, rows: NDArray[np.intp]) -> str:
    lengths = library.n_words[rows][library.n_words[rows] > 0]
    if not len(lengths):
        return ""
    whose = (
        ""
        if len(lengths) == len(rows)
        else f" for the {'one' if len(lengths) == 1 else len(lengths)} whose length is known"
    )
    return f" {describe_time(int(lengths.sum())).capitalize()} of reading{whose}."


@lru_cache(maxsize=4)
def _average(library: Library) -> NDArray[np.float32]:
    """(2, 28) mean emotions of the works read from a description, and of those read as a whole."""
    is_whole = library.n_words > 0
    groups = [library.emotions[~is_whole], library.emotions[is_whole]]
    return np.stack([group.mean(axis=0) if len(group) else library.emotion_mean for group in groups])
