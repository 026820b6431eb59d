"""From the values of the form to what they ask for, checked."""

from collections.abc import Sequence
from typing import Any

from nmviz.ui.explore.form.controls import FIELDS, read
from nmviz.ui.shell.limits import offered, settle, text_for
from nmviz.ui.shell.view import View


def form(values: Sequence[Any]) -> tuple[View, str | None]:
    """The settled View of the form's values, and the visitor's own text."""
    view, text = _settled(values)
    return view, text_for(view, text)


def view_of(values: Sequence[Any]) -> View:
    """The settled View alone, for what reads no text."""
    return _settled(values)[0]


def _settled(values: Sequence[Any]) -> tuple[View, str | None]:
    model = offered(values[FIELDS.index("model")])
    view, text = read(values, model.projections if model else ())
    return settle(view), text
