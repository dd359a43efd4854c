"""MLflow keeps what a run tells it, in a file of its own, and tells nobody."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from leximind.errors import InputError
from leximind.training.tracking import DATABASE, EXPERIMENT, mlflow_tracker

ROOT = Path(__file__).parent.parent
needs_mlflow = pytest.mark.skipif(
    not all(importlib.util.find_spec(name) for name in ("mlflow", "sqlalchemy", "alembic")),
    reason="MLflow is not installed (pip install -r requirements-track.txt)",
)


def stored(folder: Path) -> list[Any]:
    """The runs of a store, oldest first, through a client of its own."""
    from mlflow import MlflowClient

    client = MlflowClient(tracking_uri=f"sqlite:///{folder / DATABASE}")
    experiment = client.get_experiment_by_name(EXPERIMENT)
    return list(client.search_runs([experiment.experiment_id], order_by=["attributes.start_time ASC"]))


def history(folder: Path, run_id: str, key: str) -> list[tuple[int, float]]:
    from mlflow import MlflowClient

    client = MlflowClient(tracking_uri=f"sqlite:///{folder / DATABASE}")
    return [(metric.step, metric.value) for metric in client.get_metric_history(run_id, key)]


@needs_mlflow
def test_what_is_logged_is_read_back(tmp_path: Path) -> None:
    folder = tmp_path / "new"
    parameters = {"model": {"preset": "mini", "dropout": 0.1}, "steps": 40, "long": "x" * 9000}
    tracker = mlflow_tracker(folder, "first", parameters)
    tracker.log(20, {"loss/topic": 1.5, "rate": 0.25})
    tracker.log(40, {"loss/topic": 0.5, "rate": 0.125})
    assert stored(folder)[0].info.status == "RUNNING"
    tracker.close()
    (run,) = stored(folder)
    assert (run.info.run_name, run.info.status) == ("first", "FINISHED")
    assert run.data.params.pop("long") == "x" * 6000
    assert run.data.params == {"model.preset": "mini", "model.dropout": "0.1", "steps": "40"}
    assert history(folder, run.info.run_id, "loss/topic") == [(20, 1.5), (40, 0.5)]
    assert history(folder, run.info.run_id, "rate") == [(20, 0.25), (40, 0.125)]

    # A run that was killed goes on; one that is new in name or parameters, or ended, does not.
    killed = mlflow_tracker(folder, "second", {"steps": 40})
    killed.log(20, {"rate": 1.0})
    resumed = mlflow_tracker(folder, "second", {"steps": 40})
    resumed.log(40, {"rate": 0.5})
    assert history(folder, killed.run_id, "rate") == [(20, 1.0), (40, 0.5)] and len(stored(folder)) == 2
    others = [mlflow_tracker(folder, "second", {"steps": 80}), mlflow_tracker(folder, "third", {"steps": 40})]
    resumed.close()
    others.append(mlflow_tracker(folder, "second", {"steps": 40}))
    assert len({run.info.run_id for run in stored(folder)}) == 5
    assert killed.run_id not in {other.run_id for other in others}


@needs_mlflow
def test_nothing_goes_over_the_network(tmp_path: Path) -> None:
    # MLflow sends no usage reports while it is being tested, so this runs as a visitor's shell would.
    code = (
        "import socket, sys, threading\n"
        "from pathlib import Path\n"
        "def refuse(*args, **kwargs):\n"
        "    print('CALLED', args[-1], flush=True)\n"
        "    raise OSError('no network here')\n"
        "socket.getaddrinfo = socket.socket.connect = refuse\n"
        "from leximind.training.tracking import mlflow_tracker\n"
        "tracker = mlflow_tracker(Path(sys.argv[1]), 'run', {})\n"
        "tracker.log(1, {'loss': 1.0})\n"
        "tracker.close()\n"
        "[thread.join(5) for thread in threading.enumerate() if thread is not threading.main_thread()]\n"
        "print('ENDED')\n"
    )
    kept = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "store")],
        cwd=tmp_path, env=kept, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["ENDED"], done.stdout
    assert {path.name for path in tmp_path.iterdir()} - {"store"} <= {".cache", ".mlflow", ".config"}


@pytest.mark.parametrize("missing", ["mlflow", "sqlalchemy", "alembic"])
def test_a_missing_extra_is_said_with_its_remedy(
    missing: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("mlflow", "sqlalchemy", "alembic"):
        monkeypatch.setitem(sys.modules, name, sys.modules.get(name) or type(sys)(name))
    monkeypatch.setitem(sys.modules, missing, None)
    with pytest.raises(InputError) as caught:
        mlflow_tracker(tmp_path / "never", "run", {})
    assert missing in caught.value.message and "requirements-track.txt" in caught.value.hint
    assert not (tmp_path / "never").exists()
