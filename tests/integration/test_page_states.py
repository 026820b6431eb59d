"""States between two answers: another model was chosen, settings moved during a run, refusals."""

import json
import re
from html import unescape
from typing import Any

import gradio as gr
from forms import form

from nmviz import service
from nmviz.core.results import Measurement, Provenance, Result
from nmviz.ui.explore import handlers, picking, writing
from nmviz.ui.explore.form.controls import FIELDS
from nmviz.ui.explore.panels import every_method, one_at_a_time
from nmviz.ui.explore.panels.cards import cards
from nmviz.ui.explore.panels.layer import step
from nmviz.ui.explore.panels.render import Shown, status
from nmviz.ui.shell.sessions import SESSIONS
from nmviz.ui.shell.view import Look, View

LLAMA = "llama3.1-8b"
SMALL = {"corpus": "wikitext-2", "tokens": 256, "window": 64}


def test_a_large_models_cards_leave_with_it(tiny: str) -> None:
    fitted = handlers.fitted(form(model=tiny))
    assert "being loaded" in fitted["layer_head"] and fitted["weight_mask"] is None
    large = handlers.changed(form(model=LLAMA), None, "local")
    assert "published" in large["cards"]
    small = form(model=tiny, **SMALL, seed=5)
    update = handlers.changed(small, large["shown"], "local")
    assert "Not run yet" in update["status"]
    assert "published" not in update["cards"] and "live model" not in update["depth_head"]
    assert update["shown"].view.experiment.model == tiny
    SESSIONS.start("quick")
    started = [*handlers.run(small, large["shown"], "local", "quick", False)][1]
    assert "Running" in started["status"] and "published" not in started["cards"]


def test_settings_that_move_during_a_run_are_not_answered_by_it(tiny: str) -> None:
    asked, moved = form(model=tiny, **SMALL, seed=6), form(model=tiny, **SMALL, seed=7)
    ran, shown = None, None
    for update in handlers.run(asked, None, "local", "mover", False):
        ran, shown = update.get("ran", ran), update.get("shown", shown)
    assert handlers.ended(asked, shown, "local", ran) == {}
    said = handlers.ended(moved, shown, "local", ran)
    assert "Not run yet" in said["status"] and "stale" in said["status"]
    assert 'data-panel="figures"' in said["cards"]  # of the run, whatever was answered in between
    assert handlers.ended(asked, said.get("shown", shown), "local", None)["shown"] == shown


def test_what_was_cancelled_or_refused_keeps_its_last_word(tiny: str) -> None:
    for fields in ({"tokens": 100_000}, {"seed": 8}):
        values = form(**{"model": tiny, **SMALL, **fields})
        SESSIONS.start("stopped").set()
        *_, last = (u for u in handlers.run(values, None, "local", "stopped", False) if "ran" in u)
        assert handlers.ended(values, None, "local", last["ran"]) == {}


def test_a_refused_measurement_says_why(tiny: str) -> None:
    values = form(model=tiny, **SMALL | {"tokens": 100_000})
    *_, last = one_at_a_time.measure([*values, "projection"], "refused")
    assert "at most" in last["each_head"]
    assert one_at_a_time.found([*values, "projection"], last["each_of"]) == {}


def test_a_refusal_comes_before_an_estimate(tiny: str) -> None:
    """What Run would refuse is refused when it is asked for, not told how long it would take."""
    text = "Hello."
    too_long = {"tokens": 100_000}, "", "at most 65,536 tokens"
    too_wide = {"window": 1_024, "tokens": 1_024}, "", "longer than"
    too_short = {"corpus": service.OWN_TEXT}, text, "fewer than one window"
    for fields, own, said in (too_long, too_wide, too_short):
        values = form(**{"model": tiny, **SMALL, "seed": 9, **fields})
        values[FIELDS.index("text")] = own
        told = handlers.changed(values, None, "local")["status"]
        assert said in told and "about" not in told and "Not run yet" not in told
        each = one_at_a_time.found([*values, "projection"], None)
        assert said in each["each_head"] and "about" not in each["each_head"]
        assert "passes over" not in each["each_head"]


