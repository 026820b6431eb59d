"""The page's handlers without a browser: menus, every method at a layer, one at a time."""

import json
from pathlib import Path
from typing import Any

import pytest
from kinds import save_model

from nmviz import service
from nmviz.engine.calibrate import artefacts, calibration
from nmviz.methods import ACTIVATION, MITIGATIONS, WEIGHT
from nmviz.methods.patterns import parse_pattern
from nmviz.ui.explore import handlers
from nmviz.ui.explore.form.controls import FIELDS, values_of
from nmviz.ui.explore.form.menus import menus, relabelled
from nmviz.ui.explore.form.notes import method_notes, terms
from nmviz.ui.explore.form.scoping import projections_of, scope_of
from nmviz.ui.explore.panels import every_method, one_at_a_time
from nmviz.ui.explore.panels.cards import cards
from nmviz.ui.explore.panels.layer import layer_panels
from nmviz.ui.explore.restore import restored
from nmviz.ui.methods.tab import build_methods
from nmviz.ui.page import build_page
from nmviz.ui.shell.limits import model_of
from nmviz.ui.shell.sessions import SESSIONS
from nmviz.ui.shell.view import View

METHODS = {m.name: m for registry in (ACTIVATION, WEIGHT, MITIGATIONS) for m in registry.values()}


