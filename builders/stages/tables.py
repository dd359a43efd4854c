"""The tables that all stages train and are checked on: read, cut to size, split, rid of repetitions, kept."""

import hashlib
import json
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd

from builders.pipeline.files import write_atomically
from builders.schema import Config
from leximind.errors import InputError
from leximind.evaluation.pools import HALVES, POOL, is_held_out, is_test_half
from leximind.training.deduplicate import Drop, Policy, deduplicate, fingerprint, split_by_document
from leximind.training.distributed import SINGLE, Processes
from leximind.training.readers import HUB
from leximind.training.sources import Source, read_task

REPORT: Final = "report.json"
TRAIN, VALIDATION, NEVER = "train", "validation", "never_train"
# Tables that show other tables' texts again, for heads on a frozen encoder: each is compared with itself.
VIEWS: Final = ("selection", "pairs")
Frames = dict[str, pd.DataFrame]


@dataclass(frozen=True)
class Tables:
    """Frames of `leximind.training.sources` by task, the folder they are kept in, and what became of rows."""

    train: Frames
    validation: Frames
    folder: Path
    report: dict[str, Any]

    def need(self, *tasks: str) -> None:
        """Raise InputError unless there are rows to train on and to check with for each of `tasks`."""
        for task in tasks:
            for what, frames in ((TRAIN, self.train), (VALIDATION, self.validation)):
                if not len(frames.get(task, ())):
                    raise InputError(
                        f"This stage needs rows for {task}, but data.{what} gives none.",
                        hint=f"Name a source with data.{what}.{task}=[{{path: FILE}}].",
                    )

    def sample(self, task: str, n: int, seed: int) -> pd.DataFrame:
        """At most `n` validation rows (0 is all) to look at while training.

        Of emotions from every second one: the export calibrates on those, and the others are for reporting.
        """
        frame = self.validation[task].iloc[:: 2 if task == "emotion" else 1]
        return frame.sample(n=n, random_state=seed).sort_index() if 0 < n < len(frame) else frame


def prepare(config: Config, processes: Processes = SINGLE) -> Tables:
    """The tables of a run; made once and then read from ``OUTPUT/data``.

    Raises:
        LexiMindError: a source cannot be read, see `leximind.training.sources`.
    """
    folder = Path(config.output) / "data" / _key(config)
    if processes.is_first and not (folder / REPORT).exists():
        _make(config, folder)
    processes.barrier()
    frames = {
        split: {path.stem: pd.read_parquet(path) for path in sorted((folder / split).glob("*.parquet"))}
        for split in (TRAIN, VALIDATION)
    }
    report = json.loads((folder / REPORT).read_text(encoding="utf-8"))
    return Tables(frames[TRAIN], frames[VALIDATION], folder, report)


def _make(config: Config, folder: Path) -> None:
    data = config.data
    report: dict[str, Any] = {}
    train = _read(config, data.train, report, TRAIN)
    leave_out_measured(train, report)
    validation = _read(config, data.validation, report, VALIDATION)
    never = _read(config, data.never_train, report, NEVER)
    for task, limit in asdict(config.training.rows).items():
        if task in train and 0 < limit < len(train[task]):
            train[task] = train[task].sample(n=limit, random_state=config.seed).sort_index()
    for task in [task for task in train if task not in validation]:
        train[task], validation[task] = _split(train[task], data.validation_share)
    if data.deduplicate:
        policy = Policy(**asdict(data.policy))
        report["dropped"] = _deduplicate(train, {VALIDATION: validation, NEVER: never}, policy)
    report["rows"] = {
        split: {task: len(frame) for task, frame in frames.items()}
        for split, frames in ((TRAIN, train), (VALIDATION, validation))
    }
    partial = folder.with_suffix(".partial")
    shutil.rmtree(partial, ignore_errors=True)
    for split, frames in ((TRAIN, train), (VALIDATION, validation)):
        (partial / split).mkdir(parents=True)
        for task, frame in frames.items():
            frame.to_parquet(partial / split / f"{task}.parquet", index=False)
    write_atomically(partial / REPORT, json.dumps(report, indent=1) + "\n")
    shutil.rmtree(folder, ignore_errors=True)
    partial.rename(folder)


