"""Measured speeds: rows read by hand from the tables, what is in doubt, the nearest one."""

from collections import Counter
from pathlib import Path

import pytest

from nmviz.base.errors import UserError
from nmviz.hardware import accelerators
from nmviz.hardware.facts import shipped
from nmviz.published.speeds.implausible import Doubts, implausible, in_words, to_json
from nmviz.published.speeds.measured import WIDE_FILE, Measured, Phase, read_measured
from nmviz.published.speeds.nearest import Asked, answer_of, nearest, sentence
from nmviz.store.database import results_folder

FOLDER = results_folder()
assert FOLDER is not None
PUBLISHED = FOLDER / "published"
LLAMA_1B, QWEN_7B = (2048, 8192), (3584, 18_944)


@pytest.fixture(scope="module")
def rows() -> tuple[Measured, ...]:
    return read_measured(PUBLISHED)


@pytest.fixture(scope="module")
def doubts(rows: tuple[Measured, ...]) -> Doubts:
    return implausible(rows)


def only(rows: tuple[Measured, ...], *told: object) -> Measured:
    names = ("phase", "machine", "dtype", "shape", "tokens", "pattern")
    (found,) = [one for one in rows if tuple(getattr(one, name) for name in names) == told]
    return found


@pytest.mark.parametrize(
    ("told", "printed", "dense"),
    [
        (("product", "a100", "bf16", "square", 64, "2:4"), "0.76", "4.32e+00"),
        (("product", "a100", "bf16", "square", 64, "dense"), "0.70", "4.32e+00"),
        (("product", "b200", "fp4", "square", 64, "8:10"), "1.51", "8.42e+00"),
        (("layers", "a100", "int8", "llama3.2-1b", 128, "6:8"), "1.03", "1.00e+02"),
        (("prefill", "h100", "fp8", "qwen2.5-7b", 16_384, "4:6"), "1.08", "3.98e+04"),
        (("decode", "a100", "int8", "llama3.2-1b", 256, "2:4"), "1.07", "2.30e+04"),
        (("prefill", "rtx5080", "int8", "llama3.2-3b", 512, "2:4"), "11.74", "2.16e+03"),
    ],
)
def test_rows_read_by_hand(
    rows: tuple[Measured, ...], told: tuple[object, ...], printed: str, dense: str
) -> None:
    """Their 2:10, 2:8 and 2:6 count zeros: 8:10, 6:8 and 4:6 here."""
    one = only(rows, *told)
    assert (one.printed, one.ratio, one.dense) == (printed, float(printed), dense)


def test_how_many_rows_there_are(rows: tuple[Measured, ...]) -> None:
    with (PUBLISHED / WIDE_FILE).open(encoding="utf-8") as file:
        assert sum(1 for _ in file) - 1 == 1829
    by_target = Counter(one.target for one in rows)
    assert by_target == {"weight": 10_979, "activation": 10}
    assert len({one.key for one in rows}) == len(rows)


def test_machines_types_and_widths_are_known_here(rows: tuple[Measured, ...]) -> None:
    assert {one.machine for one in rows} <= set(accelerators.shipped())
    models = shipped()
    for one in rows:
        if one.shape in models:
            assert models[one.shape].widths == (one.d_in, one.d_out)
        else:
            assert one.phase == "product"


def ask(
    rows: tuple[Measured, ...],
    doubts: Doubts,
    tokens: int,
    widths: tuple[int, int],
    pattern: str = "2:4",
    machine: str = "h100",
    phase: Phase = "prefill",
) -> tuple[str, float | None]:
    asked = Asked(machine, "fp8", phase, "weight", pattern, tokens, *widths)
    near = nearest(rows, asked, doubts)
    return ("unknown", None) if near is None else (near.answer, near.measured.ratio)


@pytest.mark.parametrize(
    ("tokens", "ratio"), [(512, 0.81), (1024, 0.83), (2048, 0.84), (4096, 0.84)]
)
def test_2_4_slows_a_1b_model_down_on_an_h100_in_fp8(
    rows: tuple[Measured, ...], doubts: Doubts, tokens: int, ratio: float
) -> None:
    assert ask(rows, doubts, tokens, LLAMA_1B) == ("no", ratio)


@pytest.mark.parametrize(
    ("tokens", "ratio"),
    [(512, 1.02), (1024, 1.12), (2048, 1.21), (4096, 1.24), (8192, 1.27), (16_384, 1.30)],
)
def test_2_4_speeds_a_7b_model_up_on_an_h100_in_fp8(
    rows: tuple[Measured, ...], doubts: Doubts, tokens: int, ratio: float
) -> None:
    assert ask(rows, doubts, tokens, QWEN_7B) == ("yes", ratio)


