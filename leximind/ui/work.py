"""One work in full: what is known about it, what the model found, and what is close to it."""

from dataclasses import replace
from functools import lru_cache
from typing import Final

from markupsafe import Markup

from leximind.inference.tone import Average, averages_for
from leximind.library.filters import write_year
from leximind.library.store import Library
from leximind.library.work import FULL_TEXT, Work
from leximind.service import Service
from leximind.ui.address import View
from leximind.ui.cards import SURE, draw_cards, draw_cover, draw_save, draw_tone, name_topic
from leximind.ui.charts import draw_arc, draw_emotions, draw_topics
from leximind.ui.citations import SHEET, draw_citations
from leximind.ui.facts import describe_time, link_search, list_facts
from leximind.ui.markup import fill, template

SUMMARY_SOURCES = {
    "written": "Summary written by the model",
    "extracted": "Key sentence chosen by the model",
}
MAX_AUTHORS: Final = 12
"""More are folded away after the first eight."""

_LONG, _VERY_LONG = 60, 140

_PATH = template(
    """
<nav class="lm-path" aria-label="From here">
<p class="lm-back"><a href="{{ back }}">← Back to {{ back_to }}</a></p>
{% if before or after %}
<p class="lm-walk">
{% for work, href, rel, word, key in steps %}
{% if work %}
<a rel="{{ rel }}" href="{{ href }}" aria-keyshortcuts="{{ key }}">
<span class="lm-walk-word">{{ word }}</span><span class="lm-hidden">: </span>
<span class="lm-walk-title">{{ work.title }}</span></a>
{% endif %}
{% endfor %}
</p>
{% endif %}
</nav>
"""
)
_AUTHORS = template(
    """
{% macro linked(people) %}
{% for name, href in people %}
{% if href %}<a href="{{ href }}">{{ name }}</a>{% else %}{{ name }}{% endif %}{{ ", " if not loop.last }}
{%- endfor %}
{% endmacro %}
{% if people %}
<div class="lm-authors">{{ linked(people) }}
{% if others %}
<details><summary>and {{ others|length }} others</summary>{{ linked(others) }}</details>
{% endif %}
</div>
{% endif %}
"""
)
_ACTIONS = template(
    """
<div class="lm-actions" data-copies>
{% if linked %}
<a class="lm-button" href="{{ work.url }}" target="_blank" rel="noopener noreferrer">
Read it at the source<span class="lm-hidden"> (opens a new tab)</span> <span aria-hidden="true">↗</span></a>
{% endif %}
{{ save }}
<button type="button" class="lm-plain-button" popovertarget="{{ sheet }}">Cite</button>
<button type="button" class="lm-plain-button" data-copy-link="{{ alone }}"
 data-copied="Link copied.">Copy link</button>
<span class="lm-said" role="status"></span>
</div>
"""
)
_WORK = template(
    """
{{ path }}
<article class="lm-work">
<header class="lm-work-head">
  {{ cover }}
  <div>
    <p class="lm-kicker">{{ work.kind|capitalize }}{% if year %} · {{ year }}{% endif %}
    · <a class="lm-topic-name lm-topic-{{ work.topic|lower }}" href="{{ topic_href }}">{{ topic }}</a>
    {% if time %} · {{ time }} to read{% endif %}</p>
    <h2 tabindex="-1"{% if size %} class="lm-{{ size }}"{% endif %}>{{ work.title }}</h2>
    {{ authors }}
    {{ tone }}
    {% if work.summary %}
    <blockquote class="lm-lead"><p>{{ work.summary }}</p><footer>{{ summary_source }}</footer></blockquote>
    {% endif %}
    {{ actions }}
  </div>
</header>
<div class="lm-work-body">
  <div class="lm-work-text">
    {% if paragraphs %}
    <section class="lm-description"><h3>Description</h3>
    {% for paragraph in paragraphs %}<p>{{ paragraph }}</p>{% endfor %}</section>
    {% endif %}
  </div>
  <aside class="lm-work-side" aria-label="What the model found">
    <section><h3>Topic</h3>{{ topics }}
    {% if not sure %}
    <p class="lm-quiet">The model is in two minds: no topic reaches one half.</p>
    {% endif %}</section>
    <section><h3>Feelings that stand out</h3>{{ emotions }}</section>
    <p class="lm-quiet lm-byline">Found by the model, not by people.
    <a href="?tab=insights">How far to trust it</a></p>
  </aside>
  <section class="lm-about"><h3>About this entry</h3>
  <dl class="lm-facts">
    {% for name, value in facts %}<dt>{{ name }}</dt><dd>{{ value }}</dd>{% endfor %}
  </dl></section>
</div>
{% if arc %}
<section class="lm-work-arc"><h3>How it feels from beginning to end</h3>{{ arc }}</section>
{% endif %}
</article>
{{ citations }}
{% if similar %}
<section class="lm-similar"><h3>Close to this {{ work.kind }}</h3>{{ similar }}</section>
{% endif %}
"""
)


