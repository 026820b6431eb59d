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


def own_text(named: dict[str, Any], shown: bool) -> None:
    """The field and the button for a file; seen where a text of one's own is chosen."""
    named["text"] = gr.Textbox(
        label="Your own text",
        info="special tokens written out in it, such as <|im_end|>, are read as text",
        lines=4,
        max_lines=8,
        max_length=LONGEST_TEXT + 1,
        placeholder="Paste plain text here. It stays out of the address and is not kept.",
        visible=shown,
    )
    named["text_file"] = gr.HTML(FROM_FILE, visible=shown, elem_id="own-text-file")


def shown_for(corpus: object) -> dict[str, Any]:
    """Both are seen where that corpus is a text of one's own."""
    shown = corpus == OWN_TEXT
    return {"text": gr.Textbox(visible=shown), "text_file": gr.HTML(visible=shown)}
