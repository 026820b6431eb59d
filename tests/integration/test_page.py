"""The page without a browser: address and form, what is refused, what is shown, endpoints."""

import html
import inspect
import re
import socket
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from gradio_client import Client
from hypothesis import given
from hypothesis import strategies as st

from nmviz import service
from nmviz.base.errors import UserError
from nmviz.core.experiment import Experiment
from nmviz.core.metrics import METRICS
from nmviz.core.results import Measurement, Provenance, Result
from nmviz.engine.load import loading
from nmviz.service.runs import load
from nmviz.ui.explore import handlers
from nmviz.ui.explore.form.controls import FIELDS, read, values_of
from nmviz.ui.explore.form.values import form
from nmviz.ui.explore.panels import render
from nmviz.ui.explore.panels.cards import cards, level_interval
from nmviz.ui.explore.panels.layer import step
from nmviz.ui.explore.panels.render import Shown
from nmviz.ui.explore.panels.texts import texts
from nmviz.ui.explore.restore import restored
from nmviz.ui.launch import build, launch_kwargs, serve
from nmviz.ui.shell.failures import UNEXPECTED, sentence
from nmviz.ui.shell.html import esc, quantity
from nmviz.ui.shell.limits import LONGEST_TEXT, check_live, settle, text_for
from nmviz.ui.shell.sessions import SESSIONS, Sessions
from nmviz.ui.shell.view import Look, View, Writing

SMALL = {"corpus": "wikitext-2", "tokens": 256, "window": 64}
ENDPOINTS = (
    "catalogue",
    "lookup",
    "compare",
    "run",
    "look",
    "generate",
    "add_model",
    "published",
    "figure",
    "cost",
)


@pytest.fixture(scope="module")
def client(tiny: str) -> Iterator[Client]:
    page = build()
    _, url, _ = page.launch(prevent_thread_lock=True, server_name="127.0.0.1", **launch_kwargs())
    yield Client(url, verbose=False)
    page.close()


def form_values(view: View) -> list[Any]:
    """What the form's components would hand to a handler."""
    model = next(m for m in service.catalogue().models if m.id == view.experiment.model)
    values = values_of(view, model)
    return [values.get(name) for name in FIELDS]


# Address and form


patterns = st.sampled_from(["1:4", "2:4", "8:16", "3:7", "50%", "12.5%"])
views = st.builds(
    lambda pattern, blocks, projections, tokens, look, writing: View.build(
        {
            "pattern": pattern,
            "blocks": blocks,
            "projections": projections,
            "tokens": tokens,
            **look.model_dump(),
            **writing.model_dump(),
        }
    ),
    patterns,
    st.sampled_from([None, "0-3,7", "2"]),
    st.sampled_from([None, ("q",), ("down", "up")]),
    st.integers(512, 9_999),
    st.builds(
        Look,
        block=st.none() | st.integers(0, 40),
        projection=st.none() | st.sampled_from(["q", "down"]),
        rows=st.integers(1, 128),
        first_column=st.integers(0, 5_000),
    ),
    st.builds(
        Writing,
        prompt=st.text(
            st.characters(blacklist_categories=["Cs", "Cc"]), min_size=1, max_size=40
        ).filter(str.strip),
        new_tokens=st.integers(1, 200),
    ),
)


@given(views)
def test_an_address_is_read_back(view: View) -> None:
    assert View.from_query(view.to_query()) == view


def test_the_usual_address_is_short() -> None:
    assert View().to_query() == ""
    assert View.from_query("?__theme=dark") == View()


def test_the_form_is_read_back(tiny: str) -> None:
    for fields in ({}, {"pattern": "2:4", "blocks": "0-1", "projections": ("q", "k"), "seed": 3}):
        view = settle(View.build({"model": tiny, **SMALL, **fields}))
        assert form(form_values(view)) == (view, None)


def test_all_projections_chosen_is_the_whole_scope() -> None:
    values = {**dict.fromkeys(FIELDS), **values_of(View(), service.catalogue().models[0])}
    view, _ = read([values[name] for name in FIELDS], values["projections"])
    assert view.experiment.projections is None


