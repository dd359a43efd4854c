"""What the page shows, as short URL parameters and back.

A ``View`` is the whole state of a page, so every link is a real address: it can be opened, bookmarked,
shared and reloaded.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, get_args
from urllib.parse import urlencode

from leximind.errors import InputError
from leximind.library.filters import Filters
from leximind.library.moods import EVEN, MOODS, Mood
from leximind.service import EVERYTHING, Sort

TABS = ("discover", "map", "live", "shelf", "insights")
_FILTERS = ("kind", "topic", "feel", "not", "from", "to", "length")
_SORTS: tuple[str, ...] = get_args(Sort)
_MAX_QUERY = 300
# Not "page": Gradio takes that for one of its own pages and fails on "?page=2".
_PAGE = "p"
_MAX_PAGE = 100_000
# Parameters that belong to Gradio, to the Hub or to links people share; they are none of our business.
_FOREIGN = {"view", "logs", "deep_link", "ref", "fbclid", "gclid"}


@dataclass(frozen=True)
class View:
    """What a page shows: a query, filters, an order, a page of the list, or one work.

    Attributes:
        mood: the feelings that there should be more or less of.
        work: id of the work shown in full; empty for the list.
        paint: the mood that colours the map; empty for topics.
        tab: one of ``TABS``.
    """

    query: str = ""
    filters: Filters = EVERYTHING
    mood: Mood = EVEN
    sort: Sort = "relevance"
    page: int = 1
    work: str = ""
    paint: str = ""
    tab: str = "discover"

    def to_params(self) -> dict[str, str]:
        """Only what differs from the default, in a steady order."""
        params = {"q": self.query} if self.query else {}
        params |= self.filters.to_params() | self.mood.to_params()
        if self.sort != "relevance":
            params["sort"] = self.sort
        if self.page > 1:
            params[_PAGE] = str(self.page)
        if self.work:
            params["work"] = self.work
        if self.paint:
            params["paint"] = self.paint
        if self.tab != "discover":
            params["tab"] = self.tab
        return params

    def link(self, **changes: Any) -> str:
        """The address of this view with changes, such as ``?topic=History``.

        Changing anything but the work goes back to the first page; works open on Discover; the empty view
        is ``?``.
        """
        if not {"page", "work"} & changes.keys():
            changes = {"page": 1, "work": "", **changes}
        if changes.get("work"):
            changes = {"tab": "discover", "paint": "", **changes}
        return "?" + urlencode(replace(self, **changes).to_params(), safe=":,")

    def filtered(self, **changes: Any) -> str:
        """The address with changed filters, for example ``filtered(topics=("History",))``."""
        return self.link(filters=replace(self.filters, **changes))


def read_view(params: Mapping[str, str]) -> tuple[View, tuple[str, ...]]:
    """The view that URL parameters ask for, and a note for each one that was ignored. Never raises."""
    notes: list[str] = []
    for name in params:
        known = {"q", *_FILTERS, "mood", "sort", _PAGE, "work", "paint", "tab"}
        if name not in known and name not in _FOREIGN and not name.startswith(("__", "utm_")):
            notes.append(f"The address asked for “{_short(name)}”, which this page does not know.")
    sort = params.get("sort", "relevance")
    if sort not in _SORTS:
        notes.append(f"“{_short(sort)}” is not an order; use one of {', '.join(_SORTS)}.")
        sort = "relevance"
    page = params.get(_PAGE, "1").strip()
    if not (page.isascii() and page.isdecimal() and len(page) <= 6 and 1 <= int(page) <= _MAX_PAGE):
        notes.append(f"“{_short(page)}” is not a page number, so the first page is shown.")
        page = "1"
    paint = params.get("paint", "")
    if paint and paint not in MOODS:
        notes.append(f"The map has no colours for “{_short(paint)}”; use one of {', '.join(MOODS)}.")
        paint = ""
    tab = params.get("tab", "discover")
    if tab not in TABS:
        notes.append(f"There is no tab “{_short(tab)}”.")
        tab = "discover"
    view = View(
        query=" ".join(params.get("q", "").split())[:_MAX_QUERY],
        filters=_read_filters(params, notes),
        mood=_read_mood(params, notes),
        sort=sort,  # type: ignore[arg-type]  # held by the test above
        page=int(page),
        work=params.get("work", "").strip(),
        paint=paint,
        tab=tab,
    )
    return view, tuple(notes)


def _read_filters(params: Mapping[str, str], notes: list[str]) -> Filters:
    """Take the filters one by one, so that a bad one costs a note and not the good ones."""
    filters, accepted = Filters(), dict[str, str]()
    for name in _FILTERS:
        if not params.get(name, "").strip():
            continue
        attempt = {**accepted, name: params[name]}
        try:
            filters = Filters.from_params(attempt)
        except InputError as error:
            notes.append(f"Ignored in the address: {error.message}")
        else:
            accepted = attempt
    return filters


def _read_mood(params: Mapping[str, str], notes: list[str]) -> Mood:
    try:
        return Mood.from_params(params)
    except InputError as error:
        notes.append(f"Ignored in the address: {error.message}")
        return EVEN


def _short(text: str) -> str:
    return text if len(text) <= 40 else text[:39] + "…"
