"""Which event calls which handler. Nothing here decides anything."""

from collections.abc import Callable
from functools import partial
from typing import Any

import gradio as gr

from nmviz.ui.explore import address, changes, handlers, picking, tasks
from nmviz.ui.explore.adding import wire_adding
from nmviz.ui.explore.arriving import arrived, leaving
from nmviz.ui.explore.by_lesson import wire_by_lesson
from nmviz.ui.explore.components import Page
from nmviz.ui.explore.form import menus, own_text
from nmviz.ui.explore.form.values import MEASURED, PRUNED
from nmviz.ui.explore.live import wire_live
from nmviz.ui.explore.panels import every_method, one_at_a_time, plan
from nmviz.ui.explore.panels.measured import Why
from nmviz.ui.explore.panels.zero_shot_choices import FIELDS
from nmviz.ui.explore.restore import restored
from nmviz.ui.link import linked
from nmviz.ui.serving.answers import for_all, for_all_at_address
from nmviz.ui.shell.events import (
    ANSWERED,
    EACH,
    FROM_STORE,
    READ,
    answered,
    asking,
    begun_by,
)

FILLED = "() => { window.nmvizLink.follow(); window.nmviz.openTab(); }"
TYPED = (
    *("pattern", "blocks", "sites", "corpus", "tokens", "window", "calibration_windows", "seed"),
    *("stride", "precision", "prompt", "new_tokens", "temperature", "real_speed"),
    *("first_row", "rows", "first_column", "columns"),
)
"""What reaches the address by itself: all that no answer to it writes there at once."""
TEXTS = ("pattern", "blocks", "sites", "prompt")
"""Of these, fields of text: their input event comes with a key that prints, not with what is pasted
or deleted."""


def wire(page: Page, blocks: gr.Blocks) -> None:
    """Connect every event of the page."""
    _opening(page, blocks)
    wire_adding(page)
    _settings(page)
    _layer(page)
    _giving(page)
    tasks.wire_tasks(page)
    _parts(page, page.named["each_by"].input)
    changes.wire_changes(page)
    wire_live(
        page,
        lambda ended: _look(page, ended.then, again=True),
        lambda ended, why: _each(page, ended.then, why),
    )
    _address(page)


def _opening(page: Page, blocks: gr.Blocks) -> None:
    def opening(request: gr.Request) -> Any:
        query = str(request.query_params)
        found = linked.read(query, page.linked)
        said = linked.said(found)
        update = restored(query, found.values.get("explore.measure", "local"))
        return page.named_values({**update, **found.values, "left_out": said})

    shared = for_all_at_address(opening, "store")
    opened = blocks.load(shared, None, page.outputs, **FROM_STORE)
    opened.then(None, None, None, js=FILLED, **READ)
    told = gr.HTML(elem_id="leaving", elem_classes="offstage")
    opened.then(arrived(leaving(blocks)), page.named["model"], told, **FROM_STORE)
    _shown(page, opened.then)
    wire_by_lesson(page, partial(_shown, page))


def _shown(page: Page, on: Callable[..., Any]) -> None:
    """All that is worked out after the form was set as a whole."""
    _each(page, on)
    _planned(page, on)
    _look(page, on)


def _settings(page: Page) -> None:
    controls, named = page.controls, page.named
    chosen = (
        *("criterion", "weight_criterion", "mitigations", "corpus", "bos", "protocol"),
        *("ties", "noise_floor", "keep_words"),
    )
    typed = (
        *("pattern", "blocks", "sites", "text", "tokens", "window"),
        *("calibration_windows", "seed", "precision", "stride"),
    )
    events = {name: [named[name].input] for name in chosen}
    events["mitigations"].append(_typed_too(page))
    events |= {name: [named[name].submit, named[name].blur] for name in typed}
    _change(page, begun_by(*(event for name in events for event in events[name])))
    # No picture of a layer needs these.
    elsewhere = set(MEASURED) - set(PRUNED)
    pictured = [event for name in events if name not in elsewhere for event in events[name]]
    _look(page, begun_by(*pictured))
    chip = controls.chips.input(
        None, controls.chips, named["pattern"], js="(v) => v", api_visibility="private"
    )
    model = gr.on(
        [named["model"].input, named["added"].change],
        page.answer(handlers.fitted),
        page.form,
        page.these(*handlers.FITTED),
        **FROM_STORE,
    )
    scope = named["scope"].input(
        handlers.scoped,
        page.these("scope", "model"),
        page.these("projections", "sites"),
        **FROM_STORE,
    )
    # A list of sites would say otherwise: what is chosen in the boxes empties it.
    boxes = named["projections"].input(
        None, None, named["sites"], js="() => ''", api_visibility="private"
    )
    for first in (chip, model, scope, boxes):
        _change(page, first.then)
        _look(page, first.then)
    named["protocol"].input(
        handlers.with_stride, page.these("protocol", "stride"), named["stride"], **FROM_STORE
    )
    named["corpus"].input(
        lambda corpus: page.named_values(own_text.shown_for(corpus)),
        named["corpus"],
        page.these("text", "text_file", "keep_words"),
        **FROM_STORE,
    )
    named["pattern"].change(
        for_all(menus.relabelled),
        page.these("pattern", "menus_for"),
        page.these("menus_for", "criterion", "weight_criterion", "mitigations"),
        **FROM_STORE,
    )


def _typed_too(page: Page) -> Any:
    """The event that mitigations have changed, by typing too: that is no input in a multiselect.

    The menu's own change comes at the opening as well, before the form is filled.
    """
    menu, copied = page.these("mitigations", "mitigated")
    menu.change(None, menu, copied, js="(names) => (names || []).join()", **READ)
    return copied.change


