"""Build the discovery dataset: ``python builders/build.py --help``.

Reads works, runs the model over them, and writes a dataset that the app can browse. Killed at any moment,
the same command goes on where it was; run again without any change, it does nothing.
"""

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from builders.analyse import Reader, version_of
from builders.pipeline.analysis import Analysed, Stage
from builders.pipeline.arguments import read_arguments, read_options
from builders.pipeline.index import index_works
from builders.pipeline.manifest import Manifest
from builders.pipeline.options import STAGES, Options
from builders.pipeline.sources import REJECTED, read_source
from builders.pipeline.validate import validate_dataset
from builders.publish import check_access, publish
from leximind.errors import LexiMindError

BUILD = STAGES[:-1]


@dataclass(frozen=True)
class Report:
    """What came of a build.

    Attributes:
        manifests: of the stages that were run, by name.
        analysed: what the analysis did; None where it was not run.
    """

    manifests: dict[str, Manifest] = field(default_factory=dict)
    analysed: Analysed | None = None


def build(
    load: Callable[[], Reader], version: str, options: Options, stages: Sequence[str] = BUILD
) -> Report:
    """Run stages in their order; those with nothing to do are passed over.

    Args:
        load: gives the model; called only when there is something to analyse, and on each worker.
        version: of the model's weights and code; what another version found is not taken up.

    Raises:
        LexiMindError: the source cannot be read, not one row of it could be used, or a stage is asked for
            before the one that it builds upon.
    """
    manifests: dict[str, Manifest] = {}
    analysed = None
    if "sources" in stages:
        manifests["sources"] = read_source(options)
    if "analyse" in stages:
        analysed = Stage(options, load, version).run()
        if analysed.manifest is None:
            # A job of an array: the last one, or a run without --shard, goes on.
            return Report(manifests, analysed)
        manifests["analyse"] = analysed.manifest
    if "index" in stages:
        manifests["index"] = index_works(options)
    if "validate" in stages:
        manifests["validate"] = validate_dataset(options)
    return Report(manifests, analysed)


def main(arguments: Sequence[str] | None = None) -> int:
    """Build from the command line; returns the exit status."""
    given = read_arguments(arguments)
    stages = given.stages or BUILD
    publishes = bool(given.push_to_hub) and (not given.stages or "publish" in given.stages)
    try:
        if publishes:
            check_access(given.push_to_hub)
        options = read_options(given)
        if any(stage in BUILD for stage in stages):
            version = version_of(given.model) if "analyse" in stages else ""
            report = build(partial(_load, given.model, options), version, options, stages)
            print("\n".join(_describe(report, options)))
        if publishes:
            published = publish(given.output, given.push_to_hub, report=print, model=given.model)
            print(f"Published: {published}")
    except LexiMindError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"error: {error}. Check the path and the space on the disk.", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("Stopped. The same command goes on from here.", file=sys.stderr)
        return 130
    return 0


def _load(model: Path, options: Options) -> Reader:
    # Late, so that --help, wrong options and a build with nothing to do answer at once.
    from builders.reader import load_reader

    return load_reader(
        model,
        precision=options.precision,
        summaries=options.summaries,
        threads=options.threads,
        device=options.device,
    )


def _describe(report: Report, options: Options) -> list[str]:
    lines = [f"work folder: {options.folder}"]
    if found := report.manifests.get("sources"):
        counts = found.counts
        place = options.folder / "sources" / REJECTED
        rejected = f", {counts['n_rejected']} rejected (see {place})" if counts["n_rejected"] else ""
        lines.append(f"sources: {counts['n_works']} works in {counts['n_parts']} parts{rejected}")
    if done := report.analysed:
        pace = f" ({done.n_works / max(done.seconds, 1e-9):.1f} docs/s)" if done.n_works else ""
        lines.append(f"analyse: {done.n_works} works through the model in {done.seconds:.1f} s{pace}")
        if changes := done.changes:
            lines.append(
                f"update: {changes.n_added} new, {changes.n_changed} changed, {changes.n_kept} kept as they "
                f"were, {changes.n_removed} removed"
            )
        if done.manifest is None:
            lines.append("Parts are still missing: run the other jobs, then the same without --shard.")
        elif done.manifest.counts["n_refused"]:
            lines.append(f"{done.manifest.counts['n_refused']} works were refused by the model.")
    if found := report.manifests.get("index"):
        lines.append(f"index: {found.counts['n_works']} works, version {found.output}, in {options.output}")
    if found := report.manifests.get("validate"):
        kinds = ", ".join(f"{n} {name.removeprefix('n_')}" for name, n in found.counts.items())
        lines.append(f"validate: good ({kinds})")
    return lines


if __name__ == "__main__":
    sys.exit(main())
