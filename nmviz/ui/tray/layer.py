"""The layer at which two pinned models are looked at: its menus, its masks and distributions."""

from collections.abc import Sequence

from nmviz import service
from nmviz.core.results import Result, SiteLook
from nmviz.service.layers import Window
from nmviz.ui.shell.html import esc, options, quantity
from nmviz.ui.shell.limits import layer_of, model_of, offered, settle
from nmviz.ui.shell.view import Look, View, Writing
from nmviz.ui.tray.model import alone
from nmviz.views.shared import numbers
from nmviz.views.shared.theme import Figure, title_of
from nmviz.views.tray.inputs import both_distributions
from nmviz.views.tray.masks import overlaid

At = tuple[int, str]
Corner = tuple[int, int]
"""The first row and column of the masks that are shown."""
WAITS = "Looking into both models: the first look loads the model."
"""Stands there until they were looked at."""
PROMPT = "Looked at on the prompt “{}”"


def usual_at(model: str, at: At | None) -> At | None:
    """The layer that is asked for, or the middle of the model where it has none of that name; None
    of a model that is not looked at."""
    known = offered(model)
    if known is None or known.published:
        return None
    view = settle(View.build({"model": model}))
    if at is not None and at[0] < known.blocks and at[1] in known.layers:
        return at
    return layer_of(view)


def menus(a: Result, at: At | None, corner: Corner | None) -> str:
    """Block and projection, to choose from what the model has, and of masks the corner. UserError
    where it is not looked at."""
    model = alone(a).model
    known = model_of(View.build({"model": model}))
    block, projection = usual_at(model, at) or (0, "")
    choices = (
        ("Block", "block", range(known.blocks), block),
        ("Layer", "projection", known.layers, projection),
    )
    inside = "".join(_menu(label, name, values, chosen) for label, name, values, chosen in choices)
    if corner is not None:
        inside += _number("First row", "row", corner[0], Look().rows)
        inside += _number("First column", "column", corner[1], Look().columns)
    waits = f'<p class="words tray-waits">{WAITS}</p>'
    return f'<div class="tray-choices tray-layer">{inside}</div>{waits}'


def looked(
    a: Result, b: Result, at: At | None, corner: Corner, part: str, prompt: str
) -> tuple[str, Figure]:
    """The sentence and the figure of a part: masks or inputs. Loads the model and reads the prompt
    on first use. UserError where one of them cannot be looked at."""
    prompt = Writing(prompt=prompt).prompt
    one, other = (_look(result, at, corner, prompt) for result in (a, b))
    figure = overlaid(one, other) if part == "masks" else both_distributions(one, other)
    errors = [f"{letter} {esc(numbers.share(look.rel_error))}" for letter, look in _of(one, other)]
    place = f"Block {one.block}, {one.projection}"
    said = title_of(figure)
    return (
        f'<p class="headline answer">{esc(said)}{"." if said else ""}</p>'
        f'<p class="words">{esc(place)}. {quantity("rel_error", "Output error")} on this prompt: '
        f"{', '.join(errors)}. {esc(_kept(one, other) or PROMPT.format(prompt))}</p>",
        figure,
    )


def _kept(*both: SiteLook) -> str:
    """What is said of looks that were not made now, which names their prompt."""
    return " ".join(dict.fromkeys(one.said for one in both if one.said))


def _of(one: SiteLook, other: SiteLook) -> Sequence[tuple[str, SiteLook]]:
    return ("A", one), ("B", other)


def _look(result: Result, at: At | None, corner: Corner, prompt: str) -> SiteLook:
    experiment, window = alone(result), Look()
    block, projection = usual_at(experiment.model, at) or (0, "")
    asked = Window(corner[0], window.rows, corner[1], window.columns)
    return service.see(experiment, prompt, block, projection, asked)


def _menu(label: str, name: str, values: Sequence[object], chosen: object) -> str:
    listed = options({str(one): str(one) for one in values}, str(chosen))
    return f'<label>{label} <select data-layer="{name}" data-at="{name}">{listed}</select></label>'


def _number(label: str, name: str, value: int, step: int) -> str:
    return (
        f'<label>{label} <input type="number" min="0" step="{step}" value="{value}" '
        f'data-layer="{name}" data-at="{name}"></label>'
    )
