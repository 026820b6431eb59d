"""Whether what a pass over the windows must hold fits into memory, told from sizes beforehand."""

from typing import Any

import torch

from nmviz.base.cache import megabytes
from nmviz.base.errors import UserError
from nmviz.base.memory import memory_left
from nmviz.engine.load.blocks import find_blocks
from nmviz.engine.load.loading import LoadedModel
from nmviz.engine.measure.dense import PASSES
from nmviz.engine.measure.evaluate import TOKENS_AT_ONCE

BYTES = 4  # of a number in fp32
WORK = 1.2
"""Times what is counted: what layers and masks work in comes on top. Runs of SmolLM2 135M with
windows of 1,024 and 2,048 tokens took 1.37 and 1.24 times; with 8,192 about 1.3, by an estimate."""


def check_room(loaded: LoadedModel, window: int) -> None:
    """UserError where windows of that many tokens cannot be measured in the memory that is left.

    What is counted must be held at once: the scores of the dense and of one pruned model, [tokens,
    vocabulary] each, and the dense hidden state after every block, [tokens, d_model].
    """
    left = _left(loaded.device)
    blocks = len(find_blocks(loaded.model)[1])
    needed = scores_of(loaded.model.config, window) + states_of(loaded.model.config, window, blocks)
    if left is not None and needed > left:
        raise UserError(
            f"Windows of {window:,} tokens of {loaded.info.title} take {megabytes(needed)} MB of "
            f"memory at least, and {megabytes(left)} MB are left: shorten the window."
        )


def scores_of(config: Any, window: int) -> int:
    """Bytes of the scores of two models over the windows that are read at once, with work."""
    return int(WORK * BYTES * at_once(window)) * 2 * int(config.get_text_config().vocab_size)


def states_of(config: Any, window: int, count: int) -> int:
    """Bytes of so many hidden states of those windows, with work."""
    return int(WORK * BYTES * at_once(window)) * count * int(config.get_text_config().hidden_size)


def at_once(window: int) -> int:
    """Tokens of the windows that are read together."""
    return max(1, TOKENS_AT_ONCE // window) * window


def _left(device: str) -> int | None:
    """Bytes, with those of dense passes that would be let go."""
    if device.startswith("cuda"):
        return int(torch.cuda.mem_get_info(device)[0])
    left = memory_left() if device == "cpu" else None
    return None if left is None else left + PASSES.size
