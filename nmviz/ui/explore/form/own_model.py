"""The field for a model of one's own, or where it is not offered how to look at one at home."""

from typing import Any

import gradio as gr

from nmviz.ui.guard.at_home import HOW
from nmviz.ui.shell.html import words

LONGEST = 1_000
EXAMPLE = (
    "Such as `HuggingFaceTB/SmolLM2-135M-Instruct`, the menu's first model before it was stored in "
    "4 bits: Add puts it into the menu, its pictures come once it is fetched (0.27 GB), and Run "
    "measures it. A folder holds config.json, the tokenizer's files and safetensors."
)


def own_model(named: dict[str, Any], private: bool) -> None:
    """The controls, on a `private` page; on others a sentence that says where there are some."""
    if not private:
        gr.HTML(f'<p class="words">{words(HOW)}</p>', elem_id="own-model-at-home")
        return
    with gr.Accordion("A model of your own", open=False, elem_id="own-model-part"):
        with gr.Row(elem_classes="beside"):
            named["own_model"] = gr.Textbox(
                label="Hub id or folder",
                placeholder="owner/name, or a path",
                max_length=LONGEST,
                min_width=0,
                elem_id="own-model",
            )
            named["add_model"] = gr.Button("Add", min_width=0, elem_id="add-model")
        named["own_model_said"] = gr.HTML(elem_id="own-model-said")
        gr.HTML(f'<p class="words">{words(EXAMPLE)}</p>')
