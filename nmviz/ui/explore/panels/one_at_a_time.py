"""One projection at a time pruned, the rest dense: what each of them costs."""

from collections.abc import Sequence
from typing import Any

from nmviz import service
from nmviz.base.errors import UserError
from nmviz.core.experiment import Experiment
from nmviz.core.results import Measurement, Result
from nmviz.core.settings import TARGETS
from nmviz.ui.explore.form.values import form
from nmviz.ui.explore.panels.measured import Asked, Measured, takes
from nmviz.ui.shell.events import Update
from nmviz.ui.shell.figures import drawn
from nmviz.ui.shell.html import esc, note, quantity, table
from nmviz.ui.shell.limits import check_live, model_of
from nmviz.ui.shell.view import View
from nmviz.views.explore.sensitivity import by_cost, costs_of, sensitivity
from nmviz.views.shared import numbers
from nmviz.views.shared.theme import NAMES, title_of

OUTPUTS = (
    "each_of",
    "each_wanted",
    "each_head",
    "each_figure",
    "each_plot",
    "each_table",
    "each_bar",
)


def experiments_of(view: View) -> tuple[Experiment, ...]:
    """One experiment a projection and target, with the methods of the view."""
    projections = model_of(view).projections
    chosen = [
        one
        for whole in view.experiments()
        for one in service.sensitivity(whole, projections)
        if one.target == whole.target
    ]
    return tuple(chosen)


def panel(asked: Asked, results: Sequence[Result], message: str = "") -> Update:
    """Figure and table of what is measured."""
    figure = sensitivity(results)
    if not title_of(figure):
        return PANEL.without_results(message, offered=True)
    partial = any(result.partial for result in results)
    so_far = " Partial: measured on part of the text so far." if partial else ""
    words = f'<p class="words">{esc(title_of(figure))}.{so_far}</p>'
    one = asked.view.experiment
    plot = drawn(figure, f"nmviz-sensitivity-{one.model}-{one.pattern}")
    return PANEL.with_results(asked, words + message, plot, _table(results))


def _asked(values: Sequence[Any]) -> Asked:
    view, text = form(values, "each")
    service.refuse_large(view.experiment.model)
    return Asked(view, experiments_of(view), text)


def _stored(asked: Asked, results: Sequence[Result | None]) -> Update:
    found = [result for result in results if result is not None]
    if found and len(found) == len(results):
        return {**panel(asked, found), **PANEL.bar(False)}
    pairs = zip(asked.experiments, results, strict=True)
    missing = [one for one, result in pairs if result is None]
    return _not_yet(missing, PANEL.refusal(asked) or ("" if missing else _none_fits(asked.view)))


def _none_fits(view: View) -> str:
    """Why no projection can be pruned alone."""
    try:
        service.canonical(view.experiment)
    except UserError as error:
        return str(error)
    return "No projection of this model fits the pattern by itself: choose another pattern."


def _not_yet(missing: Sequence[Experiment], refusal: str) -> Update:
    cost = quantity("delta_nll", "cost")
    what = (
        "What it costs to prune the inputs or the weights of one projection and leave the rest "
        f"dense: the {cost} of each. "
    )
    if refusal:
        said = f'<p class="words">{what}</p>{note(refusal)}'
        return PANEL.without_results(said, offered=False)
    long = esc(takes(missing, "as many passes over the text"))
    left = f"Not measured yet for these settings: {len(missing)} runs, {long}."
    return PANEL.without_results(f'<p class="words">{what}{left}</p>', offered=True)


PANEL = Measured(
    name="each",
    title="One projection at a time",
    ask=_asked,
    check=lambda asked: check_live(asked.view, asked.text),
    stored=_stored,
    drawn=panel,
)
found, measure = PANEL.found, PANEL.measure


def _table(results: Sequence[Result]) -> str:
    costs = {target: costs_of(results, target) for target in TARGETS}
    costs = {target: of for target, of in costs.items() if of}
    rows = [[esc(name), *(_cell(of.get(name)) for of in costs.values())] for name in by_cost(costs)]
    heads = ["projection", *(f"{NAMES[target]} (± one standard error)" for target in costs)]
    what = "Cost of pruning one projection alone, in nats a token"
    return f"<details><summary>As a table</summary>{table(what, heads, rows)}</details>"


def _cell(cost: Measurement | None) -> str:
    if cost is None:
        return "&ndash;"
    return esc(numbers.show(cost).removesuffix("nats a token").rstrip())
