"""The pattern of every layer as a map, and a layer, a block or a projection given another."""

from collections.abc import Sequence
from typing import Any, Literal

from nmviz.base.errors import SettingError, UserError
from nmviz.core.experiment import Experiment
from nmviz.methods.pattern_lists import Patterns
from nmviz.methods.patterns import DENSE, Pattern, parse_pattern
from nmviz.service.plans import known_plans
from nmviz.ui.explore.form.scoping import where_values
from nmviz.ui.explore.form.values import view_of
from nmviz.ui.shell.events import Update
from nmviz.ui.shell.figures import drawn
from nmviz.ui.shell.html import esc, note, table
from nmviz.ui.shell.limits import layer_of, model_of
from nmviz.ui.shell.view import Look, View
from nmviz.views.explore.plan_map import in_order, plan_map
from nmviz.views.shared.theme import title_of

OUTPUTS = ("plan_head", "plan_plot", "plan_table")
TITLE = "Which layer has which pattern"
Where = Literal["layer", "block", "projection"]
WHERE: dict[Where, str] = {
    "layer": "Give it to this layer",
    "block": "to its block",
    "projection": "to its projection",
}
"""What is given another pattern at once, by what its button says."""

Masks = dict[tuple[int, str], Pattern]


def panel(view: View) -> dict[str, Any]:
    """The map, and the list of patterns as the command line takes them."""
    masks = masks_of(view)
    if not masks:
        return {"plan_head": _head(""), "plan_plot": None, "plan_table": ""}
    figure = plan_map(masks, selected=layer_of(view))
    one = view.experiment
    name = f"nmviz-plan-{one.model}-{one.pattern.replace(':', '-')}"
    return {
        "plan_head": _head(f'<p class="words">{esc(title_of(figure))}. {_how(view.look)}</p>'),
        "plan_plot": drawn(figure, name),
        "plan_table": _table(one),
    }


def shown(values: Sequence[Any]) -> Update:
    """The panel for the values of the form; as it was while one of them is wrong."""
    try:
        return panel(view_of(values, "layer"))
    except UserError:
        return {}


def masks_of(view: View) -> Masks:
    """The pattern of every layer of the view's model; none of one that is not known by layer."""
    model, one = model_of(view), view.experiment
    if model.published or model.experts:
        return {}
    return {
        (block, name): one.mask_at([name], block) if one.sites.hold(name, block) else DENSE
        for name in model.projections
        for block in range(model.blocks)
    }


def given(values: Sequence[Any], pattern: Any, where: Where) -> Update:
    """The form with that pattern for the chosen layer, its block or its projection; where that
    cannot be, why."""
    try:
        view = view_of(values, "layer")
        mask = parse_pattern(str(pattern or ""))
        if mask.plan:
            raise SettingError("Choose a pattern for the layer, such as 2:4, or dense.", "pattern")
        return _changed(view, mask, where)
    except UserError as error:
        return {"plan_said": note(str(error), "error")}


def _changed(view: View, mask: Pattern, where: Where) -> Update:
    masks, look = masks_of(view), view.look
    if not masks:
        raise UserError("This model's layers cannot have patterns of their own here.")
    for block, name in masks:
        in_block = where == "projection" or block == look.block
        in_projection = where == "block" or name == look.projection
        if in_block and in_projection:
            masks[block, name] = mask
    model = model_of(view)
    fields = known_plans.named(_patterns(masks), model.id)
    made = Experiment.build(model=model.id, **fields)
    return {"pattern": made.pattern, **where_values(made, model), "plan_said": ""}


def _patterns(masks: Masks) -> Patterns:
    """UserError where nothing is pruned."""
    found = Patterns.by_site((name, block, str(mask)) for (block, name), mask in masks.items())
    if not found.sites:
        raise UserError("Then nothing would be pruned: leave one layer with a pattern.")
    return found


def _how(look: Look) -> str:
    chosen = f"block {look.block}, {look.projection}"
    return (
        f"Click a layer to choose it (now {esc(chosen)}), and give another pattern to it, to all "
        "of its block, or to its projection in every block."
    )


def _head(said: str) -> str:
    return f"<h2>{TITLE}</h2>{said}"


def _table(one: Experiment) -> str:
    """The patterns with their sites; of one pattern alone its sites."""
    listed = one.by_layer or Patterns({one.pattern: one.sites})
    rows = [
        [esc(str(mask)), esc(str(listed.sites[str(mask)]))]
        for mask in in_order(map(parse_pattern, listed.sites))
    ]
    inside = table("Layers by pattern", ["pattern", "layers"], rows)
    return f"<details><summary>As a list</summary>{inside}</details>"