def test_cards_name_what_they_are_of() -> None:
    fields = {"mitigations": ("d-pts", "var"), "projections": ("q", "k"), "blocks": "0-3"}
    view = View.build({**fields, "weight_criterion": "wanda"})
    experiment = View.build(fields).experiment
    cost = Measurement(metric="delta_nll", value=1.0, stderr=0.1, n=4, unit_of_n="windows")
    result = Result(
        experiment=experiment, measurements=(cost,), provenance=Provenance(source="nmviz")
    )
    shown = cards({"activation": result}, view)
    assert "magnitude + d-pts + var, only q and k in blocks 0-3" in shown
    assert "wanda, only q and k in blocks 0-3" in shown
    said = "± is one standard error; n is 4 windows."
    assert said in status(Shown(view, None, {"activation": result}))


def test_a_noise_floor_is_measured_where_the_page_asks_for_it(tiny: str) -> None:
    plain, asked = (form(model=tiny, **SMALL, seed=11, noise_floor=on) for on in (False, True))
    SESSIONS.start("floors")
    runs = (handlers.run(values, None, "local", "floors", False) for values in (plain, asked))
    without, known = ([u for u in steps if "cards" in u][-1] for steps in runs)
    assert "No noise floor measured." in without["status"]
    assert "rounding alone" not in without["cards"]
    moved = handlers.changed(asked, without["shown"], "local")
    assert "Press Run to measure the noise floor too" in moved["status"]
    assert "noise_floor=True" in moved["query"]
    assert known["cards"].count("rounding alone, pruned model") == 2
    for told in (known, handlers.changed(plain, known["shown"], "local")):
        assert "No noise floor" not in told["status"] and "Press Run" not in told["status"]
        assert "rounding alone, pruned model" in told["cards"]


def test_one_part_at_a_time_has_its_noise_floors_too(tiny: str) -> None:
    plain, asked = (
        [*form(model=tiny, **SMALL | {"tokens": 128}, noise_floor=on), "projection"]
        for on in (False, True)
    )
    *_, measured = one_at_a_time.measure(plain, "parts")
    found = one_at_a_time.found(plain, measured["each_of"], "measured")
    assert not found["each_bar"].visible and "noise floor" not in found["each_table"]
    assert found["each_head"].count("No noise floor measured.") == 1
    offered = one_at_a_time.found(asked, found["each_of"])
    assert offered["each_bar"].visible and offered["each_plot"] is not None
    *_, measured = one_at_a_time.measure(asked, "parts")
    known = one_at_a_time.found(asked, measured["each_of"], "measured")
    assert not known["each_bar"].visible and "No noise floor" not in known["each_head"]
    assert "noise floor, weights" in known["each_table"] and "&ndash;" not in known["each_table"]


def test_texts_are_stamped_with_what_wrote_them(tiny: str) -> None:
    values = form(model=tiny, **SMALL, pattern="2:4", new_tokens=2)
    SESSIONS.start("writer")
    *_, last = writing.write(values, "writer")
    assert of_panel(last["texts"], "texts") == asked_of(values, "texts")
    text = form(model=tiny, corpus="wikitext-2", tokens=512, window=32, pattern="2:4", new_tokens=2)
    assert asked_of(text, "texts") == asked_of(values, "texts"), "the text that is measured on"
    for other in ({"pattern": "8:16"}, {"prompt": "Else"}, {"new_tokens": 3}):
        moved = form(**{"model": tiny, **SMALL, "pattern": "2:4", "new_tokens": 2, **other})
        assert asked_of(moved, "texts") != asked_of(values, "texts"), other


