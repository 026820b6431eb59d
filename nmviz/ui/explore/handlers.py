"""What the page does when something happens. Values of the form in, component name -> value out."""

from collections.abc import Iterator, Sequence
from time import monotonic
from typing import Any

import gradio as gr

from nmviz import service
from nmviz.base.errors import NotYet
from nmviz.core.results import Column, Result
from nmviz.core.running import Running
from nmviz.ui.explore.form.controls import FIELDS, block_choices
from nmviz.ui.explore.form.notes import method_notes, terms
from nmviz.ui.explore.form.protocol import stride_of
from nmviz.ui.explore.form.scoping import projections_of, scope_values, where_values
from nmviz.ui.explore.form.values import asked, form, view_of
from nmviz.ui.explore.panels import hand, published_only, render
from nmviz.ui.explore.panels.beforehand import beforehand
from nmviz.ui.explore.panels.layer import CHANNELS, layer_panels, refused
from nmviz.ui.explore.panels.layer import identity as layer_identity
from nmviz.ui.explore.panels.render import Shown
from nmviz.ui.explore.restore import chip_of
from nmviz.ui.explore.wanted import wanted_of
from nmviz.ui.serving.noted import note_regardless
from nmviz.ui.shell.events import Update
from nmviz.ui.shell.failures import sentence
from nmviz.ui.shell.html import note
from nmviz.ui.shell.limits import check_live, model_of, offered, settle
from nmviz.ui.shell.links import link_of
from nmviz.ui.shell.progress import bar
from nmviz.ui.shell.sessions import SESSIONS
from nmviz.ui.shell.view import View
from nmviz.views.explore.error_depth import Measure

SECONDS_BETWEEN_NUMBERS = 0.3  # to draw them takes a browser a third of that
READING = "The model is being loaded: the pictures of this layer follow."
READING_PARTS = "The model is read block by block up to this layer: its pictures follow."
LAYER_OUTPUTS = (
    *("looked_at", "mask_size", "layer_head"),
    *("weight_inputs_head", "weight_inputs", "weight_mask_head", "weight_mask"),
    *("activation_inputs_head", "activation_inputs", "activation_mask_head", "activation_mask"),
    *CHANNELS,
)
# What Gradio and the browser touch for every event is what the event names: no more than it needs.
MOVED = ("query", "wanted")
PICKED = (*MOVED, "status", *render.DEPTH)
CHANGED = (
    *(*MOVED, "shown", "beforehand", *render.OUTPUTS),
    *("method_notes", "scope", "scope_note", "sites", "projections", "blocks", "chips", "pattern"),
)
RAN = ("ran", "shown", "query", "progress", *render.OUTPUTS)
FITTED = (
    *("terms", "texts", "hand", "hand_progress", "scope", "scope_note", "sites"),
    *("projections", "blocks", "block", "projection", *LAYER_OUTPUTS),
)


def changed(values: Sequence[Any], shown: Shown | None, measure: Measure) -> Update:
    """A setting moved: the store's answer at once, else the old figures, dimmed."""
    try:
        found = asked(values)
        view, text, shown = found.view, found.text, shown or Shown()
        update: Update = {"query": link_of(view), "wanted": wanted_of(found)}
        if refusal := found.refusal("figures"):
            waits = isinstance(refusal, NotYet)
            said = note(str(refusal), "note stale") if waits else render.fault(str(refusal))
            return {**update, "status": render.status(shown, said)}
        one, model = view.experiment, model_of(view)
        update |= {
            "beforehand": beforehand(view),
            "method_notes": method_notes(view),
            **scope_values(one.projections, model, one.plan is not None),
            **_list_of_sites(values, view),
            "chips": chip_of(view),
            "pattern": one.pattern,
        }
        if published_only.is_large(view):
            note_regardless()
            return {**update, "shown": Shown(view), **published_only.panels(view)}
        if shown.answers(view, text):
            now: Shown | None = Shown(view, text, shown.results, shown.stored)
        elif now := render.find(view, text):
            note_regardless()
        if now is not None:
            return {**update, "shown": now, **render.panels(now, view, measure)}
        if not shown.results:  # cards of a large model may stand there, which answer nothing here
            now = Shown(view, text)
            if model_of(shown.view) != model_of(view):  # else a run may be about to write there
                update["shown"] = now
            return {**update, **render.panels(now, view, measure, render.not_run(view, text))}
        return {**update, "status": render.status(shown, render.not_run(view, text))}
    except Exception as error:
        return {"status": render.status(shown or Shown(), render.fault(sentence(error)))}


def moved(values: Sequence[Any]) -> Update:
    """A setting of the texts moved: the address, and what the panels are asked for now."""
    found = asked(values)
    return {"query": link_of(found.view), "wanted": wanted_of(found)}


def looked(values: Sequence[Any], before: str | None) -> Update:
    """The pictures of the chosen layer; nothing when `before` says they are there already."""
    try:
        view = view_of(values, "layer")
        now = layer_identity(view)
        if now != before:
            note_regardless()
        if published_only.is_large(view):
            look = view.look
            return {
                "looked_at": now,
                **refused(look.block, look.projection, published_only.why(view), "note"),
            }
        if now == before:
            return {}
        return {"looked_at": now, **layer_panels(view)}
    except Exception as error:
        fields = dict(zip(FIELDS, values, strict=True))
        return {
            "looked_at": None,
            **refused(fields["block"], fields["projection"], sentence(error)),
        }


