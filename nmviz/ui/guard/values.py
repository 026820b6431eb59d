"""Whether a component takes a value: what a browser could not have sent is refused."""

from typing import Any

import gradio as gr

from nmviz.ui.guard.refusal import Refusal

PLAIN = str | int | float


def refuse_value(block: Any, value: Any) -> None:
    """Refusal unless the component takes the value: its kind, its length, what it offers."""
    if block.stateful:  # Gradio keeps it, whatever is sent
        return
    if not _is_taken(block, value):
        called = getattr(block, "label", None) or "a field"
        said = f"What was sent for {called!r} is none of its values: choose another, or reload."
        raise Refusal(400, said)


def _is_taken(block: Any, value: Any) -> bool:
    longest = getattr(block, "max_length", None)
    if value is not None and not _is_of_its_kind(block, value):
        return False
    if isinstance(value, str) and longest is not None and len(value) > longest:
        return False
    try:
        block.preprocess(value)  # Gradio's own check of choices and bounds
    except Exception:
        return False
    return True


def _is_of_its_kind(block: Any, value: Any) -> bool:
    if isinstance(block, gr.CheckboxGroup) or getattr(block, "multiselect", False):
        return isinstance(value, list) and all(isinstance(one, PLAIN) for one in value)
    if isinstance(block, gr.Checkbox):
        return isinstance(value, bool)
    if isinstance(block, gr.Number):
        return isinstance(value, int | float) and not isinstance(value, bool)
    if isinstance(block, gr.Textbox | gr.HTML):
        return isinstance(value, str)
    return isinstance(value, PLAIN)
