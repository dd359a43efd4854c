"""The Live tab: paste, drop or open a text and see what the model finds in it, part by part.

A request is drawn in two steps. The first, outside any queue, gives every part its place at once; the second
waits for its turn on the model and fills the places as their parts become known.
"""

from typing import Any, Final

import gradio as gr
from gradio.context import Context

from leximind.api import MODEL_QUEUE
from leximind.service import Service
from leximind.ui.desk import Desk
from leximind.ui.examples import EXAMPLES
from leximind.ui.markup import fill, template
from leximind.ui.places import SLOTS, draw_line

MAX_UPLOAD: Final = 5 * 1024 * 1024  # as launch() tells Gradio
ENDINGS: Final = (".txt", ".md", ".html", ".htm", ".pdf", ".epub")
_TOLD: Final = "(text, ticket) => [text, ticket, window.lexiMind?.shelf?.ids() ?? []]"

_INTRO = template(
    """
<div class="lm-intro"><h2>Read a text of your own</h2>
<p>The same model that described the library reads what you give it, and looks for works that are close.</p>
<p class="lm-promise"><strong>Your text is not stored.</strong> It is read in memory; no file, log or cache
keeps it, and an opened file is deleted as soon as it is read.</p></div>
"""
)
_LIMITS = template(
    """
<div class="lm-live-limits" data-endings="{{ endings|join(' ') }}" data-bytes="{{ max_upload }}">
<p class="lm-quiet">Or drop a file on the box: TXT, Markdown, HTML, PDF or EPUB, up to 5 MB.
The first 1 MB of its text is read.</p>
<p class="lm-hidden" id="lm-live-told" role="status" aria-live="polite"></p>
<div id="lm-live-refused" role="alert"></div>
<template data-refused="size"><div class="lm-problem">
<p class="lm-problem-what">“<b></b>” is larger than 5 MB.</p>
<p>Open a part of it, or paste the text that matters.</p></div></template>
<template data-refused="kind"><div class="lm-problem">
<p class="lm-problem-what">“<b></b>” cannot be read here.</p>
<p>Save it as TXT, Markdown, HTML, PDF or EPUB, or paste its text.</p></div></template>
<template data-refused="many"><div class="lm-problem">
<p class="lm-problem-what">One file at a time, please.</p>
<p>Drop the one that you want to have read.</p></div></template>
</div>
"""
)
_IDLE: Final = "Topic, feelings and the words behind them, key sentences and close works will appear here."


def build_live(service: Service, script: str) -> gr.HTML:
    """The tab's components and events; returns the close works, whose links fire ``select``."""
    with gr.Column(elem_id="lm-live"):
        gr.HTML(fill(_INTRO), apply_default_css=False)
        text = gr.Textbox(
            label="Your text",
            lines=9,
            max_lines=18,
            placeholder="Paste a chapter, an abstract, a letter… or drop a file here",
            elem_id="lm-text",
        )
        with gr.Row(elem_classes="lm-live-actions"):
            analyze = gr.Button("Analyze", variant="primary", elem_id="lm-analyze", scale=0)
            stop = gr.Button("Stop", elem_id="lm-stop", scale=0)
            upload = gr.UploadButton("Open a file", file_types=list(ENDINGS), elem_id="lm-upload", scale=0)
        gr.HTML(fill(_LIMITS, endings=ENDINGS, max_upload=MAX_UPLOAD), apply_default_css=False)
        with gr.Row(elem_classes="lm-examples"):
            examples = [gr.Button(name, elem_classes="lm-example", size="sm", scale=0) for name in EXAMPLES]
        slots = _lay_out(script)
    ticket = gr.State()
    saved = gr.JSON(visible=False)

    desk = Desk(service)
    line, places = slots["line"], [slots[name] for name in SLOTS]
    private: dict[str, Any] = {"api_visibility": "private"}
    # In the queue, because only answers from there tell the browser of a new ticket; but nobody waits for it.
    quick: dict[str, Any] = {"concurrency_limit": None, "show_progress": "hidden", **private}
    run = ticket.change(
        desk.run,
        [text, ticket, saved],
        places,
        js=_TOLD,
        trigger_mode="multiple",
        show_progress="minimal",
        show_progress_on=line,
        **MODEL_QUEUE,
        **private,
    )
    asked = [analyze.click, text.submit]
    # Registered first, because the browser goes through the listeners of a click one after the other.
    starts = [*asked, upload.upload, *(button.click for button in examples)]
    gr.on([*starts, stop.click], None, cancels=[run], **private)
    gr.on(asked, desk.begin, text, [*places, ticket], **quick)
    upload.upload(
        desk.open, upload, [text, *places, ticket], concurrency_limit=2, show_progress="hidden", **private
    )
    for button, example in zip(examples, EXAMPLES.values(), strict=True):

        def show(request: gr.Request, example: str = example) -> list[Any]:
            return [example, *desk.begin(example, request)]

        button.click(show, None, [text, *places, ticket], **quick)
    stop.click(desk.halt, None, line, queue=False, show_progress="hidden", **private)
    if Context.root_block is not None:
        Context.root_block.unload(desk.leave)
    return slots["similar"]


def _lay_out(script: str) -> dict[str, gr.HTML]:
    """The places of the answers, each a component of its own: filling one leaves the others alone."""
    plain: dict[str, Any] = {"apply_default_css": False}
    slots = {"line": gr.HTML(draw_line("idle", _IDLE), elem_id="lm-line", **plain)}
    with gr.Column(elem_id="lm-findings"):
        slots["head"] = gr.HTML(**plain)
        with gr.Row(elem_classes="lm-live-body"):
            with gr.Column(elem_classes="lm-live-main"):
                slots |= {name: gr.HTML(**plain) for name in ("words", "arc", "sentences")}
            with gr.Column(elem_classes="lm-live-side"):
                slots |= {name: gr.HTML(**plain) for name in ("topics", "feelings")}
        slots["reports"] = gr.HTML(**plain)
        slots["similar"] = gr.HTML(js_on_load=script, elem_id="lm-close", **plain)
    return slots
