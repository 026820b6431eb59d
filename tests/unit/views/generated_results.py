"""Results, methods' errors and task results as hypothesis makes them, the awkward ones too."""

from typing import Any

from hypothesis import strategies as st

from nmviz.core.experiment import Experiment
from nmviz.core.results import (
    COLUMNS,
    BlockDrift,
    Measurement,
    MethodError,
    Provenance,
    Result,
    SiteError,
    TaskExamples,
)
from nmviz.core.settings import TARGETS
from nmviz.core.tokenwise.floor import NoiseFloor
from nmviz.core.tokenwise.tails import EDGES, TokenCounts
from nmviz.methods.patterns import parse_pattern
from nmviz.sources.tasks import TASKS

Call = tuple[Any, dict[str, Any]]
"""What a figure is drawn from, and its options."""

NO_NUMBERS = st.sampled_from([float("nan"), float("inf")])
SIZES = st.one_of(
    st.just(0.0), st.floats(1e-9, 1e-3), st.floats(0.001, 2.0), st.floats(2.0, 1e6), NO_NUMBERS
)
"""Errors and standard errors: nothing, tiny, usual, huge, and no number at all."""
COSTS = st.one_of(st.just(0.0), st.floats(-2, 20), st.floats(-1e-9, 1e6), NO_NUMBERS)
SHARES = st.one_of(st.sampled_from([0.0, 1.0]), st.floats(0, 1))
ERRORS = st.one_of(st.none(), SIZES)
COUNTS = st.sampled_from([None, 0, 1, 2, 16, 10_000])
PROJECTIONS = st.sampled_from(["q", "k", "down", "attn.c_proj", "block_sparse_moe.experts.7.w1"])
MODELS = st.sampled_from(["smollm2-135m", "someone/" + "long-" * 30, "/home/a <x>&/model"])
PATTERNS = st.sampled_from(["1:4", "2:4", "8:16", "50%", "70%"])
DARK = st.booleans()
BLOCKS = st.one_of(st.integers(0, 5), st.integers(0, 126))


def _result(experiment: Experiment, **parts: Any) -> Result:
    return Result(experiment=experiment, provenance=Provenance(source="nmviz"), **parts)


FLOOR = NoiseFloor(of="pruned", kl=0.1, delta_nll=0.02, draws=3)


@st.composite
def pruned(draw: st.DrawFn, target: str) -> Result:
    """A result of one target with layers and drift, or without."""
    experiment = Experiment.build(target=target, pattern=draw(PATTERNS), model=draw(MODELS))
    return _with_layers(draw, experiment)


def _with_layers(draw: st.DrawFn, experiment: Experiment) -> Result:
    layers = draw(st.dictionaries(st.tuples(BLOCKS, PROJECTIONS), SIZES, max_size=12))
    drift = draw(st.dictionaries(BLOCKS, SIZES, max_size=8))
    sites = [
        SiteError(name=f"{b}.{p}", block=b, projection=p, rel_error=error, kept=draw(SHARES))
        for (b, p), error in sorted(layers.items())
    ]
    return _result(
        experiment,
        measurements=(),
        sites=tuple(sites),
        drift=tuple(BlockDrift(block=b, drift=value) for b, value in sorted(drift.items())),
        partial=draw(st.booleans()),
    )


def _dense(model: str) -> Experiment:
    return Experiment.build(pattern="dense", model=model)


@st.composite
def columns(draw: st.DrawFn) -> dict[Any, Result]:
    """Results by column: any of dense, weights and activations, also none."""
    results: dict[Any, Result] = {}
    for column in draw(st.sets(st.sampled_from(COLUMNS))):
        dense = column == "dense"
        made = _result(_dense(draw(MODELS)), measurements=()) if dense else draw(pruned(column))
        results[column] = made
    return results


