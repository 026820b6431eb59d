"""Explore for a large model: what is published of it, and why the live panels are empty."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from nmviz import service
from nmviz.core.comparing.pins import pin_of
from nmviz.core.experiment import Experiment
from nmviz.core.metrics import METRICS
from nmviz.core.results import COLUMNS, Column, Result
from nmviz.published import TASKS
from nmviz.published.cells import Cell, cell
from nmviz.published.listing.row import DAGGER
from nmviz.published.protocol import PRINTED
from nmviz.sources import models
from nmviz.ui.explore.panels import tails
from nmviz.ui.explore.panels.render import identity
from nmviz.ui.explore.panels.texts import texts as live_texts
from nmviz.ui.shell.freshness import stamp
from nmviz.ui.shell.html import esc, hint, note
from nmviz.ui.shell.limits import model_of
from nmviz.ui.shell.pins import pin
from nmviz.ui.shell.view import View, methods_of
from nmviz.views.shared.theme import NAMES

DROP = "average_drop"
Quantity = tuple[str, str | None]
ORDER = (DROP, "perplexity", "acc", "acc_norm", "prompt_strict", "prompt_loose")
SHORT = {
    DROP: "average drop",
    "perplexity": "perplexity",
    "acc_norm": "normalised",
    "prompt_strict": "strict",
    "prompt_loose": "loose",
}


def is_large(view: View) -> bool:
    """Whether only published results are known of the view's model."""
    return model_of(view).published


def why(view: View) -> str:
    """Why a panel that needs a live model is empty."""
    return (
        f"This needs a live model. {model_of(view).title} is too large to prune here, and its "
        "layers and texts were not published: choose a small model to see them."
    )


def texts(view: View) -> str:
    """The panel of the three texts; of a model that writes none, why."""
    if is_large(view):
        return note(why(view))
    known = models.stored(view.experiment.model)
    without = str(known.refusal) if known else service.why_no_texts(view.experiment.model)
    return note(without) if without else live_texts(None, view)


def panels(view: View) -> dict[str, Any]:
    """Status and cards from the published numbers; the error over depth says why it is empty."""
    found = {column: _of_column(column, view) for column in COLUMNS}
    return {
        "status": _status(view, found),
        "cards": f'<div class="cards">{"".join(_card(c, view, found[c]) for c in COLUMNS)}</div>'
        + stamp("figures", identity(view, None), methods_of(view)),
        "depth_head": f"<h2>Where it hurts</h2>{note(why(view))}",
        "depth_plot": None,
        "depth_table": "",
        "which_layer": "",
        **tails.blank(why(view)),
    }


def _of_column(column: Column, view: View) -> tuple[Result, ...]:
    if column == "dense":
        return service.of_experiment(view.experiment.but(pattern="dense"))
    return service.of_experiment(view.of(column))


def _status(view: View, found: dict[Column, tuple[Result, ...]]) -> str:
    title, pattern = model_of(view).title, view.experiment.pattern
    columns: tuple[Column, ...] = ("weight", "activation")
    said = [f"{NAMES[one]} {drops}" for one in columns if (drops := _drops(found[one]))]
    if said:
        line = f"{title} at {pattern}, as published: accuracy lost on average, {', '.join(said)}."
    elif found["weight"] or found["activation"]:
        line = f"{title} at {pattern}, as published."
    else:
        line = f"Nothing is published for {title} at {pattern} with these methods."
    headline = f'<p class="headline">{esc(line)}</p>'
    return headline + note(_protocol(), "note") + _elsewhere(view, found)


def _protocol() -> str:
    sources = ", ".join(source.title[:1].lower() + source.title[1:] for source in _sources())
    return (
        f"Printed numbers from {sources}: other models, texts and protocol than the live results "
        "of this page. Hover over a value for its place; a dagger marks what the audit doubts."
    )


def _sources() -> Iterable[Any]:
    return service.published().sources


