"""Stage two: every part through the model into a shard of the same number.

A shard says of which part and which analysis it is. Those that fit are kept, whoever made them: this run, one
that was killed, a job of an array (``--shard i/n``), another machine (``--merge``), or a worker of Ray.
"""

import json
import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Final

import pyarrow.parquet as pq
from tqdm import tqdm

from builders.analyse import Finding, Reader, analyse
from builders.pipeline.files import hash_file, hash_text, replacing, sweep, write_atomically
from builders.pipeline.halves import write_halves
from builders.pipeline.manifest import Manifest
from builders.pipeline.options import Options
from builders.pipeline.parts import describe_shard, name_file, read_part, write_shard
from builders.pipeline.sources import STAGE as SOURCES
from builders.pipeline.sources import list_parts
from builders.pipeline.texts import TEXTS, TextCache
from builders.pipeline.update import Changes, Known, find_known
from leximind.errors import InputError
from leximind.settings import build_day

STAGE: Final = "analyse"
SHARDS: Final = "analyse/shards"
_BEGUN: Final = "analyse/begun.json"
Load = Callable[[], Reader]


@dataclass(frozen=True)
class Analysed:
    """What a run of the stage did.

    Attributes:
        manifest: None where a share was analysed and others are still missing.
        n_works: analysed now, by this process or its workers. seconds: that this took.
        changes: what an update found.
    """

    manifest: Manifest | None
    n_works: int
    seconds: float
    changes: Changes | None = None


@dataclass(frozen=True)
class Task:
    """One part and its shard, with all that a worker must know to make one from the other.

    Attributes:
        about: what the shard will say of itself.
        texts: folder of the full texts already read. analysis: what those belong to.
    """

    part: Path
    shard: Path
    about: dict[str, str]
    texts: Path
    analysis: str
    batch_size: int
    date: str

    @property
    def is_done(self) -> bool:
        """Whether the shard is there, of this part and this analysis."""
        return self.about.items() <= describe_shard(self.shard).items()

    def run(
        self, reader: Reader, known: Known | None = None, report: Callable[[int], object] = lambda _: None
    ) -> int:
        """Make the shard; returns how many works went through the model."""
        entries = read_part(self.part)
        findings: dict[int, Finding] = {} if known is None else known.take(entries)
        fresh = [row for row in range(len(entries)) if row not in findings]
        read_whole = TextCache(self.texts, self.analysis).reading(reader.read_whole)
        made = analyse(
            [entries[row] for row in fresh],
            reader,
            read_whole,
            batch_size=self.batch_size,
            date=self.date,
            report=report,
        )
        findings |= dict(zip(fresh, made, strict=True))
        about = self.about | {"model": reader.name}
        rows = [findings[row] for row in range(len(entries))]
        write_shard(self.shard, [entry.id for entry in entries], rows, about)
        return len(fresh)


