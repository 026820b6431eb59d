"""Rounding errors against bf16's own, and the floor they add up to by hand."""

import pytest
import torch

from nmviz.core.experiment import Experiment
from nmviz.core.pairing import judge
from nmviz.core.results import Measurement, Provenance, Result
from nmviz.core.tokenwise.floor import NoiseFloor
from nmviz.engine.measure.noise import Floor, with_rounding
from nmviz.engine.measure.statistics import PairedTokens


@pytest.mark.parametrize("value", [1.0, 1.9921875, -3.0, 1e-20, 5e4, 0.1])
def test_an_error_stays_within_half_a_unit_in_the_last_place_and_fills_it(value: float) -> None:
    """A unit: from a bf16 number to the next one of the same power of two."""
    y = torch.full((4000,), value)
    near = torch.tensor(value).bfloat16()
    low = torch.tensor(2.0) ** near.float().abs().log2().floor()
    unit = ((low.bfloat16().view(torch.int16) + 1).view(torch.bfloat16).float() - low).item()
    error = (with_rounding(y, 0).double() - y.double()) / unit
    assert error.abs().max() <= 0.501
    assert error.min() < -0.49 and error.max() > 0.49
    assert abs(error.mean()) < 0.02
    assert error.std() == pytest.approx(12**-0.5, rel=0.05)


def test_it_is_as_large_as_bf16s_own_rounding_and_spares_zero() -> None:
    torch.manual_seed(0)
    y = torch.randn(20_000)
    own = (y.bfloat16().float() - y).square().mean()
    drawn = (with_rounding(y, 1) - y).square().mean()
    assert drawn.item() == pytest.approx(own.item(), rel=0.05)
    assert torch.equal(with_rounding(torch.zeros(5), 0), torch.zeros(5))


def test_the_same_seed_draws_the_same_errors() -> None:
    y = torch.randn(3, 5, 7)
    assert torch.equal(with_rounding(y, 4), with_rounding(y, 4))
    assert not torch.equal(with_rounding(y, 4), with_rounding(y, 5))


def test_the_floor_is_the_mean_kl_and_the_root_mean_square_of_the_moves() -> None:
    floor = Floor("dense")
    assert floor.told() is None
    for draw, (kl, moved) in zip(floor.draws, [(0.1, 0.3), (0.2, -0.3), (0.3, 0.0)], strict=True):
        one = torch.ones(64, dtype=torch.float64)
        draw.__dict__.update(PairedTokens([one], [one + moved], [kl * one], [one], [one]).__dict__)
    told = floor.told()
    assert told is not None and (told.of, told.draws) == ("dense", 3)
    assert told.kl == pytest.approx(0.2)
    assert told.delta_nll == pytest.approx((0.18 / 3) ** 0.5)


def ran(cost: float, *floors: tuple[str, float]) -> Result:
    """A run of that cost, known to 0.01, with these floors."""
    told = Measurement(metric="delta_nll", value=cost, stderr=0.01, n=16, unit_of_n="windows")
    return Result(
        experiment=Experiment.build(pattern="2:4"),
        measurements=(told,),
        noise_floors=tuple(
            NoiseFloor.model_validate({"of": of, "kl": 0.1, "delta_nll": moved, "draws": 3})
            for of, moved in floors
        ),
        provenance=Provenance(source="nmviz"),
    )


@pytest.mark.parametrize(
    ("dearer", "other", "verdict"),
    [
        (ran(0.2), ran(0.1), "real"),
        (ran(0.11), ran(0.1), "not told apart"),
        (ran(0.2, ("pruned", 0.05)), ran(0.1, ("pruned", 0.01)), "real"),
        (ran(0.2, ("pruned", 0.01)), ran(0.1, ("pruned", 0.3)), "below the noise floor"),
        (ran(0.2, ("dense", 0.3), ("pruned", 0.05)), ran(0.1), "real"),
        (ran(0.2, ("dense", 0.3)), ran(0.1), "below the noise floor"),
        (ran(float("nan")), ran(0.1), "no interval"),
    ],
)
def test_a_difference_is_held_against_the_larger_floor(
    dearer: Result, other: Result, verdict: str
) -> None:
    assert judge(dearer, other) == verdict


def test_without_a_cost_there_is_no_verdict() -> None:
    assert judge(ran(0.2).model_copy(update={"measurements": ()}), ran(0.1)) == "no interval"


def test_other_figures_are_held_against_their_own_floor_or_none() -> None:
    """Known to 0.01 each: together to 0.0141, and Student's t of 15 is 2.13, so 0.03 is 0.030."""

    def moved(kl: float, metric: str = "kl", *floors: NoiseFloor) -> Result:
        told = Measurement(metric=metric, value=kl, stderr=0.01, n=16)
        return ran(0.5).model_copy(update={"measurements": (told,), "noise_floors": floors})

    floor = NoiseFloor(of="pruned", kl=0.05, delta_nll=9.0, draws=3)
    assert judge(moved(0.24), moved(0.2), "kl") == "real"
    assert judge(moved(0.22), moved(0.2), "kl") == "not told apart"
    assert judge(moved(0.24), moved(0.2, "kl", floor), "kl") == "below the noise floor"
    assert judge(moved(0.26), moved(0.2, "kl", floor), "kl") == "real"
    low = moved(-0.3, "delta_p_p01", floor), moved(-0.2, "delta_p_p01")
    assert judge(*low, "delta_p_p01", higher=True) == "real"
    assert judge(*reversed(low), "delta_p_p01", higher=True) == "not told apart"


def test_beside_the_dense_model_a_cost_is_its_own_difference() -> None:
    assert judge(ran(0.03), None) == "real"  # 2.13 * 0.01 below it
    assert judge(ran(0.02), None) == "not told apart"
    assert judge(ran(0.03, ("pruned", 0.04)), None) == "below the noise floor"
