"""The right column: what is shown, from the findings and texts at the top to tasks."""

from dataclasses import dataclass
from typing import Any

import gradio as gr

from nmviz.methods.patterns import PRESETS
from nmviz.ui.explore.one_layer import one_layer
from nmviz.ui.explore.panels import changed_answers, changed_words, plan
from nmviz.ui.explore.panels.one_at_a_time import BY, PANEL
from nmviz.ui.explore.panels.zero_shot_choices import CHOSEN, LIMIT, OFFERED, TITLE, refusal
from nmviz.ui.explore.pieces import cancel, chips, plot
from nmviz.ui.shell.view import View

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
        with gr.Column(elem_id="hand", elem_classes="hand figure drawn", min_width=0):
            _hand(named)
        named["cards"] = gr.HTML(elem_id="cards")
        _texts(named)
        measure = _depth(named)
        _tails(named)
        with gr.Column(elem_id="flips", min_width=0):
            _changed_words(named)
    with gr.Column(elem_id="layer", min_width=0):
        (before, after), steps, window = one_layer(named, view)
    with gr.Column(elem_id="each", min_width=0):
        _one_at_a_time(named)
    with gr.Column(elem_id="plan", min_width=0):
        _plan(named)
    with gr.Column(elem_id="tasks", min_width=0):
        _tasks(named)
    return Panels(named, measure, before, after, steps, window)


def _hand(named: dict[str, Any]) -> None:
    named["hand"] = gr.HTML()
    with gr.Row(elem_classes="ask"):
        named["take_hand"] = gr.Button(
            "Take your prompt and the layer below", size="sm", min_width=0, elem_id="take-hand"
        )
        named["stop_hand"] = cancel("stop-hand")
    named["hand_progress"] = gr.HTML(elem_id="hand-progress")


def _texts(named: dict[str, Any]) -> None:
    with gr.Column(elem_id="texts", min_width=0):
        gr.HTML("<h2>What it says to your prompt</h2>")
        named["texts"] = gr.HTML(elem_id="texts-body")
    named["beforehand"] = gr.HTML(elem_id="beforehand")


def _depth(named: dict[str, Any]) -> gr.Radio:
    with gr.Column(elem_id="depth", min_width=0):
        with gr.Row(elem_classes="panel-head"):
            named["depth_head"] = gr.HTML("<h2>Where it hurts</h2>")
            measure = chips("measure", "Which error", DEPTH_MEASURES)
        named["depth_plot"] = plot("depth-plot")
        named["depth_table"] = gr.HTML(elem_id="depth-table")
    return measure


def _tails(named: dict[str, Any]) -> None:
    with gr.Column(elem_id="tails", min_width=0):
        named["tails_head"] = gr.HTML("<h2>Which words it hurts</h2>")
        with gr.Row(elem_classes="panes"):
            with gr.Column(min_width=0):
                named["kl_head"] = gr.HTML()
                named["kl_plot"] = plot("kl-plot")
            with gr.Column(min_width=0):
                named["delta_p_head"] = gr.HTML()
                named["delta_p_plot"] = plot("delta-p-plot")
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
        named[f"{panel}_target"] = chips(f"{panel}-target", "What is pruned", targets)
        named[f"{panel}_kind"] = chips(f"{panel}-kind", "What changed", kinds)
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


def _one_at_a_time(named: dict[str, Any]) -> None:
    named["each_head"] = gr.HTML(f"<h2>{PANEL.title}</h2>", elem_id="each-head")
    ways = [(words, str(by)) for by, words in BY.items()]
    named["each_by"] = chips("each-by", "What is pruned alone", ways)
    with gr.Column(visible=False, min_width=0) as figure:
        named["each_plot"] = plot("each-plot")
        named["each_table"] = gr.HTML(elem_id="each-table")
    named["each_figure"] = figure
    with gr.Column(elem_id="each-bar", min_width=0) as bar:
        with gr.Row(elem_classes="ask"):
            named["measure_each"] = gr.Button("Measure", elem_id="measure-each", min_width=0)
            named["stop_each"] = cancel("stop-each")
        named["each_progress"] = gr.HTML(elem_id="each-progress")
    named["each_bar"] = bar


def _plan(named: dict[str, Any]) -> None:
    named["plan_head"] = gr.HTML(f"<h2>{plan.TITLE}</h2>", elem_id="plan-head")
    named["plan_plot"] = plot("plan-plot")
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
        named["tasks_plot"] = plot("tasks-plot")
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
            named["stop_tasks"] = cancel("stop-tasks")
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