def test_a_wrong_setting_stops_only_what_needs_it(tiny: str) -> None:
    right = form(model=tiny, **SMALL)
    for name, value, needing in (
        ("new_tokens", 0, {"texts"}),
        ("rows", 0, {"layer"}),
        ("tokens", -5, {"figures"}),
        ("prompt", "", {"layer", "methods", "texts"}),
        ("pattern", "8:banana", {"figures", "layer", "methods", "texts"}),
        ("weight_criterion", "clact", {"figures", "layer", "methods", "texts"}),
        ("block", 99, {"layer", "methods"}),
    ):
        wrong = [value if one == name else given for one, given in zip(FIELDS, right, strict=True)]
        told = handlers.changed(wrong, None, "local")
        assert list(wrongs(told["wanted"])) == [name]
        for panel in ("figures", "layer", "methods", "texts"):
            kept = asked_of(wrong, panel)
            assert kept == (None if panel in needing else asked_of(right, panel)), (name, panel)
        looked = handlers.looked(wrong, None)
        assert (looked["looked_at"] is None) == ("layer" in needing)
        back = handlers.looked(right, looked["looked_at"])
        assert "layer" not in needing or back["weight_mask"] is not None


def test_every_panel_says_what_it_was_made_for(tiny: str) -> None:
    values = form(model=tiny, **SMALL)
    SESSIONS.start("stamps")
    ran = [u for u in handlers.run(values, None, "local", "stamps", False) if "cards" in u][-1]
    assert of_panel(ran["cards"], "figures") == asked_of(values, "figures")
    looked = handlers.looked(values, None)
    assert of_panel(looked["layer_head"], "layer") == asked_of(values, "layer")
    assert f": {SMALL.get('pattern', '8:16')}, magnitude</h2>" in looked["layer_head"]
    swept = every_method.swept(values, None)
    assert of_panel(swept["methods_head"], "methods") == asked_of(values, "methods")
    assert list(one_at_a_time.measure([*values, "projection"], "stamps"))
    found = one_at_a_time.found([*values, "projection"], None)
    told = json.loads(unescape(re.findall(r'data-wanted="([^"]*)"', found["each_wanted"])[0]))
    assert of_panel(found["each_head"], "each") == told["panels"]["each"]


def of_panel(html: str, panel: str) -> str:
    """What a panel was made for, from its stamp."""
    return re.findall(rf'data-panel="{panel}" data-of="(\w+)"', html)[0]


def asked_of(values: list[Any], panel: str) -> str | None:
    """What the settings ask of a panel."""
    told = handlers.moved(values)["wanted"]
    return json.loads(unescape(re.findall(r'data-wanted="([^"]*)"', told)[0]))["panels"][panel]


def wrongs(wanted: str) -> dict[str, str]:
    return json.loads(unescape(re.findall(r'data-wanted="([^"]*)"', wanted)[0]))["wrong"]


def test_only_a_layer_of_the_model_is_picked(tiny: str) -> None:
    model = next(one for one in service.catalogue().models if one.id == tiny)
    assert picking.pick("1,down", tiny) == (1, "down")
    assert picking.pick("0", tiny)[0] == 0
    for other in (f"{model.blocks},down", "1,c_attn", "x", "-1", "9" * 50):
        assert picking.pick(other, tiny) == gr.skip(), other
    assert picking.pick("1,down", "no such model") == gr.skip()


def test_the_masks_window_ends_where_they_do(tiny: str) -> None:
    size = handlers.looked(form(model=tiny, **SMALL), None)["mask_size"]
    look = Look(rows=16, columns=32)
    for _ in range(500):
        look = step(step(look, "down", size), "right", size)
    assert (look.first_row, look.first_column) == (size[0] - 16, size[1] - 32)
    back = step(look, "left", size)
    assert back.first_column == look.first_column - 32
    wide = step(look, "wider", size)
    assert wide.first_column == max(0, size[1] - wide.columns)
