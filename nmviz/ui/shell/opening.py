"""What the tabs ask for when they are opened."""

from collections.abc import Callable, Iterator
from functools import partial

import gradio as gr

OPENED = "select"
"""The event of a tab that is opened."""


def when_opened(page: gr.Blocks) -> Iterator[Callable[[], object]]:
    """Each handler that fills a tab when it is opened, on the settings that stand there at first:
    called once, what it reads and imports is there for the first visitor."""
    tabs = {number for number, block in page.blocks.items() if isinstance(block, gr.Tab)}
    for event in page.fns.values():
        fills = any(of in tabs and name == OPENED for of, name in event.targets)
        if fills and event.fn is not None:
            yield partial(event.fn, *(getattr(one, "value", None) for one in event.inputs))
