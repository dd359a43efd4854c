"""The colours and marks of the page: read from ``style.css``, held against what eyes need."""

import itertools
import re
import xml.etree.ElementTree as ET
from functools import cache
from pathlib import Path

import pytest
from coloraide import Color
from PIL import Image

from leximind.labels import EMOTION_FAMILIES, EMOTIONS, TOPICS
from leximind.library.moods import MOODS
from leximind.settings import ASSETS
from leximind.ui.motifs import FAMILY_MOTIFS, MOTIFS, draw_motif

TEXT, MARK = 4.5, 3.0  # WCAG 2.2, 1.4.3 and 1.4.11
DISTANCE = 11.0
"""CIEDE2000 between any two colours of a palette, to the eyes of any visitor; below 2 few see one."""

EYES = ("", "protan", "deutan", "tritan")
GROUNDS = ("paper", "sheet", "tint")
PALETTES = {
    "topics": tuple(topic.lower() for topic in TOPICS),
    "families": tuple(EMOTION_FAMILIES),
    "moods": tuple(f"mood-{name}" for name in MOODS),
}
SCHEMES = ("light", "dark")


@cache
def tokens(scheme: str) -> dict[str, Color]:
    """The colours of ``:root``, with those of ``.dark`` over them by night."""
    css = (ASSETS / "style.css").read_text(encoding="utf-8")
    blocks = [":root"] if scheme == "light" else [":root", r"\.dark"]
    found: dict[str, Color] = {}
    for block in blocks:
        body = re.search(rf"^{block} \{{(.*?)^\}}", css, re.MULTILINE | re.DOTALL)
        assert body, block
        pairs = re.findall(r"--lm-([\w-]+):\s*(#[0-9a-f]{6});", body[1])
        found |= {name: Color(value) for name, value in pairs}
    return found


def contrast(scheme: str, text: str, ground: str) -> float:
    return tokens(scheme)[text].contrast(tokens(scheme)[ground], method="wcag21")


@pytest.mark.parametrize("scheme", SCHEMES)
def test_words_can_be_read_on_every_ground(scheme: str) -> None:
    words = ("ink", "quiet", "accent", "accent-strong", *PALETTES["topics"], *PALETTES["families"])
    for word, ground in itertools.product(words, GROUNDS):
        assert contrast(scheme, word, ground) >= TEXT, (word, ground)
    for word, ground in (("on-accent", "accent"), ("on-accent", "accent-strong"), ("mark-ink", "mark")):
        assert contrast(scheme, word, ground) >= TEXT, (word, ground)
    # The number of the page that is shown and the tick in a box are of paper.
    for ground in ("ink", "accent", *PALETTES["topics"]):
        assert contrast(scheme, "paper", ground) >= TEXT, ground


@pytest.mark.parametrize("scheme", SCHEMES)
def test_marks_and_edges_can_be_seen(scheme: str) -> None:
    marks = ("line", "bar", "gold", *PALETTES["moods"], "series-0", "series-1", "series-2")
    for mark, ground in itertools.product(marks, ("paper", "sheet")):
        assert contrast(scheme, mark, ground) >= MARK, (mark, ground)


@pytest.mark.parametrize("eyes", EYES)
@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("palette", PALETTES)
def test_colours_of_a_palette_differ_to_all_eyes(palette: str, scheme: str, eyes: str) -> None:
    seen = {name: tokens(scheme)[name].clone() for name in PALETTES[palette]}
    if eyes:
        seen = {name: color.filter(eyes).convert("srgb").clip() for name, color in seen.items()}
    for (one, a), (other, b) in itertools.combinations(seen.items(), 2):
        assert a.delta_e(b, method="2000") >= DISTANCE, (one, other)


@pytest.mark.parametrize("topic", TOPICS)
@pytest.mark.parametrize("shade", [0.0, 0.14, 0.28])
def test_titles_can_be_read_on_every_cloth(topic: str, shade: float) -> None:
    """The shades are those of ``.lm-shade-1`` and ``.lm-shade-2``."""
    light = tokens("light")
    cloth = light[f"cloth-{topic.lower()}"].mix("#000", shade, space="oklab")
    assert light["cream"].contrast(cloth, method="wcag21") >= TEXT
    assert light[f"foil-{topic.lower()}"].contrast(cloth, method="wcag21") >= MARK
    band = cloth.mix("#000", 0.3, space="oklab")
    assert light["cream"].contrast(band, method="wcag21") >= TEXT


def test_shades_are_those_of_the_style() -> None:
    css = (ASSETS / "style.css").read_text(encoding="utf-8")
    assert re.findall(r"\.lm-shade-\d \{[^}]*#000 (\d+)%", css) == ["14", "28"]


def test_colour_is_never_alone() -> None:
    """Each family has a mark and shapes of its own, so that none is told by its colour."""
    css = (ASSETS / "style.css").read_text(encoding="utf-8")
    marks = [
        re.findall(rf"\.lm-{family}::before \{{ (.*?) \}}", css)
        for family in ("positive", "negative", "ambiguous", "neutral")
    ]
    assert all(len(mark) == 1 for mark in marks)
    assert len({mark[0] for mark in marks}) == len(marks)
    shapes = [set(names) for names in FAMILY_MOTIFS.values()]
    assert sum(map(len, shapes)) == len(set().union(*shapes))


def test_every_emotion_has_a_shape_of_its_family() -> None:
    assert set(MOTIFS) == set(EMOTIONS)
    for family, emotions in EMOTION_FAMILIES.items():
        assert {MOTIFS[emotion] for emotion in emotions} == set(FAMILY_MOTIFS[family])
    assert len({draw_motif(name, 80, 7) for name in MOTIFS.values()}) == len(set(MOTIFS.values()))


@pytest.mark.parametrize("name", ["logo.svg", "favicon.svg"])
def test_logos_are_small_drawings_without_scripts(name: str) -> None:
    path = ASSETS / name
    assert path.stat().st_size < 1000
    tags = {element.tag.rsplit("}", maxsplit=1)[-1] for element in ET.parse(path).iter()}
    assert tags <= {"svg", "path", "rect"}


def test_the_thumbnail_is_what_social_sites_take() -> None:
    path = ASSETS / "thumbnail.png"
    with Image.open(path) as picture:
        assert (picture.format, picture.size) == ("PNG", (1200, 630))
    assert path.stat().st_size < 100_000


def test_the_style_asks_for_nothing_from_elsewhere() -> None:
    for path in [ASSETS / "style.css", *Path(ASSETS / "pages").glob("*.css")]:
        css = path.read_text(encoding="utf-8")
        assert "@import" not in css, path
        assert re.findall(r"url\(\s*['\"]?(?!data:)[^)]*\)", css) == [], path
