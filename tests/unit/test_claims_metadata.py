"""Metadata of N:M: exact, for any N and M."""

from math import ceil, comb, log2
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nmviz.base.errors import UserError
from nmviz.claims.metadata import sentence
from nmviz.claims.speed import weight_bytes
from nmviz.hardware.metadata import bits
from nmviz.methods.patterns import parse_pattern
from nmviz.published.speed import SPEED_FILE, read_speeds
from nmviz.store.database import results_folder

TABLE = {
    "2:4": (6, 0.6462, 0.7500, 1.0, 0.5469),
    "4:8": (70, 0.7662, 0.8750, 1.5, 0.5547),
    "8:16": (12_870, 0.8532, 0.8750, 2.0, 0.5547),
    "16:32": (601_080_390, 0.9113, 0.9375, 2.5, 0.5586),
}
"""Patterns, entropy, whole bits, index bits, and storage against dense fp16."""


@pytest.mark.parametrize(("pattern", "row"), TABLE.items())
def test_the_table(pattern: str, row: tuple[float, ...]) -> None:
    one = bits(pattern)
    found = (one.patterns, one.entropy, one.whole, one.index, one.stored(one.whole))
    assert found == pytest.approx(row, abs=5e-5)
    assert one.stored(one.bitmap) == 0.5625


@given(st.integers(1, 64).flatmap(lambda m: st.tuples(st.integers(1, m), st.just(m))))
def test_any_pattern(sizes: tuple[int, int]) -> None:
    keep, group = sizes
    one = bits(f"{keep}:{group}")
    assert one.patterns == comb(group, keep)
    assert one.entropy == parse_pattern(one.name).metadata_bits()
    assert one.entropy <= one.whole + 1e-12
    if one.patterns < 2**50:
        assert one.whole == ceil(log2(one.patterns) - 1e-9) / group
    assert one.name in sentence(one)


def test_the_largest_group_is_counted_too() -> None:
    assert "2^" in sentence(bits("2048:4096"))


@pytest.mark.parametrize("wrong", ["50%", "dense", "8:4", "", "eight of sixteen"])
def test_what_has_no_blocks_is_refused(wrong: str) -> None:
    with pytest.raises(UserError):
        bits(wrong)


def test_four_small_blocks_have_a_tenth_of_the_patterns() -> None:
    eight = bits("8:16")
    assert eight.four_blocks == 1296
    assert eight.patterns / 1296 == pytest.approx(9.93, abs=0.01)
    assert bits("3:16").four_blocks is None


def test_the_printed_bits_are_the_whole_ones_and_not_the_quotients() -> None:
    for name, printed in {"2:4": 0.75, "8:16": 0.875}.items():
        assert bits(name).whole == printed
        assert round(bits(name).entropy, 2) != round(printed, 2)
    text = sentence(bits("8:16"))
    assert "12,870" in text and "0.8532" in text and "0.8750" in text


def test_bytes_of_weights_that_are_read() -> None:
    assert weight_bytes("weight", 1) == weight_bytes("weight", 4096) == 0.5625
    assert weight_bytes("activation", 1) == 0.5
    assert weight_bytes("activation", 4) == 0.9375
    assert weight_bytes("activation", 1024) == pytest.approx(1)


def test_a_broken_line_of_speeds_is_named(tmp_path: Path) -> None:
    folder = results_folder()
    assert folder is not None
    good = (folder / "published" / SPEED_FILE).read_text(encoding="utf-8").splitlines()
    (tmp_path / SPEED_FILE).write_text("\n".join([*good, good[1].replace("1.25", "fast")]))
    with pytest.raises(UserError, match=f"{SPEED_FILE}, line {len(good) + 1}"):
        read_speeds(tmp_path)
    with pytest.raises(UserError, match="cannot be read"):
        read_speeds(tmp_path / "nowhere")
