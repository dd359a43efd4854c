"""What to build, from what, into what, and how."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal

from builders.pipeline.files import hash_text
from builders.sources import SourceOptions
from leximind.settings import ROOT

Precision = Literal["fp32", "bf16", "int8"]
Summaries = Literal["written", "extracted"]
Engine = Literal["local", "ray"]

WORK_DIR: Final = ROOT / "runs" / "build"
STAGES: Final = ("sources", "analyse", "index", "validate", "publish")


@dataclass(frozen=True)
class Options:
    """One build.

    Attributes:
        source: a place that ``open_source`` understands.
        output: folder of the dataset.
        work: what lies between the stages; by default a folder of its own for each source and output.
        date: the day written into the dataset, ISO; "" for the day it is built, or that of the last build
            when nothing has changed since.
        reading: how the source is read.
        shard_rows: at most so many works in a part, which is what is analysed, retried or handed out at once.
        batch_size: so many works of similar length go through the model together.
        precision: of the encoder. summaries: by the decoder where they may be shown, or only key sentences.
        threads: of torch, for each worker; 0 leaves torch's own choice.
        workers, gpus: of the Ray engine; a worker can take a fraction of a GPU. device: of the encoder.
        share: (i, n) to analyse only each n-th part from the i-th on, counted from 1; None for all.
        merge: work folders of other machines whose shards are taken over.
        update: take over what the dataset in ``output`` already says about works that did not change.
    """

    source: str
    output: Path
    work: Path | None = None
    date: str = ""
    reading: SourceOptions = field(default_factory=SourceOptions)
    shard_rows: int = 128
    batch_size: int = 32
    precision: Precision = "fp32"
    summaries: Summaries = "written"
    threads: int = 0
    engine: Engine = "local"
    workers: int = 2
    gpus: float = 0
    device: str = "cpu"
    share: tuple[int, int] | None = None
    merge: tuple[Path, ...] = ()
    update: bool = False

    @property
    def folder(self) -> Path:
        """The work folder."""
        if self.work is not None:
            return self.work
        place = Path(self.source)
        source = str(place.resolve()) if place.exists() else self.source
        output = self.output.resolve()
        return WORK_DIR / f"{output.name}-{hash_text([source, str(output)])[:8]}"

    @property
    def analysis(self) -> dict[str, str | int]:
        """The options that figures depend on beside the model."""
        return {
            "precision": self.precision,
            "summaries": self.summaries,
            "batch_size": self.batch_size,
        }
