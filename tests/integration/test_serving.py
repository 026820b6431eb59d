"""How the page is served: what is the same for all is worked out once, little is kept of each."""

import gzip
import os
import subprocess
import sys
from collections import defaultdict
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import brotli
import gradio as gr
import httpx
import pytest
from serving import client_of, free_port, served_here, wait_for

from nmviz import service
from nmviz.base.memory import resident
from nmviz.core.experiment import Experiment
from nmviz.ui.explore import handlers
from nmviz.ui.explore.panels.render import Shown
from nmviz.ui.guard.routes import API
from nmviz.ui.serving.visits import MOST_VISITS, Visits
from nmviz.ui.shell.failures import UNEXPECTED
from nmviz.ui.shell.sessions import SESSIONS

ROOT = Path(__file__).parents[2]
AT_ONCE = f"{API}/run/predict"
ENCODINGS: dict[str, Callable[[bytes], bytes]] = {
    "identity": bytes,
    "gzip": gzip.decompress,
    "br": brotli.decompress,
}
JSON = {"Content-Type": "application/json"}
LARGEST_GROWTH = 50 * 2**20


@pytest.fixture(scope="module")
def served(module_store: Path) -> Iterator[gr.Blocks]:
    with served_here() as page:
        yield page


@pytest.fixture
def page(served: gr.Blocks) -> Iterator[httpx.Client]:
    with client_of(served) as client:
        yield client


@pytest.fixture
def looked_up(monkeypatch: pytest.MonkeyPatch) -> list[Experiment]:
    """What is looked up in the store from now on."""
    asked: list[Experiment] = []
    lookup = service.lookup

    def noting(experiment: Experiment, *more: Any) -> Any:
        asked.append(experiment)
        return lookup(experiment, *more)

    monkeypatch.setattr(service, "lookup", noting)
    return asked


def handler(served: gr.Blocks, outputs: tuple[str, ...]) -> Any:
    """The first handler that fills these components of the page."""
    for one in served.fns.values():
        known = {getattr(block, "elem_id", None) for block in one.outputs}
        if one.fn and not one.queue and set(outputs) <= known and one.inputs:
            return one
    raise AssertionError(outputs)


def changing(served: gr.Blocks) -> Any:
    """The handler of a setting that has moved."""
    return handler(served, ("status", "cards", "wanted"))


def asked(one: Any, session: str, **values: Any) -> dict[str, Any]:
    """What a browser sends while every control stands at its value, but for those named."""
    given = [None if block.stateful else block.value for block in one.inputs]
    for place, block in enumerate(one.inputs):
        for name, value in values.items():
            if f"field-{name}" in (block.elem_classes or ()):
                given[place] = value
    return {"data": given, "fn_index": one._id, "session_hash": session}


def answer(page: httpx.Client, one: Any, session: str, **values: Any) -> list[Any]:
    said = page.post(AT_ONCE, json=asked(one, session, **values))
    assert said.status_code == 200, said.text
    return said.json()["data"]


def filled(one: Any, data: list[Any], name: str) -> Any:
    """What an answer says of a component."""
    names = [getattr(block, "elem_id", None) for block in one.outputs]
    return data[names.index(name)]


def visitor() -> str:
    return uuid4().hex[:11]


# The page and its files


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("path", ["/", "/config", "/theme.css"])
def test_the_page_is_compressed_as_it_is_asked_for(
    page: httpx.Client, path: str, encoding: str
) -> None:
    plain = page.get(path, headers={"Accept-Encoding": "identity"})
    with page.stream("GET", path, headers={"Accept-Encoding": encoding}) as packed:
        body = b"".join(packed.iter_raw())
    assert plain.status_code == packed.status_code == 200
    assert packed.headers.get("content-encoding", "identity") == encoding
    assert ENCODINGS[encoding](body) == plain.content
    assert encoding == "identity" or len(body) < len(plain.content) / 4
    assert packed.headers["content-type"] == plain.headers["content-type"]


