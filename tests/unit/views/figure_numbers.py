"""What a figure must draw of what it was given: which points, with which numbers."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from math import isfinite
from typing import Any

import numpy as np
import plotly.graph_objects as go
import pytest
from figures import flat

from nmviz.core.results import MethodError, Result, SiteError, SiteLook
from nmviz.core.settings import TARGETS
from nmviz.methods.patterns import Pattern
from nmviz.published.listing import Row, leading
from nmviz.sources.tasks import TASKS
from nmviz.views.claims.dot_rows import IntervalRow
from nmviz.views.shared.numbers import BARS
from nmviz.views.shared.theme import NAMES

SHARE = "(share)"
UNITS = {"average_drop": " (%)", "perplexity": ""}
Options = Mapping[str, Any]

SPREAD = f"<br>{BARS}"
"""The end of an axis along which bars are drawn."""


def traces(figure: go.Figure) -> dict[str, Any]:
    return {trace.name: trace for trace in figure.data}


def depth(figure: go.Figure, results: Mapping[str, Result], asked: Options) -> None:
    """Every layer is a dot, every block a point between the least and the most of its layers."""
    drawn, wanted = traces(figure), asked["projection"]
    for target in ("weight", "activation"):
        result = results.get(target)
        if result is None:
            assert NAMES[target] not in drawn  # type: ignore[index]
            continue
        sites = finite_sites(result)
        of_line = [site for site in sites if wanted in (None, site.projection)]
        levels: dict[int, list[float]] = {}
        for one in of_line:
            levels.setdefault(one.block, []).append(one.rel_error)
        if asked["measure"] == "drift":
            levels = {one.block: [one.drift] for one in result.drift if isfinite(one.drift)}
        line = drawn.get(NAMES[target])  # type: ignore[index]
        assert (list(line.x) if line else []) == sorted(levels)
        for block, value in zip(line.x, line.y, strict=True) if line else ():
            assert min(levels[block]) <= value <= max(levels[block])
        if line and asked["measure"] == "local":
            dots = drawn[f"{line.name}, each layer"]
            assert list(dots.y) == [site.rel_error for site in sites]
            assert [round(x) for x in dots.x] == [site.block for site in sites]
    if figure.data:
        assert figure.layout.yaxis.title.text.endswith(SHARE)
        assert figure.layout.xaxis.title.text.startswith("block (0 = first)")


def finite_sites(result: Result) -> list[SiteError]:
    return [site for site in result.sites if isfinite(site.rel_error)]


def of_tokens(metric: str) -> Callable[[go.Figure, Mapping[str, Result], Options], None]:
    """Every bin of every target, as a share of its tokens, and no target without a token."""

    def check(figure: go.Figure, results: Mapping[str, Result], _: Options) -> None:
        drawn = traces(figure)
        for target in ("weight", "activation"):
            of = results[target].token_counts if target in results else ()
            known = [one for one in of if one.metric == metric and any(one.counts)]
            assert (NAMES[target] in drawn) == bool(known)  # type: ignore[index]
            for counts in known:
                line = drawn[NAMES[target]]  # type: ignore[index]
                assert len(line.x) == len(counts.edges) and list(line.x) == sorted(line.x)
                told = [int(one[2].replace(",", "")) for one in line.customdata]
                assert told == [*counts.counts, counts.counts[-1]]
                for count, height in zip(counts.counts, line.y, strict=False):
                    share = count / sum(counts.counts)
                    assert height == share or (not count and height < 1 / sum(counts.counts))
        if drawn:
            assert figure.layout.yaxis.title.text == "share of tokens a bin (log)"

    return check


def one_at_a_time(figure: go.Figure, results: Sequence[Result], _: Options) -> None:
    """The cost of every projection that was pruned alone, at its name."""
    drawn: dict[tuple[str, str], float] = {}
    for trace in figure.data:
        for name, value in zip(trace.customdata, trace.x, strict=True):
            drawn[trace.name, name[0]] = value
    given, floors = {}, {}
    for result in results:
        scope, cost = result.experiment.projections or (), result.get("delta_nll")
        if len(scope) == 1 and cost is not None and isfinite(cost.value):
            place = NAMES[result.experiment.target], scope[0]
            given[place] = cost.value
            floors[place] = [floor.delta_nll for floor in result.noise_floors]
    assert drawn == given
    if drawn:
        known = [floor for of in floors.values() for floor in of]
        said = beside_a_floor(figure, "x", known)
        assert said.removesuffix(SPREAD).endswith("nats a token)")


def beside_a_floor(figure: go.Figure, axis: str, floors: Sequence[float]) -> str:
    """The title of the axis without what it says of the dotted line, which stands at the largest
    floor and only where one is known."""
    title = str(figure.layout[f"{axis}axis"].title.text)
    said = title.removesuffix("<br>dotted: what rounding alone does")
    dotted = [line[f"{axis}0"] for line in figure.layout.shapes if line.line.dash == "dot"]
    assert dotted == ([max(floors)] if floors else []) and bool(dotted) == (said != title)
    return said


def costs_alone(results: Sequence[Result], metric: str) -> dict[tuple[Any, ...], float]:
    """What those cost that prune one block alone, or one layer of it, the last of each."""
    shown = {place: run.get(metric) for place, run in runs_alone(results).items()}
    return {place: one.value for place, one in shown.items() if one and isfinite(one.value)}


def runs_alone(results: Sequence[Result]) -> dict[tuple[Any, ...], Result]:
    """The same runs by target, block and projection."""
    given: dict[tuple[Any, ...], Result] = {}
    for result in results:
        asked, cost = result.experiment, result.get("delta_nll")
        single = asked.blocks is not None and asked.blocks.isdecimal()
        if single and cost is not None and isfinite(cost.value):
            place = asked.target, int(asked.blocks or 0), (*(asked.projections or ()), None)[0]
            given[place] = result
    return given


def along(figure: go.Figure, results: Sequence[Result], _: Options) -> None:
    """The cost of every block that was pruned alone at its place, and of its noise."""
    drawn = traces(figure)
    for metric, words in (("delta_nll", "{}"), ("noise_delta_nll", "noise as large, {}")):
        given = costs_alone(results, metric)
        for target in TARGETS:
            line = drawn.get(words.format(NAMES[target]))
            shown = dict(zip([p[0] for p in line.customdata], line.y, strict=True)) if line else {}
            own = {block: cost for (of, block, _), cost in given.items() if of == target}
            assert shown == own
            for block, x in zip(shown, line.x if line else (), strict=True):
                assert round(x) == block
    if figure.data:
        alone = runs_alone(results).values()
        floors = [floor.delta_nll for run in alone for floor in run.noise_floors]
        assert beside_a_floor(figure, "y", floors).endswith("(nats a token)")


def map_of_costs(figure: go.Figure, results: Sequence[Result], _: Options) -> None:
    """A cell a layer with its cost, one map a target, on one scale; a click tells the layer."""
    given = costs_alone(results, "delta_nll")
    maps = [one for one in figure.data if one.type == "heatmap"]
    drawn = {}
    targets = [target for target in TARGETS if any(of == target for of, *_ in given)]
    for target, cells in zip(targets, maps, strict=True):
        for name, row, places in zip(cells.y, cells.z, cells.customdata, strict=True):
            for block, value, place in zip(cells.x, row, places, strict=True):
                assert list(place) == [block, name]
                if isfinite(value):
                    drawn[target, block, name] = value
    assert drawn == given
    assert len({cells.zmax for cells in maps}) <= 1
    assert sum(bool(cells.showscale) for cells in maps) == bool(maps)


def patterns(figure: go.Figure, masks: Mapping[Any, Pattern], _: Options) -> None:
    """A cell a layer with its pattern; equal patterns alone look alike; a click tells the layer."""
    [cells] = figure.data
    drawn, shades = {}, defaultdict(set)
    for name, row, said, places in zip(cells.y, cells.z, cells.text, cells.customdata, strict=True):
        for block, shade, words, place in zip(cells.x, row, said, places, strict=True):
            assert list(place) == [block, name]
            if words:
                drawn[block, name] = "dense" if words == "stays dense" else words
                shades[shade].add(words)
    assert drawn == {place: str(mask) for place, mask in masks.items()}
    assert all(len(words) == 1 for words in shades.values())


def answers(figure: go.Figure, results: Mapping[str, Result], _: Options) -> None:
    """The share right of every task that has one, in percent; guessing only where it can help."""
    drawn = traces(figure)
    guess = drawn.pop("by guessing", None)
    names = list(figure.layout.yaxis.ticktext or ())
    given: dict[str, dict[str, float]] = {}
    for column, result in results.items():
        found = {
            TASKS.get(one.task or "").title: 100 * one.value
            for one in result.measurements
            if isfinite(one.value)
        }
        given |= {NAMES[column]: found} if found else {}  # type: ignore[index]
    assert {
        name: {names[round(y)]: x for x, y in zip(trace.x, trace.y, strict=True)}
        for name, trace in drawn.items()
    } == given
    known = [task for task in TASKS.values() if task.title in names and task.chance is not None]
    assert len(guess.x if guess else ()) == len(known)
    if drawn:
        assert figure.layout.xaxis.title.text.removesuffix(SPREAD).endswith(", %")


def methods(figure: go.Figure, rows: Sequence[MethodError], _: Options) -> None:
    """A dot a method that has an error, the least on top, and a note for every other one."""
    given = sorted(r.rel_error for r in rows if r.rel_error is not None and isfinite(r.rel_error))
    if not given:
        assert not figure.data
        return
    places = {y: x for trace in figure.data for x, y in zip(trace.x, trace.y, strict=True)}
    assert sorted(places) == list(range(len(given)))
    assert [places[y] >= value for y, value in enumerate(given)] == [True] * len(given)
    assert places[len(given) - 1] == max(given[-1], places[0])
    assert len(figure.layout.annotations) == len(rows) - len(given)
    assert len(figure.layout.yaxis.ticktext) == len(rows)
    assert SHARE in figure.layout.xaxis.title.text


def entries(figure: go.Figure, look: SiteLook, _: Options) -> None:
    """The counts of the histogram, every bin of them, and the pile of all that are dropped."""
    counts, drawn = look.inputs, traces(figure)
    dropped = int(counts.dropped.sum())
    if not counts.kept.sum() + dropped:
        assert not figure.data
        return
    for name, given in (("kept", counts.kept), ("dropped", counts.dropped)):
        assert [count for count, _ in drawn[name].customdata][:-1] == list(given)
        assert len(drawn[name].x) == len(counts.edges)
    piles = [trace for name, trace in drawn.items() if name.startswith("pile")]
    assert [pile.y[1] for pile in piles] == ([dropped] if dropped else [])
    assert figure.layout.yaxis.title.text == "entries a bin (log)"
    assert figure.layout.xaxis.title.text.startswith("value of the")
    assert 10 ** figure.layout.yaxis.range[1] > max((counts.kept + counts.dropped).max(), dropped)


def channels(figure: go.Figure, looks: Mapping[str, SiteLook], _: Options) -> None:
    """Every channel of every target at its share of the mask's rows, and a line at what is kept."""
    drawn = traces(figure)
    there = {name: look for name, look in looks.items() if len(look.mask.kept_of_column)}
    assert bool(figure.data) == bool(there)
    for target, look in there.items():
        line = drawn[{"weight": "weights", "activation": "activations"}[target]]
        of = line.x if line.customdata is None else line.customdata[:, 0]
        rows = max(1, look.mask.rows_in_all)
        assert sorted(of) == list(range(len(look.mask.kept_of_column)))
        assert np.allclose(np.array(line.y) * rows, look.mask.kept_of_column[of])
        assert line.customdata is None or list(line.y) == sorted(line.y, reverse=True)
    lines = [trace for name, trace in drawn.items() if " of all" in name]
    assert {y for line in lines for y in line.y} == {look.kept for look in there.values()}


