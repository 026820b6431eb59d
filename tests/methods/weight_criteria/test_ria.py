"""ria: S_ij = (|W_ij| / sum_i |W_ij| + |W_ij| / sum_j |W_ij|) * ||X_:,j||_2 ** power."""

import json

import pytest
import torch
from torch import tensor

from methods.by_hand import (
    BIAS,
    FOURTH,
    WEIGHT,
    assert_refused,
    assert_weight_kept,
    by_pattern,
    mask,
    pruned,
)
from nmviz.core.experiment import Experiment
from nmviz.engine.prune.weights import PrunedWeights
from nmviz.ui.shell.view import View

W = tensor([[4.0, -3.0, 2.0, 1.0], [1.0, 2.0, 3.0, -4.0]])
X = tensor([[1.0, 1.0, 3.0, 0.0], [0.0, 1.0, 4.0, 2.0]])  # column norms 1, sqrt 2, 5, 2
NORMS = (FOURTH**2)[None]  # 16 in every fourth channel and 1 elsewhere: their roots are 4 and 1

# Rows add up to 496 and 1040, columns to 11.5, 46.5, 81.5, 20.5, 55.5 ...: the second entry scores
# 13 / 46.5 + 13 / 496 = 0.306 and the fifth 4 * (20 / 55.5 + 20 / 496) = 1.603. Row by row:
# 0 .306 .371 .356, 1.603 .019 .503 .473, .539 .588 .052 .226, 2.584 .196 .302 .128, 1.205 1.009
# .319 .382, 2.166 .434 .448 .689, 2.058 .102 .742 .575, .853 .775 .172 .300 and
# 4.044 .753 .734 .672, 2.695 1.038 .540 .617, 3.755 .471 .990 .863, 1.717 .862 .804 .898, 3.092
# .051 .724 .708, 1.880 .625 .659 .339, 2.242 .956 .301 .516, 3.442 .284 .870 .789.
KEPT = {
    "1:4": (
        "0010 1000 0100 1000 1000 1000 1000 1000",
        "1000 1000 1000 1000 1000 1000 1000 1000",
    ),
    "2:4": (
        "0011 1010 1100 1010 1100 1001 1010 1100",
        "1100 1100 1010 1001 1010 1010 1100 1010",
    ),
    "3:4": (
        "0111 1011 1101 1110 1101 1011 1011 1101",
        "1110 1101 1011 1101 1011 1110 1101 1011",
    ),
    "4:8": (
        "0010 1011 1100 1010 1100 1001 1010 1100",
        "1100 1100 1010 1001 1011 1000 1100 1010",
    ),
    "8:16": (
        "0011 1011 1100 1000 1100 1001 1010 1100",
        "1000 1100 1011 1001 1010 1000 1100 1011",
    ),
    "16:32": (
        "0000 1011 1100 1000 1100 1011 1011 1100",
        "1000 1100 1011 1111 1000 1000 1100 1010",
    ),
}


KEPT_OF_ROWS = {
    "50%": (
        "0000 1011 1100 1000 1100 1011 1011 1100",
        "1000 1100 1011 1111 1000 1000 1100 1010",
    ),
    "70%": (
        "0000 1000 0000 1000 1100 1001 1010 1100",
        "1000 1100 1010 1000 1000 1000 1000 1000",
    ),
}
KEPT_OF_MATRIX = {
    "50%": (
        "0000 1000 0000 1000 1100 1001 1010 1100",
        "1111 1100 1011 1111 1011 1000 1100 1011",
    ),
    "70%": (
        "0000 1000 0000 1000 1100 1000 1000 0000",
        "1000 1100 1011 1001 1000 1000 1100 1010",
    ),
}
"""70% drops floor(44.8) = 44 of 64."""


@by_pattern(KEPT)
def test_what_is_kept_by_hand(pattern: str, kept: tuple[str, str]) -> None:
    assert_weight_kept(pruned("ria", pattern, WEIGHT, NORMS, BIAS[:2]), *kept)


@by_pattern(KEPT_OF_ROWS)
def test_what_is_kept_of_rows_by_hand(pattern: str, kept: tuple[str, str]) -> None:
    assert_weight_kept(pruned("ria(over=row)", pattern, WEIGHT, NORMS, BIAS[:2]), *kept)


@by_pattern(KEPT_OF_MATRIX)
def test_what_is_kept_of_the_matrix_by_hand(pattern: str, kept: tuple[str, str]) -> None:
    for asked in ("ria", "ria(over=matrix)"):  # the default, as in the released code
        assert_weight_kept(pruned(asked, pattern, WEIGHT, NORMS, BIAS[:2]), *kept)


@pytest.mark.parametrize(
    ("power", "by_hand"),
    [
        (0, [[1.2, 0.9, 0.6, 0.3], [0.3, 0.6, 0.9, 1.2]]),
        (0.5, [[1.2, 1.07029, 1.34164, 0.42426], [0.3, 0.71352, 2.01246, 1.69706]]),
        (1, [[1.2, 1.27279, 3.0, 0.6], [0.3, 0.84853, 4.5, 2.4]]),
        (2, [[1.2, 1.8, 15.0, 1.2], [0.3, 1.2, 22.5, 4.8]]),
    ],
)
def test_the_power_weakens_the_inputs_part(power: float, by_hand: list[list[float]]) -> None:
    # Columns add up to 5 each and rows to 10: |w| * 0.3, times 1, sqrt 2, 5, 2 to the power
    made = pruned(f"ria(power={power})", "2:4", W, X)
    assert torch.allclose(made.masked(made.sites[0], W).scores, tensor(by_hand), atol=1e-5)


