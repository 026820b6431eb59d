"""Plans on the page and in the API: the map, a layer given another pattern, links, content."""

from pathlib import Path
from typing import Any

import gradio as gr
import pytest
from forms import form

from nmviz import service
from nmviz.core.experiment import Experiment
from nmviz.core.running import Running
from nmviz.methods.pattern_lists import Patterns
from nmviz.service.plans import known_plans
from nmviz.ui import api
from nmviz.ui.explore import handlers
from nmviz.ui.explore.address import read_address
from nmviz.ui.explore.form.controls import FIELDS
from nmviz.ui.explore.panels import plan
from nmviz.ui.explore.restore import first_view, restored
from nmviz.ui.shell.links import link_of
from nmviz.ui.shell.view import View

SMALL = {"corpus": "wikitext-2", "tokens": 256, "window": 64}
ENTRIES = ("2:4 gate,k,o,q,up,v", "8:16 down:0-1")
TEXT = "layers:\n  model.layers.0.self_attn.q_proj: 2:4\n  model.layers.2.mlp.down_proj: 8:16\n"


def filled(page: dict[str, Any]) -> dict[str, Any]:
    return {name: getattr(value, "value", value) for name, value in page.items()}


def given(where: str, new: Any, **fields: Any) -> dict[str, Any]:
    return plan.given(form(**{**SMALL, **fields}), new, where)


def test_a_layer_a_block_and_a_projection_are_given_another_pattern(tiny: str) -> None:
    chosen = {"model": tiny, "pattern": "2:4", "block": 1, "projection": "down"}
    layer = given("layer", "8:16", **chosen)
    found = known_plans.found(layer["pattern"])
    assert found == ("2:4 down:0,2; gate,k,o,q,up,v", "8:16 down:1")
    block = given("block", "dense", **chosen)
    assert block["pattern"] == "2:4" and block["blocks"] == "0,2"
    projection = given("projection", "50%", **chosen)
    assert known_plans.found(projection["pattern"])[-1] == "50% down"
    whole = given("projection", "2:4", **chosen)
    assert (whole["pattern"], whole["blocks"], whole["sites"]) == ("2:4", "", "")


@pytest.mark.parametrize(
    ("pattern", "said"),
    [
        ("", "is not a pattern"),
        (None, "is not a pattern"),
        ("9:4", "keeps more than there is"),
        ("plan:000000000000", "Choose a pattern for the layer"),
        ("3:5", "not a multiple"),
    ],
)
def test_what_cannot_be_given_says_why(tiny: str, pattern: Any, said: str) -> None:
    assert said in given("layer", pattern, model=tiny, block=1, projection="down")["plan_said"]


def test_nothing_pruned_is_refused(tiny: str) -> None:
    only = {"model": tiny, "pattern": "2:4", "projections": ["down"], "blocks": "1"}
    said = given("layer", "dense", block=1, projection="down", **only)["plan_said"]
    assert "nothing would be pruned" in said


def test_the_map_says_how_many_have_what(tiny: str) -> None:
    known = known_plans.named(Patterns.read(ENTRIES), tiny)
    shown = plan.shown(form(**SMALL, model=tiny, pattern=known["pattern"], block=0, projection="q"))
    assert "20 of 21 layers are pruned: 2:4 in 18 and 8:16 in 2" in shown["plan_head"]
    assert "block 0, q" in shown["plan_head"] and "down:0-1" in shown["plan_table"]
    plain = plan.shown(form(**SMALL, model=tiny, pattern="2:4"))
    assert "All 21 layers are pruned to 2:4" in plain["plan_head"]
    wrong = form(**SMALL, model=tiny)
    wrong[FIELDS.index("pattern")] = "nonsense"
    assert plan.shown(wrong) == {}


