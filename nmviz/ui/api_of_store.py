"""Endpoints that answer from the store and from counts: published rows, figures, costs."""

from collections.abc import Mapping, Sequence
from typing import Any

import gradio as gr

from nmviz.base.errors import UserError
from nmviz.core.plans.plan import is_plan
from nmviz.hardware.facts import shipped
from nmviz.service.figures.catalogue import draw, figures
from nmviz.service.listing import rows_of
from nmviz.service.tradeoffs.asked_cost import USUAL, in_words
from nmviz.service.tradeoffs.cost_json import cost_json
from nmviz.ui.api import Json, in_a_sentence
from nmviz.ui.shell.view import LONGEST_ADDRESS, LONGEST_FIELD
from nmviz.views.paper.drawn_numbers import drawn_numbers
from nmviz.views.paper.figure_files import figure_as
from nmviz.views.paper.sheet import COLUMNS, sheet_of

LIVE = "layer"
"""The kind of figures for which a model would have to run."""
MOST_NAMED = 6


def add_api_of_store() -> None:
    """Add them to the page being built."""
    for endpoint in (published, figure, cost):
        gr.api(endpoint, api_name=endpoint.__name__, queue=False)


def published(chosen: dict) -> list:
    """Published numbers as printed and as recomputed, with their errors and what the audit found.
    Chosen by `models`, `patterns`, `methods`, `tasks`, `metric`, `sources`, `places`, `each_task`,
    `words`, `order`, `live` and `imported`."""
    return in_a_sentence(lambda: [row.to_json() for row in rows_of(**_named(chosen, "chosen"))])


def figure(name: str, results: list | None = None, width: float = COLUMNS[2]) -> Json:
    """A figure of published numbers or of stored results, each a key, a link, or settings as in a
    link: `svg` of `width` mm, `caption`, and the `numbers` that it draws."""

    def answer() -> Json:
        if name in figures() and figures()[name].kind == LIVE:
            raise UserError("It is of one layer on a prompt: nmviz figure draws it at home.")
        drawn = draw(str(name)[:60], _texts(results or []))
        svg, remarks = figure_as(drawn.figure, "svg", sheet_of(width=_width(width)), drawn.caption)
        told = {"svg": svg.decode(), "caption": drawn.caption, "remarks": remarks}
        return {**told, "numbers": drawn_numbers(drawn.figure)}

    return in_a_sentence(answer)


def cost(model: str, settings: dict | None = None) -> Json:
    """What one of the models of Trade-offs costs in hardware, from its config alone. Settings are
    those of `nmviz cost`: pattern, target, machine, phase, tokens, dtype and others."""

    def answer() -> Json:
        if model not in shipped():
            raise UserError(f"There is no such model: choose one of {', '.join(shipped())}.")
        told = _named(settings or {}, "settings")
        patterns = [told.get(name) for name in ("pattern", "weight_pattern")]
        if any(isinstance(one, str) and is_plan(one) for one in patterns):
            raise UserError("A plan is a file: nmviz cost counts one at home.")
        for name, value in told.items():
            _check_kind(name, value)
        return cost_json(in_words(model, **told))

    return in_a_sentence(answer)


def _named(given: Any, argument: str) -> Mapping[str, Any]:
    if not isinstance(given, dict):
        raise UserError(f"{argument} is no object: give one such as {{'pattern': '2:4'}}.")
    if any(len(str(value)) > LONGEST_FIELD for value in given.values()):
        raise UserError(f"{argument} has a value of more than {LONGEST_FIELD:,} characters.")
    return {str(name): value for name, value in given.items()}


def _check_kind(name: str, value: Any) -> None:
    """A number where the usual value is one, else a text; UserError for anything else."""
    usual = USUAL.get(name)
    if value is None or name not in USUAL:
        return
    counts = isinstance(usual, int) or name == "drop"
    if isinstance(value, bool) or not isinstance(value, int if counts else str):
        raise UserError(
            f"{name} is {'a whole number' if counts else 'a text'}; given: {value!r}."[:200]
        )


def _texts(results: Any) -> Sequence[str]:
    if not isinstance(results, list) or len(results) > MOST_NAMED:
        raise UserError(f"results is a list of at most {MOST_NAMED} keys, links or settings.")
    if not all(isinstance(one, str) and len(one) <= LONGEST_ADDRESS for one in results):
        raise UserError("Each of results is a text: a key, a link, or settings as in a link.")
    return results


def _width(width: Any) -> float:
    if isinstance(width, bool) or not isinstance(width, int | float):
        raise UserError("width is a number of millimetres.")
    return float(width)
