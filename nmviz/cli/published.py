"""Published numbers on the command line: `nmviz audit` and `nmviz figure`."""

import json
from pathlib import Path
from typing import Annotated

import typer

from nmviz import service
from nmviz.base.errors import UserError
from nmviz.cli.options import Json
from nmviz.published.speeds.implausible import in_words, to_json
from nmviz.service.listing import explore
from nmviz.service.tradeoffs.cost import speeds


def audit(as_json: Json = False) -> None:
    """Say what in the published numbers contradicts itself, and what the logs confirm."""
    said, measured = service.published().audit, speeds()
    if as_json:
        doubts = to_json(measured.rows, measured.doubts)
        print(json.dumps({**said.to_json(), "speeds_in_doubt": doubts}))
    else:
        print(f"{said.text}\n\n{in_words(measured.rows, measured.doubts)}")


def figure(
    name: Annotated[str, typer.Argument(help="One of those that --list names.")] = "",
    out: Annotated[Path | None, typer.Option(help="A .svg, .pdf, .png or .html file.")] = None,
    listed: Annotated[bool, typer.Option("--list", help="Name every figure.")] = False,
) -> None:
    """Write a figure of the published results, or of the trade-offs, to a file."""
    from nmviz.service.tradeoffs.figures import TradeoffFigure, figures
    from nmviz.views.published.catalogue import FIGURES, figure_named
    from nmviz.views.shared.figure_files import check_ending, write_figure

    if listed:
        titles = {name: one.title for name, one in FIGURES.items()}
        titles |= {name: one.title for name, one in figures().items()}
        print("\n".join(f"{name:24} {title}" for name, title in titles.items()))
        return
    chosen = figures()[name] if name in figures() else figure_named(name, *figures())
    if out is None:
        raise UserError(f"Say where the figure goes, such as --out {name}.svg.")
    check_ending(out)
    if isinstance(chosen, TradeoffFigure):
        drawn = chosen.draw()
    else:
        drawn = chosen.draw(explore(chosen.selection))
    write_figure(drawn, out)
    print(f"{chosen.title}: written to {out}.")