@pytest.fixture(autouse=True)
def own_page(
    own_store: Path, tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The tiny model, a text in a folder, a store of its own and nothing calibrated yet."""
    from tiny import PARAGRAPHS

    for name in ("wiki.test.raw", "wiki.valid.raw"):
        (tmp_path / name).write_text("\n\n".join(PARAGRAPHS * 20), encoding="utf-8")
    monkeypatch.setenv("NMVIZ_MODELS", str(tiny_model))
    monkeypatch.setenv("NMVIZ_WIKITEXT2", str(tmp_path))
    monkeypatch.setattr(artefacts, "path_of", lambda key: tmp_path / f"{key}.safetensors")
    monkeypatch.setattr(calibration, "WINDOW", 64)


@pytest.fixture
def usual(tiny_model: Path) -> dict[str, Any]:
    """Fields of a small experiment on the tiny model."""
    return {
        **{"model": str(tiny_model), "corpus": "wikitext-2", "tokens": 256, "window": 64},
        **{"block": 1, "projection": "down", "calibration_windows": 2},
    }


def form(**fields: Any) -> list[Any]:
    """The values of the form that shows these fields."""
    view = View.build(fields)
    values = {**values_of(view, model_of(view)), "text": ""}
    return [values[name] for name in FIELDS]


def figure(plot: Any) -> dict[str, Any]:
    return json.loads(plot.plot)


def test_the_page_builds() -> None:
    assert build_page(private=True).fns


def test_every_method_is_in_a_menu_and_says_where_it_does_not_fit() -> None:
    grouped, share = (menus(parse_pattern(pattern)) for pattern in ("8:16", "50%"))
    assert {name for menu in grouped.values() for _, name in menu} == set(METHODS)
    assert ("TEAL (only with a share such as 50%)", "teal") in grouped["criterion"]
    assert ("TEAL", "teal") in share["criterion"]


def test_menus_are_relabelled_only_when_a_label_changes() -> None:
    first, *menus_now = relabelled("50%", None)
    assert len(menus_now) == 3
    for unchanged in (relabelled("70%", first), relabelled("8:", first)):
        assert isinstance(unchanged, dict)
        assert unchanged["__type__"] == "update"
    assert relabelled("8:16", first)[0] != first


def test_notes_show_settings_and_how_to_write_them(usual: dict[str, Any]) -> None:
    said = method_notes(View.build({**usual, "mitigations": "r-sparse(rank=128)"}))
    assert "rank=128" in said
    assert "r-sparse(rank=256)" in said
    assert "arXiv 2504.19449" in said


def test_every_method_of_the_layer_from_one_capture(usual: dict[str, Any]) -> None:
    update = every_method.swept(form(**usual), None)
    names = figure(update["methods_plot"])["layout"]["yaxis"]["ticktext"]
    assert len(names) == len(ACTIVATION) + len(WEIGHT) + len(MITIGATIONS)
    waiting = {name.split()[2] for _, name in update["uncalibrated"].choices}
    assert waiting == {m.name for m in METHODS.values() if m.calibrated} - {"teal"}
    assert update["calibration"].visible
    assert "press Calibrate" in update["methods_table"]
    again = every_method.swept(form(**usual, rows=4), update["swept_at"])
    assert again == {}
    assert every_method.swept(form(**{**usual, "block": 2}), update["swept_at"])


def test_a_layer_outside_the_scope_offers_no_calibration(usual: dict[str, Any]) -> None:
    update = every_method.swept(form(**usual, blocks="0"), None)
    assert not update["calibration"].visible
    assert "outside the scope" in update["methods_head"]


@pytest.mark.real  # the calibration text is fetched on first use
def test_what_is_calibrated_gets_its_error(usual: dict[str, Any]) -> None:
    values = [*form(**usual), "activation mitigation s-pts"]
    bars = [update["calibrating"] for update in every_method.calibrate(values, "one")]
    assert any("Calibrating" in bar for bar in bars)
    assert bars[-1] == ""
    update = every_method.swept(form(**usual), None)
    repaired = [d for d in figure(update["methods_plot"])["data"] if "repaired" in d["name"]]
    assert "Static shift (S-PTS)" in [name for name, _ in repaired[0]["customdata"]]
    assert "s-pts" not in {name.split()[2] for _, name in update["uncalibrated"].choices}


def test_calibrating_can_be_cancelled_and_refuses_what_is_no_method(usual: dict[str, Any]) -> None:
    SESSIONS.start("two").set()
    *_, last = every_method.calibrate([*form(**usual), "weight criterion wanda"], "two")
    assert "Cancelled" in last["calibrating"]
    *_, last = every_method.calibrate([*form(**usual), "weight criterion <b>"], "three")
    assert "Choose a method" in last["calibrating"]


def test_calibrating_says_whether_training_helped(usual: dict[str, Any]) -> None:
    *_, last = every_method.calibrate([*form(**usual), "activation mitigation ls"], "six")
    assert "the error of the blocks on held-out text" in last["calibrating"]
    *_, last = every_method.calibrate([*form(**usual), "activation mitigation s-pts"], "six")
    assert last["calibrating"] == ""


def test_a_model_with_layers_of_its_own_names_fills_every_menu(
    usual: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = save_model("gpt2", tmp_path / "gpt2")
    monkeypatch.setenv("NMVIZ_MODELS", str(folder))
    named = ["c_attn", "attn.c_proj", "c_fc", "mlp.c_proj"]
    usual |= {"model": str(folder), "projection": "c_fc"}
    assert list(model_of(View.build(usual)).projections) == named
    update = handlers.fitted(form(**usual))
    assert update["projection"].value == "mlp.c_proj"
    assert update["projections"].value == named
    values = layer_panels(View.build(usual))
    assert values["weight_mask"] is not None and values["activation_mask"] is not None
    assert "8 runs" in one_at_a_time.found([*form(**usual), "projection"], None)["each_head"]


def test_one_side_that_needs_calibration_leaves_the_other(usual: dict[str, Any]) -> None:
    values = layer_panels(View.build({**usual, "weight_criterion": "ria"}))
    assert values["weight_mask"] is None
    assert "must first be calibrated" in values["weight_inputs_head"]
    assert values["activation_mask"] is not None
    assert values["looked_at"] is None


def test_one_projection_at_a_time_is_measured_once_and_then_found(usual: dict[str, Any]) -> None:
    before = one_at_a_time.found([*form(**usual), "projection"], None)
    assert before["each_bar"].visible
    assert "14 runs" in before["each_head"]
    assert one_at_a_time.found([*form(**usual), "projection"], before["each_of"]) == {}
    *_, last = one_at_a_time.measure([*form(**usual), "projection"], "four")
    assert last["each_of"] == before["each_of"]
    after = one_at_a_time.found([*form(**usual), "projection"], None)
    assert not after["each_bar"].visible
    drawn = figure(after["each_plot"])["data"]
    assert [len(trace["x"]) for trace in drawn] == [7, 7]
    assert "Pruned" in after["each_head"]
    other = one_at_a_time.found([*form(**usual, pattern="2:4"), "projection"], after["each_of"])
    assert other["each_bar"].visible
    assert "about" in other["each_head"]


def test_the_page_measures_blocks_and_layers_and_refuses_too_many(
    usual: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    values = [*form(**{**usual, "pattern": "1:4"}), "site"]
    begun = one_at_a_time.found(values, None)
    assert "44 runs" in begun["each_head"] and "one layer" in begun["each_head"]
    with monkeypatch.context() as patch:
        patch.setattr(one_at_a_time, "MOST_LIVE", 43)
        refused = one_at_a_time.found(values, None)
    assert "nmviz attribute" in refused["each_head"] and not refused["each_bar"].visible
    *_, last = one_at_a_time.measure(values, "attributing")
    shown = one_at_a_time.found(values, last["each_of"], "measured")
    assert "Pruned one at a time" in shown["each_head"]
    maps = figure(shown["each_plot"])["data"]
    assert [one["type"] for one in maps] == ["heatmap", "heatmap"]
    assert "model.layers." in shown["each_table"] and "block 2, down" in shown["each_table"]
    assert "as large" in shown["each_table"]
    the_map_frames_the_layer_that_is_looked_at(values, shown)


def the_map_frames_the_layer_that_is_looked_at(values: list[Any], shown: dict[str, Any]) -> None:
    def frames(update: dict[str, Any]) -> list[tuple[float, float]]:
        return [(one["x0"], one["y0"]) for one in figure(update["each_plot"])["layout"]["shapes"]]

    projections = figure(shown["each_plot"])["data"][0]["y"]
    assert frames(shown) == [(0.5, projections.index("down") - 0.5)] * 2
    elsewhere = dict(zip(FIELDS, values, strict=False)) | {"block": 2, "projection": "q"}
    moved = [*elsewhere.values(), "site"]
    now = one_at_a_time.framed(moved, shown["each_of"])
    assert list(now) == ["each_plot"]
    assert frames(now) == [(1.5, projections.index("q") - 0.5)] * 2
    # Another panel, settings that are not shown or not measured, and wrong ones move nothing.
    assert one_at_a_time.framed([*moved[:-1], "block"], shown["each_of"]) == {}
    assert one_at_a_time.framed(moved, "another") == {}
    for pattern in ("2:4", "nothing"):
        other = [*(elsewhere | {"pattern": pattern}).values(), "site"]
        begun = one_at_a_time.found(other, None)
        assert one_at_a_time.framed(other, begun["each_of"]) == {}


def test_a_cancelled_measuring_is_partial_and_offers_itself_again(usual: dict[str, Any]) -> None:
    SESSIONS.start("five").set()
    *_, last = one_at_a_time.measure([*form(**usual), "projection"], "five")
    assert last["each_bar"].visible


def test_each_side_is_measured_with_its_own_methods(usual: dict[str, Any]) -> None:
    view = View.build({**usual, "weight_criterion": "random(seed=3)", "criterion": "clact"})
    chosen = {(one.target, one.criterion) for one in one_at_a_time.experiments_of(view)}
    assert chosen == {("weight", "random(seed=3)"), ("activation", "clact")}


def test_training_that_did_not_help_is_said() -> None:
    from nmviz.core.experiment import Experiment
    from nmviz.core.results import Measurement, Provenance, Result

    losses = [
        Measurement(metric=f"heldout_loss_{when}", value=value)
        for when, value in (("before", 0.2), ("after", 0.21))
    ]
    result = Result(
        experiment=Experiment.build(),
        measurements=tuple(losses),
        provenance=Provenance(source="nmviz"),
    )
    said = cards({"activation": result}, View())
    assert "did not lower the error of the blocks on held-out text: 0.20 before, 0.21 after" in said


def test_scopes_set_the_projections(usual: dict[str, Any]) -> None:
    view = View.build(usual)
    model = model_of(view)
    chosen = projections_of("key-out-gate-down", model)
    assert chosen == ["k", "o", "gate", "down"]
    assert scope_of(chosen, model).name == "key-out-gate-down"  # type: ignore[union-attr]
    assert scope_of(None, model).name == "all"  # type: ignore[union-attr]
    assert scope_of(["q", "up"], model) is None


def test_terms_are_shown_with_their_address() -> None:
    for model in service.catalogue().models:
        assert ("https://" in model.terms) == ('<a href="https://' in terms(model))


def test_an_address_with_a_typed_setting_fills_the_form(usual: dict[str, Any]) -> None:
    view = View.build({**usual, "mitigations": "r-sparse(rank=128)", "weight_criterion": "ria"})
    update = restored(view.to_query())
    assert update["mitigations"] == ["r-sparse(rank=128)"]
    assert update["weight_criterion"] == "ria"


def test_the_methods_tab_tells_everything_of_every_method() -> None:
    import gradio as gr

    with gr.Blocks() as blocks:
        build_methods(service.catalogue())
    tab = "".join(block.value for block in blocks.blocks.values() if hasattr(block, "value"))
    for method in METHODS.values():
        assert f"<code>{method.name}</code>" in tab
        for parameter in method.parameters:
            assert f"{parameter.name}={parameter.default}" in tab
            for choice in parameter.choices:
                assert choice in tab
    assert "P% only" in tab
    assert "d-pts, s-pts (but with where=output): both shift the input" in tab
    assert "at P% with over=window, the mask of a token depends" in tab
