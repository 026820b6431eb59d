"""The layer at which two pinned models are looked at: its menus, its masks and distributions."""

from collections.abc import Sequence
from typing import Any

from nmviz import service
from nmviz.base.errors import UserError
from nmviz.core.experiment import Experiment
from nmviz.core.reading import TEXT
from nmviz.core.results import Result, SiteLook
from nmviz.ui.shell.html import esc, quantity
from nmviz.ui.shell.limits import layer_of, offered, settle
from nmviz.ui.shell.view import DEFAULT_PROMPT, Look, View
from nmviz.views.shared import numbers
from nmviz.views.shared.theme import Figure, title_of
from nmviz.views.tray.inputs import both_distributions
from nmviz.views.tray.masks import overlaid
from nmviz.views.tray.titles import model_title

At = tuple[int, str]
ONLY_PUBLISHED = "Only published numbers are known of {}: its layers cannot be looked at."
PROMPT = f"Looked at on the prompt “{DEFAULT_PROMPT}”"


def usual_at(model: str, at: At | None) -> At | None:
    """The layer that is asked for, or the middle of the model where it has none of that name; None
    of a model that is not looked at."""
    known = offered(model)
    if known is None or known.published or not known.blocks:
        return None
    if at is not None and at[0] < known.blocks and at[1] in known.layers:
        return at
    return layer_of(settle(View.build({"model": model})))


def menus(model: str, at: At | None) -> str:
    """Block and projection, to choose from what the model has. UserError where it is not looked
    at."""
    there = usual_at(model, at)
    if there is None:
        raise UserError(ONLY_PUBLISHED.format(model_title(model)))
    known = offered(model)
    blocks = range(known.blocks) if known else ()
    names = known.layers if known else ()
    return (
        '<div class="tray-choices tray-layer">'
        f'<label>Block <select data-layer="block" data-at="block">{_options(blocks, there[0])}</select>'
        "</label><label>Layer "
        f'<select data-layer="projection" data-at="projection">{_options(names, there[1])}</select>'
        "</label></div>"
    )


def looked(a: Result, b: Result, at: At | None, part: str) -> tuple[str, Figure]:
    """The sentence and the figure of a part: masks or inputs. Loads the model and reads the prompt
    on first use. UserError where one of them cannot be looked at."""
    one, other = (_look(result, at) for result in (a, b))
    figure = overlaid(one, other) if part == "masks" else both_distributions(one, other)
    errors = [f"{letter} {esc(numbers.share(look.rel_error))}" for letter, look in _of(one, other)]
    place = f"Block {one.block}, {one.projection}"
    said = title_of(figure)
    return (
        f'<p class="headline answer">{esc(said)}{"." if said else ""}</p>'
        f'<p class="words">{esc(place)}. {quantity("rel_error", "Output error")} on this prompt: '
        f"{', '.join(errors)}. {esc(PROMPT)}</p>",
        figure,
    )


def _of(one: SiteLook, other: SiteLook) -> Sequence[tuple[str, SiteLook]]:
    return ("A", one), ("B", other)


def _look(result: Result, at: At | None) -> SiteLook:
    experiment = result.experiment
    there = usual_at(experiment.model, at)
    if there is None:
        raise UserError(ONLY_PUBLISHED.format(model_title(experiment.model)))
    # On which text it was measured changes nothing of a layer.
    text = Experiment().model_dump(include=set(TEXT))
    fields: dict[str, Any] = {**text, "tasks": ()}
    window = Look()
    return service.look(
        experiment.but(**fields),
        DEFAULT_PROMPT,
        *there,
        first_row=window.first_row,
        rows=window.rows,
        first_column=window.first_column,
        columns=window.columns,
        keep=True,
    )


def _options(values: Sequence[object], chosen: object) -> str:
    return "".join(
        f'<option{" selected" * (one == chosen)}>{esc(one)}</option>' for one in values
    )
