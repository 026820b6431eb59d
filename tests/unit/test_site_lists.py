"""Lists of sites, by hand: what is written, what is pruned, and which key it has."""

import pytest

from nmviz import service
from nmviz.base.errors import UserError
from nmviz.core.experiment import Experiment
from nmviz.core.grids import parse_grid
from nmviz.methods.scopes import PROJECTIONS
from nmviz.methods.site_lists import Sites
from nmviz.service.schedules import in_words
from nmviz.ui.explore.form.controls import FIELDS
from nmviz.ui.explore.form.values import asked
from nmviz.ui.explore.handlers import changed
from nmviz.ui.explore.panels.every_method import in_scope
from nmviz.ui.explore.restore import restored
from nmviz.ui.shell.view import View
from nmviz.views.explore.sentences import how_and_where

RECIPE = "down; q,gate:0-18"
"""Amber-Pruner's own kind: always down, never k v o up, q and gate in some blocks."""


def pruned(experiment: Experiment, blocks: int = 30) -> set[tuple[str, int]]:
    sites = experiment.sites
    return {(p, b) for p in PROJECTIONS for b in range(blocks) if sites.hold(p, b)}


def test_every_group_holds_for_its_own_blocks() -> None:
    down = {("down", block) for block in range(30)}
    some = {(name, block) for name in ("q", "gate") for block in range(19)}
    assert pruned(Experiment.build(projections=RECIPE)) == down | some


@pytest.mark.parametrize(
    ("written", "blocks", "entries"),
    [
        (RECIPE, None, ("down", "q:0-18", "gate:0-18")),
        (" down ;q , gate : 3, 0-2,;", None, None),  # a comma with nothing behind it
        ("q:0-3,7; down:1", None, ("q:0-3,7", "down:1")),
        ("q; down:1", "4-5", ("q:4-5", "down:1")),
        ("q:0-3; q:5; k", None, ("q:0-3,5", "k")),
        ("q; q:5; k:1", None, ("q", "k:1")),
        ("all:0-27; down", None, ("all:0-27", "down")),
        ("without-qkv:0-1; q", None, ("o:0-1", "gate:0-1", "up:0-1", "down:0-1", "q")),
    ],
)
def test_lists_are_read(written: str, blocks: str | None, entries: tuple[str, ...] | None) -> None:
    if entries is None:
        with pytest.raises(UserError, match="is not a range of blocks"):
            Experiment.build(projections=written, blocks=blocks)
        return
    experiment = Experiment.build(projections=written, blocks=blocks)
    assert (experiment.projections, experiment.blocks) == (entries, None)


@pytest.mark.parametrize(
    ("written", "blocks", "same"),
    [
        ("q,k:0-3", None, {"projections": "q,k", "blocks": "0-3"}),
        ("k:0-3; q:0-1; q:2,3", None, {"projections": "q,k", "blocks": "0-3"}),
        ("q; k", "0-3", {"projections": "q,k", "blocks": "0-3"}),
        ("q; k:0-3", "0-3", {"projections": "q,k", "blocks": "0-3"}),
        ("all:2-4", None, {"blocks": "2-4"}),
        ("all", None, {}),
        ("q:0-29", None, {"projections": "q"}),
        ("q:0-29; k,v,o,gate,up,down", None, {}),
        ("without-qkv:5", None, {"projections": "o,gate,up,down", "blocks": "5"}),
        ("all; down:0-3", "0-9", {"blocks": "0-9"}),
    ],
)
def test_a_list_that_is_a_product_keeps_its_key(
    written: str, blocks: str | None, same: dict[str, str]
) -> None:
    listed = Experiment.build(projections=written, blocks=blocks)
    assert service.resolve(listed).key == service.resolve(Experiment.build(**same)).key


