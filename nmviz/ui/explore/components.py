"""Every component of Explore by name, and how its handlers are given their values."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import gradio as gr

from nmviz.ui.explore.form.controls import FIELDS, Controls
from nmviz.ui.explore.layout import Panels
from nmviz.ui.shell.events import Update


@dataclass(frozen=True)
class Page:
    """Every component of the page that an event reads or writes."""

    controls: Controls
    panels: Panels
    named: dict[str, Any]

    @property
    def form(self) -> list[Any]:
        return [self.named[name] for name in FIELDS]

    @property
    def form_and_shown(self) -> list[Any]:
        return [*self.form, self.named["shown"], self.panels.measure]

    @property
    def outputs(self) -> list[Any]:
        return list(dict.fromkeys(self.named.values()))

    def these(self, *names: str) -> list[Any]:
        """The components of those names."""
        return [self.named[name] for name in names]

    def named_values(self, update: Update) -> Any:
        """What Gradio wants of a handler; an empty update changes nothing."""
        return {self.named[name]: value for name, value in update.items()} or gr.skip()

    def answer(self, handler: Callable[..., Update], more: int = 0) -> Callable[..., Any]:
        """A handler of the form's values, and of so many more things that come behind them."""

        def answering(*given: Any) -> Any:
            values = len(given) - more
            return self.named_values(handler(given[:values], *given[values:]))

        return answering
