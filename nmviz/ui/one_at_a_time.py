"""One projection at a time pruned, the rest dense: what each of them costs."""

from collections.abc import Iterator, Sequence
from time import monotonic
from typing import Any

import gradio as gr

from nmviz import service
from nmviz.experiment import TARGETS, Experiment
from nmviz.results import Measurement, Result
from nmviz.ui import render
from nmviz.ui.allowed import check_live, model_of
from nmviz.ui.events import Update
from nmviz.ui.failures import sentence
from nmviz.ui.figures import drawn
from nmviz.ui.handlers import SESSIONS, form
from nmviz.ui.html import esc, note, quantity, table
from nmviz.ui.state import View
from nmviz.views import numbers
from nmviz.views.sensitivity import by_cost, costs_of, sensitivity
from nmviz.views.theme import NAMES, title_of

OUTPUTS = ("each_of", "each_head", "each_figure", "each_plot", "each_table", "each_bar")
TITLE = "<h2>One projection at a time</h2>"
SECONDS_BETWEEN_PICTURES = 0.5


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


def found(values: Sequence[Any], before: str | None, again: bool = False) -> Update:
    """What the store has; nothing when `before` says that it is shown already, but for `again`."""
    try:
        view, text = form(values)
        service.refuse_large(view.experiment.model)
        experiments = experiments_of(view)
        now = _each_of(experiments, text)
        if now == before and not again:
            return {}
        stored = [service.lookup(one, text) for one in experiments]
        results = [result for result in stored if result is not None]
        if experiments and len(results) == len(experiments):
            return {"each_of": now, **panel(view, results), "each_bar": gr.Column(visible=False)}
        missing = [one for one, result in zip(experiments, stored, strict=True) if result is None]
        return {"each_of": now, **_not_yet(view, missing)}
    except Exception as error:
        return {"each_of": None, **_without_results(note(sentence(error)), offered=False)}


def measure(values: Sequence[Any], session: str) -> Iterator[Update]:
    """Measure every projection alone on both sides, showing what is known on the way."""
    event = SESSIONS.running(session)
    last, now = 0.0, None
    try:
        view, text = form(values)
        check_live(view)
        experiments = experiments_of(view)
        now = _each_of(experiments, text)
        for progress in service.run(experiments, text=text, cancel=event):
            update: Update = {"each_progress": render.bar(progress)}
            ended = progress.stage in ("done", "cancelled")
            if progress.results and (ended or monotonic() - last > SECONDS_BETWEEN_PICTURES):
                last = monotonic()
                update |= panel(view, progress.results, render.remark(progress))
            elif ended:
                update |= _without_results(render.remark(progress), offered=True)
            yield update
        yield {"each_of": now, "each_bar": gr.Column(visible=event.is_set())}
    except Exception as error:
        yield {**_without_results(note(sentence(error), "error"), offered=True), "each_of": now}


def panel(view: View, results: Sequence[Result], message: str = "") -> Update:
    """Figure and table of what is measured."""
    figure = sensitivity(results)
    if not title_of(figure):
        wait = note("Running: the first numbers come after the first passes over the text.")
        return _without_results(message or wait, offered=True)
    partial = any(result.partial for result in results)
    so_far = " Partial: measured on part of the text so far." if partial else ""
    words = f'<p class="words">{esc(title_of(figure))}.{so_far}</p>'
    name = f"nmviz-sensitivity-{view.experiment.model}-{view.experiment.pattern}"
    return {
        "each_head": f"{TITLE}{words}{message}",
        "each_figure": gr.Column(visible=True),
        "each_plot": drawn(figure, name),
        "each_table": _table(results),
    }


def _each_of(experiments: Sequence[Experiment], text: str | None) -> str:
    """What is shown, to tell whether something else is asked for."""
    return repr((text, [one.canonical_json() for one in experiments]))


def _not_yet(view: View, missing: Sequence[Experiment]) -> Update:
    if not missing:
        why = "No projection of this model fits the pattern by itself: choose another pattern."
        return _without_results(note(why), offered=False)
    seconds = service.estimate_seconds(missing)
    takes = f"about {render.duration(seconds)} here" if seconds else "as many passes over the text"
    takes += ", calibrated first" if any(one.calibration_windows for one in missing) else ""
    cost = quantity("delta_nll", "cost")
    words = (
        f'<p class="words">What it costs to prune the inputs or the weights of one projection and '
        f"leave the rest dense: the {cost} of each. Not measured yet for these settings: "
        f"{len(missing)} runs, {esc(takes)}.</p>"
    )
    return _without_results(words, offered=True)


def _without_results(said: str, offered: bool) -> Update:
    return {
        "each_head": TITLE + said,
        "each_figure": gr.Column(visible=False),
        "each_plot": None,
        "each_table": "",
        "each_bar": gr.Column(visible=offered),
    }


def _table(results: Sequence[Result]) -> str:
    costs = {target: costs_of(results, target) for target in TARGETS}
    costs = {target: of for target, of in costs.items() if of}
    rows = [[esc(name), *(_cell(of.get(name)) for of in costs.values())] for name in by_cost(costs)]
    heads = ["projection", *(f"{NAMES[target]} (95% interval)" for target in costs)]
    what = "Cost of pruning one projection alone, in nats a token"
    return f"<details><summary>As a table</summary>{table(what, heads, rows)}</details>"


def _cell(cost: Measurement | None) -> str:
    if cost is None:
        return "&ndash;"
    reach = numbers.reach(cost)
    value = numbers.show(cost).removesuffix("nats a token").rstrip()
    after = f" ({reach.removesuffix('nats a token').rstrip()})" if reach else ""
    return esc(value + after)
