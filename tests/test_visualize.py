"""Figures are drawn from the model's own tensors: against `transformers`, definitions, changed weights."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from numpy.typing import NDArray
from tokenizers import Tokenizer as Backend
from tokenizers.models import Unigram
from tokenizers.pre_tokenizers import Metaspace
from torch import Tensor, nn

from builders import visualize
from builders.drawing import read_palette, save
from builders.model_figures import (
    attention_figure,
    bias_figure,
    map_figure,
    project,
    summary_figure,
    word_weights,
    words_figure,
)
from leximind.errors import DataError, InputError, ModelError
from leximind.evaluation.attention_maps import (
    copy_attention,
    cross_attention,
    encoder_attention,
    pooling_weights,
    position_bias,
    record_attention,
)
from leximind.inference.analyzer import LexiMind
from leximind.labels import EMOTIONS
from leximind.library.store import Library
from leximind.model.cache import KVCache
from leximind.model.multitask import MultiTask
from leximind.model.weights import load_t5, t5_config
from leximind.text.tokenizer import Tokenizer
from tests import peers
from tests.models import tiny_analyzer, tiny_config, tiny_model, tokenizer

torch.set_num_threads(1)

TEXT = "The unhappy captain hunted the whale."
SOURCE = "We study bees in the dark. They find the hive by its smell."
LENGTHS = (9, 6, 4)


def analyzer(model: MultiTask | None = None) -> LexiMind:
    return LexiMind(model or tiny_model(), tokenizer(), tiny_analyzer().profile)


def t5_shaped() -> LexiMind:
    """Relative position bias, no copy head, the real tokenizer's vocabulary."""
    torch.manual_seed(3)
    config = tiny_config()
    encoder = replace(
        config.backbone.encoder, position="t5_bias", norm="rms", norm_first=True, embedding_norm=False,
        final_norm=True, bias=False,
    )  # fmt: skip
    decoder = replace(encoder, causal=True, cross_attention=True)
    backbone = replace(config.backbone, encoder=encoder, decoder=decoder, copy_head=False)
    model = MultiTask(replace(config, backbone=backbone))
    for weight in model.parameters():
        if weight.ndim > 1:
            nn.init.normal_(weight, std=0.3)
    return analyzer(model)


def ids(text: str) -> Tensor:
    return torch.tensor(tokenizer().encode([text]))


def shift(weight: Tensor) -> None:
    """Change one weight, in place."""
    with torch.no_grad():
        weight.view(-1)[0] += 3.0


def maps(figure: Figure) -> dict[str, NDArray[np.float32]]:
    """The drawn matrices by their titles."""
    return {axes.get_title("left"): axes.images[0].get_array().data for axes in figure.axes if axes.images}


def agree(drawn: Any, expected: Any, real: Tensor, keys: Tensor | None = None) -> None:
    """Weights (B, H, Tq, Tk) are equal where there are tokens, and their rows sum to 1."""
    torch.testing.assert_close(drawn.sum(-1), torch.ones(drawn.shape[:-1]), rtol=0, atol=1e-5)
    for row in range(len(real)):
        there = real[row].bool()
        seen = there if keys is None else keys[row].bool()
        torch.testing.assert_close(
            drawn[row][:, there][:, :, seen], expected[row][:, there][:, :, seen], rtol=0, atol=1e-5
        )
        assert float(drawn[row][:, there][:, :, ~seen].abs().sum()) == 0


def test_t5_attention_equals_transformers() -> None:
    theirs, _ = peers.t5()
    peers.scatter_weights(theirs, 21, std=0.15)  # scores of unscaled attention stay within fp32's digits
    ours = load_t5(theirs.state_dict(), t5_config(theirs.config.to_dict()))
    theirs.set_attn_implementation("eager")
    (token_ids, mask), (decoder_ids, seen) = peers.ragged(LENGTHS, 1), peers.ragged((5, 5, 5), 2)
    with torch.no_grad():
        expected = theirs(
            input_ids=token_ids, attention_mask=mask, decoder_input_ids=decoder_ids, output_attentions=True
        )
    drawn, crossed = (
        encoder_attention(ours, token_ids, mask),
        cross_attention(ours, token_ids, decoder_ids, mask),
    )
    assert drawn.shape == (3, 3, 4, 9, 9) and crossed.shape == (3, 2, 4, 5, 9)
    for layer, weights in enumerate(expected.encoder_attentions):
        agree(drawn[:, layer], weights, mask)
    for layer, weights in enumerate(expected.cross_attentions):
        agree(crossed[:, layer], weights, seen, mask)
    with record_attention(ours.decoder) as found, torch.no_grad():
        ours(token_ids, decoder_ids, mask)
    for layer, weights in enumerate(expected.decoder_attentions):
        agree(found[f"blocks.{layer}.self_attention"], weights, seen)


