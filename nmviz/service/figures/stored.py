"""Figures of stored results: one of weights, one of activations, or both side by side."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from nmviz.base.errors import UserError
from nmviz.core.attribution.parts import By
from nmviz.core.results import Result
from nmviz.service.attribution import known
from nmviz.service.choices import canonical, describe
from nmviz.service.comparing.two_results import found
from nmviz.service.figures.asked import Named, NamedFigure, Picture, Place, by_target
from nmviz.service.figures.captions import of_results
from nmviz.service.runs import lookup, sensitivity
from nmviz.views.explore.attribution import along_the_depth, layer_map
from nmviz.views.explore.error_depth import error_over_depth
from nmviz.views.explore.plan_map import plan_map
from nmviz.views.explore.sensitivity import sensitivity as drawn_alone
from nmviz.views.explore.tails import delta_p_of_tokens, kl_of_tokens
from nmviz.views.explore.task_accuracies import task_accuracies
from nmviz.views.shared.theme import Figure
from nmviz.views.tray.colours import column_of
from nmviz.views.tray.layer_errors import layer_errors

Names = Sequence[Named]


def _of_targets(name: str, draw: Callable[[Any], Figure], names: Names, at: Place) -> Picture:
    results = [found(one) for one in names]
    return _picture(name, draw(by_target(results)), results)


def _of_tasks(names: Names, at: Place) -> Picture:
    results = [found(one) for one in names]
    shown = {column_of(one.experiment): one for one in results}
    if len(shown) < len(results):
        raise UserError("This figure has one result of each: dense, weights and activations.")
    return _picture("tasks", task_accuracies(shown), results)


def _of_parts(name: str, by: By, draw: Callable[[Any], Figure], names: Names, at: Place) -> Picture:
    """What each part costs pruned alone, of each of the results."""
    wholes = [found(one) for one in names]
    parts: list[Result] = []
    for whole in wholes:
        asked = whole.experiment
        measured = known(asked, by)
        if measured is None:
            said = f"nmviz attribute {asked.model} --pattern {asked.pattern} --by {by}"
            raise UserError(f"Not every {by} of it was measured alone: {said} does, on its text.")
        parts += [one.result for one in measured.parts]
    return _picture(name, draw(parts), wholes)


def _sensitivity(names: Names, at: Place) -> Picture:
    """What each projection costs pruned alone, as far as it is stored."""
    wholes = [found(one) for one in names]
    there: list[Result] = []
    for whole in wholes:
        asked = whole.experiment
        every = sensitivity(asked, describe(asked.model).projections)
        own = [one for one in every if one.target == asked.target]
        stored = [result for one in own if (result := lookup(one)) is not None]
        if len(stored) < len(own):
            raise UserError(
                f"{len(own) - len(stored)} of {len(own)} projections were not measured alone: "
                "nmviz run --sites does, one by one, on the same text."
            )
        there += stored
    return _picture("sensitivity", drawn_alone(there), wholes)


def _plan(names: Names, at: Place) -> Picture:
    """The pattern of every layer of a plan."""
    [result] = [found(one) for one in names]
    one = canonical(result.experiment)
    info = describe(one.model)
    masks = {
        (block, name): one.mask_at((name,), block)
        for block in range(info.blocks)
        for name in info.projections
        if one.sites.hold(name, block) or one.by_layer
    }
    return _picture("patterns-by-layer", plan_map(masks), [result])


def _two(names: Names, at: Place) -> Picture:
    a, b = (found(one) for one in names)
    chosen = None if at.block is None else (at.block, at.projection)
    return _picture("compare-layers", layer_errors(a, b, chosen), [a, b], lettered=True)


def _picture(
    name: str, figure: Figure, results: Sequence[Result], lettered: bool = False
) -> Picture:
    if not figure.data:
        said = " ".join(note.text.replace("<br>", " ") for note in figure.layout.annotations)
        raise UserError(said or "There is nothing to draw of it.")
    return Picture(name, figure, of_results(results, lettered), tuple(results))


ERROR = "error-by-layer"
KL, DELTA_P = "kl-of-tokens", "delta-p-of-tokens"
BLOCKS, LAYERS = "cost-by-block", "cost-by-layer"
STORED = (
    NamedFigure(
        ERROR,
        "Error of every layer, and the median of each block",
        "stored",
        (1, 2),
        partial(_of_targets, ERROR, error_over_depth),
    ),
    NamedFigure(
        "drift",
        "Drift of the hidden state through the blocks",
        "stored",
        (1, 2),
        partial(_of_targets, "drift", partial(error_over_depth, measure="drift")),
    ),
    NamedFigure(
        KL,
        "How far single predictions moved, KL divergence",
        "stored",
        (1, 2),
        partial(_of_targets, KL, kl_of_tokens),
    ),
    NamedFigure(
        DELTA_P,
        "Change of the right word's probability",
        "stored",
        (1, 2),
        partial(_of_targets, DELTA_P, delta_p_of_tokens),
    ),
    NamedFigure("tasks", "Right answers by task", "stored", (1, 2, 3), _of_tasks),
    NamedFigure(
        "sensitivity",
        "What each projection costs pruned alone",
        "stored",
        (1, 2),
        _sensitivity,
    ),
    NamedFigure(
        BLOCKS,
        "What each block costs pruned alone",
        "stored",
        (1, 2),
        partial(_of_parts, BLOCKS, "block", along_the_depth),
    ),
    NamedFigure(
        LAYERS,
        "What each layer costs pruned alone, a map",
        "stored",
        (1, 2),
        partial(_of_parts, LAYERS, "site", layer_map),
    ),
    NamedFigure("patterns-by-layer", "The pattern of every layer, a map", "stored", (1,), _plan),
    NamedFigure("compare-layers", "Error of every layer, A and B", "pair", (2,), _two),
)
