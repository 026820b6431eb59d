"""The left column: every control, what the visitor has chosen, and how a View fills the form."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import gradio as gr

from nmviz.methods.method import Method
from nmviz.service import OWN_TEXT, Catalogue
from nmviz.ui.allowed import LONGEST_TEXT
from nmviz.ui.state import LONGEST_PROMPT, View

if TYPE_CHECKING:
    from nmviz.models import ModelInfo

FIELDS = (
    *("model", "pattern", "criterion", "weight_criterion", "mitigations", "projections", "blocks"),
    *("corpus", "text", "tokens", "window", "bos", "calibration_windows", "seed"),
    *("block", "projection", "prompt", "new_tokens", "temperature"),
    *("first_row", "rows", "first_column", "columns"),
)
"""The names of the form, in the order in which handlers receive their values."""


@dataclass(frozen=True)
class Controls:
    """The form. `named` has a component a field; the mask's window lies beside the mask.

    A criterion dropdown that both targets share stands under both names.
    """

    named: dict[str, gr.components.Component]
    chips: gr.Radio
    run: gr.Button
    again: gr.Button
    cancel: gr.Button
    write: gr.Button


def read(values: Sequence[Any], projections: Sequence[str]) -> tuple[View, str | None]:
    """The View the form shows, and the visitor's own text where that is the corpus."""
    fields = dict(zip(FIELDS, values, strict=True))
    text = fields.pop("text")
    fields["blocks"] = (fields["blocks"] or "").strip() or None
    fields["mitigations"] = tuple(fields["mitigations"] or ())
    if set(projections) <= set(fields["projections"] or ()):
        fields["projections"] = None
    return View.build(fields), text if fields["corpus"] == OWN_TEXT else None


def values_of(view: View, model: "ModelInfo") -> dict[str, Any]:
    """What every control must hold to show the view: `read` backwards, without the text."""
    experiment = view.experiment.model_dump()
    fields = {name: experiment[name] for name in FIELDS if name in experiment}
    fields |= view.look.model_dump() | view.writing.model_dump()
    fields |= {
        "weight_criterion": view.weight_criterion,
        "calibration_windows": view.calibration_windows,
        "mitigations": list(view.experiment.mitigations),
        "projections": list(view.experiment.projections or model.projections),
        "blocks": view.experiment.blocks or "",
    }
    return fields


def build_controls(catalogue: Catalogue, view: View, model: "ModelInfo") -> Controls:
    """The column, filled for `view`. Call it inside a Blocks context."""
    named: dict[str, gr.components.Component] = {}
    values = values_of(view, model)
    with gr.Column(elem_id="settings", min_width=0):
        chips = _what(named, catalogue, values)
        named["method_notes"] = gr.HTML()
        _where(named, model, values)
        _text(named, catalogue, values)
    run, again, cancel = _run_bar(named)
    with gr.Column(elem_id="looking", min_width=0):
        _layer(named, model, values)
        write = _prompt(named, values)
    return Controls(named, chips, run, again, cancel, write)


def _choices(methods: Sequence[Method]) -> list[tuple[str, str]]:
    return [(method.title.partition(":")[0].rstrip("."), method.name) for method in methods]


def _what(named: dict[str, Any], catalogue: Catalogue, values: dict[str, Any]) -> gr.Radio:
    named["model"] = gr.Dropdown(
        [(model.title, model.id) for model in catalogue.models],
        value=values["model"],
        label="Model",
        filterable=False,
    )
    presets = [pattern for pattern in catalogue.patterns if pattern != "dense"]
    with gr.Group(elem_classes="pattern"):
        chips = gr.Radio(
            presets,
            value=values["pattern"] if values["pattern"] in presets else None,
            label="Pattern: keep N of every M, or drop P%",
            elem_classes="chips",
        )
        named["pattern"] = gr.Textbox(
            values["pattern"],
            label="or type one:",
            max_length=40,
            elem_classes="inline",
            placeholder="such as 6:8 or 60%",
        )
    _criteria(named, catalogue, values)
    named["mitigations"] = gr.Dropdown(
        _choices(catalogue.mitigations),
        value=values["mitigations"],
        multiselect=True,
        allow_custom_value=True,
        label="Mitigations, in order (activations)",
    )
    return chips


