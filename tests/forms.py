"""The form of the page without a browser."""

from typing import Any

from nmviz.ui.explore.form.controls import FIELDS, values_of
from nmviz.ui.shell.limits import model_of, settle
from nmviz.ui.shell.view import View


def form(**fields: Any) -> list[Any]:
    """What the form's components would hand to a handler."""
    view = settle(View.build(fields))
    values = {**values_of(view, model_of(view)), "text": ""}
    return [values[name] for name in FIELDS]
