"""Figures on paper: every number drawn is the one exported, at the size that is asked for."""

import re
import zlib
from collections import defaultdict
from collections.abc import Iterable
from itertools import pairwise
from typing import Any
from xml.etree import ElementTree

import numpy as np
import plotly.graph_objects as go
import pytest

from nmviz.base.errors import UserError
from nmviz.core.results import Histogram, MaskWindow, SiteLook
from nmviz.core.settings import Target
from nmviz.service.figures.catalogue import draw
from nmviz.views.explore.channels import along_channels
from nmviz.views.explore.distribution import distribution
from nmviz.views.explore.mask import mask
from nmviz.views.paper import cells
from nmviz.views.paper.drawing import on_paper, settings
from nmviz.views.paper.drawn_numbers import drawn_numbers
from nmviz.views.paper.inks import brightness, greys
from nmviz.views.paper.printed import drawn_as
from nmviz.views.paper.setting_out import Drawn
from nmviz.views.paper.sheet import COLUMNS, Sheet, sheet_of
from nmviz.views.shared.theme import title_of
from nmviz.views.tray.inputs import both_distributions
from nmviz.views.tray.masks import overlaid

SVG = "{http://www.w3.org/2000/svg}"
ACTIVATIONS, WEIGHTS = "pattern=8:16", "pattern=8:16&target=weight"
TASKS = "&tasks=core&limit=100"
STORED = {
    "error-by-layer": (ACTIVATIONS, WEIGHTS),
    "drift": (ACTIVATIONS,),
    "kl-of-tokens": (ACTIVATIONS, WEIGHTS),
    "delta-p-of-tokens": (WEIGHTS,),
    "tasks": (ACTIVATIONS + TASKS, WEIGHTS + TASKS),
    "compare-layers": (ACTIVATIONS, "pattern=2:4"),
    "pattern-ladder": (),
    "methods-2-4": (),
    "heatmap-2-4": (),
    "frontier": (),
    "metadata": (),
}


def look_of(rows: int, columns: int, target: Target = "activation", seed: int = 0) -> SiteLook:
    """A layer with a window of that size, its values drawn at random."""
    random = np.random.default_rng(seed)
    values = random.standard_normal((rows, columns)).astype(np.float32)
    kept = np.abs(values) > 0.7
    counts = random.integers(1, 900, (2, 40))
    return SiteLook(
        target=target,
        site="model.layers.3.mlp.down_proj",
        block=3,
        projection="down",
        d_in=columns,
        d_out=rows,
        tokens=rows,
        rel_error=0.2,
        kept=0.5,
        inputs=Histogram(np.linspace(-3, 3, 41), counts[0], counts[1], None, 0.7),
        mask=MaskWindow(
            kept=kept,
            values=values,
            scores=np.abs(values),
            row_labels=tuple(f"word {row}" for row in range(rows)),
            first_row=0,
            first_column=0,
            rows_in_all=rows,
            columns_in_all=columns,
            group=16,
            kept_of_column=kept.sum(axis=0),
        ),
    )


LOOKED = {
    "mask": mask(look_of(16, 32)),
    "distribution": distribution(look_of(8, 16)),
    "channels": along_channels({"activation": look_of(8, 64), "weight": look_of(9, 64, "weight")}),
    "compare-masks": overlaid(look_of(8, 32), look_of(8, 32, seed=1)),
    "compare-distributions": both_distributions(look_of(8, 16), look_of(8, 16, seed=1)),
}


@pytest.mark.parametrize("name", [*STORED, *LOOKED])
@pytest.mark.usefixtures("module_store")
def test_every_number_drawn_is_the_one_exported(name: str) -> None:
    figure = LOOKED[name] if name in LOOKED else draw(name, STORED[name]).figure
    exported: dict[int, list[dict[str, Any]]] = defaultdict(list)
    for row in drawn_numbers(figure):
        exported[row["trace"]].append(row)
    assert exported
    sheet = sheet_of(columns=1)
    with settings(sheet):
        drawn = on_paper(figure, sheet)
        for place, rows in exported.items():
            _check(figure.data[place], rows, drawn, f"trace-{place}")


