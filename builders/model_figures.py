"""What the model's tensors hold, as figures: each function reads a model and returns the figure."""

import re
from collections.abc import Sequence
from typing import Final

import numpy as np
import torch
from matplotlib.figure import Figure
from numpy.typing import NDArray

from builders.drawing import Matrix, Panel, draw_bias, draw_heat_maps, draw_map, draw_word_weights
from builders.layout import flatten
from leximind.errors import InputError
from leximind.evaluation.attention_maps import (
    copy_attention,
    cross_attention,
    encoder_attention,
    pooling_weights,
    position_bias,
)
from leximind.inference.analyzer import LexiMind
from leximind.inference.generate import GenerationConfig, Seq2SeqStepper, generate
from leximind.labels import EMOTIONS
from leximind.library.store import Library
from leximind.text.tokenizer import Tokenizer
from leximind.text.words import WORD

MAX_TOKENS: Final = 80  # more cannot be read on a page
MAX_LABELLED: Final = 9  # more panels are thumbnails without labels
N_HEADS: Final = 3
MAX_WORKS: Final = 1000
BIAS_SPAN: Final = 64
LABELS_PER_TOPIC: Final = 5


def attention_figure(
    model: LexiMind, text: str, layers: Sequence[int] = (), heads: Sequence[int] = ()
) -> Figure:
    """Encoder self-attention. Layers and heads count from 1; none means a choice of both.

    Chosen are the first, middle and last layer, and of each the heads that look most at words: many
    others rest on the markers around the text (Clark et al., 2019).

    Raises:
        InputError: there is no such layer or head, or the text is empty or too long for a figure.
    """
    ids, labels = _tokens(model, text)
    weights = encoder_attention(model.model.backbone, torch.tensor([ids]))[0].numpy()
    n_layers, n_heads = weights.shape[:2]
    chosen = _pick(layers, n_layers, "layer") or sorted({0, n_layers // 2, n_layers - 1})
    wanted = _pick(heads, n_heads, "head")
    first, last = _edges(model.tokenizer)
    words = slice(first, len(ids) - last)
    panels = []
    is_labelled = len(chosen) * (len(wanted) or N_HEADS) <= MAX_LABELLED
    name = "layer {}, head {}" if is_labelled else "{}.{}"
    for layer in chosen:
        on_words = weights[layer][:, words, words].sum(-1).mean(-1)
        best = sorted(np.argsort(-on_words, kind="stable")[:N_HEADS].tolist())
        panels += [
            Panel(name.format(layer + 1, i + 1), weights[layer, i], labels, labels, (first, last))
            for i in wanted or best
        ]
    numbered = "" if is_labelled else ", in each layer.head"
    title = f"Encoder attention: each row is a token, and where it looks{numbered}"
    return draw_heat_maps(panels, n_columns=len(panels) // len(chosen), title=title, is_labelled=is_labelled)


def summary_figure(model: LexiMind, source: str, layers: Sequence[int] = (), summary: str = "") -> Figure:
    """Where a summary of `source` comes from: the cross-attention of layers, and the copy head.

    Args:
        layers: of the decoder, from 1; none is the one that looks most at words.
        summary: any text; empty is what the model itself writes.

    Raises:
        InputError: there is no such layer, or a text is empty or too long for a figure.
    """
    backbone, tokenizer = model.model.backbone, model.tokenizer
    ids, columns = _tokens(model, source)
    token_ids = torch.tensor([ids])
    written = _tokens(model, summary)[0][len(tokenizer.prefix) :] if summary else _write(model, token_ids)
    decoder_ids = torch.tensor([[model.profile.summary_start, *written[:-1]]])
    rows = _labels(tokenizer, written)  # row t is where the model looks when it writes token t
    weights = cross_attention(backbone, token_ids, decoder_ids)[0].mean(1).numpy()
    edges = _edges(tokenizer)
    on_words = weights[:, :, edges[0] : len(ids) - edges[1]].sum(-1).mean(-1)
    panels = [
        Panel(
            f"cross-attention of decoder layer {i + 1}, mean of its heads", weights[i], rows, columns, edges
        )
        for i in _pick(layers, len(weights), "decoder layer") or [int(on_words.argmax())]
    ]
    if backbone.config.copy_head:
        pointer, share = (part[0].numpy() for part in copy_attention(backbone, token_ids, decoder_ids))
        title = (
            f"copy head: where it would copy from (it copies with a mean probability of {share.mean():.0%})"
        )
        panels.append(Panel(title, pointer, rows, columns, edges))
    return draw_heat_maps(
        panels, n_columns=1, title="Writing a summary: each row is a token of it, and where it comes from"
    )


def bias_figure(model: LexiMind) -> Figure:
    """The relative position bias of both stacks. Raises ModelError for a model that has none."""
    backbone = model.model.backbone
    biases = {
        name: position_bias(stack, BIAS_SPAN).numpy()
        for name, stack in (("encoder", backbone.encoder), ("decoder", backbone.decoder))
    }
    return draw_bias(biases, title="Relative position bias: how far each head looks by itself")


def words_figure(model: LexiMind, sentence: str) -> Figure:
    """How much each word counts in what the emotion head reads of a sentence."""
    ids, _ = _tokens(model, sentence)
    weights = pooling_weights(model.model, torch.tensor([ids]))[0].numpy()
    words, shares = word_weights(model.tokenizer, sentence, weights)
    felt = model.emotion_probabilities([sentence])[0]
    top = ", ".join(f"{EMOTIONS[i]} {felt[i]:.0%}" for i in np.argsort(-felt, kind="stable")[:3])
    rest = 1 - sum(shares)
    return draw_word_weights(
        words, shares, title="Which words the emotion head reads",
        note=f"Weights of its attention pooling; markers and punctuation take the other {rest:.0%}. "
        f"It finds {top}.",
    )  # fmt: skip


def word_weights(
    tokenizer: Tokenizer, text: str, weights: NDArray[np.float32]
) -> tuple[list[str], list[float]]:
    """Words of a text, and the sum of the weights (T,) of each one's tokens."""
    offsets = tokenizer.pieces([text])[0].offsets
    first, last = _edges(tokenizer)
    tokens = list(zip(offsets, weights[first : len(weights) - last].tolist(), strict=True))
    words = list(WORD.finditer(text))
    shares = [
        sum(weight for (start, end), weight in tokens if start < word.end() and end > word.start())
        for word in words
    ]
    return [word[0] for word in words], shares


def map_figure(model: LexiMind, library: Library, projection: str = "tsne") -> Figure:
    """The works of a discovery dataset, embedded by this model, in two dimensions and coloured by topic."""
    rows = np.unique(np.linspace(0, len(library) - 1, min(len(library), MAX_WORKS)).round().astype(int))
    works = [library.works[row] for row in rows]
    embeddings = model.embed([f"{work.title}. {work.description}" for work in works])
    points = project(embeddings, projection)
    topics = [work.topic for work in works]
    names = {row: _shorten(works[row].title) for row in _typical(embeddings, topics)}
    of = f" of {len(library):,}" if len(works) < len(library) else ""
    how = {"pca": "first two principal components", "tsne": "t-SNE"}[projection]
    title = f"{len(works):,}{of} works by what they are about ({how} of their embeddings)"
    return draw_map(points, topics, [work.kind for work in works], names, title=title)


def project(embeddings: NDArray[np.float32], projection: str) -> Matrix:
    """Unit vectors (N, E) to the plane (N, 2): the first two principal components, or t-SNE from there.

    Raises:
        InputError: fewer than 5 works.
    """
    if len(embeddings) < 5:
        raise InputError(f"The dataset has {len(embeddings)} works, but a map needs 5 or more.")
    if projection == "pca":
        return flatten(embeddings).astype(np.float32)
    from sklearn.manifold import TSNE

    perplexity = min(20.0, (len(embeddings) - 1) / 3)
    method = TSNE(perplexity=perplexity, init="pca", metric="cosine", random_state=0)
    return np.asarray(method.fit_transform(embeddings), dtype=np.float32)


def _typical(embeddings: NDArray[np.float32], topics: Sequence[str]) -> list[int]:
    """Some rows of each topic, those nearest to its mean first."""
    rows = []
    for topic in sorted(set(topics)):
        own = np.flatnonzero(np.array(topics) == topic)
        closeness = embeddings[own] @ embeddings[own].mean(axis=0)
        rows.append(own[np.argsort(-closeness, kind="stable")][:LABELS_PER_TOPIC].tolist())
    return [group[i] for i in range(LABELS_PER_TOPIC) for group in rows if i < len(group)]


def _shorten(title: str, limit: int = 36) -> str:
    """A title without its subtitle, cut between words."""
    short = re.split("[;:]", title, maxsplit=1)[0]
    return short if len(short) <= limit else short[:limit].rsplit(" ", 1)[0] + " …"


@torch.inference_mode()
def _write(model: LexiMind, token_ids: torch.Tensor) -> list[int]:
    """The decoder's own sentence, its end token included."""
    backbone = model.model.backbone
    config = GenerationConfig(
        max_length=40, min_length=8, n_beams=4, no_repeat_ngram=3, forbidden=model.forbidden
    )
    start = torch.tensor([[model.profile.summary_start]])
    stepper = Seq2SeqStepper(backbone, backbone.encode(token_ids))
    return [*generate(stepper, start, config)[0], model.tokenizer.eos_id]


def _tokens(model: LexiMind, text: str) -> tuple[list[int], list[str]]:
    """Ids of a text that fits a figure, with a label each."""
    ids = model.tokenizer.encode([text])[0]
    if not sum(_edges(model.tokenizer)) < len(ids) <= MAX_TOKENS:
        raise InputError(
            f"The text has {len(ids)} tokens, but a figure shows a word to {MAX_TOKENS} tokens.",
            hint="Give a sentence or two.",
        )
    return ids, _labels(model.tokenizer, ids)


def _edges(tokenizer: Tokenizer) -> tuple[int, int]:
    """How many markers stand before and after a text."""
    return len(tokenizer.prefix), len(tokenizer.suffix)


def _labels(tokenizer: Tokenizer, ids: Sequence[int]) -> list[str]:
    """Tokens as people read them: ``-ing`` goes on with the word before it."""
    markers = {*tokenizer.prefix, *tokenizer.suffix, tokenizer.pad_id}
    labels = []
    for i in ids:
        token = str(tokenizer.backend.id_to_token(i))
        plain = token.removeprefix("##").removeprefix("▁")
        # WordPiece marks what goes on, SentencePiece what begins.
        goes_on = token.startswith("##") if tokenizer.prefix else not token.startswith("▁")
        is_word = i not in markers and any(letter.isalnum() for letter in plain)
        labels.append(f"-{plain}" if goes_on and is_word else plain)
    return labels


def _pick(numbers: Sequence[int], limit: int, what: str) -> list[int]:
    """Numbers that count from 1 as places that count from 0."""
    if wrong := [number for number in numbers if not 1 <= number <= limit]:
        raise InputError(f"There is no {what} {wrong[0]}; this model has {what}s 1 to {limit}.")
    return [number - 1 for number in numbers]
