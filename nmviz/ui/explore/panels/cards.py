"""Dense, weights, activations side by side: what each costs, as HTML."""

from collections.abc import Mapping
from math import exp, isfinite, log

from nmviz.core import protocols
from nmviz.core.comparing.pins import dense_pin_of, pin_of
from nmviz.core.experiment import Experiment
from nmviz.core.metrics import METRICS
from nmviz.core.pairing import floor_of
from nmviz.core.results import COLUMNS, Column, Measurement, Result
from nmviz.lessons.glossary import glossary
from nmviz.ui.shell.html import esc, hint, quantity
from nmviz.ui.shell.pins import pin
from nmviz.ui.shell.view import View
from nmviz.views.explore.sentences import how_and_where, tie_note, training_of
from nmviz.views.shared import numbers
from nmviz.views.shared.theme import NAMES

Results = Mapping[Column, Result]

INTERVAL_HELP = glossary()["95% interval"].means
FLOOR_HELP = glossary()["noise floor"].means
FLOOR_FORMULA = "root mean square over 3 draws of the change of the mean NLL"
INTERVAL_FORMULA = "exp(mean NLL ± t(0.975, n - 1) * standard error of the mean NLL)"


def cards(results: Results, view: View) -> str:
    """Three cards, always in the same order; a dash where nothing is measured yet."""
    inner = "".join(_card(column, results, view) for column in COLUMNS)
    return f'<div class="cards">{inner}</div>'


def _card(column: Column, results: Results, view: View) -> str:
    result = _source(column, results)
    shown = result.experiment if result else _experiment(column, view)
    pattern = "" if column == "dense" else f" <span>{esc(shown.pattern)}</span>"
    metric = "dense_perplexity" if column == "dense" else "perplexity"
    level = result.get(metric) if result else None
    body = _level(metric, level, shown) + ("" if column == "dense" else _differences(result))
    words = "nothing dropped"
    if column != "dense":
        words = f"{esc(shown.mask.words)}<br>{esc(how_and_where(shown))}"
    return (
        f'<article class="card {column}" aria-label="{esc(NAMES[column])}">'
        f"<h2>{esc(NAMES[column])}{pattern}{_pin(column, result)}</h2>"
        f'<p class="words">{words}</p>{body}</article>'
    )


def _pin(column: Column, result: Result | None) -> str:
    """What is whole can be pinned; of a visitor's own text nobody else has the words."""
    if result is None or result.partial:
        return ""
    if column == "dense":
        return pin(dense_pin_of(result), of="the dense model")
    return pin(pin_of(result), of=f"{NAMES[column]} {result.experiment.pattern}")


def _experiment(column: Column, view: View) -> Experiment:
    return view.experiment if column == "dense" else view.of(column)


def _source(column: Column, results: Results) -> Result | None:
    """The dense figure is measured on the windows of either side."""
    if column != "dense":
        return results.get(column)
    return next((one for one in results.values() if one.get("dense_perplexity")), None)


def _level(metric: str, level: Measurement | None, of: Experiment) -> str:
    """A perplexity, its interval, and the text and protocol that it depends on."""
    name = f"{quantity(metric, 'perplexity')} <small>lower is better</small>"
    read = f'<p class="protocol">{esc(protocols.text_in_words(of))}</p>'
    if level is None:
        return f'<p class="level"><strong>&ndash;</strong> {name}</p>{read}'
    return (
        f'<p class="level"><strong>{esc(numbers.show(level))}</strong> {name}</p>'
        f'<p class="interval">{_interval(level)}</p>{read}'
    )


def _interval(level: Measurement) -> str:
    reach = level_interval(level)
    if reach is None:
        return "interval not known yet"
    low, high = map(numbers.perplexity, reach)
    counted = f" Here n is {level.n} {numbers.units(level.unit_of_n)}".rstrip() + "."
    return hint(f"{low} to {high} (95%)", INTERVAL_HELP + counted, INTERVAL_FORMULA)


def level_interval(level: Measurement) -> tuple[float, float] | None:
    """The interval of a perplexity: that of its mean NLL, exponentiated, so never below zero."""
    if level.stderr is None or not (isfinite(level.value) and level.value > 0):
        return None
    mean = Measurement(
        metric="nll", value=log(level.value), stderr=level.stderr / level.value, n=level.n
    )
    reach = numbers.interval(mean)
    # Two windows that differ widely reach beyond what a float holds.
    return None if reach is None else (exp(reach[0]), exp(min(reach[1], 700.0)))


def _differences(result: Result | None) -> str:
    rows = [
        ("delta_nll", "cost of pruning", "mean NLL, nats a token"),
        ("top1_agreement", "same next word", "top-1 agreement"),
        ("kl", "predictions moved", "KL, nats a token"),
    ]
    cells = "".join(
        f"<div><dt>{quantity(metric, words)}<small>{term}</small></dt>"
        f"<dd>{_number(result, metric)}</dd></div>"
        for metric, words, term in rows
    )
    return f"<dl>{cells}{_floor(result)}</dl>{_training(result)}{_ties(result)}"


def _floor(result: Result | None) -> str:
    """What rounding alone moves the cost by, where it was measured."""
    floor = floor_of(result) if result else None
    if floor is None:
        return ""
    words = hint(f"rounding alone, {floor.of} model", FLOOR_HELP, FLOOR_FORMULA)
    moved = numbers.significant(floor.delta_nll)
    return f"<div><dt>{words}<small>noise floor, nats a token</small></dt><dd>{moved}</dd></div>"


def _number(result: Result | None, metric: str) -> str:
    measured = result.get(metric) if result else None
    if measured is None:
        return "&ndash;"
    # The unit stands under the name of the row.
    return esc(numbers.show(measured).removesuffix(METRICS.get(metric).unit).rstrip())


def _training(result: Result | None) -> str:
    said = training_of(result) if result else None
    if said is None:
        return ""
    entry = METRICS.get("heldout_loss_after")
    kind = "words" if said.startswith("Training lowered") else "ties"
    return f'<p class="{kind}">{hint(esc(said), entry.help, entry.formula)}</p>'


def _ties(result: Result | None) -> str:
    said = tie_note(result) if result else None
    if said is None:
        return ""
    entry = METRICS.get("tie_share")
    return f'<p class="ties">{hint(esc(said), entry.help, entry.formula)}</p>'
