"""The control of a cost: random noise as large as the errors, in their place."""

from collections.abc import Iterator

NOISE = "noise_delta_nll"
BEYOND = "beyond_noise"


def entries() -> Iterator[tuple[str, str, str, str, str]]:
    """Name, title, unit, help and formula of what the control measures."""
    yield (
        NOISE,
        "cost of noise as large as the errors (control)",
        "nats a token",
        "What random noise costs that is as large as what pruning takes from each layer's output, "
        "in its place. Where it costs as much, the layer is sensitive to any error; where it "
        "costs less, pruning takes what matters there.",
        "mean of (-ln p_noise + ln p_dense), every pruned layer giving y + ||y - y_pruned|| "
        "g / ||g|| with g normal, token by token; standard error as of the cost",
    )
    yield (
        BEYOND,
        "cost of pruning beyond that of such noise",
        "nats a token",
        "What pruning costs more than random noise of the same size in the same places.",
        "mean of (-ln p_pruned + ln p_noise); standard error as of the cost",
    )
