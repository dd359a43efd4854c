"""The same text only once: not in two tasks, and never in training when it is held out.

Two texts are the same when their normalised beginnings are equal, and nearly the same when they share most of
their word shingles. The latter are found by MinHash (Broder, 1997) with banding, then measured exactly, so
that an estimate never drops a row.
"""

import hashlib
import unicodedata
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal
from zlib import crc32

import numpy as np
from datasketch import MinHash, MinHashLSH
from numpy.typing import NDArray

from leximind.errors import InputError

Reason = Literal["prefix", "near"]
CHUNK: Final = 4096


@dataclass(frozen=True)
class Policy:
    """When two texts are the same.

    Attributes:
        prefix: so many characters of the normalised texts are compared for equality; 0 is off.
        threshold: least Jaccard similarity of near-duplicates; 1 switches their search off.
        n_words: of a shingle; a shorter text is one shingle.
        n_permutations: of a MinHash; more of them find more pairs close to the threshold.
        max_words: near-duplicates are sought in so many first words of a text.

    Raises:
        InputError: a value makes no sense.
    """

    prefix: int = 200
    threshold: float = 0.8
    n_words: int = 3
    n_permutations: int = 128
    max_words: int = 400

    def __post_init__(self) -> None:
        if self.prefix < 0:
            raise InputError(f"prefix is {self.prefix}, but 0 or more characters were expected.")
        if not 0 < self.threshold <= 1:
            raise InputError(f"threshold is {self.threshold}, but a number above 0 and up to 1 was expected.")
        for name in ("n_words", "max_words"):
            if getattr(self, name) < 1:
                raise InputError(f"{name} is {getattr(self, name)}, but 1 or more was expected.")
        if self.n_permutations < 16:
            raise InputError(f"n_permutations is {self.n_permutations}, but 16 or more was expected.")


@dataclass(frozen=True)
class Drop:
    """A training row that goes, and the row it repeats.

    Attributes:
        similarity: Jaccard of their shingles; 1 for equal beginnings.
    """

    name: str
    row: int
    reason: Reason
    of: str
    of_row: int
    similarity: float


@dataclass(frozen=True)
class Deduplication:
    """Which rows stay, a mask (N,) for each training set, and why the others go."""

    kept: dict[str, NDArray[np.bool_]]
    drops: tuple[Drop, ...]

    def counts(self) -> dict[str, dict[str, int]]:
        """{training set: {"REASON of SET": rows dropped}}, for the log."""
        found: dict[str, Counter[str]] = {name: Counter() for name in self.kept}
        for drop in self.drops:
            found[drop.name][f"{drop.reason} of {drop.of}"] += 1
        return {name: dict(sorted(counter.items())) for name, counter in found.items()}


def normalise(text: str) -> str:
    """Letters, digits and symbols in one case and form, one blank between words.

    Symbols stay, for two comments may differ in nothing but their emoji. A text of nothing but punctuation is
    left as it is.
    """
    plain = unicodedata.normalize("NFKC", text).casefold().translate(_PUNCTUATION)
    return " ".join(plain.split()) or text.strip()


def fingerprint(text: str, n_characters: int = 200) -> str:
    """MD5 of the first characters of the normalised text."""
    return hashlib.md5(normalise(text)[:n_characters].encode(), usedforsecurity=False).hexdigest()


def shingles(text: str, n_words: int, max_words: int) -> frozenset[str]:
    """Runs of `n_words` words of the normalised text; the whole text where it is shorter."""
    words = normalise(text).split()[:max_words]
    n_runs = max(1, len(words) - n_words + 1)
    return frozenset(" ".join(words[i : i + n_words]) for i in range(n_runs))


def jaccard(left: frozenset[str], right: frozenset[str]) -> float:
    """Shared shingles over all shingles."""
    return len(left & right) / len(left | right)


def deduplicate(
    training: Mapping[str, Sequence[str]],
    held_out: Mapping[str, Sequence[str]] | None = None,
    policy: Policy | None = None,
) -> Deduplication:
    """Drop training rows that repeat a held-out row, or a training row that comes before them.

    Held-out rows are never dropped. Of two training sets the first keeps its row, so name the one with the
    fewest rows first; within a set the first row stays. The same rows in the same order always give the same
    answer.
    """
    policy = policy or Policy()
    sets = [*(held_out or {}).items(), *training.items()]
    if len({name for name, _ in sets}) != len(sets):
        raise InputError("A training set and a held-out set have the same name.", hint="Rename one of them.")
    seen = _Seen(policy)
    kept = {name: np.ones(len(texts), dtype=np.bool_) for name, texts in training.items()}
    drops: list[Drop] = []
    for n_set, (name, texts) in enumerate(sets):
        is_training = n_set >= len(sets) - len(training)
        for row, entry in enumerate(_describe(texts, policy)):
            twin = seen.find(entry) if is_training else None
            if twin is None:
                seen.add(entry, name, row)
            else:
                kept[name][row] = False
                drops.append(Drop(name, row, *twin))
    return Deduplication(kept, tuple(drops))