def test_bert_attention_equals_transformers() -> None:
    theirs, ours = peers.bert(22)
    theirs.set_attn_implementation("eager")
    token_ids, mask = peers.ragged(LENGTHS, 3)
    with torch.no_grad():
        expected = theirs(input_ids=token_ids, attention_mask=mask, output_attentions=True).attentions
    drawn = encoder_attention(ours, token_ids, mask)
    assert len(expected) == drawn.size(1) == 3
    for layer, weights in enumerate(expected):
        agree(drawn[:, layer], weights, mask)


def test_grouped_rotary_attention_equals_transformers_with_and_without_a_cache() -> None:
    theirs, ours = peers.llama(23)
    theirs.set_attn_implementation("eager")
    token_ids, mask = peers.ragged((7, 7), 4)
    with torch.no_grad():
        expected = theirs(input_ids=token_ids, output_attentions=True).attentions
        with record_attention(ours) as found:
            ours(token_ids)
        assert len(found) == len(expected) == 3
        for layer, weights in enumerate(expected):
            agree(found[f"stack.blocks.{layer}.self_attention"], weights, mask)
        cache = KVCache.empty(3)
        ours(token_ids[:, :6], cache=cache)
        with record_attention(ours) as found:
            ours(token_ids[:, 6:], cache=cache)
        for layer, weights in enumerate(expected):
            last = found[f"stack.blocks.{layer}.self_attention"]
            torch.testing.assert_close(last, weights[:, :, 6:], rtol=0, atol=1e-5)


def test_recording_changes_nothing_and_leaves_nothing_behind() -> None:
    model = tiny_model().backbone
    token_ids = ids(TEXT)
    decoder_ids = token_ids[:, :4]
    with torch.no_grad():
        before = model(token_ids, decoder_ids)
        with record_attention(model) as found:
            assert torch.equal(model(token_ids, decoder_ids), before)
        assert set(found) == {
            f"{s}.blocks.{i}.self_attention" for s in ("encoder", "decoder") for i in range(2)
        } | {f"decoder.blocks.{i}.cross_attention" for i in range(2)}
        found.clear()
        model(token_ids, decoder_ids)
    assert not found, "the hooks are gone"


def test_position_bias_equals_transformers() -> None:
    theirs, ours = peers.t5(24)
    for stack, peer in ((ours.encoder, theirs.encoder), (ours.decoder, theirs.decoder)):
        with torch.no_grad():
            expected = peer.block[0].layer[0].SelfAttention.compute_bias(40, 40)[0]
        torch.testing.assert_close(position_bias(stack, 40), expected, rtol=0, atol=1e-6)
    with pytest.raises(ModelError, match="'learned' positions and adds no bias") as raised:
        position_bias(tiny_model().backbone.encoder, 8)
    assert "leximind-base" in raised.value.hint


def test_copy_attention_makes_up_the_models_answer() -> None:
    model = tiny_model().backbone
    token_ids, decoder_ids = ids(SOURCE), ids(TEXT)
    attention, share = copy_attention(model, token_ids, decoder_ids)
    torch.testing.assert_close(attention.sum(-1), torch.ones(1, decoder_ids.size(1)), rtol=0, atol=1e-5)
    scores: list[Tensor] = []
    hook = model.copy_head.register_forward_hook(lambda _, given, __: scores.append(given[1]))
    with torch.no_grad():
        probability = model(token_ids, decoder_ids).exp()
    hook.remove()
    written = (1 - share)[..., None] * scores[0].softmax(-1)
    copied = torch.zeros_like(written).scatter_add(
        -1, token_ids[:, None].expand(-1, decoder_ids.size(1), -1), share[..., None] * attention
    )
    torch.testing.assert_close(written + copied, probability, rtol=0, atol=1e-5)
    with pytest.raises(ModelError, match="no copy head"):
        copy_attention(t5_shaped().model.backbone, token_ids, decoder_ids)


