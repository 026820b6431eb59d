"""The paper's claims, answered from the store, and their live halves run."""

from collections.abc import Generator, Iterator, Mapping
from functools import cache
from threading import Event, Lock
from typing import Any

from nmviz.claims import CLAIMS, Answer, Evidence
from nmviz.claims.evidence import bare
from nmviz.errors import Cancelled, UserError, check_of
from nmviz.experiment import Experiment
from nmviz.published.speed import Speed, read_speeds
from nmviz.results import Progress, Result
from nmviz.service.published import published
from nmviz.service.runs import load, run, store
from nmviz.service.scope import canonical
from nmviz.store.seed import published_folder

DEFAULT = "smollm2-135m"
TIMED_TOKENS = 256
TEXTS = (
    "The ferry leaves at seven. Whoever wants to reach the island before the shops open has to be "
    "on the quay by half past six, with a ticket from the machine and a coat against the wind.",
    "To sort a list by insertion, take the elements one after another and move each to the left "
    "until the one before it is not larger. The work grows with the square of the length.",
    "Dear Ms. Okafor, thank you for your letter of 3 May. We have looked at the meter again and "
    "found that it was read twice. The second bill is void and you will be paid back 41 euros.",
    "Copper conducts electricity about as well as silver and costs a hundredth of it. That is why "
    "wires are made of copper, and why roofs, pipes and statues made of it are sometimes stolen.",
    "def mean(values):\n    total = 0.0\n    for value in values:\n        total += value\n    "
    "return total / len(values)\n\nprint(mean([2, 4, 9]))  # prints 5.0 because the sum is fifteen",
    "Once there was a miller who had three daughters and one mule. In the dry years the wheel "
    "stood still, and the mule was the only one in the house who did not complain about it.",
    "Question: which planet has the shortest day? Answer: Jupiter turns once in less than ten "
    "hours, faster than any other. Question: which has the longest? Answer: Venus, 243 of ours.",
    "Heat the oil, add the onions and let them turn golden on a low flame. Stir in the rice, pour "
    "in the stock a ladle at a time, and take the pan off while the grains still have some bite.",
)
"""For masks and times: eight short texts of different kinds, written for this."""

_extras: dict[str, dict[str, Any]] = {}
_lock = Lock()


def evidence(model: str = DEFAULT) -> Evidence:
    """Everything the claims look at, for one small model. Reads only."""
    known = published()
    return Evidence(
        published=known.results,
        names=known.names,
        marks=known.marks,
        speeds=_speeds(),
        model=model,
        own=_own(model),
        extra=_extra(model),
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
    measurement. Afterwards `answer` knows. The last stage is "done" or "cancelled".

    UserError when the claim has no live half.
    """
    live = CLAIMS.get(name).live
    stop = cancel or Event()
    if stop.is_set():  # before anything is loaded, which cannot be stopped
        yield Progress("cancelled")
    elif live.special == "overlap":
        yield from _special(name, model, stop, _overlap)
    elif live.special == "timing":
        yield from _special(name, model, stop, _timing)
    elif _all_stored(live.experiments(model), model) or _all_stored(live.shipped(model), model):
        yield Progress("done", from_store=True)
    elif live.experiments(model):
        yield from run(live.experiments(model), cancel=stop)
    else:
        raise UserError(live.words)


def _own(model: str) -> tuple[Result, ...]:
    """The runs of the model that a claim's live half asks for: no others may sway an answer."""
    wanted = {
        one.key
        for claim in CLAIMS.values()
        for one in (*claim.live.experiments(model), *claim.live.shipped(model))
    }
    found = store().find(sites=False, model=model, source="nmviz")
    newest = {bare(result.experiment).key: result for result in found}  # in the order of adding
    return tuple(result for key, result in newest.items() if key in wanted)


def _all_stored(experiments: tuple[Experiment, ...], model: str) -> bool:
    """Whether there are experiments, and the store has every one of them."""
    stored = {bare(result.experiment).key for result in _own(model)}
    return bool(experiments) and all(one.key in stored for one in experiments)


@cache
def _speeds() -> tuple[Speed, ...]:
    folder = published_folder()
    return () if folder is None else read_speeds(folder)


def _extra(model: str) -> Mapping[str, Any]:
    with _lock:
        return dict(_extras.get(model, {}))


def _special(name: str, model: str, stop: Event, measure: Any) -> Iterator[Progress]:
    """Measure something that is no run, and keep it as long as the process lives."""
    yield Progress("loading the model")
    special = CLAIMS.get(name).live.special
    try:
        found = yield from measure(model, stop)
    except Cancelled:
        yield Progress("cancelled")
        return
    with _lock:
        _extras.setdefault(model, {})[str(special)] = found
    yield Progress("done", done=100, total=100)


def _overlap(model: str, stop: Event) -> Generator[Progress, None, Any]:
    from nmviz.engine.overlap import measure

    experiment = canonical(Experiment.build(model=model))
    steps = measure(load(model), experiment, TEXTS, check_of(stop))
    return (yield from _reported(steps, "comparing masks", len(TEXTS)))


def _timing(model: str, stop: Event) -> Generator[Progress, None, Any]:
    from nmviz.engine.timing import REPEATS, WARM_UP, measure

    experiment = canonical(Experiment.build(model=model))
    steps = measure(load(model), experiment, " ".join(TEXTS), TIMED_TOKENS, check_of(stop))
    return (yield from _reported(steps, "timing", 3 * (WARM_UP + REPEATS)))


def _reported(steps: Any, stage: str, total: int) -> Generator[Progress, None, Any]:
    """What a measurement returns; what it yields becomes progress in percent."""
    while True:
        try:
            done = next(steps)
        except StopIteration as end:
            return end.value
        yield Progress(f"{stage}, {round(100 * done / total)}%")
