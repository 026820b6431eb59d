"""From results to what the panels hold. Plain functions: component name -> value."""

from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field
from typing import Any
from weakref import WeakValueDictionary

from nmviz import service
from nmviz.base.errors import UserError
from nmviz.base.wording import duration
from nmviz.core import protocols
from nmviz.core.provenance import STREAMED
from nmviz.core.results import Column, Progress, Result
from nmviz.core.running import Running
from nmviz.core.settings import TARGETS
from nmviz.core.ties import tie_breaks
from nmviz.ui.explore.panels import tails, which_layer
from nmviz.ui.explore.panels.cards import cards
from nmviz.ui.explore.panels.origin import origin
from nmviz.ui.shell.figures import drawn
from nmviz.ui.shell.freshness import stamp
from nmviz.ui.shell.html import esc, note, quantity, table
from nmviz.ui.shell.limits import check_live, layer_of, model_of
from nmviz.ui.shell.view import View, methods_of
from nmviz.views.explore import sentences
from nmviz.views.explore.best_weights import beside_the_best
from nmviz.views.explore.error_depth import Measure, error_over_depth, line_of
from nmviz.views.shared import numbers
from nmviz.views.shared.floors import no_floor
from nmviz.views.shared.theme import title_of

DEPTH = ("depth_head", "depth_plot", "depth_table", "which_layer")
OUTPUTS = ("status", "cards", *DEPTH, *tails.OUTPUTS)
"""What the results fill."""
_SHOWN: WeakValueDictionary[tuple[str, str | None], Result] = WeakValueDictionary()
"""Results of the store that some page shows, each held once."""


@dataclass(frozen=True)
class Shown:
    """What one visitor's page shows now: the results, and the view they answer."""

    view: View = field(default_factory=View)
    text: str | None = None
    results: Mapping[Column, Result] = field(default_factory=dict)
    stored: bool = False

    def answers(self, view: View, text: str | None) -> bool:
        """Whether nothing has to be measured for that view."""
        whole = self.results and not any(result.partial for result in self.results.values())
        return bool(whole) and self.text == text and self.view.measured_as(view)

    def shared_as(self) -> Hashable | None:
        """What tells it from others; None where a visitor's own run or text is in it."""
        if self.text is not None or (self.results and not self.stored):
            return None
        runs = ((one.experiment.key, one.provenance.started) for one in self.results.values())
        return self.view, tuple(runs)


def identity(view: View, text: str | None) -> str:
    """What cards and error over depth are measured for."""
    return repr((text, view.precision, [one.canonical_json() for one in view.experiments()]))


def find(view: View, text: str | None) -> Shown | None:
    """Both results from the store, or None when one is missing."""
    found = {one.target: service.lookup(one, text, view.precision) for one in view.experiments()}
    results: dict[Column, Result] = {
        target: _same(result) for target, result in found.items() if result is not None
    }
    return Shown(view, text, results, stored=True) if len(results) == len(TARGETS) else None


def _same(result: Result) -> Result:
    """The one that other pages show already, where it is the same."""
    return _SHOWN.setdefault((result.experiment.key, result.provenance.started), result)


def panels(shown: Shown, view: View, measure: Measure, message: str = "") -> dict[str, Any]:
    """Status, cards and the error over depth, for results that answer the view."""
    return {
        "status": status(shown, message),
        "cards": cards(shown.results, shown.view) + _made(shown),
        **depth(shown, view, measure),
        **tails.panel(shown.results, view),
    }


def _made(shown: Shown) -> str:
    """The stamp of what is shown, where something is."""
    if not shown.results:
        return ""
    one = shown.view.experiment
    text = f"{one.tokens:,} tokens of {protocols.text_in_words(one)}"
    words = f"{model_of(shown.view).title}, {methods_of(shown.view)}, {text}"
    return stamp("figures", identity(shown.view, shown.text), words)


def status(shown: Shown, message: str = "") -> str:
    """The finding in a sentence, one line on what is missing, and where the figures are from."""
    if not shown.results:
        return message or note("Nothing is measured here yet: press Run.")
    numbered = any(result.get("perplexity") for result in shown.results.values())
    said, best = _to_come(shown.results), ""
    if numbered:
        said = sentences.headline(shown.results)
        best = beside_the_best(shown.results, service.best_weights(shown.results))
    models = service.catalogue().models
    remark = next((m.note for m in models if m.id == shown.view.experiment.model), "")
    remark += _few_values(shown.results) if remark else ""
    errors = next(filter(None, map(_spread_of, shown.results.values())), "")
    floors = no_floor(list(shown.results.values()))
    headline = f'<p class="headline">{esc(said)}</p>'
    headline += f'<p class="besides">{esc(best)}</p>' if best else ""
    if about := " ".join(filter(None, (errors, floors))):
        headline += f'<p class="remark">{esc(about)}</p>'
    message += _floors_to_come(shown)
    return f"{headline}{message}{origin(shown.results, shown.stored)}" + (
        f'<p class="remark">{esc(remark)}</p>' if remark else ""
    )


