"""The menus of the layer that is looked at, which stand beside the map of layers."""

from typing import Any

import gradio as gr

from nmviz.ui.explore.form.controls import block_choices
from nmviz.ui.shell.limits import model_of
from nmviz.ui.shell.view import View


def layer_menus(named: dict[str, Any], view: View) -> None:
    """Block and projection. Call it inside a Blocks context."""
    model = model_of(view)
    named["block"] = gr.Dropdown(
        block_choices(model.blocks),
        value=view.look.block,
        label="Block",
        min_width=0,
        elem_id="block",
    )
    named["projection"] = gr.Dropdown(
        list(model.layers),
        value=view.look.projection,
        label="Projection",
        filterable=False,
        min_width=0,
        elem_id="projection",
    )