def test_both_experiments_share_all_but_the_repairs() -> None:
    view = View.build({"pattern": "2:4", "mitigations": ("d-pts", "var"), "seed": 5})
    weight, activation = view.experiments()
    assert (weight.target, activation.target) == ("weight", "activation")
    assert weight.mitigations == ()
    assert activation.mitigations == ("d-pts", "var")
    assert weight.seed == activation.seed == 5


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("pattern=dense", "Dense is the first column"),
        ("pattern=9:8", "keeps more than there is"),
        ("pattern=8:banana", "is not a pattern"),
        ("tokens=many", "is a whole number; given: many"),
        ("rows=0", "Rows"),
        ("rows=9999", "Rows"),
        ("new_tokens=100000", "Tokens to write (new_tokens) is at most 200; given: 100000."),
        ("temperature=hot", "Temperature"),
        ("prompt=" + "x" * 3_000, "Prompt"),
        ("x" * 9_000, "too long"),
        ("artefacts=1", "names no setting"),
    ],
)
def test_wrong_addresses_are_one_sentence(query: str, said: str) -> None:
    with pytest.raises(UserError) as caught:
        View.from_query(query)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


# What is refused


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("model=someone/else", "does not offer the model"),
        ("corpus=elsewhere", "does not offer the text"),
        ("block=30", "has no block 30"),
        ("block=99", "has no block 99"),
        ("projection=<b>", "has no projection"),
        ("tokens=many", "is a whole number; given: many"),
        ("pattern=8:banana", "is not a pattern"),
    ],
)
@pytest.mark.usefixtures("tiny")
def test_a_wrong_address_gives_the_default_and_says_why(query: str, said: str) -> None:
    page = restored(query)
    alert = re.search(f'class="error[^>]*>.*{said}', page["status"], re.S)
    assert alert and "<b>" not in page["status"]
    usual = View().experiment
    assert (page["model"].value, page["pattern"]) == (usual.model, usual.pattern)


def test_only_listed_models_and_texts(tiny: str) -> None:
    for fields, said in (
        ({"model": "someone/else"}, "does not offer the model"),
        ({"corpus": "elsewhere"}, "does not offer the text"),
        ({"block": 3}, "has no block 3"),
        ({"projection": "w"}, "has no projection 'w'"),
    ):
        with pytest.raises(UserError, match=f"{said}.*choose one"):
            settle(View.build({"model": tiny, **fields}))


def test_a_handler_refuses_an_unlisted_model_too(tiny: str) -> None:
    values = form_values(settle(View.build({"model": tiny})))
    values[FIELDS.index("model")] = "/etc"
    update = handlers.looked(values, None)
    assert "does not offer the model" in update["layer_head"]
    assert "does not offer the model" in handlers.changed(values, None, "local")["status"]


def test_sizes_are_bounded() -> None:
    with pytest.raises(UserError, match="at most"):
        check_live(View.build({"tokens": 5_000_000}))
    own = View.build({"corpus": "text"})
    with pytest.raises(UserError, match="too long"):
        text_for(own, "x" * (LONGEST_TEXT + 1))
    with pytest.raises(UserError, match="Paste"):
        text_for(own, "  ")
    assert text_for(View(), "ignored") is None


def test_the_unexpected_is_a_sentence_and_a_log(caplog: pytest.LogCaptureFixture) -> None:
    assert sentence(ValueError("secret detail")) == UNEXPECTED
    assert "secret detail" in caplog.text
    assert sentence(UserError("Do this.")) == "Do this."


def test_a_run_that_breaks_says_so(tiny: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any, **__: Any) -> Iterator[Any]:
        raise ValueError("secret detail")

    monkeypatch.setattr(service, "run", broken)
    values = form_values(settle(View.build({"model": tiny, **SMALL})))
    last = list(handlers.run(values, None, "local", "visitor", False))[-1]
    assert UNEXPECTED in last["status"]
    assert "secret" not in str(last)


