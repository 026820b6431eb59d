"""Quality against cost: which points nothing beats, which are tied, and how costs reach an axis."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from statistics import fmean, stdev

import pytest

from nmviz.base.errors import UserError
from nmviz.core.experiment import Experiment
from nmviz.core.results import Measurement, Provenance, Result
from nmviz.core.tokenwise.floor import NoiseFloor
from nmviz.service.tradeoffs import figures as tradeoffs
from nmviz.service.tradeoffs.axes import COSTS, QUALITIES, Asked
from nmviz.service.tradeoffs.frontier import frontiers, points
from nmviz.service.tradeoffs.point import BY_DEFINITION, Point, is_tied
from nmviz.service.tradeoffs.shares import share
from nmviz.ui.shell.view import View
from nmviz.views.shared.theme import title_of
from nmviz.views.tradeoffs.frontier import size_of

COST = QUALITIES["delta_nll"]
LOWER, HIGHER = QUALITIES["drop"], QUALITIES["ifeval"]


def point(cost: float, value: float, error: float | None = None, model: str = "llama2-7b") -> Point:
    made = Experiment.build(model=model, pattern="2:4")
    return Point(model, model, made, f"{cost:g}", value, error, cost, "by hand", "")


def on(found: Iterator[Point]) -> list[float]:
    return [one.cost for one in found if one.on_frontier]


def test_the_frontier_is_what_nothing_that_costs_no_more_beats() -> None:
    told = [(10, 5.0), (20, 6.0), (20, 4.0), (30, 4.0), (40, 1.0)]
    assert on(frontiers([point(*one) for one in told], LOWER)) == [10, 20, 40]


def test_more_may_be_better() -> None:
    told = [(10, 5.0), (20, 4.0), (30, 6.0)]
    assert on(frontiers([point(*one) for one in told], HIGHER)) == [10, 30]


def test_points_within_their_errors_are_tied_and_say_with_which() -> None:
    """3.0 and 4.0: the square root of 0.36 + 0.64 is 1.0."""
    best, near = point(10, 3.0, 0.6), point(20, 4.0, 0.8)
    far, sure = point(20, 4.1, 0.8), point(20, 4.0, None)
    for one, tied in ((near, True), (far, False), (sure, False)):
        _, other = frontiers([best, one], LOWER)
        assert bool(other.tied) is tied and not other.on_frontier
    assert next(one for one in frontiers([best, near], LOWER) if one.tied).tied == best.name


def test_runs_are_told_apart_in_pairs_and_by_their_noise_floor() -> None:
    """Costs that go together piece by piece: 0.1 apart with hardly a spread, each known to 0.3."""
    pieces = [2.0 + (i % 2) for i in range(12)]
    best = measured_point(10, [piece - 0.1 - 0.001 * (i % 3) for i, piece in enumerate(pieces)])
    other = measured_point(20, pieces)
    printed = replace(other, run=None), replace(best, run=None)
    floor = NoiseFloor(of="pruned", kl=0.1, delta_nll=0.2, draws=3)
    assert other.run is not None and best.run is not None
    rough = replace(best, run=best.run.model_copy(update={"noise_floors": (floor,)}))
    assert is_tied(*printed, COST) and not is_tied(other, best, COST)
    assert is_tied(other, rough, COST) and rough.floor(COST) == 0.2 and best.floor(COST) is None
    assert rough.floor(QUALITIES["kl"]) == 0.1 and rough.floor(LOWER) is None
    dense = replace(point(100, 0.0), source=BY_DEFINITION)
    assert not is_tied(other, dense, COST)
    nothing = measured_point(20, [(-1.0) ** i for i in range(12)])
    assert is_tied(nothing, dense, COST)


def measured_point(cost: float, pieces: list[float]) -> Point:
    """A run whose pieces of text cost that."""
    error = stdev(pieces) / len(pieces) ** 0.5
    made = Experiment.build(model="smollm2-135m", pattern="2:4", tokens=int(64 * len(pieces)))
    told = Measurement(metric="delta_nll", value=fmean(pieces), stderr=error, n=len(pieces))
    run = Result(
        experiment=made,
        measurements=(told,),
        unit_costs=tuple(pieces),
        provenance=Provenance(source="nmviz"),
    )
    return replace(point(cost, told.value, error), experiment=made, run=run)


@pytest.mark.parametrize(
    ("pruned", "query"),
    [
        ({"pattern": "2:4"}, "&pattern=2:4"),
        ({"pattern": "50%", "mitigations": "d-pts,var"}, "&pattern=50%25&mitigations=d-pts,var"),
        ({"pattern": "8:16", "criterion": "clact"}, "&pattern=8:16&criterion=clact"),
        (
            {"pattern": "8:16", "target": "weight", "criterion": "wanda"},
            "&pattern=8:16&weight_criterion=wanda",
        ),
        (
            {"pattern": "8:16", "mitigations": "r-sparse(rank=128)"},
            "&pattern=8:16&mitigations=r-sparse(rank=128)",
        ),
    ],
)
def test_the_address_of_a_published_point_says_its_method(
    pruned: dict[str, str], query: str
) -> None:
    made = Experiment.build(model="llama3.1-8b", **pruned)
    one = replace(point(10, 3.0), model="llama3.1-8b", experiment=made)
    assert one.query == f"model=llama3.1-8b{query}"
    view = View.from_query(one.query)
    same = view.of(made.target)
    assert (same.criterion, same.mitigations) == (made.criterion, made.mitigations)


def test_a_setting_that_nobody_printed_is_not_in_an_address(module_store: Path) -> None:
    found = points(Asked(models=("llama3.1-8b",)))
    unsaid = [one for one in found if "?" in "".join(one.experiment.mitigations)]
    assert unsaid and all("mitigations" not in (one.query or "") for one in unsaid)


def test_models_have_frontiers_of_their_own() -> None:
    found = [point(10, 1.0), point(20, 5.0, model="llama3.1-8b")]
    assert on(frontiers(found, LOWER)) == [10, 20]


@pytest.mark.parametrize(
    ("cost", "percent"),
    [
        # one decoding step of Llama 2 7B, by hand in test_hardware_counts.py: halves the weights
        ("bytes", 100 * 7_816_488_448 / 14_293_490_176),
        ("multiply_adds", 100 * 7_181_584_826_368 / 13_813_014_331_392),
        ("metadata", 1.0),
    ],
)
def test_costs_of_2_4_on_activations_by_hand(cost: str, percent: float) -> None:
    made = Experiment.build(model="llama2-7b", pattern="2:4")
    assert share(made, Asked(cost=cost)) == pytest.approx((percent, percent, percent))


def test_what_a_method_adds_counts() -> None:
    """r-sparse adds rank (d_in + d_out) products a layer: here 32 blocks of 7 layers at rank 64."""
    plain = Experiment.build(model="llama2-7b", pattern="2:4")
    more = plain.but(mitigations=("r-sparse",))
    asked = Asked(cost="multiply_adds")
    added = 32 * 2048 * 64 * (4 * 8192 + 3 * (4096 + 11_008))
    one, other = share(plain, asked), share(more, asked)
    assert one is not None and other is not None
    assert other.value - one.value == pytest.approx(100 * added / 13_813_014_331_392)


def test_a_setting_that_nobody_printed_leaves_only_products_unknown() -> None:
    made = Experiment.build(model="llama2-7b", pattern="2:4", mitigations="s-pts")
    unknown = made.but(mitigations=("s-pts(per=?)",))
    assert share(unknown, Asked()) == share(made, Asked())
    assert share(made.but(mitigations=("r-sparse(rank=?)",)), Asked()) is None


def test_energy_is_a_range_from_the_least_to_the_most_that_is_printed() -> None:
    """One step of Llama 2 7B in FP16: 1.1 + 0.4 pJ a multiply-add, 162.5 to 325 pJ a byte."""
    made = Experiment.build(model="llama2-7b", pattern="2:4")
    found = share(made, Asked(cost="energy", dtype="fp16"))
    products, moved = 3_905_945_600, 7_816_488_448
    least, most = (1e-9 * (1.5 * products + byte * moved) for byte in (162.5, 325.0))
    assert found == pytest.approx((most, least, most))


def test_a_range_is_drawn_as_a_bar(module_store: Path) -> None:
    asked = Asked(cost="energy", dtype="fp16", models=("llama3.1-8b",), patterns=("2:4",))
    for trace in tradeoffs.draw_frontier(asked).data:
        if trace.mode == "markers":
            assert not any(trace.error_x.array)
            pairs = zip(trace.error_x.arrayminus, trace.x, strict=True)
            assert all(0.49 < below / most < 0.5 for below, most in pairs)
    plain = tradeoffs.draw_frontier(Asked(models=("llama3.1-8b",)))
    assert all(trace.error_x.array is None for trace in plain.data)


def test_of_blocks_left_out_what_is_left_costs() -> None:
    """3 of 32 blocks, and the head whole, in a prefill of Llama 2 7B."""
    made = Experiment.build(model="llama2-7b", target="blocks", drop=3)
    head, dense = 32_000 * 4096, 13_813_014_331_392
    products = share(made, Asked(cost="multiply_adds"), [4, 9, 20])
    assert products is not None
    assert products.value == pytest.approx(100 * ((dense - head) * 29 / 32 + head) / dense)
    assert share(made, Asked(cost="metadata"), [4, 9, 20]) == (0.0, 0.0, 0.0)


def test_a_pattern_that_no_layer_takes_has_no_cost() -> None:
    assert share(Experiment.build(model="llama2-7b", pattern="1:3"), Asked()) is None


@pytest.mark.parametrize("cost", COSTS)
def test_published_points_have_every_cost(module_store: Path, cost: str) -> None:
    dtype = {"measured": "fp8", "energy": "fp16"}.get(cost, "bf16")
    found = points(Asked(cost=cost, dtype=dtype, models=("llama3.1-8b", "qwen2.5-7b")))
    assert found and all(one.cost >= 0 for one in found)
    dense = [one for one in found if one.target == "dense"]
    assert [one.value for one in dense] == [0.0, 0.0]
    for one in dense:  # 20% of Qwen's activations score above dense
        own = [other for other in found if other.model == one.model]
        better = any(other.value < 0 and other.cost <= one.cost for other in own)
        assert one.on_frontier is not better
    assert {one.model for one in found} == {"llama3.1-8b", "qwen2.5-7b"}


def test_published_and_measured_are_never_in_one_figure(module_store: Path) -> None:
    for name, quality in QUALITIES.items():
        sources = {one.source == "measured by nmviz" for one in points(Asked(quality=name))}
        assert sources <= {quality.origin == "measured", False}


@pytest.mark.parametrize("field", ["quality", "cost", "machine", "dtype", "metadata"])
def test_what_there_is_not_is_refused(field: str) -> None:
    with pytest.raises(UserError, match="There is no"):
        points(Asked(**{field: "nothing"}))


def test_sizes_follow_the_group() -> None:
    sizes = [size_of(one) for one in ("2:4", "4:8", "8:16", "16:32", "50%")]
    assert sizes == sorted(set(sizes))


@pytest.mark.parametrize("name", ["frontier", "roofline", "speed-map", "metadata"])
def test_every_figure_says_how_its_numbers_are_known(module_store: Path, name: str) -> None:
    figure = tradeoffs.figures()[name].draw()
    assert title_of(figure)
    said = f"{figure.layout.xaxis.title.text} {figure.layout.yaxis.title.text}"
    assert any(word in said for word in ("published", "counted", "bounded", "measured"))


def test_the_speed_map_marks_what_is_in_doubt(module_store: Path) -> None:
    figure = tradeoffs.draw_speed_map("b200", "int8", "layers", "weight", "2:4")
    symbols = {symbol for trace in figure.data for symbol in trace.marker.symbol}
    assert all(symbol.endswith("-open") for symbol in symbols)
    assert "in doubt" in figure.data[0].hovertext[0] and "in doubt" in title_of(figure)
    nothing = tradeoffs.draw_speed_map("h100", "fp8", "prefill", "weight", "8:16")
    assert "Nobody measured this" in nothing.layout.annotations[0].text


def test_a_roofline_without_a_peak_says_so() -> None:
    figure = tradeoffs.draw_roofline("gb10")
    assert "no peak in bf16" in figure.layout.annotations[0].text.replace("<br>", " ")
