"""Every method at one layer, and calibrating what has no error there yet."""

from collections.abc import Iterator, Sequence
from typing import Any

import gradio as gr

from nmviz import service
from nmviz.base.errors import UserError
from nmviz.core.experiment import Experiment
from nmviz.core.results import MethodError
from nmviz.methods.scopes import EXPERTS
from nmviz.ui.explore.form.values import view_of
from nmviz.ui.serving.noted import note_regardless
from nmviz.ui.shell.events import Update
from nmviz.ui.shell.failures import sentence
from nmviz.ui.shell.figures import drawn
from nmviz.ui.shell.freshness import stamp
from nmviz.ui.shell.html import esc, note, quantity, table
from nmviz.ui.shell.limits import model_of
from nmviz.ui.shell.progress import bar
from nmviz.ui.shell.sessions import SESSIONS
from nmviz.ui.shell.view import View, methods_of
from nmviz.views.explore.method_errors import (
    by_error,
    is_measured,
    label_of,
    method_errors,
    written,
)
from nmviz.views.explore.sentences import training_note
from nmviz.views.shared.numbers import share
from nmviz.views.shared.theme import NAMES, title_of

ADDED = "multiply-adds added, of the dense layer"
EQUAL = "error of magnitude alone with as many"
OUTPUTS = (
    "swept_at",
    "methods_head",
    "methods_plot",
    "methods_table",
    "calibration",
    "uncalibrated",
)


def swept(values: Sequence[Any], before: str | None, again: bool = False) -> Update:
    """The error of every method at the layer; nothing when `before` says it is there already."""
    try:
        view = view_of(values, "methods")
        now = swept_at(view)
        if now == before and not again:
            return {}
        if not again:
            note_regardless()
        return {"swept_at": now, **panel(view, sweep(view))}
    except Exception as error:
        return {"swept_at": None, **_without_rows(sentence(error))}


def swept_at(view: View) -> str:
    """What the errors depend on: layer, prompt, pattern, and what calibration depends on."""
    one, look = view.experiment, view.look
    place = (one.model, one.pattern, look.block, look.projection, view.writing.prompt)
    made = (one.projections, one.blocks, view.calibration_windows, one.seed)
    return repr((place, made, _chosen(view)))


def sweep(view: View) -> tuple[MethodError, ...]:
    """Every method at the layer of the view, from one capture."""
    look = view.look
    return service.sweep_layer(
        view.experiment,
        view.writing.prompt,
        look.block or 0,
        look.projection or "",
        windows=view.calibration_windows,
    )


def panel(view: View, rows: Sequence[MethodError]) -> Update:
    """Figure, table, and what may be calibrated to complete them."""
    figure = method_errors(rows, chosen=_chosen(view))
    place = f"{view.experiment.model}-{view.experiment.pattern}"
    name = f"nmviz-methods-{place}-block{view.look.block}-{view.look.projection}"
    waiting = [row for row in rows if waits(row, view)]
    choices = [(_choice(row), key_of(row)) for row in waiting]
    return {
        "methods_head": _head(title_of(figure), view)
        + stamp("methods", swept_at(view), methods_of(view)),
        "methods_plot": drawn(figure, name),
        "methods_table": _table(rows),
        "calibration": gr.Row(visible=bool(waiting)),
        "uncalibrated": gr.Dropdown(choices=choices, value=choices[0][1] if choices else None),
    }


def calibrate(values: Sequence[Any], session: str, turn: int | None = None) -> Iterator[Update]:
    """Calibrate the chosen method, telling how far it is; the last value is the method's key."""
    event = SESSIONS.running(session, turn)
    try:
        view = view_of(values[:-1], "methods")
        for progress in service.calibrate(experiment_of(view, str(values[-1] or "")), event):
            if progress.stage == "cancelled":
                yield {"calibrating": note("Cancelled: nothing is left behind.")}
            elif progress.stage == "done":
                said = training_note(progress.figures)
                yield {"calibrating": note(said) if said else ""}
            else:
                yield {"calibrating": bar(progress)}
    except Exception as error:
        yield {"calibrating": note(sentence(error), "error")}


