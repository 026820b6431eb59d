"""The table of what blocks or layers cost pruned alone, and the names of the dearest to paste."""

from collections.abc import Iterable, Iterator, Sequence

from nmviz.core.attribution.control import NOISE
from nmviz.core.attribution.parts import By, Part
from nmviz.core.pairing import floor_of
from nmviz.core.results import Measurement, Result
from nmviz.core.settings import Target
from nmviz.ui.shell.html import esc, table
from nmviz.views.explore.attribution import by_target, name_of
from nmviz.views.shared import numbers
from nmviz.views.shared.theme import NAMES

HALF = 0.5
"""The dearest layers that make up this share of all costs are named."""
WHAT = "Cost of pruning one part alone, and of random noise as large, in nats a token"


def attribution_table(results: Sequence[Result], by: By) -> str:
    """A row a part: what it costs on each side, and what noise as large costs; then, of layers, the
    names of the dearest in the model."""
    runs = by_target(results)
    places = sorted({place for of in runs.values() for place in of}, key=lambda place: place[0])
    floors = any(floor_of(run) for of in runs.values() for run in of.values())
    heads = ["part"]
    for target in runs:
        heads += [f"{NAMES[target]} (± one standard error)", "noise as large"]
        heads += [f"noise floor, {NAMES[target]}"] if floors else []
    rows = [
        [
            esc(name_of(place)),
            *(cell for of in runs.values() for cell in _cells(of.get(place), floors)),
        ]
        for place in places
    ]
    shown = f"<details><summary>As a table</summary>{table(WHAT, heads, rows)}</details>"
    names = (_names(target, of.values()) for target, of in runs.items()) if by == "site" else ()
    return shown + "".join(names)


def dearest(parts: Sequence[Part]) -> list[str]:
    """Names of the layers that cost most and make up half of all costs together."""
    costs = [(cost.value, part) for part in parts if (cost := part.get("delta_nll")) is not None]
    ranked = sorted(costs, key=lambda one: -one[0])
    total, reached, names = sum(max(0.0, value) for value, _ in costs), 0.0, list[str]()
    for value, part in ranked:
        if reached >= HALF * total or value <= 0:
            break
        reached += value
        names += part.sites
    return names


def _names(target: Target, runs: Iterable[Result]) -> str:
    names = dearest([Part(run) for run in runs])
    if not names:
        return ""
    said = f"The {len(names)} layers that make up half of all costs of {NAMES[target]}, by name"
    return (
        f"<details><summary>{esc(said)}</summary>"
        f'<p class="words">To leave them out in another tool, paste the list where it takes '
        f"layers to ignore.</p><pre>{esc(chr(10).join(names))}</pre></details>"
    )


def _cells(run: Result | None, floors: bool) -> Iterator[str]:
    for metric in ("delta_nll", NOISE):
        yield cell(None if run is None else run.get(metric))
    if floors:
        yield floor_cell(run)


def floor_cell(run: Result | None) -> str:
    """What rounding alone moves the cost of a run by; a dash where it was not measured."""
    known = None if run is None else floor_of(run)
    return "&ndash;" if known is None else esc(numbers.significant(known.delta_nll))


def cell(cost: Measurement | None) -> str:
    """A cost as a cell of a table has it, without its unit."""
    if cost is None:
        return "&ndash;"
    return esc(numbers.show(cost).removesuffix("nats a token").rstrip())
