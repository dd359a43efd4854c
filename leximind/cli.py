"""The command line: ``python -m leximind COMMAND``. Each command imports only what it needs."""

import argparse
import json
import os
import re
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NoReturn

from leximind import __version__
from leximind.errors import InputError, LexiMindError
from leximind.labels import KINDS, TOPICS
from leximind.settings import MODEL_DIR, Settings

if TYPE_CHECKING:
    from leximind.service import Service

TASKS: Final = ("emotion", "topic", "summarization", "embedding")
LENGTHS: Final = ("short", "medium", "long")
SORTS: Final = ("relevance", "title", "newest", "oldest", "shortest", "longest")
FORMATS: Final = ("csv", "bibtex", "jsonl", "ris")

EXIT_UNEXPECTED: Final = 1
EXIT_ERROR: Final = 2
EXIT_INTERRUPTED: Final = 128 + 2  # what a shell reports for SIGINT
EXIT_BROKEN_PIPE: Final = 128 + 13  # and for SIGPIPE


class _Parser(argparse.ArgumentParser):
    """Wrong usage is an error like any other."""

    def error(self, message: str) -> NoReturn:
        raise InputError(f"{message[:1].upper()}{message[1:]}.", hint=f"See `{self.prog} --help`.")


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit status: 0, 2 for an error that is explained, 130 for Ctrl-C."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    is_json = "--json" in arguments
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # a terminal that lacks a letter shows "?" in its place
            stream.reconfigure(errors="replace")
    try:
        given = _make_parser().parse_args(arguments)
        given.run(given)
        sys.stdout.flush()
    except LexiMindError as error:
        _tell(error, is_json=is_json)
        return EXIT_ERROR
    except BrokenPipeError:
        # The reader left. Python would complain once more when it closes the pipe.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_BROKEN_PIPE
    except KeyboardInterrupt:
        sys.stderr.write("\nInterrupted.\n")
        return EXIT_INTERRUPTED
    except Exception as error:  # the edge: no one sees a stack trace
        what = f"Something unexpected went wrong: {type(error).__name__}: {error}"
        _tell(LexiMindError(what, hint="Please report it with the command you ran."), is_json=is_json)
        return EXIT_UNEXPECTED
    return 0


