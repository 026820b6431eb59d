"""The norm of every channel: as torch's to the last bit, whatever is given."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from nmviz.methods.norms import column_norm


@given(
    st.lists(st.integers(1, 3), max_size=2),
    st.integers(1, 70),
    st.integers(1, 40),
    st.sampled_from([torch.float32, torch.float64, torch.bfloat16]),
    st.sampled_from(["as it is", "turned", "trained"]),
    st.sampled_from([1.0, 1e-25, 1e25, 0.0]),
)
def test_it_is_torchs(before, tokens, d_in, dtype, how, scale) -> None:
    generator = torch.Generator().manual_seed(tokens * 41 + d_in)
    x = (scale * torch.randn(*before, tokens, d_in, generator=generator)).to(dtype)
    x = x.mT if how == "turned" else x.requires_grad_(how == "trained")
    assert torch.equal(column_norm(x), x.norm(dim=-2, keepdim=True))


@pytest.mark.parametrize("shape", [(1, 512, 576), (8192, 64), (2, 300, 1536)])
def test_of_large_inputs_too(shape: tuple[int, ...]) -> None:
    x = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    assert torch.equal(column_norm(x), x.norm(dim=-2, keepdim=True))


def test_what_is_not_finite_stays_so() -> None:
    x = torch.ones(3, 4)
    x[1, 2], x[0, 1] = torch.nan, torch.inf
    assert column_norm(x).tolist()[0][1] == torch.inf
    assert column_norm(x)[0, 2].isnan()


def test_a_gradient_flows() -> None:
    x = torch.randn(3, 4).requires_grad_()
    column_norm(x).sum().backward()
    assert x.grad is not None
