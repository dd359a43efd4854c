"""The page: a masthead and three tabs, put together and served."""

import html
from typing import Any
from urllib.parse import parse_qsl

import gradio as gr
from markupsafe import Markup

from leximind import api
from leximind.errors import InputError
from leximind.service import Service
from leximind.settings import ASSETS, Settings
from leximind.ui.about import build_about
from leximind.ui.address import TABS, read_view
from leximind.ui.discover import build_discover, show
from leximind.ui.live import build_live
from leximind.ui.markup import fill, template

TAGLINE = "Find your next book or paper by topic, by feeling and by meaning."

_MASTHEAD = template(
    """
<header class="lm-masthead">
<h1><a class="lm-brand" href="?">{{ logo }}<span class="lm-name">LexiMind</span></a></h1>
<p class="lm-tagline">{{ tagline }}</p>
</header>
"""
)
_HEAD = (
    f'<meta name="description" content="{html.escape(TAGLINE)}">'
    '<meta name="theme-color" content="#faf9f6" media="(prefers-color-scheme: light)">'
    '<meta name="theme-color" content="#15171b" media="(prefers-color-scheme: dark)">'
)


def build(service: Service) -> gr.Blocks:
    """The page over a service; nothing is loaded and nothing listens yet."""
    script = (ASSETS / "app.js").read_text(encoding="utf-8")
    logo = Markup((ASSETS / "logo.svg").read_text(encoding="utf-8"))  # our own file
    page = gr.Blocks(title="LexiMind", analytics_enabled=False, fill_width=True, delete_cache=(3600, 3600))
    with page:
        masthead = gr.HTML(
            fill(_MASTHEAD, logo=logo, tagline=TAGLINE),
            elem_id="lm-masthead",
            js_on_load=script,
            apply_default_css=False,
        )
        with gr.Tabs(elem_id="lm-tabs", selected="discover") as tabs:
            with gr.Tab("Discover", id="discover") as discover:
                search, stage = build_discover(service, script)
            with gr.Tab("Live", id="live") as live:
                findings = build_live(service, script)
            with gr.Tab("About", id="about") as about:
                facts = build_about(service, script)

        def answer(params: dict[str, str], turn: int = 0) -> tuple[Markup, dict[str, Any]]:
            return show(service, params, turn), gr.update(selected=read_view(params)[0].tab)

        def open_address(event: gr.EventData) -> tuple[Markup, dict[str, Any]]:
            asked = event._data if isinstance(event._data, dict) else {}
            turn = asked.get("turn")
            return answer(read_search(str(asked.get("search", ""))), turn if isinstance(turn, int) else 0)

        def open_first(request: gr.Request) -> tuple[Any, Any]:
            params = dict(request.query_params)
            if not params:
                return gr.skip(), gr.skip()
            return answer(params)

        private: dict[str, Any] = {
            "queue": False,
            "show_progress": "hidden",
            "api_visibility": "private",
            "trigger_mode": "multiple",
        }
        sources = (masthead, search, stage, findings, facts)
        gr.on([source.select for source in sources], open_address, None, [stage, tabs], **private)
        page.load(open_first, None, [stage, tabs], **private)
        for name, tab in zip(TABS, (discover, live, about), strict=True):
            tab.select(None, js=f"() => window.lexiMind?.enter({name!r})", **private)
        api.register(service)
    return page


def read_search(search: str) -> dict[str, str]:
    """The parameters of an address such as ``?q=sea&topic=History``; of repeated ones the last counts."""
    return dict(parse_qsl(search.removeprefix("?")))


def launch(settings: Settings, *, block: bool = True) -> gr.Blocks:
    """Serve the page; the model is loaded in the background once visitors can already browse.

    With ``block=False`` the call returns as soon as the server is up; ``close()`` the result to stop it.
    """
    service = Service.from_settings(settings)
    page = build(service)
    serve(page, settings)
    service.warm_up()
    if block:
        page.block_thread()
    return page


def serve(page: gr.Blocks, settings: Settings) -> str:
    """Start the server in a thread and return its address. No file of this machine is offered to visitors.

    Raises:
        InputError: the host or port cannot be listened on.
    """
    try:
        return _launch(page, settings)
    except OSError as error:
        raise InputError(
            f"Nothing can listen on {settings.host}, port {settings.port}: {error}",
            hint="Set GRADIO_SERVER_NAME and GRADIO_SERVER_PORT to a free address.",
        ) from error


def _launch(page: gr.Blocks, settings: Settings) -> str:
    _, address, _ = page.launch(
        server_name=settings.host,
        server_port=settings.port,
        prevent_thread_lock=True,
        theme=make_theme(),
        css_paths=ASSETS / "style.css",
        head=_HEAD,
        favicon_path=ASSETS / "favicon.svg",
        footer_links=[],
        run_history=False,
        enable_monitoring=False,
        ssr_mode=False,
        share=False,
        pwa=False,
        max_file_size="5mb",
        show_error=False,
        quiet=False,
    )
    return address


def make_theme() -> gr.themes.Base:
    """Gradio's own widgets in the page's colours, which ``style.css`` defines for light and dark."""
    system = [
        gr.themes.Font(name) for name in ("system-ui", "Segoe UI", "Roboto", "Helvetica Neue", "sans-serif")
    ]
    mono = [gr.themes.Font(name) for name in ("ui-monospace", "Menlo", "Consolas", "monospace")]
    both = {
        "body_text_color": "var(--lm-ink)",
        "body_text_color_subdued": "var(--lm-quiet)",
        "background_fill_primary": "var(--lm-paper)",
        "background_fill_secondary": "var(--lm-sheet)",
        "block_background_fill": "var(--lm-sheet)",
        "block_border_color": "var(--lm-rule)",
        "block_label_text_color": "var(--lm-ink)",
        "block_title_text_color": "var(--lm-ink)",
        "border_color_primary": "var(--lm-rule)",
        "border_color_accent": "var(--lm-accent)",
        "input_background_fill": "var(--lm-sheet)",
        "input_border_color": "var(--lm-line)",
        "input_border_color_focus": "var(--lm-accent)",
        "input_placeholder_color": "var(--lm-quiet)",
        "button_primary_background_fill": "var(--lm-accent)",
        "button_primary_background_fill_hover": "var(--lm-accent-strong)",
        "button_primary_text_color": "var(--lm-on-accent)",
        "button_secondary_background_fill": "var(--lm-sheet)",
        "button_secondary_background_fill_hover": "var(--lm-tint)",
        "button_secondary_border_color": "var(--lm-line)",
        "button_secondary_text_color": "var(--lm-ink)",
    }
    dark = {f"{name}_dark": value for name, value in both.items()}
    theme = gr.themes.Base(font=system, font_mono=mono, radius_size=gr.themes.sizes.radius_sm)
    return theme.set(body_background_fill="#faf9f6", body_background_fill_dark="#15171b", **both, **dark)