def picked(values: Sequence[Any], shown: Shown | None, measure: Measure) -> Update:
    """Another layer: its ring in the error over depth, and the address."""
    try:
        found = asked(values)
        if published_only.is_large(found.view):
            return moved(values)
        return {**moved(values), **render.depth(shown or Shown(), found.view, measure)}
    except Exception as error:
        return {"status": render.status(shown or Shown(), render.fault(sentence(error)))}


def run(
    values: Sequence[Any],
    shown: Shown | None,
    measure: Measure,
    session: str,
    rerun: bool,
    turn: int | None = None,
) -> Iterator[Update]:
    """Measure both experiments, showing what is known a few times a second."""
    event = SESSIONS.running(session, turn)
    now, last = shown or Shown(), 0.0
    try:
        view, text = form(values)
        yield {"ran": render.identity(view, text), "query": link_of(view)}
        service.refuse_large(view.experiment.model)
        check_live(view, text)
        yield _waiting(now, view, text, measure)
        steps = service.run(
            view.experiments(),
            text=text,
            how=Running(
                rerun=rerun,
                precision=view.precision,
                noise_floor=view.noise_floor,
                keep_words=view.keep_words,
            ),
            cancel=event,
        )
        for progress in steps:
            ending = progress.stage in ("done", "cancelled")
            if progress.results and not ending and monotonic() - last < SECONDS_BETWEEN_NUMBERS:
                continue
            update: Update = {"progress": bar(progress)}
            said = render.remark(progress)
            if progress.results:
                last = monotonic()
                results: dict[Column, Result] = {
                    result.experiment.target: result for result in progress.results
                }
                now = Shown(view, text, results, progress.from_store)
                update |= {"shown": now, **render.panels(now, view, measure, said)}
            elif said:
                update["status"] = render.status(now, said)
            yield update
        yield {"progress": ""}
    except Exception as error:
        event.set()  # the texts that would follow would fail the same way
        yield {"progress": "", "status": render.status(now, render.fault(sentence(error)))}


def ended(values: Sequence[Any], shown: Shown | None, measure: Measure, ran: str | None) -> Update:
    """The run is over: if settings have moved meanwhile, the same as if they moved now."""
    try:
        if ran == render.identity(*form(values)):
            return {}
    except Exception as error:
        return {"status": render.status(shown or Shown(), render.fault(sentence(error)))}
    update = changed(values, shown, measure)
    if shown and shown.results and "cards" not in update:
        # An answer to a setting that moved in between may have come after the last numbers.
        return {**render.panels(shown, shown.view, measure), **update}
    return update


def fitted(values: Sequence[Any]) -> Update:
    """Another model was chosen: choices and layer that fit it. Loading begins in the background."""
    fields = dict(zip(FIELDS, values, strict=True))
    model = offered(fields["model"])
    if model is None:
        return {}
    view = settle(View.build({"model": model.id}))
    look = view.look
    if model.is_here:
        service.warm(model.id)
    in_parts = not model.published and service.why_not_whole(model.id)
    names = list(model.projections)
    kept = [name for name in fields["projections"] or () if name in names]
    return {
        **refused(look.block, look.projection, READING_PARTS if in_parts else READING, "note"),
        "looked_at": None,
        "terms": terms(model),
        "texts": published_only.texts(view),
        **hand.panel(view),
        **scope_values(kept or names, model),
        "projections": gr.CheckboxGroup(choices=names, value=kept or names),
        "blocks": "",
        "sites": "",
        "block": gr.Dropdown(choices=block_choices(model.blocks), value=look.block),
        "projection": gr.Dropdown(choices=list(model.layers), value=look.projection),
    }


def scoped(name: Any, model: Any) -> Any:
    """A named subset was chosen: the boxes of its projections, and no list of sites."""
    known = offered(model)
    chosen = None if known is None else projections_of(name, known)
    return gr.skip() if chosen is None else (chosen, "")


def warm(model: str) -> None:
    """Begin to load the chosen model once the page is there."""
    known = offered(model)
    if known is not None and known.is_here:
        service.warm(model)


def _list_of_sites(values: Sequence[Any], view: View) -> Update:
    """Where a list of sites was typed, or a plan has one: in its one spelling, and in the boxes."""
    typed = values[FIELDS.index("sites")]
    said = typed or view.experiment.plan
    return where_values(view.experiment, model_of(view)) if said else {}


def with_stride(protocol: Any, stride: Any) -> Any:
    """The field of the stride, where the chosen protocol has one."""
    return stride_of(protocol, stride)


def _waiting(now: Shown, view: View, text: str | None, measure: Measure) -> Update:
    """While a run has no numbers yet: the figures of before, or none where there are none."""
    said = "" if now.answers(view, text) else render.outdated(now)
    if not now.results:
        return render.panels(Shown(view, text), view, measure, said)
    return {"status": render.status(now, said)}
