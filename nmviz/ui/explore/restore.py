"""Opening the page: the address becomes the form and, from the store, the figures."""

from typing import Any

import gradio as gr

from nmviz import service
from nmviz.service import OWN_TEXT
from nmviz.ui.explore.address import read_address
from nmviz.ui.explore.form.controls import block_choices, model_choices, values_of
from nmviz.ui.explore.form.notes import method_notes, terms
from nmviz.ui.explore.form.own_text import shown_for
from nmviz.ui.explore.form.protocol import stride_of
from nmviz.ui.explore.form.scoping import scope_values
from nmviz.ui.explore.form.values import Asked
from nmviz.ui.explore.panels import hand, published_only, render
from nmviz.ui.explore.panels.beforehand import beforehand
from nmviz.ui.explore.panels.render import Shown
from nmviz.ui.explore.wanted import wanted_of
from nmviz.ui.shell.failures import sentence
from nmviz.ui.shell.html import note
from nmviz.ui.shell.limits import model_of, settle
from nmviz.ui.shell.view import View
from nmviz.views.explore.error_depth import Measure

PASTE_AGAIN = (
    "The address does not carry your own text: paste it again or choose its file, then press Run."
)


def first_view() -> View:
    """The default experiment, on the first model where the default one is not offered."""
    view = View()
    models = [model.id for model in service.catalogue().models]
    if view.experiment.model not in models:
        view = View.build({"model": models[0]})
    return settle(view)


def restored(query: str, measure: Measure = "local") -> dict[str, Any]:
    """The whole page for an address. What is wrong in it has its default, and it says so."""
    asked = read_address(query, first_view())
    view = asked.view
    figures = (
        published_only.panels(view) if published_only.is_large(view) else _figures(view, measure)
    )
    return {
        **form_of(view),
        **hand.panel(view),
        **asked.questions.model_dump(),
        "tasks": list(asked.questions.tasks),
        **figures,
        "wanted": wanted_of(Asked(view, None, {})),
        "lesson_at": asked.lesson.html,
        **asked.tradeoffs.values,
        "status": asked.remarks + figures["status"],
        "texts": published_only.texts(view),
        "beforehand": beforehand(view),
    }


def form_of(view: View) -> dict[str, Any]:
    """Every control set to the view, with the choices its model has."""
    model = model_of(view)
    values = values_of(view, model)
    names = list(model.projections)
    return {
        **values,
        "model": gr.Dropdown(choices=model_choices(service.catalogue()), value=model.id),
        "terms": terms(model),
        **scope_values(view.experiment.projections, model, view.experiment.plan is not None),
        "chips": chip_of(view),
        "projections": gr.CheckboxGroup(choices=names, value=values["projections"]),
        "block": gr.Dropdown(choices=block_choices(model.blocks), value=values["block"]),
        "projection": gr.Dropdown(choices=list(model.layers), value=values["projection"]),
        "stride": stride_of(values["protocol"], values["stride"]),
        **shown_for(values["corpus"], values["keep_words"]),
        "method_notes": method_notes(view),
    }


def chip_of(view: View) -> str | None:
    """The preset the pattern is, or None for one that was typed."""
    pattern = view.experiment.pattern
    return pattern if pattern in service.catalogue().patterns else None


def there(view: View) -> tuple[Shown, str]:
    """What the store has of the view, and the line beside it that says what is missing."""
    if view.experiment.corpus == OWN_TEXT:
        return Shown(view), note(PASTE_AGAIN)
    found = render.find(view, None)
    return (Shown(view), render.not_run(view, None)) if found is None else (found, "")


def _figures(view: View, measure: Measure) -> dict[str, Any]:
    try:
        shown, message = there(view)
        return {"shown": shown, **render.panels(shown, view, measure, message)}
    except Exception as error:
        shown, message = Shown(view), note(sentence(error), "error")
    return {"shown": shown, **render.panels(shown, view, measure, message)}
