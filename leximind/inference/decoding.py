"""The one decoding loop: greedy, sampling and beam search, over sources that leave when they are done."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from leximind.inference import processors
from leximind.inference.beams import BeamTrack, IsHopeless, Track
from leximind.inference.generation import GenerationConfig
from leximind.inference.steppers import Stepper


class Decoding:
    """Sources that are decoded together, each in `n_beams` rows.

    Attributes:
        tracks: by place, that is in the order of their rows. Those that are done keep their place until it
            pays to move the others.
    """

    tracks: Sequence[Track | BeamTrack]

    def __init__(self, stepper: Stepper, config: GenerationConfig) -> None:
        self.stepper, self.config = stepper, config
        self.tracks = []
        self._chosen: list[int] = []  # the row that each row continues
        self._keeps_history = config.repetition_penalty != 1.0 or config.no_repeat_ngram > 0
        self._forbidden = torch.tensor(config.forbidden, dtype=torch.long)

    @property
    def is_running(self) -> bool:
        return not all(track.is_done for track in self.tracks)

    def begin(
        self, start: Tensor, is_hopeless: Callable[[int, list[int]], bool] | None = None
    ) -> Sequence[Track | BeamTrack]:
        """Decode the rows that the stepper holds, each of which continues a row of `start` (B, T)."""
        n_rows, n_beams = start.size(0), self.config.n_beams
        if n_beams > 1:
            judges = [None if is_hopeless is None else _about(is_hopeless, row) for row in range(n_rows)]
            self.tracks = [BeamTrack(self.config, judge) for judge in judges]
            start = start.repeat_interleave(n_beams, dim=0)
            self.stepper.reorder(torch.arange(n_rows, device=start.device).repeat_interleave(n_beams))
        else:
            self.tracks = [Track(self.config, chances) for chances in draw_chances(self.config, n_rows)]
        self._tokens = self._history = start
        self._chosen = list(range(start.size(0)))
        return self.tracks

    @torch.inference_mode()
    def step(self) -> None:
        """One more token for every source that is not done; at least one must be left."""
        self._settle()
        scores = self.stepper(self._tokens)
        if self.config.n_beams > 1:
            scores = scores.log_softmax(-1)
        scores = self._process(scores)
        tokens = self._search(scores) if self.config.n_beams > 1 else self._choose(scores)
        self._tokens = torch.tensor(tokens, device=scores.device)[:, None]
        if self._keeps_history:
            history = self._history if self._stays() else self._history[self._chosen]
            self._history = torch.cat((history, self._tokens), dim=1)

    def _settle(self) -> None:
        """Bring the rows into the order that the last step gave them, without those that are not needed.

        Moving the others costs as much as a step or two, so that sources which are done are left behind only
        when they are a quarter of all.
        """
        n_beams = self.config.n_beams
        kept = [place for place, track in enumerate(self.tracks) if not track.is_done]
        if (len(self.tracks) - len(kept)) * 4 >= len(self.tracks) > len(kept):
            rows = [place * n_beams + beam for place in kept for beam in range(n_beams)]
            self._keep(kept, rows)
        elif self._stays():
            return
        self.stepper.reorder(torch.tensor(self._chosen, device=self._tokens.device))
        self._chosen = list(range(len(self._chosen)))

    def _keep(self, places: list[int], rows: list[int]) -> None:
        self.tracks = [self.tracks[place] for place in places]
        self._tokens = self._tokens[rows]
        if self._keeps_history:
            self._history = self._history[rows]
        self._chosen = [self._chosen[row] for row in rows]

    def _stays(self) -> bool:
        return self._chosen == list(range(len(self._chosen)))

    def _process(self, scores: Tensor) -> Tensor:
        config, mask = self.config, self.stepper.mask
        if config.repetition_penalty != 1.0:
            scores = processors.penalise_repetition(scores, self._history, config.repetition_penalty, mask)
        if config.no_repeat_ngram:
            scores = processors.forbid_repeated_ngrams(scores, self._history, config.no_repeat_ngram, mask)
        if config.forbidden:
            scores.index_fill_(1, self._forbidden.to(scores.device), processors.FORBIDDEN)
        if config.min_length:
            young = [
                place for place, track in enumerate(self.tracks) if track.n_steps + 1 < config.min_length
            ]
            if young:
                by_source = scores.view(len(self.tracks), -1, scores.size(-1))
                by_source[young, :, self.stepper.eos_id] = processors.FORBIDDEN
        return scores

    def _choose(self, scores: Tensor) -> list[int]:
        """The next token of each row, the best one or drawn."""
        if self.config.temperature == 0:
            tokens: list[int] = scores.argmax(-1).tolist()
        else:
            chances = [0.0 if track.is_done else track.chances[track.n_steps] for track in self._single()]
            tokens = draw(_warp(scores, self.config), torch.tensor(chances, dtype=torch.float64)).tolist()
        for row, track in enumerate(self._single()):
            if track.is_done:
                tokens[row] = self.stepper.pad_id
            else:
                track.take(tokens[row], self.stepper.eos_id)
        return tokens

    def _search(self, scores: Tensor) -> list[int]:
        """The next token of each beam, from twice `n_beams` candidates a source; sets what it continues."""
        n_beams, n_tokens = self.config.n_beams, scores.size(-1)
        running = [value for track in self._beams() for value in track.running]
        totals = scores.add_(torch.tensor(running, device=scores.device)[:, None])
        best, flat = totals.view(-1, n_beams * n_tokens).topk(2 * n_beams, dim=1)
        tokens: list[int] = []
        self._chosen = []
        candidates = zip(best.tolist(), flat.tolist(), strict=True)
        for place, (track, (sums, places)) in enumerate(zip(self._beams(), candidates, strict=True)):
            beams, nexts = list(range(n_beams)), [self.stepper.pad_id] * n_beams
            if not track.is_done:
                parents, ends = zip(*(divmod(number, n_tokens) for number in places), strict=True)
                beams, nexts = track.take(sums, parents, ends, self.stepper.eos_id)
            self._chosen += [place * n_beams + beam for beam in beams]
            tokens += nexts
        return tokens

    def _single(self) -> list[Track]:
        return [track for track in self.tracks if isinstance(track, Track)]

    def _beams(self) -> list[BeamTrack]:
        return [track for track in self.tracks if isinstance(track, BeamTrack)]


def draw_chances(config: GenerationConfig, n_rows: int, seed: int | None = None) -> list[list[float]]:
    """A number for each token that each row may draw; from `seed`, the configuration's, or torch's own."""
    if config.temperature == 0:
        return [[]] * n_rows
    seed = config.seed if seed is None else seed
    generator = None if seed is None else torch.Generator().manual_seed(seed)
    drawn = torch.rand((n_rows, config.max_length), generator=generator, dtype=torch.float64)
    numbers: list[list[float]] = drawn.tolist()
    return numbers


def draw(scores: Tensor, chances: Tensor) -> Tensor:
    """A token (B,) of each row of scores (B, V), by where a number from 0 to 1 (B,) falls among them.

    What a row draws depends on its own scores and number alone.
    """
    shares = scores.softmax(-1).double().cumsum(-1)
    places = chances.to(shares.device)[:, None] * shares[:, -1:]
    return torch.searchsorted(shares, places, right=True)[:, 0]


def _warp(scores: Tensor, config: GenerationConfig) -> Tensor:
    scores = scores / config.temperature
    if config.top_k:
        scores = processors.keep_top_k(scores, config.top_k)
    if config.top_p < 1.0:
        scores = processors.keep_top_p(scores, config.top_p)
    return scores


def _about(is_hopeless: Callable[[int, list[int]], bool], row: int) -> IsHopeless:
    return lambda tokens: is_hopeless(row, tokens)