def test_what_is_not_near_is_not_known(rows: tuple[Measured, ...], doubts: Doubts) -> None:
    assert ask(rows, doubts, 255, QWEN_7B) == ("unknown", None)  # 512 is more than twice
    assert ask(rows, doubts, 256, QWEN_7B) == ("yes", 1.02)
    assert ask(rows, doubts, 65_537, QWEN_7B) == ("unknown", None)
    assert ask(rows, doubts, 1024, QWEN_7B, pattern="8:16") == ("unknown", None)
    assert ask(rows, doubts, 1024, QWEN_7B, machine="a100") == ("unknown", None)
    assert ask(rows, doubts, 1024, (16_384, 65_536)) == ("unknown", None)


def test_the_nearest_is_the_one_whose_factors_are_least(
    rows: tuple[Measured, ...], doubts: Doubts
) -> None:
    """Llama 3.1 8B: Qwen 14B is 1.25 by 0.96 away, Qwen 7B 0.875 by 1.32, at 3,000 tokens 4,096
    are nearer than 2,048."""
    asked = Asked("h100", "fp8", "prefill", "weight", "2:4", 3000, 4096, 14_336)
    near = nearest(rows, asked, doubts)
    assert near is not None
    assert (near.measured.shape, near.measured.tokens) == ("qwen2.5-14b", 4096)
    assert near.how_far == "1.37 times the tokens, 1.25 times the d_in, 0.964 times the d_out"
    assert sentence(near, asked).startswith("Yes: 1.30 times the dense speed (prefill, end to end")


def test_measurements_of_the_same_that_do_not_agree_answer_nothing(
    rows: tuple[Measured, ...], doubts: Doubts
) -> None:
    """The authors' layer at 8,192 tokens: 0.93 in one cell, 1.06 in the other."""
    asked = Asked("a40", "fp16", "product", "activation", "2:4", 8192, 14_336, 4096)
    near = nearest(rows, asked, doubts)
    assert near is not None and near.answer == "unknown"
    assert sentence(near, asked).startswith("Not known: 0.93 and 1.06 times")
    assert sentence(None, asked).startswith("Not known: there is no measurement near")


@pytest.mark.parametrize(
    ("ratio", "answer"), [(1.02, "yes"), (1.019, "even"), (0.981, "even"), (0.98, "no")]
)
def test_where_yes_even_and_no_begin(ratio: float, answer: str) -> None:
    assert answer_of(ratio) == answer


def test_ratios_in_doubt_are_marked_with_the_reason(
    rows: tuple[Measured, ...], doubts: Doubts
) -> None:
    assert len(doubts) == 1230  # as the README says
    outlier = only(rows, "prefill", "rtx5080", "int8", "llama3.2-3b", 512, "2:4")
    assert "6:8" not in doubts[outlier.key] and "at most" in doubts[outlier.key]
    b200 = [
        one for one in rows if (one.machine, one.dtype, one.phase) == ("b200", "int8", "layers")
    ]
    assert len(b200) == 360 and all(one.key in doubts for one in b200)
    slow = only(rows, "layers", "rtx4090", "int8", "qwen2.5-7b", 64, "10:12")
    assert slow.printed == "0.08" and "less than half" in doubts[slow.key]
    end_to_end = ("prefill", "decode")
    assert not [
        one
        for one in rows
        if (one.machine, one.dtype) == ("h100", "fp8")
        and one.phase in end_to_end
        and one.key in doubts
    ]


def test_the_audit_says_which_ratios_are_in_doubt(
    rows: tuple[Measured, ...], doubts: Doubts
) -> None:
    assert "1,230 of 10,989 ratios are in doubt" in in_words(rows, doubts)
    assert "Most: b200 int8, layers: 360 of 360; " in in_words(rows, doubts)
    told = to_json(rows, doubts)
    assert len(told) == 1230 and all(one["why"] and one["place"] for one in told)


def test_what_is_in_doubt_decides_nothing(rows: tuple[Measured, ...], doubts: Doubts) -> None:
    asked = Asked("b200", "int8", "layers", "weight", "2:4", 4096, *QWEN_7B)
    assert nearest(rows, asked, {}) is not None
    assert nearest(rows, asked, doubts) is None


def test_a_row_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    for file in PUBLISHED.glob("speed*"):
        (tmp_path / file.name).write_bytes(file.read_bytes())
    head, first, *_ = (PUBLISHED / WIDE_FILE).read_text().splitlines()
    (tmp_path / WIDE_FILE).write_text(f"{head}\n{first}\n{first.replace('0.76', 'fast')}\n")
    with pytest.raises(UserError, match=f"{WIDE_FILE}, line 3: could not convert"):
        read_measured(tmp_path)
