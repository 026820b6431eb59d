"""From the settings of the tab to what it shows. Plain functions; nothing is kept of a visitor."""

import json
from typing import Any

from nmviz.base.errors import UserError
from nmviz.hardware.accelerators import accelerator
from nmviz.hardware.facts import shipped
from nmviz.hardware.known import MEANING, Knowledge
from nmviz.hardware.metadata import GATHER_SOURCE, NVIDIA, NVIDIA_SOURCE, bits, multiplexer_inputs
from nmviz.hardware.pruning import Pruning
from nmviz.hardware.work import Work
from nmviz.methods.patterns import LARGEST_GROUP, parse_pattern
from nmviz.published.speeds.measured import PHASES
from nmviz.published.speeds.nearest import RULE, Near, nearest, sentence
from nmviz.published.speeds.nearest import Asked as Question
from nmviz.service.tradeoffs import figures
from nmviz.service.tradeoffs.axes import COSTS, QUALITIES, Asked
from nmviz.service.tradeoffs.cost import Cost, cost, speeds
from nmviz.service.tradeoffs.export import FORMATS
from nmviz.service.tradeoffs.frontier import MEASURED_HERE, Point, points
from nmviz.ui.shell.failures import sentence as failure
from nmviz.ui.shell.figures import drawn
from nmviz.ui.shell.html import esc, note, table
from nmviz.views.shared.theme import Figure, title_of
from nmviz.views.tradeoffs.known import marked
from nmviz.views.tradeoffs.metadata import metadata_figure

Fact = tuple[str, str, Knowledge, str]
"""What it is, its value, how it is known, from where."""
MOST_ROWS = 120
MOST_TOKENS = 10**7


def known_words() -> str:
    """What the five words and marks mean."""
    each = "; ".join(f"{marked(one)}: {said}" for one, said in MEANING.items())
    return f'<p class="words">{esc(each)}.</p>'


def faster(
    machine: Any, dtype: Any, model: Any, phase: Any, target: Any, pattern: Any, tokens: Any
) -> tuple[str, Any]:
    """The answer, the bound beside it, and everything measured of that kind."""
    try:
        asked = _question(
            str(machine), str(dtype), str(model), str(phase), str(target), str(pattern), tokens
        )
        near = nearest(speeds().rows, asked, speeds().doubts)
        figure = figures.draw_speed_map(
            asked.machine, asked.dtype, asked.phase, asked.target, asked.pattern, asked.tokens
        )
        said = _answer(near, asked) + _bound(asked, str(model)) + _caption(figure)
        return said, drawn(figure, "nmviz-speed-map")
    except Exception as error:
        return note(failure(error), "error"), None


def _question(
    machine: str, dtype: str, model: str, phase: str, target: str, pattern: str, tokens: Any
) -> Question:
    accelerator(machine)
    known = next((one for one in PHASES if one == phase), None)
    if model not in shipped() or known is None or target not in ("weight", "activation"):
        raise UserError("Choose a model, a phase and a target that the tab lists.")
    if isinstance(tokens, bool) or not isinstance(tokens, int | float) or tokens != int(tokens):
        raise UserError("Tokens are a whole number above 0.")
    if not 1 <= tokens <= MOST_TOKENS:
        raise UserError(f"Tokens are from 1 to {MOST_TOKENS:,}; given: {int(tokens):,}.")
    Work(dtype=dtype)
    mask = parse_pattern(pattern)
    return Question(machine, dtype, known, target, str(mask), int(tokens), *shipped()[model].widths)


def _answer(near: Near | None, asked: Question) -> str:
    known = "" if near is None else f" ({marked('published')})"
    source = ""
    if near is not None:
        one = near.measured
        source = f'<p class="words">{esc(f"{one.source}; {one.place}.")}</p>'
    rule = (
        '<details class="claim-rule"><summary>The rule behind the answer</summary>'
        f"<p>{esc(RULE)}</p></details>"
    )
    return f'<p class="answer">{esc(sentence(near, asked) + known)}</p>{source}{rule}'


def _bound(asked: Question, model: str) -> str:
    """What the roofline allows for the same, where it is a whole phase."""
    if asked.phase not in ("prefill", "decode"):
        return ""
    mask = parse_pattern(asked.pattern)
    pruning = Pruning.of(asked.target, mask)
    batch = asked.tokens if asked.phase == "decode" else 1
    tokens = asked.tokens if asked.phase == "prefill" else 2048
    work = Work(asked.phase, tokens, 2048, batch, asked.dtype)
    found = cost(shipped()[model], pruning, work, accelerator(asked.machine))
    return "".join(f'<p class="words">{esc(line)}</p>' for line in _bound_words(found))


def _bound_words(found: Cost) -> list[str]:
    dense, bound = found.dense.seconds, found.bound.seconds
    if dense is None or bound is None:
        return [f"The sheet of {found.machine.title} does not say enough for a bound."]
    by = f", bound by {found.bound.limit}" if found.bound.limit else ""
    words = f"By the roofline at most {dense / bound:.2f} times dense{by} ({marked('bounded')})."
    if found.hypothetical is None or not found.hypothetical.seconds:
        return [words]
    units = dense / found.hypothetical.seconds
    return [
        words,
        f"With units for {found.pruning.pattern}, which {found.machine.title} does not have: at "
        f"most {units:.2f} times ({marked('hypothetical')}).",
    ]


