"""Figures of what the model's tensors hold, for the docs: ``python builders/visualize.py --help``."""

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

from matplotlib.figure import Figure

from builders.drawing import FORMATS, save
from builders.model_figures import attention_figure, bias_figure, map_figure, summary_figure, words_figure
from leximind.errors import LexiMindError, ModelError
from leximind.inference.analyzer import LexiMind
from leximind.library.store import Library
from leximind.settings import DISCOVERY_DIR, MODEL_DIR, ROOT

FIGURES_DIR: Final = ROOT / "docs" / "figures"
TEXT: Final = "Ahab lost a leg to the white whale, and he hunts it across every ocean until it kills him."
SENTENCE: Final = "I was so happy to see my brother again, but the thought of the funeral made me cry."
SOURCE: Final = (
    "Attention weights are often read as explanations of what a network does. In this paper we show that "
    "very different weights give the same answers on four text classification tasks. We therefore argue "
    "that attention weights should not be read as explanations."
)
NAMES: Final = ("attention", "summary", "position-bias", "words", "map")


def draw(names: Sequence[str], model: LexiMind, given: argparse.Namespace) -> dict[str, Figure]:
    """The figures of these names; of those that the model has tensors for, when none is named.

    Raises:
        ModelError: the model has nothing for a figure that was named.
        InputError: a text, layer or head cannot be drawn.
    """
    makers: dict[str, Callable[[], Figure]] = {
        "attention": lambda: attention_figure(model, given.text, given.layers, given.heads),
        "summary": lambda: summary_figure(model, given.source, given.decoder_layers, given.summary),
        "position-bias": lambda: bias_figure(model),
        "words": lambda: words_figure(model, given.sentence),
        "map": lambda: map_figure(model, Library.from_folder(given.dataset), given.projection),
    }
    figures: dict[str, Figure] = {}
    for name in names or makers:
        try:
            figures[name] = makers[name]()
        except ModelError as error:
            if names:
                raise
            print(f"{name} is left out: {error}")
    return figures


def main(arguments: Sequence[str] | None = None) -> int:
    """Draw from the command line; returns the exit status."""
    given = _parse(arguments)
    try:
        figures = draw(given.figures, LexiMind.from_pretrained(given.model), given)
        for name, figure in figures.items():
            for path in save(figure, given.output, name, given.formats):
                print(path)
    except LexiMindError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"error: {error}. Check the path and the space on the disk.", file=sys.stderr)
        return 1
    return 0


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Draw what the model's tensors hold.")
    parser.add_argument("figures", nargs="*", metavar="FIGURE", help=f"{', '.join(NAMES)}; all of them")
    parser.add_argument("--model", type=Path, default=MODEL_DIR, help="folder of the model")
    parser.add_argument("--dataset", type=Path, default=DISCOVERY_DIR, help="folder of the discovery dataset")
    parser.add_argument("--output", type=Path, default=FIGURES_DIR, help="folder for the figures")
    parser.add_argument("--formats", nargs="+", choices=FORMATS, default=FORMATS, help="both")
    parser.add_argument("--text", default=TEXT, help="for the encoder's attention")
    number: dict[str, Any] = {"type": int, "nargs": "+", "default": (), "metavar": "N"}
    parser.add_argument("--layers", **number, help="of the encoder, from 1; first, middle and last")
    parser.add_argument("--heads", **number, help="of the encoder, from 1; those that look most at words")
    parser.add_argument("--source", default=SOURCE, help="what is summarised")
    parser.add_argument("--summary", default="", help="a summary of it; the model's own")
    parser.add_argument("--decoder-layers", **number, help="from 1; the one that looks most at words")
    parser.add_argument("--sentence", default=SENTENCE, help="for the words that the emotion head reads")
    parser.add_argument("--projection", choices=("tsne", "pca"), default="tsne", help="of the map; tsne")
    given = parser.parse_args(arguments)
    if unknown := sorted(set(given.figures) - set(NAMES)):
        parser.error(f"there is no figure {unknown[0]!r}; there are {', '.join(NAMES)}")
    return given


if __name__ == "__main__":
    sys.exit(main())
