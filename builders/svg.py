"""A matplotlib figure as a small SVG that follows the page's colours and font, in light and in dark."""

import io
import re
from dataclasses import dataclass
from html import escape
from typing import Any, Final

import matplotlib as mpl
from matplotlib.figure import Figure as Canvas

# The page's names of colours (assets/style.css). A file on its own falls back to the values here, or to the
# second ones where the reader's system is dark.
COLOURS: Final = {
    "ink": ("#1a1c20", "#eceae4"),
    "quiet": ("#5a5e66", "#a8abb2"),
    "rule": ("#dcd9d1", "#34383f"),
    "series-0": ("#96282f", "#ee9a94"),
    "series-1": ("#1f5fa8", "#86b6f2"),
    "series-2": ("#7d5410", "#dcae66"),
    "line": ("#8b8c8f", "#757982"),
}
INK, QUIET, RULE, RED, BLUE, BROWN, GREY = (light for light, _ in COLOURS.values())

STYLE: Final[dict[Any, Any]] = {
    "svg.fonttype": "none",
    "font.size": 10,
    "text.color": INK,
    "axes.edgecolor": QUIET,
    "axes.labelcolor": INK,
    "axes.titlecolor": INK,
    "axes.titlesize": 11,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "xtick.color": QUIET,
    "ytick.color": QUIET,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "legend.frameon": False,
    "grid.color": RULE,
    "path.simplify": True,
}


@dataclass(frozen=True)
class Chart:
    """A figure: its file name without suffix, what it shows, what can be read off it, and the SVG."""

    name: str
    title: str
    description: str
    svg: str


def finish(canvas: Canvas, name: str, title: str, description: str) -> Chart:
    """The figure as a chart; drawn twice, it is the same to the byte."""
    with io.StringIO() as file, mpl.rc_context({"svg.hashsalt": name}):
        canvas.savefig(file, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
        svg = file.getvalue()
    return Chart(name, title, description, _follow_page(svg, name, title, description))


def _follow_page(svg: str, name: str, title: str, description: str) -> str:
    """The SVG without what a page does not need, with its colours and font, and with words for listeners."""
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>|<!--.*?-->", "", svg, flags=re.DOTALL)
    svg = re.sub(r"(\d+\.\d\d)\d+", r"\1", svg)
    # Several figures stand on one page: ids must differ.
    svg = re.sub(r'\bid="', f'id="{name}-', svg)
    svg = re.sub(r'(href="|url\()#', rf"\1#{name}-", svg)
    svg = re.sub(r"(font(?:-family)?:[^;\"]*?)'DejaVu Sans'[^;\"]*", r"\1var(--lm-sans, sans-serif)", svg)
    for colour, (light, _) in COLOURS.items():
        svg = svg.replace(light, f"var(--lm-{colour}, {light})")
    dark = "".join(f"--lm-{colour}:{value};" for colour, (_, value) in COLOURS.items())
    style = f"<style>@media (prefers-color-scheme: dark) {{ svg {{ {dark} }} }}</style>"
    head, rest = svg.split(">", maxsplit=1)
    words = f' role="img" aria-label="{escape(description)}"'
    svg = f"{head}{words}>\n<title>{escape(title)}</title>{style}{rest}"
    return re.sub(r"\n\s*\n+", "\n", re.sub(r"[ \t]+\n", "\n", svg)).strip() + "\n"
