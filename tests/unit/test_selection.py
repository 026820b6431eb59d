"""The sorting network against torch's own sort."""

import pytest
import torch

from nmviz.engine.prune.kernels.nth_largest import network, nth_largest


@pytest.mark.parametrize("width", [1, 2, 3, 4, 5, 7, 8, 13, 16, 31, 32, 33, 64, 65])
def test_every_place_of_every_width(width: int) -> None:
    torch.manual_seed(width)
    blocks = torch.randint(0, 9, (3, 50, width)).float()  # many ties
    ordered = blocks.sort(-1, descending=True).values
    for n in range(1, width + 1):
        assert torch.equal(nth_largest(blocks, n)[..., 0], ordered[..., n - 1])


def test_every_zero_one_input_of_width_ten_is_sorted() -> None:
    # A network that sorts all inputs of zeros and ones sorts everything.
    bits = torch.arange(1024)[:, None] >> torch.arange(10) & 1
    ordered = bits.float().sort(-1, descending=True).values
    for n in range(1, 11):
        assert torch.equal(nth_largest(bits.float(), n)[:, 0], ordered[:, n - 1])


def test_only_the_steps_a_place_needs_are_kept() -> None:
    assert len(network(4, 2)) == 5
    assert len(network(16, 1)) < len(network(16, 8))
