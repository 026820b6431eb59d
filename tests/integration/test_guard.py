"""The guard in front of Gradio: what is none of ours gets one sentence and one line in the log."""

import json
import logging
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import gradio as gr
import httpx
import pytest
from gradio_client import Client
from loops import ran
from serving import client_of, served_here

from nmviz.ui.guard.bodies import DEEPEST, MOST_VALUES
from nmviz.ui.guard.middleware import Guard
from nmviz.ui.guard.routes import API, LARGEST_BODY, LONGEST_ADDRESS, SHORT_BODY

CALL, JOIN, AT_ONCE = f"{API}/call/lookup", f"{API}/queue/join", f"{API}/run/predict"


@pytest.fixture(scope="module")
def served(tiny: str) -> Iterator[gr.Blocks]:
    with served_here() as page:
        yield page


@pytest.fixture
def page(served: gr.Blocks) -> Iterator[httpx.Client]:
    with client_of(served) as client:
        yield client


@pytest.fixture
def log(
    caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> Iterator[pytest.LogCaptureFixture]:
    """What is logged; whatever is asked, no traceback comes with it."""
    capfd.readouterr()
    with caplog.at_level(logging.WARNING, "nmviz"):
        yield caplog
    assert "Traceback" not in "".join(capfd.readouterr()) + caplog.text


def sentence_of(answer: httpx.Response, status: int, log: pytest.LogCaptureFixture) -> str:
    """The one sentence of a refusal, which is also in the one line of the log."""
    assert answer.status_code == status, answer.text
    said = str(answer.json()["detail"])
    assert said == answer.json()["error"]
    assert said.endswith(".") and ". " not in said and "\n" not in said
    (line,) = log.messages
    assert line.startswith(f"refused with {status}: ") and line.endswith(said)
    return said


def result_of(page: httpx.Client, path: str, body: dict[str, Any]) -> str:
    """The stream of what was asked at a `call` address."""
    event = page.post(path, json=body).json()["event_id"]
    return page.get(f"{path}/{event}").text


def numbered(handler: Any, **more: Any) -> dict[str, Any]:
    """What a browser sends for a handler while every control stands at its value."""
    values = [None if one.stateful else one.value for one in handler.inputs]
    return {"data": values, "fn_index": handler._id, "session_hash": "visitor-1", **more}


def handlers(served: gr.Blocks) -> list[Any]:
    """The handlers of the page that a browser asks at once."""
    found = served.fns.values()
    return [one for one in found if one.fn and not one.queue and one.api_visibility == "private"]


# Sizes


@pytest.mark.parametrize(
    ("path", "frame", "largest", "status"),
    [
        (CALL, '{"data": ["%s"]}', LARGEST_BODY, 200),
        (f"{API}/reset", '{"event_id": "a"%s}', SHORT_BODY, 200),
    ],
)
def test_a_body_of_the_largest_size_is_read_and_one_byte_more_is_not(
    page: httpx.Client,
    log: pytest.LogCaptureFixture,
    path: str,
    frame: str,
    largest: int,
    status: int,
) -> None:
    whole = largest - len(frame % "")
    assert page.post(path, content=frame % (" " * whole)).status_code == status
    answer = page.post(path, content=frame % (" " * (whole + 1)))
    assert f"{largest:,} bytes" in sentence_of(answer, 413, log)


def test_a_body_sent_in_parts_is_measured_too(
    page: httpx.Client, log: pytest.LogCaptureFixture
) -> None:
    parts = [b" " * 1000] * (SHORT_BODY // 1000 + 1)
    assert "bytes" in sentence_of(page.post(f"{API}/reset", content=iter(parts)), 413, log)


def test_an_address_beyond_the_bound_is_refused(
    page: httpx.Client, log: pytest.LogCaptureFixture
) -> None:
    longest = LONGEST_ADDRESS - len("/?x=") + 1  # the question mark does not count
    assert page.get(f"/?x={'x' * longest}").status_code == 200
    assert f"{LONGEST_ADDRESS:,}" in sentence_of(page.get(f"/?x={'x' * (longest + 1)}"), 413, log)


# Addresses and forms

NESTED = "[" * (DEEPEST - 2) + "1" + "]" * (DEEPEST - 2)


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "said"),
    [
        ("GET", "/gradio_api/deep_link", None, 404, "nothing at this address"),
        ("GET", "/?deep_link=abc", None, 404, "nothing at this address"),
        ("GET", "/config?deep_link=abc", None, 404, "nothing at this address"),
        ("GET", "/?page=other", None, 404, "nothing at this address"),
        ("GET", "/gradio_api/file=README.md", None, 404, "nothing at this address"),
        ("GET", "/monitoring", None, 404, "nothing at this address"),
        ("GET", "/gradio_api/openapi.json", None, 404, "nothing at this address"),
        ("GET", "/gradio_api/heartbeat/visitor", None, 404, "nothing at this address"),
        ("GET", "/gradio_api/queue/data?session_hash=unknown", None, 404, "under way"),
        ("GET", "/gradio_api/queue/data", None, 404, "under way"),
        ("GET", "/gradio_api/call/lookup/unknown", None, 404, "under way"),
        ("GET", "/gradio_api/call/nothing/unknown", None, 404, "no endpoint of that name"),
        ("POST", "/gradio_api/upload", "{}", 404, "nothing at this address"),
        ("POST", "/gradio_api/component_server", "{}", 404, "nothing at this address"),
        ("POST", "/login", "{}", 404, "nothing at this address"),
        ("PUT", CALL, '{"data": [{}]}', 404, "nothing at this address"),
        (
            "POST",
            "/gradio_api/call/nothing",
            '{"data": []}',
            404,
            "catalogue, lookup, compare, run",
        ),
        ("POST", "/gradio_api/run/run", '{"data": [{}]}', 404, "waits for its turn"),
        ("POST", CALL, "[]", 400, "not an object"),
        ("POST", CALL, "no JSON", 400, "not JSON"),
        ("POST", CALL, "", 400, "not JSON"),
        ("POST", CALL, '{"data": [NaN]}', 400, "not JSON"),
        ("POST", CALL, r'{"data": ["\ud800"]}', 400, "not JSON"),
        ("POST", CALL, '{"data": {}}', 400, "data is a list"),
        ("POST", CALL, "{}", 400, "data is a list"),
        ("POST", CALL, '{"data": []}', 400, "data has 0 values, and lookup takes 1: experiment."),
        ("POST", CALL, '{"data": [{}, {}]}', 400, "data has 2 values"),
        ("POST", CALL, f'{{"data": [{NESTED}]}}', 400, f"more than {DEEPEST} deep"),
        ("POST", CALL, f'{{"data": [[{"0," * MOST_VALUES}0]]}}', 400, f"more than {MOST_VALUES:,}"),
        ("POST", CALL, '{"data": [{"path": "a", "meta": {}}]}', 400, "a file"),
        ("POST", CALL, '{"data": [{}], "surprise": 1}', 400, "'surprise' is no field"),
        ("POST", CALL, '{"data": [{}], "session_hash": 5}', 400, "session_hash is a text"),
        ("POST", CALL, '{"data": [{}], "fn_index": 1}', 400, "fn_index is not that of lookup"),
        ("POST", "/gradio_api/call/v2/lookup", "{}", 400, "lookup takes experiment"),
        ("POST", "/gradio_api/call/v2/lookup", '{"experiment": {}, "a": 1}', 400, "lookup takes"),
        ("POST", JOIN, '{"data": [], "fn_index": "1"}', 400, "fn_index is a whole number"),
        ("POST", JOIN, '{"data": [], "fn_index": true}', 400, "fn_index is a whole number"),
        ("POST", JOIN, '{"data": [], "fn_index": 100000}', 404, "no handler"),
        ("POST", JOIN, '{"data": []}', 404, "no handler"),
        ("POST", AT_ONCE, '{"data": [], "fn_index": -1}', 404, "no handler"),
        ("POST", "/gradio_api/cancel", "{}", 404, "no handler"),
        ("POST", "/gradio_api/cancel", '{"fn_index": 0}', 400, "session_hash is missing"),
        ("POST", "/gradio_api/reset", "{}", 400, "event_id is missing"),
        ("POST", "/gradio_api/reset", '{"event_id": 5}', 400, "event_id is a text"),
    ],
)
def test_what_is_none_of_ours_gets_one_sentence_and_one_line(
    page: httpx.Client,
    log: pytest.LogCaptureFixture,
    method: str,
    path: str,
    body: str | None,
    status: int,
    said: str,
) -> None:
    assert said in sentence_of(page.request(method, path, content=body), status, log)