def cells(figure: go.Figure, look: SiteLook, _: Options) -> None:
    """The window as it is, its numbers printed where it is small."""
    window = look.mask
    if not window.kept.size:
        assert not figure.data
        return
    shown = figure.data[0]
    assert np.array_equal(shown.z, window.kept)
    assert np.array_equal(shown.customdata[..., 0], window.values)
    assert shown.text is None or len(list(flat(tuple(shown.text)))) == window.kept.size
    ruled = window.group and (window.first_column // window.group != (
        window.first_column + window.kept.shape[1] - 1) // window.group)  # fmt: skip
    assert len(figure.data) == (2 if ruled else 1)


def _is_out(hover: str) -> bool:
    """Whether the point's own value is OUT, and not only one printed elsewhere."""
    return any(line.startswith("OUT") for line in hover.split("<br>"))


def published(figure: go.Figure, rows: Sequence[Row], _: Options) -> None:
    """Every row that leads and is a number of the first quantity, and every OUT at the edge."""
    wanted = [row for row in to_draw(rows) if not row.is_dense]
    points = [
        (trace.type, value, hover)
        for trace in figure.data
        if trace.hovertext
        for value, hover in zip(_quantity(figure, trace), trace.hovertext, strict=True)
        if hover and "dense, dense" not in hover
    ]
    assert sorted(value for _, value, hover in points if not _is_out(hover)) == pytest.approx(
        sorted(row.value for row in wanted if row.value is not None)
    )
    assert len(points) == len(wanted)
    if wanted:
        unit = UNITS.get(wanted[0].metric, f" {SHARE}")
        assert any(f"{unit}" in words for words in _titles(figure))


