"""dense: nothing is dropped, whatever the method."""

from itertools import product

import pytest
from torch import tensor

from methods.by_hand import TOKEN, WEIGHT, assert_largest_kept, masked
from nmviz.core.experiment import Experiment
from nmviz.core.settings import TARGETS
from nmviz.engine.prune.masking import Ties, count_ties, token_mask
from nmviz.methods import BY_TARGET, MITIGATIONS
from nmviz.methods.patterns import DENSE, Pattern, parse_pattern

METHODS = [(target, name) for target in TARGETS for name in BY_TARGET[target]]
METHODS += product(TARGETS, MITIGATIONS)


def test_what_is_written_is_what_is_meant() -> None:
    assert parse_pattern("dense") == parse_pattern(" DENSE ") == DENSE == Pattern()
    assert str(DENSE) == "dense"
    assert DENSE.words == "nothing dropped"
    assert DENSE.density == 1.0
    assert DENSE.metadata_bits() is None
    assert (DENSE.is_dense, DENSE.is_grouped, DENSE.dropped(32)) == (True, False, 0)


@pytest.mark.parametrize("target", ["activation", "weight"])
def test_everything_is_kept(target: str) -> None:
    assert_largest_kept(target, "dense", WEIGHT, "1111" * 8, "1111" * 8)
    assert_largest_kept(target, "dense", tensor([[0.0, 0.0, 1.0]]), "111")  # zeros too


def test_dense_keeps_everything() -> None:
    assert token_mask(tensor([0.0, 0.0, 1.0]), DENSE).int().tolist() == [1, 1, 1]


def test_ties_decide_nothing() -> None:
    scores = tensor([[1.0, 1.0, 1.0]])
    assert count_ties(scores, scores > 0, DENSE) == Ties(tied=0, count=3)


def test_any_width_fits() -> None:
    DENSE.check_divides(577, "q")


@pytest.mark.parametrize("pattern", ["dense"])
@pytest.mark.parametrize(("target", "entry"), METHODS)
def test_no_method_is_part_of_a_dense_experiment(target: str, entry: str, pattern: str) -> None:
    kind = "mitigations" if entry in MITIGATIONS else "criterion"
    chosen = Experiment.build(pattern=pattern, target=target, **{kind: entry})
    assert chosen == Experiment.build(pattern="dense")
    assert (chosen.criterion, chosen.mitigations) == ("magnitude", ())


def test_a_method_named_with_dense_leaves_the_layer_alone() -> None:
    assert masked(TOKEN[None], "wina", "dense", WEIGHT) == [[1] * 32]