def _check(trace: Any, rows: list[dict[str, Any]], drawn: Drawn, name: str) -> None:
    panel = drawn.panels[trace.xaxis or "x", trace.yaxis or "y"]
    parts = {gid: _with_gid(drawn, gid) for gid in _gids(name)}
    if trace.type == "heatmap":
        drawn_cells = parts[f"{name}-cells"][0].get_array()
        assert sorted(drawn_cells.compressed()) == sorted(row["value"] for row in rows)
        return
    points = [(_number(panel, "x", row["x"]), _number(panel, "y", row["y"])) for row in rows]
    if trace.type == "bar":
        bars = parts[f"{name}-bar"]
        found = [(one.get_x() + one.get_width() / 2, one.get_height()) for one in bars]
        assert np.allclose(found, points)
        return
    assert any(parts.values())
    if lines := parts[f"{name}-line"]:
        xy = np.array(lines[0].get_data()).T
        assert np.array_equal(xy[~np.isnan(xy).any(axis=1)], points)
    if marks := parts[f"{name}-points"]:
        found = np.concatenate([np.array(one.get_offsets()) for one in marks])
        assert sorted(map(tuple, found[~np.isnan(found).any(axis=1)])) == sorted(points)
    if words := parts[f"{name}-text"]:
        assert [tuple(one.xy) for one in words] == points
    for which in "xy":
        if errors := parts[f"{name}-error-{which}"]:
            _check_errors(errors[0].get_segments(), rows, points, which)


def _check_errors(segments: Any, rows: Any, points: Any, which: str) -> None:
    for segment, row, point in zip(segments, rows, points, strict=True):
        middle = point["xy".index(which)]
        ends = sorted(segment[:, "xy".index(which)])
        assert row["error_of"] == which
        assert ends == pytest.approx([middle - row["below"], middle + row["above"]])


def _gids(name: str) -> Iterable[str]:
    parts = ("line", "points", "cells", "bar", "text", "error-x", "error-y")
    return (f"{name}-{part}" for part in parts)


def _with_gid(drawn: Drawn, gid: str) -> list[Any]:
    return drawn.figure.findobj(lambda one: one.get_gid() == gid)


def _number(panel: Any, which: str, value: Any) -> float:
    return float(panel.names[which].index(value) if isinstance(value, str) else value)


@pytest.mark.usefixtures("module_store")
def test_places_in_the_svg_are_those_of_the_numbers() -> None:
    """What a reader measures on paper, from the file itself."""
    picture = draw("metadata")
    sheet = sheet_of(width=120)
    svg, remarks = drawn_as(picture.figure, "svg", sheet, picture.caption)
    assert remarks == []
    root = ElementTree.fromstring(svg)
    width, height = (float(root.attrib[side].removesuffix("pt")) for side in ("width", "height"))
    assert width == pytest.approx(120 / 25.4 * 72, abs=0.01)
    with settings(sheet):
        drawn = on_paper(picture.figure, sheet, picture.caption)
    axes = drawn.panels["x", "y"].axes
    for place, trace in enumerate(picture.figure.data):
        group = next(
            one for one in root.iter(f"{SVG}g") if one.get("id") == f"trace-{place}-points"
        )
        seen = [(float(one.attrib["x"]), float(one.attrib["y"])) for one in group.iter(f"{SVG}use")]
        values = [(at, y) for at, y in enumerate(trace.y)]
        wanted = [(x, height - y) for x, y in axes.transData.transform(values)]
        assert np.allclose(seen, wanted, atol=0.01)


@pytest.mark.parametrize("size", [7.0, 8.0, 9.0])
def test_text_is_of_the_size_and_font_that_are_asked_for(size: float) -> None:
    sheet = sheet_of(columns=1, size=size, font="DejaVu Serif")
    svg, _ = drawn_as(LOOKED["compare-distributions"], "svg", sheet, "A caption.")
    text = svg.decode()
    sizes = {float(one) for one in re.findall(r"font: ([\d.]+)px", text)}
    sizes |= {float(one) for one in re.findall(r"font-size: ([\d.]+)px", text)}
    assert sizes and min(sizes) >= 7 / 8 * size - 0.01 and max(sizes) <= 9 / 8 * size + 0.01
    assert "DejaVu Serif" in text and "DejaVu Sans" not in text
    words = words_of(svg)
    assert "A caption." in words and "entries a bin (log)" in words


def words_of(svg: bytes) -> str:
    texts = ElementTree.fromstring(svg).iter(f"{SVG}text")
    return " ".join("".join(one.itertext()) for one in texts)


def test_without_a_title_neither_finding_nor_caption_is_drawn() -> None:
    figure = LOOKED["distribution"]
    with_title = drawn_as(figure, "svg", sheet_of(columns=1), "A caption.")[0]
    without = drawn_as(figure, "svg", sheet_of(columns=1, title=False), "A caption.")[0]
    first = title_of(figure).split()[0]
    for svg, there in ((with_title, True), (without, False)):
        words = words_of(svg)
        assert ("A caption." in words, first in words.split()) == (there, there)