def _make_parser() -> _Parser:
    parser = _Parser(
        prog="leximind", description="Find the next book or paper by topic, feeling and meaning."
    )
    parser.add_argument("--version", action="version", version=f"leximind {__version__}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)

    search = commands.add_parser("search", help="find works by words and by meaning")
    search.add_argument("query", nargs="*", help='words, "phrases", author:austen; nothing lists all works')
    _add_filters(search)
    search.add_argument("--mode", default="hybrid", help="hybrid (the default), keyword or meaning")
    search.add_argument("--mood", default="", help="ranks by feeling, such as wonder:2,fear:-1, from -2 to 2")
    search.add_argument("--sort", default="relevance", help=f"one of {', '.join(SORTS)}")
    search.add_argument("--limit", type=int, default=10, metavar="N", help="at most so many works (10)")
    search.set_defaults(run=_search)

    similar = commands.add_parser("similar", help="the works closest to one work, or to several")
    similar.add_argument("ids", nargs="+", metavar="ID", help="an id that search shows")
    similar.add_argument("--limit", type=int, default=6, metavar="N", help="at most so many works (6)")
    similar.set_defaults(run=_similar)

    analyze = commands.add_parser("analyze", help="topic, feelings, key sentences and summary of a text")
    analyze.add_argument(
        "file", nargs="?", default="-", help="TXT, MD, HTML, PDF or EPUB; - for standard input"
    )
    analyze.set_defaults(run=_analyze)

    tools = commands.add_parser("library", help="count, check and export the works").add_subparsers(
        metavar="TOOL", required=True
    )
    stats = tools.add_parser("stats", help="works by kind, topic, century, tone, language and licence")
    stats.set_defaults(run=_stats)
    export = tools.add_parser("export", help="the works for other programs")
    export.add_argument("--format", required=True, choices=FORMATS, help="of the output")
    export.add_argument("--output", type=Path, metavar="FILE", help="instead of standard output")
    export.set_defaults(run=_export)
    check = tools.add_parser("validate", help="whether a dataset is whole and fits its schema")
    check.set_defaults(run=_validate)
    for command in (stats, export, check):
        command.add_argument(
            "dataset", nargs="?", default="", help="folder or Hub dataset; the app's own when left out"
        )
    for command in (stats, export):
        _add_filters(command)

    serve = commands.add_parser("serve", help="start the page")
    serve.add_argument("--host", help="address to listen on")
    serve.add_argument("--port", type=int, help="port to listen on")
    serve.set_defaults(run=_serve)

    evaluate = commands.add_parser("evaluate", help="measure the model on labelled data, beside baselines")
    evaluate.add_argument("task", choices=TASKS)
    evaluate.add_argument("file", type=Path, help="Parquet file of the task")
    evaluate.add_argument("--limit", type=int, metavar="N", help="only the first N rows")
    evaluate.set_defaults(run=_evaluate)

    for command in (search, similar, analyze, evaluate, stats, check):
        command.add_argument("--json", action="store_true", help="print JSON for programs")
    return parser


def _add_filters(command: argparse.ArgumentParser) -> None:
    command.add_argument("--kind", default="", help=" or ".join(KINDS))
    command.add_argument(
        "--topic", action="append", default=[], help=f"one of {', '.join(TOPICS)}; repeatable"
    )
    command.add_argument("--emotion", action="append", default=[], help="must stand out; repeatable")
    command.add_argument(
        "--without", action="append", default=[], metavar="EMOTION", help="must not; repeatable"
    )
    command.add_argument("--length", default="", help=", ".join(LENGTHS) + "; of works read in full")
    command.add_argument("--year", default="", metavar="YEARS", help="1850-1900, 1850-, ..1900 or 1851")


def _read_filters(given: argparse.Namespace) -> dict[str, str]:
    """The filters as the parameters of an address."""
    first, last = _read_years(given.year)
    return {
        "kind": given.kind,
        "topic": ",".join(given.topic),
        "feel": ",".join(given.emotion),
        "not": ",".join(given.without),
        "from": first,
        "to": last,
        "length": given.length,
    }


def _search(given: argparse.Namespace) -> None:
    from leximind.report import write_page
    from leximind.service import Filters, Mood

    filters, mood = Filters.from_params(_read_filters(given)), Mood.from_params({"mood": given.mood})
    page = _service().search(
        " ".join(given.query), filters, mode=given.mode, mood=mood, sort=given.sort, page_size=given.limit
    )
    _write(page.to_dict() if given.json else write_page(page))


def _similar(given: argparse.Namespace) -> None:
    from leximind.report import write_similar

    service = _service()
    titles = [service.get(name).title for name in given.ids]
    if len(titles) > 1:
        hits = service.recommend(given.ids, given.limit)
    else:
        hits = service.similar(given.ids[0], given.limit)
    plain = {"hits": [hit.to_dict() for hit in hits]}
    _write(plain if given.json else write_similar(" and ".join(titles), hits))


def _analyze(given: argparse.Namespace) -> None:
    from leximind.report import write_analysis
    from leximind.text.documents import read_document

    if given.file == "-":
        if sys.stdin.isatty():
            sys.stderr.write("Type or paste the text and end it with Ctrl-D.\n")
        text = sys.stdin.buffer.read().decode("utf-8-sig", errors="replace")
    else:
        text = read_document(given.file)
    service = _service()
    analysis = service.analyze(text)
    similar = service.similar_to(analysis.embedding)
    plain = analysis.to_dict() | {"similar": [hit.to_dict() for hit in similar]}
    _write(plain if given.json else write_analysis(analysis, similar))


def _stats(given: argparse.Namespace) -> None:
    from leximind.tools import count_works, draw_statistics

    found = count_works(_name_dataset(given), _read_filters(given))
    _write(found.to_dict() if given.json else draw_statistics(found))


def _export(given: argparse.Namespace) -> None:
    from leximind.tools import export_works, save_works

    dataset, filters = _name_dataset(given), _read_filters(given)
    if given.output:
        n_works = save_works(dataset, filters, given.format, given.output)
        sys.stderr.write(f"{n_works:,} works in {given.output}\n")
        return
    if hasattr(sys.stdout, "reconfigure"):  # a file for programs: its letters and line ends stay as they are
        sys.stdout.reconfigure(encoding="utf-8", errors="strict", newline="")
    sys.stdout.writelines(export_works(dataset, filters, given.format))


def _validate(given: argparse.Namespace) -> None:
    from leximind.tools import check, draw_report

    report = check(_name_dataset(given))
    _write(report.to_dict() if given.json else draw_report(report))


def _name_dataset(given: argparse.Namespace) -> str:
    return given.dataset or Settings.from_env().dataset


def _serve(given: argparse.Namespace) -> None:
    if given.port is not None and not 1 <= given.port <= 65535:
        raise InputError(f"--port is {given.port}, but a number from 1 to 65535 was expected.")
    wanted = {"host": given.host, "port": given.port}
    settings = replace(
        Settings.from_env(), **{name: value for name, value in wanted.items() if value is not None}
    )
    from leximind.ui.app import launch

    sys.stderr.write(f"Serving on http://{settings.host}:{settings.port} (Ctrl-C stops it)\n")
    launch(settings)


def _evaluate(given: argparse.Namespace) -> None:
    if given.limit is not None and given.limit < 1:
        raise InputError(f"--limit is {given.limit}, but 1 or more was expected.")
    if not given.file.is_file():
        raise InputError(f"There is no file {str(given.file)!r}.", hint="Name a Parquet file of the task.")
    from leximind.evaluation.evaluate import evaluate_file
    from leximind.inference.analyzer import LexiMind
    from leximind.report import write_evaluation

    settings = Settings.from_env()
    model = LexiMind.from_pretrained(settings.model or MODEL_DIR, settings.precision)
    report = evaluate_file(given.task, given.file, model, given.limit)
    _write(report if given.json else write_evaluation(report))


def _service() -> "Service":
    from leximind.service import Service

    return Service.from_settings(Settings.from_env())


def _read_years(given: str) -> tuple[str, str]:
    """``1850-1900`` as two limits, either of which may be missing; ``..`` separates years before our era."""
    found = re.fullmatch(r"\s*(?P<first>-?\d+)?\s*(?P<to>\.\.|-|–)?\s*(?P<last>-?\d+)?\s*", given)
    if not found:
        raise InputError(f"--year is {given!r}, but years such as 1850-1900 were expected.")
    first, last = found["first"] or "", found["last"] or ""
    return (first, last) if found["to"] else (first, first)


def _write(answer: dict[str, Any] | str) -> None:
    if not isinstance(answer, str):
        answer = json.dumps(answer, ensure_ascii=False, indent=2) + "\n"
    sys.stdout.write(answer)


def _tell(error: LexiMindError, *, is_json: bool) -> None:
    if is_json:
        _write(error.to_dict())
    else:
        sys.stderr.write(f"error: {error.message}\n" + (f"{error.hint}\n" if error.hint else ""))