class Stage:
    """The analysis of one build."""

    def __init__(self, options: Options, load: Load, version: str) -> None:
        self.options, self._load, self._version = options, load, version
        self._work = options.folder
        self._input = Manifest.require(self._work, SOURCES).output
        self.config = dict(options.analysis)

    def run(self) -> Analysed:
        """Make the shards that are missing, then say so in a manifest.

        Raises:
            LexiMindError: the sources are not read yet, or the model cannot be loaded.
        """
        options = self.options
        for other in options.merge:
            self._take_over(other)
        if options.update and options.engine == "ray":
            raise InputError("--update runs on this machine.", hint="Leave out --engine ray.")
        known = find_known(options, self._version) if options.update else None
        changes = None if known is None else known.count(read_part(task.part) for task in self.tasks)
        missing = [task for task in self.tasks if not task.is_done]
        mine = _share(missing, options.share)
        start = time.monotonic()
        n_works = self._run_tasks(mine, known)
        seconds = time.monotonic() - start
        manifest = self._finish() if len(mine) == len(missing) else None
        return Analysed(manifest, n_works, seconds, changes)

    @cached_property
    def tasks(self) -> list[Task]:
        """One a part."""
        # What novels say does not depend on how descriptions are batched or summarised.
        texts = hash_text([self._version, self.options.precision])
        analysis = hash_text([self._version, json.dumps(self.config, sort_keys=True)])
        date = self._begin(analysis)
        folder = self._work / SHARDS
        return [
            Task(
                part,
                name_file(folder, number),
                {"input": hash_file(part), "analysis": analysis},
                self._work / TEXTS,
                texts,
                self.options.batch_size,
                date,
            )
            for number, part in enumerate(list_parts(self._work))
        ]

    def _begin(self, analysis: str) -> str:
        """The day of this analysis: the same for all of it, also when it goes on after midnight."""
        wanted = {"input": self._input, "analysis": analysis}
        path = self._work / _BEGUN
        try:
            begun = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            begun = {}
        if not isinstance(begun, dict) or not wanted.items() <= begun.items():
            begun = wanted | {"date": self.options.date or build_day()}
            path.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(path, json.dumps(begun) + "\n")
        return str(begun["date"])

    def _run_tasks(self, tasks: Sequence[Task], known: Known | None) -> int:
        if not tasks:
            return 0
        if self.options.engine == "ray":
            from builders.pipeline.cluster import run_on_ray

            return run_on_ray(tasks, self._load, self.options)
        n_rows = sum(pq.read_metadata(task.part).num_rows for task in tasks)
        reader = self._load()
        with tqdm(total=n_rows, unit="work", disable=None) as bar:
            return sum(task.run(reader, known, bar.update) for task in tasks)

    def _take_over(self, other: Path) -> None:
        """Shards of another work folder that fit here."""
        for task in self.tasks:
            theirs = other / SHARDS / task.shard.name
            if not task.is_done and task.about.items() <= describe_shard(theirs).items():
                with replacing(task.shard) as partial:
                    shutil.copyfile(theirs, partial)

    def _finish(self) -> Manifest:
        """The manifest, when all shards are there."""
        shards = [task.shard for task in self.tasks]
        for stray in sorted((self._work / SHARDS).glob("*.parquet")):
            if stray not in set(shards):
                stray.unlink()
        sweep(self._work)
        wanted = Manifest(STAGE, self._input, self._version, self.config)
        output = hash_text(hash_file(shard) for shard in shards)
        found = Manifest.find(self._work, STAGE)
        if found is not None and found.fits(wanted) and found.output == output:
            return found
        counts = {"n_works": 0, "n_refused": 0, "n_full_texts": 0}
        for shard in shards:
            table = pq.read_table(shard, columns=["error", "n_words"])
            n_refused = sum(1 for error in table.column("error").to_pylist() if error)
            counts["n_works"] += len(table) - n_refused
            counts["n_refused"] += n_refused
            counts["n_full_texts"] += len(table) - table.column("n_words").null_count
        write_halves(shards, self._work)
        facts = {"model": describe_shard(shards[0])["model"]}
        made = Manifest(STAGE, self._input, self._version, self.config, output, counts, facts)
        made.save(self._work)
        return made


def list_shards(work: Path) -> list[Path]:
    """The shards of a finished analysis, by number.

    Raises:
        NotFoundError: the stage was not run to its end.
        InputError: the sources have been read anew since.
    """
    found, sources = Manifest.require(work, STAGE), Manifest.require(work, SOURCES)
    if found.input != sources.output:
        raise InputError(
            "The sources have changed since they were analysed.",
            hint="Run `python builders/build.py analyse` with the same options first.",
        )
    return [name_file(work / SHARDS, number) for number in range(sources.counts["n_parts"])]


def _share(tasks: Sequence[Task], share: tuple[int, int] | None) -> list[Task]:
    if share is None:
        return list(tasks)
    own, n = share
    return [task for task in tasks if int(task.part.stem) % n == own - 1]
