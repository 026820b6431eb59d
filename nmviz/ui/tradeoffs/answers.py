"""From the settings of the second, fourth and fifth part to what they show. Plain functions;
nothing is kept of a visitor."""

import json
from typing import Any

from nmviz.base.errors import UserError
from nmviz.hardware.known import Knowledge
from nmviz.hardware.metadata import GATHER_SOURCE, NVIDIA, NVIDIA_SOURCE, bits, multiplexer_inputs
from nmviz.methods.patterns import LARGEST_GROUP, parse_pattern
from nmviz.service.tradeoffs import figures
from nmviz.service.tradeoffs.axes import COSTS, QUALITIES, Asked
from nmviz.service.tradeoffs.export import FORMATS
from nmviz.service.tradeoffs.frontier import points
from nmviz.service.tradeoffs.point import FLOOR, Point
from nmviz.ui.shell.failures import sentence as failure
from nmviz.ui.shell.figures import drawn
from nmviz.ui.shell.freshness import stamp
from nmviz.ui.shell.html import esc, hint, note, table
from nmviz.ui.shell.pins import pin
from nmviz.ui.tradeoffs.words import caption
from nmviz.views.shared.numbers import column, significant, with_error
from nmviz.views.tradeoffs.known import marked
from nmviz.views.tradeoffs.metadata import metadata_figure

Fact = tuple[str, str, Knowledge, str]
"""What it is, its value, how it is known, from where."""
MOST_ROWS = 120
NUMBERS = (1, 2, 3)
"""Columns of the rows that are numbers."""
TOGETHER = (
    "Who decodes one token leaves out the columns of what it drops; of several tokens together all "
    "that any of them keeps are read, from eight short texts at every layer."
)


def frontier(*chosen: Any) -> tuple[str, Any, str]:
    """The sentence, the figure and its rows of what `asked_of` is given."""
    try:
        asked = asked_of(*chosen)
        found = points(asked)
        figure = figures.frontier_of(found, asked)
        about = f"{COSTS[asked.cost].about}. Lines join what nothing that costs no more beats."
        left = figures.without_tails(asked), figures.without_floor(found, QUALITIES[asked.quality])
        about = " ".join((about, *filter(None, left)))
        of = f"{QUALITIES[asked.quality].title} against {COSTS[asked.cost].title}"
        said = caption(figure) + f'<p class="words">{esc(about[0].upper() + about[1:])}</p>'
        said += stamp("frontier", repr(asked), of)
        return said, drawn(figure, "nmviz-frontier"), rows(found, asked)
    except Exception as error:
        return note(failure(error), "error"), None, ""


def asked_of(
    quality: Any,
    cost: Any,
    models: Any,
    patterns: Any,
    criteria: Any,
    mitigations: Any,
    machine: Any,
    dtype: Any,
    own: Any,
) -> Asked:
    """The choice of the second part. UserError for what it does not list."""
    asked = Asked(
        quality=str(quality),
        cost=str(cost),
        models=_some(models),
        patterns=_some(patterns),
        criteria=_some(criteria),
        mitigations=_some(mitigations),
        machine=str(machine),
        own=str(own or ""),
        dtype=str(dtype),
    )
    asked.check()
    for one in asked.patterns:
        parse_pattern(one)
    return asked


def _some(chosen: Any) -> tuple[str, ...]:
    return tuple(str(one)[:60] for one in chosen or ())[:60]


def rows(found: tuple[Point, ...], asked: Asked) -> str:
    """The table behind the figure: those of the frontier first. The first cell opens it in Explore,
    as a click on its point does."""
    first = sorted(found, key=lambda one: (not one.on_frontier, not one.tied, one.cost, one.value))
    quality, costing = QUALITIES[asked.quality], COSTS[asked.cost]
    floors = {id(one): one.floor(quality) for one in found}
    known = any(floor is not None for floor in floors.values())
    heads = [
        "experiment",
        f"{quality.title} ({marked(quality.origin)})",
        "±",
        *([FLOOR] if known else []),
        f"{costing.title} ({marked(costing.known)})",
        "frontier",
        "source",
        "the audit says",
    ]
    shown = first[:MOST_ROWS]
    told = column([(one.value, one.error) for one in shown])
    beside = [_floor(floors[id(each)]) for each in shown] if known else []
    cells = [_row(one, *number) for one, number in zip(shown, told, strict=True)]
    for row, floor in zip(cells, beside, strict=False):
        row.insert(len(NUMBERS), floor)
    numbers = (*NUMBERS, *([len(NUMBERS) + 1] if known else []))
    cut = f", the first {MOST_ROWS} here" if len(first) > MOST_ROWS else ""
    said = f"{len(first)} experiments{cut}"
    return f"<details><summary>{esc(said)}</summary>{table(said, heads, cells, numbers)}</details>"


