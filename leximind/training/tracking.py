"""Where a run's numbers go beside its ``log.jsonl``: MLflow, with a store of its own and no server."""

import logging
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol

from leximind.errors import InputError

EXPERIMENT, DATABASE = "leximind", "mlflow.db"
LONGEST = 6000  # characters of a parameter that MLflow keeps


class Tracker(Protocol):
    """What the training loop tells its numbers to."""

    def log(self, step: int, values: Mapping[str, float]) -> None:
        """Keep the values of a step; names may hold letters, digits and ``_-. :/``."""

    def close(self) -> None:
        """Say that the run has ended well."""


class MlflowTracker:
    """One run in MLflow's store; make it with `mlflow_tracker`."""

    def __init__(self, client: Any, run_id: str) -> None:
        self.client, self.run_id = client, run_id

    def log(self, step: int, values: Mapping[str, float]) -> None:
        """Write the values of a step in one transaction."""
        from mlflow.entities import Metric

        now = int(time.time() * 1000)
        self.client.log_batch(
            self.run_id, [Metric(key, float(value), now, step) for key, value in values.items()]
        )

    def close(self) -> None:
        """Mark the run as finished; one that is never closed stays open, to be resumed."""
        self.client.set_terminated(self.run_id, "FINISHED")


def mlflow_tracker(folder: Path, name: str, parameters: Mapping[str, object]) -> MlflowTracker:
    """A run in the SQLite store ``FOLDER/mlflow.db``.

    Read it with `MlflowClient`, or with the page of the whole mlflow package:
    ``mlflow ui --backend-store-uri sqlite:///FOLDER/mlflow.db``. A killed run that starts again under the
    same name with the same parameters goes on in the run it left open, so that its curves stay in one piece;
    otherwise a new one begins. Nothing goes over the network: MLflow's usage reports are turned off.

    Args:
        folder: holds the store; several runs may share it. Made where it is missing.
        name: what the run is called.
        parameters: may be nested; kept as ``outer.inner``.

    Raises:
        InputError: MLflow or what its SQLite store needs is not installed.
    """
    client = _connect(folder)
    experiment = client.get_experiment_by_name(EXPERIMENT)
    files = (folder / "artifacts").resolve().as_uri()
    identity = experiment.experiment_id if experiment else client.create_experiment(EXPERIMENT, files)
    texts = {key: str(value)[:LONGEST] for key, value in _flatten(parameters)}
    for run in client.search_runs([identity], "attributes.status = 'RUNNING'"):
        if run.info.run_name == name and run.data.params == texts:
            return MlflowTracker(client, run.info.run_id)
    run = client.create_run(identity, run_name=name)
    from mlflow.entities import Param

    client.log_batch(run.info.run_id, params=[Param(key, text) for key, text in texts.items()])
    return MlflowTracker(client, run.info.run_id)


def _connect(folder: Path) -> Any:
    try:
        import alembic  # noqa: F401
        import sqlalchemy  # noqa: F401
        from mlflow import MlflowClient
        from mlflow.environment_variables import MLFLOW_DISABLE_TELEMETRY
        from mlflow.telemetry import set_telemetry_client
    except ModuleNotFoundError as error:
        raise InputError(
            f"Tracking with MLflow was asked for, but {error.name} is not installed.",
            hint='Install it with: pip install "leximind[track]" (in a checkout: '
            "pip install -r requirements-track.txt), or train without; log.jsonl is always written.",
        ) from error
    MLFLOW_DISABLE_TELEMETRY.set(True)
    set_telemetry_client()
    logging.getLogger("mlflow.store.db").setLevel(logging.WARNING)  # how it makes its tables is not news
    folder.mkdir(parents=True, exist_ok=True)
    return MlflowClient(tracking_uri=f"sqlite:///{(folder / DATABASE).resolve()}")


def _flatten(parameters: Mapping[str, object], prefix: str = "") -> Iterator[tuple[str, object]]:
    for key, value in parameters.items():
        if isinstance(value, Mapping):
            yield from _flatten(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value