def draw_work(service: Service, view: View) -> Markup:
    """The work that the view asks for.

    Raises:
        NotFoundError: the library has no work of this id.
    """
    work = service.get(view.work)
    hits = service.similar(work.id)
    listed = replace(view, work="")
    average, average_of = _find_average(service.library, work)
    time = "" if work.n_words is None else describe_time(work.n_words)
    return fill(
        _WORK,
        work=work,
        path=_draw_path(service, view),
        cover=draw_cover(work),
        year="" if work.year is None else write_year(work.year),
        topic=name_topic(work),
        topic_href=View().filtered(topics=(work.topic,)),
        time=time,
        size="very-long" if len(work.title) > _VERY_LONG else "long" if len(work.title) > _LONG else "",
        authors=_draw_authors(work),
        tone=draw_tone(work.tone, limit=6),
        summary_source=SUMMARY_SOURCES[work.summary_source],
        actions=_draw_actions(work),
        citations=draw_citations(work),
        paragraphs=_draw_description(work),
        arc=draw_arc(work.arc, work.tone, what=work.kind),
        facts=list_facts(work),
        topics=draw_topics(work.topic_scores),
        sure=max(work.topic_scores) >= SURE,
        emotions=draw_emotions(
            work.emotions,
            average.mean[-1],
            average.std[-1],
            tone=work.tone,
            what=work.kind,
            average_of=average_of,
        ),
        similar=draw_cards(hits, lambda work_id: listed.link(work=work_id), reasons=True) if hits else "",
    )


def _draw_path(service: Service, view: View) -> Markup:
    """The way back to the list, and on to the works before and after this one in it."""
    before, after = service.around(view.work, view.query, view.filters, mood=view.mood, sort=view.sort)
    is_list = view.query or not view.filters.is_empty or not view.mood.is_even
    steps = [
        (work, view.link(work=work.id) if work else "", rel, word, key)
        for work, rel, word, key in (
            (before, "prev", "Previous", "ArrowLeft"),
            (after, "next", "Next", "ArrowRight"),
        )
    ]
    back_to = "the results" if is_list else "the library"
    return fill(_PATH, back=view.link(work=""), back_to=back_to, before=before, after=after, steps=steps)


def _draw_description(work: Work) -> list[Markup]:
    """The paragraphs; where the summary is a sentence of theirs, it is marked there."""
    paragraphs = [part for part in work.description.split("\n") if part.strip()]
    drawn = []
    for paragraph in paragraphs:
        before, sentence, after = paragraph.partition(work.summary) if work.summary else (paragraph, "", "")
        mark = '{}<mark class="lm-key-sentence">{}</mark>{}' if sentence else "{}{}{}"
        drawn.append(Markup(mark).format(before, sentence, after))
    return drawn


def _draw_authors(work: Work) -> Markup:
    people = [(name, link_search("author", name)) for name in work.authors]
    shown = 8 if len(people) > MAX_AUTHORS else len(people)
    return fill(_AUTHORS, people=people[:shown], others=people[shown:])


def _draw_actions(work: Work) -> Markup:
    return fill(
        _ACTIONS,
        work=work,
        linked=work.url.startswith(("https://", "http://")),
        save=draw_save(work),
        sheet=SHEET,
        alone=View().link(work=work.id),
    )


def _find_average(library: Library, work: Work) -> tuple[Average, str]:
    """What a work's feelings are held against, which is what its tone was held against, and its name."""
    average = _measure_averages(library, work.provenance == FULL_TEXT)
    if len(average.mean) == 1:
        return average, "the library"
    return (
        average,
        "works read in full" if work.provenance == FULL_TEXT else "works known by their description",
    )


@lru_cache(maxsize=8)
def _measure_averages(library: Library, is_whole_text: bool) -> Average:
    return averages_for(library.emotions, library.n_words > 0, is_whole_text=is_whole_text)
