"""A layer, a token of 32 inputs and a weight of two rows, with what is kept of them written out.

Masks are written as rows of 0 and 1 in fours, one row a token or an output.
"""

from collections.abc import Mapping

import pytest
import torch
from torch import Tensor, nn, tensor

from nmviz.base.errors import UserError
from nmviz.core.experiment import Experiment
from nmviz.engine.load.sites import Site
from nmviz.engine.prune.activations import PrunedActivations
from nmviz.engine.prune.weights import PrunedWeights

TOKEN = tensor(
    [
        *(0.0, -13.0, 26.0, 7.0, -20.0, 1.0, 14.0, 27.0),
        *(8.0, -21.0, -2.0, -15.0, 28.0, -9.0, 22.0, -3.0),
        *(16.0, -29.0, 10.0, -23.0, 4.0, -17.0, 30.0, -11.0),
        *(-24.0, 5.0, -18.0, -31.0, -12.0, 25.0, 6.0, 19.0),
    ]
)
"""Every size from 0 to 31 once: nothing ties. Lower median and mean are 0, the variance is 336."""

LOUD = tensor(
    [
        *(11.5, -33.5, 55.5, 13.5, -35.5, 57.5, 15.5, -37.5),
        *(59.5, 17.5, -39.5, 61.5, 19.5, -41.5, 63.5, 21.5),
        *(-43.5, 1.5, 23.5, -45.5, 3.5, 25.5, -47.5, 5.5),
        *(27.5, -49.5, 7.5, 29.5, -51.5, 9.5, 31.5, -53.5),
    ]
)
"""Every second number from 1.5 to 63.5 once: no size of TOKEN is among them."""

WEIGHT = torch.stack([TOKEN, LOUD])  # [2, 32]

FOURTH = tensor([4.0, 1.0, 1.0, 1.0]).repeat(8)
"""A channel weight: every fourth channel counts four times."""

BIAS = torch.arange(32.0)

KEPT = {
    "1:4": "0010 0001 0100 1000 0100 0010 0001 0100",
    "2:4": "0110 1001 0101 1010 0101 0110 1001 0101",
    "3:4": "0111 1011 1101 1110 1101 0111 1011 1101",
    "4:8": "0010 1011 0101 1010 0101 0110 1001 0101",
    "8:16": "0010 1011 0101 1010 0101 0010 1011 0101",
    "16:32": "0010 1001 0100 1010 1101 0110 1011 0101",
    "50%": "0010 1001 0100 1010 1101 0110 1011 0101",
    "70%": "0010 0001 0000 1010 0101 0010 1001 0100",
}
"""The largest of TOKEN. 70% drops floor(22.4) = 22 of 32."""

KEPT_FOURTH = {
    "1:4": "0010 1000 1000 1000 1000 0010 1000 1000",
    "2:4": "0110 1001 1100 1010 1100 0110 1001 1100",
    "3:4": "0111 1011 1101 1110 1101 1110 1011 1101",
    "4:8": "0010 1011 1100 1010 1101 0010 1001 1100",
    "8:16": "0010 1001 1101 1010 1101 0010 1001 1100",
    "16:32": "0010 1001 1100 1010 1101 0010 1001 1101",
    "50%": "0010 1001 1100 1010 1101 0010 1001 1101",
    "70%": "0000 1001 1000 1000 1100 0010 1001 1000",
}
"""The largest of TOKEN * FOURTH: 0 13 26 7, 80 1 14 27, 32 21 2 15, 112 9 22 3, 64 29 10 23,
16 17 30 11, 96 5 18 31, 48 25 6 19."""

LOUD_KEPT_FOURTH = {
    "1:4": "0010 1000 1000 1000 1000 0010 1000 1000",
    "2:4": "1010 1100 1001 1010 1001 0110 1100 1001",
    "3:4": "1110 1101 1011 1110 1011 1110 1101 1011",
    "4:8": "1010 1100 1001 1010 1001 0110 1100 1001",
    "8:16": "1010 1100 1001 1010 1001 0010 1100 1011",
    "16:32": "1010 1100 1001 1110 1001 0010 1100 1001",
    "50%": "1010 1100 1001 1110 1001 0010 1100 1001",
    "70%": "0010 1100 1001 1010 1000 0000 1000 1000",
}
"""The largest of LOUD * FOURTH: 46 33.5 55.5 13.5, 142 57.5 15.5 37.5, 238 17.5 39.5 61.5,
78 41.5 63.5 21.5, 174 1.5 23.5 45.5, 14 25.5 47.5 5.5, 110 49.5 7.5 29.5, 206 9.5 31.5 53.5."""