@dataclass(frozen=True)
class _Entry:
    text: str
    fingerprint: str
    sketch: MinHash | None


def _describe(texts: Sequence[str], policy: Policy) -> Iterator[_Entry]:
    for start in range(0, len(texts), CHUNK):  # sketches of a chunk share one set of permutations
        chunk = texts[start : start + CHUNK]
        sketches: Sequence[MinHash | None] = [None] * len(chunk)
        if policy.threshold < 1:
            runs = [shingles(text, policy.n_words, policy.max_words) for text in chunk]
            encoded = [[run.encode() for run in sorted(text)] for text in runs]
            sketches = MinHash.bulk(
                encoded, num_perm=policy.n_permutations, seed=1, scheme="affine32", hashfunc=crc32
            )
        for text, sketch in zip(chunk, sketches, strict=True):
            yield _Entry(text, fingerprint(text, policy.prefix) if policy.prefix else "", sketch)


class _Seen:
    """What later rows are compared with."""

    def __init__(self, policy: Policy) -> None:
        self.policy = policy
        self.places: list[tuple[str, int, str]] = []
        self.by_fingerprint: dict[str, int] = {}
        # The bands lean towards finding too much: what they find is measured exactly afterwards.
        self.bands = (
            MinHashLSH(policy.threshold, policy.n_permutations, weights=(0.05, 0.95))
            if policy.threshold < 1
            else None
        )

    def find(self, entry: _Entry) -> tuple[Reason, str, int, float] | None:
        """The closest row before this one, if it is close enough."""
        if self.policy.prefix and (place := self.by_fingerprint.get(entry.fingerprint)) is not None:
            name, row, _ = self.places[place]
            return "prefix", name, row, 1.0
        if self.bands is None:
            return None
        own, best = frozenset[str](), (0.0, 0)
        for place in sorted(self.bands.query(entry.sketch)):
            own = own or shingles(entry.text, self.policy.n_words, self.policy.max_words)
            other = shingles(self.places[place][2], self.policy.n_words, self.policy.max_words)
            best = max(best, (jaccard(own, other), -place))
        if best[0] < self.policy.threshold:
            return None
        name, row, _ = self.places[-best[1]]
        return "near", name, row, best[0]

    def add(self, entry: _Entry, name: str, row: int) -> None:
        place = len(self.places)
        self.places.append((name, row, entry.text))
        self.by_fingerprint.setdefault(entry.fingerprint, place)
        if self.bands is not None:
            self.bands.insert(place, entry.sketch, check_duplication=False)


def split_by_document(
    documents: Sequence[str], shares: Mapping[str, float], salt: str = ""
) -> NDArray[np.str_]:  # fmt: skip
    """The split of each row, (N,), by a hash of its document's id: no document is in two splits.

    The answer for a document depends on nothing but its id, the shares and the salt: more rows, fewer rows or
    another order never move it.

    Args:
        shares: split to its share of the documents; they add up to 1.

    Raises:
        InputError: the shares do not add up to 1, one is negative, or a row has no document id.
    """
    if not shares or min(shares.values()) < 0 or abs(sum(shares.values()) - 1) > 1e-6:
        raise InputError(f"The shares are {dict(shares)}, but they have to be positive and add up to 1.")
    if not all(documents):
        raise InputError(
            "A row has no document id, so it cannot be said which split it belongs to.",
            hint="Name the column with the id, or take the text's fingerprint.",
        )
    names, bounds = list(shares), np.cumsum(list(shares.values()))
    bounds[-1] = 1.0
    places = [_place(document, salt) for document in documents]
    return np.array(names, dtype=np.str_)[np.searchsorted(bounds, places, side="right")]


def _place(document: str, salt: str) -> float:
    """A number in [0, 1) that belongs to a document."""
    digest = hashlib.blake2b(f"{salt}\n{document}".encode(), digest_size=6).digest()
    return int.from_bytes(digest) / 2**48


class _Punctuation(dict[int, str]):
    """A translation table that fills itself: punctuation, layout and control characters to blanks."""

    def __missing__(self, code: int) -> str:
        character = chr(code)
        self[code] = " " if unicodedata.category(character)[0] in "PZC" else character
        return self[code]


_PUNCTUATION: Final = _Punctuation()
