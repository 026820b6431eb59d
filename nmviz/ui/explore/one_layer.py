"""The part of Explore that shows one layer: its inputs, its masks, and every method there."""

from typing import Any

import gradio as gr

from nmviz.core.settings import TARGETS
from nmviz.ui.explore.form.layer_menus import layer_menus
from nmviz.ui.explore.panels import which_layer
from nmviz.ui.explore.pieces import cancel, plot
from nmviz.ui.shell.view import View

STEPS = ("left", "right", "up", "down", "closer", "wider")

Window = dict[str, gr.components.Component]


def one_layer(
    named: dict[str, Any], view: View
) -> tuple[tuple[gr.Button, gr.Button], dict[str, gr.Button], Window]:
    """The part, still empty: its buttons for the block before and after, those that move the window
    of the masks, and the fields of that window."""
    around = _head(named, view)
    gr.HTML(which_layer.PLACE, elem_id="which-layer")
    named["which_layer"] = gr.HTML(elem_id="layers-told", elem_classes="offstage")
    with gr.Row(elem_classes="panes"):
        for target in TARGETS:
            _distribution(named, target)
    steps, window = _window(view)
    with gr.Row(elem_classes="panes"):
        for target in TARGETS:
            _mask(named, target)
    _channels(named)
    _every_method(named)
    return around, steps, window


def _head(named: dict[str, Any], view: View) -> tuple[gr.Button, gr.Button]:
    with gr.Row(elem_classes="panel-head"):
        named["layer_head"] = gr.HTML("<h2>One layer</h2>", elem_id="layer-head")
        with gr.Row(elem_classes="tight"):
            layer_menus(named, view)
            before = gr.Button("Previous block", size="sm", min_width=0)
            after = gr.Button("Next block", size="sm", min_width=0)
    return before, after


def _distribution(named: dict[str, Any], target: str) -> None:
    with gr.Column(elem_id=f"pane-{target}-inputs", min_width=0):
        named[f"{target}_inputs_head"] = gr.HTML()
        named[f"{target}_inputs"] = plot(f"{target}-inputs")


def _mask(named: dict[str, Any], target: str) -> None:
    with gr.Column(elem_id=f"pane-{target}-mask", min_width=0):
        named[f"{target}_mask_head"] = gr.HTML()
        named[f"{target}_mask"] = plot(f"{target}-mask")


def _channels(named: dict[str, Any]) -> None:
    with gr.Column(elem_id="channels", min_width=0):
        named["channels_head"] = gr.HTML()
        with gr.Row(elem_classes="panes"):
            for name in ("channels-in-order", "channels-along"):
                with gr.Column(min_width=0):
                    named[name.replace("-", "_")] = plot(name)


def _every_method(named: dict[str, Any]) -> None:
    with gr.Column(elem_id="methods-here", min_width=0):
        named["methods_head"] = gr.HTML("<h2>Every method at this layer</h2>")
        named["methods_plot"] = plot("methods-plot")
        named["methods_table"] = gr.HTML(elem_id="methods-table")
        with gr.Row(visible=False, elem_id="calibration", elem_classes="ask") as calibration:
            named["uncalibrated"] = gr.Dropdown(
                [],
                label="Needs calibration text first",
                filterable=False,
                min_width=0,
                elem_id="uncalibrated",
            )
            named["calibrate"] = gr.Button("Calibrate", elem_id="calibrate", min_width=0)
            named["stop_calibrating"] = cancel("stop-calibrating")
        named["calibration"] = calibration
        named["calibrating"] = gr.HTML(elem_id="calibrating")


def _window(view: View) -> tuple[dict[str, gr.Button], Window]:
    look = view.look
    numbers = (
        ("first_row", "First row", look.first_row),
        ("rows", "Rows", look.rows),
        ("first_column", "First column", look.first_column),
        ("columns", "Columns", look.columns),
    )
    with gr.Row(elem_id="window"):
        window: Window = {
            name: gr.Number(value, label=label, precision=0, min_width=0)
            for name, label, value in numbers
        }
        with gr.Row(elem_classes="tight"):
            steps = {step: gr.Button(step.capitalize(), size="sm", min_width=0) for step in STEPS}
    return steps, window
