"""Conflicts between tasks: the measurement changes nothing, and surgery does what the paper says."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from leximind.training.conflicts import cosines, project, task_gradients

Loss = Callable[[], Tensor]


class TwoTasks(nn.Module):
    """A shared layer with dropout, a head a task, and one weight that nothing uses."""

    def __init__(self) -> None:
        super().__init__()
        self.shared, self.a, self.b = nn.Linear(4, 8), nn.Linear(8, 1), nn.Linear(8, 1)
        self.unused = nn.Parameter(torch.ones(3))
        self.dropout = nn.Dropout(0.5)

    def loss(self, task: str, inputs: Tensor) -> Tensor:
        hidden = self.dropout(torch.tanh(self.shared(inputs)))
        return (self.a(hidden) if task == "a" else 1 - self.b(hidden)).square().mean()


def two_tasks() -> tuple[TwoTasks, dict[str, Loss]]:
    torch.manual_seed(0)
    model, inputs = TwoTasks(), torch.randn(5, 4)
    return model, {task: lambda task=task: model.loss(task, inputs) for task in "ab"}


def vectors(*rows: list[float]) -> dict[str, list[Tensor | None]]:
    return {str(i): [torch.tensor(row)] for i, row in enumerate(rows)}


def flat(projected: list[Tensor | None]) -> list[float]:
    return torch.cat([part.reshape(-1) for part in projected if part is not None]).tolist()


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def train(measured: bool) -> tuple[list[Tensor], list[Tensor], Tensor, list[Tensor | None]]:
    """Four accumulated steps with dropout: weights, gradients, random state, gradient of what is unused."""
    model, losses = two_tasks()
    optimiser = torch.optim.AdamW(model.parameters(), lr=0.1)
    for step in range(8):
        if step % 2 == 0:
            optimiser.zero_grad(set_to_none=True)
        losses["ab"[step % 2]]().backward()
        if measured:  # here gradients of a half-accumulated step lie in .grad
            cosines(task_gradients(losses, model.parameters()))
        if step % 2 == 1:
            optimiser.step()
    gradients = [weight.grad for weight in model.parameters() if weight.grad is not None]
    weights = [weight.detach() for weight in model.parameters()]
    return weights, gradients, torch.get_rng_state(), [model.unused.grad]


def test_measuring_leaves_training_as_it_is_bit_for_bit() -> None:
    plain, measured = train(False), train(True)
    assert all(map(torch.equal, plain[0], measured[0]))
    assert len(plain[1]) == len(measured[1]) and all(map(torch.equal, plain[1], measured[1]))
    assert torch.equal(plain[2], measured[2]) and plain[3] == measured[3] == [None]


def test_gradients_are_those_of_backward_and_none_where_a_task_does_not_reach() -> None:
    model, losses = two_tasks()
    model.eval()
    model.shared.bias.requires_grad_(False)
    names = [name for name, _ in model.named_parameters()]
    gradients = task_gradients(losses, model.parameters())
    for task in "ab":
        model.zero_grad()
        losses[task]().backward()
        for name, weight, gradient in zip(names, model.parameters(), gradients[task], strict=True):
            wanted = name in ("shared.weight", f"{task}.weight", f"{task}.bias")
            assert (gradient is not None) == wanted == (weight.grad is not None), name
            assert gradient is None or torch.equal(gradient, weight.grad)


def test_a_task_that_trains_nothing_has_no_gradient() -> None:
    model, losses = two_tasks()
    model.requires_grad_(False)
    gradients = task_gradients(losses, model.parameters())
    assert gradients == {"a": [None] * 7, "b": [None] * 7}
    assert cosines(gradients).tolist() == [[0, 0], [0, 0]]


def test_cosines_are_those_of_numpy() -> None:
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(3, 10)).astype(np.float32)
    gradients = {
        str(i): [torch.tensor(row[:4]).view(2, 2), torch.tensor(row[4:])] for i, row in enumerate(rows)
    }
    unit = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    np.testing.assert_allclose(cosines(gradients), unit @ unit.T, atol=1e-6)


def test_the_norm_of_a_head_does_not_hide_a_conflict() -> None:
    pull, head = torch.tensor([1.0, 2.0]), torch.full((50,), 100.0)
    gradients: dict[str, list[Tensor | None]] = {
        "a": [pull, head, None],
        "b": [-3 * pull, None, head],
        "c": [None, None, head],
        "d": [torch.zeros(2), None, None],
    }
    wanted = [[1, -1, 0, 0], [-1, 1, 1, 0], [0, 1, 1, 0], [0, 0, 0, 0]]
    np.testing.assert_allclose(cosines(gradients), wanted, atol=1e-12)


def test_two_opposed_gradients_are_projected_onto_each_others_normal_plane() -> None:
    # (1, 0) meets (-1, 1): (1, 0) + 1/2 (-1, 1) = (.5, .5), and (-1, 1) + 1 (1, 0) = (0, 1).
    gradients = vectors([1.0, 0.0], [-1.0, 1.0])
    assert flat(project(gradients, seeded())) == [0.5, 1.5]
    assert flat(gradients["0"]) == [1, 0] and flat(gradients["1"]) == [-1, 1], "what was given stays"
    assert flat(project(vectors([1.0, 2.0], [-2.0, -4.0]), seeded())) == [0, 0]


def test_gradients_without_conflict_are_summed_unchanged() -> None:
    gradients = vectors([0.1, 0.7, 0.0], [0.3, 0.0, 0.2], [0.0, 0.0, 5.0])
    wanted = sum(task[0] for task in gradients.values())
    (found,) = project(gradients, seeded())
    assert found is not None and torch.equal(found, wanted)


@pytest.mark.parametrize("seed", range(20))
def test_no_task_of_two_is_worked_against(seed: int) -> None:
    torch.manual_seed(seed)
    first = torch.randn(6)
    second = torch.randn(6) - 2 * first
    assert first @ second < 0
    (update,) = project({"a": [first], "b": [second]}, seeded())
    assert update is not None
    assert update @ first >= -1e-5 and update @ second >= -1e-5


def algorithm(gradients: np.ndarray, seed: int) -> np.ndarray:
    """Algorithm 1 of the paper, line by line, on rows of flat gradients."""
    generator, projected = seeded(seed), gradients.copy()
    for i in range(len(gradients)):
        for j in torch.randperm(len(gradients), generator=generator).tolist():
            if j != i and projected[i] @ gradients[j] < 0:
                projected[i] -= (projected[i] @ gradients[j]) / (gradients[j] @ gradients[j]) * gradients[j]
    return projected.sum(0)


def test_many_tasks_follow_the_paper_in_random_order() -> None:
    rows = np.random.default_rng(1).normal(size=(5, 8))
    gradients = {
        str(i): [torch.tensor(row[:3]), torch.tensor(row[3:]).view(1, 5)] for i, row in enumerate(rows)
    }
    found = [flat(project(gradients, seeded(seed))) for seed in range(5)]
    for seed in range(5):
        np.testing.assert_allclose(found[seed], algorithm(rows, seed), atol=1e-12)
    assert len({tuple(np.round(update, 9)) for update in found}) > 1, "the order is drawn"
    assert found[0] == flat(project(gradients, seeded(0))), "from the generator alone"


def test_heads_get_the_plain_gradient_of_their_task() -> None:
    head = torch.tensor([7.0, 8.0])
    first: list[Tensor | None] = [torch.tensor([1.0, 0.0]), None, head, None]
    second: list[Tensor | None] = [torch.tensor([-1.0, 1.0]), torch.tensor([9.0]), None, None]
    shared, own, other, nobody = project({"a": first, "b": second}, seeded())
    assert shared is not None and shared.tolist() == [0.5, 1.5]
    assert own is not None and own.tolist() == [9] and other is not None and torch.equal(other, head)
    assert nobody is None and other.data_ptr() != head.data_ptr()
