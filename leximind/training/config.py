"""How long, how fast and how carefully to train: one frozen object, checked when it is made."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from leximind.errors import InputError

PRECISIONS = ("float32", "bfloat16", "float16")
SURGERIES = ("none", "pcgrad")


@dataclass(frozen=True)
class LoopConfig:
    """What the loop does, in steps of the optimiser.

    Attributes:
        n_steps: steps in all.
        warmup: steps over which the rate rises from nothing.
        rates: learning rate by prefix of the weights' names, the longest prefix wins; "" is everything.
        layer_decay: factor on the rate for every block below the top of its stack; 1 is off.
        floor: share of the rate that is left at the end of the cosine.
        clip: largest norm of the gradient; 0 is off.
        accumulate: batches a step, as if they were one.
        task_weights: factor on a task's loss; a task not named has 1.
        precision: float32, bfloat16 or float16 (with a gradient scaler).
        device: auto (a GPU where there is one), cpu, cuda or cuda:N; with several processes theirs counts.
        compile: torch.compile on every block.
        fsdp: several processes share the weights out instead of each keeping a copy.
        ema: decay of the moving average of weights that is evaluated and saved beside them; 0 is off.
        patience: evaluations without a better `monitor` before the run stops; 0 is off.
        monitor: a key of what `evaluate` gives; a leading "-" means that lower is better; "" is off.
        keep_last: newest checkpoints to keep, beside the best.
        save_every, log_every: in steps.
        evaluate_every: in steps; 0 is with every save.
        conflict_every: steps between measurements of the angle between task gradients; 0 is off.
        surgery: none, or pcgrad: a step takes a batch of every task and projects conflicts away.
        frozen: prefixes of weights that are not trained.
        gradient_checkpointing: compute activations again in the backward pass instead of keeping them.
        profile_steps: trace this many steps into ``trace.json``; 0 is off.
        seed: of everything random.
        resume: auto (from the newest checkpoint), never (begin anew; what an earlier run left is moved
            aside), or the path of a checkpoint.

    Raises:
        InputError: a value makes no sense.
    """

    n_steps: int
    warmup: int
    rates: Mapping[str, float]
    layer_decay: float = 1.0
    floor: float = 0.0
    weight_decay: float = 0.01
    clip: float = 1.0
    accumulate: int = 1
    task_weights: Mapping[str, float] = field(default_factory=dict)
    precision: str = "bfloat16"
    device: str = "auto"
    compile: bool = False
    fsdp: bool = False
    ema: float = 0.0
    patience: int = 0
    monitor: str = ""
    keep_last: int = 1
    save_every: int = 200
    evaluate_every: int = 0
    log_every: int = 20
    conflict_every: int = 0
    surgery: str = "none"
    frozen: tuple[str, ...] = ()
    gradient_checkpointing: bool = False
    profile_steps: int = 0
    seed: int = 0
    resume: str = "auto"

    def __post_init__(self) -> None:
        for name in ("n_steps", "accumulate", "keep_last", "save_every", "log_every"):
            _number(name, getattr(self, name), 1)
        for name in ("patience", "evaluate_every", "conflict_every", "profile_steps", "seed"):
            _number(name, getattr(self, name), 0)
        for name in ("weight_decay", "clip"):
            _number(name, getattr(self, name), 0, whole=False)
        _number("floor", self.floor, 0, 1, whole=False)
        _number("ema", self.ema, 0, 1, whole=False)
        _number("layer_decay", self.layer_decay, 0, 1, whole=False)
        _number("warmup", self.warmup, 0)
        for name in ("rates", "task_weights"):
            for key, value in getattr(self, name).items():
                _number(f"{name}[{key!r}]", value, 0, whole=False)
        for name, known in (("precision", PRECISIONS), ("surgery", SURGERIES)):
            if (given := getattr(self, name)) not in known:
                raise InputError(f"{name} is {given!r}, but one of {', '.join(known)} was expected.")
        self._check_combinations()

    def _check_combinations(self) -> None:
        if self.warmup > self.n_steps:
            raise InputError(
                f"warmup is {self.warmup} steps, but the whole run has {self.n_steps}.",
                hint="A tenth of n_steps is usual.",
            )
        if not self.rates:
            raise InputError("rates is empty.", hint='Give a learning rate a prefix, such as {"": 1e-4}.')
        if self.layer_decay == 0:
            raise InputError("layer_decay is 0, which freezes all but the top block; use frozen for that.")
        if self.ema == 1:
            raise InputError("ema is 1, which keeps the first weights forever.", hint="0.999 is usual.")
        if isinstance(self.frozen, str):
            raise InputError(f"frozen is {self.frozen!r}, but a list of prefixes was expected.")
        if self.patience and not self.monitor:
            raise InputError(
                f"patience is {self.patience}, but no monitor says what must get better.",
                hint="Set monitor to a validation metric, or patience to 0.",
            )
        if self.monitor == "-":
            raise InputError("monitor is '-' with no metric after it.")
        if not self.resume:
            raise InputError("resume is empty.", hint="Use auto, never or the path of a checkpoint.")
        for name, given in (("conflict_every", self.conflict_every), ("surgery", self.surgery != "none")):
            if self.fsdp and given:
                raise InputError(
                    f"{name} needs the gradient of each task as a whole, which fsdp shares out.",
                    hint=f"Switch off either fsdp or {name}.",
                )
        if self.fsdp and self.precision == "float16":
            raise InputError("float16 is not scaled across fsdp's shares.", hint="Use precision=bfloat16.")


def check_tasks(config: LoopConfig, tasks: Sequence[str], plans: Sequence[str], evaluated: bool) -> None:
    """Raise InputError for a configuration that does not fit the tasks or what is evaluated."""
    for what, names, known in (("probabilities", tasks, plans), ("task_weights", config.task_weights, tasks)):
        if unknown := [name for name in names if name not in known]:
            raise InputError(f"{what} names the task {unknown[0]!r}, but there are {', '.join(known)}.")
    if config.monitor and not evaluated:
        raise InputError(
            f"monitor is {config.monitor!r}, but nothing is evaluated.",
            hint="Give the Trainer an evaluate function, or set monitor to ''.",
        )


def _number(name: str, value: Any, low: float, high: float = math.inf, *, whole: bool = True) -> None:
    """Raise InputError unless `value` is a number, not below `low` and not above `high`."""
    kinds = int if whole else (int, float)
    if isinstance(value, bool) or not isinstance(value, kinds):
        hint = "YAML reads 1e-4 as text: write 1.0e-4." if isinstance(value, str) else ""
        what = "a whole number" if whole else "a number"
        raise InputError(f"{name} is {value!r}, but {what} was expected.", hint=hint)
    if not (low <= value <= high and math.isfinite(value)):
        wanted = f"at least {low}" if math.isinf(high) else f"between {low} and {high}"
        raise InputError(f"{name} is {value}, but {wanted} was expected.")
