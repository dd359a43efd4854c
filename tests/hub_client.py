"""A process that publishes to and loads from the hub it is pointed to: command lines in, answer lines out.

huggingface_hub reads its settings when it is imported, so the hub of a test needs a process of its own.
``Client`` starts one; in it runs ``main``.
"""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
MARK = "answer: "


class EndedError(Exception):
    """The client is no more."""


class Client:
    """Runs commands in a process whose Hub is at ``endpoint``."""

    def __init__(self, endpoint: str, home: Path, token: str = "hf_write") -> None:
        environment = {name: value for name, value in os.environ.items() if not name.startswith("HF_")} | {
            "HF_ENDPOINT": endpoint,
            "HF_HOME": str(home),
            "HF_HUB_DISABLE_XET": "1",
            "HF_HUB_DISABLE_TELEMETRY": "1",
            "HF_HUB_DISABLE_PROGRESS_BARS": "1",
            "HF_HUB_ETAG_TIMEOUT": "5",
            "HF_TOKEN": token,
            "PYTHONPATH": str(ROOT),
            "OMP_NUM_THREADS": "1",
            "no_proxy": "127.0.0.1",
        }
        self._process = subprocess.Popen(
            [sys.executable, __file__],
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def ask(self, command: str, **given: Any) -> dict[str, Any]:
        """The answer to a command; ``error`` in it when it failed."""
        assert self._process.stdin and self._process.stdout and self._process.stderr
        self._process.stdin.write(json.dumps({"command": command} | given) + "\n")
        self._process.stdin.flush()
        while line := self._process.stdout.readline():
            if line.startswith(MARK):
                return json.loads(line.removeprefix(MARK))
        raise EndedError(self._process.stderr.read()[-3000:])

    def kill(self) -> None:
        """As the kernel would: at once, in the middle of a request."""
        os.kill(self._process.pid, signal.SIGKILL)

    def close(self) -> None:
        self._process.kill()
        self._process.communicate()


def publish(folder: str, repo: str, max_shard: int = 0, **options: Any) -> dict[str, Any]:
    from builders import hub, upload
    from builders.publish import publish as push

    hub.WAITS = (0.01, 0.01, 0.01)  # type: ignore[misc]
    upload.MAX_SHARD = max_shard or 500_000_000  # type: ignore[misc]
    log: list[str] = []
    done = push(Path(folder), repo, report=log.append, **{name: Path(path) for name, path in options.items()})
    return {"tag": done.tag, "commit": done.commit, "is_new": done.is_new, "text": str(done), "log": log}


def load(repo: str, revision: str = "main", home: str = "") -> dict[str, Any]:
    """As a reader would, from nothing."""
    from datasets import load_dataset

    read = load_dataset(repo, split="train", revision=revision, cache_dir=home)
    table = read.with_format("arrow")[:]
    path = Path(home) / "read.parquet"
    import pyarrow.parquet as pq

    pq.write_table(table, path)
    return {"n_rows": len(read), "path": str(path), "features": str(read.features)}


def library(repo: str) -> dict[str, Any]:
    """As the app does."""
    from leximind.library.store import load_library

    found, note = load_library(repo)
    return {"ids": [work.id for work in found.works], "version": found.version, "note": note}


def access(repo: str) -> dict[str, Any]:
    from builders.publish import check_access

    check_access(repo)
    return {}


def main() -> None:
    commands = {"publish": publish, "load": load, "library": library, "access": access}
    for line in sys.stdin:
        given = json.loads(line)
        try:
            answer = commands[given.pop("command")](**given)
        except Exception as error:
            answer = {"error": str(error), "type": type(error).__name__}
        sys.stdout.write(f"{MARK}{json.dumps(answer)}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
