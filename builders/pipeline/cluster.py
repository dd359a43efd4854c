"""The analysis on Ray Data: the same tasks, the same shards, on as many machines as there are.

Workers share the work folder. A part is one block; a worker holds the model from block to block. A block that
fails, or whose worker dies, is given to another worker; a shard is put in place in one step, so a block that
was done twice is there once.
"""

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pyarrow.parquet as pq
from tqdm import tqdm

from builders.pipeline.options import Options
from leximind.errors import ModelError
from leximind.settings import ROOT

if TYPE_CHECKING:
    from builders.pipeline.analysis import Load, Task

RETRIES: Final = 3


class Worker:
    """Holds the model; takes the numbers of tasks, one at a time."""

    def __init__(self, load: "Load", tasks: "dict[int, Task]") -> None:
        self._reader, self._tasks = load(), tasks

    def __call__(self, batch: dict[str, Any]) -> dict[str, list[int]]:
        numbers = [int(number) for number in batch["number"]]
        return {"number": numbers, "n_works": [self._tasks[n].run(self._reader) for n in numbers]}


def run_on_ray(tasks: "Sequence[Task]", load: "Load", options: Options) -> int:
    """Make all shards; returns how many works went through the model.

    A cluster that RAY_ADDRESS names is used, or else this machine.

    Raises:
        ModelError: Ray is not installed.
    """
    try:
        import ray
        import ray.data
    except ImportError as error:
        raise ModelError(
            "--engine ray needs Ray Data, which is not installed.",
            hint="Run `pip install -r requirements-build.txt`.",
        ) from error
    if not ray.is_initialized():
        ray.init(
            log_to_driver=False,
            logging_level=logging.ERROR,
            runtime_env={"env_vars": {"PYTHONPATH": str(ROOT)}},
        )
    context = ray.data.DataContext.get_current()
    context.retried_map_errors, context.max_map_retries = True, RETRIES
    context.actor_task_retry_on_errors = True
    context.enable_progress_bars = False
    numbered = {int(task.part.stem): task for task in tasks}
    rows = ray.data.from_items([{"number": number} for number in numbered], override_num_blocks=len(numbered))
    done = rows.map_batches(
        Worker,
        fn_constructor_args=(load, numbered),
        batch_size=1,
        compute=ray.data.ActorPoolStrategy(size=min(options.workers, len(numbered))),
        num_cpus=options.threads or 1,
        num_gpus=options.gpus or None,
    )
    n_works = 0
    with tqdm(total=sum(_count_rows(task.part) for task in tasks), unit="work", disable=None) as bar:
        for row in done.iter_rows():
            n_works += int(row["n_works"])
            bar.update(_count_rows(numbered[int(row["number"])].part))
    return n_works


def _count_rows(part: Path) -> int:
    return int(pq.read_metadata(part).num_rows)