def test_a_link_has_the_list_until_a_result_is_stored(tiny: str, own_store: Path) -> None:
    written = "|".join(ENTRIES).replace(" ", "+").replace("%", "%25")
    query = f"model={tiny}&pattern=plan:000000000000&plan={written}"
    query += "&tokens=256&window=64&corpus=wikitext-2"
    read = read_address(query, first_view())
    assert not read.remarks
    view = read.view
    assert view.experiment.plan == ("2:4 gate,k,o,q,up,v", "8:16 down:0-1")
    link = link_of(view)
    assert view.experiment.pattern.replace(":", "%3A") in link and "&plan=2%3A4" in link
    known_plans._known.clear()
    assert read_address(link, first_view()).view == view
    list(service.run(view.experiments(), how=Running()))
    known_plans._known.clear()
    assert "plan=" not in link_of(view)
    again = read_address(link_of(view), first_view())
    assert again.view == view and not again.remarks
    page = filled(restored(link_of(view)))
    assert page["pattern"] == view.experiment.pattern
    assert page["sites"] == "gate,k,o,q,up,v; down:0-1" or page["projections"]
    assert "20 of 21" in plan.panel(view)["plan_head"]


def test_a_plan_that_nobody_knows_is_named_and_the_rest_stays() -> None:
    read = read_address("pattern=plan:123456789abc&tokens=256&window=64", first_view())
    assert "No plan is known here as plan:123456789abc" in read.remarks
    assert read.view.experiment.tokens == 256 and read.view.experiment.plan is None
    bad = read_address("pattern=plan:123456789abc&plan=5:4+q&window=64", first_view())
    assert "5:4" in bad.remarks


def test_with_a_plan_the_controls_of_the_scope_show_what_it_says(tiny: str) -> None:
    known = known_plans.named(Patterns.read(ENTRIES), tiny)
    moved = handlers.changed(
        form(**SMALL, model=tiny, pattern=known["pattern"], projections=["q"]), None, "local"
    )
    assert "The plan says which layers are pruned" in moved["scope_note"]
    assert moved["pattern"] == known["pattern"] and moved["sites"]


def test_the_api_takes_a_plan_by_its_content_and_by_its_name(tiny: str, own_store: Path) -> None:
    asked = {"model": tiny, **SMALL, "plan": TEXT}
    *_, last = api.run(asked)
    made = last["results"][0]["experiment"]
    assert made["plan"] == ["2:4 q:0", "8:16 down:2"]
    by_name = {"model": tiny, **SMALL, "pattern": made["pattern"]}
    assert api.lookup(by_name)["experiment"] == made
    assert api.lookup({"model": tiny, **SMALL, "plan": made["plan"]})["experiment"] == made
    assert api.lookup(made)["experiment"] == made
    assert api.look(made, "Some words.", 2, "down")["kept"] == 0.5


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"plan": TEXT, "pattern": "2:4"}, "leave the pattern out"),
        ({"plan": "layers: [q]"}, "A plan has"),
        ({"plan": "layers:\n  h.0.attn: 2:4"}, "of another model"),
        ({"plan": "/etc/passwd"}, "In the plan: '/etc/passwd' is not a pattern"),
        ({"plan": ["2:4 fc1"]}, "no projection 'fc1'"),
        ({"plan": ["2:4 q", "4:8 q:1"]}, "both 2:4 and 4:8 for q"),
        ({"pattern": "plan:123456789abc"}, "No plan is known here"),
        ({"pattern": "plan.yaml"}, "is not a pattern"),
    ],
)
def test_the_api_refuses_what_is_no_plan(tiny: str, fields: dict[str, Any], said: str) -> None:
    with pytest.raises(gr.Error) as refusal:
        api.lookup({"model": tiny, **SMALL, **fields})
    message = str(refusal.value.message)
    assert said in message and "\n" not in message


def test_a_view_with_a_plan_has_no_scope_beside_it() -> None:
    view = View.build({"pattern": f"plan:{'0' * 12}", "plan": ENTRIES, "projections": "q"})
    assert view.experiment.plan == Experiment.build(pattern=f"plan:{'0' * 12}", plan=ENTRIES).plan
