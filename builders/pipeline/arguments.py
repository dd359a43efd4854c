"""The command line of a build."""

import argparse
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import get_args

from builders.pipeline.options import STAGES, Engine, Options, Precision, Summaries
from builders.sources import SourceOptions
from leximind.errors import InputError
from leximind.settings import DISCOVERY_DIR, MODEL_DIR, SHELF_DIR


def read_arguments(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Parse the command line; ``--help`` and wrong options end the program."""
    parser = argparse.ArgumentParser(description="Build the discovery dataset.")
    parser.add_argument("stages", nargs="*", metavar="STAGE", help=f"of {', '.join(STAGES)}; default: all")
    parser.add_argument("--output", type=Path, default=DISCOVERY_DIR, help="folder of the dataset")
    parser.add_argument("--model", type=Path, default=MODEL_DIR, help="folder of the model")
    parser.add_argument("--work", type=Path, help="folder for what lies between the stages")
    parser.add_argument("--date", type=_day, metavar="YYYY-MM-DD", help="day of the build")
    parser.add_argument("--update", action="store_true", help="analyse only what is new or has changed")
    parser.add_argument("--push-to-hub", default="", metavar="OWNER/NAME", help="publish the result")
    _add_source(parser.add_argument_group("source"))
    _add_analysis(parser.add_argument_group("analysis"))
    _add_scale(parser.add_argument_group("past one machine"))
    given = parser.parse_args(arguments)
    for stage in given.stages:
        if stage not in STAGES:
            parser.error(f"{stage!r} is no stage; one of {', '.join(STAGES)} was expected")
    if "publish" in given.stages and not given.push_to_hub:
        parser.error("the stage publish needs --push-to-hub OWNER/NAME")
    return given


def read_options(given: argparse.Namespace) -> Options:
    """The options of a command line.

    Raises:
        InputError: a column that no work has.
    """
    reading = SourceOptions(
        columns=dict(given.column),
        defaults=dict(given.default),
        limit=given.limit,
        languages=tuple(given.languages.split(",")) if given.languages else (),
        deduplicate=not given.keep_duplicates,
        texts=given.texts,
    )
    if given.merge and given.shard:
        raise InputError("--merge and --shard exclude each other.", hint="Merge when all jobs are done.")
    return Options(
        source=given.source,
        output=given.output,
        work=given.work,
        date=given.date or "",
        reading=reading,
        shard_rows=given.shard_rows,
        batch_size=given.batch_size,
        precision=given.precision,
        summaries=given.summaries,
        threads=given.threads,
        engine=given.engine,
        workers=given.workers,
        gpus=given.gpus,
        device=given.device,
        share=given.shard,
        merge=tuple(given.merge),
        update=given.update,
    )


def _add_source(group: "argparse._ArgumentGroup") -> None:
    group.add_argument(
        "--source",
        default=str(SHELF_DIR),
        help="file or folder, hub:NAME[/CONFIG][:SPLIT], arxiv:FILE, gutenberg:FOLDER, standardebooks:FOLDER",
    )
    group.add_argument("--texts", type=Path, metavar="TABLE", help="full texts, by gutenberg_id or id")
    group.add_argument("--limit", type=_positive, metavar="N", help="take only N works")
    for name, metavar, what in (
        ("--column", "OURS=THEIRS", "where a column is found"),
        ("--default", "OURS=VALUE", "what a column says that is missing"),
    ):
        group.add_argument(name, type=_pair, action="append", default=[], metavar=metavar, help=what)
    group.add_argument("--languages", default="en", metavar="CODES", help="to take, by commas; '' for all")
    group.add_argument("--keep-duplicates", action="store_true", help="also take near repetitions")


def _add_analysis(group: "argparse._ArgumentGroup") -> None:
    for name, default, what in (
        ("--batch-size", 32, "works of similar length at once"),
        ("--shard-rows", 128, "works in a part"),
    ):
        group.add_argument(name, type=_positive, default=default, metavar="N", help=what)
    group.add_argument("--precision", default="fp32", choices=get_args(Precision), help="of the encoder")
    group.add_argument(
        "--summaries",
        default="written",
        choices=get_args(Summaries),
        help="by the decoder where good, or key sentences alone, which is faster",
    )
    group.add_argument("--threads", type=int, default=0, metavar="N", help="of torch, for each worker")
    group.add_argument("--device", default="cpu", help="of the encoder, such as cuda")


def _add_scale(group: "argparse._ArgumentGroup") -> None:
    group.add_argument("--engine", default="local", choices=get_args(Engine))
    group.add_argument("--workers", type=_positive, default=2, metavar="N", help="of the Ray engine")
    group.add_argument("--gpus", type=float, default=0, metavar="X", help="for each worker; may be 0.25")
    group.add_argument("--shard", type=_share, metavar="I/N", help="analyse only this share of the parts")
    group.add_argument(
        "--merge",
        type=Path,
        nargs="+",
        default=[],
        metavar="WORK",
        help="take shards from other work folders",
    )


def _positive(given: str) -> int:
    if not given.isdecimal() or int(given) < 1:
        raise argparse.ArgumentTypeError(f"{given!r} is not a whole number above 0")
    return int(given)


def _pair(given: str) -> tuple[str, str]:
    name, equals, value = given.partition("=")
    if not equals or not name:
        raise argparse.ArgumentTypeError(f"{given!r} is not of the form NAME=VALUE")
    return name, value


def _share(given: str) -> tuple[int, int]:
    own, slash, n = given.partition("/")
    if not slash or not own.isdecimal() or not n.isdecimal() or not 1 <= int(own) <= int(n):
        raise argparse.ArgumentTypeError(f"{given!r} is not a share such as 1/4")
    return int(own), int(n)


def _day(given: str) -> str:
    try:
        return date.fromisoformat(given).isoformat()
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{given!r} is not a day such as 2026-01-31") from error