def test_pooling_weights_are_those_of_the_emotion_head() -> None:
    model = tiny_model()
    token_ids = torch.cat((ids(TEXT), torch.zeros(1, 3, dtype=torch.long)), dim=1)
    mask = (torch.arange(token_ids.size(1)) < ids(TEXT).size(1)).long()[None]
    weights = pooling_weights(model, token_ids, mask)
    with torch.no_grad():
        states = model.encode(token_ids, mask, "emotion").states
        query: Any = model.get_submodule("heads.emotion.pooling.query")
        expected = (states @ query.weight[0]).masked_fill(mask == 0, -torch.inf).softmax(-1)
    torch.testing.assert_close(weights, expected, rtol=0, atol=1e-6)
    torch.testing.assert_close(weights.sum(1), torch.ones(1))


def test_attention_is_drawn_as_it_is() -> None:
    model = analyzer()
    drawn = maps(attention_figure(model, TEXT, layers=[1, 2], heads=[2]))
    weights = encoder_attention(model.model.backbone, ids(TEXT))[0].numpy()
    assert list(drawn) == ["layer 1, head 2", "layer 2, head 2"]
    for layer, matrix in enumerate(drawn.values()):
        np.testing.assert_array_equal(matrix, weights[layer, 1])
        np.testing.assert_allclose(matrix.sum(1), 1, atol=1e-5)
    shift(model.model.get_submodule("backbone.encoder.blocks.1.self_attention.q").weight)
    changed = maps(attention_figure(model, TEXT, layers=[1, 2], heads=[1]))
    before = weights[:, 0]
    np.testing.assert_array_equal(changed["layer 1, head 1"], before[0])
    assert np.abs(changed["layer 2, head 1"] - before[1]).max() > 1e-3


def test_without_a_choice_the_heads_that_look_at_words_are_drawn() -> None:
    model = analyzer()
    titles = list(maps(attention_figure(model, TEXT)))
    assert titles == [f"layer {layer}, head {head}" for layer in (1, 2) for head in (1, 2)]
    axes = attention_figure(model, TEXT).axes[0]
    labels = [text.get_text() for text in axes.get_xticklabels()]
    assert labels == ["[CLS]", "the", "unhappy", "captain", "hunted", "the", "whale", ".", "[SEP]"]
    many = attention_figure(model, TEXT, layers=[1, 2] * 3, heads=[1, 2])
    assert set(maps(many)) == {"1.1", "1.2", "2.1", "2.2"} and not many.axes[0].get_xticklabels()


@pytest.mark.parametrize("make", [analyzer, t5_shaped])
def test_a_summary_is_drawn_as_it_is(make: Callable[[], LexiMind]) -> None:
    model = make()
    backbone = model.model.backbone
    drawn = maps(summary_figure(model, SOURCE, layers=[1, 2], summary=TEXT))
    written = ids(TEXT)[:, 1:]
    decoder_ids = torch.cat((torch.tensor([[model.profile.summary_start]]), written[:, :-1]), dim=1)
    expected = cross_attention(backbone, ids(SOURCE), decoder_ids)[0].mean(1).numpy()
    names = [f"cross-attention of decoder layer {i}, mean of its heads" for i in (1, 2)]
    assert list(drawn)[:2] == names and len(drawn) == 2 + backbone.config.copy_head
    for name, weights in zip(names, expected, strict=True):
        np.testing.assert_array_equal(drawn[name], weights)
    if backbone.config.copy_head:
        (pointer,) = (matrix for name, matrix in drawn.items() if name.startswith("copy head"))
        expected_pointer = copy_attention(backbone, ids(SOURCE), decoder_ids)[0][0]
        np.testing.assert_array_equal(pointer, expected_pointer.numpy())
    for matrix in drawn.values():
        np.testing.assert_allclose(matrix.sum(1), 1, atol=1e-5)
    shift(model.model.get_submodule("backbone.decoder.blocks.1.cross_attention.k").weight)
    changed = maps(summary_figure(model, SOURCE, layers=[1, 2], summary=TEXT))
    np.testing.assert_array_equal(changed[names[0]], drawn[names[0]])
    assert np.abs(changed[names[1]] - drawn[names[1]]).max() > 1e-4


def test_without_a_summary_the_model_writes_one() -> None:
    model = analyzer()
    figure = summary_figure(model, SOURCE)
    (matrix, *_) = maps(figure).values()
    rows = [text.get_text() for text in figure.axes[0].get_yticklabels()]
    assert 8 <= len(rows) == len(matrix) and rows[-1] == "[SEP]"