def test_a_body_that_is_said_to_be_no_json_is_not_read(
    page: httpx.Client, log: pytest.LogCaptureFixture
) -> None:
    answer = page.post(CALL, content='{"data": [{}]}', headers={"Content-Type": "text/plain"})
    assert "Content-Type: application/json" in sentence_of(answer, 400, log)


def test_a_session_is_needed_where_answers_come_by_its_stream(
    page: httpx.Client, served: gr.Blocks, log: pytest.LogCaptureFixture
) -> None:
    body = {
        name: one for name, one in numbered(handlers(served)[0]).items() if name != "session_hash"
    }
    assert "session_hash is missing" in sentence_of(page.post(JOIN, json=body), 400, log)


# Values of the page's own controls


def test_a_control_takes_only_values_of_its_kind(
    page: httpx.Client, served: gr.Blocks, log: pytest.LogCaptureFixture
) -> None:
    """Every control of the page once, in a handler that asks for it: no value is an object."""
    seen = set()
    for handler in handlers(served):
        for place, block in enumerate(handler.inputs):
            if block.stateful or block._id in seen:
                continue
            seen.add(block._id)
            for wrong in ({"a": 1}, [["a"]]):
                log.clear()
                event = {"event_data": {}} if handler.collects_event_data else {}
                body = numbered(handler, **event)
                body["data"][place] = wrong
                said = sentence_of(page.post(AT_ONCE, json=body), 400, log)
                assert repr(block.label or "a field") in said
    assert len(seen) > 40


