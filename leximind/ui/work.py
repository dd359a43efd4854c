"""One work in full: what is known about it, what the model found, and what is close to it."""

from markupsafe import Markup

from leximind.library.filters import write_year
from leximind.library.work import DESCRIPTION, FULL_TEXT, Work
from leximind.service import Service
from leximind.ui.address import View
from leximind.ui.cards import draw_cards, draw_cover, draw_tone, name_topic
from leximind.ui.charts import draw_arc, draw_emotions, draw_topics
from leximind.ui.markup import fill, template

SUMMARY_SOURCES = {
    "written": "Summary written by the model",
    "extracted": "Key sentence chosen by the model",
}
# Of silent reading, English non-fiction (Brysbaert, 2019, https://doi.org/10.1016/j.jml.2019.104047).
WORDS_A_MINUTE = 238
_READ_FROM = {
    DESCRIPTION: "the description alone",
    FULL_TEXT: "topic and feelings from the full text, summary and neighbours from the description",
}
_LANGUAGES = {
    "en": "English",
    "de": "German",
    "fr": "French",
    "es": "Spanish",
    "it": "Italian",
    "la": "Latin",
}

_WORK = template(
    """
<p class="lm-back"><a href="{{ back }}">← Back to {{ back_to }}</a></p>
<article class="lm-work">
<header class="lm-work-head">
  {{ cover }}
  <div>
    <p class="lm-kicker">{{ work.kind|capitalize }}{% if year %} · {{ year }}{% endif %}
    · <a class="lm-topic-name lm-topic-{{ work.topic|lower }}" href="{{ topic_href }}">{{ topic }}</a></p>
    <h2 tabindex="-1">{{ work.title }}</h2>
    {% if work.authors %}<p class="lm-authors">{{ work.authors|join(", ") }}</p>{% endif %}
    {{ tone }}
    {% if work.summary %}
    <blockquote class="lm-lead"><p>{{ work.summary }}</p><footer>{{ summary_source }}</footer></blockquote>
    {% endif %}
    {% if linked %}
    <p><a class="lm-button" href="{{ work.url }}" target="_blank" rel="noopener noreferrer">
    Read it at the source<span class="lm-hidden"> (opens a new tab)</span>
    <span aria-hidden="true">↗</span></a></p>
    {% endif %}
  </div>
</header>
<div class="lm-work-body">
  <div class="lm-work-text">
    {% if work.description %}
    <section><h3>Description</h3>
    {% for paragraph in paragraphs %}<p>{{ paragraph }}</p>{% endfor %}</section>
    {% endif %}
    {% if arc %}<section><h3>How it feels from beginning to end</h3>{{ arc }}</section>{% endif %}
    <section><h3>About this entry</h3>
    <dl class="lm-facts">
      {% for name, value in facts %}<dt>{{ name }}</dt><dd>{{ value }}</dd>{% endfor %}
    </dl></section>
  </div>
  <aside class="lm-work-side">
    <section><h3>Topic</h3>{{ topics }}</section>
    <section><h3>Feelings that stand out</h3>{{ emotions }}</section>
  </aside>
</div>
</article>
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
    library = service.library
    hits = service.similar(work.id)
    listed = View(view.query, view.filters, view.sort, view.page)
    return fill(
        _WORK,
        work=work,
        back=view.link(work=""),
        back_to="the results" if view.query or not view.filters.is_empty else "the shelf",
        cover=draw_cover(work),
        year="" if work.year is None else write_year(work.year),
        topic=name_topic(work),
        topic_href=View().filtered(topics=(work.topic,)),
        tone=draw_tone(work.tone, limit=6),
        summary_source=SUMMARY_SOURCES[work.summary_source],
        linked=work.url.startswith(("https://", "http://")),
        paragraphs=[part for part in work.description.split("\n") if part.strip()],
        arc=draw_arc(work.arc, work.tone),
        facts=_list_facts(work),
        topics=draw_topics(work.topic_scores),
        emotions=draw_emotions(work.emotions, library.emotion_mean, library.emotion_std, what=work.kind),
        similar=draw_cards(hits, lambda work_id: listed.link(work=work_id), reasons=True) if hits else "",
    )


def _list_facts(work: Work) -> list[tuple[str, str]]:
    facts = [
        ("Subjects", "; ".join(work.subjects)),
        ("Length", "" if work.n_words is None else describe_length(work.n_words)),
        ("Language", _LANGUAGES.get(work.language, work.language)),
        ("Source", work.source),
        ("Licence", work.license),
        ("Analysed", f"by {work.model} on {work.analysed_at}"),
        ("Read from", _READ_FROM[work.provenance]),
    ]
    return [(name, value) for name, value in facts if value]


def describe_length(n_words: int) -> str:
    """How long a text is and takes to read, for example ``about 3 hours (43,000 words)``."""
    minutes = n_words / WORDS_A_MINUTE
    hours = round(minutes / 60)
    if minutes < 55:
        time = f"{max(5, 5 * round(minutes / 5))} minutes"
    else:
        time = f"{hours} hours" if hours > 1 else "an hour"
    return f"about {time} ({n_words:,} words)"
