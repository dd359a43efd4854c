"""kill -9 at twenty moments over all stages: no row lost, none twice, the same bytes at the end."""

import json
import os
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
SCRIPT = Path(__file__).with_name("killed_build.py")
SEED = 20


@pytest.mark.timeout(600)
def test_a_build_killed_at_twenty_moments_ends_with_the_same_bytes(tmp_path: Path) -> None:
    environment = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, str(SCRIPT), str(tmp_path), str(SEED)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    reports = [json.loads(line) for line in done.stdout.splitlines()]
    assert Counter(report["stage"] for report in reports) == {
        "sources": 5,
        "analyse": 5,
        "index": 5,
        "validate": 5,
    }
    for report in reports:
        assert report["killed_by"] == signal.SIGKILL, report
        assert report["differences"] == [], report
        assert report["n_texts"] == report["n_expected"], report
        # At most the part in hand is read again (four descriptions); finished parts and full texts never are.
        assert report["n_repeated"] <= 4, report
    assert len({(report["stage"], report["line"]) for report in reports}) == 20
    # The kills did fall between parts, not only before and after all of them.
    assert len({report["n_shards"] for report in reports}) >= 3