def _criteria(named: dict[str, Any], catalogue: Catalogue, values: dict[str, Any]) -> None:
    lists = {target: _choices(methods) for target, methods in catalogue.criteria.items()}
    names = {target: [name for _, name in choices] for target, choices in lists.items()}
    shared = names["activation"] == names["weight"]
    label = "Criterion: how entries are ranked" if shared else "Criterion for activations"
    named["criterion"] = named["weight_criterion"] = gr.Dropdown(
        lists["activation"],
        value=values["criterion"],
        label=label,
        allow_custom_value=True,
    )
    if not shared:
        named["weight_criterion"] = gr.Dropdown(
            lists["weight"],
            value=values["weight_criterion"],
            label="Criterion for weights",
            allow_custom_value=True,
        )


def _where(named: dict[str, Any], model: "ModelInfo", values: dict[str, Any]) -> None:
    scoped = bool(values["blocks"]) or len(values["projections"]) < len(model.projections)
    with gr.Accordion("Where: which layers are pruned", open=scoped):
        named["projections"] = gr.CheckboxGroup(
            list(model.projections),
            value=values["projections"],
            label="Projections",
            elem_classes="chips",
        )
        named["blocks"] = gr.Textbox(
            values["blocks"],
            label="Blocks",
            placeholder=f"all, or ranges such as 0-3,{model.blocks - 1}",
            max_length=200,
        )


def _text(named: dict[str, Any], catalogue: Catalogue, values: dict[str, Any]) -> None:
    named["corpus"] = gr.Dropdown(
        [
            *((corpus.title, corpus.name) for corpus in catalogue.corpora),
            ("your own text", OWN_TEXT),
        ],
        value=values["corpus"],
        label="Text to measure on",
        filterable=False,
    )
    named["text"] = gr.Textbox(
        label="Your own text",
        lines=4,
        max_lines=8,
        max_length=LONGEST_TEXT,
        placeholder="Paste plain text here. It stays out of the address and is not kept.",
        visible=values["corpus"] == OWN_TEXT,
    )
    with gr.Row(elem_classes="pair"):
        named["tokens"] = gr.Number(
            values["tokens"],
            label="Token budget",
            precision=0,
            step=512,
            min_width=0,
        )
        named["window"] = gr.Number(
            values["window"],
            label="Window",
            precision=0,
            step=128,
            min_width=0,
        )
    _protocol(named, values)


def _protocol(named: dict[str, Any], values: dict[str, Any]) -> None:
    with gr.Accordion("More: protocol and seed", open=False):
        named["bos"] = gr.Radio(
            [("every window", "window"), ("the text once", "once")],
            value=values["bos"],
            label="A begin-of-text token starts",
            info="only for tokenizers that have one",
        )
        with gr.Row(elem_classes="pair"):
            named["calibration_windows"] = gr.Number(
                values["calibration_windows"],
                label="Calibration windows",
                precision=0,
                min_width=0,
            )
            named["seed"] = gr.Number(values["seed"], label="Seed", precision=0, min_width=0)


def _run_bar(named: dict[str, Any]) -> tuple[gr.Button, gr.Button, gr.Button]:
    with gr.Column(elem_id="run-bar", min_width=0):
        with gr.Row(elem_classes="tight"):
            run = gr.Button("Run", variant="primary", elem_id="run", min_width=0, scale=3)
            again = gr.Button("Run again", elem_id="again", min_width=0, scale=1)
            cancel = gr.Button("Cancel", variant="stop", elem_id="cancel", visible=False)
        named["progress"] = gr.HTML(elem_id="progress")
    return run, again, cancel


def _layer(named: dict[str, Any], model: "ModelInfo", values: dict[str, Any]) -> None:
    with gr.Row(elem_classes="pair"):
        named["block"] = gr.Dropdown(
            block_choices(model.blocks),
            value=values["block"],
            label="Look at block",
            min_width=0,
            elem_id="block",
        )
        named["projection"] = gr.Dropdown(
            list(model.projections),
            value=values["projection"],
            label="Projection",
            filterable=False,
            min_width=0,
            elem_id="projection",
        )


def _prompt(named: dict[str, Any], values: dict[str, Any]) -> gr.Button:
    named["prompt"] = gr.Textbox(
        values["prompt"],
        label="Prompt",
        lines=3,
        max_lines=6,
        max_length=LONGEST_PROMPT,
        elem_id="prompt",
    )
    with gr.Row(elem_classes="pair"):
        named["new_tokens"] = gr.Number(
            values["new_tokens"],
            label="Tokens to write",
            precision=0,
            min_width=0,
        )
        named["temperature"] = gr.Number(
            values["temperature"],
            label="Temperature",
            step=0.1,
            min_width=0,
        )
    return gr.Button("Write the three texts", elem_id="write")


def block_choices(count: int) -> list[tuple[str, int]]:
    """Menu entries of a model's blocks."""
    return [(str(block), block) for block in range(count)]
