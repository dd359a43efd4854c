"""The last stage: the finished model, calibrated, packed and described, in a folder of its own."""

from pathlib import Path

from builders.schema import Config
from builders.stages.tables import Tables, prepare
from leximind.model.multitask import MultiTask
from leximind.text.tokenizer import Tokenizer
from leximind.training.distributed import Processes

# Where builders/export.py looks for what it calibrates on, and in which columns.
HELD_OUT = {
    "emotion": ("emotion/goemotions_validation.parquet", ["text", "labels"]),
    "topic": ("topic/topic_validation.parquet", ["text", "topic"]),
}


def run(config: Config, model: MultiTask, tokenizer: Tokenizer, processes: Processes) -> MultiTask:
    """Write the model to ``export_to``; the first process does it."""
    if processes.is_first:
        from builders.export import export

        export(model, tokenizer, validation_folder(config), Path(config.export_to))
    processes.barrier()
    return model


def validation_folder(config: Config) -> Path:
    """The folder of the data; where the data are not in one (the Hub), its files are written."""
    if config.data.folder:
        return Path(config.data.folder)
    tables = prepare(config)
    tables.need(*HELD_OUT)
    return write_validation(tables, Path(config.output) / "validation")


def write_validation(tables: Tables, folder: Path) -> Path:
    """The validation tables as the files of a data folder."""
    for task, (name, columns) in HELD_OUT.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        tables.validation[task][columns].to_parquet(folder / name, index=False)
    return folder
