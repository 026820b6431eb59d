"""Every figure over generated results: what is given is drawn, and can be read."""

import importlib
import inspect
import pkgutil
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

import figure_numbers as check
import plotly.graph_objects as go
import pytest
from figure_rules import check_figure
from generated_looks import channel_calls, look_calls
from generated_results import (
    Call,
    block_calls,
    depth_calls,
    layer_calls,
    method_calls,
    plan_calls,
    sensitivity_calls,
    tail_calls,
    task_calls,
)
from generated_rows import interval_calls, row_calls
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import nmviz.views.claims
import nmviz.views.explore
import nmviz.views.published
from nmviz.base.errors import UserError

Draw = Callable[..., go.Figure]
PACKAGES = (nmviz.views.explore, nmviz.views.published, nmviz.views.claims)


class Case(NamedTuple):
    """What a figure is asked for, and what it must have drawn of it."""

    calls: st.SearchStrategy[Call]
    check: Callable[[go.Figure, Any, Mapping[str, Any]], None]


CASES = {
    "explore.error_depth.error_over_depth": Case(depth_calls(), check.depth),
    "explore.attribution.along_the_depth": Case(block_calls(), check.along),
    "explore.attribution.layer_map": Case(layer_calls(), check.map_of_costs),
    "explore.plan_map.plan_map": Case(plan_calls(), check.patterns),
    "explore.sensitivity.sensitivity": Case(sensitivity_calls(), check.one_at_a_time),
    "explore.task_accuracies.task_accuracies": Case(task_calls(), check.answers),
    "explore.method_errors.method_errors": Case(method_calls(), check.methods),
    "explore.distribution.distribution": Case(look_calls(), check.entries),
    "explore.mask.mask": Case(look_calls(), check.cells),
    "explore.channels.most_kept_first": Case(channel_calls(), check.channels),
    "explore.channels.along_channels": Case(channel_calls(), check.channels),
    "explore.tails.kl_of_tokens": Case(tail_calls(), check.of_tokens("kl")),
    "explore.tails.delta_p_of_tokens": Case(tail_calls(), check.of_tokens("delta_p")),
    "published.ladder.pattern_ladder": Case(row_calls(), check.published),
    "published.methods.methods_by_model": Case(row_calls(), check.published),
    "published.pairs.weights_and_activations": Case(row_calls(), check.published),
    "published.heatmap.models_by_methods": Case(row_calls(), check.words_of_cells),
    "claims.dot_rows.interval_rows": Case(interval_calls(), check.intervals),
}


def figures() -> Iterator[tuple[str, Draw]]:
    """Every public function of the figures' modules that gives a figure."""
    for package in PACKAGES:
        for info in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            module = importlib.import_module(info.name)
            for name, function in inspect.getmembers(module, inspect.isfunction):
                made = inspect.signature(function, eval_str=True).return_annotation
                if function.__module__ == info.name and made is go.Figure and name[0] != "_":
                    yield f"{info.name.removeprefix('nmviz.views.')}.{name}", function


DRAW = dict(figures())


def test_no_figure_is_left_out() -> None:
    assert set(DRAW) == set(CASES)


@pytest.mark.parametrize("name", CASES)
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_what_is_given_is_drawn_and_can_be_read(name: str, data: st.DataObject) -> None:
    case = CASES[name]
    asked, options = data.draw(case.calls)
    try:
        figure = DRAW[name](asked, **options)
    except UserError:
        return
    check_figure(figure)
    assert figure.layout.meta["dark"] == options["dark"]
    case.check(figure, asked, options)
