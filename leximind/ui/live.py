"""The Live tab: paste or upload a text and see what the model finds in it."""

import logging
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

import gradio as gr
from markupsafe import Markup

from leximind.api import MODEL_QUEUE
from leximind.errors import LexiMindError
from leximind.inference.analysis import Analysis
from leximind.service import Service
from leximind.ui.address import View
from leximind.ui.cards import SURE, draw_cards, draw_tone
from leximind.ui.charts import draw_arc, draw_emotions, draw_topics
from leximind.ui.highlights import draw_highlights
from leximind.ui.markup import fill, show_note, show_problem, template
from leximind.ui.work import SUMMARY_SOURCES

_LOG = logging.getLogger(__name__)
MAX_BYTES: Final = 1_000_000

EXAMPLES: Final = {
    "A letter of regret": (
        "I have begun this letter four times and burned it four times. I was wrong to leave you on the "
        "platform without a word, and every winter since I have been ashamed of it. You waved, and I turned "
        "away, because I could not bear to see you cry. They tell me the house is sold and that you kept the "
        "clock. I am glad of the clock. I do not ask you to forgive me; I only wish you to know that I am "
        "sorry, and that I have never once been happy in the rooms I chose instead of ours."
    ),
    "An abstract": (
        "Tidal flats lose and regain sediment within hours, yet most models of coastal change average over "
        "seasons. We measured bed height at forty stations on a sheltered estuary every ten minutes for two "
        "years, using low-cost pressure sensors. A simple balance between wave stress and settling explains "
        "81% of the variance at exposed stations, but only 34% behind the salt marsh, where roots hold the "
        "mud. The results suggest that a marsh edge a few metres wide does most of the work of protection. "
        "We release the measurements and the code."
    ),
    "A ghost on the stairs": (
        "The third stair creaked, as it had every night at ten past two. Nobody lived above us. My brother "
        "said it was the wood settling and pulled the blanket over his head, but his voice shook. I counted "
        "the steps: four, five, six. Then they stopped outside our door, and the handle began to turn, very "
        "slowly, as if whoever held it was afraid of waking us. I could not scream. I saw the light of a "
        "candle under the door, and I knew that no one in the house owned a candle."
    ),
    "Good news from the harbour": (
        "Come down quickly, the boats are in! All eleven of them, flags up, and old Marta laughing so hard "
        "that she dropped the bread. We had given up hope on Sunday and here they are, sunburnt and singing. "
        "The children ran straight into the water in their shoes. Thank you, thank you for lending us the "
        "lamp; they say they saw it from nine miles out. There will be dancing tonight and nobody will be "
        "sensible until Thursday."
    ),
}

_INTRO = template(
    """
<div class="lm-intro"><h2>Read a text of your own</h2>
<p>The same model that described the library reads what you give it. Your text is analysed in memory and
not stored.</p></div>
"""
)
_RESULT = template(
    """
{% for note in notes %}{{ note }}{% endfor %}
<article class="lm-work lm-result">
<header>
  <p class="lm-kicker">{{ topic }} · {{ "{:,}".format(analysis.n_tokens) }} tokens read</p>
  <h2 tabindex="-1">What the model found</h2>
  {{ tone }}
  {% if not analysis.tone %}
  <p class="lm-quiet">No feeling stands out from the library's average.</p>
  {% endif %}
  {% if analysis.summary %}
  <blockquote class="lm-lead"><p>{{ analysis.summary }}</p><footer>{{ summary_source }}</footer></blockquote>
  {% endif %}
</header>
<div class="lm-work-body">
  <div class="lm-work-text">
    <section><h3>The words behind the feelings</h3>{{ text }}</section>
    {% if arc %}<section><h3>How it feels from beginning to end</h3>{{ arc }}</section>{% endif %}
    {% if sentences %}
    <section><h3>Key sentences</h3><ol class="lm-sentences">
    {% for sentence in sentences %}<li>{{ sentence.text }}</li>{% endfor %}</ol></section>
    {% endif %}
  </div>
  <aside class="lm-work-side">
    <section><h3>Topic</h3>{{ topics }}</section>
    <section><h3>Feelings that stand out</h3>{{ emotions }}</section>
    <p class="lm-quiet">By {{ analysis.model }}.</p>
  </aside>
</div>
</article>
{% if similar %}
<section class="lm-similar"><h3>Works close to your text</h3>{{ similar }}</section>
{% endif %}
"""
)
_EMPTY = template(
    """
<div class="lm-empty"><p>Topic, feelings with the words behind them, key sentences, a summary and the closest
works of the library will appear here.</p></div>
"""
)


