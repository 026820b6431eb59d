"""The figures of the trade-offs by name, each of what is chosen, or of the usual choice."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from html import escape

from nmviz.base.errors import UserError
from nmviz.base.wording import listed
from nmviz.core.results import Result
from nmviz.hardware.accelerators import accelerator
from nmviz.hardware.facts import shipped
from nmviz.hardware.pruning import Pruning
from nmviz.hardware.work import BITS, Work
from nmviz.methods.patterns import parse_pattern
from nmviz.published.speeds.measured import PHASES
from nmviz.service.tradeoffs.axes import COSTS, QUALITIES, Asked, Quality
from nmviz.service.tradeoffs.cost import Cost, cost, speeds
from nmviz.service.tradeoffs.frontier import lacking, points
from nmviz.service.tradeoffs.point import Point
from nmviz.service.tradeoffs.together import draw_together
from nmviz.store.speeds import Speeds
from nmviz.views.shared.floors import FLOORED, no_floor, noise_of
from nmviz.views.shared.theme import Figure
from nmviz.views.tradeoffs.frontier import Axes, Dot, frontier_figure
from nmviz.views.tradeoffs.known import marked
from nmviz.views.tradeoffs.metadata import metadata_figure
from nmviz.views.tradeoffs.roofline import OnRoof, roofline_figure
from nmviz.views.tradeoffs.speed_map import speed_map

USUAL_MODEL, USUAL_MACHINE = "llama2-7b", "h100"
USUAL_FRONTIER = Asked(models=("llama3.1-8b",))
WORKS = {
    "prefill of 2,048 tokens": Work("prefill", tokens=2048),
    "decoding, one text": Work("decode", context=2048),
    "decoding, 64 texts": Work("decode", context=2048, batch=64),
}
MOST_NAMED = 3


@dataclass(frozen=True)
class TradeoffFigure:
    """A figure of the usual choice: `nmviz figure NAME`."""

    name: str
    title: str
    draw: Callable[[], Figure]


def measured_of(machine: str, dtype: str, phase: str, target: str, pattern: str) -> Speeds:
    """The ratios of one line of questions, every shape and number of tokens. UserError for what
    there is not."""
    accelerator(machine)
    if phase not in PHASES or dtype not in BITS:
        raise UserError("Choose a phase and a data type that are listed.")
    mask = str(parse_pattern(pattern))
    return speeds(machine=machine, dtype=dtype, phase=phase, target=target, pattern=mask)


def draw_speed_map(
    machine: str = USUAL_MACHINE,
    dtype: str = "fp8",
    phase: str = "prefill",
    target: str = "weight",
    pattern: str = "2:4",
) -> Figure:
    """What was measured, over tokens."""
    found = measured_of(machine, dtype, phase, target, pattern)
    return speed_map(found.rows, found.doubts)


def draw_roofline(
    machine: str = USUAL_MACHINE,
    model: str = USUAL_MODEL,
    dtype: str = "bf16",
    pattern: str = "2:4",
) -> Figure:
    """A model on a machine, dense and pruned, at three kinds of work."""
    one, decoder = accelerator(machine), shipped()[model]
    mask = parse_pattern(pattern)
    found = []
    for words, work in WORKS.items():
        work = Work(work.phase, work.tokens, work.context, work.batch, dtype)
        for target in ("dense", "weight", "activation"):
            pruning = Pruning.of(target, mask)
            priced = cost(decoder, pruning, work, one)
            found += _on_roof(words, target, str(mask), priced)
    return roofline_figure(one, dtype, found)


def _on_roof(words: str, target: str, pattern: str, priced: Cost) -> list[OnRoof]:
    if priced.bound.seconds is None:
        return []
    operations = 2 * priced.counts.multiply_adds(dense=True)
    return [
        OnRoof(
            name=words,
            series=target if target == "dense" else f"{target}s {pattern}",
            target=target,
            intensity=operations / priced.counts.bytes().total,
            rate=operations / priced.bound.seconds / 1e12,
            known="bounded",
        )
    ]


def draw_frontier(asked: Asked = USUAL_FRONTIER) -> Figure:
    """Quality against cost."""
    return frontier_of(points(asked), asked)


def frontier_of(found: tuple[Point, ...], asked: Asked) -> Figure:
    """The same of points that are at hand."""
    quality, costing = QUALITIES[asked.quality], COSTS[asked.cost]
    axes = Axes(
        cost=costing.title,
        cost_known=costing.known,
        quality=quality.title,
        quality_known=quality.origin,
        higher=quality.higher,
        log=quality.metric == "perplexity",
        floor=noise_of(_runs(found), quality.metric),
    )
    dots = [_dot(one, asked) for one in found]
    return frontier_figure(dots, axes, frontier_sentence(found))


def frontier_sentence(found: tuple[Point, ...]) -> str:
    """Which patterns nothing beats, and how many points cannot be told from them."""
    if not found:
        return ""
    best = [one for one in found if one.on_frontier and one.target != "dense"]
    tied = sum(bool(one.tied) for one in found)
    names = listed(one.short for one in best[:MOST_NAMED])
    more = f" and {len(best) - MOST_NAMED} more" if len(best) > MOST_NAMED else ""
    ties = f"; {tied} cannot be told from one of them" if tied else ""
    return (
        f"Nothing that costs no more is better than {names}{more}: {len(best)} of {len(found)} "
        f"points are on the frontier of their model{ties}"
    )


def without_tails(asked: Asked) -> str:
    """How many runs are left out because they lack what single tokens do; empty without one."""
    count = lacking(asked)
    if not count:
        return ""
    were = "run was" if count == 1 else "runs were"
    them = "it" if count == 1 else "them"
    return (
        f"{count} {were} made before single tokens were looked at and left out: "
        f"nmviz run --rerun measures {them} again."
    )


def without_floor(found: Sequence[Point], quality: Quality) -> str:
    """That runs have no noise floor, or how many of them, where one would count."""
    return no_floor(_runs(found)) if quality.metric in FLOORED else ""


def _runs(found: Sequence[Point]) -> list[Result]:
    """Those of the points that were pruned and measured here."""
    return [one.run for one in found if one.run is not None and one.target != "dense"]


def _reach(one: Point) -> str:
    """From where to where its cost lies, where it is a range."""
    if one.low is None or one.high is None or one.low == one.high:
        return ""
    return f", from {one.low:.4g} to {one.high:.4g}"


def _dot(one: Point, asked: Asked) -> Dot:
    quality, costing = QUALITIES[asked.quality], COSTS[asked.cost]
    error = "" if one.error is None else f" ± {one.error:.2g}"
    error += f", no standard error: {one.no_error}" if one.no_error else ""
    stands = "on the frontier" if one.on_frontier else f"tied with {one.tied}" * bool(one.tied)
    lines = [
        one.name,
        f"{quality.title}: {one.value:.4g}{error} ({marked(quality.origin)})",
        f"{costing.title}: {one.cost:.4g}{_reach(one)} ({marked(costing.known)})",
        f"{one.source}, {one.place}".strip(", "),
        stands,
        f"marked: {one.marked}" * bool(one.marked),
    ]
    return Dot(
        model=one.title,
        target=one.target,  # type: ignore[arg-type]
        pattern=one.pattern,
        cost=one.cost,
        low=one.low,
        high=one.high,
        value=one.value,
        error=one.error,
        on_frontier=one.on_frontier,
        tied=bool(one.tied),
        marked=bool(one.marked),
        text="<br>".join(escape(line) for line in lines if line),
        query=one.query,
    )


@cache
def figures() -> Mapping[str, TradeoffFigure]:
    """Every figure by its name."""
    every = (
        TradeoffFigure(
            "frontier", "Accuracy lost against bytes a token, Llama 3.1 8B", draw_frontier
        ),
        TradeoffFigure("roofline", "Llama 2 7B on the roofline of an H100", draw_roofline),
        TradeoffFigure("speed-map", "2:4 weights on an H100 in FP8, as measured", draw_speed_map),
        TradeoffFigure(
            "together", "Weight columns that several tokens need together", draw_together
        ),
        TradeoffFigure("metadata", "Bits to say which entries are kept", metadata_figure),
    )
    return {one.name: one for one in every}
