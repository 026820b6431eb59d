"""Rows of tables: plain values of what was measured."""

from typing import Any

from nmviz.core.metrics import METRICS
from nmviz.core.results import Measurement
from nmviz.core.site_errors import SiteError


def of_figure(one: Measurement) -> dict[str, Any]:
    """A figure with its error; `n` units of text, examples or draws stand behind that."""
    return {
        "metric": one.metric,
        "task": one.task or "",
        "value": one.value,
        "stderr": one.stderr,
        "n": one.n,
        "unit_of_n": one.unit_of_n or "",
        "unit": METRICS.get(one.metric).unit if one.metric in METRICS else "",
    }


def of_layer(one: SiteError) -> dict[str, Any]:
    """A layer: where it is, its relative output error (a share), and the share that is kept."""
    return {
        "site": one.name,
        "block": one.block,
        "projection": one.projection,
        "rel_error": one.rel_error,
        "stderr": one.stderr,
        "kept": one.kept,
    }