def test_ria_is_relative_to_row_and_column() -> None:
    made = pruned("ria", "2:4", W, X)
    size = W.abs()
    relative = size / tensor([5.0, 5.0, 5.0, 5.0]) + size / tensor([[10.0], [10.0]])
    expected = relative * tensor([1.0, 2**0.5, 5.0, 2.0]) ** 0.5
    (site,) = made.sites
    assert torch.allclose(made.masked(site, site.weight).scores, expected)
    # 1.2, 1.07, 1.34, 0.42 and 0.3, 0.71, 2.01, 1.70
    assert mask(pruned("ria", "1:4", W, X)) == [[0, 0, 1, 0], [0, 0, 1, 0]]
    assert mask(pruned("ria", "3:4", W, X)) == [[1, 1, 1, 0], [0, 1, 1, 1]]
    plain = pruned("ria(power=0)", "2:4", W, X)
    assert torch.allclose(plain.masked(plain.sites[0], W).scores, relative)


def test_uneven_rows_and_columns_by_hand() -> None:
    # Rows 4 and 12, columns 4 and 12: 1/4 + 1/4, 3/4 + 3/12 and 3/12 + 3/4, 9/12 + 9/12
    weight = tensor([[1.0, -3.0], [-3.0, 9.0]])
    made = pruned("ria", "1:2", weight, torch.ones(1, 2))
    assert made.masked(made.sites[0], weight).scores.tolist() == [[0.5, 1.0], [1.0, 1.5]]


def test_a_column_of_zeros_does_no_harm() -> None:
    weight = tensor([[0.0, 1.0, 2.0, 3.0], [0.0, 0.0, 0.0, 0.0]])
    assert mask(pruned("ria", "2:4", weight, X)) == [[0, 0, 1, 1], [1, 1, 0, 0]]


def test_ties_go_to_the_lower_index() -> None:
    # Three of four entries are alike and meet the same input
    weight, x = tensor([[2.0, -2.0, 2.0, 1.0], [2.0, 2.0, 2.0, 1.0]]), torch.ones(1, 4)
    assert mask(pruned("ria(power=0)", "1:4", weight, x)) == [[1, 0, 0, 0], [1, 0, 0, 0]]
    assert mask(pruned("ria", "2:4", weight, x)) == [[1, 1, 0, 0], [1, 1, 0, 0]]
    assert mask(pruned("ria(over=row)", "50%", weight, x)) == [[1, 1, 0, 0], [1, 1, 0, 0]]


def test_p_percent_is_of_a_row_or_of_the_matrix() -> None:
    # |w| * 0.3 times roots 1, 1.19, 2.24, 1.41: 1.2, 1.07, 1.34, 0.42 and 0.3, 0.71, 2.01, 1.70
    assert mask(pruned("ria(over=row)", "50%", W, X)) == [[1, 0, 1, 0], [0, 0, 1, 1]]
    weight = tensor([[9.0, 1.0, 1.0, 1.0], [1.0, 2.0, 3.0, 4.0]])
    # 0.9 + 9/12, then 1/3, 1/4, 1/5 + 1/12; 0.1 + 0.1, then 2/3, 3/4, 4/5 + 0.2, 0.3, 0.4:
    # 1.65, 0.42, 0.33, 0.28 and 0.20, 0.87, 1.05, 1.20
    ones = torch.ones(1, 4)
    assert mask(pruned("ria(over=matrix)", "50%", weight, ones)) == [[1, 0, 0, 0], [0, 1, 1, 1]]
    assert mask(pruned("ria(over=row)", "50%", weight, ones)) == [[1, 1, 0, 0], [0, 0, 1, 1]]


def asked(criterion: str, pattern: str = "50%") -> Experiment:
    return Experiment.build(target="weight", criterion=criterion, pattern=pattern)


def test_over_is_always_written_of_a_share() -> None:
    assert asked("ria").criterion == "ria(over=matrix)"
    assert asked("ria(over=row)").criterion == "ria(over=row)"
    assert asked("ria(power=0.3)").criterion == "ria(power=0.3, over=matrix)"
    assert asked("ria").but(tokens=4096).criterion == "ria(over=matrix)"
    assert asked("ria", "2:4").criterion == "ria"  # it has no say there: keys stay as they were
    assert asked("ria(over=row)", "2:4").criterion == "ria"
    assert asked("ria", "2:4").but(pattern="50%").criterion == "ria(over=matrix)"
    assert asked("wanda").criterion == "wanda"


def test_a_stored_ria_means_rows_and_answers_no_run_made_now() -> None:
    fields = json.loads(asked("ria").canonical_json()) | {"criterion": "ria"}
    stored = Experiment.model_validate_json(json.dumps(fields))
    assert stored.criterion == json.loads(stored.canonical_json())["criterion"] == "ria"
    assert stored.rule == "ria(over=row)"
    assert stored.but(tokens=stored.tokens) == stored
    assert Experiment.from_query(stored.to_query()) == stored
    assert stored.key not in {asked(text).key for text in ("ria", "ria(over=row)")}
    made = PrunedWeights(stored, [])
    assert made.criterion.settings["over"] == "row"


def test_an_address_means_what_it_meant() -> None:
    old = View.from_query("pattern=50%25&weight_criterion=ria")
    assert old.of("weight").criterion == "ria(over=row)"
    new = View.build({"pattern": "50%", "weight_criterion": "ria"})
    assert new.of("weight").criterion == "ria(over=matrix)"
    for view in (old, new):
        assert View.from_query(view.to_query()).of("weight") == view.of("weight")


def test_settings_without_a_meaning_are_refused() -> None:
    for text, says in (
        ("ria(power=nan)", "not finite"),
        ("ria(power=-0.5)", "at least 0"),
        ("ria(power=half)", "not a float"),
        ("ria(over=column)", "over=column is not one of matrix, row"),
    ):
        assert_refused(says, target="weight", criterion=text)
