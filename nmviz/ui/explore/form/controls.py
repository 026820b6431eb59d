"""The left column: every control, what the visitor has chosen, and how a View fills the form."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import gradio as gr

from nmviz.methods.patterns import parse_pattern
from nmviz.service import OWN_TEXT, Catalogue
from nmviz.ui.explore.form.menus import menus
from nmviz.ui.explore.form.notes import terms
from nmviz.ui.explore.form.own_model import own_model
from nmviz.ui.explore.form.own_text import own_text
from nmviz.ui.explore.form.protocol import protocol
from nmviz.ui.explore.form.scoping import where, where_values
from nmviz.ui.shell.view import LONGEST_PROMPT, View, title_of

if TYPE_CHECKING:
    from nmviz.sources.models import ModelInfo

FIELDS = (
    *("model", "pattern", "criterion", "weight_criterion", "mitigations", "projections", "blocks"),
    *("sites", "corpus", "text", "tokens", "window", "protocol", "stride", "bos"),
    *("calibration_windows", "seed", "ties", "precision", "noise_floor"),
    "keep_words",
    *("block", "projection", "prompt", "new_tokens", "temperature", "real_speed"),
    *("first_row", "rows", "first_column", "columns"),
)
"""The names of the form, in the order in which handlers receive their values."""


@dataclass(frozen=True)
class Controls:
    """The form. `named` has a component a field; the layer's menus and the mask's window lie beside
    the map of layers and the mask."""

    named: dict[str, gr.components.Component]
    chips: gr.Radio


def read(values: Sequence[Any], projections: Sequence[str]) -> tuple[View, str | None]:
    """The View the form shows, and the visitor's own text where that is the corpus."""
    fields = dict(zip(FIELDS, values, strict=True))
    text = fields.pop("text")
    blocks, chosen = fields["blocks"], fields["projections"] or ()
    fields["blocks"] = _stripped(blocks)
    sites = _stripped(fields.pop("sites"))
    if fields["protocol"] != "stride":
        fields["stride"] = None
    fields["mitigations"] = fields["mitigations"] or ()
    if isinstance(chosen, list | tuple) and all(name in chosen for name in projections):
        fields["projections"] = None
    if sites:  # says more than the boxes
        fields["projections"] = sites
    return View.build(fields), text if fields["corpus"] == OWN_TEXT else None


def _stripped(value: Any) -> Any:
    """A text without the blanks around it, None where nothing is left; what is no text as it is."""
    return value.strip() or None if isinstance(value, str) else value


def values_of(view: View, model: "ModelInfo") -> dict[str, Any]:
    """What every control must hold to show the view: `read` backwards, without the text."""
    experiment = view.experiment.model_dump()
    fields = {name: experiment[name] for name in FIELDS if name in experiment}
    fields |= view.look.model_dump() | view.writing.model_dump()
    fields |= {
        "weight_criterion": view.weight_criterion,
        "calibration_windows": view.calibration_windows,
        "ties": view.ties,
        "precision": view.precision,
        "noise_floor": view.noise_floor,
        "keep_words": view.keep_words,
        "mitigations": list(view.experiment.mitigations),
        **where_values(view.experiment, model),
    }
    return fields


def build_controls(catalogue: Catalogue, view: View, model: "ModelInfo", private: bool) -> Controls:
    """The column, filled for `view`. Call it inside a Blocks context. On a `private` page with the
    field for a model of one's own."""
    named: dict[str, gr.components.Component] = {}
    values = values_of(view, model)
    with gr.Column(elem_id="settings", min_width=0):
        _model(named, catalogue, model, values)
        own_model(named, private)
        chips = _pattern(named, catalogue, values)
        named["method_notes"] = gr.HTML()
        where(named, model, values)
        _text(named, catalogue, values)
    _run_bar(named, values)
    with gr.Column(elem_id="looking", min_width=0):
        _writing(named, values)
    return Controls(named, chips)


def _model(
    named: dict[str, Any], catalogue: Catalogue, model: "ModelInfo", values: dict[str, Any]
) -> None:
    named["model"] = gr.Dropdown(
        model_choices(catalogue),
        value=values["model"],
        label=title_of("model"),
        filterable=False,
    )
    named["terms"] = gr.HTML(terms(model), elem_id="terms")


def _pattern(named: dict[str, Any], catalogue: Catalogue, values: dict[str, Any]) -> gr.Radio:
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
    _methods(named, values)
    return chips


def _methods(named: dict[str, Any], values: dict[str, Any]) -> None:
    choices = menus(parse_pattern(values["pattern"]))
    labels = {
        "criterion": "Which activations stay (criterion)",
        "weight_criterion": "Which weights stay (criterion)",
        "mitigations": "Repairs, in order (mitigations)",
    }
    for name, label in labels.items():
        named[name] = gr.Dropdown(
            choices[name],
            value=values[name],
            multiselect=name == "mitigations",
            label=label,
            allow_custom_value=True,
            elem_id=name.replace("_", "-"),
            elem_classes="methods-menu",
        )


def _text(named: dict[str, Any], catalogue: Catalogue, values: dict[str, Any]) -> None:
    named["corpus"] = gr.Dropdown(
        [
            *((corpus.title, corpus.name) for corpus in catalogue.corpora),
            ("your own text", OWN_TEXT),
        ],
        value=values["corpus"],
        label=title_of("corpus"),
        filterable=False,
    )
    own_text(named, values)
    with gr.Row(elem_classes="pair"):
        named["tokens"] = gr.Number(
            values["tokens"],
            label=title_of("tokens"),
            precision=0,
            step=512,
            min_width=0,
        )
        named["window"] = gr.Number(
            values["window"],
            label=title_of("window"),
            precision=0,
            step=128,
            min_width=0,
        )
    protocol(named, values)


def _run_bar(named: dict[str, Any], values: dict[str, Any]) -> None:
    """What begins something: always in the window."""
    with gr.Column(elem_id="run-bar", min_width=0):
        with gr.Row(elem_classes="tight"):
            named["run"] = gr.Button("Run", variant="primary", elem_id="run", min_width=0, scale=3)
            named["again"] = gr.Button("Run again", elem_id="again", min_width=0, scale=1)
            named["cancel"] = gr.Button("Cancel", variant="stop", elem_id="cancel", visible=False)
        named["prompt"] = gr.Textbox(
            values["prompt"],
            label="Prompt",
            lines=2,
            max_lines=2,
            max_length=LONGEST_PROMPT + 1,  # so that a longer one is refused in words
            elem_id="prompt",
        )
        named["write"] = gr.Button("Write the three texts", elem_id="write", min_width=0)
        named["progress"] = gr.HTML(elem_id="progress")


def _writing(named: dict[str, Any], values: dict[str, Any]) -> None:
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
    named["real_speed"] = gr.Checkbox(
        values["real_speed"],
        label="Measure real speed",
        info="really skips the weights of dropped inputs (experts are read whole), and times every "
        "token",
    )


def model_choices(catalogue: Catalogue) -> list[tuple[str, str]]:
    """Menu entries of all models."""
    return [(model_title(model), model.id) for model in catalogue.models]


def model_title(model: "ModelInfo") -> str:
    """The menu entry of a model."""
    if model.stored:
        return f"{model.title}, stored results"
    return f"{model.title}, published results" if model.published else model.title


def block_choices(count: int) -> list[tuple[str, int]]:
    """Menu entries of a model's blocks."""
    return [(str(block), block) for block in range(count)]
