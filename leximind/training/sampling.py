"""Which task comes next, and what every step's random numbers start from."""

import numpy as np
from numpy.typing import NDArray


def task_probabilities(sizes: dict[str, int], alpha: float) -> dict[str, float]:
    """Temperature sampling: p proportional to n^alpha (Raffel et al., 2020, section 3.5.2)."""
    weights = {task: size**alpha for task, size in sizes.items()}
    return {task: weight / sum(weights.values()) for task, weight in weights.items()}


def step_seed(seed: int, step: int, rank: int, purpose: int = 0) -> int:
    """A seed of 32 bits, all that torch's generator on the CPU takes in, of its own for every use.

    Args:
        rank: of the process; each drops out other activations.
        purpose: what is drawn.
    """
    return int(np.random.SeedSequence([seed, step, rank, purpose]).generate_state(1)[0])


def task_schedule(probabilities: dict[str, float], n_steps: int, seed: int) -> NDArray[np.int64]:
    """The task number of every step, (n_steps,), a function of the seed alone."""
    rng = np.random.default_rng(seed)
    return rng.choice(len(probabilities), size=n_steps, p=list(probabilities.values()))