@pytest.mark.parametrize("wrong", [5, True, "magnitude", [["var"]]])
def test_a_menu_of_mitigations_takes_a_list_of_those_it_has(
    page: httpx.Client, served: gr.Blocks, log: pytest.LogCaptureFixture, wrong: Any
) -> None:
    handler, place = asking_for(served, "mitigations")
    body = numbered(handler)
    body["data"][place] = wrong
    called = repr(handler.inputs[place].label)
    assert called in sentence_of(page.post(AT_ONCE, json=body), 400, log)


def asking_for(served: gr.Blocks, setting: str) -> tuple[Any, int]:
    """A handler that is asked for the control of a setting, and its place among the values."""
    for handler in handlers(served):
        for place, block in enumerate(handler.inputs):
            if f"field-{setting}" in block.elem_classes:
                return handler, place
    raise AssertionError(setting)


def test_too_few_values_and_too_many_are_refused(
    page: httpx.Client, served: gr.Blocks, log: pytest.LogCaptureFixture
) -> None:
    body = numbered(asking_for(served, "mitigations")[0])
    for values in (body["data"][:-1], [*body["data"], None]):
        log.clear()
        answer = page.post(AT_ONCE, json={**body, "data": values})
        assert f"takes {len(body['data'])}." in sentence_of(answer, 400, log)
    log.clear()
    assert page.post(AT_ONCE, json=body).status_code == 200 and not log.messages


def test_a_click_without_its_event_is_refused(
    page: httpx.Client, served: gr.Blocks, log: pytest.LogCaptureFixture
) -> None:
    told = [one for one in handlers(served) if one.collects_event_data]
    # A layer that is picked, settings that a lesson speaks of, the tray and what it looks into, and
    # what a view is shared as, its report and a figure.
    assert len(told) == 7
    for clicked in told:
        log.clear()
        assert page.post(AT_ONCE, json=numbered(clicked, event_data={"place": "1"})).is_success
        assert not log.messages
        for event in ({}, {"event_data": None}, {"event_data": "1"}):
            log.clear()
            answer = page.post(AT_ONCE, json=numbered(clicked, **event))
            assert "event_data is missing" in sentence_of(answer, 400, log)