def test_outside_words_are_escaped() -> None:
    assert "<script>" not in render.fault("<script>alert(1)</script>")
    shown = texts(None, View(), esc("<b>"))
    assert "<b>" not in shown


# One visitor each


@pytest.mark.usefixtures("own_store")
def test_what_is_stored_on_another_text_is_a_link_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NMVIZ_WIKITEXT2", raising=False)  # the text itself is not needed
    view = settle(View.build({"pattern": "2:4", "criterion": "amber"}))
    said = render.not_run(view, None)
    assert re.search(r"measured on another text: .*>WikiText-2 \w+, [\d,]+ tokens</a>", said)
    (address,) = re.findall(r'href="(.*?)"', said)
    there = settle(View.from_query(html.unescape(address)))
    found = render.find(there, None)
    assert found and {r.experiment.corpus for r in found.results.values()} == {
        there.experiment.corpus
    }
    assert "href" not in render.not_run(settle(View.build({"pattern": "3:7"})), None)


def test_cancelling_reaches_one_visitor() -> None:
    sessions = Sessions()
    mine, yours = sessions.start("me"), sessions.start("you")
    sessions.cancel("me")
    assert mine.is_set() and not yours.is_set()
    again = sessions.start("me")
    assert not again.is_set() and sessions.running("me") is again
    assert sessions.running("me", again.number) is again
    assert sessions.running("me", mine.number).is_set() and not again.is_set()
    sessions.leave("me")
    sessions.leave("you")
    assert again.is_set() and len(sessions) == 0


def test_cancel_set_before_the_run_keeps_nothing(tiny: str) -> None:
    values = form_values(settle(View.build({"model": tiny, **SMALL, "seed": 77})))
    SESSIONS.start("early")
    SESSIONS.cancel("early")
    updates = list(handlers.run(values, None, "local", "early", False))
    assert any("Cancelled" in str(update.get("status")) for update in updates)
    view, text = form(values)
    assert render.find(view, text) is None
    SESSIONS.leave("early")


def test_a_run_streams_and_is_then_in_the_store(tiny: str) -> None:
    values = form_values(settle(View.build({"model": tiny, **SMALL, "seed": 78})))
    assert "Not run yet" in handlers.changed(values, None, "local")["status"]
    updates = list(handlers.run(values, None, "local", "streams", False))
    partial = [update["shown"] for update in updates if "shown" in update]
    assert any(one.results["activation"].partial for one in partial)
    assert not partial[-1].results["activation"].partial
    stored = handlers.changed(values, None, "local")
    assert "From the store" in stored["status"]
    assert stored["shown"].stored


def test_loading_happens_once(tiny: str) -> None:
    loading.forget()
    seen: list[Any] = []
    together = threading.Barrier(4)

    def ask() -> None:
        together.wait()
        seen.append(load(tiny))

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(seen) == 4 and all(one is seen[0] for one in seen)


# What is shown


@pytest.mark.parametrize("metric", list(METRICS))
def test_every_quantity_has_its_explanation(metric: str) -> None:
    entry = METRICS.get(metric)
    shown = quantity(metric)
    assert esc(entry.help) in shown and esc(entry.formula) in shown


def test_the_interval_of_a_perplexity_stays_above_zero() -> None:
    level = Measurement(metric="perplexity", value=50.0, stderr=20.0, n=2)
    reach = level_interval(level)
    assert reach is not None and 0 < reach[0] < 50 < reach[1]
    assert level_interval(Measurement(metric="perplexity", value=50.0)) is None


def test_cards_keep_their_order_without_results() -> None:
    shown = cards({}, View())
    assert [shown.index(f'class="card {name}"') for name in ("dense", "weight", "activation")] == (
        sorted(shown.index(f'class="card {name}"') for name in ("dense", "weight", "activation"))
    )


