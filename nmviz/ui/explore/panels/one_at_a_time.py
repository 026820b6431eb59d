"""One projection, block or layer at a time pruned, the rest dense: what each of them costs."""

from collections.abc import Callable, Sequence
from typing import Any

from nmviz import service
from nmviz.base.errors import UserError
from nmviz.base.wording import listed
from nmviz.core.attribution.parts import By, check_way
from nmviz.core.experiment import Experiment
from nmviz.core.pairing import floor_of
from nmviz.core.results import Result
from nmviz.core.running import Running
from nmviz.core.settings import TARGETS
from nmviz.service import attribution
from nmviz.ui.explore.form.values import form
from nmviz.ui.explore.panels.costs_of_parts import attribution_table, cell, floor_cell
from nmviz.ui.explore.panels.measured import Asked, Measured, takes
from nmviz.ui.shell.events import Update
from nmviz.ui.shell.figures import drawn
from nmviz.ui.shell.html import esc, note, quantity, table
from nmviz.ui.shell.limits import check_live, layer_of, model_of
from nmviz.ui.shell.view import View
from nmviz.views.explore.attribution import along_the_depth, layer_map
from nmviz.views.explore.sensitivity import alone, by_cost, costs_of, sensitivity
from nmviz.views.shared.floors import no_floor
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


BY: dict[By, str] = {"projection": "projections", "block": "blocks", "site": "layers"}
"""What is pruned alone, as the panel calls it."""
ONE: dict[By, str] = {"projection": "projection", "block": "block", "site": "layer"}
DRAWN: dict[By, Callable[..., Any]] = {
    "projection": sensitivity,
    "block": along_the_depth,
    "site": layer_map,
}
MOST_LIVE = 100
"""Runs that the page makes at once."""


def experiments_of(view: View, by: By = "projection") -> tuple[Experiment, ...]:
    """One experiment a part and target, with the methods of the view; of blocks and layers first
    each target's whole."""
    if by != "projection":
        wholes = (attribution.experiments_of(one, by) for one in view.experiments())
        return tuple(one for found in wholes for one in found)
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
    figure = _figure(asked, results)
    if not title_of(figure):
        return PANEL.without_results(message, offered=True)
    partial = any(result.partial for result in results)
    so_far = " Partial: measured on part of the text so far." if partial else ""
    said = f"{_added_up(asked, results)}{so_far} {no_floor(results)}".rstrip()
    words = f'<p class="words">{esc(title_of(figure))}.{said}</p>'
    tables = _table(results) if asked.by == "projection" else attribution_table(results, asked.by)
    return PANEL.with_results(asked, words + message, _plot(asked, figure), tables)


def framed(values: Sequence[Any], before: str | None) -> Update:
    """Another layer is looked at: the map of layers frames that one, where all of it is stored.

    `before` says what the panel shows; what is not this map stays as it is.
    """
    if values[-1] != "site":
        return {}
    try:
        asked = _asked(values)
    except UserError:
        return {}
    if asked.identity != before:
        return {}
    found = [service.lookup(one, asked.text) for one in asked.experiments]
    results = [result for result in found if result is not None]
    if len(results) < len(found):
        return {}
    return {"each_plot": _plot(asked, _figure(asked, results))}


def _figure(asked: Asked, results: Sequence[Result]) -> Any:
    """The figure of the parts. Of what is not whole, which `framed` cannot draw anew, none of the
    layers is framed."""
    whole = len(results) == len(asked.experiments) and not any(one.partial for one in results)
    chosen = {"selected": layer_of(asked.view)} if asked.by == "site" and whole else {}
    return DRAWN[asked.by](results, **chosen)


def _plot(asked: Asked, figure: Any) -> Any:
    one = asked.view.experiment
    return drawn(figure, f"nmviz-sensitivity-{one.model}-{one.pattern}")


