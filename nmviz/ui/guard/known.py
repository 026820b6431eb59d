"""What the guard knows of the page behind it: its handlers, its endpoints, what is under way."""

import inspect
from dataclasses import dataclass
from typing import Any

from starlette.types import Scope

from nmviz.ui.guard.at_home import HOW, is_at_home, is_for_home
from nmviz.ui.guard.refusal import Refusal


@dataclass(frozen=True)
class Known:
    """A page that is served; all is read where Gradio keeps it, so it is never out of date; and the
    request that is asked now."""

    blocks: Any
    asked: Scope

    def handler(self, number: Any) -> Any:
        """The handler of that number; None where there is none, or only one in the browser."""
        found = self.blocks.fns.get(number)
        return found if found is not None and found.fn is not None else None

    def endpoints(self) -> dict[str, Any]:
        """The handlers that have a name for scripts, by that name."""
        listed = self.blocks.fns.values()
        return {one.api_name: one for one in listed if is_endpoint(one)}

    def refuse_elsewhere(self, handler: Any) -> None:
        """Refusal of a handler that is for who sits at this machine, where others ask for it."""
        if is_for_home(handler.fn) and not is_at_home(self.asked, self.blocks.server_name):
            raise Refusal(403, HOW)

    def component(self, block: Any, session: str | None) -> Any:
        """The component as that session has it: an answer may have changed what it lists."""
        state = self.blocks.state_holder.session_data.get(session)
        return block if state is None else state.blocks_config.blocks.get(block._id, block)

    def listens(self, session: str) -> bool:
        """Whether something was asked for that session, so that its stream has something to say."""
        return session in self.blocks._queue.pending_messages_per_session

    def is_under_way(self, event: str) -> bool:
        """Whether that event was asked for and its last word is still to be read."""
        queue = self.blocks._queue
        waiting = queue.pending_event_ids_session.values()
        return (
            self.listens(event)
            or event in queue.event_ids_to_events
            or any(event in events for events in waiting)
        )


def is_endpoint(handler: Any) -> bool:
    """Whether scripts may call it by its name; the rest is the page's own."""
    return bool(handler.fn is not None and handler.api_name and handler.api_visibility == "public")


def arguments(endpoint: Any) -> dict[str, bool]:
    """The arguments of an endpoint in order, and whether each must be given."""
    parameters = inspect.signature(endpoint.fn).parameters
    return {name: one.default is one.empty for name, one in parameters.items()}