def test_ties_are_told_above_one_percent() -> None:
    measurements = (
        Measurement(metric="perplexity", value=500.0, stderr=9.0, n=8),
        Measurement(metric="tie_share", value=0.47),
        Measurement(metric="perplexity_ties_low", value=400.0, n=3),
        Measurement(metric="perplexity_ties_high", value=900.0, n=3),
    )
    weight = Result(
        experiment=Experiment(target="weight"),
        measurements=measurements,
        provenance=Provenance(source="nmviz"),
    )
    assert "400 to 900" in cards({"weight": weight}, View())


def test_only_whole_results_of_the_same_settings_answer() -> None:
    view = View()
    weight, activation = view.experiments()
    whole = {
        one.target: Result(experiment=one, measurements=(), provenance=Provenance(source="nmviz"))
        for one in (weight, activation)
    }
    shown = Shown(view, None, whole)
    assert shown.answers(View.build({"block": 3, "prompt": "else"}), None)
    assert not shown.answers(View.build({"pattern": "2:4"}), None)
    partial = {name: one.model_copy(update={"partial": True}) for name, one in whole.items()}
    assert not Shown(view, None, partial).answers(view, None)


@pytest.mark.parametrize("direction", ["left", "right", "up", "down", "closer", "wider"])
def test_the_mask_window_stays_valid(direction: str) -> None:
    look = Look()
    for _ in range(12):
        look = Look(**step(look, direction).model_dump())
    assert look.rows >= 1 and look.first_row >= 0


# Endpoints


def test_the_endpoints_are_the_named_ones(client: Client) -> None:
    endpoints = client.view_api(return_format="dict", print_info=False)["named_endpoints"]
    assert set(endpoints) == {f"/{name}" for name in ENDPOINTS}


def test_endpoints_answer(client: Client, tiny: str) -> None:
    experiment = {"model": tiny, **SMALL, "pattern": "2:4"}
    assert tiny in client.predict(api_name="/catalogue")["models"]
    last = client.submit(experiment, api_name="/run").result()
    assert last["stage"] == "done"
    assert {m["metric"] for m in last["results"][0]["measurements"]} >= {"perplexity", "delta_nll"}
    assert client.predict(experiment, api_name="/lookup")["experiment"]["pattern"] == "2:4"
    twice = client.predict(experiment, experiment, api_name="/compare")
    assert {row["verdict"] for row in twice["rows"]} == {"not told apart"}
    look = client.predict(experiment, "Some words.", 1, "down", api_name="/look")
    assert 0 < look["rel_error"] < 2 and look["kept"] == 0.5
    written = client.submit(experiment, "A river", 5, api_name="/generate").result()
    assert set(written["texts"]) == {"dense", "activation"}


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"model": "/etc"}, "does not offer the model"),
        ({"pattern": "9:8"}, "keeps more than there is"),
        ({"tokens": 9_000_000}, "at most"),
        ({"surprise": 1}, "surprise"),
    ],
)
def test_endpoints_refuse_in_a_sentence(
    client: Client, tiny: str, fields: dict[str, Any], said: str
) -> None:
    with pytest.raises(Exception, match=said) as caught:
        client.submit({"model": tiny, **SMALL, **fields}, api_name="/run").result()
    assert "Traceback" not in str(caught.value)


def test_a_port_that_is_taken_is_one_sentence() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        said = f"^Port {port} of 127.0.0.1 cannot be used: stop what runs there, or give another"
        with pytest.raises(UserError, match=said):
            serve(port=port, block=False)


def test_launching_opens_nothing_it_should_not() -> None:
    kwargs = launch_kwargs()
    assert "allowed_paths" not in kwargs
    assert not kwargs["ssr_mode"] and not kwargs["enable_monitoring"] and not kwargs["run_history"]
    assert inspect.signature(serve).parameters["host"].default == "127.0.0.1"


def test_what_shows_no_progress_shows_it_on_nothing(client: Client) -> None:
    """Else the browser goes through every output that such an event has, again for each event."""
    events = client.config["dependencies"]
    own = [one for one in events if one["api_visibility"] == "private"]  # no endpoint for others
    hidden = [one for one in own if one["show_progress"] == "hidden"]
    assert len(hidden) > 50
    assert [one["id"] for one in hidden if one["show_progress_on"] != []] == []
