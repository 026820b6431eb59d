"""Single tokens: how far each one's prediction moved, as pictures and as tables."""

from collections.abc import Mapping
from typing import Any

from nmviz.core.metrics import METRICS
from nmviz.core.results import Column, Measurement, Result
from nmviz.core.settings import TARGETS
from nmviz.core.tokenwise.tails import TAILS, Sureness
from nmviz.ui.shell.figures import drawn
from nmviz.ui.shell.html import esc, hint, note, quantity, table
from nmviz.ui.shell.view import View
from nmviz.views.explore.tails import delta_p_of_tokens, kl_of_tokens, why_none
from nmviz.views.shared.numbers import share, with_error
from nmviz.views.shared.theme import NAMES, title_of

OUTPUTS = ("tails_head", "kl_head", "kl_plot", "delta_p_head", "delta_p_plot", "tails_table")
TITLE = "Which words it hurts"

Results = Mapping[Column, Result]


def panel(results: Results, view: View) -> dict[str, Any]:
    """Both pictures and their numbers; why there are none where no result has them."""
    told: dict[Column, Result] = {one: results[one] for one in TARGETS if one in results}
    if not any(one.token_counts for one in told.values()):
        return blank(why_none(told))
    kl, delta_p = kl_of_tokens(told), delta_p_of_tokens(told)
    name = f"{view.experiment.model}-{view.experiment.pattern}"
    return {
        "tails_head": f"<h2>{TITLE}</h2>",
        "kl_head": _words(title_of(kl)),
        "kl_plot": drawn(kl, f"nmviz-kl-of-tokens-{name}"),
        "delta_p_head": _words(title_of(delta_p)),
        "delta_p_plot": drawn(delta_p, f"nmviz-delta-p-of-tokens-{name}"),
        "tails_table": _lacking(told) + _quantiles(told) + _by_confidence(told),
    }


def blank(why: str) -> dict[str, Any]:
    """The panel without a number, and the reason."""
    plots = {"kl_plot": None, "delta_p_plot": None}
    words = {"kl_head": "", "delta_p_head": "", "tails_table": ""}
    return {"tails_head": f"<h2>{TITLE}</h2>{note(why)}", **plots, **words}


def _words(said: str) -> str:
    return f'<p class="words">{esc(said)}.</p>'


def _lacking(results: Results) -> str:
    old = [NAMES[one] for one, result in results.items() if result.lacks_tails]
    why = "was made before single tokens were looked at: run it again to see them."
    return note(f"The result for {old[0]} {why}") if old else ""


def _quantiles(results: Results) -> str:
    rows = [
        [quantity(metric), *(_cell(result.get(metric)) for result in results.values())]
        for metric in TAILS
    ]
    heads = ["over the tokens of the text", *(NAMES[one] for one in results)]
    return _folded("As a table", table("Tails over tokens", heads, rows))


def _cell(told: Measurement | None) -> str:
    """A number with its standard error, or on hover the reason why it has none."""
    if told is None:
        return "&ndash;"
    shown = esc(with_error(told.value, told.stderr))
    return hint(shown, f"No standard error: {told.no_stderr}.") if told.no_stderr else shown


def _by_confidence(results: Results) -> str:
    heads = ["the dense model's likeliest word had", "pruned", "tokens"]
    of_means = ("kl", "delta_p_rms", "top1_agreement")
    heads += ["KL, nats a token", "delta p, root mean square", "same next word"]
    rows = [
        [
            f"{100 * one.low:g} to {100 * one.high:g}%",
            NAMES[target],
            f"{one.n:,}",
            *(_mean(one, name) for name in of_means),
        ]
        for target, result in results.items()
        for one in result.by_confidence
    ]
    return _folded("By how sure the dense model was", table("Means by confidence", heads, rows))


def _mean(row: Sureness, name: str) -> str:
    value, stderr = getattr(row, name), getattr(row, f"{name}_stderr")
    if value is None:
        return "&ndash;"
    shown = share(value, stderr) if METRICS.get(name).unit == "share" else None
    return esc(shown or with_error(value, stderr))


def _folded(summary: str, inside: str) -> str:
    return f"<details><summary>{summary}</summary>{inside}</details>"
