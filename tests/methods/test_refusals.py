"""What no entry's own file says: no mitigation repairs weights, whatever the pattern."""

from itertools import product

import pytest

from methods.by_hand import assert_refused
from nmviz.methods import MITIGATIONS
from nmviz.methods.patterns import PRESETS

NOT_DENSE = [pattern for pattern in PRESETS if pattern != "dense"]


@pytest.mark.parametrize("target", ["weight"])
@pytest.mark.parametrize(("entry", "pattern"), product(MITIGATIONS, NOT_DENSE))
def test_mitigations_of_weights_are_refused(target: str, entry: str, pattern: str) -> None:
    says = "Mitigations repair pruned activations: leave them out for weights"
    assert_refused(says, target=target, pattern=pattern, mitigations=entry)