def _to_come(results: Mapping[Column, Result]) -> str:
    """When the numbers come, where there are only errors of layers so far."""
    if any(STREAMED in result.provenance.settings for result in results.values()):
        return "The numbers come behind the last block; the errors of layers with each."
    return "The first numbers come with a window."


def _few_values(results: Mapping[Column, Result]) -> str:
    """What stored bits do where ties between weights decide much."""
    ties = tie_breaks(results["weight"]) if "weight" in results else None
    if ties is None or not ties.many:
        return ""
    return " So many of them are equal, and the rule for ties decides much of what magnitude keeps."


def _floors_to_come(shown: Shown) -> str:
    """That a noise floor is asked for and not known yet; nothing while it is being measured."""
    results = shown.results.values()
    known = all(result.floor_of("pruned") for result in results)
    if known or not shown.view.noise_floor or any(result.partial for result in results):
        return ""
    return note("Press Run to measure the noise floor too: what is shown was measured without it.")


def not_run(view: View, text: str | None) -> str:
    """The line beside dimmed figures, which dims them: how long a run takes, or why none can be."""
    how = Running(noise_floor=view.noise_floor)
    try:
        check_live(view, text)
        if said := service.said_beforehand(view.experiments(), how):
            return note(f"Not run yet. {said}", "stale") + _elsewhere(view)
    except UserError as error:
        return fault(str(error)) + _elsewhere(view)
    seconds = service.estimate_seconds(view.experiments(), how)
    takes = f"about {duration(seconds)} here." if seconds else "press Run to measure it."
    return note(f"Not run yet: {takes}", "stale") + _elsewhere(view)


def _elsewhere(view: View) -> str:
    """A link to the same on another text, where the store has that."""
    titles = {corpus.name: corpus.title for corpus in service.catalogue().corpora}
    for text in service.measured_elsewhere(view.experiments()):
        if text["corpus"] in titles:
            there = view.model_copy(update={"experiment": view.experiment.but(**text)})
            said = f"{titles[text['corpus']]}, {text['tokens']:,} tokens"
            return (
                f'<p class="words">It is measured on another text: '
                f'<a href="?{esc(there.to_query())}">{esc(said)}</a></p>'
            )
    return ""


def depth(shown: Shown, view: View, measure: Measure) -> dict[str, Any]:
    """The error over depth with its finding and its table, and the same by layer as a map."""
    results: dict[Column, Result] = {
        target: shown.results[target] for target in TARGETS if target in shown.results
    }
    figure = error_over_depth(results, measure=measure, selected=layer_of(view))
    metric = "drift" if measure == "drift" else "rel_error"
    name = f"nmviz-error-{view.experiment.model}-{view.experiment.pattern}-{measure}"
    return {
        "depth_head": f"<h2>{esc(title_of(figure) or 'Where it hurts')}</h2>"
        f'<p class="words">{quantity(metric)}, over depth. Click a point to look at its layer.</p>',
        "depth_plot": drawn(figure, name),
        "depth_table": _depth_table(results, measure),
        "which_layer": which_layer.html(results, view),
    }


def _depth_table(results: Mapping[Column, Result], measure: Measure) -> str:
    lines = {target: line_of(result, measure) for target, result in results.items()}
    blocks = sorted({block for line in lines.values() for block in line})
    if not blocks:
        return ""
    rows = [
        [_pick(block), *(_cell(lines[target].get(block)) for target in lines)] for block in blocks
    ]
    heads = ["block", *("weights" if target == "weight" else "activations" for target in lines)]
    what = "drift of the hidden state" if measure == "drift" else "median layer error of the block"
    return f"<details><summary>As a table</summary>{table(what, heads, rows)}</details>"


def _pick(block: int) -> str:
    return f'<button type="button" class="pick" data-block="{block}">{block}</button>'


def _cell(value: float | None) -> str:
    return "&ndash;" if value is None else esc(numbers.significant(value))


def fault(message: str) -> str:
    """The line that says what to change; the figures of before stay, dimmed."""
    return note(message, "error stale")


def outdated(shown: Shown) -> str:
    """Said while a run has no numbers yet."""
    if not shown.results:
        return note("Running: the first numbers come after the first windows.")
    return note("Running: the figures below are still those of before.", "stale")


def remark(progress: Progress) -> str:
    """What a run has to say beside its numbers."""
    if progress.stage == "cancelled":
        partial = "what is shown was measured until then and is not kept."
        return note(f"Cancelled: {partial if progress.results else 'nothing was measured yet.'}")
    if progress.from_store:
        return note("These numbers are from the store: nothing had to be measured.")
    return note(progress.note, "warning") if progress.note else ""


def _spread_of(result: Result) -> str:
    """What stands after ± in the numbers of a result; empty where no spread is known."""
    cost = result.get("delta_nll")
    if cost is None or cost.stderr is None or cost.n is None:
        return ""
    parts = numbers.units(cost.unit_of_n) or "parts of the text"
    return f"± is one standard error; n is {cost.n:,} {parts}."
