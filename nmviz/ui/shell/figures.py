"""Plotly figures on their way into the page."""

import json
from typing import Protocol

from gradio.components.plot import PlotData

from nmviz.views.shared.theme import plot_config


class Figure(Protocol):
    """What this module needs of a figure."""

    def to_json(self) -> str | None: ...


def drawn(figure: Figure, file_name: str) -> PlotData:
    """The figure with a toolbar that saves it as SVG under that name.

    Always the light one: the style sheet recolours it on a dark page, so that changing the theme
    asks nothing of the server and a saved figure is fit for paper.
    """
    plot = figure.to_json() or "{}"
    config = json.dumps(plot_config(file_name))  # put in as text: reading all of it takes longer
    return PlotData(type="plotly", plot=f'{plot.rstrip().removesuffix("}")},"config":{config}}}')