def clip_text(text: str) -> tuple[str, str]:
    """The first ``MAX_BYTES`` of a text and a note when something was cut off."""
    data = text.encode("utf-8", errors="ignore")
    if len(data) <= MAX_BYTES:
        return text, ""
    note = f"Your text is {len(data) / 1e6:.1f} MB long; only the first {MAX_BYTES / 1e6:.0f} MB was read."
    return data[:MAX_BYTES].decode("utf-8", errors="ignore"), note


def answer(service: Service, text: str | None) -> Markup:
    """What the model finds in a text, as HTML. Never raises: problems are told on the page."""
    clipped, cut = clip_text(text or "")
    try:
        analysis = service.analyze(clipped)
        return draw_analysis(service, analysis, (cut,) if cut else ())
    except LexiMindError as error:
        return show_problem(error)
    except Exception as error:  # the edge: a visitor never sees a stack trace
        _LOG.exception("the analysis of a text of %d characters failed", len(clipped))
        return show_problem(error)


def draw_analysis(service: Service, analysis: Analysis, notes: Iterable[str] = ()) -> Markup:
    """All outputs for one text, with the closest works of the library."""
    library = service.library
    # Embeddings of different models are not comparable, so another model's text has no neighbours here.
    hits = service.similar_to(analysis.embedding) if analysis.model == library.model else ()
    sure = max(analysis.topic_scores) >= SURE
    return fill(
        _RESULT,
        analysis=analysis,
        notes=[show_note(note) for note in (*notes, *analysis.notes)],
        topic=analysis.topic if sure else f"perhaps {analysis.topic}",
        tone=draw_tone(analysis.tone, limit=6),
        summary_source=SUMMARY_SOURCES[analysis.summary_source],
        text=draw_highlights(analysis.text, analysis.cues),
        sentences=analysis.key_sentences[:5],
        arc=draw_arc([point.emotions for point in analysis.arc], analysis.tone),
        topics=draw_topics(analysis.topic_scores),
        emotions=draw_emotions(analysis.emotions, library.emotion_mean, library.emotion_std, what="text"),
        similar=draw_cards(hits, lambda work_id: View().link(work=work_id), reasons=True) if hits else "",
    )


def read_upload(path: str) -> str:
    """The text of an uploaded file; the file is deleted at once, because we promise to store nothing.

    Raises:
        InputError: the file is of a kind that cannot be read, or is damaged.
    """
    from leximind.text.documents import read_document

    file = Path(path)
    try:
        return read_document(file)
    finally:
        file.unlink(missing_ok=True)


def build_live(service: Service, script: str) -> gr.HTML:
    """The tab's components and events; returns the findings, whose links fire ``select`` with an address."""
    gr.HTML(fill(_INTRO), apply_default_css=False)
    text = gr.Textbox(
        label="Your text",
        lines=9,
        max_lines=18,
        placeholder="Paste a chapter, an abstract, a letter…",
        elem_id="lm-text",
    )
    with gr.Row(elem_classes="lm-live-actions"):
        analyze = gr.Button("Analyze", variant="primary", elem_id="lm-analyze", scale=0)
        upload = gr.UploadButton(
            "Open a file (TXT, PDF, EPUB, HTML)",
            file_types=[".txt", ".md", ".pdf", ".epub", ".html", ".htm"],
            elem_id="lm-upload",
            scale=0,
        )
    with gr.Row(elem_classes="lm-examples"):
        examples = [gr.Button(name, elem_classes="lm-example", size="sm", scale=0) for name in EXAMPLES]
    findings = gr.HTML(
        fill(_EMPTY), elem_id="lm-findings", js_on_load=script, apply_default_css=False, min_height=160
    )

    def open_file(path: str) -> tuple[Any, Markup]:
        try:
            clipped, cut = clip_text(read_upload(path))
        except LexiMindError as error:
            return gr.skip(), show_problem(error)
        except Exception as error:  # the edge, as in ``answer``
            _LOG.exception("an uploaded file could not be read")
            return gr.skip(), show_problem(error)
        return clipped, show_note(cut) if cut else fill(_EMPTY)

    def run(given: str) -> Markup:
        return answer(service, given)

    shared: dict[str, Any] = {"api_visibility": "private", "show_progress": "minimal"}
    gr.on(
        [analyze.click, text.submit],
        run,
        text,
        findings,
        concurrency_id=MODEL_QUEUE,
        scroll_to_output=True,
        **shared,
    )
    upload.upload(open_file, upload, [text, findings], **shared)
    for button, example in zip(examples, EXAMPLES.values(), strict=True):
        button.click(lambda example=example: example, None, text, queue=False, **shared)
    return findings
