"""Which experiments of a sweep share a dense pass, and how many at most."""

from nmviz.core.experiment import Experiment
from nmviz.service.schedules import _groups

PATTERNS = [f"{keep}:{group}" for group in (4, 8, 16, 32) for keep in range(1, group)]


def sizes(count: int, **fields: object) -> list[int]:
    """Of the groups that so many experiments, which differ by their pattern, are measured in."""
    made = [Experiment.build(pattern=pattern, **fields) for pattern in PATTERNS[:count]]
    groups = list(_groups(made))
    assert sorted(one.key for group in groups for one in group) == sorted(e.key for e in made)
    return [len(group) for group in groups]


def test_activations_are_measured_24_at_a_time_and_masks_of_weights_twelve() -> None:
    assert sizes(50, target="activation") == [24, 24, 2]
    assert sizes(30, target="weight", criterion="wanda") == [12, 12, 6]


def test_fewer_where_weights_are_changed_and_copied() -> None:
    assert sizes(9, target="weight", criterion="sparsegpt") == [4, 4, 1]


def test_a_changed_weight_takes_its_place_beside_masks() -> None:
    some = [Experiment.build(pattern=one, target="weight", criterion="wanda") for one in PATTERNS]
    changed = Experiment.build(pattern="2:4", target="weight", criterion="sparsegpt")
    first, *_ = _groups([changed, *some])
    assert len(first) == 10 and changed in first  # a quarter, and nine twelfths


def test_other_texts_are_other_groups() -> None:
    made = [Experiment.build(pattern="2:4", tokens=tokens) for tokens in (512, 1024)]
    assert [len(group) for group in _groups(made)] == [1, 1]
