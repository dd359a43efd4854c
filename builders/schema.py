"""What builders/train.py can be told: Hydra refuses a key that is not here, and a value of another type.

Loop, source and deduplication settings are those of the package's own dataclasses, so that a new one there is
a new key here.
"""

from collections.abc import Mapping
from dataclasses import MISSING as REQUIRED
from dataclasses import dataclass, field, fields, make_dataclass
from typing import Any, Final, get_args, get_origin, get_type_hints

from hydra.core.config_store import ConfigStore
from omegaconf import MISSING, OmegaConf

from leximind.training.config import LoopConfig
from leximind.training.deduplicate import Policy
from leximind.training.sources import FIELDS, Source

# These are said once for the whole run, not for each stage.
OF_THE_RUN: Final = frozenset({"seed", "device", "resume", "profile_steps"})


def mirror(cls: type[Any], name: str, leave_out: frozenset[str] = frozenset()) -> type[Any]:
    """A dataclass with the fields of a frozen one, in the types that a configuration file can hold."""
    hints, described = get_type_hints(cls), []
    for entry in fields(cls):
        if entry.name in leave_out:
            continue
        default: Any = entry.default_factory() if entry.default_factory is not REQUIRED else entry.default
        kind = hints[entry.name]
        if get_origin(kind) is Mapping:
            kind = dict[get_args(kind)]  # type: ignore[misc]
        elif get_origin(kind) is tuple:
            kind, default = list[get_args(kind)[0]], list(default)  # type: ignore[misc]
        if default is REQUIRED:
            described.append((entry.name, kind, field(default=MISSING)))
        elif isinstance(default, (dict, list)):
            described.append((entry.name, kind, field(default_factory=default.copy)))
        else:
            described.append((entry.name, kind, field(default=default)))
    return make_dataclass(name, described)


# mypy cannot follow classes that are made here; each is what its second argument is called.
Loop: Any = mirror(LoopConfig, "Loop", leave_out=OF_THE_RUN)
SourceOptions: Any = mirror(Source, "SourceOptions")
PolicyOptions: Any = mirror(Policy, "PolicyOptions")
Rows: Any = make_dataclass("Rows", [(task, int, field(default=0)) for task in FIELDS])
TaskSources: Any = make_dataclass(
    "TaskSources", [(task, list[SourceOptions], field(default_factory=list)) for task in FIELDS]
)


@dataclass
class Model:
    """Attributes:
    name: of the run's model, the folder's first name.
    preset: of leximind.model.config.
    weights: minilm (the pip package), a folder or Hub repository with T5, BERT or our own weights, or ""
        for random ones. A checkpoint of ours brings its own configuration.
    tokenizer: minilm, a file, a folder or a Hub repository; "" is where the weights are.
    stages: what a run does when it is not told.
    rates, frozen: of the multitask stage, which depend on what the weights already know.
    """

    name: str = MISSING
    preset: str = MISSING
    weights: str = ""
    tokenizer: str = ""
    stages: list[str] = MISSING
    rates: dict[str, float] = MISSING
    frozen: list[str] = field(default_factory=list)


@dataclass
class Data:
    """Attributes:
    folder: of local files; the export calibrates on the validation files in it. "" where there are none.
    train, validation: sources of each task. A task without validation sources gives up part of its own.
    never_train: further sources of each task that no training row may come near, such as test sets.
    validation_share: that part, in documents.
    deduplicate: whether to; `policy` says when two texts are the same.
    """

    name: str = MISSING
    folder: str = ""
    train: TaskSources = field(default_factory=TaskSources)
    validation: TaskSources = field(default_factory=TaskSources)
    never_train: TaskSources = field(default_factory=TaskSources)
    validation_share: float = 0.05
    deduplicate: bool = True
    policy: PolicyOptions = field(default_factory=PolicyOptions)


@dataclass
class Lora:
    """Attributes:
    rank: of the adapters; 0 trains the whole model.
    rate: their learning rate; the heads keep theirs.
    alpha, dropout, targets, trained: see leximind.model.adapters.AdapterConfig.
    bits: "8bit" or "4bit" holds the frozen base in so many, on a GPU; "" is full precision.
    """

    rank: int = 0
    rate: float = 2.0e-4
    alpha: float = 32.0
    dropout: float = 0.0
    targets: list[str] = field(default_factory=lambda: ["q", "v"])
    trained: list[str] = field(default_factory=list)
    bits: str = ""


@dataclass
class TaskBatches:
    """Attributes:
    rows, tokens: of a batch at most; tokens with padding.
    max_tokens: of a source.
    """

    rows: int = MISSING
    tokens: int = MISSING
    max_tokens: int = MISSING


@dataclass
class Config:
    """Attributes:
    training: `name`, `rows` (at most so many training rows of a task; 0 is all), and options a stage.
    output: of checkpoints, logs, prepared tables.
    export_to: of the finished model.
    stages: in this order.
    threads: of torch, on a CPU.
    profile: trace some steps of each stage into its trace.json.
    tracking: none or mlflow; log.jsonl is always written.
    resume: auto, never, or a checkpoint's path.
    """

    model: Model = field(default_factory=Model)
    training: Any = None
    data: Data = field(default_factory=Data)
    lora: Lora = field(default_factory=Lora)
    output: str = MISSING
    export_to: str = MISSING
    stages: list[str] = MISSING
    threads: int = 2
    seed: int = 0
    device: str = "auto"
    profile: bool = False
    tracking: str = "none"
    resume: str = "auto"


def register(stage_options: Mapping[str, type[Any]]) -> None:
    """Tell Hydra the schema, with the options of each stage under `training`."""
    described: list[Any] = [
        ("name", str, field(default=MISSING)),
        ("rows", Rows, field(default_factory=Rows)),
    ]
    described += [(stage, kind, field(default_factory=kind)) for stage, kind in stage_options.items()]
    config = OmegaConf.structured(Config)
    config.training = OmegaConf.structured(make_dataclass("Training", described))
    ConfigStore.instance().store(name="schema", node=config)
