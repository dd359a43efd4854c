"""Draw the picture that other sites show of the Space: ``python -m builders.thumbnail``.

Writes ``assets/thumbnail.svg`` and, with Chromium, ``assets/thumbnail.png`` of 1200 x 630 pixels, the size
that the Hub and social sites ask for. Needs the packages of ``requirements-dev.txt``.
"""

import io
import re
from pathlib import Path
from typing import Final

from markupsafe import Markup
from PIL import Image

from leximind.library.store import Library, load_library
from leximind.settings import ASSETS
from leximind.ui.app import TAGLINE
from leximind.ui.covers import draw_cover
from leximind.ui.markup import fill, template

SIZE: Final = (1200, 630)
CHROMIUM: Final = Path("/usr/bin/chromium")
# One work of each topic, of shapes and styles that differ.
SHOWN: Final = (
    "andersens-fairy-tales",
    "crime-and-punishment",
    "goethes-theory-of-colours",
    "attention-is-all-you-need",
    "what-is-art",
    "the-war-of-the-worlds",
    "lombard-street",
)

_PICTURE = template(
    """
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {{ w }} {{ h }}" width="{{ w }}" height="{{ h }}">
<style>{{ style }}
.lm-shadow { filter: drop-shadow(0 4px 5px rgb(0 0 0 / .35)); }
.lm-name { font: 700 104px var(--lm-serif); letter-spacing: -.015em; fill: var(--lm-ink); }
.lm-line { font: italic 37px var(--lm-serif); fill: var(--lm-quiet); }
</style>
<path d="M0 0h{{ w }}v{{ h }}H0z" fill="#faf9f6"/>
<svg x="64" y="58" width="124" height="124" viewBox="0 0 40 40">{{ logo }}</svg>
<text class="lm-name" x="208" y="157">LexiMind</text>
<text class="lm-line" x="74" y="258">{{ tagline }}</text>
<path d="M0 582h{{ w }}v48H0z" fill="#1f3f77"/>
{% for x, cover in covers %}
<g class="lm-shadow" transform="translate({{ x }} 357) scale(1.25)">
<svg width="120" height="180">{{ cover }}</svg></g>
{% endfor %}
</svg>
"""
)


def draw_picture(library: Library) -> str:
    """The picture as an SVG that stands alone.

    Raises:
        NotFoundError: one of the works shown is not in the library.
    """
    css = (ASSETS / "style.css").read_text(encoding="utf-8")
    tokens = re.search(r":root \{.*?\n\}", css, re.DOTALL)
    covers = re.search(r"\.lm-topic-arts.*?\n\n", css, re.DOTALL)
    rules = re.search(r"/\* Covers .*?\n\n", css, re.DOTALL)
    if not (tokens and covers and rules):
        raise RuntimeError("style.css has no tokens, topics or covers where they were expected.")
    logo = (ASSETS / "logo.svg").read_text(encoding="utf-8")
    step = (SIZE[0] - 2 * 74 - 150) / (len(SHOWN) - 1)
    works = [library.works[library.row(name)] for name in SHOWN]
    return fill(
        _PICTURE,
        w=SIZE[0],
        h=SIZE[1],
        style=Markup(tokens[0] + covers[0] + rules[0]),  # our own files
        logo=Markup(logo),
        tagline=TAGLINE,
        covers=[(round(74 + number * step), draw_cover(work)) for number, work in enumerate(works)],
    )


def paint(svg: str) -> bytes:
    """The SVG as a PNG of at most 256 colours."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": SIZE[0], "height": SIZE[1]})
        page.set_content(f"<style>body {{ margin: 0 }}</style>{svg}")
        shot = page.screenshot()
        browser.close()
    picture, out = Image.open(io.BytesIO(shot)).convert("RGB").quantize(256), io.BytesIO()
    picture.save(out, "PNG", optimize=True)
    return out.getvalue()


def main() -> None:
    library, _ = load_library("")
    svg = draw_picture(library)
    (ASSETS / "thumbnail.svg").write_text(svg + "\n", encoding="utf-8")
    (ASSETS / "thumbnail.png").write_bytes(paint(svg))


if __name__ == "__main__":
    main()
