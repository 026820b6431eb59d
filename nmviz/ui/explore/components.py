"""Every component of Explore by name, and how its handlers are given their values."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import gradio as gr

from nmviz.service import Changing
from nmviz.ui.explore.form.controls import FIELDS, Controls
from nmviz.ui.explore.layout import Panels
from nmviz.ui.serving.answers import for_all
from nmviz.ui.shell.events import Update
from nmviz.ui.shell.places import among_pictures


@dataclass(frozen=True)
class Page:
    """Every component of the page that an event reads or writes; those that a link carries under a
    name of their tab are `linked` too, by that name."""

    controls: Controls
    panels: Panels
    named: dict[str, Any]
    linked: Mapping[str, Any]

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

    def shared(
        self, handler: Callable[..., Update], more: int = 0, on: Sequence[Changing] = ()
    ) -> Callable[..., Any]:
        """The same where all visitors may have the answer, as long as what `on` names stands."""
        return for_all(self.answer(handler, more), *on)

    def pictures(self, handler: Callable[..., Update], more: int = 0) -> Callable[..., Any]:
        """The same for what is drawn of a layer: a few are worked out at once."""
        return for_all(among_pictures(self.answer(handler, more)), "calibrated")
