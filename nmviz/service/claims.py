"""The paper's claims, answered from the store, and their live halves run."""

from collections.abc import Callable, Iterator, Mapping
from functools import cache
from threading import Event

from nmviz.base.errors import Cancelled, UserError
from nmviz.claims import CLAIMS, Answer, Evidence, Live
from nmviz.claims.shared.evidence import bare
from nmviz.core.experiment import Experiment
from nmviz.core.results import Progress, Result
from nmviz.published.speed import Speed, read_speeds
from nmviz.published.speeds.implausible import implausible
from nmviz.published.speeds.measured import Measured, read_measured
from nmviz.service import overlaps_and_times
from nmviz.service.published import baselines, published
from nmviz.service.runs import put, run, store
from nmviz.sources.opening import LOADING
from nmviz.store import OWN
from nmviz.store.database import published_folder

DEFAULT = "smollm2-135m"
SPECIAL: Mapping[str, Callable[[str, Event], overlaps_and_times.Steps]] = {
    "overlap": overlaps_and_times.overlap,
    "timing": overlaps_and_times.timing,
}


def evidence(model: str = DEFAULT) -> Evidence:
    """Everything the claims look at, for one small model. Reads only."""
    known = published()
    return Evidence(
        published=known.results,
        names=known.names,
        marks=known.marks,
        speeds=_speeds(),
        measured=_measured(),
        baselines=baselines(),
        model=model,
        own=_own(model),
    )


def answers(model: str = DEFAULT) -> Mapping[str, Answer]:
    """The answer to every claim by its name, in the paper's order. Reads only."""
    given = evidence(model)
    return {claim.name: claim.answer(given) for claim in CLAIMS.values()}


def answer(name: str, model: str = DEFAULT) -> Answer:
    """The answer to one claim. UserError when there is no such claim."""
    return CLAIMS.get(name).answer(evidence(model))


def run_live(name: str, model: str = DEFAULT, cancel: Event | None = None) -> Iterator[Progress]:
    """Run the live half of a claim: its experiments, from the store where they are, or its special
    measurement. Afterwards `answer` knows. The last stage is "done" or "cancelled". Times are taken
    again, since they are this machine's of this moment.

    UserError when the claim has no live half.
    """
    live = CLAIMS.get(name).live
    stop = cancel or Event()
    if stop.is_set():  # before anything is loaded, which cannot be stopped
        yield Progress("cancelled")
    elif live.special != "timing" and _is_stored(live, model):
        yield Progress("done", from_store=True)
    elif live.special is not None:
        yield from _special(SPECIAL[live.special](model, stop))
    elif live.asked(model):
        yield from run(live.asked(model), cancel=stop)
    else:
        raise UserError(live.words)


def _own(model: str) -> tuple[Result, ...]:
    """The runs of the model that a claim's live half asks for: no others may sway an answer."""
    wanted = {
        one.key: one
        for claim in CLAIMS.values()
        for family in claim.live.families(model)
        for asked in family
        for one in asked.answers
    }
    alike = {  # no more is read than that: what else is stored leaves the answers as they are
        of: sorted({getattr(one, of) for one in wanted.values()}) for of in ("pattern", "criterion")
    }
    found = store().find(sites=False, model=model, source=OWN, **alike)
    newest = {bare(result.experiment).key: result for result in found}  # oldest first
    return tuple(result for key, result in newest.items() if key in wanted)


def _is_stored(live: Live, model: str) -> bool:
    """Whether the store has everything that the live half asks for, on either text."""
    stored = {bare(result.experiment).key for result in _own(model)}
    families = live.families(model)

    def there(asked: Experiment) -> bool:
        return any(one.key in stored for one in asked.answers)

    return any(family and all(map(there, family)) for family in families)


@cache
def _speeds() -> tuple[Speed, ...]:
    folder = published_folder()
    return () if folder is None else read_speeds(folder)


@cache
def _measured() -> tuple[Measured, ...]:
    """From the files, which change with the project alone: of the store all that is stored would
    count as read."""
    folder = published_folder()
    rows = () if folder is None else read_measured(folder)
    doubts = implausible(rows)
    return tuple(one for one in rows if one.key not in doubts)


def measured_specially(name: str, model: str, stop: Event) -> Iterator[Progress]:
    """What evaluates no text, by its name, for whoever asks; stored like a run."""
    yield from _special(SPECIAL[name](model, stop))


def _special(steps: overlaps_and_times.Steps) -> Iterator[Progress]:
    """Measure something that evaluates no text, and store it like a run."""
    yield Progress(LOADING)
    try:
        found = yield from steps
    except Cancelled:
        yield Progress("cancelled")
        return
    yield Progress("done", results=(found,), note=put([found]))