def _added_up(asked: Asked, results: Sequence[Result]) -> str:
    """What the parts' costs come to, over that of all at once, by target."""
    if asked.by == "projection" or len(results) < len(asked.experiments):
        return ""
    found = {}
    for target in TARGETS:
        own = [one for one in results if one.experiment.target == target]
        ratio = attribution.attributed(asked.by, own).additivity if own else None
        if ratio is not None:
            error = "" if ratio.stderr is None else f" ± {ratio.stderr:.2f}"
            found[NAMES[target]] = f"{ratio.value:.2f}{error}"
    said = listed(f"{of} for {name}" for name, of in found.items())
    return f" The sum of these costs over the cost of all at once is {said}." if said else ""


def _asked(values: Sequence[Any]) -> Asked:
    *settings, chosen = values
    view, text = form(settings, "each")
    service.refuse_large(view.experiment.model)
    by = check_way(str(chosen))
    how = Running(control=by != "projection", noise_floor=view.noise_floor)
    return Asked(view, experiments_of(view, by), text, by, how)


def _check(asked: Asked) -> None:
    """UserError for what would take too long here."""
    check_live(asked.view, asked.text)
    if len(asked.experiments) > MOST_LIVE:
        raise UserError(
            f"These are {len(asked.experiments)} runs, and the page makes at most {MOST_LIVE} at "
            "once: nmviz attribute measures them, and they are shown here then."
        )


def _stored(asked: Asked, results: Sequence[Result | None]) -> Update:
    found = [result for result in results if result is not None]
    if found and len(found) == len(results):
        return {**panel(asked, found), **PANEL.bar(_lacks_floors(asked, found))}
    pairs = zip(asked.experiments, results, strict=True)
    missing = [one for one, result in pairs if result is None]
    return _not_yet(
        asked, missing, PANEL.refusal(asked) or ("" if missing else _none_fits(asked.view))
    )


def _lacks_floors(asked: Asked, results: Sequence[Result]) -> bool:
    """Whether noise floors are asked for that are not known, and could be measured here."""
    known = all(result.floor_of("pruned") for result in results)
    return asked.how.noise_floor and not known and not PANEL.refusal(asked)


def _none_fits(view: View) -> str:
    """Why no projection can be pruned alone."""
    try:
        service.canonical(view.experiment)
    except UserError as error:
        return str(error)
    return "No projection of this model fits the pattern by itself: choose another pattern."


def _not_yet(asked: Asked, missing: Sequence[Experiment], refusal: str) -> Update:
    cost = quantity("delta_nll", "cost")
    what = (
        f"What it costs to prune the inputs or the weights of one {ONE[asked.by]} and leave the "
        f"rest dense: the {cost} of each. "
    )
    if refusal:
        said = f'<p class="words">{what}</p>{note(refusal)}'
        return PANEL.without_results(said, offered=False)
    long = esc(takes(missing, "as many passes over the text", asked.how))
    left = f"Not measured yet for these settings: {len(missing)} runs, {long}."
    return PANEL.without_results(f'<p class="words">{what}{left}</p>', offered=True)


PANEL = Measured(
    name="each",
    title="One part at a time",
    ask=_asked,
    check=_check,
    stored=_stored,
    drawn=panel,
)
found, measure = PANEL.found, PANEL.measure


def _table(results: Sequence[Result]) -> str:
    costs = {target: costs_of(results, target) for target in TARGETS}
    costs = {target: of for target, of in costs.items() if of}
    runs = {target: alone(results, target) for target in costs}
    floors = [of for of in runs.values() if any(map(floor_of, of.values()))]
    rows = [
        [
            esc(name),
            *(cell(of.get(name)) for of in costs.values()),
            *(floor_cell(of.get(name)) for of in floors),
        ]
        for name in by_cost(costs)
    ]
    heads = ["projection", *(f"{NAMES[target]} (± one standard error)" for target in costs)]
    heads += [f"noise floor, {NAMES[target]}" for target, of in runs.items() if of in floors]
    what = "Cost of pruning one projection alone, in nats a token"
    return f"<details><summary>As a table</summary>{table(what, heads, rows)}</details>"
