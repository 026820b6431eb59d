"""Every control of the page is in its link, or stands here with the reason why not."""

from typing import Any

import gradio as gr
import pytest

from nmviz.ui.launch import build
from nmviz.ui.shell.view import NAMES

pytestmark = pytest.mark.usefixtures("tiny")

KINDS = (gr.Dropdown, gr.Radio, gr.CheckboxGroup, gr.Checkbox, gr.Slider, gr.Number, gr.Textbox)
IN_PARTS_OF_THEIR_OWN = ("faster", "choose")
"""Of Trade-offs: `faster=h100,fp8,...` and `choose=8:16`."""
NOT_IN_IT = {
    "Pattern: keep N of every M, or drop P%": "the field beside it has what is pressed",
    "Named subset": "a name for what the projections say",
    "Or one list of both": "another way to write projections and blocks, which are in it",
    "Your own text": "private",
    "Hub id or folder": "the model of the link, once it is there",
    "Needs calibration text first": "says what a button calibrates, and shows nothing",
    "Compare activations with": "its choices come with the answer; the tray compares the same two",
}
"""By label, and why."""


def controls(page: gr.Blocks) -> list[Any]:
    """What a visitor sets: not what is out of sight."""
    found = [one for one in page.blocks.values() if isinstance(one, KINDS)]
    return [one for one in found if "offstage" not in (one.elem_classes or [])]


def written_by(page: gr.Blocks, *scripts: str) -> set[int]:
    """The controls whose moves a script of the page writes into the address."""
    return {
        one._id
        for event in page.fns.values()
        if isinstance(event.js, str) and any(script in event.js for script in scripts)
        for one in event.inputs
    }


def test_every_control_is_in_the_link() -> None:
    page = build()
    questions = {
        one._id
        for event in page.fns.values()
        if [out.elem_id for out in event.outputs] == ["asked"]
        for one in event.inputs
    }
    parts = [f"'{name}')" for name in IN_PARTS_OF_THEIR_OWN]
    linked = questions | written_by(page, "nmvizLink.moved", *parts)
    named = {f"field-{name.replace('_', '-')}" for name in NAMES}
    missing = {
        str(one.label)
        for one in controls(page)
        if one._id not in linked and not named & set(one.elem_classes or [])
    }
    assert missing == set(NOT_IN_IT)
