"""The noise floor: what rounding alone does to a model's predictions."""

from typing import Literal

from pydantic import Field

from nmviz.core.record import Record

FLOOR_DRAWS = 3
"""Draws of the errors, each a pass of its own over the text."""


class NoiseFloor(Record):
    """What random errors as large as bf16's rounding, at every layer's output, do to a model.

    `kl` is the mean over the draws of KL(model || model with the errors), `delta_nll` the root mean
    square over them of the change of the mean NLL, whose sign is chance. Both in nats a token, on
    the text of the run. A pruned network amplifies rounding, so its floor lies above the dense one.
    """

    of: Literal["dense", "pruned"]
    kl: float = Field(ge=-1e-5)  # what is 0 may end below it in fp32
    delta_nll: float = Field(ge=0)
    draws: int = Field(ge=1)
