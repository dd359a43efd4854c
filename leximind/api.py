"""The service as REST and MCP endpoints of the page, nothing of its own.

Answers are JSON objects. A problem is answered in the one shape of ``LexiMindError.to_dict``:
``{"error": {"code", "message", "hint"}}``.
"""

import functools
import logging
from collections.abc import Callable
from importlib.util import find_spec
from textwrap import shorten
from typing import Any, Final, cast

import gradio.events

from leximind.errors import InputError, LexiMindError
from leximind.library.moods import Mood
from leximind.service import Filters, Mode, Service, Sort

MODEL_QUEUE: Final[dict[str, Any]] = {"concurrency_id": "model", "concurrency_limit": 8}
"""Events that run the model: so many at once, whose texts share batches. The others wait in line, because a
long text takes up to 40 MB while it is read."""

ENDPOINTS: Final = frozenset({"search", "get", "similar", "recommend", "analyze"})
MAX_IDS: Final = 1000


def register(service: Service) -> None:
    """Add the endpoints to the ``gr.Blocks`` whose context is open."""
    functions = make_functions(service)
    for name, function in functions.items():
        queue = MODEL_QUEUE if name == "analyze" else {"concurrency_limit": None}
        gradio.events.api(function, api_name=name, **queue)


def make_functions(service: Service) -> dict[str, Callable[..., dict[str, Any]]]:
    """The endpoints by name; none of them ever raises."""

    def search(  # noqa: PLR0917 - an endpoint has one parameter for each field of its form
        query: str = "",
        mode: str = "hybrid",
        kind: str = "",
        topic: str = "",
        feel: str = "",
        without: str = "",
        mood: str = "",
        length: str = "",
        year_from: str = "",
        year_to: str = "",
        sort: str = "relevance",
        page: int = 1,
        page_size: int = 24,
    ) -> dict[str, Any]:
        """Find books and papers by words and by meaning, narrowed by topic, feeling, year and length.

        Args:
            query: words or a sentence; "phrases", author:austen and -word work; empty lists all that passes
            mode: hybrid, keyword or meaning
            kind: book or paper; empty for both
            topic: Arts, Business, Fiction, History, Philosophy, Science, Technology; several with commas
            feel: emotions that must all stand out, such as "remorse,sadness"
            without: emotions that must not stand out
            mood: ranks and leaves nothing out: from -2 much less to 2 much more, such as "wonder:2,fear:-1"
            length: short, medium or long, of works whose full text was read; empty for any
            year_from: first year, such as "1850"; negative before our era
            year_to: last year, such as "1900"
            sort: relevance, title, newest, oldest, shortest or longest
            page: page number, from 1
            page_size: works on a page, from 1 to 100

        Returns:
            total, page, n_pages, sentence, note, suggestion, facets, and
            hits (work, score, snippet as HTML, reasons)
        """
        given = {
            "kind": kind,
            "topic": topic,
            "feel": feel,
            "not": without,
            "mood": mood,
            "length": length,
            "from": year_from,
            "to": year_to,
        }
        params = {name: "" if value is None else str(value) for name, value in given.items()}
        answer = service.search(
            query,
            Filters.from_params(params),
            mode=cast(Mode, mode),
            mood=Mood.from_params(params),
            sort=cast(Sort, sort),
            page=page,
            page_size=page_size,
        )
        return answer.to_dict()

    def get(work_id: str) -> dict[str, Any]:
        """Everything known about one work.

        Args:
            work_id: the id that search gives

        Returns:
            the work: title, authors, year, description, summary, topic, emotions, tone and more
        """
        return service.get(work_id).to_dict()

    def similar(work_id: str, limit: int = 6) -> dict[str, Any]:
        """The works closest in meaning to one work, with what they share.

        Args:
            work_id: the id that search gives
            limit: how many, from 1 to 50

        Returns:
            hits (work, score, reasons), closest first
        """
        return {"hits": [hit.to_dict() for hit in service.similar(work_id, limit)]}

    def recommend(work_ids: list[str], limit: int = 12) -> dict[str, Any]:
        """Works close to several that you like, none of them among these; each says which it is closest to.

        Args:
            work_ids: ids that search gives, from 1 to 1000
            limit: how many, from 1 to 50

        Returns:
            hits (work, score, reasons), best first
        """
        return {"hits": [hit.to_dict() for hit in service.recommend(_read_ids(work_ids), limit)]}

    def analyze(text: str) -> dict[str, Any]:
        """Read a text: its topic, feelings with the words behind them, key sentences and summary.

        Args:
            text: English prose, from a few sentences to a long book; at most 5,000,000 characters

        Returns:
            the analysis, and similar: the works of the library that are closest
        """
        analysis = service.analyze(text)
        hits = service.similar_to(analysis.embedding)
        return analysis.to_dict() | {"similar": [hit.to_dict() for hit in hits]}

    return {function.__name__: _guard(function) for function in (search, get, similar, recommend, analyze)}


def offer_tools(is_wanted: bool) -> bool:
    """Whether the endpoints are offered to language models as tools (Model Context Protocol), too.

    Raises:
        InputError: they should be, but what Gradio needs for it is not installed.
    """
    if is_wanted and find_spec("mcp") is None:
        raise InputError(
            "LEXIMIND_MCP is set, but the package mcp is not installed.",
            hint="Run `python -m pip install -r requirements-mcp.txt`, or unset it.",
        )
    return is_wanted


def _read_ids(given: object) -> tuple[str, ...]:
    if not isinstance(given, list) or not all(isinstance(item, str) for item in given):
        raise InputError(f"The work ids are {shorten(repr(given), 80)}, but a list of texts was expected.")
    if not 1 <= len(given) <= MAX_IDS:
        raise InputError(f"There are {len(given):,} work ids, but 1 to {MAX_IDS:,} were expected.")
    return tuple(given)


def _guard(function: Callable[..., dict[str, Any]]) -> Callable[..., dict[str, Any]]:
    """The edge: problems become the one error shape instead of a stack trace."""

    @functools.wraps(function)
    def answer(*args: Any, **kwargs: Any) -> dict[str, Any]:
        try:
            return function(*args, **kwargs)
        except LexiMindError as error:
            return error.to_dict()
        except Exception:
            logging.getLogger(__name__).exception("%s failed", function.__name__)
            return LexiMindError(
                "Something went wrong here.", hint="Try again, or with another input."
            ).to_dict()

    return answer