def _change(page: Page, on: Callable[..., Any]) -> None:
    function = page.shared(handlers.changed, 2, on=["store"])
    changed = on(
        fn=function,
        inputs=page.form_and_shown,
        outputs=page.these(*handlers.CHANGED),
        js=asking("settings"),
        **ANSWERED,
    )
    changed.failure(None, None, None, js=answered("settings"), **READ)
    _each(page, changed.then)
    _planned(page, changed.then)


def _each(page: Page, on: Callable[..., Any], why: Why = "moved") -> None:
    """What is measured apart: what the store has of it, and how long the rest would take."""
    _parts(page, on, why)
    tasks.questions(page, on, why)
    if why != "measured":
        changes.words(page, on)


def _parts(page: Page, on: Callable[..., Any], why: Why = "moved") -> None:
    function = page.shared(partial(one_at_a_time.found, why=why), 1, on=["store"])
    inputs = [*page.form, *page.these("each_by", "each_of")]
    outputs = page.these(*one_at_a_time.OUTPUTS)
    on(fn=function, inputs=inputs, outputs=outputs, **ANSWERED)


def _planned(page: Page, on: Callable[..., Any]) -> None:
    """The map of patterns, drawn of the settings alone."""
    on(
        fn=page.shared(plan.shown),
        inputs=page.form,
        outputs=page.these(*plan.OUTPUTS),
        **ANSWERED,
    )


def _giving(page: Page) -> None:
    """Layers are given another pattern: the form has the plan that this makes."""
    written = page.these("pattern", "projections", "blocks", "sites", "plan_said")
    for where in plan.WHERE:
        given = page.named[f"plan_{where}"].click(
            page.answer(partial(plan.given, where=where), 1),
            [*page.form, page.named["plan_pattern"]],
            written,
            **FROM_STORE,
        )
        _change(page, given.then)
        _look(page, given.then)


def _look(page: Page, on: Callable[..., Any], again: bool = False) -> None:
    """The pictures of the layer, then every method there; `again` where nothing has moved."""
    looked = on(
        fn=page.pictures(handlers.looked, 1),
        inputs=[*page.form, page.named["looked_at"]],
        outputs=page.these(*handlers.LAYER_OUTPUTS),
        js=asking("layer"),
        **ANSWERED,
    )
    swept = looked.then(
        page.pictures(partial(every_method.swept, again=again), 1),
        [*page.form, page.named["swept_at"]],
        page.these(*every_method.OUTPUTS),
        js=asking("methods"),
        **ANSWERED,
    )
    for made, panel in ((looked, "layer"), (swept, "methods")):
        made.success(None, None, None, js=answered(panel), **READ)
        made.failure(None, None, None, js=answered(panel, "#ask-layer"), **READ)


def _layer(page: Page) -> None:
    named, panels = page.named, page.panels
    _look(page, named["ask_layer"].click)
    window = [named[name] for name in ("first_row", "rows", "first_column", "columns")]
    typed = [event for one in (*window, named["prompt"]) for event in (one.submit, one.blur)]
    _look(page, begun_by(*typed))

    def clicked(model: Any, event: gr.EventData) -> Any:
        return picking.pick(str(getattr(event, "place", "")), model)

    redraw = page.shared(handlers.picked, 2)
    drawn = page.these(*handlers.PICKED)
    panels.measure.input(redraw, page.form_and_shown, drawn, **FROM_STORE)
    framed = page.shared(one_at_a_time.framed, 1, on=["store"])
    parts = [*page.form, *page.these("each_by", "each_of")]
    block, projection, pick = named["block"], named["projection"], named["pick"]
    place = [block, named["model"]]
    moves = [
        panels.before.click(partial(picking.block_by, -1), place, block, **FROM_STORE).then,
        panels.after.click(partial(picking.block_by, 1), place, block, **FROM_STORE).then,
        pick.select(clicked, named["model"], [block, projection], **EACH).then,
        begun_by(block.input, projection.input),
    ]
    for on in moves:
        on(fn=redraw, inputs=page.form_and_shown, outputs=drawn, **ANSWERED)
        _planned(page, on)
        on(fn=framed, inputs=parts, outputs=named["each_plot"], **ANSWERED)
        _look(page, on)
    given = [*page.form, named["mask_size"]]
    for direction, button in panels.steps.items():
        answer = page.answer(partial(picking.moved, direction=direction), 1)
        stepped = button.click(answer, given, window, **FROM_STORE)
        _look(page, stepped.then)
        _written(page, stepped.then)


def _address(page: Page) -> None:
    """Settings reach the address while they are typed: a link may be copied straight after."""
    named = page.named
    # At the opening texts change one after another: the form is sent once all of it is filled.
    texts, typed = page.these(*TEXTS), named["typed"]
    changes = [one.change for one in texts]
    gr.on(changes, None, texts, typed, js="(...texts) => texts.join('\\n')", **READ)
    events = [named[name].input for name in TYPED if name not in TEXTS]
    _written(page, begun_by(typed.change, *events))
    asked = page.these(*FIELDS)
    events = [one.input for one in asked]
    begun_by(*events)(for_all(address.asked), asked, named["asked"], **ANSWERED)
    # The script of the page writes the address: a handler cannot.
    for name, part in (("query", "view"), ("asked", "questions")):
        write = f"(query) => window.nmviz.address(query, '{part}')"
        named[name].change(None, named[name], None, js=write, **READ)


def _written(page: Page, on: Callable[..., Any]) -> None:
    """The address after an event."""
    on(
        fn=page.shared(handlers.moved),
        inputs=page.form,
        outputs=page.these(*handlers.MOVED),
        **ANSWERED,
    )
