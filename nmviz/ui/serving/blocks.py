"""Gradio's page without what each answer and each visitor would cost for every component.

Gradio builds every output of an event anew, also those that its handler left alone, and keeps a
copy of every component for every session, from which it makes deep links. Events of this page have
up to a hundred outputs of which a few change, and it has links of its own.
"""

from copy import copy
from typing import Any

import gradio as gr
from gradio.block_function import BlockFunction
from gradio.blocks import convert_component_dict_to_list
from gradio.state_holder import SessionState
from gradio.utils import is_prop_update

from nmviz.ui.serving.visits import Visits


class LeanBlocks(gr.Blocks):
    """Blocks that touch only the outputs that a handler changes, and that need no heartbeat."""

    def launch(self, *given: Any, **how: Any) -> tuple[Any, str, str]:
        """Serve, with visits in place of Gradio's sessions."""
        answer = super().launch(*given, **how)
        self.app.state_holder = Visits(self)
        return answer

    def get_config_file(self) -> Any:
        """As Gradio has it, but the browser holds no connection open to say that it is there.

        It has six for all tabs together; the page's script tells when a visitor leaves.
        """
        return {**super().get_config_file(), "connect_heartbeat": False}

    async def postprocess_data(
        self, block_fn: BlockFunction, predictions: Any, state: SessionState | None
    ) -> list[Any]:
        """What the browser is told of each output: those that the handler left alone stay."""
        outputs = block_fn.outputs
        if state is None or len(outputs) < 2:
            return await super().postprocess_data(block_fn, predictions, state)
        if isinstance(predictions, dict):
            given = convert_component_dict_to_list(list(outputs), predictions)
            predictions = given if isinstance(given, list) else [given] * len(outputs)
        self.validate_outputs(block_fn, predictions)
        changed = [n for n, _ in enumerate(outputs) if not _is_left_alone(predictions[n])]
        told: list[Any] = [None if one.stateful else gr.skip() for one in outputs]
        for n in changed:
            alone = copy(block_fn)
            alone.outputs = [outputs[n]]
            (told[n],) = await super().postprocess_data(alone, predictions[n], state)
        return told


def _is_left_alone(prediction: Any) -> bool:
    """Whether it says to skip the output: an update of nothing."""
    return is_prop_update(prediction) and len(prediction) == 1