@st.composite
def depth_calls(draw: st.DrawFn) -> Call:
    """What `error_over_depth` is asked for."""
    selected = st.one_of(st.none(), st.tuples(BLOCKS, PROJECTIONS))
    options = {
        "measure": draw(st.sampled_from(["local", "drift"])),
        "projection": draw(st.one_of(st.none(), PROJECTIONS)),
        "selected": draw(selected),
        "dark": draw(DARK),
    }
    return draw(columns()), options


@st.composite
def tail_calls(draw: st.DrawFn) -> Call:
    """What `kl_of_tokens` and `delta_p_of_tokens` are asked for: results with counts, without, and
    from before there were any."""
    results = draw(columns())
    for column in list(results):
        if draw(st.booleans()):
            results[column] = results[column].model_copy(update=draw(tails()))
    return results, {"dark": draw(DARK)}


@st.composite
def tails(draw: st.DrawFn) -> dict[str, Any]:
    """Counts and quantiles of one result, some of them missing."""
    share = st.sampled_from([0, 0, 1, 2047, 10**9])
    counts = [
        TokenCounts(metric=name, counts=tuple(draw(share) for _ in edges[1:]))
        for name, edges in EDGES.items()
    ]
    numbers = [
        Measurement(metric=name, value=draw(values), stderr=draw(ERRORS))
        for name, values in (("kl", SIZES), ("kl_median", SIZES), ("kl_p99", SIZES))
    ]
    numbers.append(Measurement(metric="delta_p_p05", value=draw(st.floats(-1, 1))))
    floor = st.builds(
        NoiseFloor,
        of=st.sampled_from(["dense", "pruned"]),
        kl=st.sampled_from([0.0, 1e-9, 0.02, 50.0]),
        delta_nll=st.sampled_from([0.0, 0.01, 2.0]),
        draws=st.just(3),
    )
    return {
        "noise_floors": tuple(draw(st.lists(floor, max_size=2))),
        "token_counts": tuple(counts[: draw(st.integers(0, 2))]),
        "measurements": tuple(numbers[: draw(st.integers(0, 4))]),
    }


@st.composite
def one_at_a_time(draw: st.DrawFn) -> Result:
    """A run that prunes one projection, several or all of them, with its cost or without."""
    scope = draw(st.one_of(st.none(), st.lists(PROJECTIONS, min_size=1, max_size=2, unique=True)))
    experiment = Experiment.build(target=draw(st.sampled_from(TARGETS)), projections=scope)
    cost = Measurement(metric="delta_nll", value=draw(COSTS), stderr=draw(ERRORS), n=draw(COUNTS))
    pieces = st.sampled_from([(), (0.1,), (0.1, 0.3, 0.2), (0.0, 0.0, 0.0), (5.0, 1e6, -3.0)])
    return _result(
        experiment,
        measurements=draw(st.sampled_from([(cost,), (cost,), ()])),
        noise_floors=draw(st.sampled_from([(), (), (FLOOR,)])),
        unit_costs=draw(pieces),
        partial=draw(st.booleans()),
    )


def sensitivity_calls() -> st.SearchStrategy[Call]:
    """What `sensitivity` is asked for."""
    runs = st.lists(one_at_a_time(), max_size=8)
    return st.tuples(runs, st.fixed_dictionaries({"dark": DARK}))


@st.composite
def part_alone(draw: st.DrawFn, layers: bool) -> Result:
    """A run that prunes one block alone, or one layer of it, or neither; with its control or
    without, and with its cost or without."""
    names = [draw(PROJECTIONS)] if layers else None
    blocks = draw(st.one_of(BLOCKS.map(str), st.sampled_from(["0-1", None])))
    target = draw(st.sampled_from(TARGETS))
    costs = [
        Measurement(metric=metric, value=draw(COSTS), stderr=draw(ERRORS), n=draw(COUNTS))
        for metric in ("delta_nll", "noise_delta_nll")
    ]
    return _result(
        Experiment.build(target=target, projections=names, blocks=blocks),
        measurements=tuple(costs[: draw(st.sampled_from([0, 1, 2, 2]))]),
        unit_costs=draw(st.sampled_from([(), (0.1, 0.3, 0.2), (5.0, 1e6, -3.0)])),
        partial=draw(st.booleans()),
    )


