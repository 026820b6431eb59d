"""Controls in the link: what of a link is read, by what the component itself offers."""

import json
from typing import Any
from urllib.parse import urlencode

import gradio as gr
import pytest

from nmviz.ui.link.linked import LONGEST, Linked, read, said


@pytest.fixture(scope="module")
def known() -> dict[str, Any]:
    """One control of each kind, outside of any page."""
    controls = {
        "menu": gr.Dropdown([("one", "1"), ("none", "")], value="1", label="Menu"),
        "typed": gr.Dropdown(["a"], value="a", label="Typed", allow_custom_value=True),
        "several": gr.Dropdown(["a", "b"], value=[], multiselect=True, label="Several"),
        "boxes": gr.CheckboxGroup(["a", "b"], value=["a"], label="Boxes"),
        "choice": gr.Radio(["x", "y"], value="x", label="Choice"),
        "tick": gr.Checkbox(False, label="Tick"),
        "number": gr.Number(4, label="Number", minimum=1, precision=0),
        "slide": gr.Slider(1, 8, 2, step=1, label="Slide"),
        "words": gr.Textbox("", label="Words", max_length=5),
    }
    return Linked("tab", controls).named


READ = {
    "menu": ("", ""),
    "typed": ("5:7", "5:7"),
    "several": (["b", "a"], ["b", "a"]),
    "boxes": ([""], []),
    "choice": ("y", "y"),
    "tick": ("true", True),
    "number": ("12", 12),
    "slide": ("8", 8),
    "words": ("a, b", "a, b"),
}


def test_every_kind_of_control_is_read(known: dict[str, Any]) -> None:
    query = urlencode({f"tab.{name}": text for name, (text, _) in READ.items()}, doseq=True)
    found = read("?v=2&pattern=2:4&" + query, known)
    assert found.values == {f"tab.{name}": value for name, (_, value) in READ.items()}
    assert not found.wrong and said(found) == ""


@pytest.mark.parametrize(
    ("name", "text", "why"),
    [
        ("menu", "3", "Menu: there is no '3' in it, but 1 and (nothing)."),
        ("several", "c", "Several: there is no 'c' in it"),
        ("boxes", "c", "Boxes: there is no 'c' in it"),
        ("choice", "", "Choice: there is no '' in it, but x and y."),
        ("tick", "yes", "Tick: there is no 'yes' in it, but true and false."),
        ("number", "many", "Number is a number: 'many' is none."),
        ("number", "0", "Number is at least 1: '0' is less."),
        ("number", "nan", "Number is a number: 'nan' is none."),
        ("number", "inf", "Number is a number: 'inf' is none."),
        ("slide", "9", "Slide is at most 8: '9' is more."),
        ("words", "abcdef", "Words has at most 5 characters."),
        ("nothing", "1", "The link names no control 'tab.nothing': it is left out."),
    ],
)
def test_a_wrong_value_drops_itself_and_says_so(
    known: dict[str, Any], name: str, text: str, why: str
) -> None:
    right = {"tab.choice": "y"} if name != "choice" else {"tab.slide": "3"}
    found = read(urlencode({**right, f"tab.{name}": text}), known)
    assert found.wrong[f"tab.{name}"].startswith(why)
    assert [*found.values] == [*right]


def test_what_is_said_is_escaped_and_bounded(known: dict[str, Any]) -> None:
    found = read(urlencode({f"tab.<b>{number}": "x" for number in range(9)}), known)
    html = said(found)
    assert html.count("<p ") == 4 and "6 more controls" in html and "<b>" not in html
    names = html.partition('data-wrong="')[2].partition('"')[0].replace("&quot;", '"')
    assert len(json.loads(names.replace("&lt;", "<").replace("&gt;", ">"))) == 9


def test_a_link_as_long_as_can_be_is_read_as_far_as_ours_go(known: dict[str, Any]) -> None:
    assert read("tab.tick=true&x=" + "y" * 10 * LONGEST, known).values == {"tab.tick": True}
