"""Where is pruned: named subsets of the projections, and what the chosen ones are called."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import gradio as gr

from nmviz.methods.scopes import ALL, SCOPES, Scope
from nmviz.ui.shell.html import esc

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


def projections_of(name: object, model: "ModelInfo") -> Any:
    """The model's projections of a subset, for their boxes; nothing changes for another name."""
    scope = next((one for one in scopes_of(model) if one.name == name), None)
    if scope is None:
        return gr.skip()
    return [p for p in model.projections if scope.name == ALL or p in scope.projections]


def scope_of(projections: Sequence[str] | None, model: "ModelInfo") -> Scope | None:
    """The named subset that these projections are; None stands for all."""
    chosen = set(projections or model.projections)
    for scope in scopes_of(model):
        names = model.projections if scope.name == ALL else scope.projections
        if chosen == set(names):
            return scope
    return None


def scope_values(projections: Sequence[str] | None, model: "ModelInfo") -> dict[str, Any]:
    """The menu of subsets and the line below it, for the projections that are chosen."""
    scope = scope_of(projections, model)
    said = f"Source: {scope.source}" if scope else "A choice of your own"
    return {
        "scope": gr.Dropdown(choices=scope_choices(model), value=scope.name if scope else None),
        "scope_note": f'<p class="words">{esc(said)}.</p>',
    }
