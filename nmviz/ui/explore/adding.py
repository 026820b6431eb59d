"""A model of one's own, into the menu of models: for all who open this page until it ends."""

from collections.abc import Sequence
from itertools import count
from typing import Any

import gradio as gr

from nmviz import service
from nmviz.ui.explore.components import Page
from nmviz.ui.explore.form.controls import model_choices
from nmviz.ui.guard.at_home import at_home_only
from nmviz.ui.shell.events import FROM_STORE, Update
from nmviz.ui.shell.failures import sentence
from nmviz.ui.shell.html import note

WRITTEN = ("model", "own_model", "own_model_said", "added")
ADDING = "Looking at its files ..."

_times = count(1)


def wire_adding(page: Page) -> None:
    """Connect the field, where the page has one."""
    if "own_model" not in page.named:
        return
    field, button, said = page.these("own_model", "add_model", "own_model_said")
    menu: Any = page.named["model"]

    def added(values: Sequence[str]) -> Update:
        update = add(values)
        if "model" in update:  # else only sessions that were told could choose it
            menu.choices = update["model"].choices
        return update

    begun = gr.on([button.click, field.submit], lambda: note(ADDING), None, said, **FROM_STORE)
    begun.then(at_home_only(page.answer(added)), field, page.these(*WRITTEN), **FROM_STORE)


def add(values: Sequence[str]) -> Update:
    """The model is in the menu and chosen; else one sentence says why not. What follows a choice
    in the menu follows on `added`."""
    try:
        (named,) = values
        info = service.offer(named)
    except Exception as error:
        return {"own_model_said": note(sentence(error), "error")}
    said = f"{info.title} is in the menu, for all who open this page until it ends."
    return {
        "model": gr.Dropdown(choices=model_choices(service.catalogue()), value=info.id),
        "own_model": "",
        "own_model_said": note(said),
        "added": f"{next(_times)}",
    }