def _elsewhere(view: View, found: dict[Column, tuple[Result, ...]]) -> str:
    """Where there is something to see, when this choice has nothing."""
    if found["weight"] or found["activation"]:
        return ""
    known = service.published()
    of_model = [r for r in known.results if r.experiment.model == view.experiment.model]
    patterns = dict.fromkeys(r.experiment.pattern for r in of_model if _sparse(r.experiment))
    methods = dict.fromkeys(known.names.of_result(r) for r in of_model if _sparse(r.experiment))
    return note(f"Published are the patterns {', '.join(patterns)} with {', '.join(methods)}.")


def _sparse(experiment: Experiment) -> bool:
    return not experiment.mask.is_dense


def _drops(results: Sequence[Result]) -> str:
    """The printed average drops, `14.61% or 14.31%`; one the audit doubts only where all are."""
    found = [(one, cell(result, DROP)) for result in results if (one := result.get(DROP))]
    marks = service.published().marks
    sound = dict.fromkeys(f"{one.printed}%" for one, place in found if place not in marks)
    doubted = dict.fromkeys(f"{one.printed}%{DAGGER}" for one, _ in found)
    return " or ".join(sound or doubted)


def _card(column: Column, view: View, results: Sequence[Result]) -> str:
    pattern = "" if column == "dense" else f" <span>{esc(view.experiment.pattern)}</span>"
    method = _method(column, view)
    return (
        f'<article class="card {column} published" aria-label="{esc(NAMES[column])}">'
        f"<h2>{esc(NAMES[column])}{pattern}{_pin(column, results)}</h2>"
        f'<p class="words">{esc(method)}</p>{_quantities(results)}</article>'
    )


def _pin(column: Column, results: Sequence[Result]) -> str:
    """Of what several tables print the one that says most."""
    if not results:
        return ""
    fullest = max(results, key=lambda one: len(one.measurements))
    return pin(pin_of(fullest), of=f"{NAMES[column]}, as published")


def _method(column: Column, view: View) -> str:
    if column == "dense":
        return "nothing dropped"
    return service.published().names.of_method(view.of(column))


def _quantities(results: Sequence[Result]) -> str:
    found: dict[Quantity, dict[str, list[Cell]]] = {}
    for result in results:
        for one in result.quantities:
            values = found.setdefault((one.metric, one.task), {})
            place = cell(result, one.metric, one.task)
            values.setdefault(str(one.printed), []).append(place)
    if not found:
        return '<p class="level"><strong>&ndash;</strong> not published</p>'
    cells = "".join(
        f"<div><dt>{_name(*quantity)}</dt><dd>{_values(found[quantity])}</dd></div>"
        for quantity in sorted(found, key=_order)
    )
    return f"<dl>{cells}</dl>"


def _order(quantity: Quantity) -> tuple[int, int]:
    metric, task = quantity
    tasks = list(TASKS)
    return ORDER.index(metric), tasks.index(task) if task in tasks else len(tasks)


def _name(metric: str, task: str | None) -> str:
    entry = METRICS.get(metric)
    words = ", ".join(filter(None, (TASKS.get(task or "", task), SHORT.get(metric))))
    how = f" {PRINTED}" if metric == "perplexity" and not task else ""
    return hint(esc(words or entry.title), f"{entry.title}. {entry.help}{how}", entry.formula)


def _values(printed: Mapping[str, Sequence[Cell]]) -> str:
    return ", ".join(_value(text, places) for text, places in printed.items())


def _value(printed: str, places: Sequence[Cell]) -> str:
    """A printed value; the places that have it and what the audit says of it on hover."""
    marks = service.published().marks
    doubts = dict.fromkeys(doubt for place in places for doubt in marks.get(place, ()))
    said = "; ".join([*map(str, places), *(f"{d.certainty}: {d.title}" for d in doubts)])
    unit = "%" if places[0].metric == DROP else ""
    shown = printed if len(printed) < 8 else f"{float(printed):.4f}"
    return hint(esc(shown + unit) + (DAGGER if doubts else ""), said)
