"""Figures into files: vector SVG and PDF, PNG, and HTML that needs nothing else.

HTML is written by plotly alone. The others are drawn by Chromium, without a page or a network.
"""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import plotly.graph_objects as go

from nmviz.base.errors import UserError
from nmviz.base.whole_files import replace_with
from nmviz.views.shared.theme import plot_config, with_title

ENDINGS = ("svg", "pdf", "png", "html")
WIDTH = 760
PATIENCE = 60
"""Seconds that Chromium may take before it is given up."""


def write_figure(figure: go.Figure, out: Path, *, width: int = WIDTH) -> None:
    """Write a figure with its sentence; the ending of `out` says how.

    The file is whole or not there. UserError, one sentence, for another ending, a folder that
    cannot be written, or a missing Chromium.
    """
    ending = check_ending(out)
    titled = with_title(figure, width=width // 9)
    titled.update_layout(width=None if ending == "html" else width)
    html = ending == "html"
    _write(_html(titled, out.stem).encode() if html else _drawn(titled, ending, width), out)


def check_ending(out: Path) -> str:
    """The format that a file's ending asks for. UserError for one that is not offered."""
    ending = out.suffix.removeprefix(".").lower()
    if ending not in ENDINGS:
        raise UserError(
            f"A figure is not written as {out.suffix[:20] or 'a file without an ending'!r}: "
            f"end --out in one of {', '.join('.' + one for one in ENDINGS)}."
        )
    return ending


def _html(figure: go.Figure, name: str) -> str:
    return str(
        figure.to_html(
            include_plotlyjs=True, include_mathjax=False, config=plot_config(name), full_html=True
        )
    )


def _drawn(figure: go.Figure, ending: str, width: int) -> bytes:
    """The figure as Chromium draws it. UserError where there is none or it does not answer."""
    import kaleido  # type: ignore[import-untyped]

    on_paper = go.Figure(figure).update_layout(paper_bgcolor="#FFFFFF", plot_bgcolor="#FFFFFF")
    options = {
        "format": ending,
        "width": width,
        "height": int(on_paper.layout.height or 400),
        "scale": 2 if ending == "png" else 1,
    }
    pages = kaleido.PageGenerator(mathjax=False)  # else it is asked for over the network

    async def draw() -> Any:
        async with kaleido.Kaleido(n=1, timeout=PATIENCE, page_generator=pages) as browser:
            return await browser.calc_fig(on_paper, opts=options)

    # in a thread of its own: a notebook's already runs an event loop, and there can be one only
    with ThreadPoolExecutor(1) as thread:
        drawn = thread.submit(lambda: asyncio.run(asyncio.wait_for(draw(), 2 * PATIENCE)))
    try:
        return bytes(drawn.result())
    except Exception as error:
        raise UserError(_why(ending, error)) from error


def _why(ending: str, error: Exception) -> str:
    if "chrome" in type(error).__name__.lower() or "chrome" in str(error).lower():
        return (
            f"A .{ending} file is drawn by Chromium, which was not found or did not start: install "
            "it (apt-get install chromium) and name it in BROWSER_PATH, or write .html."
        )
    if isinstance(error, TimeoutError):
        return f"Chromium did not draw the figure within {2 * PATIENCE} s: try again, or .html."
    return f"Chromium could not draw the figure ({type(error).__name__}): write .html instead."


def _write(data: bytes, out: Path) -> None:
    try:
        replace_with(out, data)
    except OSError as error:
        raise UserError(f"{out} cannot be written: {error.strerror or error}.") from None