def test_equal_lists_have_one_key_and_another_than_any_product() -> None:
    one = service.resolve(Experiment.build(projections=RECIPE))
    other = service.resolve(Experiment.build(projections="gate:0-18; q:0-9; down:0-29; q:10-18"))
    assert one.key == other.key
    assert one.projections == ("q:0-18", "gate:0-18", "down")
    product = Experiment.build(projections="q,gate,down", blocks="0-18")
    assert one.key != service.resolve(product).key
    spelled = service.resolve(Experiment.build(projections="all:0-18; down"))
    assert spelled.projections == (
        "q:0-18",
        "k:0-18",
        "v:0-18",
        "o:0-18",
        "gate:0-18",
        "up:0-18",
        "down",
    )


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"projections": "q:0-3; k:1", "blocks": "0-3"}, "Every group of the sites names its blo"),
        ({"projections": "q:0-3", "blocks": "0-3"}, "Every group of the sites names its blocks"),
        ({"projections": "q:0-3,gate:0-18"}, "write ; between groups, as in q:0-3; gate:0-18"),
        ({"projections": "q:"}, "not a range of blocks"),
        ({"projections": ":0-3"}, "has blocks without a projection"),
        ({"projections": " ; "}, "scope is empty"),
        ({"projections": "witout-qkv:0; q"}, "did you mean without-qkv"),
    ],
)
def test_what_is_no_list_has_its_sentence(fields: dict[str, str], says: str) -> None:
    with pytest.raises(UserError, match=says) as caught:
        Experiment.build(**fields)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("written", "says"),
    [("q:0-30; k", "has no block 30: its blocks are 0-29"), ("qq:1; k", "no projection 'qq'")],
)
def test_a_model_refuses_what_it_does_not_have(written: str, says: str) -> None:
    with pytest.raises(UserError, match=says):
        service.resolve(Experiment.build(projections=written))


def test_a_link_and_json_give_the_list_back() -> None:
    experiment = Experiment.build(projections=RECIPE)
    assert experiment.to_query() == "projections=down%3B+q%2Cgate%3A0-18"
    assert Experiment.from_query(experiment.to_query()) == experiment
    assert Experiment.model_validate_json(experiment.canonical_json()) == experiment
    assert View.from_query(View.build({"projections": RECIPE}).to_query()).experiment == experiment


def test_a_grid_takes_lists_and_named_scopes() -> None:
    text = "grids: [{projections: ['down; q,gate:0-18', 'q,k', without-qkv, all, [q, 'k:1,2']]}]"
    found, refused = parse_grid(text, "grid").experiments()
    assert refused == []
    assert [one.projections for one in found] == [
        ("down", "q:0-18", "gate:0-18"),
        ("q", "k"),
        ("o", "gate", "up", "down"),
        None,
        ("q", "k:1-2"),
    ]


def test_words_say_which_blocks_each_group_has() -> None:
    experiment = Experiment.build(projections=RECIPE)
    assert how_and_where(experiment) == "magnitude, only down; q and gate in blocks 0-18"
    assert in_words(experiment) == "smollm2-135m activation 8:16 magnitude down; q,gate:0-18"


def test_one_projection_at_a_time_has_the_blocks_of_the_list() -> None:
    alone = service.sensitivity(Experiment.build(projections=RECIPE), ("q", "k", "down"))
    assert [(one.projections, one.blocks) for one in alone[::2]] == [
        (("q",), "0-18"),
        (("k",), None),
        (("down",), None),
    ]


def test_a_layer_outside_the_list_is_outside_the_scope() -> None:
    def inside(block: int, projection: str) -> bool:
        return in_scope(
            View.build({"projections": RECIPE, "block": block, "projection": projection})
        )

    assert inside(18, "q") and inside(29, "down")
    assert not inside(19, "q") and not inside(0, "up")


def values(**fields: str) -> list[object]:
    from forms import form

    given = dict(zip(FIELDS, form(), strict=True)) | fields
    return [given[name] for name in FIELDS]


@pytest.mark.usefixtures("own_store")
def test_the_form_takes_a_list_and_fills_its_boxes() -> None:
    found = asked(values(sites=" gate,q :0-18;down "))
    assert found.view.experiment.projections == ("gate:0-18", "q:0-18", "down")
    update = changed(values(sites=" gate,q :0-18;down "), None, "local")
    assert (update["sites"], update["blocks"]) == ("gate,q:0-18; down", "")
    assert update["projections"] == ["q", "gate", "down"]
    update = changed(values(sites="q,k:0-3"), None, "local")
    assert (update["sites"], update["blocks"]) == ("", "0-3")
    assert update["projections"] == ["q", "k"]


def test_the_form_marks_what_is_wrong_with_a_list() -> None:
    assert "no projection 'qq'" in asked(values(sites="qq:1; k")).wrong["sites"]
    assert "write ; between" in asked(values(sites="q:1,k:2")).wrong["sites"]
    assert "names its blocks" in asked(values(sites="q:1; k:2", blocks="3")).wrong["blocks"]


@pytest.mark.usefixtures("own_store")
def test_a_link_fills_the_form() -> None:
    update = restored("projections=down;q,gate:0-18")
    assert update["sites"] == "down; q,gate:0-18"
    assert update["blocks"] == ""
    assert update["projections"].value == ["q", "gate", "down"]


def test_the_last_block_that_is_named() -> None:
    assert Sites.read("q:0-3; k:17; down").last == 17
    assert Sites.read("q,k").last == -1
