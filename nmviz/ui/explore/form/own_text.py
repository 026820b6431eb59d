"""A text of one's own: pasted, or read from a file by the browser, which keeps it from the server's
disk."""

from typing import Any

import gradio as gr

from nmviz.service import OWN_TEXT
from nmviz.ui.shell.limits import LONGEST_TEXT

FROM_FILE = f"""
<div class="from-file" data-most="{LONGEST_TEXT}">
  <label for="text-file">or from a file: .txt in UTF-8, at most {LONGEST_TEXT:,} characters</label>
  <input type="file" id="text-file" accept=".txt,text/plain">
  <p class="words" role="status"></p>
</div>
"""
"""upload.js reads the file, or says in one sentence why it does not."""


def own_text(named: dict[str, Any], values: dict[str, Any]) -> None:
    """The field, the button for a file and what is kept: seen where such a text is chosen."""
    shown = values["corpus"] == OWN_TEXT
    named["text"] = gr.Textbox(
        label="Your own text",
        info="special tokens written out in it, such as <|im_end|>, are read as text",
        lines=4,
        max_lines=8,
        max_length=LONGEST_TEXT + 1,
        placeholder="Paste plain text here. It stays out of the address and out of the store.",
        visible=shown,
    )
    named["text_file"] = gr.HTML(FROM_FILE, visible=shown, elem_id="own-text-file")
    named["keep_words"] = gr.Checkbox(
        values["keep_words"],
        label="Keep which words changed",
        info="with the result, for who has the same text; else only how many did",
        visible=shown,
        elem_id="keep-words",
    )


def shown_for(corpus: object, keep_words: bool | None = None) -> dict[str, Any]:
    """All are seen where that corpus is a text of one's own; the tick is set where it is given."""
    shown = corpus == OWN_TEXT
    return {
        "text": gr.Textbox(visible=shown),
        "text_file": gr.HTML(visible=shown),
        "keep_words": gr.Checkbox(visible=shown)
        if keep_words is None
        else gr.Checkbox(value=keep_words, visible=shown),
    }
