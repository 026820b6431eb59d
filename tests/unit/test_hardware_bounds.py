"""The roofline against published worked examples, machines, what no machine has, and energy."""

from pathlib import Path

import pytest

from nmviz.base.errors import UserError
from nmviz.hardware import accelerators
from nmviz.hardware.accelerators import accelerator, read_machines
from nmviz.hardware.counts import count
from nmviz.hardware.energy import energy
from nmviz.hardware.facts import shipped
from nmviz.hardware.pruning import Pruning
from nmviz.hardware.roofline import bound, dense_bound, fits, has_units, roofline
from nmviz.hardware.work import Work
from nmviz.methods.patterns import parse_pattern

V100 = (125.0, 900.0)
"""Tera-operations a second in fp16 and GB a second, as the guides below have them: 138.9 a byte."""


def product(rows: int, inner: int, columns: int) -> tuple[int, int]:
    """Operations and bytes in fp16 of [rows, inner] times [inner, columns]."""
    moved = 2 * (rows * inner + inner * columns + rows * columns)
    return 2 * rows * inner * columns, moved


@pytest.mark.parametrize(
    ("sizes", "intensity", "limit"),
    [
        # NVIDIA, GPU Performance Background User's Guide, Table 1: a linear layer of 4,096 outputs
        # and 1,024 inputs at batches of 512 and of 1.
        ((512, 1024, 4096), 315, "compute"),
        ((1, 1024, 4096), 1, "memory"),
        # NVIDIA, Matrix Multiplication Background User's Guide, section 2.
        ((8192, 8192, 128), 124.1, "memory"),
        ((8192, 8192, 8192), 2730, "compute"),
    ],
)
def test_the_worked_examples_of_nvidia(
    sizes: tuple[int, int, int], intensity: float, limit: str
) -> None:
    operations, moved = product(*sizes)
    assert operations / moved == pytest.approx(intensity, rel=2e-3)
    found = roofline(operations, moved, *V100)
    assert found.limit == limit
    assert found.seconds == pytest.approx(max(operations / 125e12, moved / 900e9))


def bounds(
    machine: str, pattern: str, target: str, work: Work, any_units: bool = False
) -> tuple[float | None, float | None]:
    pruning = Pruning(**{target: parse_pattern(pattern)})  # type: ignore[arg-type]
    counts = count(shipped()["llama2-7b"], work, pruning)
    one = accelerator(machine)
    dense = dense_bound(counts, work, one)
    found = bound(counts, pruning, work, one, any_units=any_units)
    return dense.compute, found.compute


def test_units_for_2_4_halve_the_products_of_2_4_and_of_nothing_wider() -> None:
    work = Work("prefill", tokens=8192)
    for target in ("weight", "activation"):
        dense, pruned = bounds("h100", "2:4", target, work)
        assert dense and pruned and 0.5 < pruned / dense < 0.6  # attention and head stay
        dense, pruned = bounds("h100", "8:16", target, work)
        assert dense == pruned
        _, hypothetical = bounds("h100", "8:16", target, work, any_units=True)
        _, units = bounds("h100", "2:4", target, work)
        assert hypothetical == pytest.approx(units)


def test_units_of_2_4_take_1_4_at_no_more_than_twice_the_speed() -> None:
    work = Work("prefill", tokens=8192)
    assert bounds("a100", "1:4", "weight", work) == bounds("a100", "2:4", "weight", work)


@pytest.mark.parametrize(
    ("pattern", "units", "does"),
    [
        ("2:4", "2:4", True),
        ("1:4", "2:4", True),
        ("1:2", "2:4", True),
        ("3:4", "2:4", False),
        ("4:8", "2:4", False),
        ("50%", "2:4", False),
        ("dense", "2:4", False),
        ("8:16", "8:16", True),
        ("2:4", "8:16", True),
    ],
)
def test_which_patterns_units_take(pattern: str, units: str, does: bool) -> None:
    assert fits(parse_pattern(pattern), parse_pattern(units)) is does


