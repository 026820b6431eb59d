"""The form of what is sent to the page and its endpoints, checked before Gradio reads it."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from nmviz.base.wording import listed
from nmviz.ui.guard.known import Known, arguments, is_endpoint
from nmviz.ui.guard.refusal import Refusal
from nmviz.ui.guard.values import refuse_value

ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
"""A session or an event, as a browser, gradio_client and Gradio make them up."""
FIELDS = ("data", "event_data", "fn_index", "session_hash", "trigger_id")
DEEPEST = 8
MOST_VALUES = 4_000
"""A form has 30 values, of which a menu may be a list of all that there is to choose."""


def refuse_numbered(body: bytes, found: re.Match[str], known: Known) -> None:
    """Refusal unless a handler of the page, or an endpoint by its number, can take the body."""
    given = _with_fields(body)
    handler = known.handler(given.get("fn_index"))
    if handler is None:
        raise Refusal(404, "The page has no handler of that fn_index: reload the page.")
    known.refuse_elsewhere(handler)
    if found[0].endswith("/join") and given.get("session_hash") is None:
        raise Refusal(400, "session_hash is missing: make up a word for your session.")
    _refuse_past_the_queue(found, handler)
    _refuse_values(given, handler, known)


def refuse_named(body: bytes, found: re.Match[str], known: Known) -> None:
    """Refusal unless the endpoint of that name can take the body, its values a list."""
    handler = endpoint(known, found["name"])
    given = _with_fields(body)
    if given.get("fn_index") not in (None, handler._id):
        raise Refusal(400, f"fn_index is not that of {handler.api_name}: leave it out.")
    _refuse_past_the_queue(found, handler)
    _refuse_values(given, handler, known)


def refuse_by_name(body: bytes, found: re.Match[str], known: Known) -> None:
    """Refusal unless the endpoint of that name can take the body, its values by their names."""
    told = arguments(endpoint(known, found["name"]))
    given = _object(body)
    missing = [name for name, needed in told.items() if needed and name not in given]
    if missing or set(given) - set(told):
        raise Refusal(400, f"{found['name']} takes {_called(told)}: give these by their names.")


def refuse_cancel(body: bytes, _: re.Match[str], known: Known) -> None:
    """Refusal unless something can be cancelled by it."""
    given = _with_fields(body, ("session_hash", "event_id", "fn_index"))
    if known.handler(given.get("fn_index")) is None:
        raise Refusal(404, "The page has no handler of that fn_index: reload the page.")
    _refuse_missing(given, ("session_hash", "event_id"))


def refuse_reset(body: bytes, _: re.Match[str], __: Known) -> None:
    """Refusal unless it names an event."""
    _refuse_missing(_with_fields(body, ("event_id",)), ("event_id",))


def endpoint(known: Known, name: str) -> Any:
    """The endpoint of that name. Refusal where there is none, or it is not for who asks."""
    offered = known.endpoints()
    if name not in offered:
        raise Refusal(404, f"There is no endpoint of that name: choose one of {listed(offered)}.")
    known.refuse_elsewhere(offered[name])
    return offered[name]


def _refuse_past_the_queue(found: re.Match[str], handler: Any) -> None:
    """Refusal where what waits for its turn is asked to be done at once."""
    if handler.queue and found["how"] in ("run", "api", "run/predict"):
        raise Refusal(404, "That waits for its turn: ask at /gradio_api/call/NAME instead.")


def _with_fields(body: bytes, fields: Sequence[str] = FIELDS) -> dict[str, Any]:
    """The object, which has no other fields, numbers and names where they belong."""
    given = _object(body)
    unknown = set(given) - set(fields)
    if unknown:
        raise Refusal(400, f"{min(unknown)[:40]!r} is no field of a request: leave it out.")
    for name in ("fn_index", "trigger_id"):
        if given.get(name) is not None and type(given[name]) is not int:
            raise Refusal(400, f"{name} is a whole number: give one, or leave it out.")
    for name in ("session_hash", "event_id"):
        one = given.get(name)
        if one is not None and not (isinstance(one, str) and ID.fullmatch(one)):
            raise Refusal(400, f"{name} is a text of at most 64 letters, digits, - and _.")
    return given


def _refuse_missing(given: Mapping[str, Any], fields: Sequence[str]) -> None:
    missing = [name for name in fields if given.get(name) is None]
    if missing:
        raise Refusal(400, f"{missing[0]} is missing: give it as it was answered.")


def _refuse_values(given: Mapping[str, Any], handler: Any, known: Known) -> None:
    """Refusal unless each input of the handler has a value that it takes, and no more are there."""
    values, inputs = given.get("data"), handler.inputs
    if not isinstance(values, list):
        raise Refusal(400, "data is a list of the values that are asked for: give it.")
    if len(values) != len(inputs):
        takes = f"{handler.api_name} takes " if is_endpoint(handler) else "the handler takes "
        called = f": {_called(arguments(handler))}" if is_endpoint(handler) and inputs else ""
        said = f"data has {len(values)} values, and {takes}{len(inputs)}{called}."
        raise Refusal(400, said)
    if is_endpoint(handler):
        return  # it says itself what is wrong with a value
    if handler.collects_event_data and not isinstance(given.get("event_data"), dict):
        raise Refusal(400, "event_data is missing: give the event that happened, an object.")
    for block, value in zip(inputs, values, strict=True):
        refuse_value(known.component(block, given.get("session_hash")), value)


def _object(body: bytes) -> dict[str, Any]:
    """The JSON object, bounded in depth and number of values. NaN is no JSON."""
    try:
        given = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise Refusal(400, "The body is not JSON in UTF-8: send a JSON object.") from None
    if not isinstance(given, dict):
        raise Refusal(400, "The body is not an object: send one such as {'data': [...]}.")
    _refuse_unbounded(given)
    return given


def _refuse_unbounded(given: Any) -> None:
    """Refusal for what lies deep or has many values, and for files, which no value of ours is."""
    level, count = [given], 0
    for _ in range(DEEPEST):
        inner: list[Any] = []
        for one in level:
            if isinstance(one, dict | list):
                count += len(one)
                inner.extend(one.values() if isinstance(one, dict) else one)
            if count > MOST_VALUES:
                raise Refusal(400, f"The body has more than {MOST_VALUES:,} values: send fewer.")
            if isinstance(one, dict) and "meta" in one and "path" in one:
                raise Refusal(400, "A value is a file, and none of ours is: send plain values.")
        level = inner
    if level:
        raise Refusal(400, f"The body is nested more than {DEEPEST} deep: send plain values.")


def _called(told: Mapping[str, bool]) -> str:
    return listed(told) if told else "no values"
