"""A lesson sets the page while it is open: by a link of its own, as the opening reads it."""

from collections.abc import Callable
from typing import Any

import gradio as gr

from nmviz.ui.explore.address import TABS, read_address
from nmviz.ui.explore.components import Page
from nmviz.ui.explore.restore import first_view, restored
from nmviz.ui.serving.answers import for_all
from nmviz.ui.shell.events import FROM_STORE, READ, Update


def wire_by_lesson(page: Page, shown: Callable[[Callable[..., Any]], None]) -> None:
    """What the script tells is set; `shown` wires all that is worked out afterwards."""

    def setting(event: gr.EventData) -> Any:
        return page.named_values(set_by(str(getattr(event, "place", ""))))

    answer = for_all(setting, "store")
    told = page.named["set_page"].select(answer, None, page.outputs, **FROM_STORE)
    told.then(None, None, None, js="() => window.nmvizLessons.arrived()", **READ)
    shown(told.then)


def set_by(query: str) -> Update:
    """The values that a link sets: all of Explore, or of another tab what the link names."""
    asked = read_address(query, first_view())
    if asked.tab == TABS[0]:
        return restored(query)
    return dict(asked.tradeoffs.values)