def test_position_bias_is_drawn_as_it_is() -> None:
    model = t5_shaped()
    drawn = maps(bias_figure(model))
    assert list(drawn) == ["Encoder", "Decoder"]
    table = model.model.get_parameter("backbone.encoder.bias.bias.weight")
    bias: Any = model.model.backbone.encoder.bias
    assert drawn["Encoder"].shape == (2, 127) and drawn["Decoder"].shape == (2, 64)
    for column, distance in ((0, -63), (61, -2), (63, 0), (64, 1), (126, 63)):
        bucket = int(bias.bucket(torch.tensor(distance)))
        np.testing.assert_array_equal(drawn["Encoder"][:, column], table[bucket].detach().numpy())
    shift(model.model.get_parameter("backbone.decoder.bias.bias.weight"))
    changed = maps(bias_figure(model))
    np.testing.assert_array_equal(changed["Encoder"], drawn["Encoder"])
    assert changed["Decoder"][0, 63] - drawn["Decoder"][0, 63] == pytest.approx(3, abs=1e-5)
    with pytest.raises(ModelError, match="adds no bias"):
        bias_figure(analyzer())


def heights(figure: Figure) -> list[float]:
    return [bar.get_height() / 100 for bar in figure.axes[0].patches]


def test_words_are_drawn_with_their_weights() -> None:
    model, text = analyzer(), "Ahab is sad, isn't he?"
    figure = words_figure(model, text)
    weights = pooling_weights(model.model, ids(text))[0].numpy()
    tokens = [str(tokenizer().backend.id_to_token(i)) for i in ids(text)[0].tolist()]
    assert tokens == ["[CLS]", "ah", "##ab", "is", "sad", ",", "isn", "'", "t", "he", "?", "[SEP]"]
    expected = [weights[1:3].sum(), weights[3], weights[4], weights[6:9].sum(), weights[9]]
    np.testing.assert_allclose(heights(figure), expected, atol=1e-6)
    np.testing.assert_allclose(figure.axes[1].images[0].get_array()[0], expected, atol=1e-6)
    words = [label.get_text() for label in figure.axes[1].get_xticklabels()]
    assert words == ["Ahab", "is", "sad", "isn't", "he"]
    best = EMOTIONS[int(model.emotion_probabilities([text])[0].argmax())]
    note = figure.get_supxlabel()
    assert f"the other {1 - sum(expected):.0%}" in note and f"It finds {best}" in note
    shift(model.model.get_parameter("heads.emotion.pooling.query.weight"))
    assert np.abs(np.subtract(heights(words_figure(model, text)), expected)).max() > 1e-3


def points(figure: Figure) -> NDArray[np.float64]:
    return np.concatenate([np.asarray(part.get_offsets()) for part in figure.axes[0].collections])


def test_the_map_is_drawn_from_the_models_embeddings_in_the_apps_colours(library: Library) -> None:
    model = analyzer()
    figure = map_figure(model, library, "pca")
    texts = [f"{work.title}. {work.description}" for work in library.works]
    expected = project(model.embed(texts), "pca")
    assert len(expected) == len(library) == len(points(figure))
    np.testing.assert_allclose(
        sorted(points(figure).tolist()), sorted(expected.astype(np.float64).tolist()), atol=1e-6
    )
    palette = read_palette()
    drawn = {
        tuple(np.round(point, 4)): to_hex(part.get_facecolor()[0])
        for part in figure.axes[0].collections
        for point in part.get_offsets()
    }
    for work, point in zip(library.works, expected, strict=True):
        assert drawn[tuple(np.round(point.astype(np.float64), 4))] == palette[work.topic.lower()]
    shift(model.model.get_parameter("backbone.embedding.weight"))
    shift(model.model.get_parameter("backbone.encoder.blocks.0.feed_forward.up.weight"))
    assert np.abs(points(map_figure(model, library, "pca")) - points(figure)).max() > 1e-3


