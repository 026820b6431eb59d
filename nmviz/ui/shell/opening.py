"""Which events a handler comes from, and what the tabs ask for when they are opened."""

from collections.abc import Callable, Iterator, Sequence
from functools import partial

import gradio as gr

OPENED = "select"
"""The event of a tab that is opened."""


def comes_from(page: gr.Blocks, number: int) -> Sequence[tuple[int | None, str]]:
    """The events, each a component's id and a name, that begin the handler of that number: its own,
    or those of the handler that it follows on."""
    handler = page.fns[number]
    while handler.trigger_after is not None:
        handler = page.fns[handler.trigger_after]
    return handler.targets


def when_opened(page: gr.Blocks) -> Iterator[Callable[[], object]]:
    """Each handler that fills a tab when it is opened, on the settings that stand there at first:
    called once, what it reads and imports is there for the first visitor."""
    tabs = {number for number, block in page.blocks.items() if isinstance(block, gr.Tab)}
    for number, event in page.fns.items():
        fills = any(of in tabs and name == OPENED for of, name in comes_from(page, number))
        if fills and event.fn is not None:
            yield partial(event.fn, *(getattr(one, "value", None) for one in event.inputs))
