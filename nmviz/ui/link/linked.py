"""Controls whose values stand in the link under a name of their tab, such as `published.order`.

What a link may say of one is what the component itself offers: choices, bounds, length.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from math import isfinite, nan
from typing import Any
from urllib.parse import parse_qs

import gradio as gr

from nmviz.base.errors import UserError
from nmviz.base.wording import listed
from nmviz.ui.shell.events import READ
from nmviz.ui.shell.html import esc, note

BETWEEN = "."
"""Between the tab and the control; no other setting of an address has it in its name."""
LONGEST = 2_000
TABLES = f"table{BETWEEN}"
"""How names of filters of tables begin, which the script of the page reads (tables.js)."""
MOST_SAID = 3
MOST_SHOWN = 8
"""Choices that a refusal lists."""


@dataclass(frozen=True)
class Linked:
    """The controls of one tab, by their names in the link."""

    tab: str
    controls: Mapping[str, Any]

    @property
    def named(self) -> dict[str, Any]:
        """The controls by their full names."""
        return {f"{self.tab}{BETWEEN}{name}": one for name, one in self.controls.items()}


@dataclass(frozen=True)
class Read:
    """Values by full names, as far as a link has them, and a sentence for each that is wrong."""

    values: dict[str, Any] = field(default_factory=dict)
    wrong: dict[str, str] = field(default_factory=dict)


def is_linked(name: str) -> bool:
    """Whether a name of an address is a control's."""
    return BETWEEN in name


def written(linked: Linked) -> None:
    """The address follows the controls: what differs from how the tab opens stands in it. The
    script of the page does it; it is done before the visitor can copy the link."""
    controls = [*linked.controls.values()]
    if not controls:  # of a tab that could not be built
        return
    names = json.dumps([*linked.named])
    usual = json.dumps([_plain(one) for one in controls])
    write = f"(...given) => window.nmvizLink.moved({names}, {usual}, given)"
    gr.on([one.change for one in controls], None, controls, None, js=write, **READ)


def read(query: str, known: Mapping[str, Any]) -> Read:
    """What the query asks of the known controls, by full names. One wrong value drops itself."""
    values: dict[str, Any] = {}
    wrong: dict[str, str] = {}
    given = parse_qs(query.lstrip("?")[:LONGEST], keep_blank_values=True)
    for name, texts in given.items():
        if not is_linked(name) or name.startswith(("__", TABLES)):
            continue
        if name not in known:
            wrong[name] = f"The link names no control {name[:60]!r}: it is left out."
            continue
        try:
            values[name] = _value(known[name], texts)
        except UserError as error:
            wrong[name] = f"{error} From the link: it stays as the tab opens."
    return Read(values, wrong)


def said(found: Read) -> str:
    """What is wrong in a link, in HTML; the script of the page takes it out of the address."""
    if not found.wrong:
        return ""
    first = list(found.wrong.values())[:MOST_SAID]
    more = len(found.wrong) - len(first)
    lines = [*first, *([f"{more} more controls of the link could not be set."] if more else [])]
    names = esc(json.dumps([*found.wrong]))
    return f'<i hidden data-wrong="{names}"></i>' + "".join(note(one, "error") for one in lines)


def _value(control: Any, texts: Sequence[str]) -> Any:
    """The texts of a link as a value of the control. UserError for what it does not take."""
    if isinstance(control, gr.Checkbox):
        return _one_of(control, texts[-1], ("true", "false")) == "true"
    if isinstance(control, (gr.Number, gr.Slider)):
        return _number(control, texts[-1])
    if not isinstance(control, (gr.Dropdown, gr.Radio, gr.CheckboxGroup)):
        return _text(control, texts[-1])
    offered = None if getattr(control, "allow_custom_value", False) else list(_choices(control))
    if isinstance(control, gr.CheckboxGroup) or getattr(control, "multiselect", False):
        chosen = [one for one in texts if one]
        return chosen if offered is None else [_one_of(control, one, offered) for one in chosen]
    return texts[-1] if offered is None else _one_of(control, texts[-1], offered)


def _choices(control: Any) -> Iterator[str]:
    return (str(value) for _, value in control.choices)


def _one_of(control: Any, text: str, offered: Sequence[str]) -> str:
    if text in offered:
        return text
    shown = [one or "(nothing)" for one in offered[:MOST_SHOWN]]
    which = listed(shown) if len(offered) <= MOST_SHOWN else f"{', '.join(shown)} and others"
    raise UserError(f"{control.label}: there is no {text[:60]!r} in it, but {which}.")


def _number(control: Any, text: str) -> int | float | None:
    if not text and isinstance(control, gr.Number):
        return None
    try:
        number = float(text)
    except ValueError:
        number = nan
    if not isfinite(number):
        raise UserError(f"{control.label} is a number: {text[:60]!r} is none.")
    low, high = control.minimum, control.maximum
    if low is not None and number < low:
        raise UserError(f"{control.label} is at least {low}: {text[:60]!r} is less.")
    if high is not None and number > high:
        raise UserError(f"{control.label} is at most {high}: {text[:60]!r} is more.")
    return int(number) if number.is_integer() else number


def _text(control: Any, text: str) -> str:
    most = min(control.max_length or LONGEST, LONGEST)
    if len(text) > most:
        raise UserError(f"{control.label} has at most {most:,} characters.")
    return text


def _plain(control: Any) -> Any:
    """The value that a control opens with, as the script of the page compares it."""
    value = control.value
    return list(value) if isinstance(value, tuple) else value
