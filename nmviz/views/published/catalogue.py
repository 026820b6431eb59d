"""Every published figure by name, for `nmviz figure` and the page."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import plotly.graph_objects as go

from nmviz.published import FOUR_MODELS, LARGE_MODELS
from nmviz.published.listing.row import Row
from nmviz.published.listing.selection import Selection
from nmviz.views.published.heatmap import models_by_methods
from nmviz.views.published.ladder import pattern_ladder
from nmviz.views.published.methods import methods_by_model
from nmviz.views.published.pairs import weights_and_activations

Draw = Callable[..., go.Figure]

KINDS: Mapping[str, tuple[str, Draw]] = {
    "pairs": ("weights beside activations", weights_and_activations),
    "ladder": ("over patterns", pattern_ladder),
    "methods": ("methods, a panel a model", methods_by_model),
    "heatmap": ("models x methods", models_by_methods),
}
"""The ways to draw any selection: id to words and function."""

MOST_DRAWN = 200
"""Rows of one figure on the page: more are neither legible nor drawn at once."""
FOUR = tuple(LARGE_MODELS)
ALL = (*FOUR, FOUR_MODELS)
LADDER = ("2:4", "4:8", "8:16", "16:32", "50%", "70%")


@dataclass(frozen=True)
class PaperFigure:
    """A figure with a name: what it shows, of which rows, drawn how."""

    name: str
    title: str
    selection: Selection
    kind: str

    def draw(self, rows: Sequence[Row]) -> go.Figure:
        """The figure of those rows, for light paper."""
        return KINDS[self.kind][1](rows)


_ALL = (
    PaperFigure(
        "pattern-ladder",
        "Accuracy lost over patterns, Llama 3.1 8B (Table 6)",
        Selection(models=("llama3.1-8b",), patterns=LADDER, places=("Table 6",)),
        "ladder",
    ),
    PaperFigure(
        "weights-and-activations",
        "Pruned weights beside pruned activations, four models (Tables 2, 6, 9, 10, 11)",
        Selection(
            models=FOUR,
            patterns=("2:4", "8:16", "50%"),
            methods=("ACT", "WT"),
            sources=("arxiv-2509.22166v1",),
        ),
        "pairs",
    ),
    PaperFigure(
        "methods-2-4",
        "Every method at 2:4, four models (Table 10)",
        Selection(models=FOUR, patterns=("2:4",), places=("Table 10",)),
        "methods",
    ),
    PaperFigure(
        "methods-8-16",
        "Every method at 8:16, four models (Table 11)",
        Selection(models=FOUR, patterns=("8:16",), places=("Table 11",)),
        "methods",
    ),
    PaperFigure(
        "unstructured",
        "Accuracy lost at 20% to 90% unstructured, four models (Tables 4, 6, 9)",
        Selection(
            models=FOUR,
            patterns=("20%", "50%", "70%", "90%"),
            methods=("ACT", "WT"),
            places=("Table 4", "Table 6", "Table 9"),
        ),
        "ladder",
    ),
    PaperFigure(
        "perplexity-ladder",
        "Perplexity over patterns, values printed as OUT at the edge (Tables 9, 10, 11)",
        Selection(
            models=FOUR,
            patterns=("2:4", "8:16", "20%", "50%", "70%", "90%"),
            methods=("ACT", "WT"),
            metric="perplexity",
            places=("Table 9", "Table 10", "Table 11"),
        ),
        "ladder",
    ),
    PaperFigure(
        "heatmap-2-4",
        "Accuracy lost at 2:4, models by methods (Table 10)",
        Selection(models=FOUR, patterns=("2:4",), places=("Table 10",)),
        "heatmap",
    ),
    PaperFigure(
        "heatmap-8-16",
        "Accuracy lost at 8:16, models by methods (Table 11)",
        Selection(models=FOUR, patterns=("8:16",), places=("Table 11",)),
        "heatmap",
    ),
    PaperFigure(
        "summary-heatmap",
        "The drops as Table 2 prints them, models and their mean by methods",
        Selection(models=ALL, places=("Table 2",)),
        "heatmap",
    ),
    PaperFigure(
        "combinations",
        "Combined mitigations at 8:16 as Table 7 prints them",
        Selection(models=ALL, patterns=("8:16",), places=("Table 7",)),
        "heatmap",
    ),
    PaperFigure(
        "layers",
        "Which layers are pruned, eleven tasks (Table 12)",
        Selection(models=("llama3.1-8b",), places=("Table 12",), tasks=()),
        "methods",
    ),
    PaperFigure(
        "instruction-following",
        "Instructions followed to the letter, IFEval (Table 3)",
        Selection(metric="prompt_strict", places=("Table 3",)),
        "methods",
    ),
)
FIGURES: Mapping[str, PaperFigure] = {figure.name: figure for figure in _ALL}
