"""The right column: what is shown, from the findings at the top to the three texts."""

from dataclasses import dataclass
from typing import Any

import gradio as gr

from nmviz.methods.patterns import PRESETS
from nmviz.ui.explore.form.layer_menus import layer_menus
from nmviz.ui.explore.panels import changed_answers, changed_words, plan, which_layer
from nmviz.ui.explore.panels.one_at_a_time import BY, PANEL
from nmviz.ui.explore.panels.zero_shot_choices import CHOSEN, LIMIT, OFFERED, TITLE, refusal
from nmviz.ui.shell.view import View

PANES = ("weight", "activation")
STEPS = ("left", "right", "up", "down", "closer", "wider")
DEPTH_MEASURES = [
    ("each layer alone", "local"),
    ("drift through the blocks", "drift"),
]


@dataclass(frozen=True)
class Panels:
    """Every component handlers write to, by name, and the buttons that belong to them."""

    named: dict[str, gr.components.Component]
    measure: gr.Radio
    before: gr.Button
    after: gr.Button
    steps: dict[str, gr.Button]
    window: dict[str, gr.components.Component]


def build_panels(view: View) -> Panels:
    """The column, still empty. Call it inside a Blocks context."""
    named: dict[str, Any] = {}
    named["status"] = gr.HTML(elem_id="status")
    with gr.Column(elem_id="figures", min_width=0):
        named["cards"] = gr.HTML(elem_id="cards")
        named["hand"] = gr.HTML(elem_id="hand")
        measure = _depth(named)
        _tails(named)
        with gr.Column(elem_id="flips", min_width=0):
            _changed_words(named)
    with gr.Column(elem_id="layer", min_width=0):
        before, after = _layer_head(named, view)
        gr.HTML(which_layer.PLACE, elem_id="which-layer")
        named["which_layer"] = gr.HTML(elem_id="layers-told", elem_classes="offstage")
        with gr.Row(elem_classes="panes"):
            for target in PANES:
                _distribution(named, target)
        steps, window = _window(view)
        with gr.Row(elem_classes="panes"):
            for target in PANES:
                _mask(named, target)
        _every_method(named)
    with gr.Column(elem_id="each", min_width=0):
        _one_at_a_time(named)
    with gr.Column(elem_id="plan", min_width=0):
        _plan(named)
    with gr.Column(elem_id="tasks", min_width=0):
        _tasks(named)
    with gr.Column(elem_id="texts", min_width=0):
        gr.HTML("<h2>What it says</h2>")
        named["texts"] = gr.HTML(elem_id="texts-body")
    return Panels(named, measure, before, after, steps, window)


def _chips(name: str, label: str, choices: list[tuple[str, str]]) -> gr.Radio:
    """A choice beside a heading, the first at first."""
    return gr.Radio(
        choices,
        value=choices[0][1],
        label=label,
        show_label=False,
        container=False,
        elem_classes="chips",
        elem_id=name,
    )


def _depth(named: dict[str, Any]) -> gr.Radio:
    with gr.Column(elem_id="depth", min_width=0):
        with gr.Row(elem_classes="panel-head"):
            named["depth_head"] = gr.HTML("<h2>Where it hurts</h2>")
            measure = _chips("measure", "Which error", DEPTH_MEASURES)
        named["depth_plot"] = _plot("depth-plot")
        named["depth_table"] = gr.HTML(elem_id="depth-table")
    return measure


def _tails(named: dict[str, Any]) -> None:
    with gr.Column(elem_id="tails", min_width=0):
        named["tails_head"] = gr.HTML("<h2>Which words it hurts</h2>")
        with gr.Row(elem_classes="panes"):
            with gr.Column(min_width=0):
                named["kl_head"] = gr.HTML()
                named["kl_plot"] = _plot("kl-plot")
            with gr.Column(min_width=0):
                named["delta_p_head"] = gr.HTML()
                named["delta_p_plot"] = _plot("delta-p-plot")
        named["tails_table"] = gr.HTML(elem_id="tails-table")


def _changed_words(named: dict[str, Any]) -> None:
    named["flips_head"] = gr.HTML(f"<h2>{changed_words.TITLE}</h2>", elem_id="flips-head")
    with gr.Column(visible=False, min_width=0) as body:
        _choice(named, "flips", changed_words.BY_TARGET, changed_words.BY_KIND)
        named["flips_table"] = gr.HTML(elem_id="flips-table")
    named["flips_body"] = body


def _changed_answers(named: dict[str, Any]) -> None:
    with gr.Column(visible=False, min_width=0, elem_id="answers") as body:
        named["answers_head"] = gr.HTML(elem_id="answers-head")
        _choice(named, "answers", changed_answers.BY_TARGET, changed_answers.BY_KIND)
        named["answers_table"] = gr.HTML(elem_id="answers-table")
    named["answers_body"] = body


def _choice(
    named: dict[str, Any],
    panel: str,
    targets: list[tuple[str, str]],
    kinds: list[tuple[str, str]],
) -> None:
    """What a table of changes is filtered by, and the button that saves its rows."""
    with gr.Row(elem_classes="choice"):
        named[f"{panel}_target"] = _chips(f"{panel}-target", "What is pruned", targets)
        named[f"{panel}_kind"] = _chips(f"{panel}-kind", "What changed", kinds)
        named[f"{panel}_words"] = gr.Textbox(
            label="Only rows with",
            placeholder="a word, or some text",
            max_length=changed_words.LONGEST_FILTER + 1,
            container=False,
            min_width=0,
            elem_id=f"{panel}-words",
        )
        named[f"{panel}_csv"] = gr.Button("CSV", size="sm", min_width=0, elem_id=f"{panel}-csv")
    named[f"{panel}_file"] = gr.Textbox(
        elem_id=f"{panel}-file", elem_classes="offstage", label=f"{panel} as a file"
    )


