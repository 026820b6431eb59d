"""`nmviz bench hardware`: which cases there are, and that each computes what it says."""

import pytest
import torch

from nmviz.engine import hardware_bench
from nmviz.engine.prune.masking import prune
from nmviz.methods.patterns import parse_pattern

SIZES = (32, 8)


@pytest.mark.parametrize(("tokens", "cases"), [(1, 5), (16, 3)])
def test_rows_say_what_was_timed_and_on_what(tokens: int, cases: int) -> None:
    rows = list(hardware_bench.layer("llama2-7b", "fp32", tokens, "cpu", sizes=SIZES))
    assert len(rows) == cases and rows[0].case == f"llama2-7b, fp32, {tokens} tokens: dense"
    assert {(one.device, one.tokens, one.d_in, one.d_out) for one in rows} == {
        ("cpu", tokens, *SIZES)
    }
    assert all(one.torch == torch.__version__ and one.seconds > 0 for one in rows)


def test_skipped_columns_give_the_product_of_what_is_kept() -> None:
    generator = torch.Generator().manual_seed(1)
    x, weight = torch.randn(1, 32, generator=generator), torch.randn(8, 32, generator=generator)
    cases = hardware_bench._on_cpu(x, weight)
    for name in hardware_bench.MASKED:
        wanted = prune(x, None, parse_pattern(name)) @ weight.T
        assert torch.allclose(cases[f"activations {name} on the fly"](), wanted)
        skipped, _ = cases[f"activations {name}, columns skipped"]()
        assert torch.allclose(torch.from_numpy(skipped).reshape(1, -1), wanted, atol=1e-5)


def test_products_of_fp8_are_those_of_their_values() -> None:
    """In BF16, which has eight bits: to a unit in the last place of the sum's terms."""
    generator = torch.Generator().manual_seed(2)
    x, weight = (torch.randn(16, 32, generator=generator) for _ in range(2))
    x, weight = (hardware_bench._typed(one, "fp8", "cpu") for one in (x, weight))
    wanted = x.float() @ weight.float().T
    found = hardware_bench.scaled(x, weight.T).float()
    assert torch.allclose(found, wanted, rtol=2**-7, atol=2**-7)
    assert torch.allclose(
        hardware_bench._pruned(x, weight, "fp8")().float(), wanted.T, rtol=2**-7, atol=2**-7
    )
