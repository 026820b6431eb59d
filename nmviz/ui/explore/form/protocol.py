"""How the text is read, and what is drawn: the controls that most visitors leave alone."""

from typing import Any

import gradio as gr

from nmviz.core.settings import USUAL_PROTOCOL
from nmviz.ui.shell.view import title_of


def protocol(named: dict[str, Any], values: dict[str, Any]) -> None:
    """The controls, filled with values of the form."""
    with gr.Accordion("More: protocol and seed", open=values["protocol"] != USUAL_PROTOCOL):
        named["protocol"] = gr.Radio(
            [
                ("windows without overlap", "windows"),
                ("with a stride, as transformers documents it", "stride"),
                ("second half of every window, as llama.cpp", "second-half"),
            ],
            value=values["protocol"],
            label=title_of("protocol"),
            info="which tokens a perplexity counts; published ones differ in it",
        )
        named["stride"] = stride_of(values["protocol"], values["stride"])
        named["precision"] = gr.Number(
            values["precision"],
            label=title_of("precision"),
            info="once every cost is known to this standard error, in nats a token; 0: never",
            step=0.01,
            minimum=0,
            min_width=0,
        )
        named["noise_floor"] = gr.Checkbox(
            values["noise_floor"],
            label="Measure the noise floor too",
            info="what rounding alone does: three more passes over the text for each model",
            elem_id="noise-floor",
        )
        named["bos"] = gr.Radio(
            [("before every window", "window"), ("once, before the text", "once")],
            value=values["bos"],
            label=title_of("bos"),
            info="only for tokenizers that have one",
        )
        named["ties"] = gr.Radio(
            [("as their share asks", "auto"), ("at random", "random"), ("lower index", "index")],
            value=values["ties"],
            label=title_of("ties"),
            info="at random is the mean over five draws; asked for where more than 1% tie",
        )
        with gr.Row(elem_classes="pair"):
            named["calibration_windows"] = gr.Number(
                values["calibration_windows"],
                label=title_of("calibration_windows"),
                precision=0,
                min_width=0,
            )
            named["seed"] = gr.Number(
                values["seed"], label=title_of("seed"), precision=0, min_width=0
            )


def stride_of(chosen: object, stride: int | None) -> gr.Number:
    """The field of the stride, there where the protocol has one."""
    return gr.Number(
        stride,
        label=title_of("stride"),
        info="tokens from one window to the next; half a window unless said",
        precision=0,
        min_width=0,
        visible=chosen == "stride",
    )
