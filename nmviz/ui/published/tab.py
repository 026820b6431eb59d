"""Published: the numbers of the paper and of its authors' logs, chosen, drawn, listed, exported."""

from collections.abc import Sequence
from functools import partial
from typing import Any

import gradio as gr

from nmviz.published.listing import MEASURES, ORDERS
from nmviz.service.listing import to_choose
from nmviz.ui.link.linked import Linked
from nmviz.ui.published import answer as answers
from nmviz.ui.published import words as words
from nmviz.ui.published.answer import DEFAULT, DEFAULT_KIND, FIELDS, FORMATS, OUTPUTS
from nmviz.ui.serving.answers import for_all
from nmviz.ui.shell.events import ANSWERED, FROM_STORE, READ, SAVE, answered, asking
from nmviz.ui.shell.failures import sentence
from nmviz.ui.shell.html import note
from nmviz.views.published.catalogue import FIGURES, KINDS

ANY = "none: all"


def build_published(tab: Any) -> Linked:
    """The tab, wired; it is filled when it is opened, so that the page starts sooner. Call it
    inside the Tab context, with the tab itself. Returns what a link of it carries."""
    try:
        named = _build()
    except Exception as error:  # a page without this tab's numbers is better than no page
        gr.HTML(note(sentence(error), "error"))
        return Linked("published", {})
    _wire(named, tab)
    return Linked("published", {name: named[name] for name in ("ready", *FIELDS)})


def _build() -> dict[str, Any]:
    named: dict[str, Any] = {}
    with gr.Row(elem_id="published"):
        with gr.Column(elem_id="published-settings", min_width=0):
            _settings(named)
        with gr.Column(elem_id="published-results", min_width=0):
            _results(named)
    named["file"] = gr.Textbox(
        elem_id="published-file", elem_classes="offstage", label="exported rows"
    )
    return named


def _settings(named: dict[str, Any]) -> None:
    offered = to_choose()
    named["ready"] = gr.Dropdown(
        [("your own choice", ""), *((one.title, name) for name, one in FIGURES.items())],
        value="",
        label="A figure of the paper",
        filterable=False,
        elem_id="published-ready",
    )
    named["command"] = gr.HTML(elem_id="published-command")
    named["kind"] = gr.Radio(
        [(title, kind) for kind, (title, _) in KINDS.items()],
        value=DEFAULT_KIND,
        label="Drawn as",
        elem_classes="chips",
        elem_id="published-kind",
    )
    named["metric"] = gr.Dropdown(
        [(one.title, name) for name, one in MEASURES.items()],
        value=DEFAULT.metric,
        label="Quantity",
        filterable=False,
        elem_id="published-metric",
    )
    named["patterns"] = gr.CheckboxGroup(
        list(offered.patterns),
        value=list(DEFAULT.patterns),
        label=f"Patterns ({ANY})",
        elem_classes="chips",
        elem_id="published-patterns",
    )
    named["models"] = gr.CheckboxGroup(
        [(title, model) for model, title in offered.models.items()],
        value=list(DEFAULT.models),
        label=f"Models ({ANY})",
        elem_classes="chips",
        elem_id="published-models",
    )
    named["methods"] = _menu(
        "methods", f"Methods ({ANY})", [(m, m) for m in offered.methods], DEFAULT.methods
    )
    tasks = [(title, task) for task, title in offered.tasks.items()]
    named["tasks"] = _menu("tasks", "Tasks (none: what each table has)", tasks, DEFAULT.tasks)
    named["each_task"] = gr.Checkbox(
        False, label="each task apart, not their mean", elem_id="published-each", min_width=0
    )
    _where(named)