def test_a_page_that_the_browser_has_is_not_sent_again(page: httpx.Client) -> None:
    first = page.get("/")
    again = page.get("/", headers={"If-None-Match": first.headers["etag"]})
    assert again.status_code == 304 and not again.content


def test_a_page_says_where_it_was_asked_for(page: httpx.Client, served: gr.Blocks) -> None:
    """A Space is asked under another name than the machine's own, and each gets its own page."""
    mine, theirs = page.get("/"), page.get("/", headers={"Host": "nmviz.example"})
    assert served.local_url.rstrip("/") in mine.text
    assert "http://nmviz.example" in theirs.text and "nmviz.example" not in page.get("/").text


def test_what_is_no_file_is_none(page: httpx.Client) -> None:
    for _ in range(2):
        assert page.get("/assets/none.js").status_code == 404


# Answers to settings that move faster than they are answered


def test_no_event_begins_two_handlers_that_wait_for_one_another(served: gr.Blocks) -> None:
    """Each that is done would begin both anew, for ever."""
    begun: dict[tuple[int, str], list[int]] = defaultdict(list)
    for one in served.config["dependencies"]:
        for place, event in one["targets"]:
            if one["trigger_mode"] == "always_last" and one["backend_fn"] and place is not None:
                begun[place, event].append(one["id"])
    assert len(begun) > 10
    assert {place: handlers for place, handlers in begun.items() if len(handlers) > 1} == {}


# Answers that all visitors may have


def test_what_one_visitor_asked_is_not_worked_out_for_the_next(
    page: httpx.Client, served: gr.Blocks, looked_up: list[Experiment]
) -> None:
    one, you, me = changing(served), visitor(), visitor()
    first = answer(page, one, you, pattern="2:4")
    assert len(looked_up) == 2  # weights and activations
    assert answer(page, one, me, pattern="2:4") == first
    assert len(looked_up) == 2
    assert "2:4" in filled(one, first, "cards")


def test_the_next_visitor_goes_on_from_what_the_answer_left(
    page: httpx.Client, served: gr.Blocks
) -> None:
    """What is shown is a state: a redraw of it has the same figures for both."""
    one, redraw = changing(served), handler(served, ("depth-plot",))
    drawn = []
    for session in (visitor(), visitor()):
        answer(page, one, session, pattern="4:8")
        (state,) = [block._id for block in one.outputs if block.stateful]
        shown = served.state_holder[session][state]
        assert isinstance(shown, Shown) and shown.view.experiment.pattern == "4:8"
        assert shown.results
        drawn.append(answer(page, redraw, session, pattern="4:8"))
    assert drawn[0] == drawn[1]


def test_a_new_result_is_seen_by_everyone_who_asked_for_it(
    page: httpx.Client, served: gr.Blocks, looked_up: list[Experiment]
) -> None:
    """And what does not tell of it is not worked out anew."""
    one = changing(served)
    answer(page, one, visitor(), pattern="16:32")
    found = service.lookup(looked_up[0])
    assert found is not None
    other = answer(page, one, visitor(), pattern="70%")
    now = found.provenance.model_copy(update={"started": datetime.now(UTC).isoformat()})
    newer = found.model_copy(update={"provenance": now})
    asked_before = len(looked_up)
    assert service.store().put(newer)
    assert answer(page, one, visitor(), pattern="70%") == other
    assert len(looked_up) == asked_before
    answer(page, one, visitor(), pattern="16:32")
    assert len(looked_up) == asked_before + 2


