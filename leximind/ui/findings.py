"""What the Live page shows of an analysis, part by part, each in its place."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Final

from markupsafe import Markup

from leximind.inference.analysis import (
    Analysis,
    Feelings,
    Gist,
    KeySentences,
    Part,
    Progress,
    Sentence,
    Stage,
    Summary,
)
from leximind.service import Hit, Service
from leximind.ui.address import View
from leximind.ui.cards import draw_cards
from leximind.ui.charts import draw_arc, draw_emotions, draw_topics
from leximind.ui.highlights import draw_highlights
from leximind.ui.markup import fill, template
from leximind.ui.places import (
    N_BARS,
    N_SIMILAR,
    Drawn,
    Head,
    draw_head,
    draw_line,
    draw_reports,
    draw_section,
)
from leximind.ui.reports import write_json, write_markdown
from leximind.ui.work import SUMMARY_SOURCES

_STAND_IN: Final = "The text’s own key sentence"
N_NEAR: Final = 3

_SENTENCES = template(
    """
<ol class="lm-sentences">{% for key in keys %}<li dir="auto">{{ key.text }}</li>{% endfor %}</ol>
{% if not keys %}<p class="lm-quiet">There is no other sentence that would stand for this text.</p>{% endif %}
"""
)
_ALONE = template("""<p class="lm-quiet">{{ why }}</p>""")


def draw_stages(
    service: Service, stages: Iterator[Stage], saved: Sequence[str], notes: Sequence[str]
) -> Iterator[Drawn]:
    """The page's changes for each stage of an analysis, whose last makes the reports.

    Args:
        saved: ids of works that the visitor has already.
        notes: what was left out before the model saw the text.
    """
    head = Head(notes=tuple(notes))
    parts: list[Part] = []
    hits: tuple[Hit, ...] = ()
    keys: tuple[Sentence, ...] = ()
    for stage in stages:
        match stage:
            case Progress():
                if stage.n_read < stage.n_all:
                    yield {"line": _draw_progress(stage, "how it feels" if parts else "what it is about")}
                continue
            case Gist():
                hits = _find_similar(service, stage, saved)
                near = tuple((hit.work.title, _link(hit.work.id)) for hit in hits[:N_NEAR])
                head = replace(head, gist=stage, near=near, notes=(*notes, *stage.notes))
                drawn = _draw_gist(service, stage, hits, saved)
            case Feelings():
                head = replace(head, tone=stage.tone)
                drawn = _draw_feelings(service, head.gist.text if head.gist else "", stage)
            case KeySentences():
                # The best key sentence stands in for the summary; it stays unless a better one is written.
                keys = stage.key_sentences
                head = replace(head, quote=keys[0].text, origin=_STAND_IN)
                line = draw_line("busy", "Key sentences are here. Trying to write a better summary…")
                drawn = {"line": line, "sentences": _draw_sentences(keys[1:])}
            case Summary():
                head = replace(head, quote=stage.summary, origin=SUMMARY_SOURCES[stage.summary_source])
                drawn = {"sentences": _draw_sentences([key for key in keys if key.text != stage.summary])}
        parts.append(stage)
        if isinstance(stage, Summary):
            drawn |= _draw_end(Analysis.of(*parts), hits)
        yield drawn | {"head": draw_head(head)}


def _link(work_id: str) -> str:
    return View().link(work=work_id)


def _draw_progress(progress: Progress, what: str) -> Markup:
    share = progress.n_read / progress.n_all
    return draw_line("busy", f"Reading {what}: {share:.0%}…", share=share)


def _find_similar(service: Service, gist: Gist, saved: Sequence[str]) -> tuple[Hit, ...]:
    # Embeddings of different models are not comparable, so another model's text has no neighbours here.
    if gist.model != service.library.model:
        return ()
    return service.similar_to(gist.embedding, N_SIMILAR, without=tuple(saved))


def _draw_gist(service: Service, gist: Gist, hits: Sequence[Hit], saved: Sequence[str]) -> Drawn:
    if hits:
        similar = draw_cards(hits, _link, reasons=True)
        text = f"Topic and {len(hits)} close works are here. Reading how it feels…"
    else:
        why = "The library was described by another model, so nothing can be compared."
        if gist.model == service.library.model:
            why = "Nothing else in the library is close." if saved else "Nothing in the library is close."
        similar = fill(_ALONE, why=why)
        text = "The topic is here. Reading how it feels…"
    drawn = {
        "line": draw_line("busy", text),
        "topics": draw_section("topics", draw_topics(gist.topic_scores)),
        "similar": draw_section("similar", similar),
    }
    if gist.n_passages < 3:
        drawn["arc"] = Markup("")
    return drawn


def _draw_feelings(service: Service, text: str, feelings: Feelings) -> Drawn:
    library = service.library
    bars = draw_emotions(
        feelings.emotions, library.emotion_mean, library.emotion_std, limit=N_BARS, what="text"
    )
    arc = draw_arc([point.emotions for point in feelings.arc], feelings.tone, what="text")
    return {
        "line": draw_line("busy", "Feelings are here, with the words behind them. Choosing key sentences…"),
        "words": draw_section("words", draw_highlights(text, feelings.cues)),
        "feelings": draw_section("feelings", bars),
        "arc": draw_section("arc", arc) if arc else Markup(""),
    }


def _draw_sentences(keys: Sequence[Sentence]) -> Markup:
    return draw_section("sentences", fill(_SENTENCES, keys=keys))


def _draw_end(analysis: Analysis, hits: Sequence[Hit]) -> Drawn:
    passages = "1 passage" if analysis.n_passages == 1 else f"{analysis.n_passages:,} passages"
    told = f"All is here: {analysis.n_tokens:,} tokens in {passages}, read by {analysis.model}."
    reports = draw_reports(write_markdown(analysis, hits), write_json(analysis, hits))
    return {"line": draw_line("done", told), "reports": reports}
