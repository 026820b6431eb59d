"""What the page, the command line and the API call. Nothing here imports torch until it runs."""

from nmviz.service.layers import alone, generate, look, sweep_layer
from nmviz.service.published import Published, published
from nmviz.service.runs import (
    calibrate,
    estimate_seconds,
    lookup,
    run,
    sensitivity,
    store,
    warm,
)
from nmviz.service.scope import OWN_TEXT, Catalogue, canonical, catalogue, resolve

__all__ = [
    "OWN_TEXT",
    "Catalogue",
    "Published",
    "alone",
    "calibrate",
    "canonical",
    "catalogue",
    "estimate_seconds",
    "generate",
    "look",
    "lookup",
    "published",
    "resolve",
    "run",
    "sensitivity",
    "store",
    "sweep_layer",
    "warm",
]
