"""A model with blocks left out: what they are given they pass on."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from torch import Tensor, nn

from nmviz.base.errors import UserError
from nmviz.core.experiment import Experiment
from nmviz.engine.load.blocks import find_blocks, standing_in
from nmviz.engine.prune.activations import PrunedActivations

OTHERS = (
    "The blocks of this model hand on more than a hidden state, so that none can be left out: "
    "choose another model."
)


NOTHING: Mapping[int, float] = {}


class WithoutBlocks(PrunedActivations):
    """No site is masked. `costs` is what leaving out each block of the model alone costs on the
    calibration text, and `in_turn` the KL there as one more is left out, both in nats a token and
    by block, where that chose them."""

    def __init__(
        self,
        experiment: Experiment,
        left_out: Sequence[int],
        costs: Sequence[float] = (),
        in_turn: Mapping[int, float] = NOTHING,
    ) -> None:
        super().__init__(experiment, ())
        self.left_out, self.costs, self.in_turn = left_out, costs, in_turn


@contextmanager
def passed_on(model: nn.Module, left_out: Sequence[int]) -> Iterator[None]:
    """Inside, these blocks give their input back; undone whatever happens inside.

    UserError for a block that the model does not have, and where later blocks read keys and values
    of earlier ones.
    """
    _, blocks = find_blocks(model)
    config: Any = model.config
    shares = getattr(config.get_text_config(), "num_kv_shared_layers", 0)
    if left_out and shares:
        raise UserError(OTHERS)
    if left_out and left_out[-1] >= len(blocks):
        said = f"This model has no block {left_out[-1]}: its blocks are 0-{len(blocks) - 1}."
        raise UserError(said)
    with standing_in({blocks[number]: _pass_on for number in left_out}):
        yield


def _pass_on(hidden_states: Tensor, *_given: object, **_named: object) -> Tensor:
    return hidden_states
