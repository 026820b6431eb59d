"""Figures of what an address shows, at the width of a column: drawn anew for paper, not taken from
the screen."""

import base64
import json
from collections.abc import Iterator, Sequence
from typing import Any

from nmviz.base.errors import UserError
from nmviz.service.comparing.pinned import whole
from nmviz.service.figures.asked import Named, Place
from nmviz.service.figures.catalogue import draw, figures
from nmviz.service.tradeoffs.figures import figures as tradeoffs
from nmviz.sources.corpora import OWN_TEXT
from nmviz.ui.explore.address import Address
from nmviz.ui.explore.panels.published_only import is_large
from nmviz.ui.share.seen import seen
from nmviz.ui.shell.failures import sentence
from nmviz.ui.shell.html import options
from nmviz.ui.shell.limits import layer_of
from nmviz.ui.tray.place import Place as Tray
from nmviz.views.paper.figure_files import figure_as
from nmviz.views.paper.sheet import COLUMNS, sheet_of
from nmviz.views.published.catalogue import FIGURES
from nmviz.views.shared.theme import NAMES

TYPES = {"pdf": "application/pdf", "svg": "image/svg+xml", "png": "image/png"}
BOTH = ("error-by-layer", "drift", "kl-of-tokens", "delta-p-of-tokens")
"""Of weights and activations together, from what is stored."""
EACH = ("mask", "distribution", "methods-at-layer")
"""Of one of them at the layer that is looked at."""
PAIR = ("compare-layers", "compare-masks", "compare-distributions")
"""Of A and B of the tray."""


def offered(asked: Address, tray: Tray) -> dict[str, str]:
    """What can be drawn, by its name and of what: `mask:weight`, `drift:both`."""
    titles = {name: one.title for name, one in figures().items()}
    return {f"{name}:{of}": _title(titles[name], of) for name, of in _offered(asked, tray)}


def _offered(asked: Address, tray: Tray) -> Iterator[tuple[str, str]]:
    if tray.pair:
        yield from ((name, "pair") for name in PAIR)
    if asked.tab == "explore" and not is_large(asked.view):
        own = asked.view.experiment.corpus == OWN_TEXT
        yield from ((name, "both") for name in BOTH if not own)
        yield "channels", "both"
        yield from ((name, target) for name in EACH for target in ("weight", "activation"))
    elif asked.tab == "published":
        yield from ((name, "all") for name in FIGURES)
    elif asked.tab == "trade-offs":
        yield from ((name, "all") for name in tradeoffs())


def _title(title: str, of: str) -> str:
    beside = {"pair": "tray", "weight": NAMES["weight"], "activation": NAMES["activation"]}
    return f"{title} ({beside[of]})" if of in beside else title


def chooser(asked: Address, tray: Tray) -> str:
    """The HTML to choose one with, its width and its kind of file; empty where there is none."""
    known = offered(asked, tray)
    if not known:
        return ""
    widths = {
        str(count): f"{count} column{'s' * (count > 1)}, {mm:.0f} mm"
        for count, mm in COLUMNS.items()
    }
    menus = "".join(
        f'<select data-figure="{name}" aria-label="{label}">{options(values)}</select>'
        for name, label, values in (
            ("choice", "Figure", known),
            ("columns", "Width", widths),
            ("ending", "Kind of file", {one: one.upper() for one in TYPES}),
        )
    )
    return (
        '<section><h3>Figure for a paper</h3><p class="share-figure">'
        f'{menus} <button type="button" class="save-figure">Save</button></p></section>'
    )


def drawn(told: str) -> str:
    """The file of what is chosen, for the script of the page: name, type and bytes, or what failed.
    `told` is the JSON of `query`, `choice`, `columns` and `ending`."""
    try:
        return json.dumps(_drawn(**{str(name): str(value) for name, value in _read(told).items()}))
    except Exception as error:
        return json.dumps({"failed": sentence(error)})


def _read(told: str) -> dict[str, Any]:
    try:
        given = json.loads(told)
    except ValueError:
        given = None
    if not isinstance(given, dict) or set(given) != {"query", "choice", "columns", "ending"}:
        raise UserError("Choose a figure, a width and a kind of file that Share lists.")
    return given


def _drawn(query: str, choice: str, columns: str, ending: str) -> dict[str, str]:
    shown = seen(query)
    asked, tray = shown.asked, shown.tray
    if (
        choice not in offered(asked, tray)
        or ending not in TYPES
        or columns not in map(str, COLUMNS)
    ):
        raise UserError("Choose a figure, a width and a kind of file that Share lists.")
    name, _, of = choice.partition(":")
    picture = draw(name, _named(asked, tray, of), _place(asked, tray))
    data, _ = figure_as(picture.figure, ending, sheet_of(columns=int(columns)), picture.caption)
    told = base64.b64encode(data).decode()
    return {"name": f"nmviz-{name}.{ending}", "type": TYPES[ending], "base64": told}


def _named(asked: Address, tray: Tray, of: str) -> Sequence[Named]:
    if of == "pair" and tray.pair:
        return [whole(one) for one in tray.pair]
    weights, activations = asked.view.experiments()
    return {"both": [weights, activations], "weight": [weights], "activation": [activations]}.get(
        of, []
    )


def _place(asked: Address, tray: Tray) -> Place:
    look, prompt = asked.view.look, asked.view.writing.prompt
    block, projection = tray.at or layer_of(asked.view) or (0, "")
    return Place(
        block=block,
        projection=projection,
        prompt=prompt,
        first_row=look.first_row,
        rows=look.rows,
        first_entry=look.first_column,
        entries=look.columns,
    )
