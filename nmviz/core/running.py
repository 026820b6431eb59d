"""Running: how experiments are run. None of it is part of what is asked, so none is in a key."""

from pydantic import BaseModel, ConfigDict, Field


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
    device: str = Field("cpu", min_length=1, max_length=40, title="Device")
    rerun: bool = Field(False, title="Run again", description="Measure again, stored or not.")
    exact_errors: bool = Field(
        True,
        title="Exact errors",
        description="Errors of layers from every token, not from a sample of them.",
    )
    keep_passes: bool = Field(
        True,
        title="Keep dense passes",
        description="Keep what the dense model did in memory, for the next run on the text.",
    )
    keep: bool = Field(True, title="Keep", description="Keep the result in the store.")
