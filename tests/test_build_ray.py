"""The analysis on Ray Data with two local workers: the same bytes, also when a worker dies."""

import hashlib
import os
import signal
import sys
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from killed_build import DATE, FakeReader, make_row, write_shelf

from builders.analyse import Description
from builders.build import build
from builders.pipeline.options import Options

ray: Any = pytest.importorskip("ray", reason="Ray is not installed: pip install -r requirements-build.txt")

TESTS = Path(__file__).resolve().parent


class Mortal(FakeReader):
    """Fails on one text, then dies on another; each once."""

    def __init__(self, graves: Path) -> None:
        super().__init__()
        self.graves = graves

    def describe(self, titles: Sequence[str], descriptions: Sequence[str]) -> list[Description]:
        if any("number 3 " in text for text in descriptions) and self._is_first("failed"):
            raise RuntimeError("out of memory, say")
        if any("number 11 " in text for text in descriptions) and self._is_first("died"):
            os.kill(os.getpid(), signal.SIGKILL)
        return super().describe(titles, descriptions)

    def _is_first(self, name: str) -> bool:
        try:
            (self.graves / name).touch(exist_ok=False)
        except FileExistsError:
            return False
        return True


@pytest.fixture(scope="module", autouse=True)
def cluster() -> Iterator[None]:
    # The workers find this file where the test does.
    paths = os.pathsep.join([str(TESTS.parent), str(TESTS)])
    ray.init(
        num_cpus=2,
        include_dashboard=False,
        log_to_driver=False,
        object_store_memory=100_000_000,
        runtime_env={"env_vars": {"PYTHONPATH": paths, "OMP_NUM_THREADS": "1"}},
    )
    yield
    ray.shutdown()


def digest(folder: Path) -> dict[str, str]:
    names = ("out/works.parquet", "out/manifest.json", "out/rejected.jsonl", "work/halves.parquet")
    shards = sorted(folder.glob("work/analyse/shards/*"))
    files = [*(folder / name for name in names), *shards]
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


@pytest.mark.timeout(300)
def test_two_workers_write_the_same_bytes_although_one_dies(tmp_path: Path) -> None:
    rows: list[Any] = [make_row(number) for number in range(17)]
    rows[4]["text"] = "A whole book. " * 50
    rows[9]["description"] = "REFUSE this one, unlike all the others."
    source = write_shelf(tmp_path / "shelf.jsonl", rows)

    def run(name: str, load: Any, **given: Any) -> dict[str, str]:
        place = tmp_path / name
        options = Options(
            str(source), place / "out", place / "work", DATE, shard_rows=3, batch_size=2, **given
        )
        report = build(load, "v1", options)
        assert report.analysed is not None
        assert report.analysed.n_works == 17
        return digest(place)

    alone = run("alone", FakeReader)
    (tmp_path / "graves").mkdir()
    together = run("together", partial(Mortal, tmp_path / "graves"), engine="ray", workers=2)
    assert sorted(path.name for path in (tmp_path / "graves").iterdir()) == ["died", "failed"]
    assert together == alone
    assert len(alone) == 4 + 6
    # Nothing is left to do, so no worker is started and no model is loaded.
    options = Options(
        str(source),
        tmp_path / "together" / "out",
        tmp_path / "together" / "work",
        DATE,
        shard_rows=3,
        batch_size=2,
        engine="ray",
    )
    again = build(lambda: sys.exit("loaded"), "v1", options)
    assert again.analysed is not None
    assert again.analysed.n_works == 0