def _layer_head(named: dict[str, Any], view: View) -> tuple[gr.Button, gr.Button]:
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
        named[f"{target}_inputs"] = _plot(f"{target}-inputs")


def _mask(named: dict[str, Any], target: str) -> None:
    with gr.Column(elem_id=f"pane-{target}-mask", min_width=0):
        named[f"{target}_mask_head"] = gr.HTML()
        named[f"{target}_mask"] = _plot(f"{target}-mask")


def _every_method(named: dict[str, Any]) -> None:
    with gr.Column(elem_id="methods-here", min_width=0):
        named["methods_head"] = gr.HTML("<h2>Every method at this layer</h2>")
        named["methods_plot"] = _plot("methods-plot")
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
            named["stop_calibrating"] = _cancel("stop-calibrating")
        named["calibration"] = calibration
        named["calibrating"] = gr.HTML(elem_id="calibrating")


def _one_at_a_time(named: dict[str, Any]) -> None:
    named["each_head"] = gr.HTML(f"<h2>{PANEL.title}</h2>", elem_id="each-head")
    ways = [(words, str(by)) for by, words in BY.items()]
    named["each_by"] = _chips("each-by", "What is pruned alone", ways)
    with gr.Column(visible=False, min_width=0) as figure:
        named["each_plot"] = _plot("each-plot")
        named["each_table"] = gr.HTML(elem_id="each-table")
    named["each_figure"] = figure
    with gr.Column(elem_id="each-bar", min_width=0) as bar:
        with gr.Row(elem_classes="ask"):
            named["measure_each"] = gr.Button("Measure", elem_id="measure-each", min_width=0)
            named["stop_each"] = _cancel("stop-each")
        named["each_progress"] = gr.HTML(elem_id="each-progress")
    named["each_bar"] = bar


def _plan(named: dict[str, Any]) -> None:
    named["plan_head"] = gr.HTML(f"<h2>{plan.TITLE}</h2>", elem_id="plan-head")
    named["plan_plot"] = _plot("plan-plot")
    with gr.Row(elem_classes="ask"):
        named["plan_pattern"] = gr.Dropdown(
            list(PRESETS),
            value=PRESETS[0],
            label="Pattern to give",
            allow_custom_value=True,
            min_width=0,
            elem_id="plan-pattern",
        )
        for where, words in plan.WHERE.items():
            name = f"plan_{where}"
            named[name] = gr.Button(words, elem_id=f"plan-{where}", min_width=0)
    named["plan_said"] = gr.HTML(elem_id="plan-said")
    named["plan_table"] = gr.HTML(elem_id="plan-table")


def _tasks(named: dict[str, Any]) -> None:
    named["tasks_head"] = gr.HTML(f"<h2>{TITLE}</h2>", elem_id="tasks-head")
    _asked(named)
    with gr.Column(visible=False, min_width=0) as figure:
        named["tasks_plot"] = _plot("tasks-plot")
        named["tasks_table"] = gr.HTML(elem_id="tasks-table")
        _changed_answers(named)
    named["tasks_figure"] = figure
    with gr.Column(visible=False, min_width=0) as others:
        named["tasks_with"] = gr.Dropdown(
            [], label="Compare activations with", filterable=False, elem_id="tasks-with"
        )
        named["tasks_compared"] = gr.HTML(elem_id="tasks-compared")
    named["tasks_others"] = others
    with gr.Column(elem_id="tasks-bar", min_width=0) as bar:
        with gr.Row(elem_classes="ask"):
            named["run_tasks"] = gr.Button(
                "Run the tasks",
                interactive=not refusal(),
                elem_id="run-tasks",
                min_width=0,
            )
            named["stop_tasks"] = _cancel("stop-tasks")
        named["tasks_progress"] = gr.HTML(elem_id="tasks-progress")
    named["tasks_bar"] = bar


def _asked(named: dict[str, Any]) -> None:
    named["tasks"] = gr.CheckboxGroup(
        [(title, name) for name, title in OFFERED.items()],
        value=list(CHOSEN),
        label="Tasks",
        elem_classes="chips",
        elem_id="tasks-chosen",
    )
    with gr.Row(elem_classes="ask"):
        named["limit"] = gr.Number(
            LIMIT, label="Examples of each task", precision=0, min_width=0, elem_id="tasks-limit"
        )
        named["chat"] = gr.Checkbox(
            False,
            label="prompts in the chat template",
            info="where its header ends in a line break, lm-eval scores that break too",
            min_width=0,
            elem_id="tasks-chat",
        )


def _cancel(name: str) -> gr.Button:
    return gr.Button("Cancel", variant="stop", visible=False, elem_id=name, min_width=0)


def _window(view: View) -> tuple[dict[str, gr.Button], dict[str, gr.components.Component]]:
    look = view.look
    numbers = (
        ("first_row", "First row", look.first_row),
        ("rows", "Rows", look.rows),
        ("first_column", "First column", look.first_column),
        ("columns", "Columns", look.columns),
    )
    with gr.Row(elem_id="window"):
        window: dict[str, gr.components.Component] = {
            name: gr.Number(value, label=label, precision=0, min_width=0)
            for name, label, value in numbers
        }
        with gr.Row(elem_classes="tight"):
            steps = {step: gr.Button(step.capitalize(), size="sm", min_width=0) for step in STEPS}
    return steps, window


def _plot(name: str) -> gr.Plot:
    return gr.Plot(show_label=False, container=False, elem_id=name, elem_classes="figure")