def _read(config: Config, sources: Any, report: dict[str, Any], split: str) -> Frames:
    frames: Frames = {}
    for task, given in asdict(sources).items():
        if not given:
            continue
        table = read_task(task, [Source(**source) for source in given], config.seed)
        frames[task] = table.frame
        left_out = {"empty": table.n_empty, "unmapped": table.n_unmapped}
        report.setdefault("left_out", {})[f"{split}.{task}"] = left_out
    return frames


def leave_out_measured(frames: Frames, report: dict[str, Any]) -> None:
    """Take out of the training frames, in place, what the evaluation measures on; see `evaluation.pools`."""
    for task, frame in frames.items():
        stems = [Path(origin).stem for origin in frame["origin"]]
        is_measured = [
            is_test_half(document) if stem in HALVES else stem == POOL and is_held_out(document)
            for stem, document in zip(stems, frame["document"], strict=True)
        ]
        frames[task] = frame[~np.array(is_measured, dtype=bool)].reset_index(drop=True)
        report.setdefault("measured", {})[task] = sum(is_measured)


def _split(frame: pd.DataFrame, share: float) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Training and validation rows of a frame, whole documents; a row without an id is one of its own."""
    documents = [
        document or fingerprint(text) for document, text in zip(frame["document"], _texts(frame), strict=True)
    ]
    splits = split_by_document(documents, {TRAIN: 1 - share, VALIDATION: share})
    return frame[splits == TRAIN], frame[splits == VALIDATION]


def _texts(frame: pd.DataFrame) -> list[str]:
    return list(frame["source"] if "source" in frame else frame["text"])


def _targets(frame: pd.DataFrame) -> list[str]:
    return [" ".join(targets) for targets in frame["targets"]]


def _deduplicate(train: Frames, held: Mapping[str, Frames], policy: Policy) -> dict[str, dict[str, int]]:
    """Take repetitions out of the training frames, in place; {task: {why: rows}}."""
    held_out = {}
    for split, frames in held.items():
        for task, frame in frames.items():
            held_out[f"{split}.{task}"] = _texts(frame)
            if "targets" in frame:
                held_out[f"{split}.{task}.targets"] = _targets(frame)
    # The smallest set keeps its rows: the others have more to lose.
    tasks = sorted(train, key=lambda task: (len(train[task]), task))
    counts: dict[str, dict[str, int]] = {}
    own = [task for task in tasks if task not in VIEWS]
    for group in (own, *([task] for task in tasks if task in VIEWS)):
        found = deduplicate({task: _texts(train[task]) for task in group}, held_out, policy)
        counts |= found.counts()
        for task in group:
            train[task] = train[task][found.kept[task]].reset_index(drop=True)
    for task in [task for task in tasks if "targets" in train[task]]:
        name = f"{task}.targets"
        found = deduplicate({name: _targets(train[task])}, held_out, policy)
        # Two works may share a title; only what is held out may not be learned by heart.
        leaks = [drop for drop in found.drops if drop.of in held_out]
        counts[name] = _count(leaks)
        train[task] = train[task].drop(index=[drop.row for drop in leaks]).reset_index(drop=True)
    return counts


def _count(drops: list[Drop]) -> dict[str, int]:
    reasons = [f"{drop.reason} of {drop.of}" for drop in drops]
    return {reason: reasons.count(reason) for reason in sorted(set(reasons))}


def _key(config: Config) -> str:
    """A name for the tables that changes with everything they are made from."""
    data = asdict(config.data)
    described: list[Any] = [data, asdict(config.training.rows), config.seed]
    for split in (TRAIN, VALIDATION, NEVER):
        for sources in data[split].values():
            described += [_stamp(source["path"]) for source in sources]
    return hashlib.sha256(json.dumps(described, sort_keys=True).encode()).hexdigest()[:16]


def _stamp(path: str) -> list[Any]:
    """Sizes and times of a source's files; nothing for the Hub, where a revision says which rows."""
    place = Path(path)
    if path.startswith(HUB) or not place.exists():
        return []
    files = sorted(place.rglob("*")) if place.is_dir() else [place]
    return [[str(file), file.stat().st_size, file.stat().st_mtime_ns] for file in files if file.is_file()]