def test_a_pdf_has_lines_rectangles_and_embedded_fonts() -> None:
    pdf, again = (drawn_as(LOOKED["mask"], "pdf", Sheet(), "A caption.")[0] for _ in range(2))
    assert pdf == again  # nothing of the day it was made on is in it
    assert pdf.startswith(b"%PDF-") and b"/FontFile2" in pdf
    assert not re.search(rb"/Subtype\s*/Image", pdf)
    streams = [_inflated(one) for one in re.findall(rb"stream\r?\n(.*?)\r?\nendstream", pdf, re.S)]
    drawn = b"\n".join(streams)
    assert len(re.findall(rb"\bl\n", drawn)) >= 16 * 32  # a path a cell
    assert re.search(rb"T[jJ]", drawn)


def _inflated(stream: bytes) -> bytes:
    try:
        return zlib.decompress(stream)
    except zlib.error:
        return b""


def test_many_cells_are_a_picture_and_that_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cells, "MOST_CELLS", 800)
    few, none = drawn_as(mask(look_of(20, 40)), "svg", Sheet())
    many, remarks = drawn_as(mask(look_of(21, 40)), "svg", Sheet())
    assert b"<image" not in few and none == []
    assert many.count(b"<image") == 1
    said = "840 cells are more than 800: they are a picture of 300 dots an inch, and no rectangles."
    assert remarks == [said]


def test_numbers_of_cells_that_would_be_too_small_are_left_out() -> None:
    figure = mask(look_of(4, 32))
    svg, remarks = drawn_as(figure, "svg", sheet_of(columns=1))
    assert remarks and "too small to read" in remarks[0]
    wide, none = drawn_as(figure, "svg", sheet_of(columns=2))
    assert none == [] and wide.count(b"<text") >= 4 * 32 > svg.count(b"<text")


@pytest.mark.usefixtures("module_store")
def test_in_grey_nothing_has_a_colour_and_no_two_are_alike() -> None:
    sheet = sheet_of(palette="grey")
    svg = drawn_as(LOOKED["compare-masks"], "svg", sheet, "A caption.")[0].decode()
    inside = svg.split('id="trace-0-cells"')[1].split("</g>")[0]
    assert len(_inks(inside) - {"#ffffff"}) == 4  # white is the gap between two
    many = drawn_as(draw("heatmap-2-4").figure, "svg", sheet)[0].decode()
    bars = many.split('id="trace-1-bar"', 1)[1].split('id="trace-0-text"')[0]
    assert min(brightness(one) for one in _inks(bars.split('<g id="matplotlib')[0])) > 0.5
    for text in (svg, many):
        assert all(one[1:3] == one[3:5] == one[5:7] for one in _inks(text)), _inks(text)
    ink = greys(["#D55E00", "#0072B2", "#009E73", "#0072B2"])
    levels = sorted(brightness(ink(one)) for one in ("#D55E00", "#0072B2", "#009E73"))
    assert min(b - a for a, b in pairwise(levels)) > 0.12


def _inks(svg: str) -> set[str]:
    return {one.lower() for one in re.findall(r"(?:fill|stroke): (#[0-9a-fA-F]{6})", svg)}


def test_dollars_are_dollars() -> None:
    figure = go.Figure(go.Scatter(x=[1], y=[1], name="a_b $x$", showlegend=True))
    assert b"a_b $x$" in drawn_as(figure, "svg", Sheet())[0]


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"columns": 3}, "1 or 2 columns wide, not 3"),
        ({"columns": 1, "width": 80}, "say one of them"),
        ({"width": 0}, "30 to 1,000 mm wide, not 0"),
        ({"width": float("nan")}, "not nan"),
        ({"size": 0}, "5 to 20 points high, not 0"),
        ({"font": "No Such Font"}, "no font 'No Such Font' on this machine"),
        ({"palette": "pink"}, "Figures are coloured by okabe-ito, grey, not by 'pink'"),
    ],
)
def test_a_sheet_that_cannot_be_is_refused(asked: dict[str, Any], said: str) -> None:
    with pytest.raises(UserError) as caught:
        sheet_of(**asked)
    assert said in str(caught.value) and "\n" not in str(caught.value)
    assert sheet_of().width == COLUMNS[2]
