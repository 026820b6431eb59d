"""What is kept of a visitor: the values of states and the components that have changed.

Gradio keeps a description of every component for every session as well, to make links from; the
page has links of its own. What a visitor leaves is gone with the next of too many.
"""

from collections import ChainMap
from typing import Any

from gradio.blocks import Blocks, BlocksConfig
from gradio.state_holder import SessionState, StateHolder

from nmviz.ui.serving.noted import NOTED

MOST_VISITS = 1_000
"""Of those who come later, the longest idle go on as if their page were new."""


class Visits(StateHolder):
    """Visits by session."""

    def __init__(self, blocks: Blocks) -> None:
        super().__init__()
        self.set_blocks(blocks)  # of which it becomes the holder
        self.capacity = MOST_VISITS

    def __getitem__(self, session_id: str) -> SessionState:
        if session_id not in self.session_data:
            self.session_data[session_id] = Visit(self.blocks)
        return super().__getitem__(session_id)

    def before(self, session: str, number: int) -> Any:
        """The value of a state for that visitor."""
        visit = self.session_data.get(session)
        known = visit.state_data if visit is not None else {}
        usual = getattr(self.blocks.blocks[number], "value", None)
        return known.get(number, usual)

    def forget(self, session: str) -> None:
        """The visitor has left."""
        with self.lock:
            self.session_data.pop(session, None)
            self.time_last_used.pop(session, None)


class Visit(SessionState):
    """One visitor's states and changed components; the rest is shared by all."""

    def __init__(self, blocks: Blocks) -> None:
        shared = blocks.default_config
        own = BlocksConfig(shared.root_block)
        own.blocks = ChainMap({}, shared.blocks)  # type: ignore[assignment]
        own.fns, own.fn_id, own.renderables = shared.fns, shared.fn_id, shared.renderables
        self.blocks_config = own
        self.config_values = {}
        self.state_data: dict[int, Any] = {}
        self._state_ttl = {}
        self.is_closed = False
        self.STATE_TTL_WHEN_CLOSED = 0

    def __setitem__(self, key: int, value: Any) -> None:
        noted = NOTED.get()
        if noted is not None:
            noted.left[key] = value
        block = self.blocks_config.blocks.get(key)
        kept = self.state_data if block is None or block.stateful else self.blocks_config.blocks
        kept[key] = value

    def _update_config(self, key: int) -> None:
        """Nothing is kept to make links from."""

    def _update_value_in_config(self, key: int, value: Any) -> None:
        """The same."""
