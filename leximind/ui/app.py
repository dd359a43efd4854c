"""The page: a masthead and five tabs, put together and served."""

import html
import sys
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qsl

import gradio as gr
from markupsafe import Markup
from starlette.middleware import Middleware

from leximind import api
from leximind.errors import InputError
from leximind.service import Service
from leximind.settings import ASSETS, Settings
from leximind.ui.address import TABS, read_view
from leximind.ui.discover import build_discover, show_discover
from leximind.ui.gate import Gate
from leximind.ui.insights import build_insights
from leximind.ui.live import build_live
from leximind.ui.map import build_map, show_map
from leximind.ui.markup import fill, template
from leximind.ui.shelf import build_shelf, show_shelf
from leximind.ui.stage import NOTHING_ASKED, Asked

SWITCH = 0.0005  # seconds
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
    '<meta property="og:type" content="website"><meta property="og:title" content="LexiMind">'
    f'<meta property="og:description" content="{html.escape(TAGLINE)}">'
    '<meta name="theme-color" content="#faf9f6" media="(prefers-color-scheme: light)">'
    '<meta name="theme-color" content="#15171b" media="(prefers-color-scheme: dark)">'
)


SCRIPTS = (
    "controls.js",
    "insights.js",
    "live.js",
    "map-points.js",
    "map-labels.js",
    "map-paint.js",
    "map-steer.js",
    "map-words.js",
    "map.js",
    "shelf.js",
    "work.js",
)
"""Scripts that run once on the page; ``app.js`` runs in each of our components."""


FOLLOWING = ("discover", "map", "shelf")
"""The pages that follow the address."""


def build(service: Service) -> gr.Blocks:
    """The page over a service; nothing is loaded and nothing listens yet."""
    script = read_asset("app.js")
    logo = Markup(read_asset("logo.svg"))  # our own file
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
            with gr.Tab("Map", id="map") as world:
                seeking, chart = build_map(service, script)
            with gr.Tab("Live", id="live") as live:
                findings = build_live(service, script)
            with gr.Tab("Shelf", id="shelf") as shelf:
                saved = build_shelf(service, script)
            with gr.Tab("Insights", id="insights") as insights:
                facts = build_insights(service, script, insights)
        api.register(service)

        def open_address(event: gr.EventData) -> tuple[Any, ...]:
            return answer(service, *read_question(event))

        def stay_on_list(event: gr.EventData) -> Any:
            return answer(service, *read_question(event), only="discover")[0]

        def stay_on_map(event: gr.EventData) -> Any:
            return answer(service, *read_question(event), only="map")[1]

        def open_first(request: gr.Request) -> tuple[Any, ...]:
            params = dict(request.query_params)
            return answer(service, params, NOTHING_ASKED) if params else (gr.skip(),) * 4

        private: dict[str, Any] = {
            "queue": False,
            "show_progress": "hidden",
            "api_visibility": "private",
            "trigger_mode": "multiple",
        }
        pages = [stage, chart, saved, tabs]
        sources = (masthead, search, stage, seeking, chart, findings, saved, facts)
        gr.on([source.select for source in sources], open_address, None, pages, **private)
        # As assets/app.js has it.
        gr.on([source.submit for source in sources], stay_on_list, None, stage, **private)
        gr.on([source.apply for source in sources], stay_on_map, None, chart, **private)
        page.load(open_first, None, pages, **private)
        for name, tab in zip(TABS, (discover, world, live, shelf, insights), strict=True):
            tab.select(None, js=f"() => window.lexiMind?.enter({name!r})", **private)
    return page


def answer(
    service: Service, params: dict[str, str], asked: Asked, only: str = ""
) -> tuple[Any, ...]:  # fmt: skip
    """What an address asks for: the values of Discover, Map and Shelf, of which at most one changes, and
    the tab to open.

    Args:
        only: leave the pages as they are unless it is this one that is asked for.
    """
    view, notes = read_view({name: value for name, value in params.items() if name != "surprise"})
    if "surprise" in params:
        view = replace(view, work=service.surprise(asked.seen).id, tab="discover")
    told = [service.note, *notes]
    pages: list[Any] = [gr.skip()] * len(FOLLOWING)
    if view.tab in FOLLOWING and only in ("", view.tab):
        show = {"discover": show_discover, "map": show_map, "shelf": show_shelf}[view.tab]
        pages[FOLLOWING.index(view.tab)] = show(service, view, asked, told)
    return (*pages, gr.update(selected=view.tab))


def read_asset(name: str) -> str:
    """One of our own text files."""
    return (ASSETS / name).read_text(encoding="utf-8")


def read_question(event: gr.EventData) -> tuple[dict[str, str], Asked]:
    """The address that the browser asks for, and what it tells besides; whatever it sent."""
    told = event._data if isinstance(event._data, dict) else {}
    return read_search(str(told.get("search", ""))), Asked.read(told)


def read_search(search: str) -> dict[str, str]:
    """The parameters of an address such as ``?q=sea&topic=History``; of repeated ones the last counts."""
    return dict(parse_qsl(search.removeprefix("?")))


def launch(settings: Settings, *, block: bool = True) -> gr.Blocks:
    """Serve the page; the model is loaded in the background once visitors can already browse.

    With ``block=False`` the call returns as soon as the server is up; ``close()`` the result to stop it.
    """
    # Each time it has something to do, the server's loop waits this long for a thread that draws a page.
    sys.setswitchinterval(SWITCH)
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
        css_paths=[ASSETS / "style.css", *sorted((ASSETS / "pages").glob("*.css"))],
        head=_HEAD + "".join(f"<script>{read_asset(name)}</script>" for name in SCRIPTS),
        favicon_path=ASSETS / "favicon.svg",
        footer_links=[],
        run_history=False,
        enable_monitoring=False,
        ssr_mode=False,
        share=False,
        pwa=False,
        max_file_size="5mb",
        show_error=False,
        mcp_server=api.offer_tools(settings.mcp),
        app_kwargs={"middleware": [Middleware(Gate, endpoints=api.ENDPOINTS)]},
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
