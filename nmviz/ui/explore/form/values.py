"""From the values of the form to what they ask for: a wrong setting stops only what needs it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from nmviz.base.errors import NotYet, SettingError
from nmviz.ui.explore.form.controls import FIELDS, read
from nmviz.ui.shell.limits import offered, settle, text_for
from nmviz.ui.shell.view import OWN, View

Panel = Literal["figures", "beforehand", "layer", "methods", "each", "tasks", "texts"]

PRUNED = (
    *("model", "pattern", "criterion", "weight_criterion", "mitigations"),
    *("projections", "blocks", "sites", "calibration_windows", "seed", "ties"),
)
MEASURED = (
    *(*PRUNED, "corpus", "text", "tokens", "window", "bos", "protocol", "stride"),
    *("precision", "noise_floor", "keep_words"),
)
PLACE = (*PRUNED, "block", "projection", "prompt")
NEEDS: Mapping[Panel, tuple[str, ...]] = {
    "figures": MEASURED,
    "beforehand": PRUNED,
    "layer": (*PLACE, "first_row", "rows", "first_column", "columns"),
    "methods": PLACE,
    "each": MEASURED,
    "tasks": PRUNED,
    "texts": (*PRUNED, "prompt", "new_tokens", "temperature", "real_speed"),
}
"""The settings that a panel depends on: it does not move with others, right or wrong."""


@dataclass(frozen=True)
class Asked:
    """What the form asks for. In `view` a setting that is wrong stands at its default; `wrong` says
    why, by its name. `text` is the visitor's own, where that is measured on."""

    view: View
    text: str | None
    errors: Mapping[str, SettingError]

    @property
    def wrong(self) -> Mapping[str, str]:
        """What to mark, and why: what is only still to be given is not wrong."""
        errors = self.errors.items()
        return {name: str(error) for name, error in errors if not isinstance(error, NotYet)}

    def refusal(self, panel: Panel) -> SettingError | None:
        """What keeps the panel from being worked out; a setting of no name keeps all."""
        needed = (*NEEDS[panel], "")
        return next((error for name, error in self.errors.items() if name in needed), None)


def asked(values: Sequence[Any]) -> Asked:
    """What the values of the form ask for, every setting checked."""
    given, wrong = list(values), dict[str, SettingError]()
    while True:
        try:
            view, text = _settled(given)
            break
        except SettingError as error:
            name = error.setting
            if name not in FIELDS or name in wrong:  # nothing is left to set right
                return Asked(settle(View()), None, {**wrong, "": error})
            wrong[name] = error
            given[FIELDS.index(name)] = _usual(name)
    try:
        return Asked(view, text_for(view, text), wrong)
    except SettingError as error:
        return Asked(view, None, {**wrong, error.setting: error})


def form(values: Sequence[Any], panel: Panel = "figures") -> tuple[View, str | None]:
    """The settled View of the form's values, and the visitor's own text. SettingError where one
    is wrong that the panel needs."""
    found = asked(values)
    if refusal := found.refusal(panel):
        raise refusal
    return found.view, found.text


def view_of(values: Sequence[Any], panel: Panel) -> View:
    """The settled View alone."""
    return form(values, panel)[0]


def _usual(name: str) -> Any:
    """The value of a setting at its default, as its control gives it."""
    view = View()
    fields = {
        **view.experiment.model_dump(),
        **view.look.model_dump(),
        **view.writing.model_dump(),
        **view.model_dump(include=set(OWN)),
        "text": None,
        "sites": "",
    }
    return fields[name]


def _settled(values: Sequence[Any]) -> tuple[View, str | None]:
    model = offered(values[FIELDS.index("model")])
    try:
        view, text = read(values, model.projections if model else ())
        return settle(view), text
    except SettingError as error:
        if error.setting == "projections" and values[FIELDS.index("sites")]:
            raise SettingError(str(error), "sites") from None
        raise
