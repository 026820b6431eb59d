"""What is said of input that is wrong: plain words, true, and nothing in a programmer's terms."""

import math
from typing import Any

import pytest

from nmviz.base.errors import UserError
from nmviz.core.experiment import FOUND, Experiment
from nmviz.core.running import Running
from nmviz.hardware.metadata import bits
from nmviz.methods.patterns import parse_pattern
from nmviz.ui.explore.panels.layer import step
from nmviz.ui.explore.panels.zero_shot_choices import Questions
from nmviz.ui.shell.html import hint, note, words
from nmviz.ui.shell.view import LONGEST_PROMPT, NAMES, Look, View, Writing

ODD: tuple[Any, ...] = (
    *(None, "", "  ", "x", -5, 0, 1.5, math.inf, math.nan, True, [], [1], {"a": 1}, "x" * 3_000),
    10**30,
)
PROGRAMS = ("should be", "valid ", "Input", "None", "tuple", "NoneType", "given: )", "given: .")


@pytest.mark.parametrize("name", [*NAMES, *Questions.model_fields])
def test_no_refusal_speaks_of_types(name: str) -> None:
    """Every setting with every kind of odd value."""
    build = View.build if name in NAMES else Questions.build
    refused = 0
    for value in ODD:
        try:
            build({name: value})
        except UserError as error:
            refused += 1
            assert str(error).endswith(".") and "\n" not in str(error), (name, value)
            for word in PROGRAMS:
                assert word not in str(error), (name, value, str(error))
    assert refused


def test_an_empty_field_is_called_by_its_title() -> None:
    empty = View.build({"tokens": None, "seed": None}).experiment
    with pytest.raises(UserError) as caught:
        empty.check_known()
    said = "This experiment cannot be run: give a value for Token budget (tokens) and Seed."
    assert str(caught.value) == said
    unsaid = Experiment.build(mitigations="r-sparse(rank=?)")
    with pytest.raises(UserError, match=r"give a value for r-sparse\(rank\)\.$"):
        unsaid.check_known()
    with pytest.raises(UserError, match="Calibration windows is a whole number; nothing is given"):
        View.build({"calibration_windows": None})
    with pytest.raises(UserError, match="is at least 2; given: -5"):
        View.build({"tokens": -5})


def test_what_is_too_long_is_not_written_out() -> None:
    with pytest.raises(UserError) as caught:
        View.build({"prompt": "x" * (LONGEST_PROMPT + 1)})
    said = "Prompt is at most 2,000 characters long; what is given is longer."
    assert str(caught.value) == said
    with pytest.raises(UserError, match=r"^prompt is longer than 4,000 characters"):
        View.build({"prompt": "x" * 5_000})


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("4\N{FULLWIDTH COLON}8", "4:8"),
        ("\uff14\uff1a\uff18", "4:8"),
        ("4 : 8", "4:8"),
        ("4\N{RATIO}8", "4:8"),
        ("50\N{FULLWIDTH PERCENT SIGN}", "50%"),
        ("50 %", "50%"),
    ],
)
def test_a_pattern_in_another_form_is_understood(written: str, meant: str) -> None:
    assert str(parse_pattern(written)) == meant
    assert View.build({"pattern": written}).experiment.pattern == meant


@pytest.mark.parametrize(
    ("written", "advice"),
    [("50", "or 50% (drop that share)"), ("12.5", "or 12.5% "), ("0.5", "or P% such as 50% ")],
)
def test_a_bare_number_is_told_how_a_share_is_written(written: str, advice: str) -> None:
    with pytest.raises(UserError) as caught:
        parse_pattern(written)
    assert advice in str(caught.value)
    assert "dense" not in str(caught.value)  # which the page would refuse in turn


@pytest.mark.parametrize("written", ["50%", "50", "x", ""])
def test_metadata_asks_for_nothing_that_it_refuses(written: str) -> None:
    with pytest.raises(UserError) as caught:
        bits(written)
    assert "write N:M, such as 8:16" in str(caught.value) and "P%" not in str(caught.value)


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"criterion": "wanda"}, "'wanda' is a weight criterion, not an activation criterion"),
        ({"weight_criterion": "wina"}, "'wina' is an activation criterion, not a weight criterion"),
        ({"mitigations": ["clact"]}, "'clact' is an activation criterion, not a mitigation"),
        ({"criterion": "d-pts"}, "'d-pts' is a mitigation, not an activation criterion"),
    ],
)
def test_a_method_of_another_menu_is_called_that(fields: dict[str, Any], said: str) -> None:
    with pytest.raises(UserError) as caught:
        View.build(fields)
    assert said in str(caught.value) and "did you mean" not in str(caught.value)
    assert "choose one of" in str(caught.value)


def test_backticks_become_code_and_nothing_else_becomes_html() -> None:
    assert words("use `a < b` or <b>") == "use <code>a &lt; b</code> or &lt;b&gt;"
    assert "<code>nmviz run</code>" in note("use `nmviz run`.")
    assert "<code>x</code>" in hint("shown", "the `x` of it")


@pytest.mark.parametrize("group", [2, 4, 16, 32, 64])
def test_closer_ends_at_one_block(group: int) -> None:
    look = Look()
    for _ in range(12):
        look = step(look, "closer", None, group)
    assert (look.rows, look.columns) == (1, group)


def test_closer_never_widens_what_was_typed() -> None:
    assert step(Look(columns=3), "closer", None, 16).columns == 3


def test_closer_goes_down_to_one_entry_without_blocks() -> None:
    look = Look()
    for _ in range(12):
        look = step(look, "closer", None, None)
    assert look.columns == 1


def test_every_field_of_the_form_has_a_title() -> None:
    for model in (Experiment, Running, Look, Writing, Questions):
        for name, field in model.model_fields.items():
            # What is read has no field, nor have shots, which our own tasks do not take, what a
            # sweep decides for itself, and the bound of memory, which a command takes as a size.
            decided = ("partial_results", "memory")
            assert field.title or name in (*FOUND, "shots", "real_speed", *decided), name