def test_a_failure_is_for_who_met_it(
    page: httpx.Client, served: gr.Blocks, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = changing(served)

    def failing(*_: Any) -> Any:
        raise OSError("the disk is gone")

    with monkeypatch.context() as patch:
        patch.setattr(service, "lookup", failing)
        said = answer(page, one, visitor(), pattern="1:4")
    assert UNEXPECTED in filled(one, said, "status")
    assert UNEXPECTED not in filled(one, answer(page, one, visitor(), pattern="1:4"), "status")


def test_what_a_visitor_ran_is_nobody_elses(page: httpx.Client, served: gr.Blocks) -> None:
    """Their page redraws what they see; another visitor with the same settings sees the store's."""
    redraw = handler(served, ("depth-plot",))
    (state,) = [block._id for block in redraw.inputs if block.stateful]
    mine, yours = visitor(), visitor()
    stored = answer(page, redraw, yours)
    found = handlers.render.find(handlers.View(), None)
    assert found is not None
    own = Shown(found.view, None, {"weight": found.results["weight"]}, stored=False)
    served.state_holder[mine][state] = own
    assert answer(page, redraw, mine) != stored
    assert answer(page, redraw, visitor()) == stored


def test_outputs_that_are_left_alone_are_not_touched(page: httpx.Client, served: gr.Blocks) -> None:
    one, session = changing(served), visitor()
    said = answer(page, one, session, pattern="")
    wrong = [place for place, told in enumerate(said) if told != {"__type__": "update"}]
    touched = [one.outputs[place] for place in wrong]
    assert {block.elem_id for block in touched if not block.stateful} == {
        "query",
        "wanted",
        "status",
    }
    visit = served.state_holder[session]
    assert not visit.blocks_config.blocks.maps[0]


# What is kept of a visitor


def test_no_connection_is_held_open_for_a_page(page: httpx.Client) -> None:
    assert page.get("/config").json()["connect_heartbeat"] is False


def test_a_visitor_who_says_goodbye_is_forgotten(page: httpx.Client, served: gr.Blocks) -> None:
    session = visitor()
    answer(page, changing(served), session, pattern="2:4")
    turn = SESSIONS.start(session)
    assert session in served.state_holder
    leaving = next(one for one in served.fns.values() if getattr(one.fn, "__name__", "") == "leave")
    answer(page, leaving, session)
    assert session not in served.state_holder and turn.is_set()


def test_of_many_visitors_the_longest_idle_are_forgotten(served: gr.Blocks) -> None:
    visits = Visits(served)
    try:
        for number in range(MOST_VISITS + 5):
            assert visits[str(number)] is not None
        assert len(visits.session_data) == MOST_VISITS == len(visits.time_last_used)
        assert "0" not in visits and str(MOST_VISITS + 4) in visits
    finally:
        served.app.state_holder.set_blocks(served)


SERVE = "import sys; from nmviz.ui.launch import serve; serve(port=int(sys.argv[1]))"


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="memory is read from /proc")
def test_300_openings_and_1000_calls_add_little(module_store: Path, tmp_path: Path) -> None:
    """Each opening is another visitor's, who does not say goodbye."""
    port = free_port()
    environment = {
        **os.environ,
        "NMVIZ_STORE_URL": f"sqlite:///{module_store}",
        "PYTHONPATH": str(ROOT),
    }
    log = tmp_path / "log"
    with log.open("wb") as said:
        process = subprocess.Popen(
            [sys.executable, "-c", SERVE, str(port)], env=environment, stdout=said, stderr=said
        )
    try:
        url = f"http://127.0.0.1:{port}"
        wait_for(url, process, log, 120)
        with httpx.Client(base_url=url, timeout=120, headers=JSON) as client:
            called = {"data": [{"pattern": "2:4"}]}
            config = client.get("/config").json()
            opening = next(one for one in config["dependencies"] if one["targets"][0][1] == "load")

            def come(count: int, calls: int) -> None:
                for number in range(count):
                    assert client.get("/").status_code == 200
                    body = {"data": [], "fn_index": opening["id"], "session_hash": visitor()}
                    query = f"?pattern={('2:4', '8:16', '16:32')[number % 3]}"
                    assert client.post(AT_ONCE + query, json=body).status_code == 200
                for _ in range(calls):
                    answered = client.post(f"{API}/run/lookup", json=called)
                    assert answered.status_code == 200

            come(30, 30)
            before = resident(process.pid)
            come(300, 1000)
            after = resident(process.pid)
        assert before is not None and after is not None
        grown = after - before
        assert grown <= LARGEST_GROWTH, f"{grown / 2**20:.0f} MiB"
    finally:
        process.terminate()
        process.wait(timeout=30)
