"""The addresses that the page, gradio_client and scripts ask for: no other is open."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs

from nmviz.base.wording import listed
from nmviz.ui.documents.page import NAMES
from nmviz.ui.guard import bodies
from nmviz.ui.guard.known import Known
from nmviz.ui.guard.refusal import Refusal
from nmviz.ui.lessons.place import place_of
from nmviz.ui.shell.limits import LONGEST_TEXT
from nmviz.ui.shell.view import LONGEST_ADDRESS as LONGEST_QUERY
from nmviz.ui.shell.view import LONGEST_PROMPT

AS_WRITTEN = 12
"""Bytes of one character at most, written as `\\ud83d\\ude00` in JSON or `%F0%9F%98%80` in an
address."""
LARGEST_BODY = AS_WRITTEN * LONGEST_TEXT + 100_000
"""Bytes: the longest text of one's own, with the form around it."""
SHORT_BODY = 1_000
LONGEST_ADDRESS = AS_WRITTEN * LONGEST_PROMPT + LONGEST_QUERY
"""Characters: the longest prompt, with the other settings."""
API = "/gradio_api"
NOTHING = "There is nothing at this address: open the page at /, or see /gradio_api/info."
ENDED = "Nothing is under way that this could follow: ask again first."
ONLY_GRADIOS = ("deep_link", "page")
"""Of a query: Gradio would look for a file or a page of that name, and ours has none."""

Check = Callable[[Any, re.Match[str], Known], None]


@dataclass(frozen=True)
class Route:
    """An open address. `refuse` raises Refusal for what is none of ours: it has the query of what
    is read, the body of what is posted. A stream says what it has to say while it lasts."""

    method: str
    path: str
    refuse: Check | None = None
    largest: int = 0
    streams: bool = False


def _session(query: str, _: re.Match[str], known: Known) -> None:
    if not known.listens(parse_qs(query).get("session_hash", [""])[0]):
        raise Refusal(404, ENDED)


def _event(_: str, found: re.Match[str], known: Known) -> None:
    bodies.endpoint(known, found["name"])
    if not known.is_under_way(found["event"]):
        raise Refusal(404, ENDED)


def _own(query: str, _: re.Match[str], __: Known) -> None:
    if any(name in parse_qs(query, keep_blank_values=True) for name in ONLY_GRADIOS):
        raise Refusal(404, NOTHING)


def _lesson(_: str, found: re.Match[str], __: Known) -> None:
    place = place_of(found["lesson"], None)
    if place.remark:
        raise Refusal(404, place.remark)


def _document(_: str, found: re.Match[str], __: Known) -> None:
    if found["document"] not in NAMES:
        raise Refusal(404, f"There is no such page of the documentation: choose {listed(NAMES)}.")


NAME = r"(?P<name>\w{1,64})"
ID = bodies.ID.pattern
ROUTES = (
    # What a browser opens.
    Route("GET", "/", _own),
    Route("HEAD", "/", _own),
    Route("GET", r"/(theme\.css|favicon\.ico|robots\.txt|manifest\.json)"),
    Route("GET", r"/lessons/(?P<lesson>[^/]{1,40})", _lesson),
    Route("GET", r"/docs/(?P<document>[^/]{1,40})", _document),
    Route("GET", r"/(assets|static)/(?!.*\.\.)[\w./-]{1,200}"),
    # What the page and gradio_client ask first, and while they are open.
    Route("GET", r"/config/?", _own),
    Route("GET", rf"{API}/(info/?|app_id/?|startup-events)"),
    # Handlers of the page by their number, with and without the queue.
    Route("POST", rf"{API}/(?P<how>queue/join|run/predict)", bodies.refuse_numbered, LARGEST_BODY),
    Route("GET", rf"{API}/queue/data", _session, streams=True),
    Route("POST", rf"{API}/cancel", bodies.refuse_cancel, SHORT_BODY),
    Route("POST", rf"{API}/reset/?", bodies.refuse_reset, SHORT_BODY),
    # Endpoints by their names.
    Route("POST", rf"{API}/call/v2/{NAME}/?", bodies.refuse_by_name, LARGEST_BODY),
    Route("POST", rf"{API}/(?P<how>call|run|api)/{NAME}/?", bodies.refuse_named, LARGEST_BODY),
    Route("GET", rf"{API}/call/(v2/)?{NAME}/(?P<event>{ID})", _event, streams=True),
)


def route_of(method: str, path: str) -> tuple[Route, re.Match[str]]:
    """The open address, and the parts of it. Refusal for every other."""
    for route in ROUTES:
        found = re.fullmatch(route.path, path, re.ASCII) if route.method == method else None
        if found:
            return route, found
    raise Refusal(404, NOTHING)
