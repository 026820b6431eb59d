"""Results and looks of a small model, as the engine would give them."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from nmviz.core.experiment import Experiment
from nmviz.core.results import (
    BlockDrift,
    Histogram,
    MaskWindow,
    Measurement,
    Provenance,
    Result,
    SiteError,
    SiteLook,
)
from nmviz.core.settings import Target

PROJECTIONS = ("q", "k", "v", "o", "gate", "up", "down")
WORDS = ("The", " river", " <b>", "\n", " a", " through", " the", " extraordinarily")


@pytest.fixture
def make_result() -> Callable[..., Result]:
    """A Result whose layer errors are given as rows, one a block, one number a projection."""

    def make(
        target: Target,
        errors: Any = (),
        drift: Any = (),
        projections: tuple[str, ...] = PROJECTIONS,
        measured: tuple[Measurement, ...] = (),
        pattern: str = "8:16",
        partial: bool = False,
    ) -> Result:
        sites = tuple(
            SiteError(
                name=f"model.layers.{block}.{name}",
                block=block,
                projection=name,
                rel_error=error,
                kept=0.5,
            )
            for block, row in enumerate(errors)
            for name, error in zip(projections, row, strict=False)
        )
        steps = tuple(BlockDrift(block=block, drift=value) for block, value in enumerate(drift))
        return Result(
            experiment=Experiment.build(target=target, pattern=pattern),
            measurements=measured,
            sites=sites,
            drift=steps,
            provenance=Provenance(source="nmviz"),
            partial=partial,
        )

    return make


@pytest.fixture
def both(make_result: Callable[..., Result]) -> dict[Any, Result]:
    """Both targets of a model of 12 blocks; error and drift grow with depth, weights higher."""
    random = np.random.default_rng(0)
    depth = np.linspace(1, 2, 12)[:, None] * np.exp(0.05 * random.standard_normal((12, 7)))
    return {
        "weight": make_result("weight", 0.4 * depth, 0.3 * np.linspace(1, 3, 12)),
        "activation": make_result("activation", 0.1 * depth, 0.1 * np.linspace(1, 3, 12)),
    }


@pytest.fixture
def make_look() -> Callable[..., SiteLook]:
    """A SiteLook of one site under magnitude 2:4."""

    def make(
        target: Target,
        rows: int = 8,
        columns: int = 16,
        first_row: int = 0,
        first_column: int = 0,
        shift: float | None = None,
    ) -> SiteLook:
        values = np.random.default_rng(1).standard_normal((40, 128)).astype(np.float32)
        scores = np.abs(values - (shift or 0)).astype(np.float32)
        order = np.argsort(-scores.reshape(40, 32, 4), axis=-1).argsort(-1)
        kept = (order < 2).reshape(40, 128)
        part = np.s_[first_row : first_row + rows, first_column : first_column + columns]
        shown = len(values[part])
        labels = [WORDS[row % len(WORDS)] for row in range(40)]
        if target == "weight":
            labels = [f"output {row}" for row in range(40)]
        edges = np.histogram_bin_edges(values, 50)
        return SiteLook(
            target=target,
            site="model.layers.3.mlp.down_proj",
            block=3,
            projection="down",
            d_in=128,
            d_out=64,
            tokens=40,
            rel_error=0.123,
            kept=0.5,
            inputs=Histogram(
                edges,
                np.histogram(values[kept], edges)[0],
                np.histogram(values[~kept], edges)[0],
                shift,
                0.2,
            ),
            mask=MaskWindow(
                kept[part],
                values[part],
                scores[part],
                tuple(labels[first_row : first_row + shown]),
                first_row,
                first_column,
                40,
                128,
                4,
                kept.sum(0),
            ),
        )

    return make
