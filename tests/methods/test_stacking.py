"""Mitigations together: what they do in which order."""

import torch
from torch.nn import functional

from methods.by_hand import bound, output


def test_steps_stack_in_order_and_are_undone_in_reverse() -> None:
    weight, x = torch.randn(3, 8), torch.randn(6, 8) + 2
    made = bound("smooth,d-pts,var", weight, x)
    scale = (x.abs().amax(0) / weight.abs().amax(0)).sqrt()
    even = x / scale
    eta = even.median(-1, keepdim=True).values
    shifted = even - eta
    blocks = shifted.view(6, 2, 4)
    top = blocks.abs().topk(2, -1).indices
    kept = torch.zeros_like(blocks).scatter(-1, top, blocks.gather(-1, top)).view(6, 8)
    kept = kept * (shifted.var(-1, keepdim=True) / kept.var(-1, keepdim=True)).sqrt()
    expected = functional.linear((kept + eta) * scale, weight)
    assert torch.allclose(output(made, x), expected, atol=1e-5)
