"""Running: how experiments are run. None of it is part of what is asked, so none is in a key."""

import os

from pydantic import BaseModel, ConfigDict, Field

DEVICE = "NMVIZ_DEVICE"
"""The variable of the environment that says where this process computes."""


AS_EVERYWHERE = "cpu"
"""The device that every machine has."""


def usual_device() -> str:
    """Where this process computes unless a run says otherwise: NMVIZ_DEVICE, else cpu."""
    return os.environ.get(DEVICE, "").strip() or AS_EVERYWHERE


class Running(BaseModel):
    """One way of running experiments.

    With a `precision` above 0 a run ends once the standard error of every cost is at most that, and
    its results are those of experiments with a smaller budget.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    precision: float | None = Field(
        None,
        ge=0,
        title="Stop early",
        description="Stop once the cost is known to this standard error, in nats a token.",
    )
    device: str = Field(
        default_factory=usual_device,
        min_length=1,
        max_length=40,
        title="Device",
        description=f"cpu, cuda or mps; {DEVICE} says which where this does not.",
    )
    rerun: bool = Field(False, title="Run again", description="Measure again, stored or not.")
    exact_errors: bool = Field(
        True,
        title="Exact errors",
        description="Errors of layers from every token, not from a sample of them.",
    )
    control: bool = Field(
        False,
        title="Control",
        description="Measure random noise as large as each layer's error in its place, too.",
    )
    noise_floor: bool = Field(
        False,
        title="Noise floor",
        description="Measure too what bf16's rounding alone does, to the dense and pruned model.",
    )
    keep_passes: bool = Field(
        True,
        title="Keep dense passes",
        description="Keep what the dense model did in memory, for the next run on the text.",
    )
    memory: int | None = None
    """Bytes that the whole process may take: a model that does not fit is run block by block. With
    None it is loaded whole, whatever there is."""
    partial_results: bool = True
    """Whether each step has what was measured until then, for whoever watches: results of many
    experiments together take a tenth of a pass to put together."""
    keep: bool = Field(True, title="Keep", description="Keep the result in the store.")
    keep_words: bool = Field(
        False,
        title="Keep words",
        description="Of a text of your own, keep which words changed too, and not only how many.",
    )
