"""Where is pruned: named subsets of the projections, and what the chosen ones are called."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import gradio as gr

from nmviz.core.experiment import Experiment
from nmviz.methods.scopes import ALL, SCOPES, Scope
from nmviz.ui.shell.html import esc
from nmviz.ui.shell.view import title_of

if TYPE_CHECKING:
    from nmviz.sources.models import ModelInfo


def scopes_of(model: "ModelInfo") -> list[Scope]:
    """The named subsets a model has all projections of; all of them is always one."""
    return [
        scope
        for scope in SCOPES.values()
        if scope.name == ALL or set(scope.projections) <= set(model.projections)
    ]


def scope_choices(model: "ModelInfo") -> list[tuple[str, str]]:
    """Menu entries of the model's subsets."""
    return [(scope.title, scope.name) for scope in scopes_of(model)]


def projections_of(name: object, model: "ModelInfo") -> list[str] | None:
    """The model's projections of a subset, for their boxes; None for another name."""
    scope = next((one for one in scopes_of(model) if one.name == name), None)
    if scope is None:
        return None
    return [p for p in model.projections if scope.name == ALL or p in scope.projections]


def scope_of(projections: Sequence[str] | None, model: "ModelInfo") -> Scope | None:
    """The named subset that these projections are; None stands for all."""
    chosen = set(projections or model.projections)
    for scope in scopes_of(model):
        names = model.projections if scope.name == ALL else scope.projections
        if chosen == set(names):
            return scope
    return None


def scope_values(
    projections: Sequence[str] | None, model: "ModelInfo", plan: bool = False
) -> dict[str, Any]:
    """The menu of subsets and the line below it, for the projections that are chosen, or where a
    plan says which they are."""
    scope = None if plan else scope_of(projections, model)
    said = f"Source: {scope.source}" if scope else "A choice of your own"
    if plan:
        said = "The plan says which layers are pruned: choose a pattern above to choose them here"
    return {
        "scope": gr.Dropdown(choices=scope_choices(model), value=scope.name if scope else None),
        "scope_note": f'<p class="words">{esc(said)}.</p>',
    }


def where_values(experiment: Experiment, model: "ModelInfo") -> dict[str, Any]:
    """What says where is pruned: boxes of projections and blocks, or beside the boxes a list."""
    named = experiment.sites.blocks
    listed = experiment.lists_sites
    return {
        "projections": [one for one in model.projections if one in named or ALL in named],
        "blocks": experiment.blocks or "",
        "sites": str(experiment.sites) if listed else "",
    }


def where(named: dict[str, Any], model: "ModelInfo", values: dict[str, Any]) -> None:
    """The controls that say which layers are pruned, filled with values of the form."""
    scoped = bool(values["blocks"] or values["sites"]) or len(values["projections"]) < len(
        model.projections
    )
    with gr.Accordion("Where: which layers are pruned", open=scoped):
        scope = None if values["sites"] else scope_of(values["projections"], model)
        named["scope"] = gr.Dropdown(
            scope_choices(model),
            value=scope.name if scope else None,
            label="Named subset",
            filterable=False,
            elem_id="scope",
        )
        named["scope_note"] = gr.HTML(elem_id="scope-note")
        named["projections"] = gr.CheckboxGroup(
            list(model.projections),
            value=values["projections"],
            label=title_of("projections"),
            elem_classes="chips",
        )
        named["blocks"] = gr.Textbox(
            values["blocks"],
            label=title_of("blocks"),
            placeholder=f"all, or ranges such as 0-3,{model.blocks - 1}",
            max_length=200,
        )
        named["sites"] = gr.Textbox(
            values["sites"],
            label="Or one list of both",
            info="projections, then their blocks; a semicolon between groups",
            placeholder="such as down; q,gate:0-18",
            max_length=400,
            elem_id="sites",
        )
