"""Which worker gets which group, and for how many there is room."""

import pytest

from nmviz.base.errors import UserError
from nmviz.core.experiment import Experiment
from nmviz.core.running import Running
from nmviz.service.cluster.asked import Asked, Node, spread
from nmviz.service.cluster.spreading import Place, Spreading
from nmviz.service.schedules import Group
from nmviz.service.tasks import dense_of

SMALL, LARGE = "smollm2-135m", "gemma-3-270m"
TWO = (Node("a", 4, 1), Node("b", 2, 0))


def spreading(*groups: Group) -> Spreading:
    """The groups wait, and nobody listens."""
    wanted = spread(Asked(address="auto"), len(groups), TWO)
    return Spreading(wanted, groups, Running(), "", lambda _: None)


def group(model: str, **fields: object) -> Group:
    return (Experiment.build(model=model, **fields),)


def test_a_worker_goes_on_with_its_model_and_a_new_one_takes_another() -> None:
    one, two = group(SMALL, tokens="512"), group(LARGE, tokens="512")
    three = group(LARGE, tokens="1024")
    work = spreading(one, two, three)
    assert work._next(Place(None)) == one
    assert work._next(Place(None, model=LARGE)) == two
    work._busy["first"] = Place(None, model=SMALL), one
    assert work._next(Place(None)) == two  # nobody is at work on that model
    work._taken.add(two)
    assert work._next(Place(None, model=LARGE)) == three  # the other is measured by somebody else


def test_nothing_is_compared_before_the_dense_run_is_there() -> None:
    pruned = group(SMALL, tasks="boolq", pattern="2:4")
    dense = (dense_of(pruned[0]),)
    work = spreading(pruned, dense)
    assert work._next(Place(None)) == dense
    work._waiting.remove(dense)
    work._busy["first"] = Place(None), dense
    assert work._next(Place(None)) == ()
    work._busy.clear()
    assert work._next(Place(None)) == pruned


def test_a_worker_is_not_given_what_it_lacks() -> None:
    one = group(SMALL, tokens="512")
    lacking = Place(None, lacks={(SMALL, one[0].corpus, ())})
    assert spreading(one)._next(lacking) == ()


@pytest.mark.parametrize(
    ("asked", "tasks", "workers"),
    [
        ({}, 9, 6),
        ({"cpus": 2}, 9, 3),
        ({"gpus": 0.5}, 9, 2),
        ({"workers": 20}, 30, 20),  # those without room wait, and the cluster may grow
        ({"workers": 20}, 3, 3),
        ({"workers": 20, "address": None}, 30, 6),
    ],
)
def test_there_are_as_many_workers_as_have_room_and_work(
    asked: dict[str, object], tasks: int, workers: int
) -> None:
    told = Asked.model_validate({"address": "auto", **asked})
    assert spread(told, tasks, TWO).workers == workers


def test_what_fits_on_no_node_is_refused_with_the_largest() -> None:
    with pytest.raises(UserError, match="No node has 8 CPUs for a worker, the largest 4 CPUs and"):
        spread(Asked(cpus=8), 1, TWO)
    with pytest.raises(UserError, match="No node has 1 CPU and 2 GPUs for a worker, the largest 4"):
        spread(Asked(gpus=2), 1, TWO)
    with pytest.raises(UserError, match="The cluster has no node"):
        spread(Asked(), 1, ())
