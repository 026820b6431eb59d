"""From the settings of the published tab to what it shows. Nothing is kept between visitors."""

import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import lru_cache
from typing import Any

from gradio.components.plot import PlotData

from nmviz.base.errors import UserError
from nmviz.published import LARGE_MODELS
from nmviz.published.listing import MEASURES, ORDERS, Row, Selection, to_csv, to_json, to_latex
from nmviz.service.listing import explore, remarks, to_choose
from nmviz.ui.published import imports
from nmviz.ui.published import words as words
from nmviz.ui.shell.failures import sentence
from nmviz.ui.shell.figures import drawn
from nmviz.ui.shell.freshness import stamp
from nmviz.ui.shell.html import note
from nmviz.views.published.catalogue import FIGURES, KINDS, MOST_DRAWN, PaperFigure
from nmviz.views.shared.theme import title_of

Update = dict[str, Any]

FIELDS = (
    *("kind", "metric", "patterns", "models", "methods", "tasks", "each_task"),
    *("sources", "places", "live", "words", "order", "imported"),
)
"""The settings, in the order in which a handler gets them."""
OUTPUTS = ("head", "plot", "count", "table", "findings")
STANDING = ("audit", "names", "imports")
"""What does not depend on the settings."""
DEFAULT = Selection(
    models=tuple(LARGE_MODELS), patterns=("2:4", "8:16", "50%"), methods=("ACT", "WT")
)
DEFAULT_KIND = "pairs"
LONGEST_FILTER = 200
TOO_MANY = (
    f"The figure draws the first {MOST_DRAWN} of {{all}} rows, the table has all: choose fewer "
    "models, methods, patterns or tasks to see the rest."
)
FORMATS: Mapping[str, tuple[str, str, Callable[..., str]]] = {
    "CSV": ("csv", "text/csv", to_csv),
    "JSON": ("json", "application/json", to_json),
    "LaTeX": ("tex", "application/x-tex", to_latex),
}


def selection_of(values: Sequence[Any]) -> tuple[str, Selection]:
    """The kind of figure and the selection. UserError for what the tab does not offer."""
    given = dict(zip(FIELDS, values, strict=True))
    kind = str(given["kind"])
    offered = to_choose()
    known = (KINDS, kind), (MEASURES, given["metric"]), (ORDERS, given["order"])
    if not all(one in offers for offers, one in known):
        raise UserError("Choose a figure, a quantity and an order that the tab lists.")
    if len(str(given["words"] or "")) > LONGEST_FILTER:
        raise UserError(f"The words that rows must have are at most {LONGEST_FILTER} characters.")
    chosen = Selection(
        models=_some(given["models"], offered.models),
        patterns=_some(given["patterns"], offered.patterns),
        methods=_some(given["methods"], offered.methods),
        tasks=_some(given["tasks"], offered.tasks),
        metric=given["metric"],
        sources=_some(given["sources"], offered.sources),
        places=_some(given["places"], offered.places),
        each_task=bool(given["each_task"]),
        live=bool(given["live"]),
        words=str(given["words"] or ""),
        order=given["order"],
        imported=bool(given["imported"]),
    )
    return kind, chosen


def values_of(figure: PaperFigure) -> Update:
    """The settings that show a named figure."""
    chosen = figure.selection
    return {
        "kind": figure.kind,
        "metric": chosen.metric,
        "patterns": list(chosen.patterns),
        "models": list(chosen.models),
        "methods": list(chosen.methods),
        "tasks": list(chosen.tasks),
        "each_task": chosen.each_task,
        "sources": list(chosen.sources),
        "places": list(chosen.places),
        "live": chosen.live,
        "words": chosen.words,
        "order": chosen.order,
        "imported": chosen.imported,
    }


def answered(values: Sequence[Any]) -> Update:
    """Everything below the settings."""
    try:
        return answer(*selection_of(values))
    except Exception as error:
        said = note(sentence(error), "error")
        return {"head": said, "plot": None, "count": "", "table": [], "findings": ""}


def standing() -> Update:
    """What does not depend on the settings: the whole audit, names, sources, what was imported."""
    names = words.sources() + words.names()
    return {"audit": words.audit(), "names": names, "imports": imports.listed()}


def own_choice(values: Sequence[Any]) -> Update:
    """The same after a setting was changed by hand: no named figure is shown any more."""
    return {**answered(values), "ready": "", "command": ""}


def answer(kind: str, chosen: Selection) -> Update:
    """Figure, table, count and findings of a selection."""
    found = explore(chosen)
    said, plot = _figure(kind, chosen, tuple(found[:MOST_DRAWN]))
    cut = [TOO_MANY.format(all=f"{len(found):,}")] if len(found) > MOST_DRAWN else []
    return {
        "head": words.head(said, found, [*cut, *remarks(chosen, found)])
        + stamp("published", repr((kind, chosen)), MEASURES[chosen.metric].title.lower()),
        "plot": plot,
        "count": words.counted(found),
        "table": words.cells(found),
        "findings": words.findings(found),
    }


def warm() -> None:
    """Draw every kind of figure once, so that the first click waits for none."""
    with suppress(UserError):  # without the published results there is nothing to draw
        for kind in KINDS:
            answer(kind, DEFAULT)


def ready_made(name: Any) -> Update:
    """The settings of a named figure and the command that writes it."""
    figure = FIGURES.get(str(name))
    if figure is None:
        return {"command": ""}
    command = f"nmviz figure {figure.name} --out {figure.name}.pdf --columns 1"
    said = f'<p class="words">For a column of a paper: <code>{command}</code></p>'
    return {**values_of(figure), "command": said}


def exported(values: Sequence[Any], name: str) -> str:
    """The shown rows as a file for the page's script: name, type and text, or what failed."""
    try:
        drawn_as, chosen = selection_of(values)
        ending, kind, write = FORMATS[name]
        rows = explore(chosen)
        text = write(rows, _caption(drawn_as, chosen, rows)) if ending == "tex" else write(rows)
        return json.dumps({"name": f"nmviz-published.{ending}", "type": kind, "text": text})
    except Exception as error:
        return json.dumps({"failed": sentence(error)})


def _caption(kind: str, chosen: Selection, rows: Sequence[Row]) -> str:
    """What the figure of the rows says, under which a table of them stands as well."""
    said, _ = _figure(kind, chosen, tuple(rows[:MOST_DRAWN]))
    return f"{said}." if said else ""


@lru_cache(maxsize=64)
def _figure(kind: str, chosen: Selection, found: tuple[Row, ...]) -> tuple[str, PlotData]:
    """Drawn once for the same rows; `chosen` names the file."""
    figure = KINDS[kind][1](found)
    return title_of(figure), drawn(figure, f"nmviz-published-{kind}-{chosen.metric}")


def _some(given: Any, offered: Sequence[str] | Mapping[str, str]) -> tuple[str, ...]:
    """What was chosen, in the order in which it is offered."""
    chosen = {str(one) for one in given or ()}
    if chosen - set(offered):
        raise UserError("Choose only what the menus of the tab list.")
    return tuple(one for one in offered if one in chosen)
