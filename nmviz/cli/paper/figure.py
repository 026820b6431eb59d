"""`nmviz figure`: any figure by its name, at a printed size."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from nmviz.base.errors import UserError
from nmviz.cli.compare import NAMED


def figure(
    name: Annotated[str, typer.Argument(help="One of those that --list names.")] = "",
    of: Annotated[
        list[str] | None, typer.Argument(metavar="[A [B ...]]", help=f"Results: {NAMED}")
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(help="A .svg, .pdf, .png or .html file; .csv or .json: its numbers."),
    ] = None,
    columns: Annotated[
        int | None, typer.Option(help="1 (84 mm) or 2 (174 mm, as usual) of a paper.")
    ] = None,
    width: Annotated[float | None, typer.Option(help="Millimetres, instead of columns.")] = None,
    font: Annotated[str, typer.Option(help="A font of this machine.")] = "DejaVu Sans",
    size: Annotated[float, typer.Option(help="Points of the text at that width.")] = 8.0,
    palette: Annotated[str, typer.Option(help="okabe-ito or grey.")] = "okabe-ito",
    no_title: Annotated[
        bool, typer.Option("--no-title", help="Without the finding above and the caption below.")
    ] = False,
    block: Annotated[int | None, typer.Option(help="Of a layer's figure: its block, from 0.")] = (
        None
    ),
    projection: Annotated[str, typer.Option(help="Which layer of it: q, k, v, down ...")] = "",
    prompt: Annotated[str, typer.Option(help="The text that the layer is looked at on.")] = "",
    first_row: Annotated[int, typer.Option(help="Of a mask: the first token or output.")] = 0,
    rows: Annotated[int, typer.Option(help="Of a mask: so many.")] = 32,
    first_entry: Annotated[int, typer.Option(help="Of a mask: the first channel.")] = 0,
    entries: Annotated[int, typer.Option(help="Of a mask: so many.")] = 64,
    listed: Annotated[bool, typer.Option("--list", help="Name every figure.")] = False,
) -> None:
    """Write a figure of published numbers, of stored results, or of one layer, to a file."""
    from nmviz.service.figures.asked import Place
    from nmviz.service.figures.catalogue import draw, figures
    from nmviz.views.paper.figure_files import check_ending, write_figure
    from nmviz.views.paper.sheet import sheet_of

    if listed:
        print("\n".join(f"{one.name:24} {one.title}" for one in figures().values()))
        return
    if name in figures() and out is None:
        raise UserError(f"Say where the figure goes, such as --out {name}.svg.")
    if out is not None:
        check_ending(out)
    sheet = sheet_of(
        columns=columns, width=width, font=font, size=size, palette=palette, title=not no_title
    )
    at = Place(block, projection, prompt, first_row, rows, first_entry, entries)
    if name in figures() and figures()[name].kind == "published" and at != Place():
        raise UserError(f"{name} is of no layer: leave --block and what belongs to it out.")
    drawn = draw(name, of or (), at)
    assert out is not None  # a name that there is not ends above
    for remark in write_figure(drawn.figure, out, sheet, drawn.caption):
        print(f"nmviz: {remark}", file=sys.stderr)
    print(f"{figures()[name].title}: written to {out}.\n{drawn.caption}")
