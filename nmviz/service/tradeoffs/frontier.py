"""Quality against cost: a point an experiment, which of them nothing beats, which are tied."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cache
from math import isfinite
from typing import Any

from nmviz.core.comparing.pins import pin_of
from nmviz.core.depth import left_out
from nmviz.core.experiment import Experiment
from nmviz.core.results import Result
from nmviz.core.settings import BLOCKS
from nmviz.hardware.facts import shipped
from nmviz.published.listing import Row, Selection
from nmviz.published.listing.row import OWN_SOURCE
from nmviz.service.listing import explore
from nmviz.service.published import published
from nmviz.service.runs import store
from nmviz.service.tradeoffs.axes import QUALITIES, Asked, Quality
from nmviz.service.tradeoffs.point import BY_DEFINITION, Point, is_tied
from nmviz.service.tradeoffs.shares import share


def points(asked: Asked) -> tuple[Point, ...]:
    """Every experiment with that quality and that cost, those of the frontier said. UserError for
    a choice that there is not."""
    asked.check()
    quality = QUALITIES[asked.quality]
    rows = _published(asked) if quality.origin == "published" else _measured(asked)
    found = [one for one in rows if isfinite(one.value) and _wanted(one, asked)]
    if quality.by_definition:
        found += [_as_it_is(one, asked) for one in {one.model: one for one in found}.values()]
    return tuple(frontiers(found, quality))


def _wanted(one: Point, asked: Asked) -> bool:
    """Whether its methods are chosen; the dense model has none, nor one without some blocks."""
    made = one.experiment
    baseline = one.target in ("dense", BLOCKS)
    return baseline or asked.has(made.criterion, made.mitigations)


def _as_it_is(one: Point, asked: Asked) -> Point:
    """The dense model, which loses nothing by definition."""
    dense = Experiment.build(model=one.model, pattern="dense")
    spent = share(dense, asked)
    cost, low = (100.0, 100.0) if spent is None else (spent.value, spent.low)
    return replace(
        one,
        experiment=dense,
        method="dense",
        value=0.0,
        error=None,
        no_error="",
        cost=cost,
        low=low,
        high=cost,
        marked="",
        source=BY_DEFINITION,
        place="",
        run=None,
    )


def frontiers(found: Sequence[Point], quality: Quality) -> Iterator[Point]:
    """The same points, each model with its own frontier: nothing that costs no more is better.

    A point is tied where no point of the frontier that costs no more can be told to be better
    (`is_tied`).
    """
    for model in dict.fromkeys(one.model for one in found):
        own = sorted(
            (one for one in found if one.model == model), key=lambda one: (one.cost, one.value)
        )
        loss = {id(one): -one.value if quality.higher else one.value for one in own}
        best: list[Point] = []
        for one in sorted(own, key=lambda one: (one.cost, loss[id(one)])):
            if not best or loss[id(one)] < loss[id(best[-1])]:
                best.append(one)
        on = {id(one) for one in best}
        for one in own:
            below = [other for other in best if other.cost <= one.cost]
            rival = below[-1] if below else one
            tied = id(one) not in on and is_tied(one, rival, quality)
            yield replace(one, on_frontier=id(one) in on, tied=rival.name if tied else "")


def _published(asked: Asked) -> Iterator[Point]:
    """What is printed, as Published lists it: the paper's rows and the logs; of all patterns, so
    that rows are worked out once whatever is chosen of them."""
    chosen = Selection(
        models=tuple(_large()),
        metric=QUALITIES[asked.quality].metric,  # type: ignore[arg-type]
        tasks=Selection().tasks if asked.quality == "drop" else (),
    )
    for row in _once(_chosen(explore(chosen), asked)):
        cost = share(row.experiment, asked)
        if row.value is not None and cost is not None:
            yield Point(
                model=row.experiment.model,
                title=shipped()[row.experiment.model].title,
                experiment=row.experiment,
                method=row.method,
                value=row.value,
                error=row.stderr,
                cost=cost.value,
                low=cost.low,
                high=cost.high,
                source=row.source,
                place=row.where,
                marked=row.marked,
                pin=row.pin,
            )


def _chosen(rows: Sequence[Row], asked: Asked) -> list[Row]:
    """Those of the models and patterns, and the dense rows beside them."""
    of_models = [one for one in rows if not asked.models or one.experiment.model in asked.models]
    if not asked.patterns:
        return of_models
    kept = {id(one) for one in of_models if one.pattern in asked.patterns}
    tables = {(one.place, one.printed_model) for one in of_models if id(one) in kept}
    beside = (one for one in of_models if one.is_dense)
    kept |= {id(one) for one in beside if (one.place, one.printed_model) in tables}
    return [one for one in of_models if id(one) in kept]


def _once(rows: Sequence[Row]) -> Iterator[Row]:
    """One row an experiment, the first: a number that several tables print is one point."""
    seen: set[tuple[str, str]] = set()
    for row in rows:
        key = (row.key, row.method)
        if key not in seen and row.experiment.model in shipped():
            seen.add(key)
            yield row


@cache
def _large() -> list[str]:
    return [name for name in shipped() if name in {r.experiment.model for r in published().results}]


def _measured(asked: Asked) -> Iterator[Point]:
    """Runs in the store of whole models that have that figure, on the text that most of them were
    measured on, whatever the patterns that are chosen: numbers of other texts are not to be
    compared."""
    wanted = [one for one in _whole(asked) if one.get(QUALITIES[asked.quality].metric)]
    for model in dict.fromkeys(one.experiment.model for one in wanted):
        own = [one for one in wanted if one.experiment.model == model]
        texts = Counter(_text(one.experiment) for one in own)
        most = texts.most_common(1)[0][0]
        newest = {one.key: one for one in own if _text(one.experiment) == most}
        for one in newest.values():
            if _has_pattern(one, asked):
                yield from _of_run(one, asked)


def lacking(asked: Asked) -> int:
    """How many experiments of the choice are left out because their newest run did not look at
    single tokens, where the quality is of those."""
    if not QUALITIES[asked.quality].of_tokens:
        return 0
    newest = {one.key: one for one in _whole(asked) if _has_pattern(one, asked)}
    chosen = (one.experiment for one in newest.values() if one.lacks_tails)
    return sum(asked.has(one.criterion, one.mitigations) for one in chosen)


def _has_pattern(one: Result, asked: Asked) -> bool:
    return not asked.patterns or one.experiment.pattern in (*asked.patterns, "dense")


def _whole(asked: Asked) -> list[Result]:
    return [
        one
        for one in store().own_runs()
        if one.experiment.model in shipped()
        and not one.experiment.tasks
        and not one.partial
        and one.experiment.blocks is None
        and (not asked.models or one.experiment.model in asked.models)
    ]


def _text(one: Experiment) -> tuple[Any, ...]:
    return one.corpus, one.tokens, one.window, one.protocol


def _of_run(result: Result, asked: Asked) -> Iterator[Point]:
    cost = share(result.experiment, asked, left_out(result.provenance.settings))
    one = result.get(QUALITIES[asked.quality].metric)
    if one is None or cost is None:
        return
    yield Point(
        model=result.experiment.model,
        title=shipped()[result.experiment.model].title,
        experiment=result.experiment,
        method=published().names.of_method(result.experiment),
        value=one.value,
        error=one.stderr,
        no_error=one.no_stderr or "",
        cost=cost.value,
        low=cost.low,
        high=cost.high,
        source=OWN_SOURCE,
        place=f"{result.experiment.corpus}, {result.experiment.tokens:,} tokens",
        run=result,
        pin=pin_of(result),
    )
