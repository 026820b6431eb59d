"""Panels of one figure: where their axes lie, all set out at once, which is much faster."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil
from typing import Any

from nmviz.views.shared.theme import ink

APART = 0.04
"""Share of the width between two panels."""
ABOVE = 54
"""Pixels between panels, for ticks and the next one's title."""
TOP = 64
"""Pixels above the first panels, for the legend and a title."""
LINE = 16
"""Pixels more where a title has two lines."""
BELOW = 58
SIDE = 66
"""Pixels beside the first panels, where the values have a title."""


@dataclass(frozen=True)
class Grid:
    """Panels in rows, `height` pixels each, with a title above each and one for either axis."""

    titles: Sequence[str]
    height: int
    x: str = ""
    y: str = ""

    @property
    def across(self) -> int:
        """How many stand beside each other."""
        return min(2, len(self.titles))

    @property
    def down(self) -> int:
        """How many stand below each other."""
        return ceil(len(self.titles) / self.across)

    @property
    def inner(self) -> int:
        """Pixels from the top of the first panel to the bottom of the last."""
        return self.down * self.height + (self.down - 1) * self._between

    @property
    def outer(self) -> int:
        """The figure's height."""
        return self.inner + self._top + BELOW

    @property
    def _more(self) -> int:
        return LINE * any("<br>" in title for title in self.titles)

    @property
    def _top(self) -> int:
        return TOP + self._more

    @property
    def _between(self) -> int:
        return ABOVE + self._more

    def axes(self, place: int) -> dict[str, str]:
        """What a trace of that panel has for its axes."""
        number = "" if place == 0 else str(place + 1)
        return {"xaxis": f"x{number}", "yaxis": f"y{number}"}

    def layout(self, x: dict[str, Any], y: dict[str, Any]) -> dict[str, Any]:
        """All axes, names of rows on the left only; margins, and a legend above the titles."""
        layout: dict[str, Any] = {
            "margin": {"t": self._top, "b": BELOW, "l": SIDE if self.y else 8, "r": 14},
            "legend": {"y": 1 + (self._top - 42) / self.inner, "yanchor": "bottom"},
        }
        for place in range(len(self.titles)):
            names, (left, right) = self.axes(place), self._across(place)
            bottom, top = self._down(place)
            first = place % self.across == 0
            layout["xaxis" + names["xaxis"][1:]] = {
                **x,
                "anchor": names["yaxis"],
                "domain": [left, right],
            }
            layout["yaxis" + names["yaxis"][1:]] = {
                **y,
                "anchor": names["xaxis"],
                "domain": [bottom, top],
                **({} if first else {"showticklabels": False, "ticks": ""}),
            }
        return layout

    def headings(self, dark: bool) -> list[dict[str, Any]]:
        """The titles of the panels and, once for all of them, of the axes."""
        below = {"text": self.x, "x": 0.5, "y": 0, "yanchor": "top", "yshift": -22}
        beside = {"text": self.y, "x": 0, "y": 0.5, "xanchor": "right", "xshift": -SIDE + 22}
        axes = [below, {**beside, "textangle": -90}]
        usual = {"xref": "paper", "yref": "paper", "showarrow": False}
        font = {"size": 12, "color": ink(dark).text}
        panels: list[dict[str, Any]] = [
            {
                "text": title,
                "x": sum(self._across(place)) / 2,
                "y": self._down(place)[1],
                "xanchor": "center",
                "yanchor": "bottom",
            }
            for place, title in enumerate(self.titles)
        ]
        return [{**one, **usual, "font": font} for one in (*panels, *axes) if one["text"]]

    def _across(self, place: int) -> tuple[float, float]:
        width = (1 - APART * (self.across - 1)) / self.across
        left = (place % self.across) * (width + APART)
        return left, min(left + width, 1.0)

    def _down(self, place: int) -> tuple[float, float]:
        top = 1 - (place // self.across) * (self.height + self._between) / self.inner
        return max(top - self.height / self.inner, 0.0), top


def once(traces: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The traces with one line of the legend for each name."""
    seen: set[str] = set()
    shown = []
    for trace in traces:
        shown.append({**trace, "showlegend": trace["name"] not in seen})
        seen.add(trace["name"])
    return shown