def test_a_menu_takes_what_it_offers_that_visitor(
    page: httpx.Client, served: gr.Blocks, tiny: str, log: pytest.LogCaptureFixture
) -> None:
    """The default model has 30 blocks and the tiny one 3: after a change of model the last block of
    the first is none, and only for the visitor who changed it."""
    moved, place = asking_for(served, "block")
    block = moved.inputs[place]
    fitted, model = next(
        (one, at)
        for one in handlers(served)
        for at, control in enumerate(one.inputs)
        if any(target[1] == "input" and target[0] == control._id for target in one.targets)
        and block in one.outputs
        and tiny in [value for _, value in getattr(control, "choices", None) or []]
    )
    body = numbered(fitted)
    body["data"][model] = tiny
    assert page.post(AT_ONCE, json=body).is_success
    for visitor, status in (("visitor-1", 400), ("visitor-2", 200)):
        body = numbered(moved, session_hash=visitor)
        body["data"][place] = 29
        assert page.post(AT_ONCE, json=body).status_code == status


# What is ours


def test_a_browser_gets_what_it_opens(page: httpx.Client, log: pytest.LogCaptureFixture) -> None:
    assert page.head("/").status_code == 200
    home = page.get("/?pattern=2%3A4&__theme=dark")
    assert home.status_code == 200
    told = page.get("/config").json()
    for path in ("/theme.css", "/favicon.ico", "/robots.txt", "/manifest.json"):
        assert page.get(path, follow_redirects=True).status_code == 200
    assert page.get(f"{API}/app_id").json() == {"app_id": told["app_id"]}
    assert page.get(f"{API}/info").status_code == 200
    assert page.get(f"{API}/startup-events").status_code == 200
    assets = {part.split('"')[0] for part in home.text.split("./assets/")[1:]}
    assert assets and all(page.get(f"/assets/{name}").status_code == 200 for name in assets)
    assert not log.messages


def test_scripts_ask_by_every_address_of_an_endpoint(
    page: httpx.Client, tiny: str, log: pytest.LogCaptureFixture
) -> None:
    asked = {"model": tiny, "pattern": "2:4"}
    for how in ("run", "api"):
        assert page.post(f"{API}/{how}/lookup", json={"data": [asked]}).json()["data"] == [{}]
    assert "event: complete" in result_of(page, CALL, {"data": [asked]})
    assert "event: complete" in result_of(page, f"{API}/call/v2/lookup", {"experiment": asked})
    named = {"experiment": asked, "prompt": "A river"}
    assert "event: complete" in result_of(page, f"{API}/call/v2/generate", named)
    assert not log.messages


def test_gradio_client_asks_streams_and_cancels(
    served: gr.Blocks, tiny: str, log: pytest.LogCaptureFixture
) -> None:
    client = Client(served.local_url, verbose=False)
    assert client.predict({"model": tiny}, api_name="/lookup") == {}
    asked = {"model": tiny, "corpus": "wikitext-2", "tokens": 256, "window": 64, "seed": 91}
    assert client.submit(asked, api_name="/run").result()["stage"] == "done"
    written = client.submit(asked, "A river", api_name="/generate")
    assert next(iter(written))["texts"]
    written.cancel()
    assert client.predict(asked, "A river", 1, "down", api_name="/look")["rel_error"] > 0
    assert client.view_api(return_format="dict", print_info=False)["named_endpoints"]
    client.close()
    assert not log.messages


def test_a_stream_that_breaks_ends_in_one_line(log: pytest.LogCaptureFixture) -> None:
    """Of the app behind, only that it fails once it has begun to answer."""

    async def breaking(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        raise KeyError("gone")

    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    path = f"{API}/queue/data"
    scope = {"type": "http", "method": "GET", "path": path, "query_string": b"session_hash=me"}
    queue = SimpleNamespace(pending_messages_per_session={"me": None})
    app = SimpleNamespace(get_blocks=lambda: SimpleNamespace(_queue=queue))
    ran(Guard(breaking)({**scope, "app": app}, None, send))  # type: ignore[arg-type]
    assert [one["type"] for one in sent] == ["http.response.start", "http.response.body"]
    assert log.messages == [f"a stream broke: GET '{path}': KeyError"]


def test_what_is_refused_is_no_longer_than_a_line(
    page: httpx.Client, log: pytest.LogCaptureFixture
) -> None:
    answer = page.get("/" + "x%0A" * 500)
    sentence_of(answer, 404, log)
    assert len(log.messages[0]) < 300 and "\n" not in log.messages[0]
    assert json.loads(answer.text)
