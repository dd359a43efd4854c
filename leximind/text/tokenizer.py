"""One small interface over the tokenizers of the models: T5's SentencePiece and BERT's WordPiece.

Nothing is ever cut here. A model reads at most 512 tokens at once; longer text is split into passages
(`leximind.text.passages`), and a caller that wants a prefix takes it knowingly.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from tokenizers import Tokenizer as Backend
from torch import Tensor

from leximind.errors import ModelError
from leximind.model.checkpoint import fetch

MAX_TOKENS = 512
TOKENIZER = "tokenizer.json"


@dataclass(frozen=True)
class Pieces:
    """The tokens of one text with the characters ``text[start:end]`` each stands for; no special tokens."""

    ids: list[int]
    offsets: list[tuple[int, int]]


class Tokenizer:
    """Text to ids and back.

    Attributes:
        pad_id, eos_id: of the vocabulary.
        prefix, suffix: the special ids put around a text: none and ``</s>``, or ``[CLS]`` and ``[SEP]``.
    """

    def __init__(self, backend: Backend) -> None:
        backend.no_truncation()
        backend.no_padding()
        self.backend = backend
        self.vocab_size = backend.get_vocab_size()
        if backend.token_to_id("</s>") is not None:
            self.pad_id, self.eos_id = self._special("<pad>"), self._special("</s>")
            self.prefix: list[int] = []
        else:
            self.pad_id, self.eos_id = self._special("[PAD]"), self._special("[SEP]")
            self.prefix = [self._special("[CLS]")]
        self.suffix = [self.eos_id]

    @classmethod
    def from_pretrained(cls, path_or_repo: str | Path) -> "Tokenizer":
        """From a ``tokenizer.json``, a folder or Hub repository with one, or anything AutoTokenizer reads.

        Raises:
            ModelError: none of these is there, or the file is damaged.
        """
        path = Path(path_or_repo)
        path = path if path.is_file() else fetch(path_or_repo)
        path = path / TOKENIZER if path.is_dir() else path
        if path.is_file():
            try:
                backend = Backend.from_file(str(path))
            except Exception as error:  # the library raises nothing more precise
                raise ModelError(f"{path} is not a tokenizer: {error}.") from error
            return cls(backend)
        from transformers import AutoTokenizer  # only for repositories with a bare SentencePiece model

        try:
            return cls(AutoTokenizer.from_pretrained(path.parent).backend_tokenizer)
        except (OSError, ValueError) as error:
            raise ModelError(f"No tokenizer was found in {path.parent}: {error}.") from error

    def save(self, folder: Path) -> None:
        self.backend.save(str(folder / TOKENIZER))

    def pieces(self, texts: Sequence[str]) -> list[Pieces]:
        """Tokens with their offsets, without special tokens, of any length."""
        encodings = self.backend.encode_batch(list(texts), add_special_tokens=False)
        return [Pieces(encoding.ids, encoding.offsets) for encoding in encodings]

    def encode(self, texts: Sequence[str]) -> list[list[int]]:
        """Ids with special tokens, of any length."""
        return [[*self.prefix, *piece.ids, *self.suffix] for piece in self.pieces(texts)]

    def decode(self, ids: Sequence[int]) -> str:
        """Text of the ids, special tokens left out."""
        return self.backend.decode(list(ids), skip_special_tokens=True)

    def _special(self, token: str) -> int:
        found = self.backend.token_to_id(token)
        if found is None:
            raise ModelError(f"The tokenizer has no {token!r}; T5's or BERT's special tokens were expected.")
        return int(found)


def pad(rows: Sequence[Sequence[int]], pad_id: int) -> tuple[Tensor, Tensor]:
    """Rows of ids to a rectangle (B, T), padded on the right, and its mask (B, T) of ones and zeros."""
    width = max((len(row) for row in rows), default=0)
    token_ids = torch.full((len(rows), width), pad_id, dtype=torch.long)
    mask = torch.zeros((len(rows), width), dtype=torch.long)
    for i, row in enumerate(rows):
        token_ids[i, : len(row)] = torch.as_tensor(row, dtype=torch.long)
        mask[i, : len(row)] = 1
    return token_ids, mask


def shift_right(targets: Tensor, start_ids: Tensor | int) -> Tensor:
    """Decoder inputs for targets (B, T): the start token(s), then the targets without their last column.

    `start_ids` is one id, or (B,) of them.
    """
    shifted = targets.roll(1, dims=1)
    shifted[:, 0] = start_ids
    return shifted