def test_one_token_that_decodes_is_bound_by_memory_and_a_long_prompt_by_products() -> None:
    for work, limit in ((Work("decode"), "memory"), (Work("prefill", tokens=8192), "compute")):
        counts = count(shipped()["llama2-7b"], work, Pruning())
        assert bound(counts, Pruning(), work, accelerator("h100")).limit == limit


def test_what_a_sheet_does_not_say_is_not_bounded() -> None:
    work = Work("decode")
    counts = count(shipped()["llama2-7b"], work, Pruning())
    nothing = bound(counts, Pruning(), work, accelerator("ascend-910b"))
    assert (nothing.seconds, nothing.limit) == (None, None)
    only_memory = bound(counts, Pruning(), work, accelerator("apple-m2"))
    assert only_memory.seconds == pytest.approx(14_293_490_176 / 100e9)
    assert only_memory.limit is None


def test_every_machine_that_ships_has_a_source() -> None:
    every = accelerators.shipped()
    assert {"a100", "h100", "h200", "b200", "l4", "rtx4090", "rtx5080", "gb10", "mi300x"} <= set(
        every
    )
    assert all(one.source and one.checked for one in every.values())
    assert accelerator("gb10").origin.startswith(f"{accelerator('gb10').source}, as read in: ")
    assert has_units(Pruning(weight=parse_pattern("2:4")), every["h100"])
    assert not has_units(Pruning(weight=parse_pattern("2:4")), every["apple-m2"])


def test_a_machine_of_ones_own(tmp_path: Path) -> None:
    file = tmp_path / "own.toml"
    file.write_text(
        '[mine]\nsource = "bench"\nbandwidth = 50\npeak = { fp32 = 1 }\nsparse = "8:16"'
    )
    own = read_machines(file)
    one = accelerator("mine", own)
    assert (one.title, one.bandwidth, one.peak) == ("mine", 50, {"fp32": 1})
    assert one.units == parse_pattern("8:16")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('[a]\nsource = "s"\nbandwidth = -1', "a: Bandwidth is above 0 GB a second; given: -1."),
        ('[a]\nsource = "s"\nbandwidth = inf', "Bandwidth is a finite number"),
        ('[a]\nsource = "s"\npeak = { bf16 = 0 }', "The peak of bf16 is above 0; given: 0."),
        ('[a]\nsource = "s"\npeak = { fp64 = 1 }', "'fp64' is no data type"),
        ('[a]\nsource = "s"\nsparse = "50%"', "Sparse units take N:M"),
        ('[a]\nsource = "s"\nsparse = "x"', "'x' is not a pattern"),
        ('[a]\nsource = "s"\nspeed = 1', "'speed' is no setting"),
        ("[a]\nbandwidth = 1", "nothing is given"),
        ("a = 1", "'a' is no table"),
        ("[a", "is not TOML"),
    ],
)
def test_a_file_of_machines_that_is_wrong(tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "own.toml"
    file.write_text(text)
    with pytest.raises(UserError) as refused:
        read_machines(file)
    assert said in str(refused.value) and "\n" not in str(refused.value)


def test_a_machine_that_is_not_there() -> None:
    with pytest.raises(UserError, match="no machine 'z80': choose one of a100"):
        accelerator("z80")
    with pytest.raises(UserError, match="cannot be read"):
        read_machines(Path("/absent/machines.toml"))


def test_energy_is_a_range_by_hand() -> None:
    """A million products in fp16 at 1.5 pJ, a million bytes at 1,300 / 8 to 2,600 / 8 pJ."""
    found = energy(10**6, 10**6, "fp16")
    assert found is not None
    assert found.products == pytest.approx((1.5e-6, 1.5e-6))
    assert found.bytes == pytest.approx((162.5e-6, 325e-6))
    assert found.total == pytest.approx((164e-6, 326.5e-6))
    assert energy(1, 1, "fp8") is None