def frontier(
    quality: Any, cost: Any, models: Any, patterns: Any, methods: Any, machine: Any, dtype: Any
) -> tuple[str, Any, str]:
    """The sentence, the figure and its rows."""
    try:
        asked = asked_of(quality, cost, models, patterns, methods, machine, dtype)
        found = points(asked)
        figure = figures.frontier_of(found, asked)
        about = f"{COSTS[asked.cost].about}. Lines join what nothing that costs no more beats."
        said = _caption(figure) + f'<p class="words">{esc(about[0].upper() + about[1:])}</p>'
        return said, drawn(figure, "nmviz-frontier"), rows(found, asked)
    except Exception as error:
        return note(failure(error), "error"), None, ""


def asked_of(
    quality: Any, cost: Any, models: Any, patterns: Any, methods: Any, machine: Any, dtype: Any
) -> Asked:
    """The choice of the second part. UserError for what it does not list."""
    asked = Asked(
        quality=str(quality),
        cost=str(cost),
        models=_some(models),
        patterns=_some(patterns),
        methods=_some(methods),
        machine=str(machine),
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
    heads = [
        "experiment",
        f"{quality.title} ({marked(quality.origin)})",
        "±",
        f"{costing.title} ({marked(costing.known)})",
        "frontier",
        "source",
        "the audit says",
    ]
    cells = [_row(one) for one in first[:MOST_ROWS]]
    cut = f", the first {MOST_ROWS} here" if len(first) > MOST_ROWS else ""
    said = f"{len(first)} experiments{cut}"
    return f"<details><summary>{esc(said)}</summary>{table(said, heads, cells)}</details>"


def _row(one: Point) -> list[str]:
    stands = "on it" if one.on_frontier else f"tied with {one.tied}" * bool(one.tied)
    link = f'<a href="?{esc(_query(one))}" data-key="{esc(one.experiment.key)}">{esc(one.name)}</a>'
    return [
        link,
        f"{one.value:.4g}",
        "&ndash;" if one.error is None else f"{one.error:.2g}",
        f"{one.cost:.4g}",
        esc(stands) or "&ndash;",
        esc(f"{one.source}, {one.place}".strip(", ")),
        esc(one.marked) or "&ndash;",
    ]


def _query(one: Point) -> str:
    """The address of an experiment: of a published one what Explore has of it."""
    if one.source == MEASURED_HERE:
        return one.experiment.to_query()
    pattern = "" if one.target == "dense" else f"&pattern={one.pattern.replace('%', '%25')}"
    return f"model={one.model}{pattern}"


def exported(name: str, *values: Any) -> str:
    """The rows as a file for the page's script: name, type and text, or what failed."""
    try:
        asked = asked_of(*values)
        ending, kind, write = FORMATS[name]
        text = write([one.to_json(asked) for one in points(asked)])
        return json.dumps({"name": f"nmviz-frontier.{ending}", "type": kind, "text": text})
    except Exception as error:
        return json.dumps({"failed": failure(error)})


def pattern_of(keep: Any, group: Any) -> tuple[str, Any]:
    """Everything about one N:M, and the metadata of the usual ones beside it."""
    try:
        if not isinstance(keep, int | float) or not isinstance(group, int | float):
            raise UserError("N and M are whole numbers.")
        if not 1 <= group <= LARGEST_GROUP:
            raise UserError(f"M is from 1 to {LARGEST_GROUP:,}.")
        one = bits(f"{int(keep)}:{int(group)}")
        figure = metadata_figure(one.name)
        return _pattern_table(one.name) + _caption(figure), drawn(figure, "nmviz-metadata")
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
                ("code of whole bits a block", one.whole),
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
        ("multiplexer inputs to gather a block, N M", f"{inputs:,}", "counted", GATHER_SOURCE),
        *_qualities(name),
    ]
    cells = [
        [esc(title), esc(value), _known(known), esc(source) or "&ndash;"]
        for title, value, known, source in facts
    ]
    return table(
        f"{name}: what it costs and what it loses", ["", "value", "known", "source"], cells
    )


def _known(known: Knowledge) -> str:
    return f'<span class="known">{esc(marked(known))}</span>'


def _qualities(name: str) -> list[Fact]:
    """The least that is lost at that pattern, by model and target, published and measured."""
    found: list[Fact] = []
    for quality in ("drop", "delta_nll"):
        every = points(Asked(quality=quality, cost="metadata"))
        for target in ("activation", "weight"):
            own = [one for one in every if one.target == target and one.pattern == name]
            for model in dict.fromkeys(one.model for one in own):
                best = min((one for one in own if one.model == model), key=lambda one: one.value)
                error = "" if best.error is None else f" ± {best.error:.2g}"
                said = f"{QUALITIES[quality].title}, least: {best.name}"
                source = f"{best.source}, {best.place}"
                found.append((said, f"{best.value:.3g}{error}", QUALITIES[quality].origin, source))
    return found


def _caption(figure: Figure) -> str:
    said = title_of(figure)
    return f'<p class="words">{esc(said)}.</p>' if said else ""
