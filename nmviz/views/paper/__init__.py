"""Figures in files: what the page draws with plotly.js, drawn by matplotlib at a printed size.

A plotly figure is the one description; `drawing.on_paper` reads it, and needs no browser.
"""

import os

from nmviz.base.cache import cache_dir

# matplotlib keeps its list of fonts there; a home that cannot be written would be spoken of.
os.environ.setdefault("MPLCONFIGDIR", str(cache_dir() / "matplotlib"))
