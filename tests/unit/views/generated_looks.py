"""Looks at one layer as hypothesis makes them: a histogram of its entries, a window of its mask."""

import numpy as np
from generated_results import DARK, SIZES, Call
from hypothesis import strategies as st

from nmviz.core.results import Histogram, MaskWindow, SiteLook
from nmviz.core.settings import TARGETS, Target

SCALES = st.sampled_from([0.0, 1e-6, 0.02, 1.0, 300.0, 1e6])
WORDS = ("The", "", "\n", "\t ", "<b>&", "extraordinarily long", "3", "nonsense")


@st.composite
def histogram(draw: st.DrawFn) -> Histogram:
    """Even bins or bins finer near 0, around 0 or beside it, some or all of them empty."""
    bins = draw(st.sampled_from([1, 2, 7, 60]))
    scale = draw(SCALES.filter(bool))
    low, high = draw(st.sampled_from([(-1.0, 1.0), (0.0, 1.0), (0.2, 3.0), (-5.0, -0.1)]))
    steps = np.linspace(low, high, bins + 1)
    edges = scale * (np.sinh(3 * steps) if draw(st.booleans()) else steps)
    counts = st.lists(
        st.sampled_from([0, 0, 1, 5, 1_000, 10**9]), min_size=bins, max_size=bins
    ).map(np.array)
    shift = draw(st.one_of(st.none(), st.sampled_from([0.0, 0.3 * scale, -99.0 * scale])))
    cut = draw(st.one_of(st.none(), SIZES))
    return Histogram(edges, draw(counts), draw(counts), shift, cut)


@st.composite
def window(draw: st.DrawFn, shift: float | None) -> MaskWindow:
    """A window of any size, also of no row or column, somewhere in its layer."""
    rows = draw(st.sampled_from([0, 1, 2, 8, 17, 40]))
    columns = draw(st.sampled_from([0, 1, 4, 16, 33, 96]))
    random = np.random.default_rng(draw(st.integers(0, 99)))
    values = (draw(SCALES) * random.standard_normal((rows, columns))).astype(np.float32)
    if draw(st.booleans()):
        scores = np.abs(values - np.float32(shift or 0))
    else:
        scores = random.standard_normal((rows, columns)).astype(np.float32)
    share = draw(st.sampled_from([0.0, 0.5, 1.0]))
    first_row, first_column = draw(st.integers(0, 3000)), draw(st.integers(0, 3000))
    return MaskWindow(
        kept=random.random((rows, columns)) < share,
        values=values,
        scores=scores,
        row_labels=tuple(WORDS[row % len(WORDS)] for row in range(rows)),
        first_row=first_row,
        first_column=first_column,
        rows_in_all=first_row + rows,
        columns_in_all=first_column + columns,
        group=draw(st.sampled_from([None, 1, 4, 16, 4096])),
        kept_of_column=random.integers(0, first_row + rows + 1, first_column + columns),
    )


@st.composite
def look_calls(draw: st.DrawFn) -> Call:
    """What `distribution` and `mask` are asked for."""
    return draw(looks(st.sampled_from(TARGETS))), {"dark": draw(DARK)}


@st.composite
def channel_calls(draw: st.DrawFn) -> Call:
    """What the figures of channels are asked for: of both targets, or of one, or of none."""
    targets = draw(st.sampled_from([(), ("weight",), ("activation",), TARGETS]))
    return {one: draw(looks(st.just(one))) for one in targets}, {"dark": draw(DARK)}


@st.composite
def looks(draw: st.DrawFn, target: st.SearchStrategy[Target]) -> SiteLook:
    """A look at a layer under a pattern of that target."""
    inputs = draw(histogram())
    return SiteLook(
        target=draw(target),
        site="model.layers.3.mlp.down_proj",
        block=3,
        projection="down",
        d_in=128,
        d_out=64,
        tokens=40,
        rel_error=draw(SIZES),
        kept=0.5,
        inputs=inputs,
        mask=draw(window(inputs.shift)),
        turned=draw(st.booleans()),
    )
