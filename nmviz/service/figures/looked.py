"""Figures of one layer on a prompt: they load the model, and need no stored result."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from nmviz.base.errors import UserError
from nmviz.core.experiment import Experiment
from nmviz.core.results import SiteLook
from nmviz.service.figures.asked import Named, NamedFigure, Picture, Place, alone
from nmviz.service.figures.captions import of_looks
from nmviz.service.layers import look, sweep_layer
from nmviz.views.explore.channels import along_channels, most_kept_first
from nmviz.views.explore.distribution import distribution
from nmviz.views.explore.mask import mask
from nmviz.views.explore.method_errors import method_errors
from nmviz.views.shared.theme import Figure
from nmviz.views.tray.inputs import both_distributions
from nmviz.views.tray.masks import overlaid

Names = Sequence[Named]


def _look(experiment: Experiment, at: Place) -> SiteLook:
    return look(
        experiment,
        at.prompt,
        at.block or 0,
        at.projection,
        first_row=at.first_row,
        rows=at.rows,
        first_column=at.first_entry,
        columns=at.entries,
    )


def _of_one(name: str, draw: Callable[[SiteLook], Figure], names: Names, at: Place) -> Picture:
    [one] = [alone(one) for one in names]
    figure = draw(_look(one, at.whole()))
    return _picture(name, figure, [one], at)


def _of_targets(name: str, draw: Callable[[Any], Figure], names: Names, at: Place) -> Picture:
    experiments = [alone(one) for one in names]
    looks = {one.target: _look(one, at.whole()) for one in experiments}
    if len(looks) < len(experiments):
        raise UserError("This figure has one of weights and one of activations: name one of each.")
    return _picture(name, draw(looks), experiments, at)


def _of_two(
    name: str, draw: Callable[[SiteLook, SiteLook], Figure], names: Names, at: Place
) -> Picture:
    a, b = (alone(one) for one in names)
    if a.model != b.model:
        raise UserError("A and B are of two models: their layers have no entry in common.")
    return _picture(name, draw(_look(a, at.whole()), _look(b, at)), [a, b], at, lettered=True)


def _methods(names: Names, at: Place) -> Picture:
    [one] = [alone(one) for one in names]
    there = at.whole()
    rows = sweep_layer(one, there.prompt, there.block or 0, there.projection)
    return _picture("methods-at-layer", method_errors(rows), [one], there)


def _picture(
    name: str,
    figure: Figure,
    experiments: Sequence[Experiment],
    at: Place,
    lettered: bool = False,
) -> Picture:
    if not figure.data:
        said = " ".join(note.text.replace("<br>", " ") for note in figure.layout.annotations)
        raise UserError(said or "There is nothing to draw of it.")
    return Picture(name, figure, of_looks(experiments, at, lettered))


KINDS: tuple[tuple[str, str, Callable[[SiteLook], Figure]], ...] = (
    ("distribution", "Entries of a layer before and after the mask", distribution),
    ("mask", "A window of a mask", mask),
)
COUNTED: tuple[tuple[str, str, Callable[[Any], Figure]], ...] = (
    ("channels", "How often each channel is kept, the most kept first", most_kept_first),
    ("channels-in-order", "How often each channel is kept, in order", along_channels),
)
PAIRED: tuple[tuple[str, str, Callable[[SiteLook, SiteLook], Figure]], ...] = (
    ("compare-masks", "Two masks over one another", overlaid),
    ("compare-distributions", "Entries of a layer before and after, A and B", both_distributions),
)
LOOKED = (
    *(
        NamedFigure(name, title, "layer", (1,), partial(_of_one, name, draw))
        for name, title, draw in KINDS
    ),
    *(
        NamedFigure(name, title, "layer", (1, 2), partial(_of_targets, name, draw))
        for name, title, draw in COUNTED
    ),
    NamedFigure("methods-at-layer", "Every method at one layer", "layer", (1,), _methods),
    *(
        NamedFigure(name, title, "layer", (2,), partial(_of_two, name, draw))
        for name, title, draw in PAIRED
    ),
)
