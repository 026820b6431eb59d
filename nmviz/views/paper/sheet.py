"""How a figure is printed: its width, font, colours, and what is written around it."""

from collections.abc import Mapping
from dataclasses import dataclass
from inspect import signature
from typing import Any, Literal

from nmviz.base.errors import UserError
from nmviz.base.validation import one_of

Palette = Literal["okabe-ito", "grey"]
PALETTES: tuple[Palette, ...] = ("okabe-ito", "grey")
COLUMNS: Mapping[int, float] = {1: 84.0, 2: 174.0}
"""Millimetres of one column and of both in the usual classes of two columns (ACL, ICML, IEEE)."""
NARROWEST, WIDEST = 30.0, 1000.0  # millimetres
SMALLEST, LARGEST = 5.0, 20.0  # points
USUAL_FONT, USUAL_SIZE = "DejaVu Sans", 8.0
POINTS_A_MILLIMETRE = 72 / 25.4
SMALL, LARGE = 7 / 8, 9 / 8
PIXELS = 12.0
"""The size of the page's text: a pixel there is so many parts of `Sheet.size` here."""


@dataclass(frozen=True)
class Sheet:
    """A place on paper. `width` is in millimetres, `size` of the text in points at that width; the
    height follows from the figure. Without `title` neither the finding nor the caption is drawn."""

    width: float = COLUMNS[2]
    font: str = USUAL_FONT
    size: float = USUAL_SIZE
    palette: Palette = "okabe-ito"
    title: bool = True

    @property
    def points(self) -> float:
        """The width in points."""
        return self.width * POINTS_A_MILLIMETRE

    def text(self, pixels: float | None) -> float:
        """Points of letters that are so many pixels on the page: an eighth more or less than
        `size` at most, 7 to 9 where that is 8."""
        return self.size * min(max((pixels or PIXELS) / PIXELS, SMALL), LARGE)

    @property
    def small(self) -> float:
        """Points of the smallest letters."""
        return self.size * SMALL

    @property
    def large(self) -> float:
        """Points of the largest."""
        return self.size * LARGE

    @property
    def scale(self) -> float:
        """Points of a pixel of the page."""
        return self.size / PIXELS


def sheet_from(told: Mapping[str, Any]) -> Sheet:
    """`sheet_of` by the names of what it takes. UserError also for another name."""
    known = tuple(signature(sheet_of).parameters)
    for name in told:
        one_of(name, known, "A sheet is told by")
    return sheet_of(**told)


def sheet_of(
    *,
    columns: int | None = None,
    width: float | None = None,
    font: str = USUAL_FONT,
    size: float = USUAL_SIZE,
    palette: str = "okabe-ito",
    title: bool = True,
) -> Sheet:
    """A sheet as it is asked for: so many `columns`, both where nothing is said, or millimetres of
    `width`. UserError, one sentence, for what there is not or cannot be."""
    if columns is not None and width is not None:
        raise UserError("A width is of columns or in millimetres: say one of them.")
    if columns is not None and columns not in COLUMNS:
        raise UserError(f"A figure is 1 or 2 columns wide, not {columns}.")
    wide = COLUMNS[columns or 2] if width is None else width
    if not NARROWEST <= wide <= WIDEST:
        least, most = f"{NARROWEST:.0f}", f"{WIDEST:,.0f}"
        raise UserError(f"A figure is {least} to {most} mm wide, not {wide:g}.")
    if not SMALLEST <= size <= LARGEST:
        raise UserError(f"Text is {SMALLEST:.0f} to {LARGEST:.0f} points high, not {size:g}.")
    check_font(font)
    return Sheet(wide, font, size, one_of(palette, PALETTES, "Figures are coloured by"), title)


def check_font(name: str) -> None:
    """UserError for a font that this machine does not have."""
    from matplotlib import font_manager

    generic = ("serif", "sans-serif", "monospace")
    known = sorted({one.name for one in font_manager.fontManager.ttflist})
    if name not in known and name not in generic:
        some = ", ".join([one for one in known if one.startswith("DejaVu")][:3] or known[:3])
        raise UserError(
            f"There is no font {name[:40]!r} on this machine: choose one that it has, such as "
            f"{some}, or serif."
        )