def _where(named: dict[str, Any]) -> None:
    offered = to_choose()
    titles = {one: words.source_title(one) for one in offered.sources}
    named["sources"] = gr.CheckboxGroup(
        [(titles[one], one) for one in offered.sources],
        value=[],
        label=f"Sources ({ANY})",
        elem_classes="chips",
        elem_id="published-sources",
    )
    places = [(one if one.startswith("Table") else f"log {one[:8]}", one) for one in offered.places]
    named["places"] = _menu("places", f"Tables and logs ({ANY})", places, ())
    named["live"] = gr.Checkbox(
        False,
        label="lay live runs of small models over",
        elem_id="published-live",
        min_width=0,
    )
    named["imported"] = gr.Checkbox(
        False,
        label="lay imported results over",
        elem_id="published-imported",
        min_width=0,
    )
    named["words"] = gr.Textbox(
        label="Only rows with",
        info="Words; or a column: value < 10, task ~ arc|piqa, ± 0..0.2. Commas mean “and”.",
        placeholder="such as table 10, var",
        max_length=answers.LONGEST_FILTER + 1,
        elem_id="published-words",
    )
    named["order"] = gr.Dropdown(
        [(title, name) for name, title in ORDERS.items()],
        value=DEFAULT.order,
        label="Order of the rows",
        filterable=False,
        elem_id="published-order",
    )


def _menu(name: str, label: str, choices: list[tuple[str, str]], value: Sequence[str]) -> Any:
    return gr.Dropdown(
        choices, value=list(value), label=label, multiselect=True, elem_id=f"published-{name}"
    )


def _results(named: dict[str, Any]) -> None:
    with gr.Column(elem_id="published-figure", min_width=0):
        named["head"] = gr.HTML(elem_id="published-head")
        named["plot"] = gr.Plot(
            show_label=False,
            container=False,
            elem_id="published-plot",
            elem_classes="figure",
        )
    with gr.Column(elem_id="published-rows", min_width=0):
        with gr.Row(elem_classes="panel-head"):
            named["count"] = gr.HTML()
            with gr.Row(elem_classes="tight"):
                for name in FORMATS:
                    named[name] = gr.Button(
                        name, size="sm", min_width=0, elem_id=f"published-{name.lower()}"
                    )
        named["table"] = gr.Dataframe(
            headers=list(words.COLUMNS),
            datatype=words.TYPES,
            column_widths=list(words.WIDTHS),
            interactive=False,
            wrap=False,
            max_height=420,
            show_label=False,
            buttons=["fullscreen", "copy"],
            label="Rows of the published results",
            elem_id="published-table",
        )
    with gr.Column(elem_id="published-audit", min_width=0):
        named["findings"] = gr.HTML(elem_id="published-findings")
        with gr.Accordion("The whole audit", open=False, elem_id="published-all-findings"):
            named["audit"] = gr.HTML()
    with gr.Accordion("Imported results", open=False, elem_id="published-imports"):
        named["imports"] = gr.HTML()
    with gr.Accordion("Names and sources", open=False, elem_id="published-names"):
        named["names"] = gr.HTML()


def _wire(named: dict[str, Any], tab: Any) -> None:
    settings = [named[name] for name in FIELDS]
    outputs = [named[name] for name in OUTPUTS]

    def by_name(update: answers.Update) -> Any:
        return {named[name]: value for name, value in update.items()}

    def respond(*values: Any) -> Any:
        return by_name(answers.answered(values))

    def standing() -> Any:
        return by_name(answers.standing())

    def changed(*values: Any) -> Any:
        return by_name(answers.own_choice(values))

    def prepare(name: str) -> Any:
        return by_name(answers.ready_made(name))

    stored = for_all(respond, "store")
    tab.select(stored, settings, outputs, **ANSWERED)
    tab.select(
        for_all(standing, "store"), None, [named[one] for one in answers.STANDING], **FROM_STORE
    )
    typed = [named["words"].submit, named["words"].blur]
    events = [named[name].input for name in FIELDS if name != "words"]
    own = [*outputs, named["ready"], named["command"]]
    changes = gr.on(
        [*typed, *events],
        for_all(changed, "store"),
        settings,
        own,
        js=asking("published"),
        **ANSWERED,
    )
    changes.then(None, None, None, js=answered("published"), **READ)
    chosen = named["ready"].input(
        for_all(prepare), named["ready"], [*settings, named["command"]], **FROM_STORE
    )
    shown = chosen.then(stored, settings, outputs, js=asking("published"), **ANSWERED)
    shown.then(None, None, None, js=answered("published"), **READ)
    for name in FORMATS:
        written = named[name].click(partial(_exported, name), settings, named["file"], **FROM_STORE)
        written.then(None, named["file"], None, js=SAVE, **READ)


def _exported(name: str, *values: Any) -> str:
    return answers.exported(values, name)
