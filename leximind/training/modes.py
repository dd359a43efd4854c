"""What of a model is trained, and how its blocks run."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import nn
from torch.distributed.fsdp import FSDPModule

from leximind.errors import InputError
from leximind.model.stack import Block, Stack


def stacks(model: nn.Module) -> dict[str, Stack]:
    """The stacks in a model, by name."""
    return {name: part for name, part in model.named_modules() if isinstance(part, Stack)}


def block_lists(model: nn.Module) -> dict[str, nn.ModuleList]:
    """The rows of blocks in a model, by name: those of stacks, and branches of their own."""
    lists = {name: part for name, part in model.named_modules() if isinstance(part, nn.ModuleList)}
    return {name: part for name, part in lists.items() if all(isinstance(block, Block) for block in part)}


def freeze(model: nn.Module, prefixes: Sequence[str]) -> None:
    """Stop training the weights whose names begin with one of `prefixes`.

    Raises:
        InputError: a prefix fits no weight, or nothing is left to train.
    """
    named = list(model.named_parameters())
    for prefix in prefixes:
        found = [weight for name, weight in named if name.startswith(prefix)]
        if not found:
            raise InputError(
                f"frozen names {prefix!r}, but no weight's name begins so.",
                hint=f"Names look like {named[0][0]} and {named[-1][0]}.",
            )
        for weight in found:
            weight.requires_grad_(False)
    if not any(weight.requires_grad for _, weight in named):
        raise InputError("Every weight is frozen, so there is nothing to train.")


def set_training(model: nn.Module) -> None:
    """Training mode, but a stack or branch of which nothing is trained stays in evaluation mode.

    What is not trained needs no dropout, and its random masks cost a third of a step.
    """
    model.train()
    for part in [*stacks(model).values(), *block_lists(model).values()]:
        if not any(weight.requires_grad for weight in part.parameters()):
            part.eval()


def checkpoint_gradients(model: nn.Module) -> None:
    """Keep no activations inside blocks: memory for time (Chen et al., 2016)."""
    for stack in stacks(model).values():
        stack.gradient_checkpointing = True


def compile_blocks(model: nn.Module, backend: str = "inductor") -> None:
    """torch.compile on each block, in place: one compilation serves all blocks of a shape, names stay."""
    for block in [part for part in model.modules() if isinstance(part, Block)]:
        block.compile(backend=backend, dynamic=True)


@contextmanager
def evaluating(model: nn.Module, wrapped: nn.Module) -> Iterator[None]:
    """Evaluation mode: no gradients, whole weights under FSDP, uncompiled since decoding changes shapes."""
    model.eval()
    shared = [part for part in wrapped.modules() if isinstance(part, FSDPModule)]
    for part in shared:
        part.set_reshard_after_forward(False, recurse=False)  # whole until the end, not for one forward pass
        part.unshard()
    try:
        with torch.no_grad(), torch.compiler.set_stance("force_eager"):
            yield
    finally:
        for part in shared:
            part.set_reshard_after_forward(part is not wrapped, recurse=False)
            part.reshard()