def by_pattern(kept: Mapping[str, object]) -> pytest.MarkDecorator:
    """Run a test for every pattern of a table."""
    return pytest.mark.parametrize(("pattern", "kept"), kept.items(), ids=list(kept))


def bits(*rows: str) -> Tensor:
    """`0110 1001` to [0, 1, 1, 0, 1, 0, 0, 1], one row for each text."""
    return tensor([[int(bit) for bit in row if bit != " "] for row in rows])


def site_of(weight: Tensor, bias: Tensor | None = None) -> Site:
    d_out, d_in = weight.shape
    layer = nn.Linear(d_in, d_out, bias=bias is not None).requires_grad_(False)
    layer.weight.data = weight
    if bias is not None:
        layer.bias.data = bias
    return Site("layer", 0, "q", layer)


def bound(
    mitigations: str,
    weight: Tensor,
    x: Tensor,
    pattern: str = "2:4",
    criterion: str = "magnitude",
    bias: Tensor | None = None,
) -> PrunedActivations:
    """Pruned activations of one layer, calibrated on x, [..., tokens, d_in]."""
    site = site_of(weight, bias)
    chosen = Experiment.build(pattern=pattern, mitigations=mitigations, criterion=criterion)
    made = PrunedActivations(chosen, [site])
    made.calibrate(site, x)
    return made


def state_of(made: PrunedActivations, method: str) -> dict[str, Tensor]:
    return made.states[made.sites[0]][method]


def masked(x: Tensor, criterion: str, pattern: str, weight: Tensor) -> list[list[int]]:
    made = bound("", weight, x, pattern, criterion)
    return made.masked(made.sites[0], x).mask.int().tolist()


def scores(x: Tensor, criterion: str, weight: Tensor, pattern: str = "2:4") -> Tensor:
    made = bound("", weight, x, pattern, criterion)
    return made.masked(made.sites[0], x).scores


def pruned(
    criterion: str, pattern: str, weight: Tensor, x: Tensor, bias: Tensor | None = None
) -> PrunedWeights:
    """The pruned weight of one layer, calibrated on x, [tokens, d_in]."""
    site = site_of(weight, bias)
    chosen = Experiment.build(criterion=criterion, pattern=pattern, target="weight")
    made = PrunedWeights(chosen, [site])
    made.calibrate(site, x)
    made.finish(site)
    return made


def mask(made: PrunedWeights) -> list[list[int]]:
    (site,) = made.sites
    return made.masked(site, site.weight).mask.int().tolist()


def output(made: PrunedActivations | PrunedWeights, x: Tensor) -> Tensor:
    return made.forward(made.sites[0], x)


def assert_kept(made: PrunedActivations, x: Tensor, *rows: str) -> None:
    """The mask of x [tokens, d_in] is the one written, and so is what the layer makes of x."""
    (site,), kept = made.sites, bits(*rows)
    assert made.masked(site, x).mask.int().tolist() == kept.tolist()
    bias = 0 if site.bias is None else site.bias
    assert torch.allclose(made.forward(site, x), (x * kept) @ site.weight.T + bias, rtol=1e-5)


def assert_weight_kept(made: PrunedWeights, *rows: str) -> None:
    """The mask of the weight is the one written, and the layer computes with what it keeps."""
    (site,), kept = made.sites, bits(*rows)
    assert mask(made) == kept.tolist()
    bias = 0 if site.bias is None else site.bias
    each = made.forward(site, torch.eye(site.d_in))  # the pruned weight, column by column
    assert torch.equal(each, (site.weight * kept).T + bias)


def assert_refused(says: str, **fields: object) -> None:
    """The experiment is refused in one sentence that says this."""
    with pytest.raises(UserError, match=says) as caught:
        Experiment.build(**fields)
    sentence = str(caught.value)
    assert sentence.endswith((".", "?")) and ". " not in sentence and "\n" not in sentence
    assert len(sentence) < 200


def assert_largest_kept(target: str, pattern: str, values: Tensor, *rows: str) -> None:
    """By magnitude the pattern keeps this of values, [rows, d_in]: as tokens, or as a weight."""
    if target == "weight":
        assert_weight_kept(pruned("magnitude", pattern, values, values), *rows)
    else:
        d_in = values.shape[-1]
        assert_kept(bound("", torch.ones(1, d_in), values, pattern), values, *rows)
