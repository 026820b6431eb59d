"""Which layer is looked at, and which part of its masks: clicks and buttons, into the form."""

from collections.abc import Sequence
from typing import Any

import gradio as gr

from nmviz.base.errors import UserError
from nmviz.ui.explore.form.values import asked
from nmviz.ui.explore.panels.layer import step
from nmviz.ui.shell.events import Update
from nmviz.ui.shell.limits import offered


def block_by(steps: int, block: Any, model: Any) -> Any:
    """The block so many further on, within the model."""
    known = offered(model)
    if known is None or not isinstance(block, int):
        return gr.skip()
    return min(max(0, block + steps), max(0, known.blocks - 1))


def pick(chosen: str, model: Any) -> Any:
    """A point or a row was clicked: `12` or `12,down`.

    Nothing where the model has no such layer: a figure may still be that of another model, and a
    menu refuses every handler while it holds what it does not list.
    """
    known = offered(model)
    block, _, projection = chosen[:60].partition(",")
    if known is None or not block.isdecimal() or int(block) >= known.blocks:
        return gr.skip()
    if projection and projection not in known.projections:
        return gr.skip()
    return int(block), projection or gr.skip()


def moved(values: Sequence[Any], size: tuple[int, int] | None, direction: str) -> Update:
    """The mask's window, one step on, within the masks of that size."""
    try:
        view = asked(values).view
        mask = view.experiment.mask_at([view.look.projection or ""], view.look.block or 0)
        look = step(view.look, direction, size, mask.group)
        return look.model_dump(exclude={"block", "projection"})
    except UserError:
        return {}
