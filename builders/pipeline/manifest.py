"""What a stage was given and what came of it, so that it is not run again without need."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from builders.pipeline.files import write_atomically
from leximind.errors import NotFoundError


@dataclass(frozen=True)
class Manifest:
    """One stage of one build.

    Attributes:
        input: hash of what it read. output: hash of what it wrote.
        version: of the model, or of the code where there is no model.
        config: the options that the output depends on.
        counts: how many works, and so on; counted, not timed, so that two runs agree to the byte.
        facts: what later stages need to know, such as the name of the model.
    """

    stage: str
    input: str
    version: str
    config: Mapping[str, Any]
    output: str = ""
    counts: Mapping[str, int] = field(default_factory=dict)
    facts: Mapping[str, str] = field(default_factory=dict)

    def fits(self, wanted: "Manifest") -> bool:
        """Whether the stage would be given the same again."""
        return (self.stage, self.input, self.version, dict(self.config)) == (
            wanted.stage,
            wanted.input,
            wanted.version,
            dict(wanted.config),
        )

    def save(self, work: Path) -> None:
        """Write ``STAGE.json``; the last thing a stage does."""
        write_atomically(work / f"{self.stage}.json", json.dumps(asdict(self), indent=2) + "\n")

    @classmethod
    def find(cls, work: Path, stage: str) -> "Manifest | None":
        """The manifest of a finished stage; None when it is missing or damaged: run the stage."""
        try:
            return cls(**json.loads((work / f"{stage}.json").read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):
            return None

    @classmethod
    def require(cls, work: Path, stage: str) -> "Manifest":
        """The manifest of a stage that another one builds upon.

        Raises:
            NotFoundError: the stage was not run to its end.
        """
        found = cls.find(work, stage)
        if found is None:
            raise NotFoundError(
                f"The stage {stage!r} has not been finished in {work}.",
                hint=f"Run `python builders/build.py {stage}` with the same options first.",
            )
        return found

    @staticmethod
    def drop(work: Path, stage: str) -> None:
        """Forget a stage, before its output changes."""
        (work / f"{stage}.json").unlink(missing_ok=True)
