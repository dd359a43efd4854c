"""What a decoder keeps of the tokens and sources it has seen. Rows may come, go and change places."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
import torch.nn.functional as F
from torch import Tensor

ROOM = 64
Pair = tuple[Tensor, Tensor]


@dataclass
class LayerCache:
    """Keys and values (B, Hkv, T, d_head) of one block: its own past, and the encoder's output.

    On a CPU values lie in memory as (B, Hkv, d_head, T), so that a single query reads both row by row.
    """

    own: Pair | None = None
    memory: Pair | None = None
    _room: Pair | None = field(default=None, repr=False)
    _spare: Pair | None = field(default=None, repr=False)

    def extend(self, keys: Tensor, values: Tensor) -> Pair:
        """Append to the past and return all of it. The past is copied only when its room is doubled."""
        start = 0 if self.own is None else self.own[0].size(2)
        stop = start + keys.size(2)
        if self._room is None or self._room[0].size(2) < stop:
            past, self._room = self.own, (self._grow(keys, stop), lay_out(self._grow(values, stop)))
            if past is not None:
                _fill(self._room, past)
        for room, new in zip(self._room, (keys, values), strict=True):
            room[:, :, start:stop] = new
        return self._show(stop)

    def reorder(self, rows: Tensor) -> None:
        """Keep the past of the batch rows `rows` (B',), in that order: beam search, removal of rows."""
        if self.own is None or self._room is None:
            return
        keys, values = self._room
        shape = (len(rows), *keys.shape[1:])
        # Two rooms in turn: fresh memory of this size costs ten times as much as the copy.
        if self._spare is None or self._spare[0].shape != shape:
            self._spare = keys.new_empty(shape), lay_out(values.new_empty(shape))
        n = self.own[0].size(2)
        for room, spare in zip(self._room, self._spare, strict=True):
            torch.index_select(room[:, :, :n], 0, rows, out=spare[:, :, :n])
        self._room, self._spare = self._spare, self._room
        self._show(n)

    def drop(self, n: int) -> None:
        """Forget the first `n` positions, which no row needs any more."""
        if self.own is None:
            return
        past = tuple(part[:, :, n:].clone() for part in self.own)
        self._show(past[0].size(2))
        for part, kept in zip(self.own, past, strict=True):
            part.copy_(kept)

    def widen(self, n: int) -> None:
        """Append `n` rows with a past of zeros, for a mask to hide."""
        if self.own is None or self._room is None:
            return
        wide = tuple(room.new_zeros((room.size(0) + n, *room.shape[1:])) for room in self._room)
        past, self._room, self._spare = self.own, (wide[0], lay_out(wide[1])), None
        _fill(self._room, past)
        self._show(past[0].size(2))

    def _show(self, n: int) -> Pair:
        assert self._room is not None
        self.own = self._room[0][:, :, :n], self._room[1][:, :, :n]
        return self.own

    @staticmethod
    def _grow(like: Tensor, n: int) -> Tensor:
        return like.new_empty((*like.shape[:2], max(ROOM, 2 * n), like.size(3)))


@dataclass
class KVCache:
    """The caches of a stack, with the number of positions already seen.

    `bias` (1, H, 1, T) holds what a position adds to the scores of those up to it, `memory_mask`
    (B, 1, 1, Ts) what the encoder's padding adds: neither is computed anew for a step.
    """

    layers: list[LayerCache]
    length: int = field(default=0)
    bias: Tensor | None = None
    memory_mask: Tensor | None = None

    @classmethod
    def empty(cls, n_layers: int) -> "KVCache":
        return cls([LayerCache() for _ in range(n_layers)])

    def reorder(self, rows: Tensor) -> None:
        """As in `LayerCache.reorder`, in every block."""
        for layer in self.layers:
            layer.reorder(rows)

    def drop(self, n: int) -> None:
        """As in `LayerCache.drop`, in every block."""
        for layer in self.layers:
            layer.drop(n)
        self.length -= n

    def widen(self, n: int) -> None:
        """As in `LayerCache.widen`, in every block."""
        for layer in self.layers:
            layer.widen(n)

    def select_memory(self, rows: Tensor) -> None:
        """Keep what was read of the sources `rows` (S',), in that order."""
        for layer in self.layers:
            if layer.memory is not None:
                keys, values = layer.memory
                layer.memory = keys[rows], lay_out(values[rows])
        self.memory_mask = None if self.memory_mask is None else self.memory_mask[rows]

    def put_memory(self, layers: Sequence[Pair], places: Tensor) -> None:
        """Take what every block reads of further sources, (S', Hkv, Ts', d_head) each, at `places` (S',)."""
        for layer, (keys, values) in zip(self.layers, layers, strict=True):
            assert layer.memory is not None
            old_keys, old_values = layer.memory
            layer.memory = (
                put(old_keys, keys, places, dim=2),
                put(old_values.mT, values.mT, places, dim=3).mT,
            )
        self.memory_mask = None


def put(old: Tensor, new: Tensor, places: Tensor, dim: int) -> Tensor:
    """`old` (S, ...) with the rows `new` at `places`, zeros at the end of `dim` where one is shorter.

    Written in place where `old` has room; places behind its last row are added.
    """
    n_rows, width = max(old.size(0), int(places.max()) + 1), max(old.size(dim), new.size(dim))
    behind = [0, 0] * (old.dim() - 1 - dim)
    if (n_rows, width) != (old.size(0), old.size(dim)):
        grown = old.new_zeros((n_rows, *(width if i == dim else old.size(i) for i in range(1, old.dim()))))
        grown[: old.size(0)].narrow(dim, 0, old.size(dim)).copy_(old)
        old = grown
    old[places] = F.pad(new, [*behind, 0, width - new.size(dim)])
    return old


def lay_out(values: Tensor) -> Tensor:
    """The same values (B, Hkv, T, d_head), on a CPU with each of the d_head numbers' T side by side."""
    return values.contiguous() if values.is_cuda else values.mT.contiguous().mT


def _fill(rooms: Pair, past: Pair) -> None:
    for room, part in zip(rooms, past, strict=True):
        room[: part.size(0), :, : part.size(2)] = part
