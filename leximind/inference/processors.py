"""What is done to next-token scores before a token is chosen. All take and return (B, V)."""

from collections.abc import Sequence

import torch
from torch import Tensor

FORBIDDEN = float("-inf")


def penalise_repetition(
    scores: Tensor, history: Tensor, penalty: float, mask: Tensor | None = None
) -> Tensor:  # fmt: skip
    """Divide positive and multiply negative scores of tokens in `history` (B, T) (Keskar et al., 2019).

    `mask` (B, T) is 0 where the history is only padding: a batch then scores as its rows do alone.
    """
    counted = torch.ones_like(history) if mask is None else mask
    seen = torch.zeros_like(scores).scatter_add_(1, history, counted.to(scores.dtype)) > 0
    return torch.where(seen, torch.where(scores < 0, scores * penalty, scores / penalty), scores)


def forbid_repeated_ngrams(scores: Tensor, history: Tensor, n: int, mask: Tensor | None = None) -> Tensor:
    """Rule out every token that would complete an n-gram of `history` (B, T) again (Paulus et al., 2018).

    `mask` (B, T) is 0 before a row's own history begins.
    """
    length = history.size(1)
    if length < n:
        return scores
    windows = history.unfold(1, n, 1)  # (B, T - n + 1, n)
    prefix = history[:, length - n + 1 :]
    repeats = (windows[..., :-1] == prefix[:, None]).all(-1)
    if mask is not None:
        repeats &= mask[:, : repeats.size(1)].bool()
    completions = windows[..., -1]
    # A window that does not repeat the prefix writes its own token's score back.
    values = torch.where(repeats, FORBIDDEN, scores.gather(1, completions))
    return scores.scatter_reduce(1, completions, values, reduce="amin")


def forbid(scores: Tensor, tokens: Sequence[int]) -> Tensor:
    """Rule out tokens."""
    scores = scores.clone()
    scores[:, list(tokens)] = FORBIDDEN
    return scores


def keep_top_k(scores: Tensor, k: int) -> Tensor:
    """Rule out everything but the k best (Fan et al., 2018)."""
    k = min(k, scores.size(-1))
    worst = scores.topk(k, dim=-1).values[:, -1:]
    return scores.masked_fill(scores < worst, FORBIDDEN)


def keep_top_p(scores: Tensor, p: float) -> Tensor:
    """Keep the smallest set of tokens whose probabilities reach p (Holtzman et al., 2020); at least one."""
    ordered, order = scores.sort(dim=-1)
    below = ordered.softmax(-1).cumsum(-1) <= 1 - p
    below[:, -1] = False
    return scores.masked_fill(below.scatter(1, order, below), FORBIDDEN)