def key_of(row: MethodError) -> str:
    """A row as the value of a menu entry, `weight criterion wanda`."""
    return f"{row.target} {row.kind} {row.name}"


def experiment_of(view: View, key: str) -> Experiment:
    """The experiment a menu entry stands for. UserError for what is no entry."""
    for row in service.every_method():
        if key_of(row) == key:
            return service.alone(view.experiment, row, view.calibration_windows)
    raise UserError("Choose a method to calibrate first.")


def waits(row: MethodError, view: View) -> bool:
    """Whether calibrating would give the row a value: it fits, and the layer is in the scope."""
    method = row.registry.get(row.name)
    return (
        not is_measured(row)
        and method.calibrated
        and method.refusal(view.experiment.mask) is None
        and in_scope(view)
    )


def in_scope(view: View) -> bool:
    """Whether the layer that is looked at is among those the experiment prunes."""
    look = view.look
    model, sites = model_of(view), view.experiment.sites
    sites = sites.spelled_out(EXPERTS, tuple(model.experts))
    return sites.hold(model.pooled(look.projection or ""), look.block or 0)


def _chosen(view: View) -> list[tuple[Any, str]]:
    """Target and name of every method of the form."""
    return [
        (one.target, call.partition("(")[0])
        for one in view.experiments()
        for call in (one.criterion, *one.mitigations)
    ]


def _head(said: str, view: View) -> str:
    error = quantity("rel_error", "output error")
    words = (
        f"The {error} of this layer on the prompt, each criterion by itself and each mitigation on "
        "top of magnitude, with their default settings. In bold: what is chosen. A method that "
        "adds multiply-adds (+, of the dense layer) is no like comparison with magnitude: the "
        "upright stroke in its row is magnitude alone that drops less and spends as many."
    )
    outside = (
        ""
        if in_scope(view)
        else note(
            "This layer is outside the scope: calibration covers the layers of the scope only."
        )
    )
    return f'<h2>Every method at this layer</h2><p class="words">{esc(said)}.</p>' + (
        f'<p class="words">{words}</p>{outside}'
    )


def _choice(row: MethodError) -> str:
    facts = row.registry.get(row.name).facts
    longer = ", trains block by block" if facts.learned else ""
    return f"{label_of(row)}, {NAMES[row.target]}{longer}"


def _table(rows: Sequence[MethodError]) -> str:
    measured = by_error(rows)
    ordered = [*measured, *(row for row in rows if not is_measured(row))]
    cells = [
        [
            esc(label_of(row)),
            esc(NAMES[row.target]),
            "magnitude, repaired" if row.kind == "mitigation" else "criterion",
            esc(written(row.rel_error, 3)) if row.rel_error is not None else "&ndash;",
            esc(share(row.added)) if row.added is not None else "&ndash;",
            esc(_equal(row)),
            esc(_reason(row)),
        ]
        for row in ordered
    ]
    heads = ["method", "prunes", "kind", "error", ADDED, EQUAL, "why not"]
    what = "Output error of every method at this layer"
    return f"<details><summary>As a table</summary>{table(what, heads, cells)}</details>"


def _equal(row: MethodError) -> str:
    """The error of magnitude alone that spends as much: its own line where nothing is added."""
    return "as magnitude" if row.equal_error is None else written(row.equal_error, 3)


def _reason(row: MethodError) -> str:
    said = row.reason or ""
    return said.replace("press Run to do it", "press Calibrate to do it")


def _without_rows(message: str) -> Update:
    return {
        "methods_head": f"<h2>Every method at this layer</h2>{note(message)}",
        "methods_plot": None,
        "methods_table": "",
        "calibration": gr.Row(visible=False),
        "uncalibrated": gr.Dropdown(choices=[], value=None),
    }