def test_principal_components_and_neighbours() -> None:
    generator = np.random.default_rng(0)
    centres = np.repeat(generator.normal(size=(3, 16)), 8, axis=0)
    vectors = centres + 0.05 * generator.normal(size=(24, 16))
    vectors = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    for projection in ("pca", "tsne"):
        placed = project(vectors, projection)
        assert placed.shape == (24, 2)
        np.testing.assert_array_equal(placed, project(vectors, projection))
        apart = np.linalg.norm(placed[:, None] - placed[None], axis=-1)
        np.fill_diagonal(apart, np.inf)
        assert (apart.argmin(axis=1) // 8 == np.arange(24) // 8).all()
    from sklearn.decomposition import PCA

    theirs = PCA(2).fit_transform(vectors.astype(np.float64))
    ours = project(vectors, "pca")
    for axis in range(2):
        assert abs(np.corrcoef(theirs[:, axis], ours[:, axis])[0, 1]) > 0.9999
    with pytest.raises(InputError, match="has 4 works"):
        project(vectors[:4], "tsne")


def test_sentencepiece_tokens_are_read_as_words() -> None:
    pieces = ["<pad>", "</s>", "<unk>", "▁sad", "ly", "▁told", "."]
    backend = Backend(Unigram([(piece, -float(i)) for i, piece in enumerate(pieces)], unk_id=2))
    backend.pre_tokenizer = Metaspace()
    made = Tokenizer(backend)
    model = t5_shaped()
    model.tokenizer = made
    labels = [text.get_text() for text in attention_figure(model, "sadly told.").axes[0].get_xticklabels()]
    assert labels == ["sad", "-ly", "told", ".", "</s>"]
    words, shares = word_weights(made, "sadly told.", np.array([0.1, 0.2, 0.3, 0.25, 0.15], np.float32))
    assert words == ["sadly", "told"] and shares == pytest.approx([0.3, 0.3])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"layers": [3]}, "There is no layer 3; this model has layers 1 to 2"),
        ({"heads": [0]}, "There is no head 0; this model has heads 1 to 2"),
        ({"text": " "}, "has 2 tokens, but a figure shows a word to 80 tokens"),
        ({"text": "whale " * 90}, "has 92 tokens"),
    ],
)
def test_what_cannot_be_drawn_is_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        attention_figure(analyzer(), **{"text": TEXT, **options})


def test_the_palette_is_the_style_sheets(tmp_path: Path) -> None:
    sheet = tmp_path / "style.css"
    sheet.write_text(":root {\n  --lm-ink: #123456;\n}\n.dark { --lm-ink: #ffffff; }")
    assert read_palette(sheet) == {"ink": "#123456"}
    sheet.write_text("body {}")
    with pytest.raises(DataError, match="sets no colours"):
        read_palette(sheet)


def test_a_figure_is_saved_the_same_every_time(tmp_path: Path) -> None:
    for folder in ("a", "b"):
        paths = save(words_figure(analyzer(), TEXT), tmp_path / folder, "words")
        assert [path.name for path in paths] == ["words.png", "words.svg"]
    for name in ("words.png", "words.svg"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


@pytest.fixture(scope="module")
def model_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("model")
    model = analyzer()
    model.model.save_pretrained(folder)
    model.tokenizer.save(folder)
    model.profile.save(folder)
    return folder


def test_the_command_draws_all_the_model_has(
    model_folder: Path, library_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = ["--model", str(model_folder), "--dataset", str(library_folder), "--output", str(tmp_path)]
    assert visualize.main([*given, "--formats", "png"]) == 0
    assert {path.name for path in tmp_path.iterdir()} == {
        "attention.png",
        "summary.png",
        "words.png",
        "map.png",
    }
    for path in tmp_path.iterdir():
        assert path.read_bytes()[:4] == b"\x89PNG" and path.stat().st_size > 10_000
    assert "position-bias is left out: This stack has 'learned' positions" in capsys.readouterr().out
    assert visualize.main([*given, "words", "--formats", "svg", "--sentence", "So glad."]) == 0
    assert (tmp_path / "words.svg").read_text().startswith("<?xml")


def test_the_command_says_what_is_wrong(
    model_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = ["--model", str(model_folder), "--output", str(tmp_path / "figures")]
    assert visualize.main([*given, "position-bias"]) == 1
    assert visualize.main([*given, "attention", "--layers", "9"]) == 1
    assert visualize.main(["--model", str(tmp_path / "none"), "words"]) == 1
    assert visualize.main([*given, "map", "--dataset", str(tmp_path / "none")]) == 1
    told = capsys.readouterr().err
    assert "adds no bias" in told and "There is no layer 9" in told and "neither a folder nor" in told
    assert not (tmp_path / "figures").exists()
    with pytest.raises(SystemExit):
        visualize.main([*given, "heads"])
    assert "there is no figure 'heads'; there are attention, summary" in capsys.readouterr().err