def to_draw(rows: Sequence[Row]) -> list[Row]:
    """One row a place, of the first quantity that a figure draws; what is no number is left out."""
    known = [row for row in rows if row.value is None or isfinite(row.value)]
    return [one.row for one in leading(row for row in known if row.metric != "delta_nll")]


def _quantity(figure: go.Figure, trace: Any) -> Sequence[Any]:
    """The values on the axis that shows numbers: the one without names."""
    named = figure.layout[f"yaxis{(trace.yaxis or 'y')[1:]}"].ticktext
    is_log = figure.layout[f"yaxis{(trace.yaxis or 'y')[1:]}"].type == "log"
    return trace.x if named and not is_log else trace.y


def _titles(figure: go.Figure) -> list[str]:
    notes = [note.text for note in figure.layout.annotations]
    return [*notes, figure.layout.xaxis.title.text or "", figure.layout.yaxis.title.text or ""]


def words_of_cells(figure: go.Figure, rows: Sequence[Row], _: Options) -> None:
    """A number in every cell, as the row writes it; live rows have no cell."""
    wanted = [row for row in to_draw(rows) if not row.is_dense and not row.live]
    if not wanted:
        assert not figure.data
        return
    told, bars = figure.data
    written = ["OUT" if row.value is None else row.text.removesuffix("%") for row in wanted]
    assert sorted(text.removesuffix("†") for text in told.text) == sorted(written)
    assert sum(text.endswith("†") for text in told.text) == sum(bool(row.marks) for row in wanted)
    assert list(bars.x) == list(told.x)


def intervals(figure: go.Figure, rows: Sequence[IntervalRow], asked: Options) -> None:
    """A dot a row; a known interval ends where it is given, one without a bound beyond the axis."""
    given = sorted((row.series, row.label, row.value) for row in rows)
    assert given == sorted(
        (trace.name, row[0], x)
        for trace in figure.data
        for row, x in zip(trace.customdata, trace.x, strict=True)
    )
    if not rows:
        return
    assert figure.layout.xaxis.title.text == asked["axis"]
    low, high = figure.layout.xaxis.range
    for trace in figure.data:
        own = [row for row in rows if row.series == trace.name]
        for row, x, up, down in zip(
            own, trace.x, trace.error_x.array, trace.error_x.arrayminus, strict=True
        ):
            assert low <= x <= high
            reaches(x + up, row.value if row.high is None else row.high, high)
            reaches(-(x - down), -(row.value if row.low is None else row.low), -low)


def reaches(drawn: float, given: float, edge: float) -> None:
    if isfinite(given):
        assert drawn == pytest.approx(given, abs=1e-6 * max(abs(drawn), 1.0))
    else:
        assert drawn >= edge