def block_calls() -> st.SearchStrategy[Call]:
    """What `along_the_depth` is asked for."""
    runs = st.lists(part_alone(False), max_size=8)
    return st.tuples(runs, st.fixed_dictionaries({"dark": DARK}))


def layer_calls() -> st.SearchStrategy[Call]:
    """What `layer_map` is asked for."""
    runs = st.lists(part_alone(True), max_size=8)
    selected = st.one_of(st.none(), st.tuples(BLOCKS, PROJECTIONS))
    return st.tuples(runs, st.fixed_dictionaries({"dark": DARK, "selected": selected}))


def plan_calls() -> st.SearchStrategy[Call]:
    """What `plan_map` is asked for: few patterns, or more than have a colour of their own."""
    few = st.sampled_from(["dense", "2:4", "8:16", "50%"])
    many = st.integers(1, 99).map(lambda share: f"{share}%")
    places = st.tuples(BLOCKS, PROJECTIONS)
    masks = (st.dictionaries(places, kind.map(parse_pattern), min_size=1) for kind in (few, many))
    options = {"dark": DARK, "selected": st.one_of(st.none(), places)}
    return st.tuples(st.one_of(*masks), st.fixed_dictionaries(options))


@st.composite
def answered(draw: st.DrawFn, column: str) -> Result:
    """A result of zero-shot tasks; some have a number without its examples, or none."""
    tasks = draw(st.lists(st.sampled_from(list(TASKS)), min_size=1, max_size=4, unique=True))
    pattern = "dense" if column == "dense" else draw(PATTERNS)
    target = "activation" if column == "dense" else column
    numbers, examples = [], []
    for task in tasks:
        metric = TASKS.get(task).metrics[0]
        size = draw(st.sampled_from([1, 2, 20]))
        right = draw(st.text("01", min_size=size, max_size=size))
        value = draw(st.one_of(SHARES, SHARES, NO_NUMBERS))
        numbers += [
            Measurement(metric=metric, task=task, value=value, stderr=draw(ERRORS), n=draw(COUNTS))
        ]
        digest = f"{size:064x}"
        examples += [TaskExamples(task=task, metric=metric, right=right, digest=digest)]
    return _result(
        Experiment.build(
            pattern=pattern, target=target, tasks=tuple(tasks), limit=20, model=draw(MODELS)
        ),
        measurements=tuple(numbers[: draw(st.integers(0, len(numbers)))]),
        examples=tuple(examples[: draw(st.integers(0, len(examples)))]),
        partial=draw(st.booleans()),
    )


@st.composite
def task_calls(draw: st.DrawFn) -> Call:
    """What `task_accuracies` is asked for."""
    chosen = draw(st.sets(st.sampled_from(COLUMNS)))
    return {one: draw(answered(one)) for one in COLUMNS if one in chosen}, {"dark": draw(DARK)}


@st.composite
def method_calls(draw: st.DrawFn) -> Call:
    """What `method_errors` is asked for: methods that are known and one that is not."""
    kinds = [("weight", "criterion"), ("activation", "criterion"), ("activation", "mitigation")]
    names = ["magnitude", "wanda", "random", "r-sparse", "unheard-of", "long-" * 30]
    places = st.tuples(st.sampled_from(kinds), st.sampled_from(names))
    reasons = st.sampled_from(
        [None, "", "must first be calibrated on text", "x works with y only, not so", "a " * 99]
    )
    rows = [
        MethodError(target, kind, name, draw(ERRORS), draw(reasons))  # type: ignore[arg-type]
        for (target, kind), name in draw(st.lists(places, unique=True, max_size=9))
    ]
    chosen = [(row.target, row.name) for row in rows if draw(st.booleans())]
    return rows, {"dark": draw(DARK), "chosen": chosen}