def _floor(known: float | None) -> str:
    return "&ndash;" if known is None else esc(significant(known))


def _row(one: Point, value: str, error: str) -> list[str]:
    stands = "on it" if one.on_frontier else f"tied with {one.tied}" * bool(one.tied)
    named = esc(one.name)
    return [
        (named if one.query is None else f'<a href="?{esc(one.query)}">{named}</a>')
        + (f" {pin(one.pin, of=one.name)}" if one.pin else ""),
        esc(value),
        hint(esc(error), f"No standard error: {one.no_error}.") if one.no_error else esc(error),
        f"{one.cost:,.2f}",
        esc(stands) or "&ndash;",
        esc(f"{one.source}, {one.place}".strip(", ")),
        esc(one.marked) or "&ndash;",
    ]


def exported(name: str, *values: Any) -> str:
    """The rows as a file for the page's script: name, type and text, or what failed."""
    try:
        asked = asked_of(*values)
        ending, kind, write = FORMATS[name]
        text = write([one.to_json(asked) for one in points(asked)])
        return json.dumps({"name": f"nmviz-frontier.{ending}", "type": kind, "text": text})
    except Exception as error:
        return json.dumps({"failed": failure(error)})


def together(model: Any) -> tuple[str, Any]:
    """How many columns several tokens need, as it was measured."""
    try:
        figure = figures.draw_together(str(model)[:200])
        said = caption(figure) + f'<p class="words">{esc(TOGETHER)}</p>'
        said += stamp("together", str(model), str(model)[:60])
        return said, drawn(figure, "nmviz-together")
    except Exception as error:
        return note(failure(error), "error"), None


def pattern_of(keep: Any, group: Any) -> tuple[str, Any]:
    """Everything about one N:M, and the metadata of the usual ones beside it."""
    try:
        if not isinstance(keep, int | float) or not isinstance(group, int | float):
            raise UserError("N and M are whole numbers.")
        if not 1 <= group <= LARGEST_GROUP:
            raise UserError(f"M is from 1 to {LARGEST_GROUP:,}.")
        one = bits(f"{int(keep)}:{int(group)}")
        figure = metadata_figure(one.name)
        said = _pattern_table(one.name) + caption(figure) + stamp("pattern", one.name, one.name)
        return said, drawn(figure, "nmviz-metadata")
    except Exception as error:
        return note(failure(error), "error"), None


def _pattern_table(name: str) -> str:
    one = bits(name)
    count = (
        f"{one.patterns:,}" if one.patterns < 10**15 else f"about 2^{one.entropy * one.group:.1f}"
    )
    inputs = multiplexer_inputs(one.keep, one.group)
    facts: list[Fact] = [
        ("patterns of a block, C(M, N)", count, "counted", ""),
        *(
            (f"metadata, {title}", f"{value:.4g} bit{'s' * (value != 1)} an entry", "counted", "")
            for title, value in (
                ("index of every kept entry", one.index),
                ("bitmap", one.bitmap),
                ("code of whole bits a group", one.whole),
            )
        ),
        ("metadata of NVIDIA's own 2:4", f"{NVIDIA:g} bit an entry", "published", NVIDIA_SOURCE),
        *(
            (
                f"weights or activations stored in 16 bits, {title}",
                f"{100 * one.stored(value):.4g}% of dense",
                "counted",
                "",
            )
            for title, value in (("index", one.index), ("code", one.whole))
        ),
        ("multiplexer inputs to gather a group, N M", f"{inputs:,}", "counted", GATHER_SOURCE),
        *_qualities(name),
    ]
    cells = [
        [esc(title), esc(value), _known(known), esc(source) or "&ndash;"]
        for title, value, known, source in facts
    ]
    return table(
        f"{name}: what it costs and what it loses", ["quantity", "value", "known", "source"], cells
    )


def _known(known: Knowledge) -> str:
    return f'<span class="known">{esc(marked(known))}</span>'


def _qualities(name: str) -> list[Fact]:
    """The least that is lost at that pattern, by model and target, published and measured."""
    found: list[Fact] = []
    for quality in ("drop", "delta_nll"):
        every = points(Asked(quality=quality, cost="metadata", patterns=(name,)))
        for target in ("activation", "weight"):
            own = [one for one in every if one.target == target and one.pattern == name]
            for model in dict.fromkeys(one.model for one in own):
                best = min((one for one in own if one.model == model), key=lambda one: one.value)
                lost = with_error(best.value, best.error)
                said = f"{QUALITIES[quality].title}, least: {best.name}"
                source = f"{best.source}, {best.place}"
                found.append((said, lost, QUALITIES[quality].origin, source))
    return found
