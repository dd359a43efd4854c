"""Train a model: ``python builders/train.py [model=mini] [training=full] [data=local] [key=value ...]``.

The settings are in builders/configs; ``--cfg job`` shows those of a run, and an unknown key fails. Killed at
any moment, the same command goes on from the last checkpoint. Several GPUs or machines:
``torchrun --nproc-per-node=N builders/train.py ...``.
"""

import hydra
import torch
from omegaconf import DictConfig, OmegaConf

from builders.schema import Config, register
from builders.stages import OPTIONS, STAGES
from builders.stages.multitask import ADAPTERS
from builders.stages.shared import finish, stage_folder
from builders.stages.start import build_model, build_tokenizer, minilm_folder, warm_start
from leximind.errors import InputError, LexiMindError, ModelError
from leximind.model.adapters import load_adapters, merge_adapters
from leximind.model.multitask import MultiTask
from leximind.training.distributed import Processes, join, leave

__all__ = ["main", "minilm_folder", "run", "warm_start"]

register(OPTIONS)


def run(config: Config, processes: Processes) -> MultiTask:
    """Run the stages one after another; what the last one made.

    Raises:
        InputError: a stage is unknown, or `resume` names a checkpoint while several stages train.
        LexiMindError: what a stage raises.
    """
    check_stages(config)
    model = take_up(build_model(config.model, config.seed), config)
    tokenizer = build_tokenizer(config.model)
    for stage in config.stages:
        if processes.is_first:
            print(f"{stage}: {stage_folder(config, stage) if stage in OPTIONS else config.export_to}")
        model = STAGES[stage].run(config, model, tokenizer, processes)
        model.requires_grad_(True)  # the next one freezes what it does not train
    return model


def check_stages(config: Config) -> None:
    """Raise InputError for stages that there are none of, or that cannot all resume from one checkpoint."""
    if not config.stages:
        raise InputError("No stage was named.", hint=f"There are {', '.join(STAGES)}.")
    if unknown := [stage for stage in config.stages if stage not in STAGES]:
        raise InputError(f"No stage is called {unknown[0]!r}; there are {', '.join(STAGES)}.")
    trained = [stage for stage in config.stages if stage in OPTIONS]
    if config.resume not in ("auto", "never") and len(trained) != 1:
        raise InputError(
            f"resume names the checkpoint {config.resume}, but {len(trained)} stages are to be trained.",
            hint="Name the checkpoint's stage alone, for example stages=[encoder].",
        )
    if config.lora.rank and trained not in ([], ["multitask"]):
        raise InputError(
            f"lora trains in the multitask stage alone, but the stages are {', '.join(config.stages)}.",
            hint="Set stages=[multitask,export], or lora.rank=0.",
        )


def take_up(model: MultiTask, config: Config) -> MultiTask:
    """The model with the weights of the last stage before the first of this run, where there is one.

    Raises:
        ModelError: that stage was never run.
    """
    order = list(config.model.stages)
    first = config.stages[0]
    before = [stage for stage in order[: order.index(first)] if stage in OPTIONS] if first in order else []
    if not before:
        return model
    folder = stage_folder(config, before[-1])
    if not any(folder.glob("checkpoints/step-*")):
        raise ModelError(
            f"{first} goes on from {before[-1]}, but {folder} holds no checkpoint.",
            hint=f"Run {before[-1]} first, with the same output.",
        )
    if config.lora.rank and before[-1] == "multitask":
        load_adapters(model, folder / ADAPTERS)
        merge_adapters(model)
        return model
    return restore(before[-1], config, model)


def restore(stage: str, config: Config, model: MultiTask) -> MultiTask:
    """The model as a finished stage left it."""
    own = getattr(STAGES[stage], "restore", None)
    return own(config, model) if own else finish(config, stage, model)


@hydra.main(version_base=None, config_path="configs", config_name="train")  # type: ignore[untyped-decorator]
def main(given: DictConfig) -> None:
    """Train from the command line."""
    config: Config = OmegaConf.to_object(given)
    torch.set_num_threads(config.threads)
    try:
        run(config, join(config.device))
    except LexiMindError as error:
        raise SystemExit(f"error: {error}") from None
    finally:
        leave()


if __name__ == "__main__":
    main()
